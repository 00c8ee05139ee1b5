//! Hand-made messages: recognition, what is not CoAP, exchanges, TCP, hostile input.

use coap::{
    code,
    message::{self, Message, option},
    session::{Role, Session, probe},
};
use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Random, Replay, capture, same_however_cut, storm};
use iot_wire::{Fault, Run, Side, Step, Verdict};

fn run(stream: bool, bytes: &[u8]) -> Run<'_> {
    Run {
        side: Side::ToServer,
        stream,
        port: 5684,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(u8::is_ascii_hexdigit).collect();
    digits
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

fn line(message: &Message<'_>, role: Role) -> String {
    let path: Vec<_> = message::options(message.options)
        .filter(|opt| opt.number == option::URI_PATH)
        .map(|opt| String::from_utf8_lossy(opt.value).into_owned())
        .collect();
    format!(
        "{} {} /{} {} {role:?}",
        message.kind.map_or("-", message::Type::name),
        String::from_utf8_lossy(&code::dotted(message.code)),
        path.join("/"),
        message.payload.len(),
    )
}

const GET: &str = "40 01 30 39 b4 74 65 6d 70";
const OSCORE: &str = "44 02 16 2a 51 92 e5 a6 92 09 14 ff 61 2f 10 92";
const REGISTER: &str = "48 02 7d 34 11 22 33 44 55 66 77 88 b2 72 64 11 28 36 6c 77 6d 32 6d 3d \
                        31 0e 65 70 3d 74 65 73 74 2d 63 6c 69 65 6e 74 ff 3c 2f 31 3e";

#[test]
fn recognition_rests_on_the_bytes() {
    for text in [
        GET,
        OSCORE,
        "60 45 30 39 c0 ff 32 32",
        "50 01 00 01 61 61 51 63",
        // A token of 8 bytes, the longest that there is.
        "48 01 00 01 01 02 03 04 05 06 07 08 b1 61",
        // An option that is not registered and that receivers ignore: 2048.
        "40 01 00 01 b1 61 e1 06 e8 00",
        // OCF's Accept-Content-Format-Version: registered and critical.
        "40 01 00 01 b1 61 e2 06 e9 08 00",
    ] {
        assert_eq!(probe(&run(false, &hex(text))), Verdict::Yes, "{text}");
    }
    // An empty message is what keep-alives look like, and much else.
    assert_eq!(probe(&run(false, &hex("40 00 12 34"))), Verdict::More);
    let with_get = format!("40 00 12 34 {GET}");
    assert_eq!(probe(&run(false, &hex(&with_get))), Verdict::Yes);
    let others = [
        (
            "QUIC, short header",
            "40 51 d3 0f 77 a9 22 81 4e 6b c0 19 7f 3a 5d 02 c8 e4 91 66 10 2b",
        ),
        (
            "QUIC, short header like a GET",
            "43 01 aa bb cc 1e 9c 44 2d f0 91 33 5a 7b e8 11 02 9d",
        ),
        (
            "STUN",
            "00 01 00 00 21 12 a4 42 01 02 03 04 05 06 07 08 09 0a 0b 0c",
        ),
        ("RTP", "80 60 00 01 00 00 00 a0 12 34 56 78 d5 d5"),
        ("DTLS", "16 fe fd 00 00 00 00 00 00 00 00 00 40 01 00 00 34"),
        ("a token of 9", "49 01 00 01 01 02 03 04 05 06 07 08 09"),
        ("class 1", "40 21 00 01"),
        ("class 7 over UDP", "40 e1 00 01"),
        ("a marker without payload", "40 01 00 01 b1 61 ff"),
        ("an option cut off", "40 01 00 01 b4 74 65"),
        ("an unregistered critical option", "40 01 00 01 d1 38 61"),
        ("a path that is not UTF-8", "40 01 00 01 b2 ff fe"),
        ("an empty message with more", "40 00 00 01 b1 61"),
        ("an empty message with a token", "41 00 00 01 b1"),
        (
            "DNS",
            "12 34 01 00 00 01 00 00 00 00 00 00 01 61 00 00 01 00 01",
        ),
        ("nothing", ""),
    ];
    for (name, text) in others {
        assert_eq!(probe(&run(false, &hex(text))), Verdict::No, "{name}");
    }
}

#[test]
fn random_bytes_with_the_first_bits_of_quic_are_hardly_ever_taken_for_coap() {
    let mut random = Random(9);
    let mut taken = 0;
    for _ in 0..100_000 {
        let length = 21 + random.below(1_200);
        let mut bytes = random.bytes(length);
        bytes[0] = 0x40 | bytes[0] & 0x3f;
        taken += usize::from(probe(&run(false, &bytes)) != Verdict::No);
    }
    assert!(taken < 100, "{taken} of 100,000");
}

#[test]
fn agrees_with_coap_lite_on_what_both_take() {
    let mut random = Random(4);
    let seeds = [GET, OSCORE, REGISTER, "60 45 30 39 c0 ff 32 32"].map(hex);
    let mut compared = 0;
    for round in 0..40_000 {
        let bytes = random.mutate(&seeds[round % seeds.len()]);
        let (Ok(ours), Ok(theirs)) = (
            Message::datagram(&bytes),
            coap_lite::Packet::from_bytes(&bytes),
        ) else {
            continue;
        };
        compared += 1;
        assert_eq!(ours.id, Some(theirs.header.message_id));
        assert_eq!(ours.code, u8::from(theirs.header.code), "{bytes:02x?}");
        assert_eq!(ours.token, theirs.get_token());
        assert_eq!(ours.payload, theirs.payload);
        let mut wanted: Vec<_> = theirs
            .options()
            .flat_map(|(number, values)| {
                values
                    .iter()
                    .map(move |value| (u32::from(*number), value.clone()))
            })
            .collect();
        let mut found: Vec<_> = message::options(ours.options)
            .map(|opt| (opt.number, opt.value.to_vec()))
            .collect();
        wanted.sort();
        found.sort();
        assert_eq!(found, wanted, "{bytes:02x?}");
    }
    assert!(compared > 10_000, "{compared}");
}

#[test]
fn responses_find_their_requests() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let exchange = [
        (Side::ToServer, "42 01 00 01 aa bb b1 61"),
        (Side::ToClient, "60 00 00 01"),
        (Side::ToClient, "52 45 00 02 aa bb ff 31"),
        (Side::ToClient, "52 45 00 03 aa bb ff 31"),
        (Side::ToServer, "41 01 00 04 01 60 51 62"),
        (Side::ToClient, "61 45 00 04 01 61 01 ff 31"),
        (Side::ToClient, "51 45 00 05 01 61 02 ff 32"),
        (Side::ToServer, "70 00 00 05"),
    ];
    for (side, text) in exchange {
        let bytes = hex(text);
        let step = session.feed(
            &Run {
                side,
                ..run(false, &bytes)
            },
            |message, role| {
                seen.push(line(message, role));
            },
        );
        assert_eq!(step, Step::Done);
    }
    assert_eq!(
        seen,
        [
            "con 0.01 /a 0 Request",
            "ack 0.00 / 0 Neither",
            "non 2.05 / 1 Response(Some(1))",
            "non 2.05 / 1 Response(None)",
            "con 0.01 /b 0 Request",
            "ack 2.05 / 1 Response(Some(1))",
            "non 2.05 / 1 Response(Some(1))",
            "rst 0.00 / 0 Neither",
        ]
    );
}

#[test]
fn errors_say_where_and_what() {
    let fault = |text: &str| Message::datagram(&hex(text)).unwrap_err();
    assert_eq!(
        fault("80 01"),
        Fault {
            offset: 0,
            expected: "version 1"
        }
    );
    assert_eq!(
        fault("40 01 00 01 b4 74"),
        Fault {
            offset: 5,
            expected: "as long an option as it says"
        }
    );
    assert_eq!(
        fault("40 01 00 01 b1 61 ff"),
        Fault {
            offset: 6,
            expected: "a payload after its marker"
        }
    );
    let mut session = Session::default();
    assert_eq!(
        session.feed(&run(false, &hex("40 61 00 01")), |_, _| {}),
        Step::Error(Fault {
            offset: 1,
            expected: "a code of class 0, 2, 4 or 5"
        })
    );
}

fn over_tcp() -> Vec<Piece> {
    let long = [hex("e1 00 00 01 aa ff"), vec![7; 268]].concat();
    vec![
        Piece {
            side: Side::ToServer,
            bytes: hex("30 e1 22 0b ff"),
        },
        Piece {
            side: Side::ToServer,
            bytes: hex("21 01 cc b1 61"),
        },
        Piece {
            side: Side::ToClient,
            bytes: hex("00 e1 31 45 cc c0 ff 31"),
        },
        Piece {
            side: Side::ToServer,
            bytes: [hex("00 e2"), long].concat(),
        },
    ]
}

fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    play_over(true, pieces)
}

fn play_over(stream: bool, pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(stream, 5683, |run: &Run<'_>| {
        session.feed(run, |message, role| seen.push(line(message, role)))
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

#[test]
fn messages_over_tcp_however_they_are_cut() {
    let (seen, last) = same_however_cut(&over_tcp(), play);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        [
            "- 7.01 / 0 Neither",
            "- 0.01 /a 0 Request",
            "- 7.01 / 0 Neither",
            "- 2.05 / 1 Response(Some(1))",
            "- 7.02 / 0 Neither",
            "- 0.01 / 268 Request",
        ]
    );
}

#[test]
fn a_stream_is_recognised_by_its_csm() {
    for (text, expected) in [
        ("30 e1 22 0b ff", Verdict::Yes),
        ("30 e1 22 0b", Verdict::More),
        ("00 e1", Verdict::More),
        ("00 e1 21 01 cc b1 61", Verdict::Yes),
        ("00 e1 21 ff cc b1 61", Verdict::No),
        ("20 e1 91 00", Verdict::No),
        // MQTT.
        (
            "10 0f 00 04 4d 51 54 54 04 02 00 3c 00 03 64 31 31",
            Verdict::No,
        ),
        ("16 03 01 02 00 01", Verdict::No),
        ("", Verdict::More),
    ] {
        assert_eq!(probe(&run(true, &hex(text))), expected, "{text}");
    }
}

#[test]
fn over_tcp_a_message_that_makes_no_sense_hides_no_other() {
    let pieces = [Piece {
        side: Side::ToServer,
        // A CSM, a GET whose option is longer than its frame, a response likewise, a GET.
        bytes: hex("30 e1 22 0b ff 21 01 cc b4 61 20 45 b9 61 21 01 cc b1 61"),
    }];
    let (seen, last) = same_however_cut(&pieces, play);
    assert_eq!(last, Step::Done);
    let malformed = |at| {
        format!("Malformed(Fault {{ offset: {at}, expected: \"as long an option as it says\" }})")
    };
    assert_eq!(
        seen,
        [
            "- 7.01 / 0 Neither".to_owned(),
            format!("- 0.01 / 0 {}", malformed(4)),
            format!("- 2.05 / 0 {}", malformed(3)),
            "- 0.01 /a 0 Request".to_owned(),
        ]
    );
}

#[test]
fn long_payloads_over_tcp_are_skipped_and_losses_in_them_stepped_over() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 5683, |run: &Run<'_>| {
        session.feed(run, |message, _| seen.push(message.code))
    });
    let post = [hex("f0 00 01 00 00 02 b1 61 ff"), vec![9; 131_338]].concat();
    replay.push(Side::ToServer, &hex("30 e1 22 0b ff"));
    replay.push(Side::ToServer, &post[..50_000]);
    replay.lose(Side::ToServer, 50_000);
    replay.push(Side::ToServer, &post[100_000..]);
    replay.push(Side::ToServer, &hex("00 e2"));
    replay.lose(Side::ToServer, 5);
    replay.push(Side::ToServer, &[9, 9, 9]);
    replay.push(Side::ToServer, &hex("00 e4"));
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    assert_eq!(seen, [0xe1, 2, 0xe2, 0xe4]);
}

#[test]
fn hostile_bytes_do_no_harm() {
    let datagrams: Vec<Piece> = [GET, OSCORE, REGISTER]
        .map(|text| Piece {
            side: Side::ToServer,
            bytes: hex(text),
        })
        .into();
    for (stream, pieces) in [(false, datagrams), (true, over_tcp())] {
        storm(5, 4_000, stream, &pieces, || {
            let mut session = Session::default();
            move |run: &Run<'_>| {
                let _ = probe(run);
                session.feed(run, |message, role| {
                    line(message, role);
                })
            }
        });
    }
}

#[test]
fn a_conversation_that_breaks_off_is_no_error() {
    no_prefix_is_an_error(&over_tcp(), play);
}

#[test]
fn recorded_conversations_split_cut_short_and_changed() {
    for (name, least) in [
        ("coap.pcap", 10),
        ("coap-tcp.pcap", 1),
        ("coap-on-dtls-port.pcap", 1),
    ] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            play_over(conversation.stream, pieces)
        });
        assert!(known >= least, "{name}: {known}");
    }
}

#[test]
fn after_a_datagram_that_makes_no_sense_requests_wait_on() {
    let bad = [
        "40",
        "80 01 00 01",
        "49 01 00 01",
        "40 21 00 01",
        "40 01 00 01 b4 61",
        "60 45 30 39 ff",
        "60 45 30 39 f0",
        "40 00 00 01 00",
    ];
    let said = |text: &str, side| Piece {
        side,
        bytes: hex(text),
    };
    let sound = [
        said(GET, Side::ToServer),
        said("60 45 30 39 c0 ff 32 32", Side::ToClient),
    ];
    let mut pieces = vec![sound[0].clone()];
    for text in bad {
        pieces.extend([said(text, Side::ToServer), said(text, Side::ToClient)]);
    }
    pieces.push(sound[1].clone());
    let (seen, last) = play_over(false, &pieces);
    assert!(matches!(last, Step::Error(_)), "{last:?}");
    assert_eq!((seen, Step::Done), play_over(false, &sound));
}
