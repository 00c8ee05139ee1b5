//! The plugin as the host sees it.

use coap::Coap;
use palisade_sdk::testing::{Harness, ParsedEvent, chunk, json};
use palisade_sdk::{Chunk, Direction, Outcome, Recognition, Transport};

const MANIFEST: &str = include_str!("../plugin.toml");

fn datagram(direction: Direction, bytes: &[u8]) -> Chunk<'_> {
    Chunk {
        transport: Transport::Udp,
        port: 5684,
        ..chunk(direction, bytes)
    }
}

fn check(event: &ParsedEvent, expected: &[(&str, serde_json::Value)]) {
    for (name, value) in expected {
        assert_eq!(
            event.fields.get(*name),
            Some(value),
            "{name} of {:?}",
            event.fields
        );
    }
}

#[test]
fn a_request_its_response_oscore_and_a_registration() {
    let mut plugin = Harness::<Coap>::parser(MANIFEST, &[]).unwrap();
    // The example of the requirement, on the port for DTLS.
    let get = [0x40, 1, 0x30, 0x39, 0xb4, 0x74, 0x65, 0x6d, 0x70];
    let content = [0x60, 0x45, 0x30, 0x39, 0xc0, 0xff, 0x32, 0x32];
    let oscore = [0x41, 2, 0, 1, 0xa5, 0x92, 9, 0x14, 0xff, 1, 2, 3];
    let register = b"\x42\x02\x00\x02\x01\x02\xb2rd\x47ep=test\x06lt=300\x09lwm2m=1.1";
    assert_eq!(
        plugin.probe(&datagram(Direction::ToServer, &get)),
        Recognition::Yes
    );
    let parsed = plugin.parse(&[
        datagram(Direction::ToServer, &get),
        datagram(Direction::ToClient, &content),
        datagram(Direction::ToServer, &oscore),
        datagram(Direction::ToServer, register),
    ]);
    assert!(
        parsed
            .outcomes
            .iter()
            .all(|outcome| *outcome == Outcome::Done),
        "{parsed:?}"
    );
    let [get, content, oscore, register] = &parsed.events[..] else {
        panic!("{parsed:?}")
    };
    check(
        get,
        &[
            ("protocol", json!("coap")),
            ("operation", json!("get")),
            ("direction", json!("request")),
            ("encrypted", json!(false)),
            ("attributes.coap.uri-path", json!("/temp")),
            ("attributes.coap.oscore", json!(0.0)),
        ],
    );
    check(
        content,
        &[
            ("operation", json!("get")),
            ("direction", json!("response")),
            ("status", json!("2.05")),
            ("attributes.coap.type", json!("ack")),
            ("attributes.coap.content-format", json!(0.0)),
            ("attributes.coap.payload-bytes", json!(2.0)),
        ],
    );
    check(
        oscore,
        &[
            ("attributes.coap.oscore", json!(1.0)),
            ("attributes.coap.token", json!("a5")),
            ("encrypted", json!(false)),
        ],
    );
    check(
        register,
        &[
            ("operation", json!("register")),
            ("attributes.lwm2m.endpoint", json!("test")),
            ("attributes.lwm2m.lifetime", json!(300.0)),
            ("attributes.lwm2m.version", json!("1.1")),
        ],
    );
}
