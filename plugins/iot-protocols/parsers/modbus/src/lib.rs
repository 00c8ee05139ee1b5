//! Parser of Modbus/TCP: one `device.message` for each message of either side.

pub mod functions;
pub mod pdu;
pub mod session;

use iot_wire::{Run, Sessions, direction};
use palisade_sdk::{
    Chunk, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables, attribute, field,
};

use pdu::Role;
use session::{Message, Session};

/// The plugin.
pub struct Modbus {
    sessions: Sessions<Session>,
    max_values: usize,
    values: String,
}

impl Parser for Modbus {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            sessions: Sessions::new(),
            max_values: usize::try_from(settings.count("max-values")?).unwrap_or(usize::MAX),
            values: String::new(),
        })
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        session::probe(&Run::from(chunk)).into()
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        let Self {
            sessions,
            max_values,
            values,
        } = self;
        sessions
            .of(chunk.session)
            .feed(&Run::from(chunk), |message| {
                values.clear();
                message.fields.values.write(*max_values, values);
                write(message, values, out);
            })
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

/// One message as an event. Requests have no status; a message whose data does not fit
/// its function is `malformed`, and `modbus.expected` says what should have been there.
fn write(message: &Message<'_>, values: &str, out: &mut Tables) {
    let fields = &message.fields;
    let (name, access) = functions::function(message.function);
    let status = match (message.fault, fields.exception, message.role) {
        (Some(_), _, _) => Some("malformed"),
        (None, Some(code), _) => Some(functions::exception(code)),
        (None, None, Role::Response) => Some("success"),
        (None, None, Role::Request) => None,
    };
    let mut row = out.event(Kind::DeviceMessage);
    row.text(field!("protocol"), "modbus")
        .text(field!("operation"), name)
        .u8(
            field!("direction"),
            match message.role {
                Role::Request => direction::REQUEST,
                Role::Response => direction::RESPONSE,
            },
        )
        .bool(field!("encrypted"), false);
    if let Some(status) = status {
        row.text(field!("status"), status);
    }
    row.number(attribute!("modbus.transaction"), message.transaction.into())
        .number(attribute!("modbus.unit"), message.unit.into())
        .number(attribute!("modbus.function"), message.function.into())
        .attribute(attribute!("modbus.function-name"), name)
        .attribute(attribute!("modbus.access"), access.name());
    if let Some(address) = fields.address {
        row.number(attribute!("modbus.address"), address.into());
    }
    if let Some(quantity) = fields.quantity {
        row.number(attribute!("modbus.quantity"), quantity.into());
    }
    if !values.is_empty() {
        row.attribute(attribute!("modbus.values"), values);
    }
    if let Some(code) = fields.exception {
        row.number(attribute!("modbus.exception"), code.into());
    }
    let rare = [
        (attribute!("modbus.write-address"), fields.write_address),
        (attribute!("modbus.write-quantity"), fields.write_quantity),
        (attribute!("modbus.subfunction"), fields.subfunction),
        (attribute!("modbus.and-mask"), fields.and_mask),
        (attribute!("modbus.or-mask"), fields.or_mask),
        (attribute!("modbus.mei-type"), fields.mei.map(u16::from)),
        (attribute!("modbus.file"), fields.file),
        (attribute!("modbus.records"), fields.records),
    ];
    for (name, value) in rare {
        if let Some(value) = value {
            row.number(name, value.into());
        }
    }
    if let Some(fault) = message.fault {
        row.attribute(attribute!("modbus.expected"), fault.expected);
    }
}

palisade_sdk::export_parser!(Modbus);
