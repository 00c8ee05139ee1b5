//! Parser of HTTP/1.x: one `network.http` for each request with its response.
//!
//! Bodies are skipped as they stream, so `resp-sha256` and items in bodies are absent;
//! the data items are the header fields that carry credentials. HTTP/2 in clear is
//! recognised and not read further.

mod first_line;
mod half;
pub mod head;
pub mod session;
pub mod target;

use head::Credentials;
use iot_wire::{Run, Sessions};
use palisade_sdk::{
    Chunk, EventRow, Field, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    field,
};
use session::{Exchange, Session};

/// `types.data-class.sensitive`.
const SENSITIVE: u8 = 3;

/// The plugin.
pub struct Http {
    sessions: Sessions<Session>,
}

impl Parser for Http {
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
            .feed(&Run::from(chunk), |exchange| write(exchange, out))
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

fn write(exchange: &Exchange<'_>, out: &mut Tables) {
    let request = exchange.request;
    let mut row = out.event(Kind::NetworkHttp);
    row.text(field!("scheme"), "http")
        .text(field!("http-method"), &request.method)
        .text(field!("host"), &request.target.host)
        .text(field!("path"), &request.target.path);
    if let Some(query) = &request.target.query {
        row.text(field!("query"), query);
    }
    if let Some(agent) = &request.user_agent {
        row.text(field!("user-agent"), agent);
    }
    let items = [
        field!("req-items.name"),
        field!("req-items.class"),
        field!("req-items.encrypted"),
        field!("req-items.masked"),
    ];
    credentials(&mut row, request.credentials, items);
    let Some(response) = exchange.response else {
        return;
    };
    row.u16(field!("status"), response.status);
    if let Some(mime) = &response.mime {
        row.text(field!("resp-mime"), mime);
    }
    let items = [
        field!("resp-items.name"),
        field!("resp-items.class"),
        field!("resp-items.encrypted"),
        field!("resp-items.masked"),
    ];
    credentials(&mut row, response.credentials, items);
}

fn credentials(row: &mut EventRow<'_>, found: Credentials, items: [Field; 4]) {
    let [name, class, encrypted, masked] = items;
    for item in found.names() {
        row.push_text(name, item)
            .push_u8(class, SENSITIVE)
            .push_u8(encrypted, 0)
            .push_u8(masked, 0);
    }
}

palisade_sdk::export_parser!(Http);
