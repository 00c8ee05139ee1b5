use std::fs;

use predicates::prelude::*;
use predicates::str::contains;
use wasm_encoder::{Component, CustomSection, Module, RawSection};

use crate::{MANIFEST, palisade};

/// A component with nothing in it but this manifest.
fn component(manifest: &str) -> Vec<u8> {
    palisade_runtime::manifest::embed(&Component::new().finish(), manifest).unwrap()
}

#[test]
fn what_keeps_a_plugin_on_one_shard_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = MANIFEST.replace("description =", "capabilities = [\"state\"]\ndescription =");
    let partitioned = "[[subscription]]\npartition-by = [\"src.ip\"]";
    let manifest = manifest.replace("[[subscription]]", partitioned);
    let table = |rest: &str| format!("\n[[table]]\nname = \"seen\"\nttl = \"1h\"\n{rest}\n");
    for (table, shards) in [
        (
            table("kind = \"first\"\nkey = [\"src.ip\"]"),
            "shards        all",
        ),
        (
            table("kind = \"first\"\nkey = [\"src.ip\"]\nmax-keys = 4095"),
            "one only: table `seen` has fewer than 4096 keys",
        ),
        (
            table("kind = \"first\"\nkey = [\"dst.port\"]"),
            "one only: the key of table `seen` lacks `src.ip`, which is in \
             `partition-by`",
        ),
        (
            table("kind = \"value\""),
            "one only: the keys of table `seen` are the plugin's own",
        ),
    ] {
        fs::write(
            dir.path().join("a.wasm"),
            component(&(manifest.clone() + &table)),
        )
        .unwrap();
        palisade(dir.path())
            .args(["plugin", "inspect", "a.wasm"])
            .assert()
            .code(0)
            .stdout(contains(shards));
    }
}

#[test]
fn everything_that_matters_is_shown() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = MANIFEST.replace("description =", "capabilities = [\"state\"]\ndescription =")
        + r#"
[[table]]
name = "flows"
kind = "count"
key = ["src.ip"]
window = "10s"

[[setting]]
name = "port"
type = "integer"
description = "Which port."

[limits]
memory = "16MiB"
"#;
    fs::write(dir.path().join("a.wasm"), component(&manifest)).unwrap();
    let mut assert = palisade(dir.path())
        .args(["plugin", "inspect", "a.wasm"])
        .assert()
        .code(0);
    for part in [
        "tests/telnet 0.1.0",
        "network.flow  src.ip, dst.port",
        "telnet-1  low       IOT-2.3c      Telnet",
        "capabilities  state",
        "one only: network.flow has no `partition-by`",
        "16.0 MiB memory",
        "flows  count  src.ip  10s",
        "port     integer  must be set  Which port.",
    ] {
        assert = assert.stdout(contains(part));
    }
    let assert = palisade(dir.path())
        .args(["plugin", "inspect", "a.wasm", "--format", "json"])
        .assert()
        .code(0);
    let json: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(json["manifest"]["plugin"]["name"], "telnet");
    assert_eq!(json["one_shard_only"], true);
    assert_eq!(json["limits"]["memory_bytes"], 16 << 20);
}

#[test]
fn the_store_is_asked_by_digest_and_by_name() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    fs::create_dir(path.join(".palisade")).unwrap();
    let component = component(MANIFEST);
    fs::write(path.join("a.wasm"), &component).unwrap();
    let add = ["store", "add", "a.wasm", "--name", "plugin.telnet"];
    palisade(path).args(add).assert().code(0);
    let digest = palisade_store::Digest::of(&component).to_string();
    for of in [digest.as_str(), "plugin.telnet"] {
        palisade(path)
            .args(["plugin", "inspect", of])
            .assert()
            .code(0)
            .stdout(contains(&digest));
    }
    let other = "0".repeat(64);
    for (of, message) in [
        (other.as_str(), "no blob 000000"),
        (
            "plugin.other",
            "there is no file plugin.other, and the store has no such name",
        ),
        ("no/such.wasm", "there is no file no/such.wasm"),
    ] {
        palisade(path)
            .args(["plugin", "inspect", of])
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(message));
    }
}

#[test]
fn what_is_no_plugin_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path();
    let whole = component(MANIFEST);
    let twice = [
        &whole[..],
        // The same section once more: everything behind the eight bytes of the header.
        &whole[8..],
    ]
    .concat();
    let mut invalid = Component::new();
    // A core instance of module 0, which is not there.
    invalid.section(&RawSection {
        id: 2,
        data: &[1, 0, 0, 0],
    });
    let invalid = palisade_runtime::manifest::embed(&invalid.finish(), MANIFEST).unwrap();
    let mut module = Module::new();
    module.section(&CustomSection {
        name: "palisade:manifest".into(),
        data: MANIFEST.as_bytes().into(),
    });
    let unknown = MANIFEST.replace("severity", "severeness");
    for (name, bytes, message) in [
        (
            "text.wasm",
            b"hello".to_vec(),
            "it does not begin as WebAssembly does; name a file that",
        ),
        ("empty.wasm", Vec::new(), "not a WebAssembly component"),
        (
            "cut.wasm",
            whole[..whole.len() - 1].to_vec(),
            "it was cut off or damaged, or is still being written: build it again",
        ),
        ("module.wasm", module.finish(), "it is a core module"),
        (
            "bare.wasm",
            Component::new().finish(),
            "palisade plugin build",
        ),
        ("twice.wasm", twice, "exactly one is allowed"),
        ("invalid.wasm", invalid, "the component does not compile"),
        (
            "unknown.wasm",
            component(&unknown),
            "there is no key `severeness` here; there are `id`, `title`, `severity`",
        ),
    ] {
        fs::write(path.join(name), bytes).unwrap();
        palisade(path)
            .args(["plugin", "inspect", name])
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(format!("{name} is no plugin")).and(contains(message)));
    }
    palisade(path)
        .args(["plugin", "inspect", "."])
        .assert()
        .code(2)
        .stderr(contains("not a file").and(contains("palisade plugin build")));
}

#[test]
fn text_of_a_manifest_cannot_reach_the_terminal() {
    let dir = tempfile::tempdir().unwrap();
    let manifest = MANIFEST
        .replace("Reports telnet", "\\u001B[2J\\u202Ereversed")
        .replace("\"Telnet\"", "\"a\\nb\"");
    fs::write(dir.path().join("a.wasm"), component(&manifest)).unwrap();
    for format in ["table", "json"] {
        let assert = palisade(dir.path())
            .args(["plugin", "inspect", "a.wasm", "--format", format])
            .assert()
            .code(0);
        let shown = String::from_utf8(assert.get_output().stdout.clone()).unwrap();
        assert!(shown.contains("202e"), "{shown}");
        assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown}");
    }
}
