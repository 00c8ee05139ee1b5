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

use iot_wire::{Run, Sessions};
use palisade_sdk::{
    Chunk, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables, field,
};
use session::{Lookup, Session};

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
        session
            .feed(&Run::from(chunk), |lookup| write(lookup, mnemonic, out))
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

fn written<'a>(buffer: &'a mut String, value: &impl std::fmt::Display) -> &'a str {
    buffer.clear();
    // Writing to a string does not fail.
    let _ = write!(buffer, "{value}");
    buffer
}

palisade_sdk::export_parser!(Dns);
