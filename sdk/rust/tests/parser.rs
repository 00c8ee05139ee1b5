//! A parser of lines, in the in-memory host.

use std::collections::HashMap;

use palisade_sdk::testing::{Harness, chunk, json};
use palisade_sdk::{
    Chunk, Direction, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    Transport, attribute, export_parser, field,
};

const MANIFEST: &str = r#"
[plugin]
name = "lines"
[parser]
protocol = "lines"
emits = ["device.message", "network.dns"]
"#;

/// Session to the number of lines seen.
struct Lines(HashMap<u32, u64>);

impl Parser for Lines {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Lines(HashMap::new()))
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        match chunk.bytes {
            [] => Recognition::More,
            [b'#', ..] => Recognition::Yes,
            _ => Recognition::No,
        }
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        let mut consumed = 0;
        while let Some(length) = chunk.bytes[consumed..]
            .iter()
            .position(|byte| *byte == b'\n')
        {
            let line = &chunk.bytes[consumed..consumed + length];
            let Ok(text) = std::str::from_utf8(line) else {
                return Outcome::error(consumed, "want UTF-8");
            };
            if text == "STARTTLS" {
                return Outcome::Handover {
                    offset: consumed + length + 1,
                };
            }
            consumed += length + 1;
            let seen = self.0.entry(chunk.session).or_default();
            *seen += 1;
            if let Some(names) = text.strip_prefix("dns ") {
                let mut event = out.event(Kind::NetworkDns);
                event.text(field!("qname"), "example");
                for name in names.split(' ') {
                    event
                        .push_text(field!("answers.rdata"), name)
                        .push_u32(field!("answers.ttl"), 1);
                }
                continue;
            }
            let mut event = out.event(Kind::DeviceMessage);
            event
                .text(field!("protocol"), "lines")
                .text(field!("operation"), text.trim_start_matches('#'))
                .u8(field!("direction"), chunk.direction as u8)
                .number(attribute!("lines.number"), *seen as f64);
            if text.starts_with('#') {
                event
                    .bool(field!("encrypted"), false)
                    .attribute(attribute!("lines.mark"), "#");
            }
        }
        if consumed < chunk.bytes.len() {
            return Outcome::Incomplete {
                consumed,
                needed: 1,
            };
        }
        Outcome::Done
    }

    fn close(&mut self, session: u32) {
        self.0.remove(&session);
    }
}

export_parser!(Lines);

#[test]
fn events_come_back_by_chunk_with_the_fields_that_were_set() {
    let mut plugin = Harness::<Lines>::parser(MANIFEST, &[]).unwrap();
    let parsed = plugin.parse(&[
        chunk(Direction::ToServer, b"a\n#b\ndns x y\n"),
        chunk(Direction::ToClient, b"dns z\nc\n#d"),
        of(2, b"STARTTLS\n\x16"),
        of(3, b"\xff\n"),
        of(3, b"never\n"),
    ]);
    assert_eq!(
        parsed.outcomes,
        [
            Outcome::Done,
            Outcome::Incomplete {
                consumed: 8,
                needed: 1
            },
            Outcome::Handover { offset: 9 },
            Outcome::error(0, "want UTF-8"),
            Outcome::Done,
        ]
    );
    let shown: Vec<_> = parsed
        .events
        .iter()
        .map(|event| (event.chunk, event.kind.as_str(), json!(event.fields)))
        .collect();
    let message = |operation: &str, direction: &str, number: f64| json!({ "protocol": "lines", "operation": operation, "direction": direction, "attributes.lines.number": number });
    let mut marked = message("b", "request", 2.0);
    marked["encrypted"] = json!(false);
    marked["attributes.lines.mark"] = json!("#");
    assert_eq!(
        shown,
        [
            (0, "device.message", message("a", "request", 1.0)),
            (0, "device.message", marked),
            (
                0,
                "network.dns",
                json!({ "qname": "example", "answers.rdata": ["x", "y"], "answers.ttl": [1, 1] })
            ),
            (1, "device.message", message("c", "response", 5.0)),
            (
                1,
                "network.dns",
                json!({ "qname": "example", "answers.rdata": ["z"], "answers.ttl": [1] })
            ),
        ]
    );
    assert_eq!(
        plugin.probe(&chunk(Direction::ToServer, b"#")),
        Recognition::Yes
    );
    plugin.close(1);
}

#[test]
#[should_panic(expected = "was set with values of two types")]
fn a_field_has_one_type() {
    let mut tables = Tables::default();
    tables
        .event(Kind::DeviceMessage)
        .text(field!("operation"), "a");
    tables.event(Kind::DeviceMessage).u8(field!("operation"), 1);
}

fn of(session: u32, bytes: &[u8]) -> Chunk<'_> {
    Chunk {
        session,
        ..chunk(Direction::ToClient, bytes)
    }
}

#[test]
fn what_is_left_over_comes_again_before_the_next_chunk_of_the_call() {
    let mut plugin = Harness::<Lines>::parser(MANIFEST, &[]).unwrap();
    let gap = Chunk {
        gap: 7,
        ..of(1, b"g\n")
    };
    let parsed = plugin.parse(&[
        of(1, b"a"),
        of(2, b"x"),
        of(1, b"b\nc"),
        of(1, b"d"),
        gap,
        of(2, b"\n"),
    ]);
    let operations: Vec<_> = parsed
        .events
        .iter()
        .map(|event| {
            (
                event.chunk,
                event.fields["operation"].as_str().unwrap().to_owned(),
            )
        })
        .collect();
    let expected = [(2, "ab"), (4, "g"), (5, "x")];
    assert_eq!(
        operations,
        expected.map(|(chunk, text)| (chunk, text.to_owned()))
    );
    assert_eq!(
        parsed.outcomes[2],
        Outcome::Incomplete {
            consumed: 3,
            needed: 1
        }
    );
    assert_eq!(parsed.outcomes[4], Outcome::Done);
}

#[test]
fn datagrams_stand_alone() {
    let mut plugin = Harness::<Lines>::parser(MANIFEST, &[]).unwrap();
    let datagram = |session, bytes| Chunk {
        transport: Transport::Udp,
        ..of(session, bytes)
    };
    let parsed = plugin.parse(&[
        datagram(1, b"a\n"),
        datagram(1, b"kept\n\xff\n"),
        datagram(1, b"b\ncut off"),
        datagram(1, b"\nc\n"),
        datagram(2, b"d\nSTARTTLS\n"),
        datagram(2, b"never\n"),
        of(3, b"\xff\n"),
        of(3, b"never\n"),
    ]);
    let operations: Vec<_> = parsed
        .events
        .iter()
        .map(|event| (event.chunk, event.fields["operation"].as_str().unwrap()))
        .collect();
    // The line that stands before what makes no sense counts.
    let expected = [(0, "a"), (1, "kept"), (2, "b"), (3, ""), (3, "c"), (4, "d")];
    assert_eq!(operations, expected);
    let rest = Outcome::Incomplete {
        consumed: 2,
        needed: 1,
    };
    assert_eq!(
        parsed.outcomes,
        [
            Outcome::Done,
            Outcome::error(5, "want UTF-8"),
            rest,
            Outcome::Done,
            Outcome::Handover { offset: 11 },
            Outcome::Done,
            Outcome::error(0, "want UTF-8"),
            Outcome::Done,
        ]
    );
}
