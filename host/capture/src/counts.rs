//! What became of every packet.

use std::fmt;

use palisade_events::counted;

/// Why a packet is in no flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
#[non_exhaustive]
pub enum Reject {
    /// A link type that is not decoded.
    UnknownLink,
    /// Not IPv4 or IPv6: ARP, LLDP, spanning tree, IPX and the like.
    NotIp,
    /// The capture cut the packet off within the link header.
    TruncatedLink,
    /// The capture cut the packet off within an IP header.
    TruncatedNetwork,
    /// The capture cut the packet off within the TCP, UDP or ICMP header.
    TruncatedTransport,
    /// A link header that contradicts itself, such as more than eight VLAN tags.
    BadLink,
    /// An IP header that contradicts itself or its packet.
    BadNetwork,
    /// A TCP, UDP or ICMP header that contradicts itself or its packet.
    BadTransport,
    /// A TCP or UDP checksum that does not fit, where they are verified.
    BadChecksum,
    /// A fragment that contradicts itself: empty, of no multiple of eight bytes, or
    /// beyond 65,535 bytes.
    BadFragment,
    /// Fragments of a datagram in which some overlap (RFC 5722).
    OverlappingFragment,
    /// Fragments of a datagram that did not become whole in time or before the end.
    IncompleteFragment,
    /// Fragments given up because the limits were reached.
    FragmentLimit,
}

impl Reject {
    /// All reasons, in the order in which they are shown.
    pub const ALL: [Reject; 13] = [
        Reject::UnknownLink,
        Reject::NotIp,
        Reject::TruncatedLink,
        Reject::TruncatedNetwork,
        Reject::TruncatedTransport,
        Reject::BadLink,
        Reject::BadNetwork,
        Reject::BadTransport,
        Reject::BadChecksum,
        Reject::BadFragment,
        Reject::OverlappingFragment,
        Reject::IncompleteFragment,
        Reject::FragmentLimit,
    ];

    /// A short text for people, such as `not IP`.
    pub fn text(self) -> &'static str {
        match self {
            Reject::UnknownLink => "of an unknown link type",
            Reject::NotIp => "not IP",
            Reject::TruncatedLink => "cut off in the link header",
            Reject::TruncatedNetwork => "cut off in the IP header",
            Reject::TruncatedTransport => "cut off in the transport header",
            Reject::BadLink => "with a bad link header",
            Reject::BadNetwork => "with a bad IP header",
            Reject::BadTransport => "with a bad transport header",
            Reject::BadChecksum => "with a bad checksum",
            Reject::BadFragment => "bad fragments",
            Reject::OverlappingFragment => "overlapping fragments",
            Reject::IncompleteFragment => "fragments of incomplete datagrams",
            Reject::FragmentLimit => "fragments over the limits",
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

/// Counts of packets by what became of them: at any time
/// `packets == accepted + held + rejected_total()`, and after the end nothing is held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PacketCounts {
    /// Packets read.
    pub packets: u64,
    /// Bytes captured of them.
    pub bytes: u64,
    /// Packets that belong to a flow, fragments of whole datagrams among them.
    pub accepted: u64,
    /// Fragments that wait for the rest of their datagram.
    pub held: u64,
    rejected: [u64; Reject::ALL.len()],
}

impl PacketCounts {
    /// Packets that were left out for this reason.
    pub fn rejected(&self, reason: Reject) -> u64 {
        self.rejected.get(reason as usize).copied().unwrap_or(0)
    }

    /// Packets that were left out, for whatever reason.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Counts `packets` that are left out.
    pub fn reject(&mut self, reason: Reject, packets: u64) {
        if let Some(count) = self.rejected.get_mut(reason as usize) {
            *count += packets;
        }
    }
}

impl fmt::Display for PacketCounts {
    /// One line: `13622 packets, 13600 in flows, 22 not IP`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}, {} in flows",
            counted(self.packets, "packet"),
            self.accepted
        )?;
        if self.held > 0 {
            write!(f, ", {} waiting", counted(self.held, "fragment"))?;
        }
        for reason in Reject::ALL {
            let count = self.rejected(reason);
            if count > 0 {
                write!(f, ", {count} {reason}")?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_has_its_own_count_and_is_shown() {
        let mut counts = PacketCounts {
            packets: 93,
            accepted: 1,
            held: 1,
            ..PacketCounts::default()
        };
        for (n, reason) in Reject::ALL.into_iter().enumerate() {
            counts.reject(reason, n as u64 + 1);
            assert_eq!(counts.rejected(reason), n as u64 + 1);
        }
        assert_eq!(
            counts.packets,
            counts.accepted + counts.held + counts.rejected_total()
        );
        assert!(counts.to_string().starts_with(
            "93 packets, 1 in flows, 1 fragment waiting, 1 of an unknown link type, 2 not IP"
        ));
    }
}
