//! The detector against the in-memory host.

use indicators::Indicators;
use palisade_sdk::testing::{Finding, Harness, json};
use palisade_sdk::{Action, BlockScope};
use serde_json::Value;

const MANIFEST: &str = include_str!("../plugin.toml");

fn found(subscription: u32, event: Value) -> Vec<Finding> {
    let mut plugin = Harness::<Indicators>::detector(MANIFEST, &[]).unwrap();
    let march = |kind: &str, value: &str, confidence: u32| {
        json!({
            "kind": kind, "value": value, "confidence": confidence, "notice": "N-1",
            "valid_from": "2025-03-01T00:00:00+08:00", "valid_until": "2025-03-31T23:59:59+08:00",
        })
    };
    plugin.dataset(
        "indicators",
        &[
            march("ipv4", "203.0.113.9", 90),
            march("cidr", "198.51.100.0/24", 50),
            march("domain", "evil.example", 90),
        ],
    );
    plugin.evaluate(subscription, &[event]).findings
}

fn flow(time: &str, to: &str) -> Value {
    json!({ "kind": "network.flow", "time": time, "src": { "ip": "10.0.0.5" }, "dst": { "ip": to, "port": 443 } })
}

#[test]
fn a_valid_indicator_alerts_and_blocks() {
    let found = found(0, flow("2025-03-10T09:00:00+08:00", "203.0.113.9"));
    let [finding] = &found[..] else {
        panic!("{found:?}")
    };
    assert_eq!(finding.subject, "indicator:203.0.113.9");
    assert!(finding.summary.contains("N-1"), "{}", finding.summary);
    assert!(
        matches!(&finding.actions[..], [Action::Block(scopes)] if scopes == &[BlockScope::Destination])
    );
}

#[test]
fn an_expired_indicator_never_matches() {
    assert!(found(0, flow("2025-04-02T09:00:00+08:00", "203.0.113.9")).is_empty());
    assert!(found(0, flow("2025-02-28T23:59:59+08:00", "203.0.113.9")).is_empty());
}

#[test]
fn low_confidence_alerts_only() {
    let found = found(0, flow("2025-03-10T09:00:00+08:00", "198.51.100.77"));
    assert_eq!(found.len(), 1);
    assert!(found[0].actions.is_empty());
}

#[test]
fn a_domain_matches_by_whole_labels() {
    let dns = |name: &str| json!({ "kind": "network.dns", "time": "2025-03-10T09:00:00+08:00", "qname": name });
    assert_eq!(found(1, dns("a.evil.example")).len(), 1);
    assert!(found(1, dns("notevil.example")).is_empty());
}
