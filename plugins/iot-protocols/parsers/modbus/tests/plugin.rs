//! The plugin as the host sees it.

use modbus::Modbus;
use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{Direction, Outcome, Recognition};

const MANIFEST: &str = include_str!("../plugin.toml");

#[test]
fn a_read_and_its_answer_are_two_events() {
    let mut plugin = Harness::<Modbus>::parser(MANIFEST, &[]).unwrap();
    let read = [0, 1, 0, 0, 0, 6, 1, 3, 0, 5, 0, 2];
    let answer = [0, 1, 0, 0, 0, 7, 1, 3, 4, 0, 7, 1, 0];
    assert_eq!(
        plugin.probe(&chunk(Direction::ToServer, &read)),
        Recognition::Yes
    );
    let parsed = plugin.parse(&[
        chunk(Direction::ToServer, &read),
        chunk(Direction::ToClient, &answer),
    ]);
    assert_eq!(parsed.outcomes, [Outcome::Done, Outcome::Done]);
    let expected = [
        ("direction", json!("response")),
        ("encrypted", json!(false)),
        ("operation", json!("read-holding-registers")),
        ("protocol", json!("modbus")),
        ("status", json!("success")),
        ("attributes.modbus.access", json!("read")),
        ("attributes.modbus.address", json!(5.0)),
        ("attributes.modbus.function", json!(3.0)),
        (
            "attributes.modbus.function-name",
            json!("read-holding-registers"),
        ),
        ("attributes.modbus.quantity", json!(2.0)),
        ("attributes.modbus.transaction", json!(1.0)),
        ("attributes.modbus.unit", json!(1.0)),
        ("attributes.modbus.values", json!("7,256")),
    ];
    let event = &parsed.events[1];
    assert_eq!((event.kind.as_str(), event.chunk), ("device.message", 1));
    for (name, value) in &expected {
        assert_eq!(event.fields.get(*name), Some(value), "{name}");
    }
    assert_eq!(event.fields.len(), expected.len(), "{:?}", event.fields);
    assert_eq!(parsed.events[0].fields.get("status"), None);
}

#[test]
fn an_exception_and_a_malformed_message_say_so() {
    let mut plugin = Harness::<Modbus>::parser(MANIFEST, &[("max-values", json!(0))]).unwrap();
    let bytes = [0, 1, 0, 0, 0, 3, 1, 0x83, 2, 0, 2, 0, 0, 0, 3, 1, 3, 9];
    let parsed = plugin.parse(&[chunk(Direction::ToClient, &bytes)]);
    let status: Vec<_> = parsed
        .events
        .iter()
        .map(|event| &event.fields["status"])
        .collect();
    assert_eq!(status, ["illegal-data-address", "malformed"]);
    assert_eq!(
        parsed.events[1].fields["attributes.modbus.expected"],
        "as many bytes as the byte count says"
    );
    let parsed = plugin.parse(&[chunk(Direction::ToServer, b"GET / HTTP/1.1\r\n")]);
    assert_eq!(
        parsed.outcomes,
        [Outcome::error(2, "expected protocol identifier 0")]
    );
}
