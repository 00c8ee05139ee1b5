//! Segments of a network, and what the operator recorded about them.

use std::net::IpAddr;

use jiff::{ToSpan as _, civil, tz};

/// An address with the length of its prefix.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Segment {
    bits: u128,
    mask: u128,
}

fn bits(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().to_bits(),
        IpAddr::V6(address) => address.to_bits(),
    }
}

impl Segment {
    /// Reads `10.50.4.0/24`, `2001:db8::/32`, or an address alone.
    ///
    /// # Errors
    /// For anything else.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text} is no segment; give one such as 10.50.4.0/24");
        let (address, length) = match text.split_once('/') {
            Some((address, length)) => {
                (address, Some(length.parse::<u32>().map_err(|_| wanted())?))
            }
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| wanted())?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let length = length.unwrap_or(width);
        if length > width {
            return Err(wanted());
        }
        // A prefix of 0 would shift by the whole width.
        let mask = u128::MAX.checked_shl(width - length).unwrap_or(0);
        let mask = if address.is_ipv4() {
            mask | !u128::from(u32::MAX)
        } else {
            mask
        };
        Ok(Self {
            bits: bits(address) & mask,
            mask,
        })
    }

    /// Whether the address lies in the segment.
    #[must_use]
    pub fn has(&self, address: IpAddr) -> bool {
        bits(address) & self.mask == self.bits
    }
}

/// A recorded exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exception {
    /// The protocol that it allows.
    pub protocol: String,
    /// Where both ends must lie.
    pub segment: Segment,
    /// First instant after its last day.
    pub ends: u64,
    /// Who approved it.
    pub approver: String,
}

impl Exception {
    /// Reads an entry of the setting `allowed-cleartext`.
    ///
    /// # Errors
    /// When a part is missing or makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let wanted = || {
            format!(
                "{text}: give protocol, segment, last day and approver: modbus 10.50.4.0/24 2026-12-31 j.doe"
            )
        };
        let mut parts = text.split_whitespace();
        let (Some(protocol), Some(segment), Some(day)) = (parts.next(), parts.next(), parts.next())
        else {
            return Err(wanted());
        };
        let approver = parts.collect::<Vec<_>>().join(" ");
        let date: civil::Date = day.parse().map_err(|_| wanted())?;
        let ends = date
            .checked_add(1.day())
            .and_then(|next| next.to_zoned(tz::TimeZone::fixed(tz::offset(8))))
            .map_err(|_| wanted())?
            .timestamp()
            .as_nanosecond();
        if approver.is_empty() {
            return Err(wanted());
        }
        Ok(Self {
            protocol: protocol.to_ascii_lowercase(),
            segment: Segment::parse(segment)?,
            ends: u64::try_from(ends).map_err(|_| wanted())?,
            approver,
        })
    }

    /// Whether it covers this talk at this time.
    #[must_use]
    pub fn covers(&self, protocol: &str, from: IpAddr, to: IpAddr, time: u64) -> bool {
        self.protocol == protocol
            && time < self.ends
            && self.segment.has(from)
            && self.segment.has(to)
    }
}

/// A master that may write within a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Master {
    address: Segment,
    segment: Segment,
}

impl Master {
    /// Reads an entry of the setting `listed-masters`.
    ///
    /// # Errors
    /// When a part is missing or makes no sense.
    pub fn parse(text: &str) -> Result<Self, String> {
        let (address, segment) = text.trim().split_once(' ').ok_or_else(|| {
            format!("{text}: give a master and its segment: 10.50.4.2 10.50.4.0/24")
        })?;
        Ok(Self {
            address: Segment::parse(address)?,
            segment: Segment::parse(segment.trim())?,
        })
    }

    /// Whether it may write to this address.
    #[must_use]
    pub fn may_write(&self, from: IpAddr, to: IpAddr) -> bool {
        self.address.has(from) && self.segment.has(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn segments_hold_their_addresses() {
        for (segment, address, inside) in [
            ("10.50.4.0/24", "10.50.4.9", true),
            ("10.50.4.0/24", "10.50.5.9", false),
            ("10.50.4.0/24", "::ffff:10.50.4.9", true),
            ("10.50.4.2", "10.50.4.3", false),
            ("0.0.0.0/0", "192.0.2.1", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("::/0", "2001:db8::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
        ] {
            assert_eq!(
                Segment::parse(segment).unwrap().has(ip(address)),
                inside,
                "{segment} {address}"
            );
        }
        for text in ["", "cell-4", "10.0.0.0/33", "10.0.0/8", "::/129"] {
            assert!(Segment::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn an_exception_lasts_to_the_end_of_its_day() {
        let exception = Exception::parse("Modbus 10.50.4.0/24 2025-06-01 j. doe").unwrap();
        let (from, to) = (ip("10.50.4.2"), ip("10.50.4.9"));
        let midnight = 1_748_793_600_000_000_000; // 2025-06-02T00:00:00+08:00
        assert!(exception.covers("modbus", from, to, midnight - 1));
        assert!(!exception.covers("modbus", from, to, midnight));
        assert!(!exception.covers("mqtt", from, to, 0));
        assert!(!exception.covers("modbus", from, ip("10.50.5.1"), 0));
        for text in [
            "modbus 10.50.4.0/24 2025-06-01",
            "modbus cell-4 2025-06-01 x",
            "modbus",
        ] {
            assert!(Exception::parse(text).is_err(), "{text}");
        }
    }
}
