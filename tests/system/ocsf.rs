//! `--format ocsf` against the published schema, by a validator that is not ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use palisade_tests::{capture, root, skip};
use serde_json::Value;

use crate::run::palisade;

/// The version of the schema that findings claim.
const VERSION: &str = "1.8.0";

/// What the validator says of these findings; nothing if it is not here.
fn validate(lines: &str) -> Option<String> {
    let python = root().join("target/ocsf/bin/python");
    if !python.is_file() {
        skip("`make setup` has not installed the OCSF schema in target/ocsf");
        return None;
    }
    let mut child = Command::new(python)
        .arg(root().join("tests/ocsf/validate.py"))
        .arg(VERSION)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the validator starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    let output = child.wait_with_output().expect("it ends");
    assert!(output.status.success(), "the validator fails, see above");
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// Findings of a real capture, in OCSF.
fn findings() -> Option<String> {
    let (program, plugins) = palisade()?;
    let output = Command::new(program)
        .args(["--format", "ocsf", "--quiet", "run"])
        .arg(capture("plant.pcap"))
        .arg("--plugins")
        .arg(plugins)
        .arg("--networks")
        .arg(root().join("tests/demo/networks.toml"))
        .arg("--dataset")
        .arg(format!(
            "indicators={}",
            root().join("tests/demo/indicators.ndjson").display()
        ))
        .output()
        .expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    Some(String::from_utf8(output.stdout).expect("text"))
}

#[test]
fn findings_of_a_capture_are_valid_detection_findings() {
    let Some(lines) = findings() else { return };
    let count = lines.lines().count();
    assert!(count > 0);
    if let Some(said) = validate(&lines) {
        assert_eq!(said, format!("{count} validated\n"));
    }
}

#[test]
fn the_validator_tells_what_is_wrong() {
    let Some(lines) = findings() else { return };
    let good: Value = serde_json::from_str(lines.lines().next().expect("a finding")).expect("JSON");
    let broken = |change: &dyn Fn(&mut Value)| {
        let mut finding = good.clone();
        change(&mut finding);
        validate(&format!("{finding}\n"))
    };
    type Change<'a> = (&'a dyn Fn(&mut Value), &'a str);
    let changes: [Change<'_>; 4] = [
        (
            &|f| drop(f["finding_info"].as_object_mut().map(|i| i.remove("uid"))),
            "uid",
        ),
        (&|f| f["activity_id"] = 7.into(), "activity_id"),
        (&|f| f["severity_id"] = "high".into(), "severity_id"),
        (&|f| f["no_such_attribute"] = 1.into(), "no_such_attribute"),
    ];
    for (change, name) in changes {
        if let Some(said) = broken(change) {
            assert!(
                said.starts_with("line 1: $") && said.contains(name),
                "{said}"
            );
        }
    }
}
