//! Vectors whose plugins stand beside one another, in `plugin test` and in `pack certify`, and what
//! is said of where a result comes from.

use std::fs;
use std::path::Path;

use predicates::prelude::*;
use predicates::str::contains;

use crate::palisade;
use crate::site::ok;
use crate::vectors::{LISTENER, app, plugin, vector};

/// A pack with the parser of the template and a detector behind it, whose vector says so.
fn pack(dir: &Path) {
    palisade(dir)
        .args(["plugin", "new", "--kind", "parser", "--lang", "c"])
        .args(["--pack", "tests", "pack/greeting"])
        .assert()
        .code(0);
    fs::write(
        dir.join("pack/pack.toml"),
        "vendor = \"acme\"\nname = \"tests\"\nversion = \"0.1.0\"\ndescription = \"Test\"\n\
         licence = \"Apache-2.0\"\nrequirements = []\n",
    )
    .unwrap();
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    plugin(
        &dir.join("pack/deeper"),
        "listener",
        "detector",
        rest,
        LISTENER,
    );
    let listener = dir.join("pack/deeper/listener");
    let expected = [(3, "greet"), (4, "hello"), (5, "greet"), (6, "hello")]
        .map(|(at, operation)| heard(operation, &format!("input:{at}")));
    vector(
        &listener,
        "greeted",
        &[
            ("vector.toml", "with = [\"greeting\"]\n"),
            ("expected.ndjson", &expected.concat()),
        ],
    );
    let packets = dir.join("pack/greeting/vectors/greeting/input.pcap");
    fs::copy(packets, listener.join("vectors/greeted/input.pcap")).unwrap();
}

fn heard(subject: &str, cites: &str) -> String {
    format!(
        "{{\"rule\":\"late\",\"severity\":\"low\",\"subject\":\"{subject}\",\
         \"summary\":\"heard\",\"cites\":[\"{cites}\"]}}\n"
    )
}

#[test]
fn what_a_vector_names_runs_beside_it_where_it_is_tested_measured_and_certified() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    pack(dir);
    let listener = "pack/deeper/listener";
    let test = |arguments: &[&str], code: i32, said: &str| {
        palisade(dir)
            .args(["plugin", "test", listener])
            .args(arguments)
            .assert()
            .stdout(contains(said))
            .code(code);
    };
    test(&[], 0, "1 passed, 0 failed");
    // What is named twice runs once.
    test(&["--with", "pack/greeting"], 0, "1 passed, 0 failed");
    palisade(dir)
        .args(["plugin", "bench", listener, "--events", "10"])
        .assert()
        .code(0);
    for project in ["pack/greeting", listener] {
        // Into one folder, where the pack is made.
        palisade(dir)
            .args(["plugin", "build", project, "--out", "target/plugins"])
            .assert()
            .code(0);
    }
    // On an input, those run beside it that are named; it is among them itself.
    let input = format!("{listener}/vectors/greeted/input.pcap");
    let mut bench = palisade(dir);
    bench.args(["plugin", "bench", listener, &input, "--events", "10"]);
    bench.assert().stderr(contains("shown nothing")).code(2);
    bench.args(["--plugins", "target/plugins"]);
    bench.assert().code(0);
    let archive = "target/packs/acme-tests-0.1.0.tar";
    ok(dir, &["key", "new", "certifier"]);
    let certify = |code: i32, said: &str| {
        ok(dir, &["pack", "build", "pack"]);
        let run = crate::site::run(dir, &["pack", "certify", archive, "--key", "certifier"]);
        let run = run.stdout(contains(said)).code(code);
        String::from_utf8(run.get_output().stdout.clone()).unwrap()
    };
    certify(0, "certified by");
    let how = dir.join(listener).join("vectors/greeted/vector.toml");
    fs::write(&how, "with = [\"greetings\"]\n").unwrap();
    test(
        &[],
        1,
        "names `greetings`: there is no such plugin of pack `tests`",
    );
    test(&[], 1, "there are `greeting`");
    certify(1, "names `greetings`, which is no other plugin of the pack");
    fs::write(&how, "with = [\"listener\"]\n").unwrap();
    test(&[], 1, "it is the plugin that is tested");
    // Alone, the detector is shown nothing.
    fs::remove_file(&how).unwrap();
    test(&[], 1, "0 passed, 1 failed");
    certify(1, "this vector proves nothing of it");
    fs::write(&how, "with = [\"greeting\"]\n").unwrap();
    let expected = dir.join(listener).join("vectors/greeted/expected.ndjson");
    fs::write(expected, heard("nobody", "input:3")).unwrap();
    test(&[], 1, "0 passed, 1 failed");
    let told = certify(1, "what comes out differs");
    // Of files in the pack and of lines, and nothing about writing what is expected.
    let file = "listener` greeted: vectors/listener/greeted/expected.ndjson, line 1:";
    assert!(told.contains(file), "{told}");
    assert!(told.contains("\n        -"), "{told}");
    for strange in ["PALISADE_BLESS", "\\n", "/tmp"] {
        assert!(!told.contains(strange), "{strange}: {told}");
    }
}

/// Reports every finding of another.
const ECHO: &str = r#"
import { field } from "palisade-sdk/field.js";
import { Text } from "palisade-sdk/batch.js";
import { emit } from "palisade-sdk/findings.js";

export const plugin = {
  configure(_list) {},
};

export const evaluate = {
  evaluate(_subscription, rows) {
    const subjects = new Text(field("subject"));
    for (let row = 0; row < rows; row++) {
      if (subjects.text(row) === "fail") throw new Error("told to");
      emit({ rule: "late", subject: subjects.text(row), summary: "heard", rows: [row] });
    }
  },
};
"#;

#[test]
fn a_finding_that_is_cited_is_called_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    plugin(dir, "listener", "detector", rest, LISTENER);
    let rest = "[[subscription]]\nkind = \"finding\"\nfields = [\"subject\"]\n\
                where = [{ field = \"plugin\", equals = \"listener\" }]\n";
    plugin(dir, "echo", "detector", rest, ECHO);
    let echo = dir.join("echo");
    // Two findings of the listener and two echoes of what was given; then one of each, twice.
    let given = [app("10:00:00", "a"), app("10:00:01", "b")].concat();
    let events = [app("10:00:02", "c"), app("10:00:03", "d")].concat();
    let cited = |subject: &str| {
        let text = fs::read_to_string(echo.join("vectors/both/expected.ndjson")).unwrap();
        let line = text
            .lines()
            .find(|line| line.contains(&format!("\"{subject}\"")));
        let line: serde_json::Value = serde_json::from_str(line.unwrap()).unwrap();
        line["cites"][0].as_str().unwrap().to_owned()
    };
    vector(
        &echo,
        "both",
        &[
            ("vector.toml", "with = [\"listener\"]\n"),
            ("given.ndjson", &given),
            ("events.ndjson", &events),
        ],
    );
    palisade(dir)
        .args(["plugin", "test", "echo"])
        .env("PALISADE_BLESS", "1")
        .assert()
        .code(0);
    assert_eq!([cited("c"), cited("d")], ["finding:5", "finding:7"]);
    palisade(dir)
        .args(["plugin", "test", "echo"])
        .assert()
        .stdout(contains("1 passed, 0 failed"))
        .code(0);
    // A fault on a finding names no line of the input.
    let events = [app("10:00:02", "c"), app("10:00:03", "fail")].concat();
    fs::write(echo.join("vectors/both/events.ndjson"), events).unwrap();
    palisade(dir)
        .args(["plugin", "test", "echo"])
        .assert()
        .stdout(contains("on a finding: {").and(contains("on events.ndjson").not()))
        .code(1);
}

#[test]
fn what_a_parser_refuses_is_expected_as_its_events_are() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    pack(dir);
    let project = dir.join("pack/greeting");
    let packets = fs::read(project.join("vectors/greeting/input.pcap")).unwrap();
    // Its second answer is none.
    let at = packets
        .windows(11)
        .position(|bytes| bytes == b"HELLO grace")
        .unwrap();
    let mut broken = packets.clone();
    broken[at] = b'J';
    vector(&project, "broken", &[]);
    fs::write(project.join("vectors/broken/input.pcap"), broken).unwrap();
    let expected = project.join("vectors/broken/expected.ndjson");
    let test = || {
        let mut command = palisade(dir);
        command.args(["plugin", "test", "pack/greeting"]);
        command
    };
    // Bytes that are no text are a name all the same.
    let mut no_text = packets.clone();
    no_text[at + 8] = 0xff;
    vector(&project, "no-text", &[]);
    fs::write(project.join("vectors/no-text/input.pcap"), no_text).unwrap();
    test().env("PALISADE_BLESS", "1").assert().code(0);
    let text = fs::read_to_string(project.join("vectors/no-text/expected.ndjson")).unwrap();
    assert!(text.contains("\"gr\u{fffd}ce\""), "{text}");
    let text = fs::read_to_string(&expected).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 4, "{text}");
    let error: serde_json::Value = serde_json::from_str(lines[3]).unwrap();
    assert_eq!(error["of"], "stream");
    let problem = error["error"].as_str().unwrap();
    assert!(problem.contains("GREET or HELLO, and a name"), "{problem}");
    test()
        .assert()
        .code(0)
        .stdout(contains("4 passed, 0 failed"));
    // It is not enough that the parser goes on, nor that it refuses what it should not.
    fs::write(&expected, format!("{}\n", lines[..3].join("\n"))).unwrap();
    test()
        .assert()
        .code(1)
        .stdout(contains("FAILED  greeting/broken").and(contains("+   \"of\": \"stream\"")));
    fs::write(project.join("vectors/broken/input.pcap"), packets).unwrap();
    fs::write(&expected, text).unwrap();
    test()
        .assert()
        .code(1)
        .stdout(contains("-   \"of\": \"stream\"").and(contains("1 failed")));
}

#[test]
fn the_line_of_a_difference_is_that_of_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    let rest = "[[subscription]]\nkind = \"network.app\"\nfields = [\"operation\"]\n";
    plugin(dir, "listener", "detector", rest, LISTENER);
    let events = [app("10:00:00", "a"), app("10:00:01", "b")].concat();
    for (expected, line) in [
        (
            format!("\n\n{}\n{}", heard("a", "input:1"), heard("c", "input:2")),
            5,
        ),
        (format!("\n{}\n\n", heard("a", "input:1")), 3),
        (String::new(), 1),
    ] {
        vector(
            &dir.join("listener"),
            "blank",
            &[("events.ndjson", &events), ("expected.ndjson", &expected)],
        );
        palisade(dir)
            .args(["plugin", "test", "listener"])
            .assert()
            .stdout(contains(format!(
                "expected.ndjson, line {line}: what comes out differs"
            )))
            .code(1);
    }
}
