//! The program itself: exit codes, messages, dead letters, and what reaches the terminal.

use std::path::Path;
use std::process::{Command, Output};

use palisade_tests::root;

use crate::compiling::program;
use crate::stage::{assert_harmless, hostile};

/// `palisade run` with the hostile guest and the innocent one.
fn run(folder: &Path, act: &str, format: &str) -> Option<Output> {
    hostile()?;
    let settings = folder.join("settings.toml");
    let capture = palisade_tests::capture("dns.pcap");
    std::fs::write(
        &settings,
        format!("[hostile]\nact = \"{act}\"\namount = 1000000\n"),
    )
    .expect("a file can be written");
    let guests = root().join("target/hostile/hostile");
    let output = Command::new(program()?)
        .args(["--format", format, "run", "--plugins"])
        .arg(guests.join("hostile.wasm"))
        .arg("--plugins")
        .arg(guests.join("innocent.wasm"))
        .arg("--settings")
        .arg(settings)
        .arg("--dead-letters")
        .arg(folder.join("dead.ndjson"))
        .arg(capture)
        .output()
        .expect("palisade runs");
    Some(output)
}

#[test]
fn nothing_that_a_guest_says_acts_on_a_terminal() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for act in ["escapes", "log-escapes", "rule", "not-text"] {
        for format in ["table", "ndjson"] {
            let Some(output) = run(folder.path(), act, format) else {
                return;
            };
            for text in [&output.stdout, &output.stderr] {
                let text = String::from_utf8(text.clone()).expect("text");
                assert_harmless(&text.replace('\t', " "));
                assert!(!text.contains("panicked"), "{text}");
            }
        }
    }
}

#[test]
fn a_fault_is_told_and_its_events_are_kept() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let Some(fine) = run(folder.path(), "nothing", "ndjson") else {
        return;
    };
    assert!(!folder.path().join("dead.ndjson").exists() || letters(folder.path()).is_empty());
    let innocent = |output: &Output| -> Vec<String> {
        let text = String::from_utf8_lossy(&output.stdout);
        let mine = |line: &&str| line.contains("\"innocent\"");
        // The reference of a finding counts those of all plugins.
        let line = |line: &str| {
            line.split_once(",\"plugin\"")
                .map(|(_, rest)| rest.to_owned())
        };
        text.lines().filter(mine).filter_map(line).collect()
    };
    let bad = run(folder.path(), "recurse", "ndjson").expect("it was there a moment ago");
    let stderr = String::from_utf8_lossy(&bad.stderr);
    assert!(matches!(bad.status.code(), Some(0..=3)), "{:?}", bad.status);
    assert!(
        stderr.contains("hostile") && stderr.contains("bytes of stack, the limit for one call"),
        "{stderr}"
    );
    assert_eq!(innocent(&bad), innocent(&fine));
    let letters = letters(folder.path());
    assert!(!letters.is_empty());
    for letter in letters {
        let letter: serde_json::Value = serde_json::from_str(&letter).expect("a letter is JSON");
        let reason = letter["reason"].as_str().unwrap_or_default();
        assert!(
            reason.contains("plugin `hostile`, export `evaluate`"),
            "{letter}"
        );
    }
}

fn letters(folder: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(folder.join("dead.ndjson")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}
