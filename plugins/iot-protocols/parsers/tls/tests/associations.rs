//! Associations of DTLS that are written here record by record: connection ids, what DTLS 1.3
//! adds, and datagrams that anybody could have forged.

use iot_wire::harness::{Piece, Replay, storm};
use iot_wire::{Run, Side, Step, Verdict};
use tls::session::{Session, probe};

const CLIENT: Side = Side::ToServer;
const SERVER: Side = Side::ToClient;

fn record(kind: u8, epoch: u16, content: &[u8]) -> Vec<u8> {
    with_id(kind, epoch, &[], content)
}

fn with_id(kind: u8, epoch: u16, id: &[u8], content: &[u8]) -> Vec<u8> {
    let mut out = vec![kind, 0xfe, 0xfd];
    out.extend(epoch.to_be_bytes());
    out.extend([0; 6]);
    out.extend(id);
    out.extend((content.len() as u16).to_be_bytes());
    out.extend(content);
    out
}

/// A handshake message in one piece, in a record.
fn message(kind: u8, sequence: u16, body: &[u8]) -> Vec<u8> {
    let length = (body.len() as u32).to_be_bytes();
    let mut content = vec![kind];
    content.extend(&length[1..]);
    content.extend(sequence.to_be_bytes());
    content.extend([0; 3]);
    content.extend(&length[1..]);
    content.extend(body);
    record(22, 0, &content)
}

fn extension(kind: u16, data: &[u8]) -> Vec<u8> {
    let mut out = kind.to_be_bytes().to_vec();
    out.extend((data.len() as u16).to_be_bytes());
    out.extend(data);
    out
}

/// The extension that asks to be written to with an id of so many bytes.
fn asks_for_id(length: usize) -> Vec<u8> {
    let mut data = vec![length as u8];
    data.extend(id(length));
    extension(54, &data)
}

fn id(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| 0x91_u8.wrapping_add(at as u8))
        .collect()
}

fn hello(kind: u8, sequence: u16, extensions: &[Vec<u8>]) -> Vec<u8> {
    let mut body = vec![0xfe, 0xfd];
    body.extend([7; 32]);
    body.push(0);
    // TLS_PSK_WITH_AES_128_CCM_8.
    match kind {
        1 => body.extend([0, 0, 2, 0xc0, 0xa8, 1, 0]),
        _ => body.extend([0xc0, 0xa8, 0]),
    }
    let extensions = extensions.concat();
    body.extend((extensions.len() as u16).to_be_bytes());
    body.extend(extensions);
    message(kind, sequence, &body)
}

/// Encrypted content of so many bytes.
fn sealed(length: usize) -> Vec<u8> {
    (0..length)
        .map(|at| (at as u8).wrapping_mul(57) | 1)
        .collect()
}

fn said(side: Side, records: &[Vec<u8>]) -> Piece {
    Piece {
        side,
        bytes: records.concat(),
    }
}

/// A handshake whose client is written to with an id of `to_client` bytes, and the server with
/// one of `to_server`. A side that asks for an empty id is written to as ever.
fn handshake(to_client: usize, to_server: usize) -> Vec<Piece> {
    let protected = |length: usize, kind: u8, content: &[u8]| match length {
        0 => record(kind, 1, content),
        _ => with_id(25, 1, &id(length), content),
    };
    let change = record(20, 0, &[1]);
    vec![
        said(CLIENT, &[hello(1, 0, &[asks_for_id(to_client)])]),
        said(
            SERVER,
            &[hello(2, 0, &[asks_for_id(to_server)]), message(14, 1, &[])],
        ),
        said(
            CLIENT,
            &[
                message(16, 1, b"\0\x06device"),
                change.clone(),
                protected(to_server, 22, &sealed(50)),
            ],
        ),
        said(SERVER, &[change, protected(to_client, 22, &sealed(50))]),
        said(CLIENT, &[protected(to_server, 23, &sealed(60))]),
        said(SERVER, &[protected(to_client, 23, &sealed(60))]),
    ]
}

fn recorded(name: &str) -> Vec<Piece> {
    let path = format!("{}/tests/handshakes/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    let piece = |line: &str| {
        let (mark, digits) = line.split_once(' ').unwrap();
        let byte = |at: usize| u8::from_str_radix(&digits[at..at + 2], 16).unwrap();
        Piece {
            side: if mark == ">" { CLIENT } else { SERVER },
            bytes: (0..digits.len() / 2).map(|at| byte(at * 2)).collect(),
        }
    };
    text.lines().map(piece).collect()
}

/// What is reported: version, suite, and whether it was established. And the last error.
fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(false, 5_684, |run: &Run<'_>| {
        session.feed(run, |report| {
            assert!(report.dtls);
            let established = report.established;
            seen.push(format!(
                "{} {} {established:?}",
                report.version, report.cipher
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

fn judge(bytes: &[u8]) -> Verdict {
    probe(&Run {
        side: CLIENT,
        stream: false,
        port: 40_000,
        offset: 0,
        gap: 0,
        end: false,
        bytes,
    })
}

const PSK: &str = "DTLS1.2 TLS_PSK_WITH_AES_128_CCM_8 Some(true)";

#[test]
fn a_record_with_a_connection_id_is_one_like_any_other() {
    let lengths = [0, 1, 2, 6, 8, 20, 64, 255];
    for to_client in lengths {
        for to_server in lengths {
            let pieces = handshake(to_client, to_server);
            let expected = (vec![PSK.to_owned()], Step::Done);
            assert_eq!(play(&pieces), expected, "{to_client} {to_server}");
            // How long the ids are is not known where the client's hello was not seen.
            assert_eq!(play(&pieces[1..]), expected, "{to_client} {to_server}");
            for piece in &pieces {
                assert_eq!(judge(&piece.bytes), Verdict::Yes, "{to_client} {to_server}");
            }
        }
    }
    // An alert is no end, even if it is encrypted.
    let mut pieces = handshake(0, 6);
    pieces.truncate(3);
    pieces.push(said(SERVER, &[record(20, 0, &[1])]));
    pieces.push(said(SERVER, &[with_id(25, 1, &id(6), &sealed(19))]));
    assert_eq!(play(&pieces).0, [PSK.replace("Some(true)", "None")]);
    // Before there are keys no record has one, and one has to end where it says.
    let whole = with_id(25, 1, &id(6), &sealed(50));
    for bytes in [with_id(25, 0, &id(6), &sealed(50)), whole[..60].to_vec()] {
        assert_eq!(judge(&bytes), Verdict::No);
    }
}

#[test]
fn an_id_is_found_between_records() {
    let mut pieces = handshake(6, 6);
    // The Finished, with data behind it in the same datagram, and the hellos not seen to agree.
    pieces[0] = said(CLIENT, &[hello(1, 0, &[])]);
    let data = with_id(25, 1, &id(6), &sealed(60));
    pieces[2].bytes.extend(&data);
    pieces[3].bytes.extend(&data);
    assert_eq!(play(&pieces[..4]), (vec![PSK.to_owned()], Step::Done));
}

/// Datagrams that make no sense in an association of DTLS 1.2.
fn bad() -> Vec<Vec<u8>> {
    let hello = hello(1, 0, &[]);
    let mut claims = hello.clone();
    // The session identifier is longer than the hello.
    claims[59] = 0xff;
    let mut beyond = hello.clone();
    // The fragment is longer than its message.
    beyond[15] = 1;
    let mut version = hello.clone();
    version[1] = 3;
    vec![
        vec![22],
        vec![22; 40],
        hello[..hello.len() - 1].to_vec(),
        claims,
        beyond,
        version,
        record(20, 0, &[2]),
        record(20, 0, &[]),
        record(21, 0, &[2]),
        record(21, 0, &[2, 40, 0]),
        record(22, 1, &[]),
        record(27, 1, &sealed(50)),
        record(25, 0, &sealed(50)),
        with_id(25, 1, &id(3), &[]),
        // Of DTLS 1.3.
        [vec![0x2f, 0, 1, 0, 40], sealed(40)].concat(),
        [vec![0x3c, 0x91, 0, 1], sealed(60)].concat(),
    ]
}

#[test]
fn datagrams_that_make_no_sense_end_no_handshake() {
    let handshakes = ["dtls12", "dtls12-fragments", "dtls10"].map(recorded);
    for pieces in handshakes.into_iter().chain([handshake(0, 6)]) {
        let (expected, last) = play(&pieces);
        assert_eq!((expected.len(), last), (1, Step::Done));
        assert!(expected[0].ends_with("Some(true)"), "{expected:?}");
        for bytes in bad() {
            for side in [CLIENT, SERVER] {
                let forged = Piece {
                    side,
                    bytes: bytes.clone(),
                };
                // Before, between and behind.
                let mut mixed = vec![forged.clone()];
                for piece in &pieces {
                    mixed.extend([piece.clone(), forged.clone()]);
                }
                assert_eq!(play(&mixed).0, expected, "{bytes:02x?} {side:?}");
            }
        }
        // A datagram that begins as it should and goes on in another way.
        let mut spoilt = pieces.clone();
        for piece in &mut spoilt {
            piece.bytes.extend(b"\x1bjunk");
        }
        let (seen, last) = play(&spoilt);
        assert_eq!(seen, expected);
        assert!(
            matches!(last, Step::Error(fault) if fault.expected.contains("20 to 26")),
            "{last:?}"
        );
    }
}

#[test]
fn what_is_wrong_within_a_record_does_not_hide_the_next() {
    let mut pieces = handshake(0, 0);
    for piece in &mut pieces {
        let wrong = [record(21, 0, &[2]), record(20, 0, &[9])].concat();
        piece.bytes.splice(0..0, wrong);
    }
    let (seen, last) = play(&pieces);
    assert_eq!(seen, [PSK]);
    assert!(matches!(last, Step::Error(fault) if fault.expected == "an alert of two bytes"));
}

#[test]
fn a_forged_refusal_hides_no_handshake() {
    let pieces = handshake(0, 6);
    let alert = said(SERVER, &[record(21, 0, &[2, 40])]);
    for at in 1..3 {
        let mut forged = pieces.clone();
        forged.splice(at..at, [alert.clone(), alert.clone()]);
        let (seen, _) = play(&forged);
        assert!(
            seen.len() == 2 && seen[0].ends_with("Some(false)"),
            "{seen:?}"
        );
        assert_eq!(seen[1], PSK);
    }
    // A refusal that nothing follows is told once.
    let (seen, _) = play(&[pieces[0].clone(), alert.clone(), alert]);
    assert_eq!(seen, ["DTLS1.2  Some(false)"]);
}

#[test]
fn dtls_1_3_is_read_with_its_acknowledgements_and_ids() {
    let version = |list: &[u8]| extension(43, list);
    // A record of epoch 2 with a sequence number of two bytes, with or without its length.
    let protected = |length: usize, sized: bool, content: &[u8]| {
        let flags = 0x2a | if length > 0 { 0x10 } else { 0 } | if sized { 4 } else { 0 };
        let mut out = vec![flags];
        out.extend(id(length));
        out.extend([0, 1]);
        if sized {
            out.extend((content.len() as u16).to_be_bytes());
        }
        out.extend(content);
        out
    };
    for length in [0, 1, 8, 20] {
        let ids = |mut extensions: Vec<Vec<u8>>| {
            if length > 0 {
                extensions.push(asks_for_id(length));
            }
            extensions
        };
        let ack = record(26, 0, &[0; 18]);
        let pieces = [
            said(
                CLIENT,
                &[hello(1, 0, &ids(vec![version(&[2, 0xfe, 0xfc])]))],
            ),
            said(
                SERVER,
                &[
                    hello(2, 0, &ids(vec![version(&[0xfe, 0xfc])])),
                    protected(length, true, &sealed(80)),
                    protected(length, false, &sealed(300)),
                ],
            ),
            said(CLIENT, &[ack.clone()]),
            // An acknowledgement is too short to be more.
            said(CLIENT, &[protected(length, true, &sealed(19))]),
            said(CLIENT, &[ack, protected(length, true, &sealed(61))]),
        ];
        let (seen, last) = play(&pieces[..4]);
        assert_eq!(last, Step::Done, "{length}");
        assert!(seen[0].ends_with("None"), "{length}: {seen:?}");
        let (seen, last) = play(&pieces);
        assert_eq!((seen.len(), last), (1, Step::Done), "{length}");
        assert!(seen[0].starts_with("DTLS1.3 "), "{seen:?}");
        assert!(seen[0].ends_with("Some(true)"), "{length}: {seen:?}");
    }
}

#[test]
fn hostile_bytes_do_no_harm() {
    for lengths in [(6, 6), (255, 1)] {
        storm(11, 600, false, &handshake(lengths.0, lengths.1), || {
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
