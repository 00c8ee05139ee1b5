//! What tells a protocol is its bytes: on every port each is taken for what it is, and bytes
//! that only look like one are taken for nothing.

use crate::connections::Connections;
use crate::recording::Side;

/// Ports of the protocols, those of their secure variants, and one of nobody.
const PORTS: [u16; 12] = [
    21, 53, 80, 443, 502, 1_883, 5_683, 5_684, 8_080, 8_883, 5_353, 40_000,
];

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| {
        let pair = std::str::from_utf8(pair).expect("ASCII");
        u8::from_str_radix(pair, 16).expect("hexadecimal")
    };
    digits.chunks(2).map(pair).collect()
}

/// First bytes of a client, or of a server where it is marked `<`; and what they are.
const STREAMS: [(&str, &str, &str); 23] = [
    (
        "HTTP/1.1",
        "47 45 54 20 2f 20 48 54 54 50 2f 31 2e 31 0d 0a 0d 0a",
        "http",
    ),
    (
        "a status line",
        "<48 54 54 50 2f 31 2e 31 20 32 30 30 20 4f 4b 0d 0a 0d 0a",
        "http",
    ),
    (
        "HTTP/2 in clear",
        "50 52 49 20 2a 20 48 54 54 50 2f 32 2e 30 0d 0a 0d 0a 53 4d 0d 0a 0d 0a",
        "http",
    ),
    (
        "MQTT 3.1",
        "10 0f 00 06 4d 51 49 73 64 70 03 02 00 3c 00 01 61",
        "mqtt",
    ),
    (
        "MQTT 3.1.1",
        "10 0f 00 04 4d 51 54 54 04 02 00 3c 00 03 64 31 31",
        "mqtt",
    ),
    (
        "MQTT 5.0",
        "10 10 00 04 4d 51 54 54 05 02 00 3c 00 00 03 64 31 31",
        "mqtt",
    ),
    // A remaining length in four bytes where one would do.
    (
        "MQTT, long length",
        "10 8f 80 80 00 00 04 4d 51 54 54 04 02 00 3c 00 03 64 31 31",
        "mqtt",
    ),
    ("Modbus", "00 01 00 00 00 06 01 03 00 00 00 0a", "modbus"),
    (
        "a Modbus exception",
        "<00 01 00 00 00 03 01 83 02",
        "modbus",
    ),
    ("TLS", "16 03 01 02 00 01 00 01 fc 03 03", "tls"),
    (
        "SSL 2.0 hello for TLS",
        "80 1f 01 03 01 00 06 00 00 00 10 00 00 2f 00 00 35 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f 7f",
        "tls",
    ),
    ("CoAP over TCP", "30 e1 22 0b ff 21 01 cc b1 61", "coap"),
    (
        "DNS over TCP",
        "00 18 00 01 01 00 00 01 00 00 00 00 00 00 01 61 04 74 65 73 74 00 00 01 00 01",
        "dns",
    ),
    ("FTP", "<32 32 30 20 46 54 50 0d 0a", "ftp"),
    // What is none of them.
    ("a lone 16", "16 47 45 54 20 2f", ""),
    ("16 and a version", "16 03 01 00 03 01 02 03", ""),
    ("SMTP", "<32 32 30 20 61 20 45 53 4d 54 50 0d 0a", ""),
    (
        "TPKT",
        "03 00 00 16 11 e0 00 00 00 01 00 c1 02 01 00 c2 02 01 02 c0 01 0a",
        "",
    ),
    (
        "MBAP of length 0",
        "00 01 00 00 00 00 01 03 00 00 00 0a",
        "",
    ),
    (
        "MBAP of length 1",
        "00 01 00 00 00 01 01 03 00 00 00 0a",
        "",
    ),
    (
        "MBAP of length 255",
        "00 01 00 00 00 ff 01 03 00 00 00 0a",
        "",
    ),
    (
        "MBAP of length 256",
        "00 01 00 00 01 00 01 03 00 00 00 0a",
        "",
    ),
    ("SSH", "53 53 48 2d 32 2e 30 2d 78 0d 0a", ""),
];

const DATAGRAMS: [(&str, &str, &str); 17] = [
    ("CoAP", "40 01 30 39 b4 74 65 6d 70", "coap"),
    (
        "CoAP with OSCORE",
        "44 02 16 2a 51 92 e5 a6 92 09 14 ff 61 2f 10 92",
        "coap",
    ),
    ("a CoAP response", "60 45 30 39 c0 ff 32 32", "coap"),
    (
        "DTLS 1.2",
        "16 fe fd 00 00 00 00 00 00 00 00 00 0e 01 00 00 34 00 00 00 00 00 00 00 00 02 fe fd",
        "",
    ),
    (
        "DTLS 1.2, a hello in parts",
        "16 fe fd 00 00 00 00 00 00 00 00 00 0e 01 00 00 34 00 00 00 00 00 00 00 02 fe fd",
        "tls",
    ),
    (
        "DTLS 1.0, a hello in parts",
        "16 fe ff 00 00 00 00 00 00 00 00 00 0e 01 00 00 34 00 00 00 00 00 00 00 02 fe ff",
        "tls",
    ),
    (
        "DNS",
        "00 01 01 00 00 01 00 00 00 00 00 00 01 61 04 74 65 73 74 00 00 01 00 01",
        "dns",
    ),
    (
        "QUIC, short header",
        "40 51 d3 0f 77 a9 22 81 4e 6b c0 19 7f 3a 5d 02 c8 e4 91 66 10 2b",
        "",
    ),
    (
        "QUIC, long header",
        "c3 00 00 00 01 08 01 02 03 04 05 06 07 08 00 00 44 9e",
        "",
    ),
    (
        "STUN",
        "00 01 00 00 21 12 a4 42 01 02 03 04 05 06 07 08 09 0a 0b 0c",
        "",
    ),
    ("RTP", "80 60 00 01 00 00 00 a0 12 34 56 78 d5 d5", ""),
    (
        "CoAP, a token of 9",
        "49 01 00 01 01 02 03 04 05 06 07 08 09",
        "",
    ),
    ("CoAP of class 1", "40 21 00 01", ""),
    ("CoAP of class 3", "40 61 00 01", ""),
    ("CoAP, a marker alone", "40 01 00 01 b1 61 ff", ""),
    ("a lone 16", "16", ""),
    (
        "NTP",
        "23 02 06 e8 00 00 01 6a 00 00 02 4c c0 00 02 01 00 00 00 00",
        "",
    ),
];

fn said(bytes: &str) -> [(Side, Vec<u8>); 1] {
    match bytes.strip_prefix('<') {
        Some(bytes) => [(Side::Server, hex(bytes))],
        None => [(Side::Client, hex(bytes))],
    }
}

#[test]
fn on_every_port_bytes_are_taken_for_what_they_are() {
    let mut connections = Connections::new();
    for port in PORTS {
        for (_, bytes, _) in STREAMS {
            connections.tcp(port, &said(bytes));
        }
        for (_, bytes, _) in DATAGRAMS {
            connections.udp(port, &said(bytes));
        }
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    let mut taken = outcome.protocols.iter();
    for port in PORTS {
        for (name, _, expected) in STREAMS.iter().chain(&DATAGRAMS) {
            let taken = taken.next().expect("every conversation is a flow");
            assert_eq!(taken, expected, "{name} on port {port}");
        }
    }
}

#[test]
fn first_bytes_that_come_one_by_one_are_recognised_the_same() {
    let mut connections = Connections::new();
    for (_, bytes, _) in STREAMS {
        let [(side, bytes)] = said(bytes);
        let pieces: Vec<_> = bytes.iter().map(|byte| (side, [*byte])).collect();
        connections.tcp(40_000, &pieces);
    }
    let Some(outcome) = connections.run() else {
        return;
    };
    for ((name, _, expected), taken) in STREAMS.iter().zip(&outcome.protocols) {
        assert_eq!(taken, expected, "{name}");
    }
}

#[test]
fn mqtt_in_a_websocket_is_an_upgrade_of_http() {
    let asked = b"GET /mqtt HTTP/1.1\r\nHost: a.example\r\nUpgrade: websocket\r\n\r\n".to_vec();
    let agreed = b"HTTP/1.1 101 Switching Protocols\r\n\r\n".to_vec();
    let frame = hex("82 11 10 0f 00 04 4d 51 54 54 04 02 00 3c 00 03 64 31 31");
    let mut connections = Connections::new();
    connections.tcp(
        1_883,
        &[
            (Side::Client, asked),
            (Side::Server, agreed),
            (Side::Client, frame),
        ],
    );
    let Some(outcome) = connections.run() else {
        return;
    };
    let [event] = &outcome.events[0][..] else {
        panic!("{:?}", outcome.events)
    };
    assert!(event.starts_with("\"network.http\""), "{event}");
    assert_eq!(outcome.protocols, ["http"]);
}
