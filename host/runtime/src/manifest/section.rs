//! Where a component carries its manifest.

use std::borrow::Cow;

use wasmparser::{Encoding, Parser, Payload};

use super::ManifestError;

/// The name of the custom section.
pub const SECTION: &str = "palisade:manifest";

/// The largest manifest, in bytes.
pub const MAX_SECTION_BYTES: usize = 256 * 1024;

/// What every WebAssembly file begins with.
const MAGIC: &[u8] = b"\0asm";

/// How deep components may lie within one another; the compiler counts more exactly. Whatever
/// reads components after their manifest may rely on it.
const MAX_DEPTH: u32 = 100;

/// The text of the manifest that a component carries at its top level.
///
/// The component is not compiled and nothing of it runs.
///
/// # Errors
/// When the bytes are not a component, and when the section is absent, repeated, too large or
/// not text. Sections inside nested modules and components do not count.
pub fn extract(component: &[u8]) -> Result<&str, ManifestError> {
    let not_a_component = |e: String| ManifestError::NotAComponent(e);
    if component.is_empty() {
        return Err(not_a_component(
            "the file is empty; build it with `palisade plugin build`".into(),
        ));
    }
    if !component.starts_with(MAGIC) {
        let problem = "it does not begin as WebAssembly does; name a file that `palisade plugin build` \
                       made";
        return Err(not_a_component(problem.into()));
    }
    let damaged = |e: wasmparser::BinaryReaderError| {
        not_a_component(format!(
            "{e}; it was cut off or damaged, or is still being written: build it again with \
             `palisade plugin build`, or copy it again"
        ))
    };
    let mut found: Option<&[u8]> = None;
    let mut count = 0;
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(damaged)? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding != Encoding::Component {
                    return Err(not_a_component(
                        "it is a core module; build the plugin with `palisade plugin build`, which makes a component".into(),
                    ));
                }
                depth += 1;
                if depth > MAX_DEPTH {
                    let problem =
                        format!("it has more than {MAX_DEPTH} levels of components; nest fewer");
                    return Err(not_a_component(problem));
                }
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 1 && section.name() == SECTION => {
                count += 1;
                found = Some(section.data());
            }
            _ => {}
        }
    }
    let data = match (count, found) {
        (1, Some(data)) => data,
        (0, _) | (_, None) => return Err(ManifestError::Missing),
        (n, _) => return Err(ManifestError::Repeated(n)),
    };
    if data.len() > MAX_SECTION_BYTES {
        return Err(ManifestError::Oversized { found: data.len() });
    }
    std::str::from_utf8(data).map_err(|_| ManifestError::NotText)
}

/// The component with `manifest` as its section. The text is not checked.
///
/// # Errors
/// When the bytes are not a component, when it already carries a manifest, and when the
/// manifest is too large.
pub fn embed(component: &[u8], manifest: &str) -> Result<Vec<u8>, ManifestError> {
    use wasm_encoder::Section as _;
    match extract(component) {
        Err(ManifestError::Missing) => {}
        Err(e) => return Err(e),
        Ok(_) => return Err(ManifestError::Repeated(2)),
    }
    if manifest.len() > MAX_SECTION_BYTES {
        return Err(ManifestError::Oversized {
            found: manifest.len(),
        });
    }
    let mut out = component.to_vec();
    wasm_encoder::CustomSection {
        name: Cow::Borrowed(SECTION),
        data: Cow::Borrowed(manifest.as_bytes()),
    }
    .append_to(&mut out);
    Ok(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn empty() -> Vec<u8> {
        wasm_encoder::Component::new().finish()
    }

    fn append(mut component: Vec<u8>, data: &[u8]) -> Vec<u8> {
        use wasm_encoder::Section as _;
        wasm_encoder::CustomSection {
            name: SECTION.into(),
            data: data.into(),
        }
        .append_to(&mut component);
        component
    }

    #[test]
    fn exactly_one_section_is_read_back() {
        let component = embed(&empty(), "[plugin]").unwrap();
        assert_eq!(extract(&component).unwrap(), "[plugin]");
        assert!(matches!(
            embed(&component, "again"),
            Err(ManifestError::Repeated(2))
        ));
        assert!(matches!(
            extract(&append(component, b"more")),
            Err(ManifestError::Repeated(2))
        ));
        assert!(matches!(extract(&empty()), Err(ManifestError::Missing)));
    }

    #[test]
    fn the_largest_section_passes_and_one_byte_more_does_not() {
        let fits = append(empty(), &vec![b' '; MAX_SECTION_BYTES]);
        assert_eq!(extract(&fits).unwrap().len(), MAX_SECTION_BYTES);
        let over = append(empty(), &vec![b' '; MAX_SECTION_BYTES + 1]);
        assert!(matches!(
            extract(&over),
            Err(ManifestError::Oversized { found }) if found == MAX_SECTION_BYTES + 1
        ));
    }

    #[test]
    fn components_lie_a_hundred_deep_and_no_more() {
        let nested = |levels: u32| {
            let mut inner = empty();
            for _ in 1..levels {
                let mut outer = wasm_encoder::Component::new();
                let (id, data) = (4, &inner[..]);
                outer.section(&wasm_encoder::RawSection { id, data });
                inner = outer.finish();
            }
            extract(&append(inner, b"m")).map(str::to_owned)
        };
        assert_eq!(nested(100).unwrap(), "m");
        let error = nested(101).unwrap_err().to_string();
        assert!(error.contains("more than 100 levels"), "{error}");
    }

    #[test]
    fn nested_sections_garbage_and_modules_do_not_count() {
        let inner = append(empty(), b"inner");
        let mut outer = wasm_encoder::Component::new();
        outer.section(&wasm_encoder::RawSection {
            id: 4,
            data: &inner,
        });
        assert!(matches!(
            extract(&outer.finish()),
            Err(ManifestError::Missing)
        ));
        assert!(matches!(
            extract(b"\0asm"),
            Err(ManifestError::NotAComponent(_))
        ));
        assert!(matches!(
            extract(&wasm_encoder::Module::new().finish()),
            Err(ManifestError::NotAComponent(_))
        ));
        assert!(matches!(
            extract(&append(empty(), &[0xff, 0xfe])),
            Err(ManifestError::NotText)
        ));
    }
}
