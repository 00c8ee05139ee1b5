//! IPv4 and IPv6.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use etherparse::{
    IpAuthHeaderSlice, Ipv4HeaderSlice, Ipv6FragmentHeaderSlice, Ipv6HeaderSlice,
    Ipv6RawExtHeaderSlice, err,
};

use super::counts::Reject;
use super::link::{LinkType, Vlans, ip_of};
use super::transport::protocol;

/// An IP address as 16 bytes, an IPv4 address as `::ffff:a.b.c.d`: the form that columns
/// of addresses have.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address(pub [u8; 16]);

impl Address {
    fn v4(octets: [u8; 4]) -> Self {
        let [a, b, c, d] = octets;
        Self([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d])
    }

    /// The address with its own version, IPv4 for mapped ones.
    pub fn to_ip(self) -> IpAddr {
        IpAddr::V6(Ipv6Addr::from(self.0)).to_canonical()
    }

    /// Whether this is an IPv4 address.
    pub fn is_v4(self) -> bool {
        self.0
            .starts_with(&[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff])
    }
}

impl From<IpAddr> for Address {
    fn from(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(v4) => Self::v4(v4.octets()),
            IpAddr::V6(v6) => Self(v6.octets()),
        }
    }
}

impl From<Ipv4Addr> for Address {
    fn from(address: Ipv4Addr) -> Self {
        Self::v4(address.octets())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_ip().fmt(f)
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Where a fragment belongs in its datagram.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fragment {
    /// The datagram's identification; 16 bits in IPv4.
    pub id: u32,
    /// Bytes of the datagram's payload before this fragment, a multiple of eight.
    pub offset: u32,
    /// Whether more fragments follow.
    pub more: bool,
}

/// An IP packet, sliced.
#[derive(Clone, Copy, Debug)]
pub struct Network<'a> {
    /// Sender.
    pub src: Address,
    /// Receiver.
    pub dst: Address,
    /// VLANs of the frame.
    pub vlans: Vlans,
    /// Protocol of the payload, behind extension headers (IANA protocol numbers).
    pub protocol: u8,
    /// Bytes of the IP packet by its header: header, extensions and payload, without
    /// link header and padding (IPFIX `octetDeltaCount`).
    pub length: u32,
    /// The payload as far as it was captured. For fragments what follows the fragment
    /// header.
    pub payload: &'a [u8],
    /// Bytes of the payload that the capture cut off.
    pub missing: u32,
    /// Set when this is only a part of a datagram.
    pub fragment: Option<Fragment>,
}

/// Slices a packet down to the payload of IP.
///
/// Checksums are not verified: where a capture is taken on the machine that sends, the
/// network card fills them in later.
///
/// # Errors
///
/// Why the packet cannot be in a flow.
#[inline]
pub fn decode_network(link: LinkType, data: &[u8]) -> Result<Network<'_>, Reject> {
    let (vlans, ip) = ip_of(link, data)?;
    match ip.first() {
        Some(first) if first >> 4 == 4 => ipv4(vlans, ip),
        Some(first) if first >> 4 == 6 => ipv6(vlans, ip),
        Some(_) => Err(Reject::BadNetwork),
        None => Err(Reject::TruncatedNetwork),
    }
}

#[inline]
fn ipv4(vlans: Vlans, ip: &[u8]) -> Result<Network<'_>, Reject> {
    let header = Ipv4HeaderSlice::from_slice(ip).map_err(|e| match e {
        err::ipv4::HeaderSliceError::Len(_) => Reject::TruncatedNetwork,
        err::ipv4::HeaderSliceError::Content(_) => Reject::BadNetwork,
    })?;
    let header_length = header.slice().len();
    // A length of 0 is what segmentation offload leaves in captures of outgoing packets
    // that are longer than the field can say.
    let length = match usize::from(header.total_len()) {
        0 => ip.len(),
        length => length,
    };
    let payload_length = length
        .checked_sub(header_length)
        .ok_or(Reject::BadNetwork)?;
    let rest = ip.get(header_length..).unwrap_or_default();
    let payload = rest.get(..payload_length).unwrap_or(rest);
    let offset = u32::from(header.fragments_offset().value()) * 8;
    let more = header.more_fragments();
    let network = Network {
        src: Address::v4(header.source()),
        dst: Address::v4(header.destination()),
        vlans,
        protocol: header.protocol().0,
        length: length as u32,
        payload,
        missing: (payload_length - payload.len()) as u32,
        fragment: (more || offset > 0).then(|| Fragment {
            id: u32::from(header.identification()),
            offset,
            more,
        }),
    };
    if network.protocol == protocol::AUTHENTICATION && network.fragment.is_none() {
        return skip_extensions(network);
    }
    Ok(network)
}

fn ipv6(vlans: Vlans, ip: &[u8]) -> Result<Network<'_>, Reject> {
    let header = Ipv6HeaderSlice::from_slice(ip).map_err(|e| match e {
        err::ipv6::HeaderSliceError::Len(_) => Reject::TruncatedNetwork,
        err::ipv6::HeaderSliceError::Content(_) => Reject::BadNetwork,
    })?;
    let header_length = header.slice().len();
    let rest = ip.get(header_length..).unwrap_or_default();
    let next = header.next_header().0;
    // 0 stands for a jumbogram (RFC 2675), or is left by segmentation offload.
    let payload_length = match usize::from(header.payload_length()) {
        0 if next != protocol::NO_NEXT_HEADER => rest.len(),
        length => length,
    };
    let payload = rest.get(..payload_length).unwrap_or(rest);
    skip_extensions(Network {
        src: Address(header.source()),
        dst: Address(header.destination()),
        vlans,
        protocol: next,
        length: u32::try_from(header_length + payload_length).unwrap_or(u32::MAX),
        payload,
        missing: (payload_length - payload.len()) as u32,
        fragment: None,
    })
}

/// Steps over IPv6 extension headers and authentication headers, up to the transport or
/// up to and with a fragment header. A packet is finite and each header is at least
/// eight bytes, which bounds the loop.
pub(crate) fn skip_extensions(mut network: Network<'_>) -> Result<Network<'_>, Reject> {
    let cut = if network.missing > 0 {
        Reject::TruncatedNetwork
    } else {
        Reject::BadNetwork
    };
    loop {
        let payload = network.payload;
        let (next, length) = match network.protocol {
            protocol::HOP_BY_HOP | protocol::ROUTING | protocol::DESTINATION_OPTIONS => {
                let header = Ipv6RawExtHeaderSlice::from_slice(payload).map_err(|_| cut)?;
                (header.next_header(), header.slice().len())
            }
            protocol::AUTHENTICATION => {
                let header = IpAuthHeaderSlice::from_slice(payload).map_err(|e| match e {
                    err::ip_auth::HeaderSliceError::Len(_) => cut,
                    err::ip_auth::HeaderSliceError::Content(_) => Reject::BadNetwork,
                })?;
                (header.next_header(), header.slice().len())
            }
            protocol::FRAGMENT => {
                let header = Ipv6FragmentHeaderSlice::from_slice(payload).map_err(|_| cut)?;
                let fragment = Fragment {
                    id: header.identification(),
                    offset: u32::from(header.fragment_offset().value()) * 8,
                    more: header.more_fragments(),
                };
                // A fragment that is the whole datagram is no fragment (RFC 6946).
                if fragment.more || fragment.offset > 0 {
                    network.fragment = Some(fragment);
                }
                (header.next_header(), header.slice().len())
            }
            _ => return Ok(network),
        };
        network.protocol = next.0;
        network.payload = payload.get(length..).unwrap_or_default();
        if network.fragment.is_some() {
            return Ok(network);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use etherparse::PacketBuilder;

    #[test]
    fn ipv4_lengths() {
        let build = |payload: &[u8]| {
            let mut out = Vec::new();
            PacketBuilder::ipv4([10, 0, 0, 1], [10, 0, 0, 2], 64)
                .udp(1, 2)
                .write(&mut out, payload)
                .unwrap();
            out
        };
        let mut packet = build(b"abcd");
        packet.extend([0; 18]);
        let network = decode_network(LinkType::RAW, &packet).unwrap();
        assert_eq!((network.length, network.payload.len()), (32, 12));
        assert_eq!(network.missing, 0);
        assert_eq!(network.src.to_string(), "10.0.0.1");
        assert!(network.dst.is_v4());

        let network = decode_network(LinkType::RAW, &packet[..30]).unwrap();
        assert_eq!((network.length, network.payload.len()), (32, 10));
        assert_eq!(network.missing, 2);

        packet[2..4].fill(0);
        let network = decode_network(LinkType::RAW, &packet).unwrap();
        assert_eq!((network.length, network.payload.len()), (50, 30));
        packet[3] = 19;
        let rejected = decode_network(LinkType::RAW, &packet).unwrap_err();
        assert_eq!(rejected, Reject::BadNetwork);
        packet[0] = 0x44;
        let rejected = decode_network(LinkType::RAW, &packet).unwrap_err();
        assert_eq!(rejected, Reject::BadNetwork);
        packet[0] = 0x54;
        let rejected = decode_network(LinkType::RAW, &packet).unwrap_err();
        assert_eq!(rejected, Reject::BadNetwork);
        let rejected = decode_network(LinkType::RAW, &build(b"")[..19]).unwrap_err();
        assert_eq!(rejected, Reject::TruncatedNetwork);
        let rejected = decode_network(LinkType::RAW, &[]).unwrap_err();
        assert_eq!(rejected, Reject::TruncatedNetwork);
    }

    fn v6(next: u8, payload: &[u8]) -> Vec<u8> {
        let length = (payload.len() as u16).to_be_bytes();
        let head = [0x60, 0, 0, 0, length[0], length[1], next, 64];
        [&head[..], &[1; 16], &[2; 16], payload].concat()
    }

    #[test]
    fn ipv6_extension_headers() {
        // Hop-by-hop, routing, atomic fragment, authentication, destination options.
        let chain = [
            &[43, 0, 1, 4, 0, 0, 0, 0][..],
            &[44, 0, 0, 0, 0, 0, 0, 0],
            &[51, 0, 0, 0, 9, 9, 9, 9],
            &[60, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 2],
            &[17, 0, 1, 4, 0, 0, 0, 0],
            b"udp",
        ]
        .concat();
        let packet = v6(0, &chain);
        let network = decode_network(LinkType::IPV6, &packet).unwrap();
        assert_eq!(network.protocol, protocol::UDP);
        assert_eq!(network.payload, b"udp");
        assert_eq!(network.fragment, None);
        assert_eq!(network.length as usize, packet.len());

        // Cut by the capture, and cut by the sender.
        let rejected = decode_network(LinkType::RAW, &packet[..50]).unwrap_err();
        assert_eq!(rejected, Reject::TruncatedNetwork);
        let rejected = decode_network(LinkType::RAW, &v6(0, &chain[..12])).unwrap_err();
        assert_eq!(rejected, Reject::BadNetwork);

        let packet = v6(44, &[6, 0, 0x01, 0x01, 0, 0, 0, 7, 1, 2, 3]);
        let network = decode_network(LinkType::RAW, &packet).unwrap();
        let fragment = Fragment {
            id: 7,
            offset: 256,
            more: true,
        };
        assert_eq!(network.fragment, Some(fragment));
        assert_eq!((network.protocol, network.payload), (6, &[1, 2, 3][..]));
    }

    #[test]
    fn addresses() {
        let mapped = Address::from(Ipv4Addr::new(192, 0, 2, 1));
        assert_eq!(mapped.0[10..], [0xff, 0xff, 192, 0, 2, 1]);
        assert_eq!(mapped.to_ip(), IpAddr::from([192, 0, 2, 1]));
        let v6: IpAddr = "2001:db8::1".parse().unwrap();
        assert_eq!(Address::from(v6).to_ip(), v6);
        assert!(!Address::from(v6).is_v4());
    }
}
