//! Flows that change their protocol on the way, written here segment by segment, because no
//! client at hand speaks as early as TCP lets it. The TLS is a recorded handshake.

use palisade_tests::root;

use crate::events::events;
use crate::recording::{Ends, Recording, Side};

/// The first record of each side of a recorded TLS 1.3 handshake.
fn hellos() -> [Vec<u8>; 2] {
    let path = "plugins/iot-protocols/parsers/tls/tests/handshakes/tls13.hex";
    let text = std::fs::read_to_string(root().join(path)).expect("the handshake can be read");
    ['>', '<'].map(|side| {
        let line = text.lines().find_map(|line| line.strip_prefix(side));
        let digits = line.expect("both sides speak").trim();
        (0..digits.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).expect("hex digits"))
            .collect()
    })
}

#[test]
fn what_a_client_says_before_a_tunnel_is_granted_belongs_to_the_tunnel() {
    let [client, server] = hellos();
    let asked = b"CONNECT platform.example:443 HTTP/1.1\r\nHost: platform.example:443\r\n\r\n";
    let granted = b"HTTP/1.1 200 Connection established\r\n\r\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let ends = Ends(
        "10.3.0.7:40000".parse().expect("an address"),
        "10.9.0.1:3128".parse().expect("an address"),
    );
    let (ours, theirs) = (Side::Client, Side::Server);
    let at_once = [&asked[..], &client].concat();
    let cases = [
        (
            "patient",
            vec![
                (ours, &asked[..]),
                (theirs, &granted[..]),
                (ours, &client[..]),
            ],
        ),
        (
            "early",
            vec![
                (ours, &asked[..]),
                (ours, &client[..]),
                (theirs, &granted[..]),
            ],
        ),
        (
            "at-once",
            vec![(ours, &at_once[..]), (theirs, &granted[..])],
        ),
        (
            "in-parts",
            vec![
                (ours, &asked[..]),
                (ours, &client[..100]),
                (ours, &client[100..]),
                (theirs, &granted[..]),
            ],
        ),
    ];
    for (name, said) in cases {
        let path = folder.path().join(format!("{name}.pcap"));
        let mut recording = Recording::new(1_750_000_000);
        recording.tcp(ends, &[said, vec![(theirs, &server[..])]].concat());
        recording.write(&path);
        let Some(found) = events(&path) else { return };
        let kinds: Vec<_> = found.iter().map(|event| event.text("kind")).collect();
        assert_eq!(kinds, ["network.http", "network.tls"], "{name}");
        let tls = &found[1].0;
        assert_eq!(tls["version"], "TLS1.3", "{name}");
        assert!(
            tls["ja4"].is_string(),
            "{name}: the client's hello was not read: {tls}"
        );
    }
}
