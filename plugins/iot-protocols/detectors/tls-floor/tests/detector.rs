//! The detector against the in-memory host.

use palisade_sdk::testing::{Finding, Harness, json};
use palisade_sdk::{Action, BlockScope, Severity};
use serde_json::Value;
use tls_floor::TlsFloor;

const MANIFEST: &str = include_str!("../plugin.toml");

fn handshake(time: &str, device: &str, version: &str, cipher: &str) -> Value {
    json!({
        "kind": "network.tls",
        "time": time,
        "owner": { "device": device },
        "src": { "ip": "10.3.0.7" },
        "dst": { "ip": "10.9.0.1", "port": 8883 },
        "dtls": version.starts_with('D'),
        "version": version,
        "cipher": cipher,
    })
}

fn found(settings: &[(&str, Value)], events: &[Value]) -> Vec<Finding> {
    let mut detector = Harness::<TlsFloor>::detector(MANIFEST, settings).unwrap();
    detector.evaluate(0, events).findings
}

const NOW: &str = "2025-06-01T10:00:00+08:00";
const GOOD: &str = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";

#[test]
fn the_examples_of_the_requirement() {
    let bad = found(
        &[],
        &[handshake(NOW, "d-7", "TLS1.0", "TLS_RSA_WITH_RC4_128_SHA")],
    );
    let [finding] = &bad[..] else {
        panic!("{bad:?}")
    };
    assert_eq!(
        (finding.rule.as_str(), finding.subject.as_str()),
        ("IOT-2.3a", "device:d-7")
    );
    assert_eq!(finding.severity, None, "the manifest's: high");
    assert!(
        matches!(&finding.actions[..], [Action::Block(scopes)] if scopes == &[BlockScope::Session])
    );
    assert!(found(&[], &[handshake(NOW, "d-8", "DTLS1.2", GOOD)]).is_empty());
}

#[test]
fn floor_and_suites_are_judged_apart() {
    for (version, cipher, count) in [
        ("TLS1.1", GOOD, 1),
        ("DTLS1.0", GOOD, 1),
        ("SSL3.0", GOOD, 1),
        ("TLS1.2", "TLS_RSA_WITH_NULL_SHA256", 1),
        ("TLS1.3", "TLS_SHA256_SHA256", 1),
        ("TLS1.2", "TLS_RSA_WITH_AES_128_CBC_SHA", 1),
        ("TLS1.2", "TLS_RSA_WITH_AES_128_CBC_SHA256", 0),
        ("TLS1.3", "TLS_AES_256_GCM_SHA384", 0),
        ("QUIC", GOOD, 0),
        // No server answered: nothing was chosen.
        ("TLS1.0", "", 0),
    ] {
        let findings = found(&[], &[handshake(NOW, "d", version, cipher)]);
        assert_eq!(findings.len(), count, "{version} {cipher}");
    }
    let mut refused = handshake(NOW, "d", "TLS1.0", GOOD);
    refused["established"] = json!(false);
    assert!(found(&[], &[refused]).is_empty());
    let strict = [("min-version", json!("1.3"))];
    assert_eq!(
        found(&strict, &[handshake(NOW, "d", "TLS1.2", GOOD)]).len(),
        1
    );
    let mut unowned = handshake(NOW, "d", "TLS1.0", GOOD);
    unowned["owner"] = json!({});
    assert_eq!(found(&[], &[unowned])[0].subject, "address:10.3.0.7");
}

#[test]
fn an_announced_sunset_is_a_duty_until_its_day_and_a_block_from_then_on() {
    let settings = [("sunset", json!(["TLS1.2 2026-01-01"]))];
    let mut detector = Harness::<TlsFloor>::detector(MANIFEST, &settings).unwrap();
    let output = detector.evaluate(
        0,
        &[
            handshake(NOW, "d-1", "TLS1.2", GOOD),
            handshake(NOW, "d-1", "TLS1.2", GOOD),
            handshake(NOW, "d-1", "DTLS1.2", GOOD),
            handshake("2025-12-31T23:59:59+08:00", "d-2", "TLS1.2", GOOD),
            handshake("2026-01-01T00:00:00+08:00", "d-2", "TLS1.2", GOOD),
        ],
    );
    let summary: Vec<_> = output
        .findings
        .iter()
        .map(|finding| (finding.rows[0], finding.severity, finding.actions.len()))
        .collect();
    assert_eq!(
        summary,
        [
            (0, Some(Severity::Low), 1),
            (2, Some(Severity::Info), 1),
            (3, Some(Severity::Low), 1),
            (4, None, 1),
        ]
    );
    let Action::OpenObligation(duty) = &output.findings[0].actions[0] else {
        panic!()
    };
    assert_eq!(
        (duty.id.as_str(), duty.duty.as_str()),
        ("IOT-2.3a/device:d-1/TLS1.2", "upgrade")
    );
    assert_eq!(duty.due, 1_767_196_800_000_000_000);
    assert!(
        matches!(&output.findings[1].actions[0], Action::DischargeObligation(id) if *id == duty.id)
    );
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    for (name, value) in [
        ("min-version", json!("high")),
        ("sunset", json!(["TLS1.2 soon"])),
    ] {
        let refused = Harness::<TlsFloor>::detector(MANIFEST, &[(name, value)]);
        assert_eq!(refused.err().map(|error| error.name).as_deref(), Some(name));
    }
}
