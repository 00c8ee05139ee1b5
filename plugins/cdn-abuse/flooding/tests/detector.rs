//! The detector against the in-memory host.

use flooding::Flooding;
use palisade_sdk::testing::{Finding, Harness, json};
use palisade_sdk::{Action, BlockScope};
use serde_json::Value;

const MANIFEST: &str = include_str!("../plugin.toml");

fn found(events: &[Value]) -> Vec<Finding> {
    let mut plugin = Harness::<Flooding>::detector(MANIFEST, &[]).unwrap();
    plugin.evaluate(0, events).findings
}

fn flow(second: u32, to: &str, port: u16, transport: &str, counters: Value) -> Value {
    let mut flow = json!({
        "kind": "network.flow",
        "time": format!("2025-06-01T10:00:{second:02}+08:00"),
        "started": "2025-06-01T10:00:00+08:00",
        "ended": format!("2025-06-01T10:00:{second:02}+08:00"),
        "owner": { "customer": "cust-1" },
        "src": { "ip": "10.20.0.8" }, "dst": { "ip": to, "port": port },
        "transport": transport, "direction": "outbound",
    });
    for (key, value) in counters.as_object().unwrap() {
        flow[key] = value.clone();
    }
    flow
}

#[test]
fn a_syn_flood_is_blocked_and_a_launch_is_not() {
    let flood =
        json!({ "pkts_out": 2_000_000, "syn_only_pkts": 1_990_000, "bytes_out": 120_000_000 });
    let reported = found(&[flow(10, "198.51.100.80", 80, "tcp", flood)]);
    let [finding] = &reported[..] else {
        panic!("{reported:?}")
    };
    assert_eq!(
        (finding.rule.as_str(), finding.subject.as_str()),
        ("CDN-3.1b", "customer:cust-1")
    );
    assert!(
        matches!(&finding.actions[..], [Action::Block(scopes)] if scopes == &[BlockScope::Port])
    );
    let download = json!({ "pkts_out": 9000, "syn_only_pkts": 0, "bytes_out": 12_000_000 });
    assert!(found(&[flow(10, "198.51.100.81", 52044, "tcp", download)]).is_empty());
}

#[test]
fn rates_add_up_over_flows_and_fade() {
    let part = |second, packets: u64| {
        flow(
            second,
            "198.51.100.80",
            80,
            "udp",
            json!({ "pkts_out": packets }),
        )
    };
    assert_eq!(found(&[part(1, 600_000), part(2, 600_000)]).len(), 1);
    assert!(found(&[part(1, 600_000), part(12, 600_000)]).is_empty());
    assert_eq!(
        found(&[part(1, 2_000_000), part(2, 2_000_000)]).len(),
        1,
        "once a minute"
    );
}

#[test]
fn amplified_answers_are_a_reflection() {
    let answers = |sent: u64, got: u64| {
        flow(
            5,
            "198.51.100.80",
            123,
            "udp",
            json!({ "bytes_out": sent, "bytes_in": got }),
        )
    };
    assert_eq!(found(&[answers(200_000, 2_000_000)]).len(), 1);
    assert!(found(&[answers(200_001, 2_000_000)]).is_empty());
    assert!(
        found(&[answers(100, 900_000)]).is_empty(),
        "too little to matter"
    );
}

#[test]
fn many_ports_are_a_scan() {
    let tries = |ports: u16| -> Vec<Value> {
        (1..=ports)
            .map(|port| {
                flow(
                    1,
                    "198.51.100.80",
                    port,
                    "tcp",
                    json!({ "pkts_out": 1, "syn_only_pkts": 1 }),
                )
            })
            .collect()
    };
    assert!(found(&tries(99)).is_empty());
    let scan = found(&tries(150));
    assert_eq!(scan.len(), 1);
    assert_eq!(scan[0].rule, "CDN-3.1b/scan");
}
