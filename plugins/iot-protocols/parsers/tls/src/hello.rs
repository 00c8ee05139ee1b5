//! ClientHello and ServerHello. Extensions are walked one by one, so that a malformed
//! one costs no more than itself, and in the order that JA4 needs.

use iot_wire::{Fault, Reader, text};

/// Bytes of a server name or protocol name that are kept.
const MAX_NAME: usize = 255;
/// The random of a ServerHello that asks to try again (RFC 8446, section 4.1.3).
const RETRY: [u8; 32] = [
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
];

/// What a ClientHello says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ClientHello {
    /// Highest version that it offers.
    pub version: u16,
    /// Server name (RFC 6066).
    pub sni: Option<String>,
    /// First protocol that it offers (RFC 7301).
    pub alpn: Option<String>,
    /// Length of the connection id that it wants to be written to with (RFC 9146).
    pub connection_id: Option<usize>,
    /// What JA4 is made of.
    pub offer: Offer,
}

/// What JA4 is made of, GREASE values (RFC 8701) left out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Offer {
    /// Cipher suites in their order.
    pub ciphers: Vec<u16>,
    /// Extension types in their order.
    pub extensions: Vec<u16>,
    /// Signature algorithms in their order.
    pub signatures: Vec<u16>,
    /// First protocol as it came.
    pub alpn: Vec<u8>,
}

/// What a ServerHello says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ServerHello {
    /// The version that the server chose.
    pub version: u16,
    /// The cipher suite that it chose.
    pub cipher: u16,
    /// The protocol that it chose, where it says so in clear.
    pub alpn: Option<String>,
    /// As the client's.
    pub connection_id: Option<usize>,
    /// It asks the client to try again.
    pub retry: bool,
}

/// Whether a value is there only to keep implementations tolerant.
#[must_use]
pub fn is_grease(value: u16) -> bool {
    value & 0x0f0f == 0x0a0a && value >> 8 == value & 0xff
}

/// Orders versions of TLS and, upside down, of DTLS.
fn rank(version: u16) -> u16 {
    if version >> 8 == 0xfe {
        0xffff - version
    } else {
        version
    }
}

/// Reads the body of a ClientHello.
///
/// # Errors
/// When a part before the extensions is missing; offsets count from the body's start.
pub fn client(body: &[u8], dtls: bool) -> Result<ClientHello, Fault> {
    let mut reader = Reader::new(body);
    let mut hello = ClientHello {
        version: reader.u16("a client version")?,
        ..Default::default()
    };
    reader.take(32, "a random of 32 bytes")?;
    short(&mut reader, "a session identifier")?;
    if dtls {
        short(&mut reader, "a cookie")?;
    }
    let ciphers = long(&mut reader, "cipher suites")?;
    hello.offer.ciphers = numbers(ciphers)
        .filter(|&cipher| !is_grease(cipher))
        .collect();
    short(&mut reader, "compression methods")?;
    if reader.is_empty() {
        return Ok(hello);
    }
    let extensions = long(&mut reader, "extensions")?;
    for (kind, data) in extension(extensions) {
        if is_grease(kind) {
            continue;
        }
        hello.offer.extensions.push(kind);
        let mut data = Reader::new(data);
        match kind {
            0 => hello.sni = server_name(&mut data),
            13 => {
                let list = long(&mut data, "algorithms").unwrap_or_default();
                hello.offer.signatures = numbers(list).filter(|&value| !is_grease(value)).collect();
            }
            16 => {
                if let Some(first) = protocol(&mut data) {
                    hello.alpn = Some(text(first, MAX_NAME).into_owned());
                    hello.offer.alpn = first.to_vec();
                }
            }
            43 => {
                let versions = numbers(short(&mut data, "versions").unwrap_or_default());
                if let Some(best) = versions.filter(|&v| !is_grease(v)).max_by_key(|&v| rank(v)) {
                    hello.version = best;
                }
            }
            54 => hello.connection_id = connection_id(&mut data),
            _ => {}
        }
    }
    Ok(hello)
}

/// Reads the body of a ServerHello.
///
/// # Errors
/// When a part before the extensions is missing; offsets count from the body's start.
pub fn server(body: &[u8]) -> Result<ServerHello, Fault> {
    let mut reader = Reader::new(body);
    let mut hello = ServerHello {
        version: reader.u16("a server version")?,
        ..Default::default()
    };
    hello.retry = reader.take(32, "a random of 32 bytes")? == RETRY;
    short(&mut reader, "a session identifier")?;
    hello.cipher = reader.u16("a cipher suite")?;
    reader.u8("a compression method")?;
    if reader.is_empty() {
        return Ok(hello);
    }
    let extensions = long(&mut reader, "extensions")?;
    for (kind, data) in extension(extensions) {
        let mut data = Reader::new(data);
        match kind {
            16 => hello.alpn = protocol(&mut data).map(|name| text(name, MAX_NAME).into_owned()),
            43 => hello.version = data.u16("a version").unwrap_or(hello.version),
            54 => hello.connection_id = connection_id(&mut data),
            _ => {}
        }
    }
    Ok(hello)
}

fn short<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], Fault> {
    let length = reader.u8(what)?;
    reader.take(usize::from(length), what)
}

fn long<'a>(reader: &mut Reader<'a>, what: &'static str) -> Result<&'a [u8], Fault> {
    let length = reader.u16(what)?;
    reader.take(usize::from(length), what)
}

fn numbers(bytes: &[u8]) -> impl Iterator<Item = u16> {
    bytes
        .chunks_exact(2)
        .filter_map(|pair| Some(u16::from_be_bytes(pair.try_into().ok()?)))
}

fn extension(bytes: &[u8]) -> impl Iterator<Item = (u16, &[u8])> {
    let mut reader = Reader::new(bytes);
    std::iter::from_fn(move || {
        let kind = reader.u16("an extension").ok()?;
        Some((kind, long(&mut reader, "an extension").ok()?))
    })
}

fn connection_id(data: &mut Reader<'_>) -> Option<usize> {
    short(data, "a connection id").ok().map(<[u8]>::len)
}

fn server_name(data: &mut Reader<'_>) -> Option<String> {
    let mut list = Reader::new(long(data, "names").ok()?);
    while let Ok(kind) = list.u8("a name type") {
        let name = long(&mut list, "a name").ok()?;
        if kind == 0 {
            return Some(text(name, MAX_NAME).to_ascii_lowercase());
        }
    }
    None
}

fn protocol<'a>(data: &mut Reader<'a>) -> Option<&'a [u8]> {
    let mut list = Reader::new(long(data, "protocols").ok()?);
    short(&mut list, "a protocol").ok()
}
