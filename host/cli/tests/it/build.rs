use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::{MANIFEST, checkout, palisade};

/// A detector in C that reports nothing.
const CODE: &str = r#"
#include "palisade.h"

bool exports_palisade_plugin_plugin_configure(exports_palisade_plugin_plugin_list_setting_t *settings,
                                              exports_palisade_plugin_plugin_settings_error_t *error) {
    (void)error;
    exports_palisade_plugin_plugin_list_setting_free(settings);
    return true;
}

void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) {
    (void)subscription;
    (void)rows;
}
"#;

fn project(dir: &Path, manifest: &str, code: &str) {
    fs::create_dir_all(dir).unwrap();
    fs::write(dir.join("plugin.toml"), manifest).unwrap();
    fs::write(dir.join("plugin.c"), code).unwrap();
}

/// What `plugin build --format ndjson` says of each plugin.
fn build(dir: &Path, arguments: &[&str]) -> Vec<serde_json::Value> {
    let mut command = palisade(dir);
    command
        .args(["plugin", "build", "--format", "ndjson"])
        .args(arguments);
    let assert = command.assert().code(0);
    let lines = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
    lines
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect()
}

#[test]
fn a_component_carries_its_manifest_and_is_built_again_only_when_its_inputs_change() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    project(path, MANIFEST, CODE);
    let first = build(path, &[]).remove(0);
    assert_eq!(first["plugin"], "tests/telnet");
    assert_eq!(first["new"], true);
    let file = path.join("target/plugins/tests/telnet.wasm");
    assert_eq!(
        first["path"],
        file.canonicalize().unwrap().to_str().unwrap()
    );
    let component = fs::read(&file).unwrap();
    assert_eq!(
        palisade_runtime::manifest::extract(&component).unwrap(),
        MANIFEST
    );
    assert_eq!(
        first["digest"],
        palisade_store::Digest::of(&component).to_string()
    );

    // Touched, but the same.
    fs::write(path.join("plugin.c"), CODE).unwrap();
    assert_eq!(build(path, &[])[0]["new"], false);
    // What is not code does not count.
    fs::create_dir_all(path.join("vectors/a")).unwrap();
    fs::write(path.join("vectors/a/events.ndjson"), "").unwrap();
    assert_eq!(build(path, &[])[0]["new"], false);
    // A component that was replaced is not taken for the plugin's.
    fs::write(&file, "else").unwrap();
    let again = build(path, &[]).remove(0);
    assert_eq!(again["new"], true);
    assert_eq!(again["digest"], first["digest"]);
    // A header, a manifest.
    fs::write(path.join("more.h"), "").unwrap();
    assert_eq!(build(path, &[])[0]["new"], true);
    project(path, &MANIFEST.replace("0.1.0", "0.2.0"), CODE);
    let newer = build(path, &[]).remove(0);
    assert_eq!(newer["new"], true);
    assert_ne!(newer["digest"], first["digest"]);
}

#[test]
fn all_builds_what_it_finds_and_goes_on_after_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let named = |name: &str| MANIFEST.replace("\"telnet\"", &format!("\"{name}\""));
    project(&path.join("plugins/a"), &named("aa"), CODE);
    project(&path.join("plugins/pack/b"), &named("bb"), "int broken");
    project(&path.join("plugins/pack/c"), &named("C"), CODE);
    project(&path.join("plugins/pack/d"), &named("dd"), CODE);
    project(&path.join("plugins/target/e"), &named("ee"), CODE);
    palisade(path)
        .args(["plugin", "build", "--all", "plugins", "--out", "out"])
        .assert()
        .code(2)
        .stdout(
            contains("out/tests/aa.wasm")
                .and(contains("out/tests/dd.wasm"))
                .and(contains("ee").not()),
        )
        .stderr(
            contains("cannot build tests/bb")
                .and(contains("plugin.c:1"))
                .and(contains("plugins/pack/c/plugin.toml is not right")),
        );
    assert!(path.join("out/tests/aa.wasm").exists());
    assert!(!path.join("out/tests/bb.wasm").exists());
}

#[test]
fn a_wrong_project_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join("empty")).unwrap();
    project(&path.join("one"), MANIFEST, CODE);
    project(&path.join("two"), MANIFEST, CODE);
    for (name, from, to) in [
        ("unknown-key", "description =", "descripton ="),
        ("unknown-field", "dst.port", "dst.prot"),
        ("unknown-kind", "network.flow", "network.flaw"),
        ("wrong-kind", "\"detector\"", "\"detektor\""),
        ("wrong-wit", "wit = \"0.1\"", "wit = \"9.9\""),
        ("no-toml", "[plugin]", "[plugin"),
    ] {
        let manifest = MANIFEST.replace(from, to);
        assert_ne!(manifest, MANIFEST);
        project(&path.join(name), &manifest, CODE);
    }
    project(&path.join("no-code"), MANIFEST, CODE);
    fs::remove_file(path.join("no-code/plugin.c")).unwrap();
    for (arguments, parts) in [
        (&["missing"][..], &["there is no folder missing"][..]),
        (
            &["one/plugin.c"],
            &["one/plugin.c is a file", "name the folder of a plugin"],
        ),
        (
            &["empty"],
            &["empty has no plugin.toml", "palisade plugin new"],
        ),
        (&["--all", "empty"], &["no plugin.toml in or below empty"]),
        (&[], &[". has no plugin.toml", "such as no-code", "--all"]),
        (
            &["one", "two"],
            &["/one and", "/two are both called tests/telnet"],
        ),
        (&["one", "one"], &["named twice"]),
        (
            &["unknown-key"],
            &[
                "unknown-key/plugin.toml is not right",
                "line 8, column 1",
                "there is no key `descripton` here; did you mean `description`?",
            ],
        ),
        (
            &["unknown-field"],
            &["no field `dst.prot`", "did you mean `dst.port`?"],
        ),
        (&["unknown-kind"], &["did you mean `network.flow`?"]),
        (
            &["wrong-kind"],
            &["plugin.toml, line ", "plugin.kind", "detektor", "detector"],
        ),
        (&["wrong-wit"], &["plugin.wit", "9.9"]),
        (
            &["no-toml"],
            &["no-toml/plugin.toml is not right", "line 2"],
        ),
        (
            &["no-code"],
            &[
                "no code",
                "Cargo.toml (Rust), plugin.js (JavaScript) or plugin.c (C)",
            ],
        ),
        (
            &["one", "--sdk", "empty"],
            &["empty is not the `sdk` folder", "--sdk"],
        ),
        (
            &["one", "--format", "ocsf"],
            &["invalid value 'ocsf'", "[possible values: table, ndjson]"],
        ),
    ] {
        let mut command = palisade(path);
        let mut assert = command
            .args(["plugin", "build"])
            .args(arguments)
            .assert()
            .code(2)
            .stdout("");
        for part in parts {
            assert = assert.stderr(contains(*part));
        }
    }
}

#[test]
fn code_in_c_that_lacks_something_is_told_what_to_write() {
    let dir = tempfile::tempdir().unwrap();
    let (without, _) = CODE.split_once("\nvoid exports").unwrap();
    let state = CODE.replace(
        "    (void)rows;\n",
        "    palisade_plugin_state_remove(rows, 0);\n",
    );
    let asked = MANIFEST.replace("[plugin]", "[plugin]\ncapabilities = [\"log\"]");
    for (manifest, code, parts) in [
        (
            MANIFEST,
            without,
            &[
                "does not define `exports_palisade_plugin_evaluate_evaluate`",
                "plugin.toml promises of this detector",
                "void exports_palisade_plugin_evaluate_evaluate(uint32_t subscription, uint32_t rows) { … }",
            ][..],
        ),
        (
            &asked,
            &state,
            &[
                "write `capabilities = [\"log\", \"state\"]` as line 3 of plugin.toml",
                "plugin.c:13:",
            ],
        ),
    ] {
        project(dir.path(), manifest, code);
        let mut assert = palisade(dir.path())
            .args(["plugin", "build"])
            .assert()
            .code(2);
        for part in parts {
            assert = assert.stderr(contains(*part));
        }
    }
}

#[test]
fn a_compiler_that_cannot_be_had_is_named() {
    let dir = tempfile::tempdir().unwrap();
    project(dir.path(), MANIFEST, CODE);
    let toolchain = dir.path().join("toolchain.json");
    let command = |text: &str| {
        fs::write(&toolchain, text).unwrap();
        let mut command = palisade(dir.path());
        command
            .env("PALISADE_WASM_TOOLCHAIN_FILE", &toolchain)
            .args(["plugin", "build"]);
        command
    };
    command(
        r#"{"format":2,
            "rust":{"from":"","version":"","cargo":"cargo","target":"","env":{},"remove_env":[]},
            "c":{"clang":"/nowhere/clang","linker":null},
            "javascript":{"componentize_qjs":[],"env":{}}}"#,
    )
    .assert()
    .code(2)
    .stderr(contains("cannot start /nowhere/clang").and(contains("make setup")));
    command(r#"{"format":7}"#)
        .assert()
        .code(2)
        .stderr(contains("toolchain.json cannot be used").and(contains("format 7")));
    let padded = |bytes: usize| r#"{"format":7}"#.to_owned() + &" ".repeat(bytes - 12);
    command(&padded(1 << 20))
        .assert()
        .code(2)
        .stderr(contains("format 7"));
    command(&padded((1 << 20) + 1))
        .assert()
        .code(2)
        .stderr(contains("toolchain.json").and(contains("1048576")));
}

#[test]
fn one_detector_in_three_languages_is_built() {
    let out = tempfile::tempdir().unwrap();
    let examples = checkout().join("plugins/examples");
    let folders = ["rust", "c", "js"].map(|language| examples.join(format!("boundary-{language}")));
    let mut arguments = vec!["--out", out.path().to_str().unwrap()];
    arguments.extend(folders.iter().map(|folder| folder.to_str().unwrap()));
    let built = build(out.path(), &arguments);
    assert_eq!(built.len(), 3);
    for built in built {
        palisade(out.path())
            .args(["plugin", "inspect", built["path"].as_str().unwrap()])
            .assert()
            .code(0)
            .stdout(contains("palisade:plugin/evaluate@0.1.0").and(contains("wasi").not()));
    }
}
