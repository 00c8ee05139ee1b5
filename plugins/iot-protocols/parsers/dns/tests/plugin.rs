//! The plugin as the host sees it.

use dns::Dns;
use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{Chunk, Direction, Outcome, Recognition, Transport};

const MANIFEST: &str = include_str!("../plugin.toml");

#[test]
fn a_query_with_its_response_is_one_event() {
    let mut plugin = Harness::<Dns>::parser(MANIFEST, &[]).unwrap();
    let datagram = |direction, bytes| Chunk {
        transport: Transport::Udp,
        port: 53,
        ..chunk(direction, bytes)
    };
    let query = b"\x12\x34\x01\0\0\x01\0\0\0\0\0\0\x01a\x04test\0\0\x01\0\x01";
    let mut answer = query.to_vec();
    answer[2] = 0x81;
    answer[7] = 2;
    answer.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04\xc0\0\x02\x01");
    answer.extend(b"\xc0\x0c\0\x10\0\x01\0\0\0\x05\0\x02\x01x");
    assert_eq!(
        plugin.probe(&datagram(Direction::ToServer, query)),
        Recognition::Yes
    );
    let parsed = plugin.parse(&[
        datagram(Direction::ToServer, query),
        datagram(Direction::ToClient, &answer),
    ]);
    assert_eq!(parsed.outcomes, [Outcome::Done, Outcome::Done]);
    let [event] = &parsed.events[..] else {
        panic!("{parsed:?}")
    };
    for (name, value) in [
        ("qname", json!("a.test")),
        ("qtype", json!("A")),
        ("rcode", json!("NOERROR")),
        ("answers.name", json!(["a.test", "a.test"])),
        ("answers.rtype", json!(["A", "TXT"])),
        ("answers.ttl", json!([60, 5])),
        ("answers.rdata", json!(["192.0.2.1", "\"x\""])),
    ] {
        assert_eq!(event.fields.get(name), Some(&value), "{name}");
    }
}
