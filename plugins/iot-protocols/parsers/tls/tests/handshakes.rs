//! Handshakes of OpenSSL, recorded on loopback for these tests: a line per flight, `>`
//! from the client and `<` from the server.

use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Replay, capture, same_however_cut, storm};
use iot_wire::{Fault, Run, Side, Step, Verdict};
use tls::{
    handshake::Report,
    session::{Session, probe},
};

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len() / 2)
        .map(|i| u8::from_str_radix(&text[i * 2..i * 2 + 2], 16).unwrap())
        .collect()
}

fn recorded(name: &str) -> Vec<Piece> {
    let path = format!("{}/tests/handshakes/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(path)
        .unwrap()
        .lines()
        .map(|line| {
            let (mark, bytes) = line.split_once(' ').unwrap();
            let side = if mark == ">" {
                Side::ToServer
            } else {
                Side::ToClient
            };
            Piece {
                side,
                bytes: unhex(bytes),
            }
        })
        .collect()
}

/// The first bytes of a client.
fn run(stream: bool, bytes: &[u8]) -> Run<'_> {
    Run {
        side: Side::ToServer,
        stream,
        port: 80,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    }
}

fn line(report: &Report<'_>) -> String {
    let cert = |cert: Option<&tls::certificate::Certificate>| {
        cert.map_or("-".to_owned(), |cert| {
            assert_eq!(cert.issuer, cert.subject);
            assert!(cert.not_after - cert.not_before >= 3_649 * 86_400 * 1_000_000_000);
            format!(
                "{} {} {}",
                cert.subject,
                &cert.sha256[..8],
                cert.self_signed
            )
        })
    };
    format!(
        "{} {} {} {:?} {:?} {:?} {} {}",
        report.dtls,
        report.version,
        report.cipher,
        report.sni,
        report.alpn,
        report.established,
        cert(report.server_cert),
        cert(report.client_cert),
    )
}

fn play(stream: bool, pieces: &[Piece]) -> (Vec<String>, Step) {
    play_as(stream, pieces, line)
}

fn play_as(stream: bool, pieces: &[Piece], line: fn(&Report<'_>) -> String) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(stream, 443, |run: &Run<'_>| {
        session.feed(run, |report| seen.push(line(report)))
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

const EC: &str = "C=XX, O=Palisade tests, CN=device.test b2a27294 true";
const RSA: &str = "C=XX, O=Palisade tests, CN=device.test 2bb0ebf9 true";

#[test]
fn every_recorded_handshake_is_one_event_however_it_is_cut() {
    let sni = "Some(\"broker.test\")";
    let modern = "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256";
    for (name, expected) in [
        (
            "tls12",
            format!("TLS1.2 {modern} {sni} Some(\"mqtt\") Some(true) {EC} -"),
        ),
        (
            "tls12-client-cert",
            format!("TLS1.2 {modern} {sni} None Some(true) {EC} {EC}"),
        ),
        (
            "tls13",
            format!("TLS1.3 TLS_AES_256_GCM_SHA384 {sni} Some(\"mqtt\") Some(true) - -"),
        ),
        (
            "tls10",
            format!("TLS1.0 TLS_RSA_WITH_AES_128_CBC_SHA {sni} None Some(true) {RSA} -"),
        ),
        // Encrypted by its record type and clear in fact: the suite tells.
        (
            "tls12-null",
            format!("TLS1.2 TLS_RSA_WITH_NULL_SHA256 {sni} None Some(true) {RSA} -"),
        ),
        (
            "tls12-refused",
            format!("TLS1.2 {modern} {sni} Some(\"mqtt\") Some(false) {EC} -"),
        ),
    ] {
        let result = same_however_cut(&recorded(name), |pieces| play(true, pieces));
        assert_eq!(
            result,
            (vec![format!("false {expected}")], Step::Done),
            "{name}"
        );
    }
}

#[test]
fn a_handshake_of_tls_1_3_is_established_by_more_than_an_alert() {
    let (seen, last) = play(true, &recorded("tls13-refused"));
    assert_eq!((seen.len(), last), (1, Step::Done));
    assert!(
        seen[0].contains("TLS1.3") && seen[0].contains("Some(false)"),
        "{seen:?}"
    );
    // The same refusal, encrypted: the bytes do not tell.
    let mut pieces = recorded("tls13-refused");
    pieces.truncate(2);
    let mut alert = vec![0x17, 3, 3, 0, 19];
    alert.extend([0x5a; 19]);
    pieces.push(Piece {
        side: Side::ToServer,
        bytes: alert,
    });
    let (seen, _) = play(true, &pieces);
    assert!(
        seen[0].contains("TLS1.3") && seen[0].contains(" None - -"),
        "{seen:?}"
    );
}

#[test]
fn datagrams_whole_and_in_fragments() {
    let sni = "Some(\"lwm2m.test\")";
    for (name, version) in [
        ("dtls12", "DTLS1.2"),
        ("dtls12-fragments", "DTLS1.2"),
        ("dtls10", "DTLS1.0"),
    ] {
        let pieces = recorded(name);
        let (seen, last) = play(false, &pieces);
        assert_eq!((seen.len(), last), (1, Step::Done), "{name}");
        let start = format!("true {version} TLS_ECDHE_ECDSA_WITH_AES_256_");
        assert!(seen[0].starts_with(&start), "{name}: {seen:?}");
        assert!(
            seen[0].ends_with(&format!("{sni} None Some(true) {EC} -")),
            "{name}: {seen:?}"
        );
        // Sent again and in another order it stays the same event.
        let mut doubled = Vec::new();
        for flight in pieces.chunk_by(|a, b| a.side == b.side) {
            doubled.extend(flight.iter().rev().cloned());
            doubled.extend(flight.iter().cloned());
        }
        assert_eq!(play(false, &doubled).0, seen, "{name}");
    }
}

#[test]
fn recognition_rests_on_the_bytes() {
    let judge = |stream, bytes: &[u8]| probe(&run(stream, bytes));
    // The example of the requirement: a ClientHello to port 80.
    let hello = unhex("16030102000100 01fc0303".replace(' ', "").as_str());
    assert_eq!(judge(true, &hello), Verdict::Yes);
    for cut in 0..hello.len() {
        assert_eq!(judge(true, &hello[..cut]), Verdict::More, "{cut}");
    }
    for name in ["tls12", "tls13", "tls10", "tls12-null"] {
        for piece in recorded(name).iter().take(2) {
            assert_eq!(judge(true, &piece.bytes), Verdict::Yes, "{name}");
        }
    }
    for name in ["dtls12", "dtls12-fragments", "dtls10"] {
        for piece in recorded(name) {
            assert_eq!(judge(false, &piece.bytes), Verdict::Yes, "{name}");
        }
    }
    // Application data of a stream that began before the capture.
    let mut data = vec![0x17, 3, 3, 0, 32];
    data.extend([0x5a; 32]);
    assert_eq!(judge(true, &data), Verdict::More);
    data.extend([0x17, 3, 3, 0, 9]);
    assert_eq!(judge(true, &data), Verdict::Yes);
    let others: &[(&str, bool, &[u8])] = &[
        ("a lone 0x16", true, b"\x16GET / HTTP/1.1\r\n"),
        ("0x16 and a version", true, &[0x16, 3, 1, 0, 3, 1, 2, 3]),
        (
            "a record without a hello",
            true,
            &[0x16, 3, 1, 0, 64, 9, 0, 0, 60, 3, 3],
        ),
        (
            "a hello that is too short",
            true,
            &[0x16, 3, 1, 0, 64, 1, 0, 0, 4, 3, 3],
        ),
        ("HTTP", true, b"GET / HTTP/1.1\r\n\r\n"),
        ("Modbus", true, &[0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10]),
        ("version 4", true, &[0x16, 4, 0, 0, 64, 1, 0, 0, 60, 3, 3]),
        (
            "CoAP on the DTLS port",
            false,
            &[0x40, 1, 0x30, 0x39, 0xb4, 0x74, 0x65, 0x6d, 0x70],
        ),
        (
            "a TLS record in a datagram",
            false,
            &[0x16, 3, 1, 0, 64, 1, 0, 0, 60, 3, 3],
        ),
        (
            "DTLS cut short",
            false,
            &[0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1],
        ),
        (
            "QUIC",
            false,
            &[0xc3, 0, 0, 0, 1, 8, 1, 2, 3, 4, 5, 6, 7, 8],
        ),
        ("STUN", false, &[0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42]),
    ];
    for (name, stream, bytes) in others {
        assert_eq!(judge(*stream, bytes), Verdict::No, "{name}");
    }
}

#[test]
fn a_hello_without_an_answer_is_reported_with_what_was_offered() {
    let (seen, last) = play(true, &recorded("tls13")[..1]);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        ["false TLS1.3  Some(\"broker.test\") Some(\"mqtt\") None - -"]
    );
    // Refused in clear, with an alert: a handshake that failed.
    let refused = [
        recorded("tls10")[0].clone(),
        Piece {
            side: Side::ToClient,
            bytes: vec![21, 3, 1, 0, 2, 2, 70],
        },
    ];
    let (seen, _) = same_however_cut(&refused, |pieces| play(true, pieces));
    assert!(
        seen[0].contains("TLS1.0  ") && seen[0].contains("Some(false)"),
        "{seen:?}"
    );
}

/// The records of a flight with their content in records of at most `size` bytes.
fn cut_records(flight: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    let mut rest = flight;
    while let [kind, major, minor, high, low, content @ ..] = rest {
        let (content, next) = content.split_at(usize::from(u16::from_be_bytes([*high, *low])));
        for part in content.chunks(size) {
            out.extend([*kind, *major, *minor]);
            out.extend((part.len() as u16).to_be_bytes());
            out.extend(part);
        }
        rest = next;
    }
    out
}

#[test]
fn hellos_over_several_records_are_put_together() {
    for name in ["tls12", "tls10", "tls12-null"] {
        let mut pieces = recorded(name);
        let (whole, _) = play(true, &pieces);
        for size in [1, 2, 3, 5, 40] {
            for flight in 0..2 {
                let bytes = &recorded(name)[flight].bytes;
                pieces[flight].bytes = cut_records(bytes, size);
            }
            assert_eq!(
                play(true, &pieces),
                (whole.clone(), Step::Done),
                "{name} {size}"
            );
        }
        // Recognised by what the first of them shows.
        let parts = cut_records(&recorded(name)[0].bytes, 40);
        assert_eq!(probe(&run(true, &parts)), Verdict::Yes, "{name}");
    }
}

#[test]
fn a_hello_of_ssl_2_that_offers_tls_is_one() {
    // RFC 5246, appendix E.2: two suites of TLS, one of SSL 2.0, a challenge of 16 bytes.
    let mut hello = unhex("8022010301000900000010000004000005010080");
    hello.extend([0x7f; 16]);
    let mut pieces = recorded("tls10");
    pieces[0].bytes.clone_from(&hello);
    let (seen, last) = same_however_cut(&pieces, |pieces| play(true, pieces));
    assert_eq!(last, Step::Done);
    assert!(
        seen[0].starts_with("false TLS1.0 TLS_RSA_WITH_AES_128_CBC_SHA None"),
        "{seen:?}"
    );
    let judge = |bytes: &[u8]| probe(&run(true, bytes));
    assert_eq!(judge(&hello), Verdict::Yes);
    for cut in 0..11 {
        assert_eq!(judge(&hello[..cut]), Verdict::More, "{cut}");
    }
    no_prefix_is_an_error(&pieces[..1], |pieces| play(true, pieces));
    // Nothing else that sets the first bit adds up to one.
    for (at, value) in [(2, 2), (3, 0), (4, 9), (1, 99), (6, 10), (8, 5), (10, 15)] {
        let mut other = hello.clone();
        other[at] = value;
        assert_eq!(judge(&other), Verdict::No, "{at}");
    }
}

#[test]
fn losses_leave_what_is_known() {
    let pieces = recorded("tls12");
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 443, |run: &Run<'_>| {
        session.feed(run, |report| seen.push(line(report)))
    });
    replay.push(Side::ToServer, &pieces[0].bytes);
    let server = &pieces[1].bytes;
    replay.push(Side::ToClient, &server[..100]);
    replay.lose(Side::ToClient, (server.len() - 100) as u32);
    for piece in &pieces[2..] {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    assert_eq!(seen.len(), 1);
    assert!(
        seen[0].contains("TLS1.2 TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"),
        "{seen:?}"
    );
    assert!(seen[0].contains("Some(true) - -"), "{seen:?}");
}

#[test]
fn errors_say_where_and_what() {
    let mut bytes = recorded("tls12")[0].bytes.clone();
    let length = bytes.len();
    bytes.extend(b"GET / HTTP/1.1");
    let step = Session::default().feed(&run(true, &bytes), |_| {});
    let expected = "a record type from 20 to 24";
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: length,
            expected
        })
    );
    let mut short = recorded("tls12")[0].bytes.clone();
    // The session identifier claims more than the hello holds.
    short[43] = 0xff;
    let step = Session::default().feed(&run(true, &short), |_| {});
    assert!(matches!(step, Step::Error(fault) if fault.expected == "a session identifier"));
}

#[test]
fn hostile_bytes_do_no_harm() {
    for (name, stream) in [
        ("tls12-client-cert", true),
        ("tls13", true),
        ("dtls12-fragments", false),
        ("dtls12", false),
    ] {
        storm(7, 600, stream, &recorded(name), || {
            let mut session = Session::default();
            move |run: &Run<'_>| {
                let _ = probe(run);
                session.feed(run, |report| {
                    let _ = format!("{report:?}");
                })
            }
        });
    }
}

#[test]
fn a_conversation_that_breaks_off_is_no_error() {
    for name in ["tls12-client-cert", "tls13", "tls10", "tls12-null"] {
        let mut pieces = recorded(name);
        pieces.truncate(3);
        no_prefix_is_an_error(&pieces, |pieces| play(true, pieces));
    }
}

#[test]
fn recorded_conversations_split_cut_short_and_changed() {
    for (name, least) in [("tls.pcap", 5), ("tls-weak.pcap", 4), ("coap-dtls.pcap", 3)] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            play_as(conversation.stream, pieces, |report| format!("{report:?}"))
        });
        assert!(known >= least, "{name}: {known}");
    }
}
