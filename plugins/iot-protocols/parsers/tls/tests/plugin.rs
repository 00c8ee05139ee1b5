//! The plugin as the host sees it.

use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{Direction, Outcome, Recognition};
use tls::Tls;

const MANIFEST: &str = include_str!("../plugin.toml");

#[test]
fn a_handshake_is_one_event() {
    let mut plugin = Harness::<Tls>::parser(MANIFEST, &[]).unwrap();
    let flights: Vec<(Direction, Vec<u8>)> = include_str!("handshakes/tls12-client-cert.hex")
        .lines()
        .map(|line| {
            let (mark, hex) = line.split_once(' ').unwrap();
            let byte = |at: usize| u8::from_str_radix(&hex[at..at + 2], 16).unwrap();
            let bytes = (0..hex.len()).step_by(2).map(byte).collect();
            (
                if mark == ">" {
                    Direction::ToServer
                } else {
                    Direction::ToClient
                },
                bytes,
            )
        })
        .collect();
    let chunks: Vec<_> = flights
        .iter()
        .map(|(direction, bytes)| chunk(*direction, bytes))
        .collect();
    assert_eq!(plugin.probe(&chunks[0]), Recognition::Yes);
    let parsed = plugin.parse(&chunks);
    assert!(
        parsed
            .outcomes
            .iter()
            .all(|outcome| *outcome == Outcome::Done),
        "{parsed:?}"
    );
    let [event] = &parsed.events[..] else {
        panic!("{parsed:?}")
    };
    assert_eq!(event.kind, "network.tls");
    for (name, value) in [
        ("dtls", json!(false)),
        ("version", json!("TLS1.2")),
        ("cipher", json!("TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256")),
        ("sni", json!("broker.test")),
        ("established", json!(true)),
        (
            "server-cert.subject",
            json!("C=XX, O=Palisade tests, CN=device.test"),
        ),
        ("server-cert.self-signed", json!(true)),
        (
            "client-cert.issuer",
            json!("C=XX, O=Palisade tests, CN=device.test"),
        ),
    ] {
        assert_eq!(event.fields.get(name), Some(&value), "{name}");
    }
    let ja4 = event.fields["ja4"].as_str().unwrap();
    assert!(ja4.starts_with("t12d02") && ja4.len() == 36, "{ja4}");
}
