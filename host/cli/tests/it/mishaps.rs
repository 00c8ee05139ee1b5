//! What authors are told where nothing says by itself that something is wrong: vectors that prove
//! nothing, rules that nobody declares, faults that nobody counts.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::new::new;
use crate::palisade;
use crate::vectors::{LISTENER, app, plugin, vector, whole};

const APPS: &str = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
const PORT: &str =
    "[[setting]]\nname = \"port\"\ntype = \"integer\"\ndefault = 1\nmin = 0\nmax = 9\n";
const QUIET: &str = "export const plugin = { configure(_list) {} };\n\
                     export const evaluate = { evaluate() {} };\n";

/// A detector whose `evaluate`, on line 5, has this body.
fn evaluating(body: &str) -> String {
    format!(
        "import {{ emit }} from \"palisade-sdk/findings.js\";\n\
         import {{ settings, refuse }} from \"palisade-sdk/settings.js\";\n\
         let set;\n\
         export const plugin = {{ configure(list) {{ set = settings(list); if (set.port === 7) throw refuse(\"port\", \"is odd\"); }} }};\n\
         export const evaluate = {{ evaluate(_subscription, rows) {{ {body} }} }};\n"
    )
}

/// What `plugin test` says, with this exit code.
pub(crate) fn tested(dir: &Path, args: &[&str], code: i32) -> String {
    let assert = palisade(dir)
        .args(["plugin", "test"])
        .args(args)
        .assert()
        .code(code);
    let output = assert.get_output();
    String::from_utf8([&output.stdout[..], &output.stderr[..]].concat()).unwrap()
}

/// That all of these parts are said.
pub(crate) fn all(said: &str, parts: &[&str]) {
    for part in parts {
        assert!(said.contains(part), "lacks {part}\n{said}");
    }
}

#[test]
fn settings_of_a_vector_may_stand_in_tables_as_those_of_a_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let told = "emit({ rule: \"late\", subject: `port ${set.port}`, rows: [0] });";
    for name in ["one", "two"] {
        plugin(
            dir,
            name,
            "detector",
            &format!("{APPS}{PORT}"),
            &evaluating(told),
        );
    }
    let write = |settings: &str| {
        vector(
            &dir.join("one"),
            "a",
            &[
                ("events.ndjson", &app("10:00:00", "x")),
                ("expected.ndjson", ""),
                ("settings.toml", settings),
            ],
        );
    };
    for (settings, port) in [
        ("port = 3\n", "+   \"subject\": \"port 3\""),
        ("[one]\nport = 4\n", "+   \"subject\": \"port 4\""),
        ("port = 5\n[two]\nport = 2\n", "+   \"subject\": \"port 5\""),
    ] {
        write(settings);
        all(&tested(dir, &["one", "--with", "two"], 1), &[port]);
    }
    for (settings, parts) in [
        (
            "[onw]\nport = 4\n",
            &[
                "one/vectors/a/settings.toml: the table `onw`",
                "did you mean `one`?",
            ][..],
        ),
        (
            "port = 1\n[one]\nport = 4\n",
            &["one/vectors/a/settings.toml: the setting `port` is there twice"],
        ),
        (
            "prot = 1\n",
            &[
                "one/vectors/a/settings.toml: ",
                "`prot`",
                "did you mean `port`?",
            ],
        ),
        (
            "[two]\nport = \"x\"\n",
            &["one/vectors/a/settings.toml: ", "`two`", "`port`"],
        ),
        (
            "port = 7\n",
            &[
                "settings refused: `port`: is odd",
                "  by ",
                "one/vectors/a/settings.toml",
            ],
        ),
    ] {
        write(settings);
        let said = tested(dir, &["one", "--with", "two"], 1);
        all(&said, parts);
        assert!(
            !said.contains("on events.ndjson") && !said.contains("trapped"),
            "{said}"
        );
    }
    // The whole run says the same of a refusal.
    fs::write(dir.join("in.ndjson"), whole("a")).unwrap();
    fs::write(dir.join("settings.toml"), "[one]\nport = 7\n").unwrap();
    palisade(dir)
        .args([
            "run",
            "in.ndjson",
            "--settings",
            "settings.toml",
            "--plugins",
        ])
        .arg(dir.join("one/target/plugins/tests/one.wasm"))
        .assert()
        .code(2)
        .stderr(
            contains("export `configure`: settings refused: `port`: is odd (plugin.js:4) (it is 7; plugin.toml declares it as integer, from 0 to 9)\n")
                .and(contains("trapped").not()),
        );
}

#[test]
fn a_vector_that_shows_the_plugin_nothing_does_not_pass() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    plugin(dir, "quiet", "detector", APPS, QUIET);
    let quiet = dir.join("quiet");
    let flow = "{\"kind\":\"network.flow\",\"time\":\"2025-06-01T10:00:00Z\"}\n";
    vector(
        &quiet,
        "other",
        &[("events.ndjson", flow), ("expected.ndjson", "")],
    );
    vector(
        &quiet,
        "none",
        &[("events.ndjson", ""), ("expected.ndjson", "")],
    );
    vector(
        &quiet,
        "given",
        &[
            ("events.ndjson", flow),
            ("given.ndjson", &app("09:00:00", "x")),
            ("expected.ndjson", ""),
        ],
    );
    let said = tested(dir, &["quiet"], 1);
    all(
        &said,
        &[
            "ok      quiet/given",
            "none of the 1 events is of a kind that `quiet` subscribes to (network.app), but 1 \
             network.flow",
            "none of the 0 events",
            "1 passed, 2 failed",
        ],
    );
    // Nor is what comes out of it written down.
    let mut command = palisade(dir);
    command
        .env("PALISADE_BLESS", "1")
        .args(["plugin", "test", "quiet"]);
    command
        .assert()
        .code(1)
        .stdout(contains("FAILED  quiet/other"));
    // What a predicate holds back may be what is tested.
    let near = format!("{APPS}where = [{{ field = \"operation\", equals = \"read\" }}]\n");
    plugin(dir, "near", "detector", &near, QUIET);
    vector(
        &dir.join("near"),
        "miss",
        &[
            ("events.ndjson", &app("10:00:00", "write")),
            ("expected.ndjson", ""),
        ],
    );
    tested(dir, &["near"], 0);
    vector(
        &dir.join("near"),
        "miss",
        &[("datasets/indicators.ndjson", "")],
    );
    let said = tested(dir, &["near"], 1);
    all(
        &said,
        &[
            "near/vectors/miss/datasets/indicators.ndjson",
            "declares the dataset `indicators` in plugin.toml; they declare none",
        ],
    );
}

#[test]
fn what_is_misspelt_in_what_is_expected_is_told_with_its_line() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    plugin(dir, "listener", "detector", APPS, LISTENER);
    let expected =
        "\n{\"rule\":\"late\",\"severity\":\"low\",\"subject\":\"x\",\"sumary\":\"heard\"}\n";
    vector(
        &dir.join("listener"),
        "a",
        &[
            ("events.ndjson", &app("10:00:00", "x")),
            ("expected.ndjson", expected),
        ],
    );
    all(
        &tested(dir, &["listener"], 1),
        &[
            "expected.ndjson, line 2: a finding has no `sumary`; did you mean `summary`?",
            "+   ",
        ],
    );
    let untimed = "{\"kind\":\"network.app\",\"operation\":\"x\"}\n";
    vector(&dir.join("listener"), "a", &[("events.ndjson", untimed)]);
    let said = tested(dir, &["listener"], 1);
    all(&said, &["line 1", "field `time`: the field is missing"]);
    assert!(!said.contains("so are"), "{said}");
    // A run wants all fields, and says how to do without.
    fs::write(dir.join("in.ndjson"), app("10:00:00", "x")).unwrap();
    let component = dir.join("listener/target/plugins/tests/listener.wasm");
    let hint = "are read, with neutral values in their place, with --vector";
    let mut run = palisade(dir);
    run.args(["run", "in.ndjson", "--plugins"]).arg(&component);
    run.assert().code(2).stderr(contains(hint));
    let mut run = palisade(dir);
    run.args(["run", "in.ndjson", "--vector", "--plugins"])
        .arg(&component);
    run.assert().code(1).stderr(contains(hint).not());
}

#[test]
fn a_rule_that_nobody_declares_is_a_fault_that_counts() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    // Only on some events, so that others go well; and once without the SDK's own check.
    let body = "if (rows > 1) return; emit({ rule: \"laet\", rows: [0] });";
    plugin(
        dir,
        "laet",
        "detector",
        &format!("{APPS}{PORT}"),
        &evaluating(body),
    );
    new(dir, "detector", "c", "misspelt");
    let code = dir.join("misspelt/plugin.c");
    let text = fs::read_to_string(&code).unwrap();
    let wrong = text.replace("\"forbidden-port\"", "\"forbiden-port\"");
    assert_ne!(wrong, text);
    fs::write(&code, wrong).unwrap();
    all(
        &tested(dir, &["misspelt"], 1),
        &[
            "its finding or judgement by rule `forbiden-port` is refused: plugin.toml declares no such \
             rule; did you mean `forbidden-port`?",
            " at plugin.c:",
        ],
    );
    palisade(dir)
        .args(["plugin", "build", "laet"])
        .assert()
        .code(0);
    fs::write(dir.join("in.ndjson"), [whole("a"), whole("b")].concat()).unwrap();
    let run = |rows: &str, component: &str| {
        let mut run = palisade(dir);
        run.args([
            "run",
            "in.ndjson",
            "--vector",
            "--batch-rows",
            rows,
            "--plugins",
        ]);
        run.arg(dir.join(component)).assert()
    };
    let script = "laet/target/plugins/tests/laet.wasm";
    run("1024", script).code(0);
    run("1", script).code(2).stderr(
        contains("declares no rule `laet`; did you mean `late`?").and(contains(
            "filed findings of rules that its plugin.toml does not declare",
        )),
    );
    let events = fs::read_to_string(dir.join("misspelt/vectors/forbidden-port/events.ndjson"));
    let quiet = fs::read_to_string(dir.join("misspelt/vectors/other-ports/events.ndjson"));
    fs::write(dir.join("in.ndjson"), quiet.unwrap() + &events.unwrap()).unwrap();
    run("1024", "misspelt/target/plugins/local/misspelt.wasm")
        .code(2)
        .stderr(contains("does not declare, and they are lost, "));
}

#[test]
fn faults_that_are_alike_are_told_once_with_the_first_event() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let body = "throw new Error(\"never\");";
    plugin(
        dir,
        "thrower",
        "detector",
        &format!("{APPS}{PORT}"),
        &evaluating(body),
    );
    vector(
        &dir.join("thrower"),
        "a",
        &[
            ("events.ndjson", &app("10:00:00", "x")),
            ("expected.ndjson", ""),
        ],
    );
    palisade(dir)
        .args(["plugin", "build", "thrower"])
        .assert()
        .code(0);
    fs::write(dir.join("in.ndjson"), whole("x").repeat(12)).unwrap();
    let run = |more: &[&str]| {
        let mut run = palisade(dir);
        run.args(["run", "in.ndjson", "--workers", "1", "--plugins"]);
        run.arg(dir.join("thrower/target/plugins/tests/thrower.wasm"));
        let assert = run.args(more).assert().code(2);
        String::from_utf8(assert.get_output().stderr.clone()).unwrap()
    };
    let said = run(&[]);
    let fault = "plugin `thrower`, export `evaluate`: aborted at plugin.js:5:";
    assert_eq!(said.matches(fault).count(), 2, "{said}");
    let first = "Error: never; on event 1 of in.ndjson: {\"kind\":\"network.app\"";
    all(&said, &[first, "and 11 alike: plugin `thrower`"]);
    all(&said, &["; --dead-letters FILE keeps every event of them"]);
    let said = run(&["--dead-letters", "dead"]);
    assert!(!said.contains("--dead-letters"), "{said}");
    // What a plugin costs that faults, nobody can say.
    palisade(dir)
        .args(["plugin", "bench", "thrower", "--events", "10"])
        .assert()
        .code(2)
        .stdout("")
        .stderr(
            contains("the plugin faulted ")
                .and(contains(fault))
                .and(contains("Error: never")),
        );
}

#[test]
fn a_vector_is_named_as_it_can_be_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    plugin(dir, "quiet", "detector", APPS, QUIET);
    for name in ["a", "b"] {
        let files = [
            ("events.ndjson", app("10:00:00", "x")),
            ("expected.ndjson", "{}\n".into()),
        ];
        vector(
            &dir.join("quiet"),
            name,
            &files.each_ref().map(|(n, t)| (*n, t.as_str())),
        );
    }
    let said = tested(dir, &["--all", "."], 1);
    let name = said
        .lines()
        .find_map(|line| line.strip_prefix("FAILED  "))
        .unwrap();
    let said = tested(dir, &["--all", ".", "--only", name], 1);
    all(&said, &["0 passed, 1 failed"]);
}
