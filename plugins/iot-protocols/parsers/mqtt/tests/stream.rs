//! Hand-made packets: recognition, versions, cuts, losses, hostile input.

use iot_wire::harness::trial::{no_prefix_is_an_error, withstand};
use iot_wire::harness::{Piece, Replay, capture, same_however_cut, storm};
use iot_wire::{Fault, Run, Side, Step, Verdict};
use mqtt::{
    names,
    session::{Message, Session, probe},
};

fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![first];
    let mut left = body.len();
    loop {
        let byte = (left % 128) as u8;
        left /= 128;
        out.push(if left > 0 { byte | 0x80 } else { byte });
        if left == 0 {
            break;
        }
    }
    out.extend(body);
    out
}

fn string(text: &str) -> Vec<u8> {
    let mut out = (text.len() as u16).to_be_bytes().to_vec();
    out.extend(text.bytes());
    out
}

fn connect5() -> Vec<u8> {
    let body = [
        string("MQTT"),
        vec![5, 0b1100_0110, 0, 60],
        vec![5, 0x11, 0, 0, 0, 9],
        string("d11"),
        vec![0],
        string("will/topic"),
        string("gone"),
        string("user"),
        string("secret"),
    ];
    packet(0x10, &body.concat())
}

fn line(message: &Message<'_>) -> String {
    let packet = &message.packet;
    let topic = packet
        .topic
        .map(|topic| String::from_utf8_lossy(topic).into_owned());
    let connect = packet.connect.map(|connect| {
        format!(
            " client={} user={} password={} clean={} keep={} will={:?}",
            String::from_utf8_lossy(connect.client),
            connect.user,
            connect.password,
            connect.clean,
            connect.keep_alive,
            connect.will.map(String::from_utf8_lossy),
        )
    });
    format!(
        "{} {:?} id={:?} topic={:?} alias={:?} filters={} payload={} code={:?}{} {:?}",
        names::operation(message.header.kind),
        message.level,
        packet.id,
        topic,
        message.alias,
        packet.filters,
        packet.payload,
        packet.code,
        connect.unwrap_or_default(),
        message.fault.map(|fault| fault.expected),
    )
}

fn play(pieces: &[Piece]) -> (Vec<String>, Step) {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 1883, |run: &Run<'_>| {
        session.feed(run, |message| seen.push(line(message)))
    });
    for piece in pieces {
        replay.push(piece.side, &piece.bytes);
    }
    replay.end();
    let last = replay.last;
    (seen, last)
}

fn client(packets: &[Vec<u8>]) -> Piece {
    Piece {
        side: Side::ToServer,
        bytes: packets.concat(),
    }
}

fn server(packets: &[Vec<u8>]) -> Piece {
    Piece {
        side: Side::ToClient,
        bytes: packets.concat(),
    }
}

fn conversation() -> Vec<Piece> {
    vec![
        client(&[connect5()]),
        server(&[packet(0x20, &[1, 0, 3, 0x21, 0, 9])]),
        client(&[
            packet(
                0x82,
                &[vec![0, 7, 0], string("a/#"), vec![1], string("b"), vec![0]].concat(),
            ),
            packet(
                0x32,
                &[string("t/1"), vec![0, 8, 3, 0x23, 0, 5], b"hello".to_vec()].concat(),
            ),
            packet(
                0x30,
                &[string(""), vec![3, 0x23, 0, 5], vec![7; 300]].concat(),
            ),
        ]),
        server(&[
            packet(0x90, &[0, 7, 0, 1, 0x87]),
            packet(0x40, &[0, 8, 0x10]),
            packet(0xd0, &[]),
            packet(0xe0, &[0x8b, 0]),
        ]),
        client(&[packet(0x50, &[1]), packet(0xc0, &[])]),
    ]
}

#[test]
fn recognition_rests_on_the_bytes() {
    let judge = |side, bytes: &[u8]| {
        probe(&Run {
            side,
            stream: true,
            port: 8883,
            offset: 0,
            gap: 0,
            end: false,
            bytes,
        })
    };
    // The example of the requirement: 3.1.1 on the port for MQTT over TLS.
    let connect = [
        0x10, 0x0f, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0x3c, 0, 3, 0x64, 0x31, 0x31,
    ];
    assert_eq!(judge(Side::ToServer, &connect), Verdict::Yes);
    for cut in 0..9 {
        assert_eq!(
            judge(Side::ToServer, &connect[..cut]),
            Verdict::More,
            "{cut}"
        );
    }
    assert_eq!(judge(Side::ToServer, &connect5()), Verdict::Yes);
    let old = packet(
        0x10,
        &[string("MQIsdp"), vec![3, 2, 0, 5], string("a")].concat(),
    );
    assert_eq!(judge(Side::ToServer, &old), Verdict::Yes);
    assert_eq!(judge(Side::ToClient, &[0x20, 2, 0, 0]), Verdict::More);
    let others: &[(&str, &[u8])] = &[
        ("level 6", &[0x10, 0x0f, 0, 4, b'M', b'Q', b'T', b'T', 6]),
        (
            "MQIsdp of level 4",
            &[0x10, 0x11, 0, 6, b'M', b'Q', b'I', b's', b'd', b'p', 4],
        ),
        (
            "another name",
            &[0x10, 0x0f, 0, 4, b'M', b'Q', b'T', b'X', 4],
        ),
        ("a PUBLISH", &[0x30, 5, 0, 1, b'a', 0, 0]),
        ("CoAP over TCP", &[0x10, 0xe1, 0x80, 0x10, 0x40, 1]),
        (
            "MQTT in a WebSocket",
            b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\n\r\n",
        ),
        ("AMQP", b"AMQP\0\0\x09\x01"),
        (
            "flags in the first byte",
            &[0x12, 0x0f, 0, 4, b'M', b'Q', b'T', b'T', 4],
        ),
    ];
    for (name, bytes) in others {
        assert_eq!(judge(Side::ToServer, bytes), Verdict::No, "{name}");
    }
}

#[test]
fn a_conversation_of_5_0_however_it_is_cut() {
    let (seen, last) = same_however_cut(&conversation(), play);
    assert_eq!(last, Step::Done);
    let expected = [
        "connect Some(5) id=None topic=None alias=None filters=0 payload=0 code=None client=d11 \
         user=true password=true clean=true keep=60 will=Some(\"will/topic\") None",
        "connack Some(5) id=None topic=None alias=None filters=0 payload=0 code=Some(0) None",
        "subscribe Some(5) id=Some(7) topic=Some(\"a/#\") alias=None filters=2 payload=0 \
         code=None None",
        "publish Some(5) id=Some(8) topic=Some(\"t/1\") alias=None filters=0 payload=5 code=None None",
        "publish Some(5) id=None topic=Some(\"\") alias=Some(\"t/1\") filters=0 payload=300 \
         code=None None",
        "suback Some(5) id=Some(7) topic=None alias=None filters=0 payload=0 code=Some(135) None",
        "puback Some(5) id=Some(8) topic=None alias=None filters=0 payload=0 code=Some(16) None",
        "pingresp Some(5) id=None topic=None alias=None filters=0 payload=0 code=None None",
        "disconnect Some(5) id=None topic=None alias=None filters=0 payload=0 code=Some(139) None",
        "pubrec Some(5) id=None topic=None alias=None filters=0 payload=0 code=None \
         Some(\"a packet identifier\")",
        "pingreq Some(5) id=None topic=None alias=None filters=0 payload=0 code=None None",
    ];
    assert_eq!(seen, expected);
}

#[test]
fn long_payloads_are_skipped_and_losses_in_them_stepped_over() {
    let mut session = Session::default();
    let mut seen = Vec::new();
    let mut replay = Replay::new(true, 1883, |run: &Run<'_>| {
        session.feed(run, |message| {
            seen.push((message.header.kind, message.packet.payload))
        })
    });
    replay.push(Side::ToServer, &connect5());
    let publish = packet(0x30, &[string("t"), vec![0], vec![0x30; 200_000]].concat());
    for part in publish[..100_000].chunks(1_000) {
        replay.push(Side::ToServer, part);
    }
    replay.lose(Side::ToServer, 50_000);
    replay.push(Side::ToServer, &publish[150_000..]);
    replay.push(Side::ToServer, &packet(0xc0, &[]));
    // A loss outside: what follows is believed where runs are whole packets.
    replay.lose(Side::ToServer, 10);
    replay.push(Side::ToServer, &publish[100..200]);
    replay.push(Side::ToServer, &packet(0xe0, &[]));
    assert_eq!(replay.last, Step::Done);
    drop(replay);
    assert_eq!(seen, [(1, 0), (3, 200_000), (12, 0), (14, 0)]);
}

#[test]
fn errors_say_where_and_what() {
    let mut bytes = connect5();
    let length = bytes.len();
    bytes.extend([0xc0, 0x80, 0x80, 0x80, 0x80, 1]);
    let run = Run {
        side: Side::ToServer,
        stream: true,
        port: 1883,
        offset: 0,
        gap: 0,
        end: false,
        bytes: &bytes,
    };
    let step = Session::default().feed(&run, |_| {});
    let expected = "a remaining length of at most four bytes";
    assert_eq!(
        step,
        Step::Error(Fault {
            offset: length + 1,
            expected
        })
    );
}

#[test]
fn aliases_do_not_pile_up() {
    let mut all = connect5();
    for alias in 0..5_000_u16 {
        let [high, low] = alias.to_be_bytes();
        let body = [string(&"t".repeat(2_000)), vec![3, 0x23, high, low]].concat();
        all.extend(packet(0x30, &body));
    }
    let (seen, last) = play(&[Piece {
        side: Side::ToServer,
        bytes: all,
    }]);
    assert_eq!((seen.len(), last), (5_001, Step::Done));
}

#[test]
fn hostile_bytes_do_no_harm() {
    storm(3, 4_000, true, &conversation(), || {
        let mut session = Session::default();
        move |run: &Run<'_>| {
            let _ = probe(run);
            session.feed(run, |message| {
                line(message);
            })
        }
    });
}

#[test]
fn the_capture_of_a_paho_client_is_read() {
    let Some(conversations) = capture::conversations("zeek/mqtt.pcap") else {
        return;
    };
    let mut operations = Vec::new();
    for conversation in conversations {
        let mut session = Session::default();
        let mut replay = Replay::new(true, conversation.server.1, |run: &Run<'_>| {
            session.feed(run, |message| {
                assert_eq!((message.level, message.fault), (Some(3), None));
                operations.push(names::operation(message.header.kind));
            })
        });
        conversation.replay(&mut replay);
        assert_eq!(replay.last, Step::Done);
    }
    let count = |name| {
        operations
            .iter()
            .filter(|&&operation| operation == name)
            .count()
    };
    assert_eq!(
        (count("connect"), count("publish"), count("pingreq")),
        (2, 3, 5)
    );
}

#[test]
fn a_conversation_that_breaks_off_is_no_error() {
    no_prefix_is_an_error(&conversation(), play);
}

#[test]
fn recorded_conversations_split_cut_short_and_changed() {
    for (name, least) in [("mqtt.pcap", 10), ("mqtt-on-tls-port.pcap", 1)] {
        let recorded = capture::recorded(name);
        let known = withstand(&recorded, probe, |conversation, pieces| {
            assert!(conversation.stream);
            play(pieces)
        });
        assert!(known >= least, "{name}: {known}");
    }
}
