//! The rule, against the host in memory.

use palisade_sdk::testing::{Harness, json};
use palisade_sdk::{Action, Severity};
use weak_tls_rust::WeakTls;

fn plugin(sunset: &[&str]) -> Harness<WeakTls> {
    Harness::detector(include_str!("../plugin.toml"), &[("sunset", json!(sunset))]).unwrap()
}

fn handshake(version: &str, cipher: &str) -> serde_json::Value {
    json!({ "time": "2025-06-01T02:00:00Z", "owner": { "device": "d-7" }, "src": { "ip": "10.3.0.7" }, "version": version, "cipher": cipher })
}

#[test]
fn old_versions_and_forbidden_ciphers_are_blocked() {
    let found = plugin(&[]).evaluate(
        0,
        &[
            handshake("TLS1.0", "TLS_RSA_WITH_RC4_128_SHA"),
            handshake("DTLS1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
            handshake("TLS1.2", "TLS_RSA_WITH_AES_128_CBC_SHA"),
            handshake("TLS1.2", "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256"),
            handshake("SSL3.0", "TLS_RSA_WITH_AES_128_GCM_SHA256"),
            json!({ "src": { "ip": "2001:db8::1" }, "version": "TLS1.3", "cipher": "TLS_DH_anon_WITH_AES_128_GCM_SHA256" }),
            json!({ "src": { "ip": "10.0.0.1" }, "version": "TLS1.0", "cipher": "", "established": false }),
        ],
    );
    let shown: Vec<_> = found
        .findings
        .iter()
        .map(|it| (it.rows[0], it.subject.as_str(), it.summary.as_str()))
        .collect();
    assert_eq!(
        shown,
        [
            (
                0,
                "device:d-7",
                "TLS1.0 with TLS_RSA_WITH_RC4_128_SHA is not approved: version, RC4"
            ),
            (
                2,
                "device:d-7",
                "TLS1.2 with TLS_RSA_WITH_AES_128_CBC_SHA is not approved: CBC_SHA"
            ),
            (
                4,
                "device:d-7",
                "SSL3.0 with TLS_RSA_WITH_AES_128_GCM_SHA256 is not approved: version"
            ),
            (
                5,
                "address:2001:db8::1",
                "TLS1.3 with TLS_DH_anon_WITH_AES_128_GCM_SHA256 is not approved: anon"
            ),
        ]
    );
}

#[test]
fn an_announced_end_is_told_once_and_then_enforced() {
    let modern = handshake("TLS1.2", "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256");
    let mut announced = plugin(&["TLS1.2=2030-01-01"]);
    let found = announced
        .evaluate(0, &[modern.clone(), modern.clone()])
        .findings;
    assert_eq!((found.len(), found[0].severity), (1, Some(Severity::Low)));
    let Action::OpenObligation(obligation) = &found[0].actions[0] else {
        panic!("no obligation")
    };
    assert_eq!(
        (obligation.id.as_str(), obligation.due),
        ("IOT-2.3a/device:d-7/TLS1.2", 1_893_456_000_000_000_000)
    );

    let found = plugin(&["TLS1.2=2025-06-01"])
        .evaluate(0, &[modern])
        .findings;
    assert_eq!(
        found[0].summary,
        "TLS1.2 with TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 is not approved: version"
    );
}

#[test]
fn wrong_settings_are_refused() {
    for (name, value) in [
        ("sunset", "TLS1.2"),
        ("sunset", "TLS1.2=soon"),
        ("min-version", "modern"),
    ] {
        let settings = [(name, json!([value]))];
        let error =
            Harness::<WeakTls>::detector(include_str!("../plugin.toml"), &settings).unwrap_err();
        assert_eq!(error.name, name);
    }
}
