//! Working directories, caches and stores that somebody else could have written.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::Path;
use std::process::Command;

use predicates::prelude::*;
use predicates::str::contains;

use crate::site::{flow, project, run, site};
use crate::{made, palisade};

/// The user `nobody` of Debian.
pub(crate) const NOBODY: u32 = 65534;

pub(crate) fn is_root() -> bool {
    let root = fs::metadata("/proc/self").is_ok_and(|it| {
        use std::os::unix::fs::MetadataExt as _;
        it.uid() == 0
    });
    if !root {
        eprintln!("skipped: only root can become another user");
    }
    root
}

/// A component that traps, and an event for it.
fn guest(dir: &Path) {
    fs::write(dir.join("made.wasm"), made("made-here", "tests")).unwrap();
    flow(&dir.join("flow.ndjson"));
}

#[test]
fn a_project_of_another_user_gives_no_store() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::set_permissions(dir, Permissions::from_mode(0o755)).unwrap();
    let evidence = dir.join("evidence");
    fs::create_dir(&evidence).unwrap();
    chown(&evidence, Some(NOBODY), Some(NOBODY)).unwrap();
    // Somebody without any rights makes it.
    let made = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "mkdir"])
        .arg("-p")
        .arg(evidence.join(".palisade/store"))
        .status()
        .unwrap();
    assert!(made.success());
    for args in [&["store", "list"][..], &["run", "--pack", "a/b", "x"]] {
        palisade(&evidence)
            .args(args)
            .assert()
            .code(2)
            .stderr(contains("belongs to user 65534, not to you (user 0)").and(contains("chown")));
    }
    assert_eq!(
        fs::read_dir(evidence.join(".palisade/store"))
            .unwrap()
            .count(),
        0
    );
    // Named by an option or by the environment it is the same.
    let place = evidence.join(".palisade");
    for name in ["PALISADE_STORE", "PALISADE_TRUST"] {
        palisade(dir)
            .env(name, &place)
            .args(["pack", "verify", "acme/guard"])
            .assert()
            .code(2)
            .stderr(contains("belongs to user 65534").or(contains("no such pack")));
    }
    palisade(dir)
        .args(["trust", "show", "--trust"])
        .arg(&place)
        .assert()
        .code(2)
        .stderr(contains("belongs to user 65534"));
    // And the other way round: another user is not lead by a directory that is not theirs.
    let theirs = dir.join("theirs");
    fs::create_dir(&theirs).unwrap();
    chown(&theirs, Some(65533), None).unwrap();
    let program = dir.join("palisade");
    fs::copy(assert_cmd::cargo::cargo_bin!("palisade"), &program).unwrap();
    let output = Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups"])
        .arg(&program)
        .args(["store", "list", "--store"])
        .arg(&theirs)
        .current_dir("/")
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(
        said.contains("belongs to user 65533, not to you (user 65534)"),
        "{said}"
    );
}

#[test]
fn places_that_others_may_write_to_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    guest(dir);
    for name in ["store", "trust", "cache", "state"] {
        for (mode, refused) in [(0o777, true), (0o770, true), (0o750, false)] {
            let place = dir.join(format!("{name}-{mode:o}"));
            fs::create_dir(&place).unwrap();
            let program = |dir: &Path| {
                let mut command = palisade(dir);
                match name {
                    "store" => command
                        .args(["store", "list"])
                        .env("PALISADE_STORE", &place),
                    "trust" => command
                        .args(["trust", "show"])
                        .env("PALISADE_TRUST", &place),
                    "cache" => command
                        .args(["run", "--plugins", "made.wasm", "flow.ndjson"])
                        .env("XDG_CACHE_HOME", &place),
                    _ => command
                        .args(["run", "--plugins", "made.wasm", "flow.ndjson"])
                        .env("XDG_STATE_HOME", &place),
                };
                command
            };
            fs::set_permissions(&place, Permissions::from_mode(mode)).unwrap();
            let assert = program(dir).assert();
            if refused {
                assert
                    .code(2)
                    .stderr(contains("can be written by others").and(contains("chmod go-w")));
                assert_eq!(fs::read_dir(&place).unwrap().count(), 0);
            } else {
                match name {
                    "store" | "trust" => assert.success(),
                    // It was run, which is all that it can be.
                    _ => assert.code(2).stderr(contains("faulted on everything")),
                };
            }
        }
    }
}

#[test]
fn compiled_code_and_its_key_never_come_from_a_project() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    guest(dir);
    let planted = dir.join(".palisade/cache/code");
    fs::create_dir_all(&planted).unwrap();
    fs::write(planted.join("key"), [7; 32]).unwrap();
    fs::write(planted.join("code-cache.key"), [7; 32]).unwrap();
    let (cache, state) = (dir.join("cache"), dir.join("state"));
    let program = || {
        let mut command = palisade(dir);
        command
            .env("XDG_CACHE_HOME", &cache)
            .env("XDG_STATE_HOME", &state)
            .args(["run", "--plugins", "made.wasm", "flow.ndjson"]);
        command
    };
    program()
        .assert()
        .stderr(contains("1 of 1 plugins compiled"));
    program()
        .assert()
        .stderr(contains("0 of 1 plugins compiled"));
    assert_eq!(fs::read_dir(&planted).unwrap().count(), 2);
    let key = fs::read_to_string(state.join("palisade/code-cache.key")).unwrap();
    assert_eq!(key.trim_end().len(), 64);
    assert_ne!(key.trim_end(), "07".repeat(32));
    // The key does not lie beside the entries either.
    for entry in fs::read_dir(cache.join("palisade/code")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(!name.contains("key"), "{name}");
    }
}

#[test]
fn a_project_does_not_say_whom_to_trust() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    site(dir);
    guest(dir);
    let loose = ["run", "--plugins", "made.wasm", "flow.ndjson"];
    run(dir, &loose).code(2).stderr(contains("is in no pack"));
    // An empty directory, and one that brings trust with it.
    fs::create_dir_all(dir.join(".palisade")).unwrap();
    run(dir, &loose).code(2).stderr(contains("is in no pack"));
    fs::create_dir_all(dir.join(".palisade/trust")).unwrap();
    run(dir, &loose)
        .code(2)
        .stderr(contains("is in no pack").and(contains(".palisade/trust is not used")));
}

#[test]
fn what_is_written_does_not_go_through_a_link() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    guest(dir);
    let kept = dir.join("kept");
    fs::write(&kept, "keep").unwrap();
    symlink(&kept, dir.join("link")).unwrap();
    for option in ["--events", "--summary", "--dead-letters"] {
        palisade(dir)
            .args([
                "run",
                "--plugins",
                "made.wasm",
                option,
                "link",
                "flow.ndjson",
            ])
            .assert()
            .code(2)
            .stderr(contains("a symbolic link"));
    }
    fs::hard_link(&kept, dir.join("second")).unwrap();
    for option in ["--events", "--summary", "--dead-letters"] {
        palisade(dir)
            .args(["run", "--plugins", "made.wasm"])
            .args([option, "second", "flow.ndjson"])
            .assert()
            .code(2)
            .stderr(contains("a file that has another name too (a hard link)"));
    }
    let new = |name: &str| {
        palisade(dir)
            .env("PALISADE_PASSPHRASE", "correct horse battery")
            .args(["key", "new", name])
            .assert()
            .code(2);
    };
    new("link");
    symlink(&kept, dir.join("other.pub")).unwrap();
    new("other");
    assert_eq!(fs::read_to_string(&kept).unwrap(), "keep");
    // Where a device is meant, it is meant.
    palisade(dir)
        .args([
            "run",
            "--plugins",
            "made.wasm",
            "--events",
            "/dev/null",
            "flow.ndjson",
        ])
        .assert()
        .code(2)
        .stderr(contains("faulted on everything"));
}

#[test]
fn links_to_folders_and_pipes_among_plugins_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    guest(dir);
    let plugins = dir.join("target/plugins/a");
    // The links beside a project that lead to its SDK are nothing of plugins.
    let sdk = plugins.join("project/.palisade-sdk");
    fs::create_dir_all(&sdk).unwrap();
    symlink("/", sdk.join("c")).unwrap();
    palisade(dir)
        .args(["run", "flow.ndjson"])
        .assert()
        .stderr(contains("is a link to a folder").not());
    symlink("..", plugins.join("loop")).unwrap();
    palisade(dir)
        .args(["run", "flow.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("is a link to a folder"));
    fs::remove_file(plugins.join("loop")).unwrap();
    let pipe = Command::new("mkfifo").arg(plugins.join("p.wasm")).status();
    assert!(pipe.unwrap().success());
    palisade(dir)
        .args(["run", "flow.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("is a pipe"));
    fs::remove_file(plugins.join("p.wasm")).unwrap();
    let deep = (0..20).fold(plugins, |path, n| path.join(n.to_string()));
    fs::create_dir_all(&deep).unwrap();
    palisade(dir)
        .args(["run", "flow.ndjson"])
        .assert()
        .code(2)
        .stderr(contains("folders deep"));
}

#[test]
fn a_pack_takes_nothing_from_outside_of_its_folder() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    project(dir, "1.0.0");
    fs::write(dir.join("secret"), "secret").unwrap();
    let manifest = fs::read_to_string(dir.join("guard/pack.toml")).unwrap();
    symlink("../secret", dir.join("guard/README.md")).unwrap();
    for doc in ["README.md", "../../etc/passwd", "/etc/passwd"] {
        fs::write(
            dir.join("guard/pack.toml"),
            format!("{manifest}docs = [\"{doc}\"]\n"),
        )
        .unwrap();
        palisade(dir)
            .args(["pack", "build", "guard", "--out", "x.tar"])
            .assert()
            .code(2)
            .stderr(contains("`, which is not in the folder"));
    }
    fs::write(dir.join("guard/pack.toml"), manifest).unwrap();
    let component = dir.join(crate::site::COMPONENT);
    fs::rename(&component, dir.join("moved.wasm")).unwrap();
    symlink(dir.join("moved.wasm"), &component).unwrap();
    palisade(dir)
        .args(["pack", "build", "guard", "--out", "x.tar"])
        .assert()
        .code(2)
        .stderr(contains("symbolic link"));
    assert!(!dir.join("x.tar").exists());
}

#[test]
fn plugins_of_one_name_are_told_apart_by_their_packs() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    guest(dir);
    fs::write(dir.join("a.wasm"), made("twin", "acme")).unwrap();
    fs::write(dir.join("b.wasm"), made("twin", "other")).unwrap();
    let assert = palisade(dir)
        .args(["run", "--plugins", "a.wasm", "--plugins", "b.wasm"])
        .args([
            "--plugins",
            "made.wasm",
            "--summary",
            "summary.json",
            "flow.ndjson",
        ])
        .assert();
    let said = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    for title in [
        "plugin `acme/twin`",
        "plugin `other/twin`",
        "plugin `made-here`",
    ] {
        assert!(said.contains(title), "{title}: {said}");
    }
    assert!(!said.contains("plugin `twin`"), "{said}");
    let summary = fs::read(dir.join("summary.json")).unwrap();
    let summary: serde_json::Value = serde_json::from_slice(&summary).unwrap();
    let packs: Vec<_> = summary["plugins"]
        .as_array()
        .unwrap()
        .iter()
        .map(|plugin| plugin["pack"].as_str().unwrap())
        .collect();
    assert_eq!(packs, ["acme", "other", "tests"]);
}
