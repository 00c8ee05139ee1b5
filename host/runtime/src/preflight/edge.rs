//! What a component imports and exports.

use serde::{Deserialize, Serialize};
use wasmparser::component_types::ComponentEntityType;
use wasmparser::{Parser, Payload, Validator};

/// The names at the edge of a component.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Edge {
    /// Each import with what it demands of it, types apart.
    pub(crate) imports: Vec<(String, Vec<String>)>,
    /// The exports.
    pub(crate) exports: Vec<String>,
}

impl Edge {
    /// That of the bytes of a component, which are validated. What there is of types must have
    /// been counted: validating takes as much memory as that.
    pub(crate) fn of_bytes(component: &[u8]) -> Result<Edge, String> {
        let types = Validator::new()
            .validate_all(component)
            .map_err(|e| e.to_string())?;
        let mut edge = Edge::default();
        let mut depth = 0u32;
        for payload in Parser::new(0).parse_all(component) {
            match payload.map_err(|e| e.to_string())? {
                Payload::Version { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(imports) if depth == 1 => {
                    for import in imports {
                        let name = import.map_err(|e| e.to_string())?.name.name;
                        let item = types.component_item_for_import(name);
                        let functions = match item.map(|item| item.ty) {
                            Some(ComponentEntityType::Instance(id)) => types[id]
                                .exports
                                .iter()
                                .filter(|(_, item)| {
                                    !matches!(item.ty, ComponentEntityType::Type { .. })
                                })
                                .map(|(function, _)| function.clone())
                                .collect(),
                            _ => vec![name.to_owned()],
                        };
                        edge.imports.push((name.to_owned(), functions));
                    }
                }
                Payload::ComponentExportSection(exports) if depth == 1 => {
                    for export in exports {
                        let name = export.map_err(|e| e.to_string())?.name.name;
                        edge.exports.push(name.to_owned());
                    }
                }
                _ => {}
            }
        }
        Ok(edge)
    }
}
