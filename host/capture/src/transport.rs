//! TCP, UDP and ICMP.

use etherparse::{TcpHeaderSlice, TcpOptionElement, UdpHeaderSlice};

use super::counts::Reject;
use super::network::Network;

/// IANA protocol numbers that are treated apart.
pub mod protocol {
    /// IPv6 hop-by-hop options.
    pub const HOP_BY_HOP: u8 = 0;
    /// ICMP.
    pub const ICMP: u8 = 1;
    /// TCP.
    pub const TCP: u8 = 6;
    /// UDP.
    pub const UDP: u8 = 17;
    /// IPv6 routing header.
    pub const ROUTING: u8 = 43;
    /// IPv6 fragment header.
    pub const FRAGMENT: u8 = 44;
    /// Authentication header.
    pub const AUTHENTICATION: u8 = 51;
    /// ICMPv6.
    pub const ICMPV6: u8 = 58;
    /// IPv6 without payload.
    pub const NO_NEXT_HEADER: u8 = 59;
    /// IPv6 destination options.
    pub const DESTINATION_OPTIONS: u8 = 60;
    /// SCTP.
    pub const SCTP: u8 = 132;
}

/// The flags of a TCP segment that matter here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpFlags(u8);

impl TcpFlags {
    const FIN: u8 = 0x01;
    const SYN: u8 = 0x02;
    const RST: u8 = 0x04;
    const ACK: u8 = 0x10;

    /// The sender has no more to send.
    pub fn fin(self) -> bool {
        self.0 & Self::FIN != 0
    }

    /// The sender opens the connection.
    pub fn syn(self) -> bool {
        self.0 & Self::SYN != 0
    }

    /// The sender aborts the connection.
    pub fn rst(self) -> bool {
        self.0 & Self::RST != 0
    }

    /// The acknowledgement number counts.
    pub fn ack(self) -> bool {
        self.0 & Self::ACK != 0
    }
}

/// A TCP segment.
#[derive(Clone, Copy, Debug)]
pub struct TcpSegment {
    /// Sequence number of the first payload byte, or of the SYN.
    pub sequence: u32,
    /// Next byte that the sender expects, if the ACK flag is set.
    pub acknowledgement: u32,
    /// Flags.
    pub flags: TcpFlags,
    /// Bytes that the sender is ready to take, before scaling.
    pub window: u16,
    /// The window scale option, on SYN segments that carry one.
    pub scale: Option<u8>,
}

/// What IP carries, sliced.
#[derive(Clone, Copy, Debug)]
pub struct Transport<'a> {
    /// Ports of TCP, UDP and SCTP, sender first. For ICMP the type and its counterpart,
    /// or the code where there is none, as Community ID has it. `None` for what has no
    /// ports.
    pub ports: Option<(u16, u16)>,
    /// Set for TCP.
    pub tcp: Option<TcpSegment>,
    /// The payload as far as it was captured; for ICMP what follows the checksum.
    pub payload: &'a [u8],
    /// Bytes of the payload that the capture cut off.
    pub missing: u32,
}

/// Slices the payload of IP. It must not be a fragment.
///
/// # Errors
///
/// Why the packet cannot be in a flow.
#[inline]
pub fn decode_transport<'a>(network: &Network<'a>) -> Result<Transport<'a>, Reject> {
    let payload = network.payload;
    let cut = || {
        if network.missing > 0 {
            Reject::TruncatedTransport
        } else {
            Reject::BadTransport
        }
    };
    let (ports, tcp, header) = match network.protocol {
        protocol::TCP => {
            let header = TcpHeaderSlice::from_slice(payload).map_err(|e| match e {
                etherparse::err::tcp::HeaderSliceError::Len(_) => cut(),
                etherparse::err::tcp::HeaderSliceError::Content(_) => Reject::BadTransport,
            })?;
            let flags = TcpFlags(payload.get(13).copied().unwrap_or(0));
            let segment = TcpSegment {
                sequence: header.sequence_number(),
                acknowledgement: header.acknowledgment_number(),
                flags,
                window: header.window_size(),
                scale: if flags.syn() { scale(&header) } else { None },
            };
            let ports = (header.source_port(), header.destination_port());
            (Some(ports), Some(segment), header.slice().len())
        }
        protocol::UDP => return udp(network, cut),
        protocol::ICMP | protocol::ICMPV6 => {
            let [kind, code, _, _] = payload.first_chunk().ok_or_else(cut)?;
            let v4 = network.protocol == protocol::ICMP;
            let second = counterpart(v4, *kind).unwrap_or(*code);
            (Some((u16::from(*kind), u16::from(second))), None, 4)
        }
        protocol::SCTP => {
            let [a, b, c, d] = *payload.first_chunk().ok_or_else(cut)?;
            let ports = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
            (Some(ports), None, 12)
        }
        _ => (None, None, 0),
    };
    Ok(Transport {
        ports,
        tcp,
        payload: payload.get(header..).unwrap_or_default(),
        missing: network.missing,
    })
}

/// Whether the checksum of TCP or UDP fits. What cannot be checked fits: other
/// protocols, packets that the capture cut off, UDP over IPv4 without a checksum.
pub(crate) fn checksum_fits(network: &Network<'_>) -> bool {
    let payload = network.payload;
    let covered = match network.protocol {
        protocol::TCP => Some(payload),
        protocol::UDP => match payload.first_chunk::<8>() {
            Some([.., 0, 0]) if network.src.is_v4() => None,
            Some([.., high, low, _, _]) => match u16::from_be_bytes([*high, *low]) {
                0 => Some(payload),
                length => payload.get(..usize::from(length)),
            },
            None => None,
        },
        _ => None,
    };
    let Some(covered) = covered.filter(|_| network.missing == 0) else {
        return true;
    };
    // A mapped address adds 0xffff more than an IPv4 address, which is nothing in
    // ones' complement.
    let mut sum = words(&network.src.0)
        + words(&network.dst.0)
        + u64::from(network.protocol)
        + covered.len() as u64
        + words(covered);
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum == 0xffff
}

/// Sum of the 16-bit words; an odd byte is the upper half of a last word.
fn words(bytes: &[u8]) -> u64 {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let whole: u64 = pairs
        .iter()
        .map(|w| u64::from(u16::from_be_bytes(*w)))
        .sum();
    whole + rest.first().map_or(0, |last| u64::from(*last) << 8)
}

#[inline]
fn udp<'a>(network: &Network<'a>, cut: impl Fn() -> Reject) -> Result<Transport<'a>, Reject> {
    let header = UdpHeaderSlice::from_slice(network.payload).map_err(|_| cut())?;
    let rest = network.payload.get(8..).unwrap_or_default();
    let length = match usize::from(header.length()) {
        // A jumbogram (RFC 2675) or segmentation offload.
        0 => rest.len() + network.missing as usize,
        length => length.checked_sub(8).ok_or(Reject::BadTransport)?,
    };
    let payload = rest.get(..length).unwrap_or(rest);
    Ok(Transport {
        ports: Some((header.source_port(), header.destination_port())),
        tcp: None,
        payload,
        // Also when the header claims more than IP brought: those bytes are not there.
        missing: u32::try_from(length - payload.len()).unwrap_or(u32::MAX),
    })
}

fn scale(header: &TcpHeaderSlice<'_>) -> Option<u8> {
    // An option that cannot be read ends the list; what came before it counts.
    header
        .options_iterator()
        .map_while(Result::ok)
        .find_map(|option| match option {
            // More than 14 counts as 14 (RFC 7323).
            TcpOptionElement::WindowScale(by) => Some(by.min(14)),
            _ => None,
        })
}

/// The ICMP type that answers `kind`, if there is one (Community ID specification).
fn counterpart(v4: bool, kind: u8) -> Option<u8> {
    Some(match (v4, kind) {
        // Echo, timestamp, information, router solicitation, address mask.
        (true, 8) => 0,
        (true, 0) => 8,
        (true, 13) => 14,
        (true, 14) => 13,
        (true, 15) => 16,
        (true, 16) => 15,
        (true, 10) => 9,
        (true, 9) => 10,
        (true, 17) => 18,
        (true, 18) => 17,
        // Echo, multicast listeners, router and neighbour solicitation, who-are-you,
        // home agents.
        (false, 128) => 129,
        (false, 129) => 128,
        (false, 130) => 131,
        (false, 131) => 130,
        (false, 133) => 134,
        (false, 134) => 133,
        (false, 135) => 136,
        (false, 136) => 135,
        (false, 139) => 140,
        (false, 140) => 139,
        (false, 144) => 145,
        (false, 145) => 144,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{LinkType, decode_network};
    use etherparse::{PacketBuilder, TcpOptionElement};

    fn decode(packet: &[u8]) -> Result<Transport<'_>, Reject> {
        decode_transport(&decode_network(LinkType::RAW, packet)?)
    }

    fn ip() -> etherparse::PacketBuilderStep<etherparse::IpHeaders> {
        PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
    }

    #[test]
    fn tcp() {
        let mut packet = Vec::new();
        ip().tcp(1000, 80, 7, 512)
            .syn()
            .options(&[
                TcpOptionElement::MaximumSegmentSize(1460),
                TcpOptionElement::WindowScale(20),
            ])
            .unwrap()
            .write(&mut packet, b"early")
            .unwrap();
        let transport = decode(&packet).unwrap();
        let segment = transport.tcp.unwrap();
        assert_eq!(transport.ports, Some((1000, 80)));
        assert_eq!(transport.payload, b"early");
        assert_eq!((segment.sequence, segment.window), (7, 512));
        assert_eq!(segment.scale, Some(14));
        assert!(segment.flags.syn() && !segment.flags.ack());

        assert_eq!(
            decode(&packet[..38]).unwrap_err(),
            Reject::TruncatedTransport
        );
        packet[32] = 0x40;
        assert_eq!(decode(&packet).unwrap_err(), Reject::BadTransport);
        packet[2..4].copy_from_slice(&30_u16.to_be_bytes());
        assert_eq!(decode(&packet).unwrap_err(), Reject::BadTransport);
    }

    #[test]
    fn udp_lengths() {
        let mut packet = Vec::new();
        ip().udp(5, 53).write(&mut packet, b"payload").unwrap();
        let transport = decode(&packet).unwrap();
        assert_eq!((transport.payload, transport.missing), (&b"payload"[..], 0));
        assert_eq!(decode(&packet[..32]).unwrap().missing, 3);
        for (length, payload, missing) in [(0, 7, 0), (8, 0, 0), (10, 2, 0), (20, 7, 5)] {
            packet[24..26].copy_from_slice(&u16::to_be_bytes(length));
            let transport = decode(&packet).unwrap();
            assert_eq!(
                (transport.payload.len(), transport.missing),
                (payload, missing)
            );
        }
        packet[25] = 7;
        assert_eq!(decode(&packet).unwrap_err(), Reject::BadTransport);
    }

    #[test]
    fn icmp_and_others() {
        let mut packet = Vec::new();
        ip().icmpv4_echo_request(1, 2)
            .write(&mut packet, b"ping")
            .unwrap();
        assert_eq!(decode(&packet).unwrap().ports, Some((8, 0)));
        packet[20..22].copy_from_slice(&[3, 1]);
        assert_eq!(decode(&packet).unwrap().ports, Some((3, 1)));
        packet[9] = protocol::SCTP;
        packet[22..24].copy_from_slice(&[0, 9]);
        assert_eq!(decode(&packet).unwrap().ports, Some((0x0301, 9)));
        packet[9] = 47;
        assert_eq!(decode(&packet).unwrap().ports, None);
        for kind in 0..=255 {
            for v4 in [true, false] {
                if let Some(other) = counterpart(v4, kind) {
                    assert_eq!(counterpart(v4, other), Some(kind));
                }
            }
        }
    }
}
