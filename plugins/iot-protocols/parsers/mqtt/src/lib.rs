//! Parser of MQTT 3.1, 3.1.1 and 5.0: one `device.message` for each control packet.
//!
//! User names, passwords and payloads are not reported; that there are any is.

pub mod names;
pub mod packet;
pub mod session;

use iot_wire::{Run, Sessions, Side, direction, text};
use packet::Connect;
use palisade_sdk::{
    Chunk, EventRow, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    attribute, field,
};
use session::{Message, Session};

/// Bytes of a client identifier or topic that are kept.
const MAX_TEXT: usize = 512;

/// The plugin.
pub struct Mqtt {
    sessions: Sessions<Session>,
}

impl Parser for Mqtt {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            sessions: Sessions::new(),
        })
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        session::probe(&Run::from(chunk)).into()
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        let session = self.sessions.of(chunk.session);
        session
            .feed(&Run::from(chunk), |message| write(message, out))
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

/// One packet as an event. Its status is the name of its return or reason code; a packet
/// whose body does not fit its type is `malformed`, and `mqtt.expected` says what should
/// have been there.
fn write(message: &Message<'_>, out: &mut Tables) {
    let (header, packet) = (message.header, &message.packet);
    let mut row = out.event(Kind::DeviceMessage);
    row.text(field!("protocol"), "mqtt")
        .text(field!("operation"), names::operation(header.kind))
        .u8(
            field!("direction"),
            match message.side {
                Side::ToServer => direction::REQUEST,
                Side::ToClient => direction::RESPONSE,
            },
        )
        .bool(field!("encrypted"), false);
    if message.fault.is_some() {
        row.text(field!("status"), "malformed");
    } else if let Some(code) = packet.code {
        // Before 5.0 a CONNACK has codes of its own, and a SUBACK ends in 128 at worst.
        let old = header.kind == 2 && code < 128;
        let name = if old {
            names::return_code(code)
        } else {
            names::reason(code)
        };
        row.text(field!("status"), name)
            .number(attribute!("mqtt.code"), code.into());
    }
    if let Some(level) = message.level {
        row.attribute(attribute!("mqtt.version"), names::version(level));
    }
    if let Some(connect) = &packet.connect {
        write_connect(&mut row, connect);
    }
    if header.kind == 3 {
        row.number(attribute!("mqtt.qos"), (header.flags >> 1 & 3).into())
            .number(attribute!("mqtt.retain"), (header.flags & 1).into())
            .number(attribute!("mqtt.dup"), (header.flags >> 3 & 1).into())
            .number(attribute!("mqtt.payload-bytes"), packet.payload.into());
    }
    let named = packet.topic.filter(|topic| !topic.is_empty());
    if let Some(topic) = named {
        row.attribute(attribute!("mqtt.topic"), &text(topic, MAX_TEXT));
    } else if let Some(topic) = message.alias {
        row.attribute(attribute!("mqtt.topic"), topic);
    }
    if let Some(alias) = packet.alias {
        row.number(attribute!("mqtt.topic-alias"), alias.into());
    }
    if packet.filters > 0 {
        row.number(attribute!("mqtt.filters"), packet.filters.into());
    }
    if let Some(id) = packet.id {
        row.number(attribute!("mqtt.packet-id"), id.into());
    }
    if header.kind == 2 {
        row.number(
            attribute!("mqtt.session-present"),
            u8::from(packet.session_present).into(),
        );
    }
    if let Some(fault) = message.fault {
        row.attribute(attribute!("mqtt.expected"), fault.expected);
    }
}

fn write_connect(row: &mut EventRow<'_>, connect: &Connect<'_>) {
    row.attribute(
        attribute!("mqtt.client-id"),
        &text(connect.client, MAX_TEXT),
    )
    .number(attribute!("mqtt.user-flag"), u8::from(connect.user).into())
    .number(
        attribute!("mqtt.password-flag"),
        u8::from(connect.password).into(),
    )
    .number(attribute!("mqtt.clean"), u8::from(connect.clean).into())
    .number(attribute!("mqtt.bridge"), u8::from(connect.bridge).into())
    .number(attribute!("mqtt.keep-alive"), connect.keep_alive.into());
    if let Some(will) = connect.will {
        row.attribute(attribute!("mqtt.will-topic"), &text(will, MAX_TEXT));
    }
}

palisade_sdk::export_parser!(Mqtt);
