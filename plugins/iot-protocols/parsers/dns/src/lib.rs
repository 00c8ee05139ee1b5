//! Parser of DNS over UDP and TCP (RFC 1035) and of multicast DNS (RFC 6762).
//!
//! One `network.dns` for each transaction: a query with its response. A query that gets
//! no response is reported without `rcode` when its session ends; a response whose
//! query was not seen is reported as it is. NOTIFY (RFC 1996) and UPDATE (RFC 2136)
//! are transactions like others, about a zone and type SOA. In multicast DNS nothing
//! is matched: each question and each response is reported when it is seen.

pub mod message;
pub mod session;

use std::fmt::Write as _;

use iot_wire::{Fault, Run, Sessions, Side, direction};
use palisade_sdk::{
    Chunk, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables, attribute, field,
};
use session::{Lookup, Seen, Session};

/// The plugin.
pub struct Dns {
    sessions: Sessions<Session>,
    mnemonic: String,
}

impl Parser for Dns {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            sessions: Sessions::new(),
            mnemonic: String::new(),
        })
    }

    fn probe(&self, chunk: &Chunk<'_>) -> Recognition {
        session::probe(&Run::from(chunk)).into()
    }

    fn parse(&mut self, chunk: &Chunk<'_>, out: &mut Tables) -> Outcome {
        let Self { sessions, mnemonic } = self;
        let session = sessions.of(chunk.session);
        let run = Run::from(chunk);
        session
            .feed(&run, |seen| match seen {
                Seen::Lookup(lookup) => write(lookup, mnemonic, out),
                Seen::Malformed(fault) => write_malformed(fault, run.side, out),
            })
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

fn write(lookup: &Lookup<'_>, mnemonic: &mut String, out: &mut Tables) {
    let mut row = out.event(Kind::NetworkDns);
    row.text(field!("qname"), lookup.name)
        .text(field!("qtype"), written(mnemonic, &lookup.rtype));
    if let Some(rcode) = lookup.rcode {
        row.text(field!("rcode"), written(mnemonic, &rcode));
    }
    for answer in lookup.answers {
        row.push_text(field!("answers.name"), &answer.name)
            .push_text(field!("answers.rtype"), written(mnemonic, &answer.rtype))
            .push_u32(field!("answers.ttl"), answer.ttl)
            .push_text(field!("answers.rdata"), &answer.rdata);
    }
}

/// A message over TCP that makes no sense: a `network.app`, since `network.dns` has no place
/// for what is wrong.
fn write_malformed(fault: &Fault, side: Side, out: &mut Tables) {
    out.event(Kind::NetworkApp)
        .text(field!("protocol"), "dns")
        .text(field!("operation"), "message")
        .text(field!("status"), "malformed")
        .u8(
            field!("direction"),
            match side {
                Side::ToServer => direction::REQUEST,
                Side::ToClient => direction::RESPONSE,
            },
        )
        .bool(field!("encrypted"), false)
        .attribute(attribute!("dns.expected"), fault.expected);
}

fn written<'a>(buffer: &'a mut String, value: &impl std::fmt::Display) -> &'a str {
    buffer.clear();
    // Writing to a string does not fail.
    let _ = write!(buffer, "{value}");
    buffer
}

palisade_sdk::export_parser!(Dns);
