//! Hand-made bytes: recognition, every function, cuts, losses, hostile input.

use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Replay, capture, same_however_cut, storm};
use iot_wire::{Fault, Run, Side, Step, Verdict};
use modbus::{
    pdu::{self, Role, Values},
    session::{MAX_OUTSTANDING, Session, probe},
};

fn adu(transaction: u16, unit: u8, pdu: &[u8]) -> Vec<u8> {
    let mut out = transaction.to_be_bytes().to_vec();
    out.extend([0, 0]);
    out.extend((pdu.len() as u16 + 1).to_be_bytes());
    out.push(unit);
    out.extend(pdu);
    out
}

fn run(side: Side, port: u16, bytes: &[u8]) -> Run<'_> {
    Run {
        side,
        stream: true,
        port,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    }
}

fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 502, |run: &Run<'_>| {
        session.feed(run, |message| {
            let mut values = String::new();
            message.fields.values.write(8, &mut values);
            let fault = message.fault.map(|fault| fault.expected);
            seen.push(format!(
                "{:?} {} {} {} {:?} {:?} [{values}] {:?} {fault:?}",
                message.role,
                message.transaction,
                message.unit,
                message.function,
                message.fields.address,
                message.fields.quantity,
                message.fields.exception,
            ));
        })
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

fn conversation() -> Vec<Piece> {
    let mut both = adu(1, 4, &[1, 0, 1, 0, 10]);
    both.extend(adu(2, 4, &[3, 0, 0, 0, 2]));
    let mut answers = adu(1, 4, &[1, 2, 0b1001_0001, 0b10]);
    answers.extend(adu(2, 4, &[0x83, 2]));
    vec![
        Piece {
            side: Side::ToServer,
            bytes: both,
        },
        Piece {
            side: Side::ToClient,
            bytes: answers,
        },
        Piece {
            side: Side::ToServer,
            bytes: adu(3, 4, &[16, 0, 5, 0, 1, 2, 0xab, 0xcd]),
        },
        Piece {
            side: Side::ToClient,
            bytes: adu(3, 4, &[16, 0, 5, 0, 1]),
        },
        Piece {
            side: Side::ToServer,
            bytes: adu(4, 4, &[15, 0, 5, 0, 9, 1, 0xff]),
        },
        Piece {
            side: Side::ToServer,
            bytes: adu(5, 4, &[90, 1, 2, 3]),
        },
    ]
}

#[test]
fn recognition_rests_on_the_bytes() {
    let read = [0, 1, 0, 0, 0, 6, 1, 3, 0, 0, 0, 10];
    for port in [502, 8883, 0] {
        assert_eq!(probe(&run(Side::ToServer, port, &read)), Verdict::Yes);
    }
    for cut in 0..read.len() {
        assert_eq!(
            probe(&run(Side::ToServer, 502, &read[..cut])),
            Verdict::More,
            "{cut}"
        );
    }
    assert_eq!(
        probe(&run(Side::ToClient, 502, &adu(1, 1, &[3, 2, 0, 7]))),
        Verdict::Yes
    );
    assert_eq!(
        probe(&run(Side::ToClient, 502, &adu(1, 1, &[0x83, 2]))),
        Verdict::Yes
    );
    // A vendor's function counts on the port only, and only where it ends the run.
    assert_eq!(
        probe(&run(Side::ToServer, 502, &adu(1, 1, &[90, 0, 2]))),
        Verdict::Yes
    );
    assert_eq!(
        probe(&run(Side::ToServer, 503, &adu(1, 1, &[90, 0, 2]))),
        Verdict::No
    );

    let others: &[(&str, &[u8])] = &[
        (
            "TPKT",
            &[3, 0, 0, 22, 17, 0xe0, 0, 0, 0, 1, 0, 0xc1, 2, 1, 0],
        ),
        (
            "NetBIOS",
            &[0, 0, 0, 133, 0xff, b'S', b'M', b'B', 0x72, 0, 0, 0],
        ),
        ("EtherNet/IP", &[0x65, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]),
        ("a 4-byte length", &[0, 0, 0, 12, 1, 3, 0, 0, 0, 10, 0, 0]),
        ("an 8-byte length", &[0, 0, 0, 0, 0, 0, 0, 12, 1, 3, 0, 0]),
        (
            "DNS over TCP with identifier 0",
            &[0, 29, 0, 0, 1, 0, 0, 1, 0, 0, 0, 0],
        ),
        ("zeroes", &[0; 32]),
        ("HTTP", b"GET / HTTP/1.1\r\n\r\n"),
        ("TLS", &[0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3]),
        (
            "the right header around the wrong data",
            &[0, 1, 0, 0, 0, 7, 1, 3, 0, 0, 0, 10, 9],
        ),
        (
            "a byte count that contradicts",
            &[0, 1, 0, 0, 0, 9, 1, 16, 0, 0, 0, 2, 2, 0, 0],
        ),
    ];
    for (name, bytes) in others {
        assert_eq!(
            probe(&run(Side::ToServer, 502, bytes)),
            Verdict::No,
            "{name}"
        );
    }
}

#[test]
fn one_conversation_however_it_is_cut() {
    let (seen, last) = same_however_cut(&conversation(), play);
    assert_eq!(last, Step::Done);
    assert_eq!(
        seen,
        [
            "Request 1 4 1 Some(1) Some(10) [] None None",
            "Request 2 4 3 Some(0) Some(2) [] None None",
            "Response 1 4 1 Some(1) Some(10) [1,0,0,0,1,0,0,1] None None",
            "Response 2 4 3 Some(0) Some(2) [] Some(2) None",
            "Request 3 4 16 Some(5) Some(1) [43981] None None",
            "Response 3 4 16 Some(5) Some(1) [] None None",
            "Request 4 4 15 None None [] None \
             Some(\"a byte count that agrees with the quantity\")",
            "Request 5 4 90 None None [] None None",
        ]
    );
}

#[test]
fn every_public_function_is_read_in_both_roles() {
    let requests: &[&[u8]] = &[
        &[1, 0, 1, 0, 2],
        &[2, 0, 1, 0, 2],
        &[3, 0, 1, 0, 2],
        &[4, 0, 1, 0, 2],
        &[5, 0, 1, 0xff, 0],
        &[6, 0, 1, 0, 9],
        &[7],
        &[8, 0, 2, 0, 0],
        &[11],
        &[12],
        &[15, 0, 1, 0, 9, 2, 1, 1],
        &[16, 0, 1, 0, 1, 2, 0, 9],
        &[17],
        &[20, 7, 6, 0, 4, 0, 1, 0, 2],
        &[21, 9, 6, 0, 4, 0, 7, 0, 1, 6, 0xaf],
        &[22, 0, 4, 0, 0xf2, 0, 0x25],
        &[23, 0, 3, 0, 6, 0, 14, 0, 1, 2, 0, 0xff],
        &[24, 4, 0xde],
        &[43, 14, 1, 0],
    ];
    let responses: &[&[u8]] = &[
        &[1, 1, 3],
        &[2, 1, 3],
        &[3, 4, 0, 1, 0, 2],
        &[4, 2, 0, 1],
        &[5, 0, 1, 0xff, 0],
        &[6, 0, 1, 0, 9],
        &[7, 0x6d],
        &[8, 0, 2, 1, 1],
        &[11, 0xff, 0xff, 1, 8],
        &[12, 8, 0, 0, 1, 8, 1, 0x21, 0x20, 0],
        &[15, 0, 1, 0, 9],
        &[16, 0, 1, 0, 1],
        &[17, 2, 7, 0xff],
        &[20, 12, 5, 6, 0xd, 0xfe, 0, 0x20, 5, 6, 0x33, 0xcd, 0, 0x40],
        &[21, 9, 6, 0, 4, 0, 7, 0, 1, 6, 0xaf],
        &[22, 0, 4, 0, 0xf2, 0, 0x25],
        &[23, 2, 0, 0xfe],
        &[24, 0, 6, 0, 2, 1, 0xb8, 0x12, 0x84],
        &[43, 14, 1, 1, 0, 0, 0],
        &[0x81, 2],
        &[0xab, 1],
    ];
    for (role, all) in [(Role::Request, requests), (Role::Response, responses)] {
        for pdu in all {
            let (&code, data) = pdu.split_first().expect("not empty");
            assert!(pdu::decode(role, code, data).is_ok(), "{role:?} {pdu:?}");
            // Nothing shorter or longer is taken, apart from what has no fixed length.
            for cut in 0..data.len() {
                let shorter = pdu::decode(role, code, &data[..cut]);
                let open = matches!(code, 8 if cut >= 2) || matches!(code, 43 if cut >= 1);
                let empty = role == Role::Response && cut == 0 && matches!(code, 7 | 11 | 12 | 17);
                assert!(
                    shorter.is_err() || open || empty,
                    "{role:?} {pdu:?} cut at {cut}"
                );
                assert!(shorter.is_ok() || shorter.is_err_and(|f| f.offset <= cut));
            }
            let mut longer = data.to_vec();
            longer.push(0);
            assert!(
                pdu::decode(role, code, &longer).is_err() || matches!(code, 8 | 43),
                "{role:?} {pdu:?} and one more"
            );
        }
    }
}

#[test]
fn an_error_says_where_and_what() {
    let mut bytes = adu(1, 1, &[3, 0, 0, 0, 1]);
    bytes.extend([0, 2, 0, 1, 0, 6, 1, 3]);
    let mut session = Session::default();
    let step = session.feed(&run(Side::ToServer, 502, &bytes), |_| {});
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: 14,
            expected: "protocol identifier 0"
        })
    );
    let mut bytes = adu(1, 1, &[3, 0, 0, 0, 1]);
    bytes.extend([0, 2, 0, 0, 1, 6, 1, 3]);
    let step = Session::default().feed(&run(Side::ToServer, 502, &bytes), |_| {});
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: 16,
            expected: "a length from 2 to 254"
        })
    );
    // A fault inside a message gives its place in the run and spares the next message.
    let mut bytes = adu(1, 1, &[3, 0, 0, 0]);
    bytes.extend(adu(2, 1, &[3, 0, 0, 0, 1]));
    let mut faults = Vec::new();
    Session::default().feed(&run(Side::ToServer, 502, &bytes), |m| faults.push(m.fault));
    assert_eq!(
        faults,
        [
            Some(Fault {
                offset: 10,
                expected: "a quantity"
            }),
            None
        ]
    );
}

#[test]
fn after_a_loss_the_next_run_that_begins_with_a_message_is_believed() {
    let mut session = Session::default();
    let mut seen = 0;
    let mut replay = Replay::new(true, 502, |run: &Run<'_>| session.feed(run, |_| seen += 1));
    let message = adu(1, 1, &[3, 0, 0, 0, 1]);
    replay.push(Side::ToServer, &message[..9]);
    replay.lose(Side::ToServer, 40);
    replay.push(Side::ToServer, &[9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]);
    replay.push(Side::ToServer, &message[..4]);
    replay.push(Side::ToServer, &message[4..]);
    replay.push(Side::ToServer, &message);
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    assert_eq!(seen, 2);
}

#[test]
fn a_capture_that_began_in_mid_stream_still_tells_who_asks() {
    let mut session = Session::default();
    let mut roles = Vec::new();
    // The server spoke first, so the host took it for the client.
    let answer = adu(9, 1, &[3, 4, 0, 1, 0, 2]);
    let question = adu(10, 1, &[3, 0, 0, 0, 2]);
    session.feed(&run(Side::ToServer, 40_000, &answer), |m| {
        roles.push(m.role)
    });
    session.feed(&run(Side::ToClient, 40_000, &question), |m| {
        roles.push(m.role)
    });
    assert_eq!(roles, [Role::Response, Role::Request]);
}

#[test]
fn requests_without_answers_do_not_pile_up() {
    let mut session = Session::default();
    let mut all = Vec::new();
    for transaction in 0..(MAX_OUTSTANDING as u16 * 4) {
        all.extend(adu(transaction, 1, &[3, 0, 7, 0, 1]));
    }
    session.feed(&run(Side::ToServer, 502, &all), |_| {});
    let mut addresses = Vec::new();
    for transaction in [0, MAX_OUTSTANDING as u16 * 4 - 1] {
        let answer = adu(transaction, 1, &[3, 2, 0, 1]);
        session.feed(&run(Side::ToClient, 502, &answer), |m| {
            addresses.push(m.fields.address)
        });
    }
    assert_eq!(addresses, [None, Some(7)]);
}

#[test]
fn values_are_written_up_to_a_limit() {
    let mut out = String::new();
    Values::Registers(&[0, 0, 0xff, 0xff, 0, 10, 1, 0]).write(3, &mut out);
    assert_eq!(out, "0,65535,10");
    out.clear();
    Values::Bits(&[0b101], Some(3)).write(99, &mut out);
    assert_eq!(out, "1,0,1");
    out.clear();
    Values::One(7).write(0, &mut out);
    assert_eq!(out, "");
    assert_eq!(Values::Bits(&[1], Some(9)).len(), 8);
}

#[test]
fn hostile_bytes_do_no_harm() {
    storm(1, 3_000, true, &conversation(), || {
        let mut session = Session::default();
        move |run: &Run<'_>| {
            let _ = probe(run);
            session.feed(run, |message| {
                message.fields.values.write(200, &mut String::new());
            })
        }
    });
}

#[test]
fn a_conversation_that_breaks_off_is_no_error() {
    no_prefix_is_an_error(&conversation(), play);
}

#[test]
fn recorded_conversations_split_cut_short_and_changed() {
    for (name, least) in [("modbus.pcap", 2)] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            assert!(conversation.stream);
            play(pieces)
        });
        assert!(known >= least, "{name}: {known}");
    }
}
