use std::fs;
use std::path::Path;

use predicates::str::contains;

use crate::{checkout, palisade};

const TEMPLATES: [(&str, &str); 7] = [
    ("detector", "rust"),
    ("policy", "rust"),
    ("parser", "rust"),
    ("detector", "c"),
    ("policy", "c"),
    ("detector", "js"),
    ("policy", "js"),
];

/// A new folder for projects in the checkout, so that they share one target directory.
fn folder(name: &str) -> std::path::PathBuf {
    let folder = checkout().join("target/test-projects").join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn new(dir: &Path, kind: &str, lang: &str, name: &str) {
    palisade(dir)
        .args(["plugin", "new", "--kind", kind, "--lang", lang, name])
        .assert()
        .code(0)
        .stdout(contains(format!("palisade plugin build {name}")));
}

#[test]
fn every_template_builds() {
    let dir = folder("templates");
    let names = TEMPLATES.map(|(kind, lang)| format!("{kind}-{lang}"));
    for ((kind, lang), name) in TEMPLATES.iter().zip(&names) {
        new(&dir, kind, lang, name);
        // A new parser has its test in `src/`: a capture would be a binary file.
        if *kind != "parser" {
            let vectors = fs::read_dir(dir.join(name).join("vectors")).unwrap();
            assert_eq!(vectors.count(), 2, "{name}");
        }
    }
    let out = dir.join("out");
    palisade(&dir)
        .args(["plugin", "build", "--all", ".", "--out"])
        .arg(&out)
        .assert()
        .code(0);
    for name in &names {
        palisade(&dir)
            .args(["plugin", "inspect"])
            .arg(out.join("local").join(name).with_extension("wasm"))
            .assert()
            .code(0)
            .stdout(contains(format!("local/{name} 0.1.0")));
    }
}

#[test]
fn a_project_outside_of_the_checkout_names_the_sdk_by_its_full_path() {
    let dir = tempfile::tempdir().unwrap();
    new(dir.path(), "detector", "rust", "some/where/my-rule");
    let cargo = fs::read_to_string(dir.path().join("some/where/my-rule/Cargo.toml")).unwrap();
    let table: toml::Table = toml::from_str(&cargo).unwrap();
    let sdk = table["dependencies"]["palisade-sdk"]["path"]
        .as_str()
        .unwrap();
    assert!(Path::new(sdk).join("Cargo.toml").is_file(), "{sdk}");
    assert!(table.contains_key("workspace"));
}

#[test]
fn a_member_of_a_workspace_is_not_one_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(
        dir.path().join("Cargo.toml"),
        "[workspace]\nmembers = [\"plugins/*\"]\n",
    )
    .unwrap();
    for (name, own) in [
        ("plugins/a", false),
        ("plugins/deeper/a", true),
        ("other", true),
    ] {
        new(dir.path(), "detector", "rust", name);
        let cargo = fs::read_to_string(dir.path().join(name).join("Cargo.toml")).unwrap();
        assert_eq!(cargo.contains("[workspace]"), own, "{name}");
    }
}

#[test]
fn wrong_names_and_full_folders_are_refused_before_anything_is_written() {
    let dir = tempfile::tempdir().unwrap();
    fs::create_dir(dir.path().join("full")).unwrap();
    fs::write(dir.path().join("full/notes.txt"), "").unwrap();
    for (arguments, message) in [
        (
            &["--kind", "detector", "My_Rule"][..],
            "must be 1 to 64 of a-z",
        ),
        (
            &["--kind", "detector", "a", "--pack", "../b"],
            "must be 1 to 64 of a-z",
        ),
        (
            &["--kind", "detector", "full"],
            "full is there already and not empty",
        ),
        (&["--kind", "detector", ".."], "has no name at its end"),
        (
            &["--kind", "parser", "--lang", "js", "a"],
            "no template for a parser in JavaScript; use --lang rust",
        ),
        (
            &["--kind", "detekt", "a"],
            "[possible values: detector, policy, parser]",
        ),
        (&["a"], "--kind"),
        (
            &["--kind", "detector", "--sdk", "full", "a"],
            "full is not the `sdk` folder",
        ),
    ] {
        palisade(dir.path())
            .args(["plugin", "new"])
            .args(arguments)
            .assert()
            .code(2)
            .stdout("")
            .stderr(contains(message));
    }
    let left = fs::read_dir(dir.path()).unwrap().count();
    assert_eq!(left, 1);
}
