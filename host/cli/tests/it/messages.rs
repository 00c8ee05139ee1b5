//! What is said of wrong input: what, where, and what to do next.

use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{TRUST, flow, ok, project, run, site};
use crate::{made, palisade};

/// Runs a command that is refused, and looks for what it must say.
pub(crate) fn refused(dir: &Path, command: &str, told: &[&str]) {
    let args: Vec<&str> = command.split_whitespace().collect();
    let output = run(dir, &args).code(2).get_output().clone();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    for words in told {
        assert!(said.contains(words), "{command}: no {words:?} in {said}");
    }
}

#[test]
fn settings_and_networks_have_a_size_and_so_have_their_lines() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    std::fs::write(dir.join("made.wasm"), made("made-here", "tests")).unwrap();
    flow(&dir.join("flow.ndjson"));
    // Comments, so that nothing but the size is told.
    let said = |bytes: usize, line: usize| {
        let full = format!("#{}\n", "x".repeat(line - 1));
        let mut text = full.repeat(bytes / full.len());
        text.push_str(&"\n".repeat(bytes - text.len()));
        std::fs::write(dir.join("text.toml"), text).unwrap();
        ["--settings", "--networks"].map(|option| {
            let args = [
                "run",
                "--plugins",
                "made.wasm",
                option,
                "text.toml",
                "flow.ndjson",
            ];
            let output = run(dir, &args).code(2).get_output().clone();
            String::from_utf8_lossy(&output.stderr).into_owned()
        })
    };
    for within in said(4 << 20, 64 << 10) {
        // It comes as far as the plugin, which traps.
        assert!(within.contains("faulted on everything"), "{within}");
    }
    for beyond in said((4 << 20) + 1, 64 << 10) {
        let told = "text.toml has more than 4194304 bytes";
        assert!(beyond.contains(told), "{beyond}");
    }
    for beyond in said(1 << 20, (64 << 10) + 1) {
        let told = "text.toml, line 1: it has more than 65536 bytes";
        assert!(beyond.contains(told), "{beyond}");
    }
}

#[test]
fn keys() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    ok(dir, &["pack", "build", "guard"]);
    let pack = "target/packs/acme-guard-1.0.0.tar";
    ok(dir, &["key", "new", "a.key"]);
    for (command, told) in [
        (
            "key new a.key",
            &["a.key is there already", "another name"][..],
        ),
        ("key new no/b.key", &["no/b.key", "its folder"]),
        ("key show a.key", &["a.key", "it is a private key", ".pub"]),
        ("key show nothing", &["open nothing"]),
    ] {
        refused(dir, command, told);
    }
    // A file of a key has 64 KiB and no more, and that of a passphrase too.
    let file = |name: &str, begins: &str, bytes: usize| {
        let text = begins.to_owned() + &"\n".repeat(bytes - begins.len());
        std::fs::write(dir.join(name), text).unwrap();
    };
    let public = std::fs::read_to_string(dir.join("a.key.pub")).unwrap();
    for (bytes, told) in [
        (64 << 10, "no Ed25519 public key"),
        ((64 << 10) + 1, "has more than 65536 bytes"),
    ] {
        file("long.pub", &public, bytes);
        refused(dir, "key show long.pub", &["long.pub", told]);
    }
    let sign = format!("pack sign {pack} --key a.key --passphrase-file");
    file("word", "correct horse battery\n", 64 << 10);
    ok(dir, &format!("{sign} word").split(' ').collect::<Vec<_>>());
    file("word", "correct horse battery\n", (64 << 10) + 1);
    refused(
        dir,
        &format!("{sign} word"),
        &["word has more than 65536 bytes"],
    );
    refused(
        dir,
        &format!("{sign} /dev/zero"),
        &["/dev/zero", "it is a device, and is not waited for"],
    );
    // Only the public half is there: nothing is left behind.
    std::fs::write(dir.join("b.key.pub"), "").unwrap();
    refused(dir, "key new b.key", &["b.key.pub is there already"]);
    assert!(!dir.join("b.key").exists());
    let sign = |rest: &str| format!("pack sign {pack} {rest}");
    refused(
        dir,
        &sign("--key a.key.pub"),
        &["only the private key signs"],
    );
    refused(
        dir,
        &sign("--key a.key --expires 2020-01-01T00:00:00Z"),
        &["is over", "a time to come"],
    );
    palisade(dir)
        .env("PALISADE_PASSPHRASE", "incorrect horse battery")
        .args(["pack", "sign", pack, "--key", "a.key"])
        .assert()
        .code(2)
        .stderr(
            contains("open a.key")
                .and(contains("passphrase does not open").and(contains("--passphrase-file"))),
        );
}

#[test]
fn packs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    ok(dir, &["pack", "build", "guard"]);
    let pack = "target/packs/acme-guard-1.0.0.tar";
    let bytes = std::fs::read(dir.join(pack)).unwrap();
    std::fs::write(dir.join("cut.tar"), &bytes[..bytes.len() / 2]).unwrap();
    std::fs::write(dir.join("x.pem"), "no certificate").unwrap();
    std::fs::create_dir(dir.join("empty")).unwrap();
    for (command, told) in [
        ("pack build empty", &["there is no empty/pack.toml"][..]),
        (
            "pack inspect empty",
            &["the folder empty has no pack.toml", "pack build"],
        ),
        (
            "pack inspect cut.tar",
            &["read cut.tar", "cut off", "get it again"],
        ),
        ("pack inspect x.pem", &["read x.pem", "it is no pack"]),
        (
            "pack inspect guard/target/plugins/guard/telnet.wasm",
            &[
                "telnet.wasm is WebAssembly and no pack",
                "palisade plugin inspect",
            ],
        ),
        ("pack inspect acme/x", &["acme/x", "store list"]),
        (
            "pack verify PACK --attestation x.pem",
            &["x.pem is no attestation", ".dsse.json"],
        ),
        (
            "pack push PACK reg.example",
            &["host of the registry is missing"],
        ),
        (
            "pack push PACK https://reg.example/x",
            &["leave out `https://`"],
        ),
        ("pack push PACK reg.example/X", &["lower case"]),
        (
            "pack push PACK 127.0.0.1:1/x --root-certificate x.pem",
            &["x.pem is no certificate"],
        ),
        (
            "pack pull 127.0.0.1:1/x",
            &["refused", "check host and port"],
        ),
    ] {
        refused(dir, &command.replace("PACK", pack), told);
    }
}

#[test]
fn trust_documents() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    site(dir);
    let roles = "--role root=1:a --role policy=1:a --role revocation=1:a";
    let root = |rest: &str| format!("trust root --out r.json --expires 9d {rest}");
    refused(
        dir,
        &root(&format!("--key a=root.pub --key b=root.pub {roles}")),
        &[
            "`--key b=root.pub`",
            "is `a` already",
            "counts keys, not names",
        ],
    );
    refused(
        dir,
        &root("--from root.json --key b=vendor.pub"),
        &["is `vendor` already"],
    );
    refused(
        dir,
        &root("--from root.json --remove-key b"),
        &["`--remove-key b`", "root", "vendor"],
    );
    refused(
        dir,
        &root("--from root.json --remove-key vendor"),
        &["role `vendor`", "--role vendor=N:NAME"],
    );
    refused(
        dir,
        &root("--key a=root.pub --role root=1:a"),
        &["nobody has the role `policy`", "--role policy=1:NAME"],
    );
    refused(
        dir,
        "trust sign root.pub --key root",
        &["root.pub", "palisade trust"],
    );
    let policy = |text: &str| {
        std::fs::write(dir.join("trust.toml"), text).unwrap();
        "trust policy trust.toml --out policy2.json"
    };
    let text = TRUST.replace("\"state\"", "\"stat\"");
    refused(dir, policy(&text), &["trust.toml", "`stat`", "state"]);
    let text = TRUST.replace("version = 1", "version = 0");
    refused(dir, policy(&text), &["versions begin at 1"]);
    // Changed, and not raised.
    let text = TRUST.replace("\"state\"", "\"timers\"");
    let command: Vec<&str> = policy(&text).split(' ').collect();
    ok(dir, &command);
    ok(dir, &["trust", "sign", "policy2.json", "--key", "root"]);
    refused(
        dir,
        "trust install policy2.json",
        &[
            "another trust policy of version 1",
            "raise its `version`",
            "trust.toml",
        ],
    );
    let wrong = "0".repeat(64);
    refused(
        dir,
        &format!("trust install root.json --pin {wrong}"),
        &["--pin says 0000", "not the document"],
    );
}

#[test]
fn a_refused_install_does_not_say_that_it_may_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    site_with(dir, "1.0.0");
    let told = ok(
        dir,
        &["pack", "install", "target/packs/acme-guard-1.0.0.tar"],
    );
    assert!(told.contains("may run here"), "{told}");
    site_pack(dir, "0.9.0");
    for format in ["table", "json"] {
        let older = "target/packs/acme-guard-0.9.0.tar";
        run(dir, &["pack", "install", older, "--format", format])
            .code(2)
            .stdout(contains("may run").not().and(contains("true").not()))
            .stderr(contains("install acme/guard@0.9.0").and(contains("--allow-rollback 0.9.0")));
    }
}

#[test]
fn the_store_lists_packs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    site_with(dir, "1.0.0");
    ok(
        dir,
        &["pack", "install", "target/packs/acme-guard-1.0.0.tar"],
    );
    site_pack(dir, "1.1.0");
    ok(
        dir,
        &["pack", "install", "target/packs/acme-guard-1.1.0.tar"],
    );
    site_pack(dir, "1.2.0");
    ok(dir, &["pack", "load", "target/packs/acme-guard-1.2.0.tar"]);
    let told = ok(dir, &["store", "list"]);
    for (pack, state) in [
        ("acme/guard@1.0.0", "kept"),
        ("acme/guard@1.1.0", "active"),
        ("acme/guard@1.2.0", "delivered"),
    ] {
        let listed = |line: &str| line.starts_with(pack) && line.contains(state);
        assert!(told.lines().any(listed), "{pack} {state}: {told}");
    }
    let told = ok(dir, &["store", "list", "--format", "json"]);
    let blobs: serde_json::Value = serde_json::from_str(&told).unwrap();
    let packs = blobs
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|blob| blob["packs"].as_array());
    assert_eq!(packs.flatten().count(), 3, "{told}");
}

fn site_with(dir: &Path, version: &str) {
    project(dir, version);
    site(dir);
    site_pack(dir, version);
}

/// A pack of the vendor, signed.
pub(crate) fn site_pack(dir: &Path, version: &str) {
    project(dir, version);
    ok(dir, &["pack", "build", "guard"]);
    let pack = format!("target/packs/acme-guard-{version}.tar");
    ok(dir, &["pack", "sign", &pack, "--key", "vendor"]);
}
