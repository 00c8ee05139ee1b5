use std::fs;

use predicates::prelude::*;
use predicates::str::contains;
use tempfile::TempDir;

use crate::palisade;

/// BLAKE3 of `a component`.
fn digest() -> String {
    palisade_store::Digest::of(b"a component").to_string()
}

fn with_file() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join(".palisade")).unwrap();
    fs::write(dir.path().join("a.wasm"), "a component").unwrap();
    dir
}

#[test]
fn what_is_added_is_listed_with_its_name() {
    let dir = with_file();
    palisade(dir.path())
        .args(["store", "add", "a.wasm", "--name", "plugin.a"])
        .assert()
        .code(0)
        .stdout(format!("{}  11 B\n", digest()));
    assert!(dir.path().join(".palisade/store/format").exists());
    palisade(dir.path())
        .args(["store", "list"])
        .assert()
        .code(0)
        .stdout(contains(digest()).and(contains("plugin.a")));
    palisade(dir.path())
        .args(["store", "list", "--format", "ndjson"])
        .assert()
        .stdout(format!(
            "{{\"digest\":\"{}\",\"size\":11,\"names\":[\"plugin.a\"]}}\n",
            digest()
        ));
}

#[test]
fn verify_ends_with_1_when_a_blob_was_changed() {
    let dir = with_file();
    palisade(dir.path())
        .args(["store", "add", "a.wasm"])
        .assert()
        .code(0);
    palisade(dir.path())
        .args(["store", "verify"])
        .assert()
        .code(0);
    let digest = digest();
    let blob = dir
        .path()
        .join(".palisade/store/blobs")
        .join(&digest[..2])
        .join(&digest);
    fs::write(blob, "something else").unwrap();
    palisade(dir.path())
        .args(["store", "verify"])
        .assert()
        .code(1)
        .stdout(contains("was changed after it was stored").and(contains("1 problem\n")));
    let assert = palisade(dir.path())
        .args(["store", "verify", "--format", "json"])
        .assert()
        .code(1);
    let report: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    assert_eq!(report["good"], 0);
    assert_eq!(report["problems"].as_array().unwrap().len(), 1);
}

#[test]
fn gc_keeps_what_is_named_or_recent() {
    let dir = with_file();
    let gc = |arguments: &[&str]| {
        let mut command = palisade(dir.path());
        command
            .args(["store", "gc", "--format", "json"])
            .args(arguments);
        let assert = command.assert().code(0);
        serde_json::from_slice::<serde_json::Value>(&assert.get_output().stdout).unwrap()
    };
    let add = ["store", "add", "a.wasm", "--name", "plugin.a"];
    palisade(dir.path()).args(add).assert().code(0);
    assert_eq!(gc(&["--grace", "0s"])["reachable"], 1);
    palisade(dir.path())
        .args(["store", "unname", "plugin.a"])
        .assert()
        .code(0);
    assert_eq!(gc(&[])["recent"], 1);
    assert_eq!(
        gc(&["--grace", "0s", "--dry-run"])["removed"][0]["digest"],
        digest()
    );
    assert_eq!(gc(&["--grace", "0s"])["removed_bytes"], 11);
    palisade(dir.path())
        .args(["store", "list"])
        .assert()
        .code(0)
        .stdout("");
}

#[test]
fn wrong_input_ends_with_2_and_says_what_to_do() {
    let dir = with_file();
    let path = dir.path();
    fs::create_dir(path.join("other")).unwrap();
    fs::write(path.join("other/notes.txt"), "").unwrap();
    for (arguments, message) in [
        (&["store", "add", "missing.wasm"][..], "open missing.wasm"),
        (
            &["store", "add", "a.wasm", "--name", "A/b"],
            "a name has only the characters a-z",
        ),
        (&["store", "unname", "nobody"], "see `palisade store list`"),
        (
            &["store", "gc", "--grace", "soon"],
            "write 0s, 10m, 1h or 7d",
        ),
        (&["store", "list", "--store", "other"], "notes.txt"),
        (
            &["store", "list", "--format", "ocsf"],
            "[possible values: table, ndjson, json]",
        ),
        (&["store", "liste"], "a similar subcommand exists: 'list'"),
    ] {
        palisade(path)
            .args(arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(message));
    }
}

#[test]
fn text_from_others_cannot_reach_the_terminal() {
    let dir = with_file();
    let evil = "evil\x1b[2J\u{202e}.wasm";
    palisade(dir.path())
        .args(["store", "add", evil])
        .assert()
        .code(2)
        .stderr(contains("evil\\u{1b}[2J\\u{202e}.wasm").and(contains('\x1b').not()));
}
