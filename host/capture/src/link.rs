//! Link layers: what stands before the IP header.
//!
//! Sliced here because `etherparse` 0.21 has neither Linux cooked v2 nor loopback, and
//! its packet slicer, which also builds what is not needed here, takes 88 ns a packet on
//! the machine where its header slices (used in `network` and `transport`) take 8 ns.

use std::fmt;

use super::counts::Reject;

/// A link type as the tcpdump group registers them (`LINKTYPE_…`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LinkType(pub u16);

impl LinkType {
    /// BSD loopback: address family in the byte order of the capturing machine.
    pub const NULL: LinkType = LinkType(0);
    /// Ethernet.
    pub const ETHERNET: LinkType = LinkType(1);
    /// Raw IP, as most systems wrote it in files of old.
    pub const RAW_12: LinkType = LinkType(12);
    /// Raw IP, as OpenBSD wrote it.
    pub const RAW_14: LinkType = LinkType(14);
    /// Raw IP, version in the first nibble.
    pub const RAW: LinkType = LinkType(101);
    /// OpenBSD loopback: address family in network byte order.
    pub const LOOP: LinkType = LinkType(108);
    /// Linux cooked capture, version 1.
    pub const LINUX_SLL: LinkType = LinkType(113);
    /// Raw IPv4.
    pub const IPV4: LinkType = LinkType(228);
    /// Raw IPv6.
    pub const IPV6: LinkType = LinkType(229);
    /// Linux cooked capture, version 2.
    pub const LINUX_SLL2: LinkType = LinkType(276);
}

impl fmt::Display for LinkType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            LinkType::NULL | LinkType::LOOP => f.write_str("loopback"),
            LinkType::ETHERNET => f.write_str("Ethernet"),
            LinkType::RAW_12
            | LinkType::RAW_14
            | LinkType::RAW
            | LinkType::IPV4
            | LinkType::IPV6 => f.write_str("raw IP"),
            LinkType::LINUX_SLL => f.write_str("Linux cooked v1"),
            LinkType::LINUX_SLL2 => f.write_str("Linux cooked v2"),
            LinkType(other) => write!(f, "link type {other}"),
        }
    }
}

/// The VLAN identifiers of a frame from the outermost in, at most four (the innermost
/// four when there are more). Priority tags, identifier 0, are not VLANs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Vlans(u64);

impl Vlans {
    const PRESENT: u64 = 0x8000;

    fn push(&mut self, tag_control: u16) {
        let id = u64::from(tag_control & 0x0fff);
        if id != 0 {
            self.0 = self.0 << 16 | Self::PRESENT | id;
        }
    }

    /// The identifiers, outermost first.
    pub fn iter(self) -> impl Iterator<Item = u16> {
        [48, 32, 16, 0]
            .into_iter()
            .map(move |shift| (self.0 >> shift) as u16)
            .filter(|lane| u64::from(*lane) & Self::PRESENT != 0)
            .map(|lane| lane & 0x0fff)
    }

    /// One number for the set; 0 without VLANs.
    pub(crate) fn bits(self) -> u64 {
        self.0
    }
}

const IPV4: u16 = 0x0800;
const IPV6: u16 = 0x86dd;
/// More tags than any network stacks; a longer chain is an attack or noise.
const MAX_TAGS: usize = 8;
/// Values up to this are the length of an IEEE 802.3 frame.
const MAX_LENGTH: u16 = 1500;

/// Steps over the link header and VLAN tags: the IP packet and the VLANs.
#[inline]
pub(super) fn ip_of(link: LinkType, data: &[u8]) -> Result<(Vlans, &[u8]), Reject> {
    match link {
        LinkType::ETHERNET => ethernet(data),
        LinkType::RAW | LinkType::RAW_12 | LinkType::RAW_14 | LinkType::IPV4 | LinkType::IPV6 => {
            Ok((Vlans::default(), data))
        }
        LinkType::LINUX_SLL => {
            let (header, rest) = split::<16>(data)?;
            by_ether_type(u16::from_be_bytes([header[14], header[15]]), rest)
        }
        LinkType::LINUX_SLL2 => {
            let (header, rest) = split::<20>(data)?;
            by_ether_type(u16::from_be_bytes([header[0], header[1]]), rest)
        }
        LinkType::NULL | LinkType::LOOP => loopback(data),
        _ => Err(Reject::UnknownLink),
    }
}

#[inline]
fn split<const N: usize>(data: &[u8]) -> Result<(&[u8; N], &[u8]), Reject> {
    data.split_first_chunk::<N>().ok_or(Reject::TruncatedLink)
}

#[inline]
fn ethernet(data: &[u8]) -> Result<(Vlans, &[u8]), Reject> {
    let (header, rest) = split::<14>(data)?;
    let kind = u16::from_be_bytes([header[12], header[13]]);
    if kind == IPV4 {
        return Ok((Vlans::default(), rest));
    }
    by_ether_type(kind, rest)
}

fn by_ether_type(mut kind: u16, mut rest: &[u8]) -> Result<(Vlans, &[u8]), Reject> {
    let mut vlans = Vlans::default();
    for _ in 0..=MAX_TAGS {
        match kind {
            IPV4 | IPV6 => return Ok((vlans, rest)),
            // IEEE 802.1Q and 802.1ad, and what switches used before the latter.
            0x8100 | 0x88a8 | 0x9100 | 0x9200 => {
                let (tag, inner) = split::<4>(rest)?;
                vlans.push(u16::from_be_bytes([tag[0], tag[1]]));
                kind = u16::from_be_bytes([tag[2], tag[3]]);
                rest = inner;
            }
            // IEEE 802.3 length: IP stands behind it only with a SNAP header (RFC 1042).
            ..=MAX_LENGTH => {
                let Some((snap, inner)) = rest.split_first_chunk::<8>() else {
                    return Err(Reject::NotIp);
                };
                let [0xaa, 0xaa, 0x03, 0, 0, 0, high, low] = *snap else {
                    return Err(Reject::NotIp);
                };
                kind = u16::from_be_bytes([high, low]);
                rest = inner;
                if kind <= MAX_LENGTH {
                    return Err(Reject::NotIp);
                }
            }
            _ => return Err(Reject::NotIp),
        }
    }
    Err(Reject::BadLink)
}

fn loopback(data: &[u8]) -> Result<(Vlans, &[u8]), Reject> {
    let (family, rest) = split::<4>(data)?;
    // Families are small numbers, so the byte order shows itself.
    let family = match u32::from_le_bytes(*family) {
        family @ ..=0xffff => family,
        swapped => swapped.swap_bytes(),
    };
    match family {
        // AF_INET everywhere; AF_INET6 of Linux, Windows, NetBSD and OpenBSD, FreeBSD,
        // Darwin.
        2 | 10 | 23 | 24 | 28 | 30 => Ok((Vlans::default(), rest)),
        _ => Err(Reject::NotIp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(link: LinkType, header: &[u8], expect: Result<&[u16], Reject>) {
        let mut data = header.to_vec();
        data.extend_from_slice(b"packet");
        match (ip_of(link, &data), expect) {
            (Ok((vlans, ip)), Ok(expect)) => {
                assert_eq!(ip, b"packet", "{link}");
                assert_eq!(vlans.iter().collect::<Vec<_>>(), expect, "{link}");
            }
            (Err(reject), Err(expect)) => assert_eq!(reject, expect, "{link}"),
            (got, expect) => panic!("{link}: {got:?} instead of {expect:?}"),
        }
    }

    fn ether(kinds: &[u8]) -> Vec<u8> {
        let mut header = vec![2; 12];
        header.extend_from_slice(kinds);
        header
    }

    #[test]
    fn link_headers() {
        let eth = LinkType::ETHERNET;
        check(eth, &ether(&[8, 0]), Ok(&[]));
        check(eth, &ether(&[0x86, 0xdd]), Ok(&[]));
        check(eth, &ether(&[0x81, 0, 0x20, 5, 8, 0]), Ok(&[5]));
        check(eth, &ether(&[0x81, 0, 0x20, 0, 8, 0]), Ok(&[]));
        check(
            eth,
            &ether(&[0x88, 0xa8, 0, 100, 0x81, 0, 0, 200, 8, 0]),
            Ok(&[100, 200]),
        );
        let deep: Vec<u8> = (1..=6).flat_map(|id| [0x91, 0, 0, id]).collect();
        check(
            eth,
            &ether(&[&deep[..], &[8, 0]].concat()),
            Ok(&[3, 4, 5, 6]),
        );
        let endless: Vec<u8> = (1..=60).flat_map(|id| [0x81, 0, 0, id]).collect();
        check(eth, &ether(&endless), Err(Reject::BadLink));
        check(eth, &ether(&[0, 46, 0xaa, 0xaa, 3, 0, 0, 0, 8, 0]), Ok(&[]));
        check(
            eth,
            &ether(&[0, 46, 0xaa, 0xaa, 3, 0, 0, 0, 0, 8]),
            Err(Reject::NotIp),
        );
        check(eth, &ether(&[0, 38, 0x42, 0x42, 3]), Err(Reject::NotIp));
        check(eth, &ether(&[8, 6]), Err(Reject::NotIp));
        check(eth, &[1, 2, 3], Err(Reject::TruncatedLink));

        let mut sll = vec![0; 14];
        sll.extend([8, 0]);
        check(LinkType::LINUX_SLL, &sll, Ok(&[]));
        let mut sll = vec![0; 14];
        sll.extend([0x81, 0, 0, 7, 0x86, 0xdd]);
        check(LinkType::LINUX_SLL, &sll, Ok(&[7]));
        let mut sll2 = vec![8, 0];
        sll2.extend([0; 18]);
        check(LinkType::LINUX_SLL2, &sll2, Ok(&[]));
        sll2[1] = 6;
        check(LinkType::LINUX_SLL2, &sll2, Err(Reject::NotIp));

        for family in [2, 10, 23, 24, 28, 30] {
            check(LinkType::NULL, &[family, 0, 0, 0], Ok(&[]));
            check(LinkType::NULL, &[0, 0, 0, family], Ok(&[]));
            check(LinkType::LOOP, &[0, 0, 0, family], Ok(&[]));
        }
        check(LinkType::NULL, &[7, 0, 0, 0], Err(Reject::NotIp));
        for raw in [12, 14, 101, 228, 229] {
            check(LinkType(raw), &[], Ok(&[]));
        }
        check(LinkType(105), &[], Err(Reject::UnknownLink));
    }
}
