//! From a core module to a plugin: componentize, then embed the manifest.

use anyhow::{Context as _, Result, bail};
use wasm_encoder::{Component, CustomSection, RawSection};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId};

/// Name of the custom section that holds the text of `plugin.toml`.
pub const MANIFEST_SECTION: &str = "palisade:manifest";

/// The longest manifest that the host reads.
pub const MANIFEST_LIMIT: usize = 256 * 1024;

/// Adds the description of a world to a core module whose toolchain leaves none.
///
/// # Errors
/// When the module is not one.
pub fn describe(module: &mut Vec<u8>, resolve: &Resolve, world: WorldId) -> Result<()> {
    wit_component::embed_component_metadata(module, resolve, world, StringEncoding::UTF8)
}

/// Makes a component of a core module that carries the description of its world.
/// Imports that the module does not use are left out.
///
/// # Errors
/// When the module lacks an export of its world or imports something beyond it.
pub fn componentize(module: &[u8]) -> Result<Vec<u8>> {
    ComponentEncoder::default()
        .validate(true)
        .module(module)?
        .encode()
        .context("make a component of the module")
}

/// Puts `manifest` into the component, as its one top-level section [`MANIFEST_SECTION`].
/// One that is there already is replaced.
///
/// # Errors
/// When `component` is not a component or the manifest is over [`MANIFEST_LIMIT`].
pub fn embed_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>> {
    if manifest.len() > MANIFEST_LIMIT {
        bail!(
            "plugin.toml has {} bytes; at most {MANIFEST_LIMIT} fit",
            manifest.len()
        );
    }
    let mut out = Component::new();
    let mut depth = 0u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload?;
        let top = depth == 0;
        match &payload {
            Payload::Version { encoding, .. } if top => {
                if *encoding != wasmparser::Encoding::Component {
                    bail!("not a component but a core module");
                }
            }
            Payload::CustomSection(section) if top && section.name() == MANIFEST_SECTION => {
                continue;
            }
            Payload::End(_) => {
                depth = depth.saturating_sub(1);
                continue;
            }
            _ => {}
        }
        if top && let Some((id, range)) = payload.as_section() {
            out.section(&RawSection {
                id,
                data: &component[range],
            });
        }
        if matches!(
            payload,
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. }
        ) {
            depth += 1;
        }
    }
    out.section(&CustomSection {
        name: MANIFEST_SECTION.into(),
        data: manifest.as_bytes().into(),
    });
    Ok(out.finish())
}
