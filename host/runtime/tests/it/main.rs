//! The runtime as the pipeline and the command line use it, with components made of WIT.

mod cache;
mod contained;
mod entries;
mod hits;
mod preflight;

use palisade_runtime::manifest::embed;
use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve, WorldId};

/// What a detector exports.
const EXPORTS: &str = "export palisade:plugin/plugin@0.1.0; export palisade:plugin/evaluate@0.1.0;";

/// A manifest of a detector of flows with these lines in `[plugin]`.
fn manifest(more: &str) -> String {
    format!(
        r#"
[plugin]
name = "made-here"
version = "0.1.0"
kind = "detector"
wit = "0.1"
pack = "tests"
description = "Traps whatever is called"
{more}

[[subscription]]
kind = "network.flow"
fields = ["dst.port"]

[[rule]]
id = "r-1"
title = "Nothing"
severity = "low"
"#
    )
}

/// A component of a world with these items, whose every function traps. `other` is a package
/// that the world may use beside the plugin package.
fn component(world: &str, other: Option<&str>, manifest: &str) -> Vec<u8> {
    let mut resolve = Resolve::default();
    resolve
        .push_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../../wit/v0.1"))
        .unwrap();
    if let Some(other) = other {
        resolve.push_str("other.wit", other).unwrap();
    }
    let text = format!("package test:made; world made {{ {world} }}");
    let package = resolve.push_str("made.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("made")).unwrap();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let module = dummy_module(&resolve, world, abi);
    encoded(module, (&resolve, world), manifest)
}

/// The component of a module that has what the world wants.
fn encoded(mut module: Vec<u8>, (resolve, world): (&Resolve, WorldId), manifest: &str) -> Vec<u8> {
    embed_component_metadata(&mut module, resolve, world, StringEncoding::UTF8).unwrap();
    let component = ComponentEncoder::default()
        .validate(true)
        .module(&module)
        .unwrap()
        .encode()
        .unwrap();
    embed(&component, manifest).unwrap()
}
