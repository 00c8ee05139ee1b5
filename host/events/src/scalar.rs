//! Values that are more than a number or a string.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

/// An IPv4 or IPv6 address as 16 bytes, an IPv4 address as `::ffff:a.b.c.d`.
///
/// The neutral value is `::`. Text is RFC 5952, an IPv4 address in dotted form.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct IpAddress(pub [u8; 16]);

impl IpAddress {
    /// The address as the standard library has it; mapped addresses come out as IPv4.
    pub fn to_std(self) -> IpAddr {
        Ipv6Addr::from(self.0).to_canonical()
    }
}

impl From<IpAddr> for IpAddress {
    fn from(address: IpAddr) -> Self {
        Self(match address {
            IpAddr::V4(v4) => v4.to_ipv6_mapped().octets(),
            IpAddr::V6(v6) => v6.octets(),
        })
    }
}

impl FromStr for IpAddress {
    type Err = std::net::AddrParseError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse::<IpAddr>().map(Self::from)
    }
}

impl fmt::Display for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_std().fmt(f)
    }
}

impl fmt::Debug for IpAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Nanoseconds since the Unix epoch, UTC. RFC 3339 in text.
///
/// The neutral value is 0. The last instant is in the year 2554.
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

/// Why a text is no [`Timestamp`].
#[derive(Debug, thiserror::Error)]
pub enum TimestampError {
    /// Not RFC 3339.
    #[error("{0}; write RFC 3339 such as 2025-03-10T09:00:00+08:00")]
    Syntax(jiff::Error),
    /// Before 1970 or after 2554.
    #[error("the time is not between 1970 and 2554")]
    Range,
}

impl FromStr for Timestamp {
    type Err = TimestampError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let instant: jiff::Timestamp = text.parse().map_err(TimestampError::Syntax)?;
        u64::try_from(instant.as_nanosecond())
            .map(Self)
            .map_err(|_| TimestampError::Range)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match jiff::Timestamp::from_nanosecond(i128::from(self.0)) {
            Ok(instant) => instant.fmt(f),
            // All of u64 lies within jiff's range; the number is right in any case.
            Err(_) => self.0.fmt(f),
        }
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Bytes that need not be text. Hexadecimal in JSON.
#[derive(Clone, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Bytes(pub Vec<u8>);

impl FromStr for Bytes {
    type Err = hex::FromHexError;

    /// Digits of either case; spaces between bytes are allowed.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains(' ') {
            let digits: String = text.split(' ').collect();
            return hex::decode(digits).map(Self);
        }
        hex::decode(text).map(Self)
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(&self.0))
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
