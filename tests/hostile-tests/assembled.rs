//! Components that no Rust compiler makes, from WebAssembly text.

use palisade_events::FieldId;
use palisade_runtime::manifest::embed;
use palisade_tests::root;
use wasm_encoder::{Component, InstanceSection, Section as _};
use wasmparser::{Parser, Payload};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

/// The manifest of assembled detectors, with room for more lines.
pub(crate) fn manifest(more: &str) -> String {
    format!(
        "[plugin]\nname = \"assembled\"\nversion = \"0.1.0\"\nkind = \"detector\"\nwit = \"0.1\"\n\
         pack = \"hostile\"\n{more}\n[[subscription]]\nkind = \"network.flow\"\n\
         fields = [\"dst.port\"]\n[[rule]]\nid = \"hostile-1\"\ntitle = \"There\"\nseverity = \"low\"\n"
    )
}

/// The bytes of a text in any form of WebAssembly.
pub(crate) fn assemble(text: &str) -> Vec<u8> {
    match wat::parse_str(text) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{error}\n{text}"),
    }
}

/// The core module of a detector, of which a test says what differs.
pub(crate) struct Core {
    /// Imports, memories, tables, functions; the first memory must be there.
    pub(crate) items: String,
    /// Body of `cabi_realloc`, an `i32`.
    pub(crate) realloc: &'static str,
    /// Body of `evaluate`.
    pub(crate) evaluate: String,
}

impl Default for Core {
    fn default() -> Self {
        Core {
            items: "(memory 1)".into(),
            realloc: "i32.const 2048",
            evaluate: String::new(),
        }
    }
}

impl Core {
    /// `evaluate` reads the column `dst.port` and lets the host call `cabi_realloc`.
    pub(crate) fn reads(mut self) -> Core {
        self.items.insert_str(
            0,
            "(import \"palisade:plugin/batch@0.1.0\" \"u16s\" (func $u16s (param i32 i32)))",
        );
        let field = FieldId::of("dst.port").0;
        self.evaluate = format!("(call $u16s (i32.const {}) (i32.const 512))", field as i32);
        self
    }

    /// The component, with its manifest.
    pub(crate) fn component(&self) -> Vec<u8> {
        let Core {
            items,
            realloc,
            evaluate,
        } = self;
        let text = format!(
            "(module {items}
               (func $realloc (export \"cabi_realloc\") (param i32 i32 i32 i32) (result i32) {realloc})
               (func (export \"palisade:plugin/plugin@0.1.0#configure\") (param i32 i32) (result i32)
                 i32.const 256)
               (func $evaluate (export \"palisade:plugin/evaluate@0.1.0#evaluate\") (param i32 i32)
                 {evaluate})
               (export \"memory\" (memory 0)))"
        );
        let mut module = assemble(&text);
        let mut resolve = Resolve::default();
        let (package, _) = resolve
            .push_dir(root().join("wit/v0.1"))
            .expect("the WIT of Palisade");
        let world = resolve
            .select_world(&[package], Some("detector"))
            .expect("the world");
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("room for a section");
        let component = ComponentEncoder::default()
            .module(&module)
            .and_then(|mut encoder| encoder.encode())
            .expect("the module fits its world");
        embed(&component, &manifest("")).expect("room for the manifest")
    }
}

/// A component with only these items and a manifest.
pub(crate) fn component(items: &str, manifest: &str) -> Vec<u8> {
    let component = assemble(&format!("(component {items})"));
    embed(&component, manifest).expect("room for the manifest")
}

/// The component with `count` instances of another core module besides.
pub(crate) fn with_parts(component: &[u8], module: &str, count: usize) -> Vec<u8> {
    let index = modules(component);
    let module = assemble(module);
    let mut bytes = component.to_vec();
    wasm_encoder::ComponentSection::append_to_component(
        &wasm_encoder::RawSection {
            id: 1,
            data: &module,
        },
        &mut bytes,
    );
    let mut instances = InstanceSection::new();
    for _ in 0..count {
        instances.instantiate(index, std::iter::empty::<(&str, wasm_encoder::ModuleArg)>());
    }
    wasm_encoder::ComponentSection::append_to_component(&instances, &mut bytes);
    bytes
}

/// How many core modules a component has at its top level.
fn modules(component: &[u8]) -> u32 {
    let mut depth = 0;
    let mut count = 0;
    for payload in Parser::new(0).parse_all(component) {
        match payload.expect("a well-formed component") {
            Payload::ModuleSection { .. } if depth == 1 => count += 1,
            Payload::Version { .. } => depth += 1,
            Payload::End(_) => depth -= 1,
            _ => {}
        }
    }
    count
}

/// The component with one more custom section.
pub(crate) fn with_section(component: &[u8], name: &str, data: &[u8]) -> Vec<u8> {
    let mut bytes = component.to_vec();
    wasm_encoder::CustomSection {
        name: name.into(),
        data: data.into(),
    }
    .append_to(&mut bytes);
    bytes
}

/// The component with another manifest, which is what `change` makes of its own.
pub(crate) fn with_manifest(component: &[u8], change: impl FnOnce(&str) -> String) -> Vec<u8> {
    let own = palisade_runtime::manifest::extract(component).expect("the guest has a manifest");
    let mut bytes = component[..8].to_vec();
    let mut at = 8;
    // The sections of the component itself, one after another.
    while at < component.len() {
        let (mut size, mut shift, mut head) = (0, 0, at + 1);
        loop {
            let byte = component[head];
            size |= usize::from(byte & 0x7f) << shift;
            (shift, head) = (shift + 7, head + 1);
            if byte & 0x80 == 0 {
                break;
            }
        }
        let end = head + size;
        let holds = |part: &[u8]| component[at..end].windows(part.len()).any(|w| w == part);
        if component[at] != 0 || !holds(own.as_bytes()) {
            bytes.extend(&component[at..end]);
        }
        at = end;
    }
    embed(&bytes, &change(own)).expect("room for the manifest")
}

/// A component inside another, `depth` deep, in raw bytes.
pub(crate) fn nested(depth: usize) -> Vec<u8> {
    let mut inner = Component::new().finish();
    for _ in 0..depth {
        let mut outer = Component::new();
        outer.section(&wasm_encoder::RawSection {
            id: 4,
            data: &inner,
        });
        inner = outer.finish();
    }
    inner
}
