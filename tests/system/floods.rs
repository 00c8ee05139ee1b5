//! Floods of forged flows cost themselves: what innocent flows say is parsed all the same.

use std::net::{Ipv4Addr, SocketAddrV4};
use std::process::Command;

use serde_json::Value;

use crate::recording::{Ends, Recording, Side};
use crate::run::palisade;

/// More than all sessions of a parser on two workers.
const FORGED: u32 = 20_000;
const INNOCENT: u32 = 200;

/// A query for one name, or the answer that there is none.
fn message(asked: &str, answer: bool) -> Vec<u8> {
    let mut out = vec![0, 7, u8::from(answer) << 7 | 1, u8::from(answer) * 3];
    out.extend([0, 1, 0, 0, 0, 0, 0, 0]);
    for label in asked.split('.') {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.extend([0, 0, 1, 0, 1]);
    out
}

/// A flood of DNS flows, and behind it innocent ones, each with a name of its own.
fn capture(answered: bool) -> Recording {
    let mut recording = Recording::new(1_750_000_000);
    for number in 0..FORGED + INNOCENT {
        let innocent = number >= FORGED;
        let [_, _, high, low] = number.to_be_bytes();
        let client = Ipv4Addr::new(10, 7 + u8::from(innocent), high, low);
        let ends = Ends(
            SocketAddrV4::new(client, 30_000),
            SocketAddrV4::new(Ipv4Addr::new(10, 4, 0, 2), 53),
        );
        let asked = match innocent {
            true => format!("n{number}.innocent.example"),
            false => format!("n{number}.forged.example"),
        };
        recording.udp(ends, &[(Side::Client, message(&asked, false))]);
        if answered || innocent {
            recording.udp(ends, &[(Side::Server, message(&asked, true))]);
        }
    }
    recording
}

/// Runs a capture: names of innocent flows and of forged ones that were seen, and the summary.
fn seen(recording: &Recording, workers: &str) -> Option<([usize; 2], Value)> {
    let (program, plugins) = palisade()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    recording.write(&path("input.pcap"));
    let output = Command::new(program)
        .args(["run", "--workers", workers, "--plugins"])
        .arg(plugins.join("iot-protocols"))
        .arg("--events")
        .arg(path("events.ndjson"))
        .arg("--summary")
        .arg(path("summary.json"))
        .arg(path("input.pcap"))
        .output()
        .expect("palisade runs");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(matches!(output.status.code(), Some(0 | 1)), "{stderr}");
    let text = |name: &str| std::fs::read_to_string(path(name)).expect("it was written");
    let events = text("events.ndjson");
    let of = |zone: &str| {
        let names = events.split('"').filter(|word| word.ends_with(zone));
        names.collect::<std::collections::HashSet<_>>().len()
    };
    let summary = serde_json::from_str(&text("summary.json")).expect("JSON");
    let seen = [of(".innocent.example"), of(".forged.example")];
    Some((seen, summary))
}

#[test]
fn forged_flows_do_not_blind_a_parser() {
    for answered in [false, true] {
        let recording = capture(answered);
        for workers in ["1", "2"] {
            let Some(([innocent, forged], summary)) = seen(&recording, workers) else {
                return;
            };
            let what = format!("answered: {answered}, {workers} workers: {summary}");
            assert_eq!(innocent, INNOCENT as usize, "{what}");
            // What ends early is said as well, answered or not.
            assert_eq!(forged, FORGED as usize, "{what}");
            assert_eq!(summary["faults"], 0, "{what}");
            assert_eq!(summary["unparsed"], 0, "{what}");
            assert!(summary["displaced"].as_u64() > Some(0), "{what}");
        }
    }
}
