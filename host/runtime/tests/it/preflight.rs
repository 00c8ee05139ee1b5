//! Imports and exports that do not fit are named before anything is linked, and whoever inspects
//! a component is told the same as the loader.

use palisade_runtime::compile::Compiler;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Config, Inspected, Limits, LoadError, Runtime, inspect};

use crate::{EXPORTS, component, manifest};

fn inspected(component: &[u8]) -> Result<Inspected, LoadError> {
    inspect(&Compiler::InProcess, &Limits::default(), component)
}

/// What both say of a component.
fn refusal(component: &[u8]) -> String {
    let early = inspected(component).expect("a component").refusal;
    let early = format!("plugin `made-here` {}", early.expect("refused"));
    let runtime = Runtime::new(Config::default()).unwrap();
    let late = runtime.load(component, &Capability::ALL, &Settings::default());
    assert_eq!(early, late.expect_err("refused").to_string());
    early
}

#[test]
fn what_is_declared_and_offered_passes() {
    let world = format!(
        "import palisade:plugin/batch@0.1.0; import palisade:plugin/findings@0.1.0; \
         import palisade:plugin/network-flow@0.1.0; import palisade:plugin/log@0.1.0; {EXPORTS}"
    );
    let component = component(&world, None, &manifest(r#"capabilities = ["log"]"#));
    let seen = inspected(&component).unwrap();
    assert_eq!(seen.manifest.name, "made-here");
    assert_eq!(seen.refusal, None);
    assert!(
        seen.imports
            .contains(&"palisade:plugin/log@0.1.0".to_owned())
    );
    assert!(
        seen.exports
            .contains(&"palisade:plugin/evaluate@0.1.0".to_owned())
    );
    let runtime = Runtime::new(Config::default()).unwrap();
    runtime
        .load(&component, &[Capability::Log], &Settings::default())
        .unwrap();
    let error = runtime
        .load(&component, &[], &Settings::default())
        .expect_err("refused");
    assert_eq!(
        error.to_string(),
        "plugin `made-here` needs the capability `log`, which is not granted to it"
    );
}

#[test]
fn another_version_is_named_with_the_one_that_is_offered() {
    let other = "package palisade:plugin@0.2.0; interface log { write: func(text: string); }";
    let world = format!("import palisade:plugin/log@0.2.0; {EXPORTS}");
    let component = component(&world, Some(other), &manifest(r#"capabilities = ["log"]"#));
    assert_eq!(
        refusal(&component),
        "plugin `made-here` imports `palisade:plugin/log@0.2.0`; this host offers version \
         0.1.0, rebuild the plugin for it"
    );
}

#[test]
fn an_interface_of_somebody_else_is_named_with_what_to_do() {
    let other = "package wasi:clocks@0.2.0; interface wall-clock { now: func() -> u64; }";
    let world = format!("import wasi:clocks/wall-clock@0.2.0; {EXPORTS}");
    let refusal = refusal(&component(&world, Some(other), &manifest("")));
    assert_eq!(
        refusal,
        "plugin `made-here` imports `wasi:clocks/wall-clock@0.2.0`, which this host does not \
         offer; it offers `palisade:plugin/…@0.1.0` only; build the plugin without WASI, or with \
         its WASI imports stubbed"
    );
}

#[test]
fn what_the_manifest_does_not_ask_for_is_named_with_the_line_that_would() {
    let of = |import: &str| {
        let world = format!("import palisade:plugin/{import}@0.1.0; {EXPORTS}");
        refusal(&component(&world, None, &manifest("")))
    };
    assert_eq!(
        of("state"),
        "plugin `made-here` imports `palisade:plugin/state@0.1.0`, but plugin.toml does not ask \
         for it: add `state` to `plugin.capabilities`"
    );
    assert_eq!(
        of("network-dns"),
        "plugin `made-here` imports `palisade:plugin/network-dns@0.1.0`, but plugin.toml does \
         not ask for it: add a `[[subscription]]` with `kind = \"network.dns\"`"
    );
}

#[test]
fn a_missing_export_is_named_with_who_demands_it() {
    let only = "export palisade:plugin/plugin@0.1.0;";
    assert_eq!(
        refusal(&component(only, None, &manifest(""))),
        "plugin `made-here` does not export `palisade:plugin/evaluate@0.1.0`, which every \
         `detector` demands"
    );
    let timers = manifest("capabilities = [\"timers\"]\nexports = [\"on-timer\"]");
    assert_eq!(
        refusal(&component(EXPORTS, None, &timers)),
        "plugin `made-here` does not export `palisade:plugin/on-timer@0.1.0`, which `exports` \
         in plugin.toml demands"
    );
}

#[test]
fn bytes_that_are_no_component_are_refused_without_being_compiled() {
    let mut broken = component(EXPORTS, None, &manifest(""));
    // The section of types follows the header of eight bytes.
    broken[9] ^= 0xff;
    inspected(&broken).expect_err("refused");
    inspected(b"\0asm").expect_err("refused");
    inspected(b"").expect_err("refused");
}
