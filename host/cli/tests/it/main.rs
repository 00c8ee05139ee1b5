//! The command as a user meets it.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "tests tell what they measured, and why one does nothing"
)]

mod advice;
mod beside;
mod brought;
mod build;
mod faults;
mod fields;
mod formats;
mod gate;
mod inspect;
mod javascript;
mod messages;
mod mishaps;
mod moved;
mod new;
mod outside;
mod pack;
mod parsers;
mod pipes;
mod places;
mod projects;
mod refused;
mod remembered;
mod reproducible;
mod shorthand;
mod signals;
mod site;
mod stale;
mod store;
mod token;
mod told;
mod vectors;
mod windows;
mod wrong_input;

use std::path::{Path, PathBuf};
use std::process::Command;

/// The command, in a directory of its own and without anything of the environment that
/// could change what it does.
fn palisade(dir: &Path) -> assert_cmd::Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("palisade"));
    here(&mut command, dir);
    assert_cmd::Command::from_std(command)
}

/// Lets a command run in a directory with the user's own store and trust in it. Compiled code
/// stays where it is for all.
fn here<'c>(command: &'c mut Command, dir: &Path) -> &'c mut Command {
    command
        .current_dir(dir)
        .env("XDG_DATA_HOME", dir.join("xdg/data"))
        .env_remove("PALISADE_STORE")
        .env_remove("PALISADE_TRUST")
}

/// A detector of flows of this name and pack, with the rule of [`MANIFEST`]; whatever is called
/// traps.
fn made(name: &str, pack: &str) -> Vec<u8> {
    let manifest = MANIFEST
        .replace("name = \"telnet\"", &format!("name = \"{name}\""))
        .replace("pack = \"tests\"", &format!("pack = \"{pack}\""));
    component("evaluate", &manifest)
}

/// A plugin with this manifest, which exports this interface; whatever is called traps.
fn component(export: &str, manifest: &str) -> Vec<u8> {
    use wit_component::{ComponentEncoder, StringEncoding, dummy_module, embed_component_metadata};
    use wit_parser::{LiftLowerAbi, ManglingAndAbi, Resolve};
    let mut resolve = Resolve::default();
    resolve.push_dir(checkout().join("wit/v0.1")).unwrap();
    let text = format!(
        "package test:made; world made {{ export palisade:plugin/plugin@0.1.0; \
         export palisade:plugin/{export}@0.1.0; }}"
    );
    let package = resolve.push_str("made.wit", &text).unwrap();
    let world = resolve.select_world(&[package], Some("made")).unwrap();
    let abi = ManglingAndAbi::Legacy(LiftLowerAbi::Sync);
    let mut module = dummy_module(&resolve, world, abi);
    embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
    let encoder = ComponentEncoder::default().validate(true);
    let component = encoder.module(&module).unwrap().encode().unwrap();
    palisade_runtime::manifest::embed(&component, manifest).unwrap()
}

/// The root of this checkout.
fn checkout() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../..")
        .canonicalize()
        .unwrap()
}

/// A manifest of a detector that is right.
const MANIFEST: &str = r#"
[plugin]
name = "telnet"
version = "0.1.0"
kind = "detector"
wit = "0.1"
pack = "tests"
description = "Reports telnet"

[[subscription]]
kind = "network.flow"
fields = ["src.ip", "dst.port"]

[[rule]]
id = "telnet-1"
title = "Telnet"
severity = "low"
requirements = ["IOT-2.3c"]
"#;
