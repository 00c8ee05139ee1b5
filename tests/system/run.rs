//! `palisade run` over everything there is to read.
//!
//! The program and the plugins are those that `make plugins` has built; without them these
//! tests skip.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use palisade_tests::{Tshark, capture, captures, root, shared, skip};
use serde_json::Value;

/// The program and the folder of plugins.
pub(crate) fn palisade() -> Option<(PathBuf, PathBuf)> {
    let target =
        std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    let program = target.join("release/palisade");
    let plugins = root().join("target/plugins");
    if program.is_file() && plugins.join("iot-protocols").is_dir() {
        return Some((program, plugins));
    }
    skip("`make plugins` has not built the program and the plugins");
    None
}

fn command(inputs: &[&Path], more: &[&str], summary: &Path) -> Option<Output> {
    let (program, plugins) = palisade()?;
    let mut command = Command::new(program);
    command
        .args(["--format", "ndjson", "--quiet", "run", "--plugins"])
        .arg(plugins);
    command
        .arg("--summary")
        .arg(summary)
        .args(more)
        .args(inputs);
    Some(command.output().expect("palisade runs"))
}

/// Findings and summary of a run that ends as it should.
pub(crate) fn run(inputs: &[&Path], more: &[&str]) -> Option<(String, Value)> {
    ran(inputs, more, false)
}

/// The same; `unseen`: it may end with the exit code that says that no plugin looks at events of
/// such kinds, though all are read.
fn ran(inputs: &[&Path], more: &[&str], unseen: bool) -> Option<(String, Value)> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let summary = folder.path().join("summary.json");
    let output = command(inputs, more, &summary)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    let unseen = unseen && stderr.contains("nothing was evaluated: no event that was read");
    let code = output.status.code();
    assert!(
        matches!(code, Some(0 | 1)) || unseen && code == Some(2),
        "{inputs:?}: {stderr}"
    );
    assert!(!stderr.contains("panicked"), "{inputs:?}: {stderr}");
    let text = std::fs::read_to_string(&summary).expect("a summary");
    let findings = String::from_utf8(output.stdout).expect("findings are text");
    Some((
        findings,
        serde_json::from_str(&text).expect("the summary is JSON"),
    ))
}

fn count(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().unwrap_or(0)
}

pub(crate) fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).expect("the folder can be read") {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.extension().is_some_and(|e| e == "pcap") {
            found.push(path);
        }
    }
}

#[test]
fn every_capture_runs_to_its_end() {
    let mut all = captures();
    if let Some(folder) = shared("pcap") {
        files(&folder, &mut all);
    }
    for path in all {
        let Some((_, summary)) = run(&[&path], &[]) else {
            return;
        };
        assert_eq!(
            count(&summary, "faults"),
            0,
            "{}: {summary}",
            path.display()
        );
    }
}

#[test]
fn every_record_of_the_logs_arrives() {
    let zeek = [
        ("dns", 53_615),
        ("ssl", 49_474),
        ("modbus", 268),
        ("notice", 207),
    ];
    for (log, records) in zeek {
        let Some(path) = shared(&format!("zeek-json/{log}.json.gz")) else {
            return;
        };
        let Some((_, summary)) = ran(&[&path], &[], true) else {
            return;
        };
        assert_eq!(
            total(&summary) + count(&summary, "bad_records"),
            records,
            "{log}"
        );
        assert_eq!(count(&summary, "bad_records"), 0, "{log}");
    }
    let mut alerts = 0;
    for sample in [
        "first-org-conf-2015",
        "honeypot-2018",
        "wrccdc-2017",
        "wrccdc-2018",
    ] {
        let path = format!("eve/suricata-sample-data/samples/{sample}/alerts-only.json");
        let Some(path) = shared(&path) else { return };
        let Some((_, summary)) = ran(&[&path], &[], true) else {
            return;
        };
        assert_eq!(count(&summary, "bad_records"), 0, "{sample}");
        alerts += total(&summary);
    }
    assert_eq!(alerts, 548);
}

fn total(summary: &Value) -> u64 {
    let kinds = summary["events"].as_object().expect("events by kind");
    kinds.values().filter_map(Value::as_u64).sum()
}

/// As tshark counts them: every Modbus message is one event.
#[test]
fn modbus_messages_are_as_many_as_an_independent_dissector_counts() {
    let path = capture("modbus.pcap");
    let messages = Tshark::new(&path).occurrences("mbtcp", "mbtcp.trans_id");
    let Some(expected) = messages else { return };
    let Some((_, summary)) = run(&[&path], &[]) else {
        return;
    };
    let found = summary["events"]["device.message"].as_u64();
    assert_eq!(found, Some(expected as u64));
}

#[test]
fn neither_workers_nor_batches_nor_instances_show_in_the_output() {
    let path = capture("plant.pcap");
    let networks = root().join("tests/demo/networks.toml");
    let dataset = format!(
        "indicators={}",
        root().join("tests/demo/indicators.ndjson").display()
    );
    let common = [
        "--dataset",
        &dataset,
        "--networks",
        networks.to_str().expect("a path in UTF-8"),
    ];
    let with = |more: &[&str]| run(&[&path], &[&common[..], more].concat());
    let Some((expected, _)) = with(&["--workers", "1"]) else {
        return;
    };
    assert!(expected.lines().count() >= 15, "{expected}");
    for more in [
        &["--workers", "2"][..],
        &["--workers", "5"],
        &["--batch-rows", "1"],
        &["--batch-rows", "7"],
        &["--fresh-instances"],
        &["--deterministic"],
    ] {
        let (found, _) = with(more).expect("the program was there a moment ago");
        assert_eq!(found, expected, "{more:?}");
    }
}

#[test]
fn wrong_input_is_told_with_what_would_be_right() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = |name: &str, content: &[u8]| {
        let path = folder.path().join(name);
        std::fs::write(&path, content).expect("a file can be written");
        path
    };
    let summary_file = folder.path().join("summary.json");
    for (path, says) in [
        (
            file("unknown.bin", b"\x7fELF nothing of ours"),
            "accepted are",
        ),
        (file("empty", b""), "is empty"),
        (folder.path().join("missing"), "missing"),
    ] {
        let Some(output) = command(&[&path], &[], &summary_file) else {
            return;
        };
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(
            output.status.code(),
            Some(2),
            "{}: {stderr}",
            path.display()
        );
        assert!(stderr.contains(says), "{}: {stderr}", path.display());
    }
    let whole = std::fs::read(capture("modbus.pcap")).expect("the capture can be read");
    let cut = file("cut.pcap", &whole[..whole.len() - 5]);
    let Some(output) = command(&[&cut], &[], &summary_file) else {
        return;
    };
    assert_eq!(output.status.code(), Some(2), "it broke off");
    let text = std::fs::read_to_string(&summary_file).expect("a summary");
    let summary = serde_json::from_str(&text).expect("the summary is JSON");
    assert!(count(&summary, "packets") > 0);
    let control = file(
        "control.ndjson",
        b"{\"kind\":\"control.timer\",\"time\":\"2025-06-01T10:00:00Z\",\"timer\":\"t\",\"key\":\"k\",\"due\":\"2025-06-01T10:00:00Z\",\"fired_at\":\"2025-06-01T10:00:00Z\"}\n",
    );
    let Some(output) = command(&[&control], &[], &summary_file) else {
        return;
    };
    assert_eq!(output.status.code(), Some(2), "nothing could be read");
    let text = std::fs::read_to_string(&summary_file).expect("a summary");
    let summary = serde_json::from_str(&text).expect("the summary is JSON");
    assert_eq!((total(&summary), count(&summary, "bad_records")), (0, 1));
}
