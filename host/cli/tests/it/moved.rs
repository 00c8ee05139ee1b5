//! Projects and packs that were moved, renamed or copied with what was built of them.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::mishaps::all;
use crate::new::new;
use crate::palisade;

/// What a command said, on both streams, and that it came to an end without an error.
fn said(dir: &Path, args: &[&str]) -> String {
    let assert = palisade(dir).args(args).assert().code(0);
    let output = assert.get_output();
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

fn none(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(!said.contains(part), "has {part}\n{said}");
    }
}

fn renamed(project: &Path, from: &str, to: &str) {
    let file = project.join("plugin.toml");
    let text = fs::read_to_string(&file).unwrap();
    let new = text.replace(&format!("name = \"{from}\""), &format!("name = \"{to}\""));
    assert_ne!(new, text);
    fs::write(&file, new).unwrap();
}

#[test]
fn a_project_that_was_moved_has_its_component_still() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for lang in ["c", "javascript"] {
        new(dir, "detector", lang, "one");
        said(dir, &["plugin", "build", "one"]);
        for (from, to) in [("one", "two"), ("two", "three")] {
            fs::rename(dir.join(from), dir.join(to)).unwrap();
            let built = said(dir, &["plugin", "build", to]);
            all(&built, &["(unchanged)"]);
            none(&built, &["removed"]);
            let component = dir.join(to).join("target/plugins/local/one.wasm");
            assert!(component.is_file(), "{lang}: {}", component.display());
            all(&said(dir, &["plugin", "test", to]), &["2 passed, 0 failed"]);
        }
        // Nor is it told of the component that it lost its project.
        let run = palisade(dir)
            .args(["run", "-", "--plugins", "three/target/plugins"])
            .write_stdin("{}")
            .assert();
        let told = String::from_utf8(run.get_output().stderr.clone()).unwrap();
        none(&told, &["no plugin any more"]);
        fs::remove_dir_all(dir.join("three")).unwrap();
    }
}

#[test]
fn plugins_of_a_pack_that_were_moved_have_their_components_still() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let pack = dir.join("pack");
    fs::create_dir(&pack).unwrap();
    let text = "vendor = \"acme\"\nname = \"local\"\nversion = \"1.0.0\"\ndescription = \"Test\"\n\
                licence = \"MIT\"\nrequirements = []\n";
    fs::write(pack.join("pack.toml"), text).unwrap();
    for name in ["first", "second"] {
        new(&pack, "detector", "c", name);
    }
    said(dir, &["plugin", "build", "--all", "pack"]);
    let there = |pack: &str| {
        for name in ["first", "second"] {
            let file = format!("{pack}/target/plugins/local/{name}.wasm");
            assert!(dir.join(&file).is_file(), "{file}");
        }
    };
    fs::rename(&pack, dir.join("moved")).unwrap();
    let built = said(dir, &["plugin", "build", "--all", "moved"]);
    none(&built, &["removed"]);
    assert_eq!(built.matches("(unchanged)").count(), 2, "{built}");
    there("moved");
    // Also where only one of them is built, and their own folders have other names.
    for (from, to) in [("first", "one"), ("second", "two")] {
        fs::rename(dir.join("moved").join(from), dir.join("moved").join(to)).unwrap();
    }
    for what in [&["moved/two"][..], &["--all", "moved"]] {
        let built = said(dir, &[&["plugin", "build"], what].concat());
        none(&built, &["removed"]);
        there("moved");
    }
    said(dir, &["pack", "build", "moved"]);
    // One that goes is told all the same, wherever the rest lies.
    fs::rename(dir.join("moved"), dir.join("again")).unwrap();
    fs::remove_dir_all(dir.join("again/one")).unwrap();
    let built = said(dir, &["plugin", "build", "--all", "again"]);
    all(
        &built,
        &["removed ", "local/first.wasm", "no plugin any more"],
    );
    assert!(dir.join("again/target/plugins/local/second.wasm").is_file());
}

#[test]
fn a_copy_by_another_name_does_not_bring_the_component_of_the_first() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "first");
    said(dir, &["plugin", "build", "first"]);
    let mut copy = Command::new("cp");
    copy.args(["-r", "first", "copy"]).current_dir(dir);
    assert!(copy.status().unwrap().success());
    renamed(&dir.join("copy"), "first", "other");
    let built = said(dir, &["plugin", "build", "copy"]);
    all(
        &built,
        &["removed ", "first.wasm", "is called local/other now"],
    );
    let plugins = dir.join("copy/target/plugins/local");
    let mut names: Vec<_> = fs::read_dir(&plugins)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| !name.ends_with(".debug.wasm"))
        .collect();
    names.sort();
    assert_eq!(names, ["other.wasm"]);
    // That of the project which was copied stays.
    assert!(dir.join("first/target/plugins/local/first.wasm").is_file());
    all(&said(dir, &["plugin", "build", "first"]), &["(unchanged)"]);
}
