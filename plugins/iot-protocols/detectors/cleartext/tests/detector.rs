//! The detector against the in-memory host.

use cleartext::Cleartext;
use palisade_sdk::testing::{Finding, Harness, json};
use palisade_sdk::{Action, BlockScope, Severity};
use serde_json::Value;

const MANIFEST: &str = include_str!("../plugin.toml");
const NOW: &str = "2025-06-01T10:00:00+08:00";

fn flow(device: &str, ends: (&str, u16, &str, u16), direction: &str, protocol: &str) -> Value {
    json!({
        "kind": "network.flow",
        "time": NOW,
        "owner": { "device": device },
        "src": { "ip": ends.0, "port": ends.1 },
        "dst": { "ip": ends.2, "port": ends.3 },
        "direction": direction,
        "app_proto": protocol,
        "encrypted": false,
    })
}

fn write(from: &str, to: &str, function: u8) -> Value {
    json!({
        "kind": "device.message",
        "time": NOW,
        "src": { "ip": from, "port": 40_004 },
        "dst": { "ip": to, "port": 502 },
        "protocol": "modbus",
        "operation": "write-single-register",
        "direction": "request",
        "attributes": {
            "modbus.access": "write", "modbus.function": function, "modbus.unit": 1,
            "modbus.address": 7,
        },
    })
}

fn found(settings: &[(&str, Value)], subscription: u32, events: &[Value]) -> Vec<Finding> {
    let mut detector = Harness::<Cleartext>::detector(MANIFEST, settings).unwrap();
    detector.evaluate(subscription, events).findings
}

fn blocks(finding: &Finding) -> bool {
    finding
        .actions
        .iter()
        .any(|action| matches!(action, Action::Block(scopes) if scopes == &[BlockScope::Session]))
}

#[test]
fn http_and_coap_are_blocked_and_must_be_reconfigured() {
    let coap = flow(
        "d-9",
        ("10.3.0.9", 40_001, "10.9.0.1", 5684),
        "inbound",
        "coap",
    );
    let findings = found(&[], 0, &[coap.clone(), coap]);
    let [finding] = &findings[..] else {
        panic!("{findings:?}")
    };
    assert_eq!(
        (finding.rule.as_str(), finding.subject.as_str()),
        ("IOT-2.3b", "device:d-9")
    );
    assert_eq!(finding.severity, None, "the manifest's: high");
    assert!(blocks(finding));
    let Some(Action::OpenObligation(duty)) = finding.actions.get(1) else {
        panic!("{finding:?}")
    };
    assert_eq!(duty.due, 1_749_348_000_000_000_000, "seven days later");
    assert_eq!(duty.on_expiry, "quarantine:device:d-9");
}

#[test]
fn what_goes_to_the_platform_is_blocked_and_a_field_bus_is_put_to_a_person() {
    let findings = found(
        &[],
        0,
        &[
            flow(
                "d-11",
                ("10.3.0.11", 40_003, "10.9.0.1", 8883),
                "inbound",
                "mqtt",
            ),
            flow(
                "plc-1",
                ("10.50.4.2", 40_004, "10.50.4.9", 502),
                "lateral",
                "modbus",
            ),
            flow(
                "plc-2",
                ("10.50.4.3", 40_005, "203.0.113.9", 502),
                "outbound",
                "modbus",
            ),
            flow(
                "plc-3",
                ("10.50.4.4", 40_006, "10.50.4.9", 502),
                "unknown",
                "modbus",
            ),
            flow(
                "d-12",
                ("10.3.0.12", 40_007, "10.9.0.1", 53),
                "inbound",
                "dns",
            ),
        ],
    );
    let summary: Vec<_> = findings
        .iter()
        .map(|finding| (finding.rows[0], finding.severity, blocks(finding)))
        .collect();
    assert_eq!(
        summary,
        [
            (0, None, true),
            (1, Some(Severity::Medium), false),
            (2, None, true),
            (3, Some(Severity::Medium), false),
        ]
    );
    assert!(matches!(
        &findings[1].actions[..],
        [Action::RequireApproval(_)]
    ));
}

#[test]
fn a_recorded_exception_holds_within_its_segment_and_until_its_day() {
    let inside = flow(
        "plc-1",
        ("10.50.4.2", 40_004, "10.50.4.9", 502),
        "lateral",
        "modbus",
    );
    let outside = flow(
        "plc-1",
        ("10.50.4.2", 40_004, "10.50.5.9", 502),
        "lateral",
        "modbus",
    );
    let events = [inside, outside];
    let settings = |day: &str| {
        [(
            "allowed-cleartext",
            json!([format!("modbus 10.50.4.0/24 {day} plant.safety")]),
        )]
    };
    let rows = |findings: Vec<Finding>| findings.iter().map(|f| f.rows[0]).collect::<Vec<_>>();
    assert_eq!(rows(found(&settings("2025-06-01"), 0, &events)), [1]);
    assert_eq!(rows(found(&settings("2025-05-31"), 0, &events)), [0, 1]);
}

#[test]
fn writes_need_a_listed_master_whatever_the_exception() {
    let settings = [
        (
            "allowed-cleartext",
            json!(["modbus 10.50.4.0/24 2026-12-31 plant.safety"]),
        ),
        ("listed-masters", json!(["10.50.4.2 10.50.4.0/24"])),
    ];
    let events = [
        write("10.50.4.2", "10.50.4.9", 6),
        write("10.50.4.3", "10.50.4.9", 6),
        write("10.50.4.3", "10.50.4.9", 16),
        write("10.50.4.2", "10.50.5.9", 6),
    ];
    let findings = found(&settings, 2, &events);
    let rows: Vec<_> = findings.iter().map(|finding| finding.rows[0]).collect();
    // Once a session and unit.
    assert_eq!(rows, [1, 3]);
    assert!(
        findings
            .iter()
            .all(|finding| finding.rule == "IOT-2.3c" && blocks(finding))
    );
    assert_eq!(findings[0].subject, "address:10.50.4.3");
}

#[test]
fn oscore_counts_only_where_it_is_approved() {
    let message = |port: u16, operation: &str, oscore: u8| {
        json!({
            "kind": "device.message",
            "time": NOW,
            "owner": { "device": "d-9" },
            "src": { "ip": "10.3.0.9", "port": port },
            "dst": { "ip": "10.9.0.1", "port": 5683 },
            "protocol": "coap",
            "operation": operation,
            "attributes": { "coap.oscore": oscore },
        })
    };
    let messages = [
        message(1, "post", 1),
        message(1, "empty", 0),
        message(2, "get", 0),
        message(2, "get", 0),
    ];
    let coap = flow("d-9", ("10.3.0.9", 1, "10.9.0.1", 5683), "inbound", "coap");
    assert!(found(&[], 1, &messages).is_empty());
    assert_eq!(found(&[], 0, std::slice::from_ref(&coap)).len(), 1);
    let approved = [("approved-object-security", json!("oscore"))];
    let findings = found(&approved, 1, &messages);
    assert_eq!(findings.len(), 1);
    assert_eq!(
        (findings[0].rule.as_str(), findings[0].rows[0]),
        ("IOT-2.3b", 2)
    );
    assert!(found(&approved, 0, &[coap]).is_empty());
}

#[test]
fn flows_of_unknown_sources_count_unless_only_devices_do() {
    let mut anonymous = flow("", ("10.3.0.9", 1, "10.9.0.1", 80), "inbound", "http");
    anonymous["owner"] = json!({});
    assert_eq!(
        found(&[], 0, &[anonymous.clone()])[0].subject,
        "address:10.3.0.9"
    );
    assert!(found(&[("devices-only", json!(true))], 0, &[anonymous]).is_empty());
    // Without ports no session is known, so each record counts.
    let mut portless = flow("d", ("10.3.0.9", 1, "10.9.0.1", 80), "inbound", "http");
    portless["src"] = json!({ "ip": "10.3.0.9" });
    assert_eq!(found(&[], 0, &[portless.clone(), portless]).len(), 2);
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (name, value) in [
        ("approved-object-security", json!("maybe")),
        ("allowed-cleartext", json!(["modbus cell-4"])),
        ("listed-masters", json!(["10.50.4.2"])),
    ] {
        let refused = Harness::<Cleartext>::detector(MANIFEST, &[(name, value)]);
        assert_eq!(refused.err().map(|error| error.name).as_deref(), Some(name));
    }
}
