//! Entries: their kinds, and the one way in which each value is written.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use palisade_events::{Attributes, IpAddress};

use super::networks::Network;

/// Most entries of a dataset that have one value.
pub const MAX_SAME_VALUE: usize = 64;
/// The longest value, in bytes.
pub const MAX_VALUE: usize = 8192;

/// What an entry's value is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
    /// A network of either family.
    Cidr,
    /// A domain, with all below it.
    Domain,
    /// A URL, in full.
    Url,
    /// A SHA-256 digest.
    Sha256,
    /// An e-mail address.
    Email,
    /// Any other text, in full.
    Text,
}

impl EntryKind {
    /// All kinds.
    pub const ALL: [EntryKind; 8] = [
        EntryKind::Ipv4,
        EntryKind::Ipv6,
        EntryKind::Cidr,
        EntryKind::Domain,
        EntryKind::Url,
        EntryKind::Sha256,
        EntryKind::Email,
        EntryKind::Text,
    ];

    /// Its name in files and in WIT.
    pub const fn name(self) -> &'static str {
        match self {
            EntryKind::Ipv4 => "ipv4",
            EntryKind::Ipv6 => "ipv6",
            EntryKind::Cidr => "cidr",
            EntryKind::Domain => "domain",
            EntryKind::Url => "url",
            EntryKind::Sha256 => "sha256",
            EntryKind::Email => "email",
            EntryKind::Text => "text",
        }
    }

    /// The kind with this name.
    pub fn from_name(name: &str) -> Option<EntryKind> {
        EntryKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// One entry of a dataset.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// What its value is.
    pub kind: EntryKind,
    /// The value in canonical form.
    pub value: Box<str>,
    /// The first instant at which it matches, in nanoseconds since the epoch.
    pub valid_from: Option<u64>,
    /// The last instant at which it matches.
    pub valid_until: Option<u64>,
    /// Everything else that the file says of it.
    pub attributes: Attributes,
}

impl Entry {
    /// Whether it matches an event of this time; both ends of its window are in it.
    pub fn is_valid_at(&self, time: u64) -> bool {
        self.valid_from.is_none_or(|from| from <= time)
            && self.valid_until.is_none_or(|until| time <= until)
    }
}

/// The canonical form of a value, and the network that an address or network stands for.
///
/// # Errors
/// What is wrong with it, and what to write.
pub(super) fn canonical(kind: EntryKind, value: &str) -> Result<(String, Option<Network>), String> {
    if value.is_empty() || value.len() > MAX_VALUE {
        return Err(format!(
            "has {} bytes; 1 to {MAX_VALUE} are allowed",
            value.len()
        ));
    }
    if value.trim() != value || value.contains(|c: char| c.is_control()) {
        return Err("has spaces around it or control characters in it".into());
    }
    match kind {
        EntryKind::Ipv4 => {
            let address: Ipv4Addr = value
                .parse()
                .map_err(|_| format!("`{}` is not an IPv4 address", shown(value)))?;
            let network = Network::host(IpAddr::V4(address).into());
            Ok((address.to_string(), Some(network)))
        }
        EntryKind::Ipv6 => {
            let address: Ipv6Addr = value
                .parse()
                .map_err(|_| format!("`{}` is not an IPv6 address", shown(value)))?;
            if address.to_ipv4_mapped().is_some() {
                return Err(format!(
                    "`{}` is an IPv4 address; give it kind `ipv4`",
                    shown(value)
                ));
            }
            let network = Network::host(IpAddr::V6(address).into());
            Ok((address.to_string(), Some(network)))
        }
        EntryKind::Cidr => cidr(value),
        EntryKind::Domain => Ok((domain(value)?, None)),
        EntryKind::Sha256 => {
            if value.len() != 64 || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err("is not a SHA-256 digest of 64 hexadecimal digits".into());
            }
            Ok((value.to_ascii_lowercase(), None))
        }
        EntryKind::Email => match value.rsplit_once('@') {
            Some((local, host)) if !local.is_empty() && !host.is_empty() => {
                Ok((value.to_ascii_lowercase(), None))
            }
            _ => Err(format!("`{}` is not an e-mail address", shown(value))),
        },
        EntryKind::Url => match value.split_once(':') {
            Some((scheme, rest)) if !scheme.is_empty() && !rest.is_empty() => {
                Ok((value.to_owned(), None))
            }
            _ => Err(format!("`{}` is not a URL: it has no scheme", shown(value))),
        },
        EntryKind::Text => Ok((value.to_owned(), None)),
    }
}

fn cidr(value: &str) -> Result<(String, Option<Network>), String> {
    let shown = shown(value);
    let wrong = || format!("`{shown}` is not a network; write `203.0.113.0/24` or `2001:db8::/32`");
    let (address, length) = value.split_once('/').ok_or_else(wrong)?;
    let (address, length): (IpAddr, u8) = match (address.parse(), length.parse()) {
        (Ok(address), Ok(length)) => (address, length),
        _ => return Err(wrong()),
    };
    let bits = if address.is_ipv4() { 32 } else { 128 };
    if length > bits {
        return Err(wrong());
    }
    let network = Network {
        address: IpAddress::from(address),
        // In this order: the sum of both lengths is beyond a byte.
        length: length + (128 - bits),
    };
    let masked = network.masked();
    if masked != network {
        let first = masked.address;
        return Err(format!(
            "`{shown}` has bits beyond its length; write `{first}/{length}`"
        ));
    }
    if bits == 128 && network.address.to_std().is_ipv4() {
        let (first, length) = (network.address, length.saturating_sub(96));
        return Err(format!(
            "`{shown}` is an IPv4 network; write `{first}/{length}`"
        ));
    }
    Ok((format!("{}/{length}", network.address), Some(network)))
}

/// Lower case, without the dot at the end.
fn domain(value: &str) -> Result<String, String> {
    let shown = shown(value);
    let lower = value
        .strip_suffix('.')
        .unwrap_or(value)
        .to_ascii_lowercase();
    if let Some(parent) = lower.strip_prefix("*.") {
        let parent = self::shown(parent);
        return Err(format!(
            "write `{parent}`, which matches all domains below it as well"
        ));
    }
    if !lower.is_ascii() {
        return Err(format!(
            "`{shown}` is not ASCII; write its labels in the form `xn--…`"
        ));
    }
    let good = |label: &str| (1..=63).contains(&label.len()) && label.bytes().all(is_domain_byte);
    if lower.len() > 253 || !lower.split('.').all(good) {
        return Err(format!("`{shown}` is not a domain"));
    }
    if lower
        .rsplit('.')
        .next()
        .is_some_and(|top| top.bytes().all(|b| b.is_ascii_digit()))
    {
        return Err(format!(
            "`{shown}` ends in a number; addresses have kind `ipv4`"
        ));
    }
    Ok(lower)
}

/// Whether a label may have this byte.
pub(super) fn is_domain_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_'
}

/// A part of a text that may be hostile, for a message.
pub(super) fn shown(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}
