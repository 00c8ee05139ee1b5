//! `--format ocsf` and bills of materials against the published schemas, by validators that are
//! not ours.

use std::io::Write as _;
use std::process::{Command, Stdio};

use palisade_tests::{capture, root, skip};
use serde_json::Value;

use crate::run::palisade;

/// What a validator of `tests/schemas` says of these documents by a version of its schema;
/// nothing if it is not here.
fn validate(validator: &str, version: &str, lines: &str) -> Option<String> {
    let python = root().join("target/schemas/bin/python");
    if !python.is_file() {
        skip("`make setup` has not installed the schemas in target/schemas");
        return None;
    }
    let mut child = Command::new(python)
        .arg(root().join("tests/schemas").join(validator))
        .arg(version)
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

/// By the version of OCSF that findings claim.
fn validate_findings(lines: &str) -> Option<String> {
    validate("findings.py", "1.8.0", lines)
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
    if let Some(said) = validate_findings(&lines) {
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
        validate_findings(&format!("{finding}\n"))
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

#[test]
fn the_bill_of_materials_of_every_pack_is_valid_cyclonedx() {
    let Some((program, plugins)) = palisade() else {
        return;
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    for pack in ["iot-protocols", "vuln-disclosure"] {
        let file = folder.path().join(format!("{pack}.tar"));
        let built = Command::new(&program)
            .args(["--quiet", "pack", "build"])
            .arg(root().join("plugins").join(pack))
            .arg("--components")
            .arg(plugins.join(pack))
            .arg("--out")
            .arg(&file)
            .output()
            .expect("palisade runs");
        let stderr = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{stderr}");
        let archive = std::fs::File::open(&file).expect("the pack is there");
        let mut archive = tar::Archive::new(archive);
        let bill = archive
            .entries()
            .expect("an archive")
            .map(|entry| entry.expect("an entry"))
            .find(|entry| entry.path().is_ok_and(|p| p.ends_with("sbom.cdx.json")))
            .expect("a bill of materials");
        let bill = std::io::read_to_string(bill).expect("text");
        let Some(said) = validate("bill.py", "1.6", &bill) else {
            return;
        };
        assert_eq!(said, "1 validated\n", "{pack}");
        let broken = bill.replacen("\"type\": \"library\"", "\"type\": \"libary\"", 1);
        assert_ne!(broken, bill, "{pack} lists libraries");
        let said = validate("bill.py", "1.6", &broken).expect("it is here");
        assert!(said.contains("libary"), "{said}");
    }
}
