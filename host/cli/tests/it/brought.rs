//! Projects of plugins that somebody else filled, and places beside them that are open to everybody:
//! what they bring along leads no build out of them, costs no memory or time without end, and
//! passes for nothing that was built here.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use predicates::prelude::*;
use predicates::str::contains;

use crate::palisade;
use crate::places::{NOBODY, is_root};
use crate::vectors::{LISTENER, app, plugin, vector};

/// How long a refusal may take on a machine that is busy.
const SOON: Duration = Duration::from_secs(60);

/// A new detector in a folder, not built yet.
fn new(dir: &Path, lang: &str) -> PathBuf {
    let project = dir.join("probe");
    palisade(dir)
        .args(["plugin", "new", "--kind", "detector", "--lang", lang])
        .arg("probe")
        .assert()
        .code(0);
    project
}

fn plugin_command(project: &Path, name: &str) -> assert_cmd::Command {
    let mut command = palisade(project);
    command.args(["plugin", name]).timeout(SOON);
    command
}

fn pipe(path: &Path) {
    assert!(Command::new("mkfifo").arg(path).status().unwrap().success());
}

#[test]
fn links_of_a_project_lead_no_build_out_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let project = new(dir, "c");
    let guest = ".palisade-sdk/guest";
    let victim = dir.join("victim");
    for (link, brought) in [
        ("target", "plugin-build/local/probe/work/thesis"),
        ("target/plugin-build", "local/probe/work/thesis"),
        ("target/plugin-build/local", "probe/work/thesis"),
        ("target/plugin-build/local/probe", "work/thesis"),
        ("target/plugin-build/local/probe/work", "thesis"),
        ("target/plugin-build/local/probe/lock", "thesis"),
        ("target/plugins", "local/probe.wasm"),
        ("target/plugins/local", "probe.wasm"),
        ("target/plugins/local/probe.wasm", "thesis"),
        (guest, "guest.h"),
        (".palisade-sdk", "guest/guest.h"),
    ] {
        for there in ["target", guest] {
            let _ = fs::remove_dir_all(project.join(there));
        }
        let kept = victim.join(brought);
        fs::create_dir_all(kept.parent().unwrap()).unwrap();
        fs::write(&kept, "precious").unwrap();
        let link = project.join(link);
        let _ = fs::remove_dir_all(&link);
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        symlink(&victim, &link).unwrap();
        for command in ["build", "test"] {
            plugin_command(&project, command)
                .assert()
                .code(2)
                .stderr(contains(format!("{} is a link to", link.display())));
        }
        let left = Command::new("find")
            .arg(&victim)
            .args(["-type", "f"])
            .output();
        let left = String::from_utf8(left.unwrap().stdout).unwrap();
        assert_eq!(left.trim_end(), kept.to_str().unwrap());
        assert_eq!(fs::read_to_string(&kept).unwrap(), "precious");
        fs::remove_file(&link).unwrap();
        fs::remove_dir_all(&victim).unwrap();
    }
    plugin_command(&project, "build").assert().code(0);
}

#[test]
fn what_others_may_change_is_not_built_beside_a_plugin() {
    if !is_root() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // As `/tmp` is.
    fs::set_permissions(dir, Permissions::from_mode(0o1777)).unwrap();
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    plugin(dir, "own", "detector", rest, LISTENER);
    plugin(dir, "other", "detector", rest, LISTENER);
    let events = app("10:00:00", "a");
    vector(
        &dir.join("own"),
        "with",
        &[
            ("vector.toml", "with = [\"other\"]\n"),
            ("events.ndjson", &events),
            ("expected.ndjson", ""),
        ],
    );
    let test = |refused: bool| {
        let assert = plugin_command(&dir.join("own"), "test").assert();
        let said = contains("there is no such plugin of pack `tests`")
            .and(contains("Of what others may change nothing is built"));
        if refused {
            assert.code(1).stdout(said);
            assert!(!dir.join("other/target").exists());
        } else {
            assert.stdout(said.not());
            assert!(dir.join("other/target").exists());
        }
    };
    let other = dir.join("other");
    let mode = |path: &Path, mode| fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
    for path in [other.clone(), other.join("plugin.toml")] {
        chown(&path, Some(NOBODY), None).unwrap();
        test(true);
        chown(&path, Some(0), None).unwrap();
        let was = fs::metadata(&path).unwrap().permissions().mode();
        mode(&path, was | 0o020);
        test(true);
        mode(&path, was & 0o7755);
    }
    // Nor does somebody's manifest of a pack say what is searched.
    fs::create_dir(dir.join("deep")).unwrap();
    fs::rename(&other, dir.join("deep/other")).unwrap();
    fs::write(dir.join("pack.toml"), "").unwrap();
    test(true);
    assert!(!dir.join("deep/other/target").exists());
    assert!(!dir.join("target").exists());
    fs::remove_file(dir.join("pack.toml")).unwrap();
    fs::rename(dir.join("deep/other"), &other).unwrap();
    test(false);
}

#[test]
fn the_sdk_is_laid_out_where_a_manifest_of_the_user_names_it_and_nowhere_else() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let project = new(dir, "c");
    let home = dir.join("home");
    fs::create_dir(&home).unwrap();
    let names =
        |path: &str| format!("[dependencies]\nx = {{ path = \"{path}.palisade-sdk/rust\" }}\n");
    // A project in C has nothing to do with cargo.
    fs::write(dir.join("Cargo.toml"), names("")).unwrap();
    plugin_command(&project, "build").assert().code(0);
    assert!(!dir.join(".palisade-sdk").exists());
    fs::remove_file(project.join("plugin.c")).unwrap();
    let lay_out = |manifest: &str| {
        fs::write(project.join("Cargo.toml"), manifest).unwrap();
        // Such a package is none; what is looked for was laid out before.
        plugin_command(&project, "build").assert().code(2);
    };
    let absolute = format!("{}/", home.display());
    for path in ["../home/", "../../", &absolute] {
        lay_out(&names(path));
        assert!(!home.join(".palisade-sdk").exists(), "{path}");
        assert!(
            !dir.parent().unwrap().join(".palisade-sdk").exists(),
            "{path}"
        );
    }
    // Beside the user's own manifest above, which names it, it was made.
    fs::remove_dir_all(dir.join(".palisade-sdk")).unwrap();
    if is_root() {
        chown(dir.join("Cargo.toml"), Some(NOBODY), None).unwrap();
        lay_out("");
        assert!(!dir.join(".palisade-sdk").exists());
        chown(dir.join("Cargo.toml"), Some(0), None).unwrap();
    }
    lay_out("");
    assert!(dir.join(".palisade-sdk/rust").exists());
    // Nothing is waited for.
    fs::remove_dir_all(project.join(".palisade-sdk")).unwrap();
    pipe(&project.join(".palisade-sdk"));
    lay_out(&names(""));
    plugin_command(&project, "build")
        .assert()
        .code(2)
        .stderr(contains("probe/.palisade-sdk").and(contains("Not a directory")));
}

#[test]
fn a_project_neither_holds_up_a_build_nor_takes_all_memory() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let project = new(dir, "c");
    let refused = |what: &str| {
        plugin_command(&project, "build")
            .assert()
            .code(2)
            .stderr(contains(what));
    };
    for name in ["Cargo.toml", "plugin.toml", "more.h", ".hidden.h"] {
        let path = project.join(name);
        let before = fs::read(&path).ok();
        let _ = fs::remove_file(&path);
        pipe(&path);
        match name {
            // Of another language, it is refused before it is read.
            "Cargo.toml" => refused("has both Cargo.toml and plugin.c"),
            name => refused(&format!("{name} is a pipe")),
        }
        fs::remove_file(&path).unwrap();
        if let Some(before) = before {
            fs::write(&path, before).unwrap();
        }
    }
    let code = fs::read_to_string(project.join("plugin.c")).unwrap();
    fs::write(
        project.join("plugin.c"),
        format!("{code}\n#include \"/dev/zero\"\n"),
    )
    .unwrap();
    refused("/dev/zero is a device");
    fs::write(project.join("plugin.c"), code).unwrap();
    let sparse = fs::File::create(project.join("large.bin")).unwrap();
    sparse.set_len(3 << 30).unwrap();
    refused("large.bin the plugin is built from more than");
    fs::remove_file(project.join("large.bin")).unwrap();
    for name in [
        "plugin-build/local/probe/stamp.json",
        "plugins/local/probe.wasm",
    ] {
        plugin_command(&project, "build").assert().code(0);
        let path = project.join("target").join(name);
        fs::remove_file(&path).unwrap();
        pipe(&path);
        plugin_command(&project, "build")
            .assert()
            .code(0)
            .stdout(contains("probe"));
        assert!(fs::metadata(&path).unwrap().is_file());
    }
}

#[test]
fn a_stamp_that_was_brought_along_makes_no_component_pass_for_the_source() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let project = new(dir, "c");
    let build = |state: &str| {
        let assert = plugin_command(&project, "build")
            .env("XDG_STATE_HOME", dir.join(state))
            .args(["--format", "ndjson"])
            .assert()
            .code(0);
        let line: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
        (line["new"].as_bool().unwrap(), line["digest"].clone())
    };
    let (new, digest) = build("theirs");
    assert!(new);
    assert!(!build("theirs").0);
    // Whoever made the stamp knew what it takes, but for the key.
    assert_eq!(build("own"), (true, digest.clone()));
    assert_eq!(build("own"), (false, digest.clone()));
    let stamp = project.join("target/plugin-build/local/probe/stamp.json");
    let component = project.join("target/plugins/local/probe.wasm");
    let mut other = fs::read(&component).unwrap();
    // One more custom section, empty and called `x`.
    other.extend([0, 2, 1, b'x']);
    fs::write(&component, &other).unwrap();
    let forged = fs::read_to_string(&stamp).unwrap().replace(
        digest.as_str().unwrap(),
        blake3::hash(&other).to_hex().as_str(),
    );
    fs::write(&stamp, forged).unwrap();
    assert_eq!(build("own"), (true, digest.clone()));
    // Code may ask whether there is a hidden file.
    let code = fs::read_to_string(project.join("plugin.c")).unwrap();
    let asks = "\n#if __has_include(\".y.h\")\n#error there\n#endif\n";
    fs::write(project.join("plugin.c"), code + asks).unwrap();
    build("own");
    assert!(!build("own").0);
    fs::write(project.join(".y.h"), "").unwrap();
    plugin_command(&project, "build")
        .env("XDG_STATE_HOME", dir.join("own"))
        .assert()
        .code(2);
}

#[test]
fn what_is_expected_is_written_through_no_link_of_a_project() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let project = new(dir, "c");
    let victim = dir.join("victim");
    fs::rename(project.join("vectors"), &victim).unwrap();
    let name = fs::read_dir(&victim).unwrap().next().unwrap().unwrap();
    let expected = Path::new(&name.file_name()).join("expected.ndjson");
    let as_it_was = fs::read(victim.join(&expected)).unwrap();
    let bless = |code: i32, what: &str| {
        plugin_command(&project, "test")
            .env("PALISADE_BLESS", "1")
            .assert()
            .code(code)
            .stdout(contains(what));
    };
    // The vectors, one of them, or what is expected of it lies elsewhere.
    for below in [Path::new(""), expected.parent().unwrap(), &expected] {
        let link = match below == Path::new("") {
            true => project.join("vectors"),
            false => project.join("vectors").join(below),
        };
        let to = match below == Path::new("") {
            true => victim.clone(),
            false => victim.join(below),
        };
        fs::create_dir_all(link.parent().unwrap()).unwrap();
        if below == expected {
            let events = expected.with_file_name("events.ndjson");
            fs::copy(victim.join(&events), project.join("vectors").join(events)).unwrap();
        }
        symlink(&to, &link).unwrap();
        // It is read, and what comes out as expected needs no writing.
        bless(0, "ok      ");
        fs::write(victim.join(&expected), "{\"rule\":\"other\"}\n").unwrap();
        bless(
            1,
            &format!("{} is a link to", link.file_name().unwrap().display()),
        );
        let left = fs::read(victim.join(&expected)).unwrap();
        assert_eq!(left, b"{\"rule\":\"other\"}\n");
        fs::write(victim.join(&expected), &as_it_was).unwrap();
        match below == Path::new("") {
            true => fs::remove_file(&link).unwrap(),
            false => fs::remove_dir_all(project.join("vectors")).unwrap(),
        }
    }
    // Where they lie themselves they are written.
    fs::rename(&victim, project.join("vectors")).unwrap();
    fs::write(project.join("vectors").join(&expected), "").unwrap();
    bless(0, "wrote   ");
    assert_eq!(
        fs::read(project.join("vectors").join(&expected)).unwrap(),
        as_it_was
    );
}

#[test]
fn no_pipe_above_a_new_project_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for name in ["pack.toml", "Cargo.toml"] {
        let path = dir.join(name);
        pipe(&path);
        let mut command = palisade(dir);
        command.args(["plugin", "new", "--kind", "detector", "rules/probe"]);
        command
            .timeout(SOON)
            .assert()
            .code(2)
            .stderr(contains(format!("{name} is a pipe")));
        assert!(!dir.join("rules/probe").exists());
        fs::remove_file(&path).unwrap();
    }
}
