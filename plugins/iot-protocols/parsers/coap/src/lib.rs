//! Parser of CoAP over UDP (RFC 7252) and TCP (RFC 8323): one `device.message` for each
//! message; OSCORE (RFC 8613) and LwM2M registration are noticed.
//!
//! A message with the OSCORE option is reported as not encrypted: header and routing are
//! clear, and whether the object security counts is for a rule to say, which finds it in
//! `coap.oscore`.

pub mod code;
pub mod message;
pub mod session;

use iot_wire::{Run, Sessions, Side, direction, text};
use message::{Message, option};
use palisade_sdk::{
    Chunk, EventRow, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    attribute, field,
};
use session::{Role, Session};

/// Bytes of a path, a query or a name that are kept.
const MAX_TEXT: usize = 512;

/// The plugin.
pub struct Coap {
    sessions: Sessions<Session>,
}

impl Parser for Coap {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            sessions: Sessions::new(),
        })
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        session::probe(&Run::from(chunk)).into()
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        let run = Run::from(chunk);
        let session = self.sessions.of(chunk.session);
        session
            .feed(&run, |message, role| write(message, role, run.side, out))
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

/// What the options say that is reported.
#[derive(Default)]
struct Noted {
    path: String,
    query: String,
    host: Option<String>,
    format: Option<u32>,
    observe: Option<u32>,
    oscore: bool,
}

fn note(options: &[u8]) -> Noted {
    let mut noted = Noted::default();
    let append = |out: &mut String, mark: char, value: &[u8]| {
        if out.len() + value.len() < MAX_TEXT {
            if mark == '/' || !out.is_empty() {
                out.push(mark);
            }
            out.push_str(&text(value, MAX_TEXT));
        }
    };
    for opt in message::options(options) {
        match opt.number {
            option::URI_HOST => noted.host = Some(text(opt.value, 255).to_ascii_lowercase()),
            option::URI_PATH => append(&mut noted.path, '/', opt.value),
            option::URI_QUERY => append(&mut noted.query, '&', opt.value),
            option::CONTENT_FORMAT => noted.format = Some(message::number(opt.value)),
            option::OBSERVE => noted.observe = Some(message::number(opt.value)),
            option::OSCORE => noted.oscore = true,
            _ => {}
        }
    }
    noted
}

/// One message as an event: its operation is the method, of a response that of its
/// request; its status the response code.
fn write(message: &Message<'_>, role: Role, side: Side, out: &mut Tables) {
    let noted = note(message.options);
    let code = code::dotted(message.code);
    let code = std::str::from_utf8(&code).unwrap_or_default();
    let (operation, direction) = match role {
        Role::Request => (
            code::method(message.code).unwrap_or("request"),
            direction::REQUEST,
        ),
        Role::Response(method) => (
            method.and_then(code::method).unwrap_or("response"),
            direction::RESPONSE,
        ),
        Role::Neither => (neither(message), direction::UNKNOWN),
        Role::Malformed(_) => malformed(message.code),
    };
    let registers = role == Role::Request && noted.path == "/rd" && message.code == 2;
    let mut row = out.event(Kind::DeviceMessage);
    row.text(field!("protocol"), "coap")
        .text(
            field!("operation"),
            if registers { "register" } else { operation },
        )
        .u8(field!("direction"), direction)
        .bool(field!("encrypted"), false);
    if matches!(role, Role::Response(_)) {
        row.text(field!("status"), code);
    }
    if let Role::Malformed(fault) = role {
        row.text(field!("status"), "malformed")
            .attribute(attribute!("coap.expected"), fault.expected);
    }
    row.attribute(attribute!("coap.code"), code);
    if let Some(kind) = message.kind {
        row.attribute(attribute!("coap.type"), kind.name());
    }
    if let Some(id) = message.id {
        row.number(attribute!("coap.message-id"), id.into());
    }
    write_token(&mut row, message.token);
    row.number(attribute!("coap.oscore"), u8::from(noted.oscore).into())
        .number(
            attribute!("coap.payload-bytes"),
            message.payload.len() as f64,
        );
    if role == Role::Request {
        let path = if noted.path.is_empty() {
            "/"
        } else {
            &noted.path
        };
        row.attribute(attribute!("coap.uri-path"), path);
    }
    if !noted.query.is_empty() {
        row.attribute(attribute!("coap.uri-query"), &noted.query);
    }
    if let Some(host) = &noted.host {
        row.attribute(attribute!("coap.uri-host"), host);
    }
    if let Some(format) = noted.format {
        row.number(attribute!("coap.content-format"), format.into());
    }
    if let Some(observe) = noted.observe {
        row.number(attribute!("coap.observe"), observe.into());
    }
    if registers {
        write_registration(&mut row, &noted.query);
    }
    // Over TCP nothing but the flow says which way a signal went.
    if role == Role::Neither {
        row.number(
            attribute!("coap.to-server"),
            u8::from(side == Side::ToServer).into(),
        );
    }
}

fn neither(message: &Message<'_>) -> &'static str {
    match (message.code, message.kind) {
        (0, Some(message::Type::Confirmable)) => "ping",
        (0, Some(message::Type::Reset)) => "reset",
        (0, _) => "empty",
        (code, _) => code::signal(code).unwrap_or("unknown"),
    }
}

fn malformed(code: u8) -> (&'static str, u8) {
    match code::method(code) {
        Some(method) => (method, direction::REQUEST),
        None if code::is_response(code) => ("response", direction::RESPONSE),
        None => (code::signal(code).unwrap_or("unknown"), direction::UNKNOWN),
    }
}

fn write_token(row: &mut EventRow<'_>, token: &[u8]) {
    if token.is_empty() {
        return;
    }
    let mut digits = [0; 16];
    for (pair, byte) in digits.chunks_exact_mut(2).zip(token) {
        for (digit, nibble) in pair.iter_mut().zip([byte >> 4, byte & 15]) {
            *digit = if nibble < 10 {
                b'0' + nibble
            } else {
                b'a' - 10 + nibble
            };
        }
    }
    let digits = digits.get(..token.len() * 2).unwrap_or_default();
    row.attribute(
        attribute!("coap.token"),
        std::str::from_utf8(digits).unwrap_or_default(),
    );
}

/// The parameters of an LwM2M registration (OMA LwM2M Core 1.2, section 6.2.1).
fn write_registration(row: &mut EventRow<'_>, query: &str) {
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("ep", endpoint)) => row.attribute(attribute!("lwm2m.endpoint"), endpoint),
            Some(("lwm2m", version)) => row.attribute(attribute!("lwm2m.version"), version),
            Some(("lt", lifetime)) => match lifetime.parse::<u32>() {
                Ok(seconds) => row.number(attribute!("lwm2m.lifetime"), seconds.into()),
                Err(_) => &mut *row,
            },
            _ => &mut *row,
        };
    }
}

palisade_sdk::export_parser!(Coap);
