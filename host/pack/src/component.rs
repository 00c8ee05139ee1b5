//! What a component is, read without running or compiling it.
//!
//! The manifest is read by the runtime's own reader, so that a pack and the host that runs
//! it never see two manifests in one component. Imports are read from the component itself.

use std::collections::BTreeSet;

use palisade_events::Digest;
use palisade_runtime::manifest::{Capability, Manifest, extract};
use wasmparser::{Parser, Payload};

use crate::Origin;

/// The WIT package of plugins.
const PACKAGE: &str = "palisade:plugin/";

/// A plugin of a pack.
#[derive(Debug, Clone)]
pub struct PackedPlugin {
    /// Where it is in the pack.
    pub path: String,
    /// BLAKE3 of the component.
    pub digest: Digest,
    /// Its manifest.
    pub manifest: Manifest,
    /// The interfaces that it imports, by full name.
    pub imports: BTreeSet<String>,
    /// What it says it was made with and of.
    pub origin: Origin,
}

impl PackedPlugin {
    /// Reads a component.
    pub(crate) fn read(path: &str, bytes: &[u8], digest: Digest) -> Result<Self, String> {
        let manifest = extract(bytes)
            .and_then(Manifest::parse)
            .map_err(|e| e.to_string())?;
        Ok(Self {
            path: path.to_owned(),
            digest,
            imports: imports(bytes)?,
            origin: Origin::read(bytes)?,
            manifest,
        })
    }

    /// The capabilities that it imports, by name. What the manifest asks for without
    /// importing it is not counted: it could not use it.
    pub fn capabilities(&self) -> impl Iterator<Item = &'static str> {
        Capability::ALL
            .into_iter()
            .map(Capability::name)
            .filter(|name| {
                self.imports.iter().any(|import| {
                    let rest = import.strip_prefix(PACKAGE);
                    rest.and_then(|rest| rest.split('@').next()) == Some(name)
                })
            })
    }

    /// What it imports that is not of Palisade's package, such as WASI.
    pub fn foreign_imports(&self) -> impl Iterator<Item = &str> {
        self.imports
            .iter()
            .map(String::as_str)
            .filter(|import| !import.starts_with(PACKAGE))
    }
}

/// The most imports that are read; no world of plugins has as many.
const MAX_IMPORTS: usize = 1_000;

/// Imports of the outermost component.
fn imports(component: &[u8]) -> Result<BTreeSet<String>, String> {
    let mut found = BTreeSet::new();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        match payload.map_err(|e| e.to_string())? {
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentImportSection(section) if depth == 1 => {
                for import in section {
                    let import = import.map_err(|e| e.to_string())?;
                    found.insert(import.name.name.to_owned());
                    if found.len() > MAX_IMPORTS {
                        return Err(format!("it imports more than {MAX_IMPORTS} interfaces"));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_thousand_imports_are_read_and_no_more() {
        let component = |count: usize| {
            let mut imports = wasm_encoder::ComponentImportSection::new();
            for at in 0..count {
                let any = wasm_encoder::TypeBounds::SubResource;
                imports.import(format!("i{at}"), wasm_encoder::ComponentTypeRef::Type(any));
            }
            let mut component = wasm_encoder::Component::new();
            component.section(&imports);
            component.finish()
        };
        assert_eq!(super::imports(&component(1_000)).unwrap().len(), 1_000);
        let error = super::imports(&component(1_001)).unwrap_err();
        assert!(error.contains("more than 1000 interfaces"), "{error}");
    }
}
