//! The plugin as the host sees it.

use mqtt::Mqtt;
use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{Direction, Outcome, Recognition};

const MANIFEST: &str = include_str!("../plugin.toml");

#[test]
fn a_connection_gives_its_identity_and_its_topics() {
    let mut plugin = Harness::<Mqtt>::parser(MANIFEST, &[]).unwrap();
    // The example of the requirement, answered, and then a PUBLISH.
    let connect = [
        0x10, 0x0f, 0, 4, 0x4d, 0x51, 0x54, 0x54, 4, 2, 0, 0x3c, 0, 3, 0x64, 0x31, 0x31,
    ];
    let refused = [0x20, 2, 0, 5];
    let publish = [0x30, 6, 0, 2, b'a', b'/', b'o', b'n'];
    assert_eq!(
        plugin.probe(&chunk(Direction::ToServer, &connect)),
        Recognition::Yes
    );
    let parsed = plugin.parse(&[
        chunk(Direction::ToServer, &connect),
        chunk(Direction::ToClient, &refused),
        chunk(Direction::ToServer, &publish),
    ]);
    assert_eq!(
        parsed.outcomes,
        [Outcome::Done, Outcome::Done, Outcome::Done]
    );
    let [connect, refused, publish] = &parsed.events[..] else {
        panic!("{:?}", parsed.events)
    };
    for (event, name, value) in [
        (connect, "protocol", json!("mqtt")),
        (connect, "operation", json!("connect")),
        (connect, "direction", json!("request")),
        (connect, "encrypted", json!(false)),
        (connect, "attributes.mqtt.client-id", json!("d11")),
        (connect, "attributes.mqtt.version", json!("3.1.1")),
        (connect, "attributes.mqtt.user-flag", json!(0.0)),
        (connect, "attributes.mqtt.keep-alive", json!(60.0)),
        (refused, "operation", json!("connack")),
        (refused, "direction", json!("response")),
        (refused, "status", json!("not-authorized")),
        (publish, "operation", json!("publish")),
        (publish, "attributes.mqtt.topic", json!("a/")),
        (publish, "attributes.mqtt.payload-bytes", json!(2.0)),
    ] {
        assert_eq!(event.fields.get(name), Some(&value), "{name}");
    }
}
