//! What identifies a flow.

use std::fmt;
use std::hash::{Hash, Hasher};
use std::net::IpAddr;
use std::sync::OnceLock;

use crate::{Address, Network, Transport, Vlans, protocol};

/// One side of a flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Address.
    pub address: Address,
    /// Port of TCP, UDP and SCTP. For ICMP, which has none, see [`FlowInfo::icmp`].
    pub port: Option<u16>,
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.address.to_ip(), self.port) {
            (ip, None) => write!(f, "{ip}"),
            (IpAddr::V4(ip), Some(port)) => write!(f, "{ip}:{port}"),
            (IpAddr::V6(ip), Some(port)) => write!(f, "[{ip}]:{port}"),
        }
    }
}

/// The transports that events tell apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TransportKind {
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP and ICMPv6.
    Icmp,
    /// Anything else in IP.
    Other,
}

impl TransportKind {
    pub(super) fn of(protocol: u8) -> Self {
        match protocol {
            protocol::TCP => Self::Tcp,
            protocol::UDP => Self::Udp,
            protocol::ICMP | protocol::ICMPV6 => Self::Icmp,
            _ => Self::Other,
        }
    }
}

/// Names a flow within its table. Handles are never used twice, so one of a flow that
/// ended is recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FlowHandle {
    pub(super) slot: u32,
    pub(super) generation: u32,
}

/// What does not change in the life of a flow; shared, so that sessions and events can
/// keep it beyond the flow's end.
#[derive(Debug)]
pub struct FlowInfo {
    /// Identifies the flow beyond its table: a digest of endpoints, protocol, VLANs and
    /// start, the same in every run over the same packets.
    pub id: u64,
    /// Names the flow in its table while it lasts.
    pub handle: FlowHandle,
    /// The side that opened the flow: by the SYN; of a TCP connection that was there before
    /// the capture, the side whose port is not a server's, where only one is; or else the
    /// sender of the first packet.
    pub src: Endpoint,
    /// The other side.
    pub dst: Endpoint,
    /// IANA protocol number.
    pub protocol: u8,
    /// Transport.
    pub transport: TransportKind,
    /// VLANs of the first packet.
    pub vlans: Vlans,
    /// Time of the first packet, nanoseconds since the Unix epoch.
    pub started: u64,
    /// Type of the first ICMP message, and its counterpart or code.
    icmp: Option<(u16, u16)>,
    /// Flows in order of their start.
    pub(super) serial: u64,
    community_id: OnceLock<Option<Box<str>>>,
}

impl FlowInfo {
    pub(super) fn new(
        tuple: &Tuple,
        protocol: u8,
        vlans: Vlans,
        started: u64,
        handle: FlowHandle,
        serial: u64,
    ) -> Self {
        let transport = TransportKind::of(protocol);
        let ports = tuple.ports.filter(|_| transport != TransportKind::Icmp);
        Self {
            id: flow_id(tuple, protocol, vlans, started),
            handle,
            src: Endpoint {
                address: tuple.src,
                port: ports.map(|p| p.0),
            },
            dst: Endpoint {
                address: tuple.dst,
                port: ports.map(|p| p.1),
            },
            protocol,
            transport,
            vlans,
            started,
            icmp: tuple.ports.filter(|_| transport == TransportKind::Icmp),
            serial,
            community_id: OnceLock::new(),
        }
    }

    /// For ICMP the type of the first message, and the type that answers it or, where
    /// none does, the code.
    pub fn icmp(&self) -> Option<(u8, u8)> {
        // Both came from single bytes.
        self.icmp.map(|(kind, second)| (kind as u8, second as u8))
    }

    /// Community ID version 1 with seed 0, such as `1:wCb3OG7yAFWelaUydu0D+125CLM=`.
    /// Computed when first asked for. `None` where the specification has none, such as
    /// ICMPv6 in IPv4.
    pub fn community_id(&self) -> Option<&str> {
        self.community_id
            .get_or_init(|| {
                let (src, dst) = match self.icmp {
                    Some((kind, second)) => (Some(kind), Some(second)),
                    None => (self.src.port, self.dst.port),
                };
                community_id::calculate_community_id(
                    0,
                    self.src.address.to_ip(),
                    self.dst.address.to_ip(),
                    src,
                    dst,
                    self.protocol,
                    false,
                )
                .ok()
                .map(String::into_boxed_str)
            })
            .as_deref()
    }
}

/// Addresses and ports from the view of one side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tuple {
    pub(super) src: Address,
    pub(super) dst: Address,
    pub(super) ports: Option<(u16, u16)>,
}

impl Tuple {
    pub(super) fn reversed(self) -> Self {
        Self {
            src: self.dst,
            dst: self.src,
            ports: self.ports.map(|(a, b)| (b, a)),
        }
    }
}

fn flow_id(tuple: &Tuple, protocol: u8, vlans: Vlans, started: u64) -> u64 {
    let (src_port, dst_port) = tuple.ports.unwrap_or((0, 0));
    let mut bytes = [0; 53];
    let fields: [&[u8]; 7] = [
        &tuple.src.0,
        &tuple.dst.0,
        &src_port.to_le_bytes(),
        &dst_port.to_le_bytes(),
        &[protocol],
        &vlans.bits().to_le_bytes(),
        &started.to_le_bytes(),
    ];
    let mut rest = &mut bytes[..];
    for field in fields {
        // The lengths are fixed and add up to that of the array.
        let (head, tail) = std::mem::take(&mut rest).split_at_mut(field.len());
        head.copy_from_slice(field);
        rest = tail;
    }
    let digest = blake3::hash(&bytes);
    digest
        .as_bytes()
        .first_chunk()
        .map_or(0, |first| u64::from_le_bytes(*first))
}

/// What tells flows apart, the same for both directions.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct FlowKey {
    low: [u64; 2],
    high: [u64; 2],
    /// Ports of the low and the high side, protocol.
    ports: u64,
    vlans: u64,
}

impl FlowKey {
    /// The key, and whether the sender is the high side.
    #[inline]
    pub(super) fn of(
        network: &Network<'_>,
        transport: &Transport<'_>,
        vlans: bool,
    ) -> (Self, bool) {
        let src = words(network.src);
        let dst = words(network.dst);
        let (src_port, dst_port) = transport.ports.unwrap_or((0, 0));
        let swapped = (src, src_port) > (dst, dst_port);
        let (low, high, low_port, high_port) = if swapped {
            (dst, src, dst_port, src_port)
        } else {
            (src, dst, src_port, dst_port)
        };
        let key = Self {
            low,
            high,
            ports: u64::from(low_port) << 24
                | u64::from(high_port) << 8
                | u64::from(network.protocol),
            vlans: if vlans { network.vlans.bits() } else { 0 },
        };
        (key, swapped)
    }
}

#[inline]
fn words(address: Address) -> [u64; 2] {
    let value = u128::from_be_bytes(address.0);
    [(value >> 64) as u64, value as u64]
}

impl Hash for FlowKey {
    #[inline]
    fn hash<H: Hasher>(&self, state: &mut H) {
        for word in [
            self.low[0],
            self.low[1],
            self.high[0],
            self.high[1],
            self.ports,
            self.vlans,
        ] {
            state.write_u64(word);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn info(protocol: u8, src: &str, dst: &str, ports: Option<(u16, u16)>) -> FlowInfo {
        let address = |text: &str| Address::from(text.parse::<IpAddr>().unwrap());
        let tuple = Tuple {
            src: address(src),
            dst: address(dst),
            ports,
        };
        let handle = FlowHandle {
            slot: 0,
            generation: 0,
        };
        FlowInfo::new(&tuple, protocol, Vlans::default(), 7, handle, 0)
    }

    #[test]
    fn community_ids_of_the_specification() {
        let check = |protocol, src, dst, ports, expect| {
            let there = info(protocol, src, dst, ports);
            assert_eq!(there.community_id(), expect);
        };
        check(
            protocol::TCP,
            "1.2.3.4",
            "5.6.7.8",
            Some((1122, 3344)),
            Some("1:wCb3OG7yAFWelaUydu0D+125CLM="),
        );
        check(
            protocol::TCP,
            "66.35.250.204",
            "128.232.110.120",
            Some((80, 34855)),
            Some("1:LQU9qZlK+B5F3KDmev6m5PMibrg="),
        );
        check(
            protocol::UDP,
            "192.168.1.52",
            "8.8.8.8",
            Some((54585, 53)),
            Some("1:d/FP5EW3wiY1vCndhwleRRKHowQ="),
        );
        check(
            protocol::ICMP,
            "192.168.0.89",
            "192.168.0.1",
            Some((8, 0)),
            Some("1:X0snYXpgwiv9TZtqg64sgzUn6Dk="),
        );
        check(
            protocol::ICMPV6,
            "fe80::200:86ff:fe05:80da",
            "fe80::260:97ff:fe07:69ea",
            Some((135, 136)),
            Some("1:dGHyGvjMfljg6Bppwm3bg0LO8TY="),
        );
        check(
            protocol::ICMPV6,
            "1.2.3.4",
            "5.6.7.8",
            Some((135, 136)),
            None,
        );
    }

    #[test]
    fn ids_depend_on_orientation_and_start() {
        let a = info(6, "10.0.0.1", "10.0.0.2", Some((1, 2)));
        let b = info(6, "10.0.0.2", "10.0.0.1", Some((2, 1)));
        assert_ne!(a.id, b.id);
        assert_eq!(a.id, info(6, "10.0.0.1", "10.0.0.2", Some((1, 2))).id);
        assert_eq!(a.src.to_string(), "10.0.0.1:1");
        let v6 = info(17, "::1", "::2", Some((1, 2)));
        assert_eq!(v6.dst.to_string(), "[::2]:2");
        let ping = info(1, "10.0.0.1", "10.0.0.2", Some((8, 0)));
        assert_eq!(ping.src.port, None);
        assert_eq!(ping.icmp(), Some((8, 0)));
    }
}
