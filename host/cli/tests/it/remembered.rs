//! What a site remembers: which versions it installed, and the latest time.

use std::fs;
use std::path::Path;
use std::process::Command;

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{ok, project, run, site};

/// A pack of the vendor in this version.
fn signed(dir: &Path, version: &str) -> String {
    project(dir, version);
    let out = format!("guard-{version}.tar");
    ok(dir, &["pack", "build", "guard", "--out", &out]);
    ok(dir, &["pack", "sign", &out, "--key", "vendor"]);
    out
}

/// A file system of some kilobytes, until it is dropped.
struct Small(std::path::PathBuf);

impl Small {
    fn mount(path: &Path, size: &str) -> Option<Small> {
        fs::create_dir_all(path).unwrap();
        let options = format!("size={size},mode=0700");
        let done = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(path)
            .output();
        if done.is_ok_and(|done| done.status.success()) {
            return Some(Small(path.to_owned()));
        }
        eprintln!("skipped: a tmpfs cannot be mounted here");
        None
    }

    /// Takes what room there is.
    fn fill(&self) {
        use std::io::Write as _;
        let mut file = fs::File::create(self.0.join("filler")).unwrap();
        while file.write_all(&[0; 512]).is_ok() {}
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

#[test]
fn a_store_alone_makes_nothing_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    site(dir);
    let (old, new) = (signed(dir, "1.0.0"), signed(dir, "2.0.0"));
    fs::write(dir.join("flow.ndjson"), "").unwrap();
    let attempt = |store: &str, pack: &str| {
        run(
            dir,
            &["run", "--store", store, "--pack", pack, "flow.ndjson"],
        )
        .code(2)
    };
    // A store with the old version, properly signed, such as somebody else could bring.
    ok(dir, &["pack", "install", &old, "--store", "theirs"]);
    ok(dir, &["pack", "install", &new, "--store", "mine"]);
    attempt("theirs", "acme/guard").stderr(contains("2.0.0 was installed last"));
    // Forgotten by this site, it is not run even by its version.
    let state = dir.join("xdg/data/palisade/trust/state.json");
    let text = fs::read_to_string(&state).unwrap();
    let (head, packs) = text.split_once("\"packs\":").unwrap();
    assert!(packs.contains("acme/guard"));
    let text = format!("{head}\"packs\":{{}}}}");
    fs::write(&state, text).unwrap();
    attempt("theirs", "acme/guard@1.0.0").stderr(contains("was never installed by this site"));
}

#[test]
fn an_installation_that_finds_no_room_changes_neither_trust_nor_store() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let trust = dir.join("xdg/data/palisade/trust");
    let Some(small) = Small::mount(&trust, "64k") else {
        return;
    };
    site(dir);
    let (old, new) = (signed(dir, "1.0.0"), signed(dir, "2.0.0"));
    ok(dir, &["pack", "install", &old]);
    let state = || {
        let text = fs::read(trust.join("state.json")).unwrap();
        let mut json: serde_json::Value = serde_json::from_slice(&text).unwrap();
        json["packs"].take()
    };
    let before_state = state();
    let names = || ok(dir, &["store", "list", "--format", "ndjson"]);
    let before = names();
    // The state finds no room.
    small.fill();
    run(dir, &["pack", "install", &new]).code(2);
    assert_eq!(state(), before_state);
    assert_eq!(names(), before);
    fs::remove_file(trust.join("filler")).unwrap();
    // The store finds none.
    let Some(store) = Small::mount(&dir.join("store"), "64k") else {
        return;
    };
    ok(dir, &["store", "list", "--store", "store"]);
    store.fill();
    run(dir, &["pack", "install", &new, "--store", "store"]).code(2);
    assert_eq!(state(), before_state);
    // So that the old one is still the newest, and the new one can be installed.
    ok(dir, &["pack", "install", &old]);
    ok(dir, &["pack", "install", &new]);
    run(dir, &["pack", "install", &old])
        .code(2)
        .stderr(contains("--allow-rollback"));
}

#[test]
fn a_run_with_a_wrong_clock_is_told_and_leaves_the_site_usable() {
    if !Path::new("/usr/bin/faketime").is_file() {
        eprintln!("skipped: faketime is not installed; run `make setup`");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    site(dir);
    let pack = signed(dir, "1.0.0");
    let verify = ["pack", "verify", &pack];
    ok(dir, &verify);
    let at = |offset: &str, args: &[&str]| {
        let palisade = assert_cmd::cargo::cargo_bin!("palisade");
        let mut command = Command::new("faketime");
        command.args(["-f", offset]).arg(palisade).args(args);
        let output = crate::here(&mut command, dir).output().unwrap();
        String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
    };
    for offset in ["+400d", "+3650d"] {
        let said = at(offset, &verify);
        assert!(said.contains("this time is not remembered"), "{said}");
        assert!(said.contains("[document-expired]"), "{said}");
    }
    ok(dir, &verify);
    // A little too late it is remembered, and only the root keys can take it back.
    let said = at("+33d", &verify);
    assert!(said.contains("[document-expired]"), "{said}");
    run(dir, &verify)
        .code(1)
        .stdout(contains("[document-expired]"))
        .stdout(contains("palisade trust sign").and(contains("palisade trust install")));
    ok(dir, &["trust", "reset-time", "--out", "reset.json"]);
    run(dir, &["trust", "install", "reset.json"]).code(2);
    ok(dir, &["trust", "sign", "reset.json", "--key", "root"]);
    ok(dir, &["trust", "install", "reset.json"]);
    ok(dir, &verify);
    run(dir, &["trust", "install", "reset.json"])
        .code(2)
        .stderr(contains("version 1 was seen here before"));
    // Where nothing is ahead there is nothing to take back.
    run(
        dir,
        &[
            "trust",
            "reset-time",
            "--out",
            "again.json",
            "--to",
            "3650d",
        ],
    )
    .code(2);
}
