//! Events that leave out what a rule does not read: what `run` says of them, and how it takes them.

use std::fs;

use predicates::prelude::*;
use predicates::str::contains;

use crate::palisade;

#[test]
fn the_events_of_a_vector_can_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path();
    palisade(dir)
        .args([
            "plugin", "new", "--kind", "detector", "--lang", "c", "ports",
        ])
        .assert()
        .code(0);
    palisade(dir)
        .args(["plugin", "build", "ports"])
        .assert()
        .code(0);
    let run = |arguments: &[&str]| {
        let mut command = palisade(dir);
        command
            .args(["run", "--format", "ndjson", "--plugins"])
            .arg(dir.join("ports/target/plugins/local/ports.wasm"))
            .args(arguments);
        command.assert()
    };
    let events = "ports/vectors/forbidden-port/events.ndjson";
    let given = "ports/vectors/other-ports/events.ndjson";
    let output = run(&["--vector", given, events]).code(1);
    let found = String::from_utf8(output.get_output().stdout.clone()).unwrap();
    let found: Vec<serde_json::Value> = found
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let expected = fs::read_to_string(dir.join("ports/vectors/forbidden-port/expected.ndjson"));
    let expected: serde_json::Value = serde_json::from_str(expected.unwrap().trim()).unwrap();
    assert_eq!(found.len(), 1);
    for field in ["subject", "summary", "severity"] {
        assert_eq!(found[0][field], expected[field], "{field}");
    }
    // As events of a site they are not whole: each is told with all that it lacks.
    run(&[events]).code(2).stdout("").stderr(
        contains("events.ndjson, line 1 ")
            .and(contains("events.ndjson, line 2 "))
            .and(contains(
                "the field is missing, and it is mandatory; so are `",
            )),
    );
}
