//! JA4, the fingerprint of a TLS client (FoxIO's specification; BSD-3 for JA4 itself).

use std::fmt::Write as _;

use sha2::{Digest as _, Sha256};

use crate::hello::ClientHello;

/// The fingerprint of a client, such as `t13d1516h2_8daaf6152771_e5627efa2ab1`.
#[must_use]
pub fn fingerprint(hello: &ClientHello, dtls: bool) -> String {
    let offer = &hello.offer;
    let mut extensions = offer.extensions.clone();
    let named = extensions.contains(&0);
    let count = extensions.len();
    // The name and the protocol differ between connections of one client.
    extensions.retain(|kind| !matches!(kind, 0 | 16));
    extensions.sort_unstable();
    let mut ciphers = offer.ciphers.clone();
    ciphers.sort_unstable();
    let mut listed = listed(&extensions);
    if !offer.signatures.is_empty() {
        listed.push('_');
        listed += &self::listed(&offer.signatures);
    }
    format!(
        "{}{}{}{:02}{:02}{}_{}_{}",
        if dtls { 'd' } else { 't' },
        version(hello.version),
        if named { 'd' } else { 'i' },
        ciphers.len().min(99),
        count.min(99),
        protocol(&offer.alpn),
        digest(&self::listed(&ciphers)),
        digest(if count == 0 { "" } else { &listed }),
    )
}

fn version(version: u16) -> &'static str {
    match version {
        0x0304 => "13",
        0x0303 => "12",
        0x0302 => "11",
        0x0301 => "10",
        0x0300 => "s3",
        0x0002 => "s2",
        0xfeff => "d1",
        0xfefd => "d2",
        0xfefc => "d3",
        _ => "00",
    }
}

/// First and last character of a protocol's name, of its hexadecimal form where either
/// is not alphanumeric.
fn protocol(name: &[u8]) -> String {
    let (Some(&first), Some(&last)) = (name.first(), name.last()) else {
        return "00".to_owned();
    };
    if first.is_ascii_alphanumeric() && last.is_ascii_alphanumeric() {
        return format!("{}{}", char::from(first), char::from(last));
    }
    format!("{:x}{:x}", first >> 4, last & 15)
}

fn listed(values: &[u16]) -> String {
    let mut out = String::with_capacity(values.len() * 5);
    for (index, value) in values.iter().enumerate() {
        let comma = if index > 0 { "," } else { "" };
        // Writing to a string does not fail.
        let _ = write!(out, "{comma}{value:04x}");
    }
    out
}

fn digest(text: &str) -> String {
    if text.is_empty() {
        return "0".repeat(12);
    }
    Sha256::digest(text.as_bytes())
        .iter()
        .take(6)
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hello::Offer;

    #[test]
    fn the_example_of_the_specification() {
        let offer = Offer {
            ciphers: vec![
                0x1301, 0x1302, 0x1303, 0xc02b, 0xc02f, 0xc02c, 0xc030, 0xcca9, 0xcca8, 0xc013,
                0xc014, 0x009c, 0x009d, 0x002f, 0x0035,
            ],
            extensions: vec![
                0x001b, 0x0000, 0x0033, 0x0010, 0x4469, 0x0017, 0x002d, 0x000d, 0x0005, 0x0023,
                0x0012, 0x002b, 0xff01, 0x000b, 0x000a, 0x0015,
            ],
            signatures: vec![
                0x0403, 0x0804, 0x0401, 0x0503, 0x0805, 0x0501, 0x0806, 0x0601,
            ],
            alpn: b"h2".to_vec(),
        };
        let mut hello = ClientHello {
            version: 0x0304,
            offer,
            ..ClientHello::default()
        };
        assert_eq!(
            fingerprint(&hello, false),
            "t13d1516h2_8daaf6152771_e5627efa2ab1"
        );
        hello.offer = Offer::default();
        hello.version = 0xfefd;
        assert_eq!(
            fingerprint(&hello, true),
            "dd2i000000_000000000000_000000000000"
        );
    }

    #[test]
    fn protocols_are_abbreviated() {
        for (name, expected) in [
            (&b"http/1.1"[..], "h1"),
            (b"x", "xx"),
            (b"\xab\xcd", "ad"),
            (b"0\xab", "3b"),
            (b"", "00"),
        ] {
            assert_eq!(protocol(name), expected, "{name:?}");
        }
    }
}
