//! Parser of TLS (RFC 5246, RFC 8446) and DTLS (RFC 6347, RFC 9147) records: one
//! `network.tls` for each handshake.
//!
//! Only what is said in clear is read. In TLS 1.3 that is the two hellos; up to 1.2 it
//! includes certificates. After the handshake a session costs nothing more.

pub mod certificate;
pub mod datagrams;
pub mod handshake;
pub mod hello;
pub mod ja4;
pub mod records;
pub mod session;
pub mod v2hello;

use certificate::Certificate;
use handshake::Report;
use iot_wire::{Run, Sessions};
use palisade_sdk::{
    Chunk, EventRow, Field, Kind, Outcome, Parser, Recognition, Settings, SettingsError, Tables,
    field,
};
use session::Session;

/// The plugin.
pub struct Tls {
    sessions: Sessions<Session>,
}

impl Parser for Tls {
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
            .feed(&Run::from(chunk), |report| write(report, out))
            .into()
    }

    fn close(&mut self, session: u32) {
        self.sessions.close(session);
    }
}

fn write(report: &Report<'_>, out: &mut Tables) {
    let mut row = out.event(Kind::NetworkTls);
    row.bool(field!("dtls"), report.dtls)
        .text(field!("version"), report.version)
        .text(field!("cipher"), &report.cipher);
    let texts = [
        (field!("sni"), report.sni),
        (field!("alpn"), report.alpn),
        (field!("ja4"), report.ja4),
    ];
    for (field, text) in texts {
        if let Some(text) = text {
            row.text(field, text);
        }
    }
    if let Some(established) = report.established {
        row.bool(field!("established"), established);
    }
    if let Some(certificate) = report.server_cert {
        let fields = [
            field!("server-cert.subject"),
            field!("server-cert.issuer"),
            field!("server-cert.sha256"),
            field!("server-cert.not-before"),
            field!("server-cert.not-after"),
            field!("server-cert.self-signed"),
        ];
        write_certificate(&mut row, certificate, fields);
    }
    if let Some(certificate) = report.client_cert {
        let fields = [
            field!("client-cert.subject"),
            field!("client-cert.issuer"),
            field!("client-cert.sha256"),
            field!("client-cert.not-before"),
            field!("client-cert.not-after"),
            field!("client-cert.self-signed"),
        ];
        write_certificate(&mut row, certificate, fields);
    }
}

fn write_certificate(row: &mut EventRow<'_>, certificate: &Certificate, fields: [Field; 6]) {
    let [subject, issuer, sha256, not_before, not_after, self_signed] = fields;
    row.text(subject, &certificate.subject)
        .text(issuer, &certificate.issuer)
        .text(sha256, &certificate.sha256)
        .u64(not_before, certificate.not_before)
        .u64(not_after, certificate.not_after)
        .bool(self_signed, certificate.self_signed);
}

palisade_sdk::export_parser!(Tls);
