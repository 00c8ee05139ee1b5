//! What an author is told of mistakes in files beside the code, and of commands that are given something
//! else than they take: what, where, and what to write.

use std::fs;
use std::path::Path;

use crate::mishaps::{all, tested};
use crate::new::new;
use crate::palisade;

/// What a command prints that ends with this code.
fn said(dir: &Path, args: &[&str], code: i32) -> String {
    let mut command = palisade(dir);
    let command = command.env("PALISADE_PASSPHRASE", "correct horse battery");
    let assert = command.args(args).assert().code(code);
    let output = assert.get_output();
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

/// Replaces what is there in a file.
fn change(file: &Path, from: &str, to: &str) {
    let text = fs::read_to_string(file).unwrap();
    assert!(text.contains(from), "{text}");
    fs::write(file, text.replace(from, to)).unwrap();
}

const PACK: &str = "vendor = \"acme\"\nname = \"local\"\nversion = \"0.1.0\"\n\
                    description = \"For a test\"\nlicence = \"MIT\"\nrequirements = []\n";

#[test]
fn a_setting_that_c_refuses_is_told_with_place_value_bounds_and_near_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "bounds");
    let code = dir.join("bounds/plugin.c");
    change(&code, "\"port\", 1, 65535", "\"port\", 30, 40");
    all(
        &tested(dir, &["bounds"], 1),
        &[
            "settings refused: `port`: 23 is out of range; the code takes 30 to 40 (plugin.c:8) (it is \
             23; plugin.toml declares it as integer, from 1 to 65535)",
        ],
    );
    change(&code, "\"port\", 30, 40", "\"prot\", -5, 40");
    all(
        &tested(dir, &["bounds"], 1),
        &[
            "`prot`: is not declared in plugin.toml (plugin.c:8)",
            "declares no such setting; did you mean `port`?",
        ],
    );
    change(
        &code,
        "bool fine = palisade_integer(settings, \"prot\", -5, 40, &forbidden, error);",
        "bool fine = palisade_refuse(error, \"port\", \"is odd\");",
    );
    all(
        &tested(dir, &["bounds"], 1),
        &["`port`: is odd (plugin.c:8) (it is 23;"],
    );
}

#[test]
fn what_a_c_library_would_have_is_told_with_what_there_is_instead() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "calls");
    let code = dir.join("calls/plugin.c");
    let right = fs::read_to_string(&code).unwrap();
    let line = right
        .lines()
        .position(|line| line.contains("(void)subscription;"))
        .unwrap()
        + 1;
    for (call, part) in [
        (
            "printf(\"x\");",
            "calls `printf`; ask for the capability `log`",
        ),
        (
            "if (strcmp(\"a\", \"b\")) return;",
            "calls `strcmp`; compare a text of the host by palisade_is",
        ),
        (
            "extern int puts(const char *); puts(\"x\");",
            "calls `puts`; ask for the capability `log`",
        ),
        (
            "extern int mine(void); mine();",
            "calls `mine`; no file of the project defines it",
        ),
    ] {
        fs::write(
            &code,
            right.replace(
                "(void)subscription;",
                &format!("(void)subscription; {call}"),
            ),
        )
        .unwrap();
        let told = said(dir, &["plugin", "build", "calls"], 2);
        all(
            &told,
            &[
                part,
                &format!("plugin.c:{line}"),
                "there is no C library: of it there are malloc",
            ],
        );
    }
    fs::write(&code, format!("#include <stdio.h>\n{right}")).unwrap();
    all(
        &said(dir, &["plugin", "build", "calls"], 2),
        &["`stdio.h` is not there; there is no C library"],
    );
}

#[test]
fn code_of_another_kind_than_plugin_toml_says_is_told_so() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for (lang, mark) in [
        ("c", "evaluate_evaluate"),
        ("javascript", "export const evaluate"),
        ("rust", "export_detector!"),
    ] {
        let name = format!("kind-{lang}");
        new(dir, "detector", lang, &name);
        let file = dir.join(&name).join("plugin.toml");
        for other in ["policy", "parser"] {
            let text = fs::read_to_string(&file).unwrap();
            change(&file, "kind = \"detector\"", &format!("kind = \"{other}\""));
            let told = said(dir, &["plugin", "build", &name], 2);
            let kind = format!("plugin.toml, line 6: `kind = \"{other}\"`");
            all(
                &told,
                &[
                    &kind,
                    "that of a detector",
                    mark,
                    "write `kind = \"detector\"`",
                ],
            );
            fs::write(&file, text).unwrap();
        }
    }
}

#[test]
fn a_pack_is_refused_for_a_broken_vector_and_warned_of_for_none() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("pack.toml"), PACK).unwrap();
    new(dir, "detector", "c", "rule");
    let vectors = dir.join("rule/vectors");
    said(dir, &["plugin", "build", "rule"], 0);
    assert!(!said(dir, &["pack", "build"], 0).contains("has no vectors"));
    let event = vectors.join("forbidden-port/events.ndjson");
    change(&event, "\"src\"", "\"src.ip\"");
    all(
        &said(dir, &["pack", "build"], 2),
        &[
            "read a vector of plugin `rule`",
            "forbidden-port/events.ndjson",
            "line 1",
            "here it is nested: `{\"src\": {\"ip\": …}}`",
        ],
    );
    fs::remove_dir_all(&vectors).unwrap();
    all(
        &said(dir, &["pack", "build"], 0),
        &["plugin `rule` has no vectors in ./rule/vectors"],
    );
    said(dir, &["key", "new", "certifier"], 0);
    let pack = "target/packs/acme-local-0.1.0.tar";
    let told = said(dir, &["pack", "certify", pack, "--key", "certifier"], 1);
    all(
        &told,
        &[
            "FAILED  vectors",
            "there is no vector, and without one nothing is shown of it",
        ],
    );
    fs::create_dir(dir.join("none")).unwrap();
    all(
        &said(dir, &["pack", "build", "--components", "none"], 2),
        &["there is no component of plugin `rule` in none, which --components names"],
    );
}

#[test]
fn a_plugin_of_another_pack_and_wrong_settings_of_a_pack_are_told_with_line_and_near_name() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    fs::write(dir.join("pack.toml"), PACK).unwrap();
    new(dir, "detector", "c", "rule");
    said(dir, &["plugin", "build", "rule"], 0);
    for (settings, part) in [
        (
            "[settings.rul]\nport = 1\n",
            "line 7, settings.rul: the pack has no such plugin; did you mean `rule`?",
        ),
        (
            "[settings.rule]\nprot = 1\n",
            "line 8, settings.rule.prot: the plugin has no such setting; did you mean `port`?",
        ),
        (
            "[settings.rule]\nport = 0\n",
            "line 8, settings.rule.port: 0 is below the least value 1 (integer, from 1 to 65535)",
        ),
    ] {
        fs::write(dir.join("pack.toml"), format!("{PACK}{settings}")).unwrap();
        all(&said(dir, &["pack", "build"], 2), &["pack.toml", part]);
    }
    fs::write(dir.join("pack.toml"), format!("settings = 5\n{PACK}")).unwrap();
    all(
        &said(dir, &["pack", "build"], 2),
        &["line 1, column 12", "it is the number `5`; write a table"],
    );
    fs::write(dir.join("pack.toml"), PACK).unwrap();
    let file = dir.join("rule/plugin.toml");
    change(&file, "pack = \"local\"", "pack = \"other\"");
    let parts = [
        "rule/plugin.toml, line 8: `pack = \"other\"`",
        "`local`; write `pack = \"local\"`",
    ];
    all(&said(dir, &["pack", "build"], 2), &parts);
    all(
        &said(dir, &["plugin", "build", "rule"], 0),
        &[
            "rule/plugin.toml, line 8: `pack = \"other\"`",
            "`pack build` refuses it there",
        ],
    );
}

#[test]
fn plugins_are_named_by_components_and_what_else_is_named_is_told_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "rule");
    fs::write(dir.join("in.ndjson"), "").unwrap();
    let run = |plugins: &str| said(dir, &["run", "in.ndjson", "--plugins", plugins], 2);
    all(
        &run("rule"),
        &[
            "rule is the project of a plugin",
            "palisade plugin build rule",
            "rule/target/plugins",
        ],
    );
    fs::create_dir(dir.join("pack")).unwrap();
    fs::write(dir.join("pack/pack.toml"), PACK).unwrap();
    all(
        &run("pack"),
        &[
            "pack is the folder of a pack",
            "palisade plugin build --all pack",
        ],
    );
    fs::write(dir.join("a.tar"), "x").unwrap();
    all(
        &run("a.tar"),
        &[
            "a.tar is a pack and no component",
            "palisade pack install a.tar",
            "--pack VENDOR/NAME",
        ],
    );
    // The nearest of all names is not near a short one.
    let told = said(dir, &["plugin", "build", "pk"], 2);
    all(
        &told,
        &["there is no folder pk; name a folder with plugin.toml"],
    );
    all(
        &said(dir, &["plugin", "build", "ruel"], 2),
        &["there is no folder ruel; did you mean ./rule?"],
    );
    new(dir, "detector", "c", "telnet-login");
    all(
        &said(dir, &["plugin", "build", "telnet-logn"], 2),
        &["did you mean ./telnet-login?"],
    );
    let told = said(dir, &["plugin", "new", "--kind", "detector", "Bad_Name"], 2);
    all(&told, &["the name: `Bad_Name` must be 1 to 64 of a-z"]);
    assert!(
        !told.contains("plugin.toml") && !dir.join("Bad_Name").exists(),
        "{told}"
    );
    let told = said(
        dir,
        &["plugin", "new", "--kind", "detector", "--pack", "B", "fine"],
        2,
    );
    all(&told, &["the name of the pack: `B` must be 1 to 64"]);
}

#[test]
fn a_manifest_is_refused_in_words_of_who_writes_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "rule");
    let file = dir.join("rule/plugin.toml");
    let right = fs::read_to_string(&file).unwrap();
    for (from, to, parts) in [
        (
            "fields = [\"src.ip\", \"dst.port\"]",
            "fields = 5",
            &["line 14", "it is the number `5`; write a list in brackets"][..],
        ),
        (
            "min = 1\n",
            "min = \"1\"\n",
            &["line 27", "it is the text \"1\"; write a number"],
        ),
        (
            "severity = ",
            "severty = ",
            &[
                "line 20",
                "there is no key `severty` here; did you mean `severity`?",
            ],
        ),
        (
            "title = \"Flow to a forbidden port\"\n",
            "",
            &["the key `title` is missing; write it"],
        ),
        (
            "# What the operator",
            "[limits]\nmemory = \"16\"\n\n# What",
            &[
                "plugin.toml, line 23, limits.memory: `16` is 16 bytes",
                "page of 64KiB",
                "did you mean `16MiB`?",
            ],
        ),
        (
            "# What the operator",
            "[limits]\nfindings = -1\n\n# What",
            &["it is the number `-1`; write a whole number from 0 to 4294967295"],
        ),
        (
            "# What the operator",
            "[[rule]]\nid = \"forbidden-port\"\ntitle = \"a\"\nseverity = \"low\"\n\n# What",
            &[
                "plugin.toml, line 23, rule[1].id: `forbidden-port` is there already, line 18, rule[0].id",
            ],
        ),
    ] {
        fs::write(&file, right.replace(from, to)).unwrap();
        let told = said(dir, &["plugin", "build", "rule"], 2);
        all(&told, parts);
        for word in [
            "invalid type",
            "invalid value",
            "expected ",
            "unknown field",
            "u32",
            "f64",
        ] {
            assert!(!told.contains(word), "{told}");
        }
    }
}

#[test]
fn a_vector_that_where_holds_back_says_which_condition_does() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "rule");
    change(
        &dir.join("rule/plugin.toml"),
        "fields = [\"src.ip\", \"dst.port\"]",
        "fields = [\"src.ip\", \"dst.port\"]\nwhere = [\n  { field = \"dst.port\", min = 1 },\n  { \
         field = \"src.port\", equals = 7 },\n]",
    );
    all(
        &tested(dir, &["rule"], 1),
        &[
            "`rule` was never shown an event: `where` of the subscription to network.flow in plugin.toml \
             holds back all 2 events of it: condition 2 (line 17, `src.port`)",
            "what comes out differs",
        ],
    );
}

#[test]
fn every_help_says_where_exit_codes_are_told() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    for command in [
        "run",
        "serve",
        "plugin test",
        "plugin build",
        "plugin new",
        "pack build",
        "pack certify",
        "pack diff",
        "policy check",
        "store gc",
        "trust show",
        "key new",
        "config check",
    ] {
        let args: Vec<&str> = command.split(' ').chain(["--help"]).collect();
        assert!(said(dir, &args, 0).contains("xit code"), "{command}");
    }
}

#[test]
fn dead_letters_of_a_later_run_stand_below_those_of_an_earlier_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    new(dir, "detector", "c", "rule");
    said(dir, &["plugin", "build", "rule"], 0);
    for number in ["1", "2"] {
        fs::write(
            dir.join("in.ndjson"),
            format!("{{\"kind\":\"no.{number}\",\"time\":\"2025-06-01T10:00:00Z\"}}\n"),
        )
        .unwrap();
        let run = [
            "run",
            "in.ndjson",
            "--plugins",
            "rule/target/plugins",
            "--dead-letters",
            "letters",
        ];
        said(dir, &run, 2);
    }
    let letters = fs::read_to_string(dir.join("letters")).unwrap();
    assert!(
        letters.find("no.1") < letters.find("no.2") && letters.contains("no.1"),
        "{letters}"
    );
}
