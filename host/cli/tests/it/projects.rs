//! What authors are told of projects: warnings of compilers, names of before, arguments that an
//! SDK refuses, code that is not there or there twice.

use std::fs;

use predicates::prelude::*;
use predicates::str::contains;

use crate::mishaps::{all, tested};
use crate::new::{folder, new};
use crate::palisade;

#[test]
fn what_compilers_warn_of_is_told_once() {
    let dir = folder("warns");
    new(&dir, "detector", "c", "warns-c");
    new(&dir, "detector", "rust", "warns-rust");
    for (file, code, warning) in [
        (
            "warns-c/plugin.c",
            "static int never(void) { return 1; }\n",
            "unused function 'never'",
        ),
        (
            "warns-rust/src/lib.rs",
            "fn never() {}\n",
            "function `never` is never used",
        ),
    ] {
        let name = file.split('/').next().unwrap();
        let build = || {
            palisade(&dir)
                .args(["plugin", "build", name])
                .assert()
                .code(0)
        };
        build().stderr(contains("compiler").not());
        let path = dir.join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(&path, format!("{text}\n{code}")).unwrap();
        let told = format!("local/{name} is built; its compiler says:");
        build().stderr(contains(&told).and(contains(warning)));
        build().stderr(contains(warning).not());
        fs::write(&path, format!("{text}\n\n{code}")).unwrap();
        let mut test = palisade(&dir);
        let test = test.args(["plugin", "test", name]).assert().code(0);
        test.stderr(contains(&told).and(contains(warning)));
    }
}

#[test]
fn a_component_of_a_former_name_is_removed() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "before");
    let project = dir.join("before");
    let build = || {
        palisade(&project)
            .args(["plugin", "build"])
            .assert()
            .code(0)
    };
    build();
    let plugins = project.join("target/plugins/local");
    assert!(plugins.join("before.wasm").exists());
    let rename = |from: &str, to: &str| {
        let file = project.join("plugin.toml");
        let text = fs::read_to_string(&file).unwrap();
        let renamed = text.replace(&format!("name = \"{from}\""), &format!("name = \"{to}\""));
        assert_ne!(renamed, text);
        fs::write(&file, renamed).unwrap();
    };
    rename("before", "after");
    build().stderr(contains("removed ").and(contains("which is called local/after now")));
    for gone in ["before.wasm", "before.debug.wasm"] {
        assert!(!plugins.join(gone).exists(), "{gone}");
    }
    assert!(plugins.join("after.wasm").exists());
    // What somebody else put there stays.
    fs::write(plugins.join("after.wasm"), "of another").unwrap();
    rename("after", "later");
    build().stderr(contains("removed").not());
    assert!(plugins.join("after.wasm").exists());
}

/// Folders of a pack are moved, renamed and deleted; what was built of them would run on.
#[test]
fn a_component_whose_project_was_moved_or_deleted_is_removed_and_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("pack.toml"), "").unwrap();
    for name in ["first", "second", "third"] {
        new(dir, "detector", "c", name);
    }
    let build = |what: &[&str]| {
        let mut command = palisade(dir);
        let assert = command.args(["plugin", "build"]).args(what).assert();
        String::from_utf8(assert.code(0).get_output().stderr.clone()).unwrap()
    };
    build(&["--all", "."]);
    let plugins = dir.join("target/plugins/local");
    // Moved and renamed: the folder and the name are new.
    fs::create_dir(dir.join("rules")).unwrap();
    fs::rename(dir.join("first"), dir.join("rules/other")).unwrap();
    let file = dir.join("rules/other/plugin.toml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("name = \"first\"", "name = \"other\"")).unwrap();
    let run = || {
        let run = ["run", "-", "--plugins", "target/plugins"];
        let assert = palisade(dir).args(run).write_stdin("{}").assert();
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let said = run();
    all(
        &said,
        &["runs target/plugins/local/first.wasm", "no plugin any more"],
    );
    assert!(!said.contains("second.wasm"), "{said}");
    let said = build(&["rules/other"]);
    all(
        &said,
        &["removed ", "local/first.wasm", "no plugin any more"],
    );
    for (name, there) in [("first", false), ("second", true), ("other", true)] {
        assert_eq!(
            plugins.join(format!("{name}.wasm")).exists(),
            there,
            "{name}"
        );
    }
    // Deleted; what is built is unchanged.
    fs::remove_dir_all(dir.join("second")).unwrap();
    all(&build(&["third"]), &["removed ", "local/second.wasm"]);
    assert!(!plugins.join("second.wasm").exists());
    assert!(!run().contains("runs target"));
    // A stamp that came with the project has nothing removed.
    fs::remove_dir_all(dir.join("rules")).unwrap();
    let stamp = dir.join("target/plugin-build/local/other/stamp.json");
    let text = fs::read_to_string(&stamp).unwrap();
    fs::write(&stamp, text.replacen("\"mac\":\"", "\"mac\":\"0", 1)).unwrap();
    assert!(!build(&["third"]).contains("removed"));
    assert!(plugins.join("other.wasm").exists());
}

#[test]
fn arguments_that_c_cannot_mean_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "parser", "c", "greets");
    let file = dir.join("greets/plugin.c");
    let text = fs::read_to_string(&file).unwrap();
    let end = "return line < chunk->length ? palisade_incomplete(line, 0) : palisade_done();";
    let (before, rest) = text.split_once(end).unwrap();
    for (code, parts) in [
        (
            "return palisade_incomplete(9999, 0);",
            &[
                "palisade_incomplete(9999, …): the parser was shown ",
                "from the first of `chunk->bytes`",
            ][..],
        ),
        (
            "return palisade_error(9999, \"x\");",
            &["palisade_error(9999, …)"],
        ),
        (
            "return palisade_error(0, NULL);",
            &["palisade_error is given NULL in place of a message"],
        ),
        (
            "return palisade_handover(9999);",
            &["palisade_handover(9999, …)"],
        ),
        (
            "palisade_set_text(events, PALISADE_FIELD_PROTOCOL, palisade_text(NULL)); return palisade_done();",
            &[
                "at plugin.c:",
                "palisade_text is given NULL in place of a text",
            ],
        ),
    ] {
        fs::write(&file, format!("{before}{code}{rest}")).unwrap();
        all(&tested(dir, &["greets"], 1), parts);
    }
}

#[test]
fn what_a_parser_in_javascript_cannot_make_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "parser", "javascript", "greets");
    let file = dir.join("greets/plugin.js");
    let text = fs::read_to_string(&file).unwrap();
    let line = |text: &str, of: &str| text.lines().position(|l| l.contains(of)).unwrap() + 1;
    for (from, to, parts) in [
        (
            ".event(\"network-app\")",
            ".event(\"network-ap\")",
            &[
                "`network-ap` is no kind that `emits`",
                "did you mean `network-app`?",
            ][..],
        ),
        (
            "field(\"operation\")",
            "field(\"qname\")",
            &["`qname` is set, and events of kind `network-app` have no such field"],
        ),
        (
            ".u8(DIRECTION, direction)",
            ".u16(DIRECTION, direction)",
            &["`direction` is set by `u16`; set it by `u8`"],
        ),
        (
            "return done();",
            "return incomplete(9999);",
            &["the parser was shown "],
        ),
    ] {
        let wrong = text.replace(from, to);
        assert_ne!(wrong, text);
        fs::write(&file, &wrong).unwrap();
        let said = tested(dir, &["greets"], 1);
        all(&said, parts);
        if !to.starts_with("return") {
            // A field is made above, and set in the chain of the event.
            let used = match to {
                "field(\"qname\")" => ".text(OPERATION",
                other => other,
            };
            all(
                &said,
                &[&format!("aborted at plugin.js:{}:", line(&wrong, used))],
            );
        }
    }
}

#[test]
fn projects_that_are_not_what_they_seem_are_told_so() {
    let dir = folder("seems");
    let refused = |name: &str, parts: &[&str]| {
        let assert = palisade(&dir)
            .args(["plugin", "build", name])
            .assert()
            .code(2);
        all(
            &String::from_utf8(assert.get_output().stderr.clone()).unwrap(),
            parts,
        );
    };
    new(&dir, "detector", "rust", "unexported");
    let file = dir.join("unexported/src/lib.rs");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(
        &file,
        text.replace("export_detector!(", "// export_detector!("),
    )
    .unwrap();
    refused(
        "unexported",
        &[
            "exports no plugin",
            "palisade_sdk::export_detector!(Plugin);",
        ],
    );
    fs::write(dir.join("unexported/plugin.js"), "").unwrap();
    refused("unexported", &["has both Cargo.toml and plugin.js"]);
    new(&dir, "detector", "c", "twofold");
    fs::write(dir.join("twofold/plugin.js"), "").unwrap();
    refused("twofold", &["has both plugin.js and plugin.c"]);
    fs::remove_file(dir.join("twofold/plugin.js")).unwrap();
    let said = tested(&dir, &["twofold", "--with", "twofold"], 0);
    all(
        &said,
        &["`--with twofold` is local/twofold itself", "2 passed"],
    );
    let manifest = dir.join("twofold/plugin.toml");
    let text = fs::read_to_string(&manifest).unwrap();
    let upper = text.replace("fields = [", "fields = [\"attributes.Modbus.Unit\", ");
    let upper = upper.replace("kind = \"network.flow\"", "kind = \"network.app\"");
    assert_ne!(upper, text);
    fs::write(&manifest, upper).unwrap();
    refused(
        "twofold",
        &[
            "`Modbus.Unit` is no name for an attribute",
            "write `modbus.unit`",
        ],
    );
}

#[test]
fn names_of_crates_are_no_names_of_plugins_in_rust() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for name in ["palisade-sdk", "serde-json", "core"] {
        palisade(dir)
            .args(["plugin", "new", "--kind", "detector", name])
            .assert()
            .code(2)
            .stderr(contains(format!("cannot be called `{name}`: a crate")));
        assert!(!dir.join(name).exists());
    }
    new(dir, "detector", "c", "palisade-sdk");
}
