//! What a handshake has shown so far, and when it is over.

use std::borrow::Cow;

use iot_wire::{Fault, Side};
use tls_parser::TlsCipherSuite;

use crate::{
    certificate::{self, Certificate},
    hello::{self, ClientHello, ServerHello},
    ja4,
};

/// An encrypted record of TLS 1.3 this long is more than an alert: a Finished needs 53
/// bytes at least, an alert 19.
pub const LONGER_THAN_ALERT: usize = 40;

/// A handshake, over or given up.
#[derive(Debug)]
pub struct Report<'a> {
    /// Over datagrams.
    pub dtls: bool,
    /// The version that the server chose, or the highest that the client offered when no
    /// server answered.
    pub version: &'static str,
    /// IANA's name of the suite that the server chose; its number as `0x0000` when IANA
    /// has none; empty when no server answered.
    pub cipher: Cow<'static, str>,
    /// Server name.
    pub sni: Option<&'a str>,
    /// The protocol that the server chose or, where that is encrypted, the first that the
    /// client offered.
    pub alpn: Option<&'a str>,
    /// JA4 of the client.
    pub ja4: Option<&'a str>,
    /// True once both sides have finished, false after a fatal alert, `None` when the
    /// bytes do not tell.
    pub established: Option<bool>,
    /// The server's certificate, up to TLS 1.2.
    pub server_cert: Option<&'a Certificate>,
    /// The client's certificate, up to TLS 1.2.
    pub client_cert: Option<&'a Certificate>,
}

/// The state of one handshake.
#[derive(Debug, Default)]
pub struct Handshake {
    client_side: Option<Side>,
    client: Option<ClientHello>,
    ja4: Option<String>,
    server: Option<ServerHello>,
    server_cert: Option<Certificate>,
    client_cert: Option<Certificate>,
    changed: [bool; 2],
    finished: [bool; 2],
    refused: bool,
}

/// Name of a version as events write it.
fn version(version: u16) -> &'static str {
    match version {
        0x0002 => "SSL2.0",
        0x0300 => "SSL3.0",
        0x0301 => "TLS1.0",
        0x0302 => "TLS1.1",
        0x0303 => "TLS1.2",
        0x0304 | 0x7f00..=0x7fff => "TLS1.3",
        0xfeff | 0x0100 => "DTLS1.0",
        0xfefd => "DTLS1.2",
        0xfefc => "DTLS1.3",
        _ => "unknown",
    }
}

impl Handshake {
    /// Whether anything was seen that is worth a report.
    #[must_use]
    pub fn is_seen(&self) -> bool {
        self.client.is_some() || self.server.is_some()
    }

    /// Takes a handshake message that came in clear.
    ///
    /// # Errors
    /// When a hello is malformed; offsets count from the start of `body`.
    pub fn message(&mut self, side: Side, kind: u8, body: &[u8], dtls: bool) -> Result<(), Fault> {
        match kind {
            1 => {
                let hello = hello::client(body, dtls)?;
                self.client(side, hello, dtls);
            }
            2 => {
                let hello = hello::server(body)?;
                self.client_side.get_or_insert(side.other());
                if !hello.retry {
                    self.server = Some(hello);
                }
            }
            11 if !self.is_13() => {
                if self.client_side == Some(side) {
                    self.client_cert = self.client_cert.take().or_else(|| certificate::first(body));
                } else {
                    self.server_cert = self.server_cert.take().or_else(|| certificate::first(body));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Whether the server chose TLS 1.3 or DTLS 1.3.
    #[must_use]
    pub fn is_13(&self) -> bool {
        self.server
            .as_ref()
            .is_some_and(|hello| matches!(hello.version, 0x0304 | 0x7f00..=0x7fff | 0xfefc))
    }

    /// Whether a server's choice was seen.
    #[must_use]
    pub fn is_answered(&self) -> bool {
        self.server.is_some()
    }

    /// Length of the connection id in records of this direction, if both hellos were seen to
    /// agree on any: who receives them names it (RFC 9146, section 3).
    #[must_use]
    pub fn connection_id(&self, side: Side) -> Option<usize> {
        let of_client = self.client.as_ref()?.connection_id?;
        let of_server = self.server.as_ref()?.connection_id?;
        Some(if self.client_side == Some(side) {
            of_server
        } else {
            of_client
        })
    }

    /// Takes a ChangeCipherSpec. In 1.3 it means nothing.
    pub fn change_cipher(&mut self, side: Side) {
        self.changed[side.index()] = true;
    }

    /// Takes the hello of a client.
    pub fn client(&mut self, side: Side, hello: ClientHello, dtls: bool) {
        self.client_side = Some(side);
        // A second hello, after a cookie or a retry, repeats the first.
        self.ja4
            .get_or_insert_with(|| ja4::fingerprint(&hello, dtls));
        self.client = Some(hello);
    }

    /// Whether handshake records of this direction are encrypted.
    #[must_use]
    pub fn is_changed(&self, side: Side) -> bool {
        self.changed[side.index()] && !self.is_13()
    }

    /// Takes an encrypted record that is a handshake record or application data.
    pub fn encrypted(&mut self, side: Side, handshake: bool, length: usize) {
        let counts = if self.is_13() {
            // A client's early data comes before the server has answered.
            !handshake && length >= LONGER_THAN_ALERT
        } else if handshake {
            true
        } else {
            // Application data up to 1.2 proves that both sides are done.
            let both = self.changed[0] && self.changed[1];
            if both {
                self.finished = [true; 2];
            }
            both
        };
        if counts {
            self.finished[side.index()] = true;
        }
    }

    /// Takes an alert in clear: its level and description.
    pub fn alert(&mut self, level: u8, description: u8) {
        // In 1.3 levels mean nothing; 0 and 90 say that a side leaves (RFC 8446, 6.1).
        self.refused |= level == 2 && !matches!(description, 0 | 90);
    }

    /// Whether there is nothing more to wait for.
    #[must_use]
    pub fn is_over(&self) -> bool {
        self.refused || self.is_established()
    }

    /// Whether both sides have finished.
    #[must_use]
    pub fn is_established(&self) -> bool {
        self.finished == [true; 2] && self.server.is_some()
    }

    /// Whether a side has refused in clear.
    #[must_use]
    pub fn is_refused(&self) -> bool {
        self.refused
    }

    /// What the handshake amounts to.
    #[must_use]
    pub fn report(&self, dtls: bool) -> Report<'_> {
        let client = self.client.as_ref();
        let server = self.server.as_ref();
        let chosen = server
            .map(|hello| hello.version)
            .or(client.map(|hello| hello.version));
        Report {
            dtls,
            version: version(chosen.unwrap_or_default()),
            cipher: server.map_or(Cow::Borrowed(""), |hello| suite(hello.cipher)),
            sni: client.and_then(|hello| hello.sni.as_deref()),
            alpn: match server.and_then(|hello| hello.alpn.as_deref()) {
                Some(chosen) => Some(chosen),
                None if self.is_13() || server.is_none() => {
                    client.and_then(|hello| hello.alpn.as_deref())
                }
                None => None,
            },
            ja4: self.ja4.as_deref(),
            established: match (self.refused, self.is_established()) {
                (_, true) => Some(true),
                (true, false) => Some(false),
                (false, false) => None,
            },
            server_cert: self.server_cert.as_ref(),
            client_cert: self.client_cert.as_ref(),
        }
    }
}

fn suite(number: u16) -> Cow<'static, str> {
    match TlsCipherSuite::from_id(number) {
        Some(known) => Cow::Borrowed(known.name),
        None => Cow::Owned(format!("0x{number:04x}")),
    }
}
