//! Hand-made messages: presentation, transactions, TCP, what is not DNS, hostile input.

use dns::session::{MAX_OUTSTANDING, Seen, Session, probe};
use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Replay, capture, same_however_cut, storm};
use iot_wire::{Run, Side, Step, Verdict};

fn name(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for label in text.split('.').filter(|label| !label.is_empty()) {
        out.push(label.len() as u8);
        out.extend(label.bytes());
    }
    out.push(0);
    out
}

fn query(id: u16, asked: &str, rtype: u16) -> Vec<u8> {
    let [high, low] = id.to_be_bytes();
    let mut out = vec![high, low, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    out.extend(name(asked));
    out.extend(rtype.to_be_bytes());
    out.extend([0, 1]);
    out
}

fn response(id: u16, asked: &str, rtype: u16, flags: u8, records: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut out = query(id, asked, rtype);
    out[2] = 0x81;
    out[3] = 0x80 | flags;
    out[7] = records.len() as u8;
    for (rtype, data) in records {
        out.extend([0xc0, 12]);
        out.extend(rtype.to_be_bytes());
        out.extend([0, 1, 0, 0, 0, 60]);
        out.extend((data.len() as u16).to_be_bytes());
        out.extend(data);
    }
    out
}

fn line(seen: &Seen<'_>) -> String {
    let lookup = match seen {
        Seen::Lookup(lookup) => lookup,
        Seen::Malformed(fault) => {
            return format!("expected {} at {}", fault.expected, fault.offset);
        }
    };
    let answers: Vec<_> = lookup
        .answers
        .iter()
        .map(|answer| {
            format!(
                "{} {} {} {}",
                answer.name, answer.rtype, answer.ttl, answer.rdata
            )
        })
        .collect();
    let rcode = lookup
        .rcode
        .map_or("-".to_owned(), |rcode| rcode.to_string());
    format!(
        "{} {} {rcode} [{}]",
        lookup.name,
        lookup.rtype,
        answers.join("; ")
    )
}

fn run(stream: bool, side: Side, port: u16, bytes: &[u8]) -> Run<'_> {
    Run {
        side,
        stream,
        port,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    }
}

fn read(bytes: &[u8]) -> (Vec<String>, Step) {
    let mut seen = Vec::new();
    let step = Session::default().feed(&run(false, Side::ToClient, 53, bytes), |lookup| {
        seen.push(line(lookup))
    });
    (seen, step)
}

#[test]
fn data_is_written_in_presentation_form() {
    let cases: &[(u16, Vec<u8>, &str)] = &[
        (1, vec![192, 0, 2, 1], "A 60 192.0.2.1"),
        (
            28,
            [&[0x20, 1, 0xd, 0xb8][..], &[0; 11], &[1]].concat(),
            "AAAA 60 2001:db8::1",
        ),
        (5, vec![1, b'B', 0xc0, 12], "CNAME 60 b.a.test"),
        (2, name("ns.test"), "NS 60 ns.test"),
        (12, name("p.test"), "PTR 60 p.test"),
        (
            15,
            [vec![0, 10], name("mx.test")].concat(),
            "MX 60 10 mx.test.",
        ),
        (16, b"\x03a b\x02\"c".to_vec(), "TXT 60 \"a b\" \"\\\"c\""),
        (
            33,
            [vec![0, 1, 0, 2, 0x16, 0x33], name("s.test")].concat(),
            "SRV 60 1 2 5683 s.test",
        ),
        (
            6,
            [
                name("m"),
                name("r"),
                vec![0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5],
            ]
            .concat(),
            "SOA 60 m. r. 1 2 3 4 5",
        ),
        (
            257,
            b"\x00\x05issueca.test".to_vec(),
            "CAA 60 0 issue \"ca.test\"",
        ),
        (65280, vec![1, 0xab], "TYPE65280 60 \\# 2 01ab"),
        (65280, vec![], "TYPE65280 60 \\# 0"),
    ];
    for (rtype, data, expected) in cases {
        let (seen, step) = read(&response(1, "A.test", *rtype, 0, &[(*rtype, data.clone())]));
        assert_eq!(step, Step::Done, "{expected}");
        let wanted = format!("[a.test {expected}]");
        assert!(
            seen[0].ends_with(&wanted),
            "{} but expected {wanted}",
            seen[0]
        );
    }
    let https = [vec![0, 1], name(""), vec![0, 1, 0, 3, 2, b'h', b'2']].concat();
    let (seen, _) = read(&response(1, "a.test", 65, 0, &[(65, https)]));
    assert_eq!(seen, ["a.test HTTPS NOERROR [a.test HTTPS 60 1 . alpn=h2]"]);
}

#[test]
fn a_transaction_is_one_event() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let exchange = [
        (Side::ToServer, query(7, "A.Test", 1)),
        (Side::ToServer, query(7, "a.test", 1)),
        (Side::ToServer, query(8, "never.test", 28)),
        (
            Side::ToClient,
            response(9, "a.test", 1, 0, &[(1, vec![1, 2, 3, 4])]),
        ),
        (Side::ToClient, response(7, "a.tEST", 1, 3, &[])),
    ];
    for (side, bytes) in exchange {
        let step = session.feed(&run(false, side, 53, &bytes), |l| seen.push(line(l)));
        assert_eq!(step, Step::Done);
    }
    let end = Run {
        end: true,
        ..run(false, Side::ToClient, 53, &[])
    };
    session.feed(&end, |lookup| seen.push(line(lookup)));
    assert_eq!(
        seen,
        [
            "a.test A NOERROR [a.test A 60 1.2.3.4]",
            "a.test A NXDOMAIN []",
            "never.test AAAA - []",
        ]
    );
}

#[test]
fn what_can_be_read_of_a_malformed_message_is_read_before_its_error() {
    let good = (1, vec![1, 2, 3, 4]);
    let (seen, step) = read(&response(
        1,
        "a.test",
        1,
        0,
        &[good.clone(), (1, vec![1, 2])],
    ));
    assert_eq!(
        seen,
        ["a.test A NOERROR [a.test A 60 1.2.3.4; a.test A 60 \\# 2 0102]"]
    );
    let Step::Error(fault) = step else {
        panic!("{step:?}")
    };
    assert_eq!(
        (fault.offset, fault.expected),
        (52, "data of the record's type")
    );

    let mut cut = response(1, "a.test", 1, 0, &[good.clone(), good]);
    cut.truncate(50);
    let (seen, step) = read(&cut);
    assert_eq!(seen, ["a.test A NOERROR [a.test A 60 1.2.3.4]"]);
    assert!(
        matches!(step, Step::Error(fault) if fault.expected == "an answer"),
        "{step:?}"
    );

    let mut looped = query(1, "a.test", 1);
    looped.splice(12..20, [0xc0, 12]);
    let (seen, step) = read(&looped);
    assert!(seen.is_empty());
    assert!(
        matches!(step, Step::Error(fault) if fault.offset == 12),
        "{step:?}"
    );
    assert!(matches!(read(&[1, 2, 3]).1, Step::Error(fault) if fault.offset == 0));
}

#[test]
fn the_response_code_has_the_bits_of_the_opt_record() {
    let mut bytes = response(1, "a.test", 1, 0, &[]);
    bytes[11] = 1;
    bytes.extend([0, 0, 41, 4, 0xd0, 1, 0, 0, 0, 0, 0]);
    assert_eq!(
        read(&bytes),
        (vec!["a.test A BADVERS []".to_owned()], Step::Done)
    );
}

#[test]
fn multicast_reports_each_question_and_each_response() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut asked = query(0, "a.local", 12);
    asked[5] = 2;
    asked.extend(name("b.local"));
    asked.extend([0, 33, 0x80, 1]);
    session.feed(&run(false, Side::ToServer, 5353, &asked), |lookup| {
        seen.push(line(lookup))
    });
    let mut answer = response(0, "a.local", 1, 0, &[(1, vec![10, 0, 0, 1])]);
    session.feed(&run(false, Side::ToServer, 5353, &answer), |lookup| {
        seen.push(line(lookup))
    });
    assert_eq!(
        seen,
        [
            "a.local PTR - []",
            "b.local SRV - []",
            "a.local A NOERROR [a.local A 60 10.0.0.1]"
        ]
    );
    assert_eq!(
        probe(&run(false, Side::ToServer, 5353, &asked)),
        Verdict::Yes
    );
    answer[5] = 0;
    answer.splice(12..25, []);
    answer.splice(12..14, name("c.local"));
    assert_eq!(
        probe(&run(false, Side::ToServer, 5353, &answer)),
        Verdict::Yes
    );
}

#[test]
fn recognition_rests_on_the_bytes() {
    let asked = query(1, "a.test", 1);
    let answer = response(1, "a.test", 1, 0, &[(1, vec![1, 2, 3, 4])]);
    for bytes in [&asked, &answer] {
        for port in [53, 5683, 40_000] {
            assert_eq!(
                probe(&run(false, Side::ToServer, port, bytes)),
                Verdict::Yes
            );
        }
        let mut framed = (bytes.len() as u16).to_be_bytes().to_vec();
        framed.extend(bytes);
        for cut in 0..framed.len() {
            let verdict = probe(&run(true, Side::ToServer, 853, &framed[..cut]));
            assert_eq!(verdict, Verdict::More, "{cut}");
        }
        assert_eq!(
            probe(&run(true, Side::ToServer, 853, &framed)),
            Verdict::Yes
        );
    }
    let mut padded = asked.clone();
    padded.push(0);
    assert_eq!(
        probe(&run(false, Side::ToServer, 53, &padded)),
        Verdict::Yes
    );
    assert_eq!(probe(&run(false, Side::ToServer, 54, &padded)), Verdict::No);
    let others: &[(&str, &[u8])] = &[
        ("zeroes", &[0; 64]),
        ("CoAP", &[0x40, 1, 0x30, 0x39, 0xb4, 0x74, 0x65, 0x6d, 0x70]),
        (
            "DTLS",
            &[
                0x16, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x40, 1, 0, 0, 0x34,
            ],
        ),
        (
            "NTP",
            &[
                0x23, 2, 6, 0xe8, 0, 0, 1, 0x6a, 0, 0, 2, 0x4c, 0xc0, 0, 2, 1, 0, 0, 0, 0,
            ],
        ),
        (
            "STUN",
            &[
                0, 1, 0, 0, 0x21, 0x12, 0xa4, 0x42, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
            ],
        ),
        (
            "a class that is none",
            b"\0\x01\x01\0\0\x01\0\0\0\0\0\0\x01a\0\0\x01\0\x63",
        ),
    ];
    for (name, bytes) in others {
        assert_eq!(
            probe(&run(false, Side::ToServer, 53, bytes)),
            Verdict::No,
            "{name}"
        );
    }
    assert_eq!(
        probe(&run(true, Side::ToServer, 53, b"GET / HTTP/1.1\r\n")),
        Verdict::No
    );
    assert_eq!(
        probe(&run(
            true,
            Side::ToServer,
            53,
            &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0, 0, 0]
        )),
        Verdict::No
    );
}

fn over_tcp() -> Vec<Piece> {
    let framed = |bytes: Vec<u8>| [(bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat();
    vec![
        Piece {
            side: Side::ToServer,
            bytes: [
                framed(query(1, "a.test", 1)),
                framed(query(2, "b.test", 16)),
            ]
            .concat(),
        },
        Piece {
            side: Side::ToClient,
            bytes: [
                framed(response(2, "b.test", 16, 0, &[(16, b"\x01x".to_vec())])),
                framed(response(1, "a.test", 1, 2, &[])),
            ]
            .concat(),
        },
        Piece {
            side: Side::ToServer,
            bytes: framed(query(3, "c.test", 1)),
        },
    ]
}

fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    play_over(true, 53, pieces)
}

fn play_over(stream: bool, port: u16, pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(stream, port, |run: &Run<'_>| {
        session.feed(run, |lookup| seen.push(line(lookup)))
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

/// A query whose name is these bytes.
fn odd(encoded: &[u8]) -> Vec<u8> {
    let mut out = query(9, "", 1);
    out.splice(12..13, encoded.iter().copied());
    out
}

#[test]
fn names_that_never_end_or_are_too_long_are_errors_and_not_endless() {
    let long = |label: u8, count: usize| -> Vec<u8> {
        let mut out = [vec![label], vec![b'a'; label.into()]]
            .concat()
            .repeat(count);
        out.push(0);
        out
    };
    // 3 x 64 + 62 + 1 bytes are the 255 that RFC 1035 allows.
    let longest = [long(63, 3)[..192].to_vec(), long(61, 1)].concat();
    assert_eq!(longest.len(), 255);
    assert_eq!(read(&odd(&longest)).1, Step::Done);
    for (name, encoded) in [
        (
            "one byte too long",
            [long(63, 3)[..192].to_vec(), long(62, 1)].concat(),
        ),
        ("far too long", long(63, 40)),
        ("a pointer to itself", vec![0xc0, 12]),
        ("two that point to each other", vec![0xc0, 14, 0xc0, 12]),
        ("a label that leads back to itself", vec![1, b'a', 0xc0, 12]),
        ("a pointer ahead", vec![0xc0, 40]),
        ("a pointer past the end", vec![0xff, 0xff]),
        ("a label of a reserved type", vec![0x80, 1, 0]),
        ("a label past the end", vec![63, b'a']),
    ] {
        let (seen, step) = read(&odd(&encoded));
        assert!(seen.is_empty(), "{name}: {seen:?}");
        let Step::Error(fault) = step else {
            panic!("{name}: {step:?}")
        };
        assert_eq!((fault.offset, fault.expected), (12, "a question"), "{name}");
        assert_ne!(
            probe(&run(false, Side::ToServer, 40_000, &odd(&encoded))),
            Verdict::Yes,
            "{name}"
        );
    }
}

#[test]
fn over_tcp_a_message_that_makes_no_sense_hides_no_other() {
    let framed = |bytes: Vec<u8>| [(bytes.len() as u16).to_be_bytes().to_vec(), bytes].concat();
    let pieces = [
        Piece {
            side: Side::ToServer,
            bytes: [
                framed(query(1, "a.test", 1)),
                framed(odd(&[0xc0, 12])),
                framed(query(2, "b.test", 1)),
            ]
            .concat(),
        },
        Piece {
            side: Side::ToClient,
            bytes: [
                framed(response(1, "a.test", 1, 0, &[(1, vec![1, 2])])),
                framed(response(2, "b.test", 1, 0, &[(1, vec![1, 2, 3, 4])])),
            ]
            .concat(),
        },
    ];
    let (seen, last) = same_however_cut(&pieces, play);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        [
            "expected a question at 12",
            "a.test A NOERROR [a.test A 60 \\# 2 0102]",
            "expected data of the record's type at 36",
            "b.test A NOERROR [b.test A 60 1.2.3.4]",
        ]
    );
    // A frame without room for a header is no frame; what waits is reported.
    let broken = Piece {
        side: Side::ToServer,
        bytes: [framed(query(1, "a.test", 1)), framed(vec![0; 3])].concat(),
    };
    let (seen, last) = play(&[broken]);
    assert!(matches!(last, Step::Error(fault) if fault.expected == "a header of 12 bytes"));
    assert_eq!(seen, ["a.test A - []"]);
}

#[test]
fn messages_over_tcp_however_they_are_cut() {
    let (seen, last) = same_however_cut(&over_tcp(), play);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        [
            "b.test TXT NOERROR [b.test TXT 60 \"x\"]",
            "a.test A SERVFAIL []",
            "c.test A - []",
        ]
    );
}

#[test]
fn queries_without_responses_do_not_pile_up() {
    let mut session = Session::default();
    let mut count = 0;
    for id in 0..1_000 {
        let bytes = query(id, "a.test", 1);
        session.feed(&run(false, Side::ToServer, 53, &bytes), |_| count += 1);
    }
    assert_eq!(count, 1_000 - MAX_OUTSTANDING);
}

#[test]
fn hostile_bytes_do_no_harm() {
    let records = [
        (1, vec![1, 2, 3, 4]),
        (16, b"\x03a b".to_vec()),
        (
            65,
            [
                vec![0, 1],
                name(""),
                vec![0, 1, 0, 3, 2, b'h', b'2', 0, 4, 0, 4, 1, 2, 3, 4],
            ]
            .concat(),
        ),
        (46, vec![0; 40]),
        (
            35,
            [vec![0, 1, 0, 2, 1, b'a', 1, b'b', 0], name("x.y")].concat(),
        ),
    ];
    let datagrams = vec![
        Piece {
            side: Side::ToServer,
            bytes: query(1, "a.test", 65),
        },
        Piece {
            side: Side::ToClient,
            bytes: response(1, "a.test", 65, 0, &records),
        },
    ];
    for (stream, pieces) in [(false, datagrams), (true, over_tcp())] {
        storm(6, 4_000, stream, &pieces, || {
            let mut session = Session::default();
            move |run: &Run<'_>| {
                let _ = probe(run);
                session.feed(run, |lookup| {
                    line(lookup);
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
    for (name, least) in [("dns.pcap", 10), ("dns-amplification.pcap", 1)] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            play_over(conversation.stream, conversation.server.1, pieces)
        });
        assert!(known >= least, "{name}: {known}");
    }
}

/// Sides and datagrams on port 53, to their end.
fn datagrams(said: &[(Side, Vec<u8>)]) -> (Vec<String>, Step) {
    let pieces: Vec<_> = said
        .iter()
        .map(|(side, bytes)| Piece {
            side: *side,
            bytes: bytes.clone(),
        })
        .collect();
    play_over(false, 53, &pieces)
}

#[test]
fn after_a_datagram_that_makes_no_sense_queries_wait_on() {
    let (client, server) = (Side::ToServer, Side::ToClient);
    // A response that says nothing but which query it answers.
    let mut bare = query(1, "a.test", 1)[..12].to_vec();
    bare[2..6].copy_from_slice(&[0x81, 0x85, 0, 0]);
    let forged = response(1, "a.test", 1, 0, &[(1, vec![6])]);
    // Responses whose question never ends, or that end after the header.
    let mut endless = forged[..12].to_vec();
    endless.extend([0xc0, 12]);
    let asked = (client, query(1, "a.test", 1));
    let (seen, last) = datagrams(&[
        asked.clone(),
        (client, b"\0\x01stray".to_vec()),
        (server, endless.clone()),
        (server, endless[..12].to_vec()),
        (server, forged.clone()),
        (client, vec![0xff; 3]),
        (server, bare),
    ]);
    assert!(matches!(last, Step::Error(_)), "{last:?}");
    assert_eq!(
        seen,
        [
            "a.test A NOERROR [a.test A 60 \\# 1 06]",
            "a.test A REFUSED []"
        ]
    );
    // What says nothing is no response.
    let (seen, _) = datagrams(&[asked.clone(), (server, endless)]);
    assert_eq!(seen, ["a.test A - []"]);
    // Where no other comes, what could be read of it is what there is.
    let (seen, _) = datagrams(&[asked, (server, forged)]);
    assert_eq!(seen, ["a.test A NOERROR [a.test A 60 \\# 1 06]"]);
}

#[test]
fn queries_that_make_no_sense_make_room_first() {
    let mut said = vec![(Side::ToServer, query(7, "a.test", 1))];
    for id in 100..100 + 2 * MAX_OUTSTANDING as u16 {
        // Says that a record follows.
        let mut bad = query(id, "b.test", 1);
        bad[11] = 1;
        said.push((Side::ToServer, bad));
    }
    said.push((Side::ToClient, response(7, "a.test", 1, 3, &[])));
    let (seen, _) = datagrams(&said);
    let of = |name: &str| -> Vec<_> { seen.iter().filter(|l| l.starts_with(name)).collect() };
    assert_eq!(of("a.test"), ["a.test A NXDOMAIN []"]);
    assert_eq!(of("b.test").len(), 2 * MAX_OUTSTANDING);
}
