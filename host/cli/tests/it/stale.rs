//! No component of other inputs is taken for that of a project, wherever the project lies and
//! whatever the times of its files are.

use std::fs;
use std::path::Path;
use std::process::Command;

use predicates::str::contains;

use crate::new::folder;
use crate::{checkout, palisade};

/// Makes a detector of this name in `dir`.
fn new(dir: &Path, lang: &str, name: &str) {
    palisade(dir)
        .args(["plugin", "new", "--kind", "detector", "--lang", lang, name])
        .assert()
        .code(0);
}

/// Copies a folder with all that was built in it, times included.
fn copy(from: &Path, to: &Path) {
    let mut command = Command::new("cp");
    let status = command.arg("-a").args([from, to]).status().unwrap();
    assert!(status.success());
}

/// Whether a project had to be built.
fn built(dir: &Path, more: &[&str]) -> bool {
    let mut command = palisade(dir);
    let toolchain = checkout().join("target/wasm-toolchain.json");
    if std::env::var_os("PALISADE_WASM_TOOLCHAIN_FILE").is_none() && toolchain.is_file() {
        command.env("PALISADE_WASM_TOOLCHAIN_FILE", toolchain);
    }
    command.args(["plugin", "build", "--format", "ndjson"]);
    let assert = command.args(more).assert().code(0);
    let line: serde_json::Value = serde_json::from_slice(&assert.get_output().stdout).unwrap();
    line["new"].as_bool().unwrap()
}

/// Adds to a file and leaves its time as it was, as an archive or a clock set back may.
fn add(file: &Path, text: &str) {
    let mut content = fs::read_to_string(file).unwrap();
    let time = fs::metadata(file).unwrap().modified().unwrap();
    content.push_str(text);
    fs::write(file, content).unwrap();
    let open = fs::File::options().write(true).open(file).unwrap();
    open.set_modified(time).unwrap();
}

/// Neither builds nor passes.
fn refused(dir: &Path) {
    for (command, said) in [("build", ""), ("test", "0 passed, 0 failed, 1 not built\n")] {
        let mut palisade = palisade(dir);
        let assert = palisade.args(["plugin", command]).assert().code(2);
        assert.stdout(said).stderr(contains("error: "));
    }
}

/// A copy of a built project whose code is broken is refused, and one that was only moved is not
/// built again. Returns the moved one.
fn copied_and_moved(dir: &Path, name: &str, code: &str) -> std::path::PathBuf {
    let project = dir.join(name);
    forget(name);
    assert!(built(&project, &[]), "{name}");
    assert!(!built(&project, &[]), "{name}");
    let broken = dir.join(format!("{name}-copy"));
    copy(&project, &broken);
    add(&broken.join(code), "\n}} broken {{\n");
    refused(&broken);
    let moved = dir.join(format!("{name}-moved"));
    fs::rename(&project, &moved).unwrap();
    assert!(!built(&moved, &[]), "{name}");
    add(&moved.join("plugin.toml"), "\n# Another text.\n");
    assert!(built(&moved, &[]), "{name}");
    assert!(!built(&moved, &[]), "{name}");
    moved
}

/// Removes a component from where those of the checkout are.
fn forget(name: &str) {
    let component = checkout().join("target/plugins/local").join(name);
    let _ = fs::remove_file(component.with_extension("wasm"));
    let _ = fs::remove_file(component.with_extension("debug.wasm"));
}

/// Copies the SDK without what is installed in it, and the interfaces beside it.
fn sdk(dir: &Path) -> String {
    fs::create_dir(dir.join("sdk")).unwrap();
    for below in ["sdk/c", "sdk/js", "wit"] {
        let status = Command::new("cp")
            .arg("-a")
            .args([checkout().join(below), dir.join(below)])
            .status()
            .unwrap();
        assert!(status.success());
    }
    dir.join("sdk").to_str().unwrap().to_owned()
}

#[test]
fn a_copy_in_rust_is_not_taken_for_the_original() {
    let dir = folder("stale-rust");
    new(&dir, "rust", "stale-rust");
    fs::create_dir_all(dir.join("shared/src")).unwrap();
    fs::write(
        dir.join("shared/Cargo.toml"),
        "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2024\"\n\n[workspace]\n",
    )
    .unwrap();
    fs::write(dir.join("shared/src/lib.rs"), "//! Shared.\n").unwrap();
    let manifest = dir.join("stale-rust/Cargo.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let dependency = "[dependencies]\nshared = { path = \"../shared\" }";
    let with = text.replace("[dependencies]", dependency);
    assert_ne!(text, with);
    fs::write(&manifest, with).unwrap();

    let moved = copied_and_moved(&dir, "stale-rust", "src/lib.rs");
    // What cargo did not know at the last build.
    fs::create_dir(dir.join(".cargo")).unwrap();
    fs::write(dir.join(".cargo/config.toml"), "# Nothing.\n").unwrap();
    assert!(built(&moved, &[]));
    add(&moved.join("Cargo.lock"), "\n# Another text.\n");
    assert!(built(&moved, &[]));
    fs::write(moved.join("build.rs"), "fn main() {}\n").unwrap();
    assert!(built(&moved, &[]));
    assert!(!built(&moved, &[]));
    // Cargo goes by times, and would take what it has.
    fs::write(dir.join("shared/src/lib.rs"), "//! Shared!\n").unwrap();
    assert!(built(&moved, &[]));
    add(&dir.join("shared/src/lib.rs"), "\nbroken\n");
    refused(&moved);
    forget("stale-rust");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_copy_in_c_is_not_taken_for_the_original() {
    let dir = folder("stale-c");
    new(&dir, "c", "stale-c");
    fs::write(dir.join("shared.h"), "/* Shared. */\n").unwrap();
    let code = dir.join("stale-c/plugin.c");
    add(&code, "\n#include \"../shared.h\"\n");
    let moved = copied_and_moved(&dir, "stale-c", "plugin.c");
    add(&dir.join("shared.h"), "\n/* More. */\n");
    assert!(built(&moved, &[]));
    let sdk = sdk(&dir);
    let with = ["--sdk", sdk.as_str()];
    built(&moved, &with);
    assert!(!built(&moved, &with));
    add(&dir.join("sdk/c/include/palisade.h"), "\n/* More. */\n");
    assert!(built(&moved, &with));
    forget("stale-c");
    fs::remove_dir_all(dir).unwrap();
}

#[test]
fn a_copy_in_javascript_is_not_taken_for_the_original() {
    let dir = folder("stale-js");
    new(&dir, "javascript", "stale-js");
    let moved = copied_and_moved(&dir, "stale-js", "plugin.js");
    let sdk = sdk(&dir);
    let with = ["--sdk", sdk.as_str()];
    built(&moved, &with);
    assert!(!built(&moved, &with));
    add(&dir.join("sdk/js/batch.js"), "\n// More.\n");
    assert!(built(&moved, &with));
    forget("stale-js");
    fs::remove_dir_all(dir).unwrap();
}
