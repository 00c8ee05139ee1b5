//! A module as its compiler made it, with names and DWARF, is the plugin's debug file; the
//! component carries the same code without them.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use wasm_encoder::{Module, RawSection};
use wasmparser::{Parser, Payload};

/// Id of custom sections.
const CUSTOM: u8 = 0;

/// Where the debug file of a component lies: `x.debug.wasm` beside `x.wasm`.
pub(crate) fn debug_file(component: &Path) -> PathBuf {
    component.with_extension("debug.wasm")
}

/// Whether a file is named like a debug file, and so is no plugin.
pub(crate) fn is_debug_file(path: &Path) -> bool {
    let stem = path.file_stem().map(Path::new);
    stem.is_some_and(|stem| stem.extension().is_some_and(|e| e == "debug"))
}

/// The module without names and DWARF; its code stays as it is.
///
/// # Errors
/// When it is no module.
pub(super) fn stripped(module: &[u8]) -> Result<Vec<u8>> {
    let mut out = Module::new();
    for payload in Parser::new(0).parse_all(module) {
        let payload = payload.context("the compiler made no WebAssembly module")?;
        if let Payload::CustomSection(section) = &payload
            && (section.name() == "name" || section.name().starts_with(".debug_"))
        {
            continue;
        }
        if let Some((id, range)) = payload.as_section() {
            debug_assert!(id != CUSTOM || matches!(payload, Payload::CustomSection(_)));
            let data = module.get(range).unwrap_or_default();
            out.section(&RawSection { id, data });
        }
    }
    Ok(out.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_and_other_sections_stay() {
        let module = wat::parse_str(
            "(module (@custom \".debug_line\" \"x\") (@custom \"producers\" \"\\00\")
               (func $named (export \"f\") (nop)))",
        )
        .unwrap();
        let bare = stripped(&module).unwrap();
        let customs = |bytes: &[u8]| -> Vec<String> {
            let payloads = Parser::new(0).parse_all(bytes).map(Result::unwrap);
            payloads
                .filter_map(|payload| match payload {
                    Payload::CustomSection(section) => Some(section.name().to_owned()),
                    _ => None,
                })
                .collect()
        };
        let code = |bytes: &[u8]| {
            let mut payloads = Parser::new(0).parse_all(bytes).map(Result::unwrap);
            payloads.find_map(|payload| match payload {
                Payload::CodeSectionStart { range, .. } => Some(bytes[range].to_vec()),
                _ => None,
            })
        };
        assert_eq!(customs(&module).len(), 3);
        assert_eq!(customs(&bare), ["producers"]);
        assert_eq!(code(&bare), code(&module));
        assert!(stripped(b"junk").is_err());
    }

    #[test]
    fn debug_files_are_told_by_their_name() {
        let file = debug_file(Path::new("a/x.wasm"));
        assert_eq!(file, Path::new("a/x.debug.wasm"));
        assert!(is_debug_file(&file));
        assert!(!is_debug_file(Path::new("a/x.wasm")));
        assert!(!is_debug_file(Path::new("a.debug/x.wasm")));
    }
}
