//! Which flow a sensor's record is about.

use std::net::IpAddr;

use base64::Engine as _;
use palisade_events::{FlowId, FlowIdBuilder, IpAddress, Transport};
use sha1::{Digest as _, Sha1};

/// IANA protocol numbers with a form of their own in Community ID.
const ICMP: u8 = 1;
const TCP: u8 = 6;
const UDP: u8 = 17;
const ICMPV6: u8 = 58;
const SCTP: u8 = 132;

/// `1:` and 20 bytes in base64.
const ID_LEN: usize = 30;

/// How many five-tuples are remembered. Sensors write several records about a flow in
/// close succession, and the hash costs more than all else that is computed for one.
const CACHED: usize = 1024;

/// The IANA protocol number of a name, as sensors write it; 255, which is reserved, for
/// what is not known.
pub(super) fn protocol_number(name: &str) -> u8 {
    match name {
        "tcp" | "TCP" => TCP,
        "udp" | "UDP" => UDP,
        "icmp" | "ICMP" => ICMP,
        "icmp6" | "IPv6-ICMP" | "ICMPv6" | "icmpv6" => ICMPV6,
        "sctp" | "SCTP" => SCTP,
        "IPv6" => 41,
        "GRE" | "gre" => 47,
        "ESP" | "esp" => 50,
        other => other.parse().unwrap_or(255),
    }
}

/// The transport of a protocol number.
pub(super) fn transport(protocol: u8) -> Transport {
    match protocol {
        TCP => Transport::Tcp,
        UDP => Transport::Udp,
        ICMP | ICMPV6 => Transport::Icmp,
        _ => Transport::Other,
    }
}

/// Addresses, ports and protocol of a flow. For ICMP the ports are type and code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tuple {
    pub(super) src: IpAddress,
    pub(super) dst: IpAddress,
    pub(super) src_port: Option<u16>,
    pub(super) dst_port: Option<u16>,
    pub(super) protocol: u8,
}

impl Tuple {
    /// Where it is in the cache.
    fn slot(&self) -> usize {
        let ports = u64::from(self.src_port.unwrap_or(0)) << 16
            | u64::from(self.dst_port.unwrap_or(0))
            | u64::from(self.protocol) << 32;
        let mut hash = ports.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for address in [&self.src, &self.dst] {
            for half in address.0.as_chunks::<8>().0 {
                hash = (hash ^ u64::from_le_bytes(*half))
                    .wrapping_mul(0xff51_afd7_ed55_8ccd)
                    .rotate_left(29);
            }
        }
        usize::try_from(hash % CACHED as u64).unwrap_or(0)
    }
}

/// A tuple and its Community ID.
type Known = Option<(Tuple, [u8; ID_LEN])>;

/// Makes flow ids; remembers the last ones.
#[derive(Debug)]
pub(super) struct FlowKeys {
    cache: Box<[Known]>,
}

impl Default for FlowKeys {
    fn default() -> Self {
        Self {
            cache: vec![None; CACHED].into(),
        }
    }
}

impl FlowKeys {
    /// Appends the flow's id.
    ///
    /// The number is the sensor's own where it has one, since that tells apart flows
    /// that used the same ports one after another; else the start of a digest of the
    /// Community ID. The record's Community ID, where it has one, wins over the computed
    /// one: the sensor may use a seed.
    pub(super) fn push(
        &mut self,
        to: &mut FlowIdBuilder,
        own: Option<u64>,
        community_id: Option<&str>,
        tuple: &Tuple,
    ) {
        let computed;
        let text = match community_id {
            Some(text) => text,
            None => {
                computed = self.community_id(tuple);
                std::str::from_utf8(&computed).unwrap_or_default()
            }
        };
        to.id.add(own.unwrap_or_else(|| fnv64(text.as_bytes())));
        to.community_id.push_str(text);
    }

    /// The same as a plain value.
    pub(super) fn flow_id(
        &mut self,
        own: Option<u64>,
        community_id: Option<&str>,
        tuple: &Tuple,
    ) -> FlowId {
        let community_id = community_id.map_or_else(
            || String::from_utf8_lossy(&self.community_id(tuple)).into_owned(),
            str::to_owned,
        );
        let id = own.unwrap_or_else(|| fnv64(community_id.as_bytes()));
        FlowId { id, community_id }
    }

    fn community_id(&mut self, tuple: &Tuple) -> [u8; ID_LEN] {
        let entry = &mut self.cache[tuple.slot()];
        if let Some((known, id)) = entry
            && known == tuple
        {
            return *id;
        }
        let id = community_id(tuple);
        *entry = Some((*tuple, id));
        id
    }
}

/// FNV-1a, 64 bits: the number of a flow that a sensor names by text.
pub(super) fn fnv64(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Community ID version 1 with seed 0.
///
/// The `community-id` crate takes 300 ns and an allocation, a third of what parsing the
/// record takes, so that the usual transports are hashed here; it still does ICMP, with
/// its table of opposite types. A test compares the two.
fn community_id(tuple: &Tuple) -> [u8; ID_LEN] {
    let (src, dst) = (tuple.src.to_std(), tuple.dst.to_std());
    if matches!(tuple.protocol, ICMP | ICMPV6) && src.is_ipv4() == dst.is_ipv4() {
        let protocol = if src.is_ipv4() { ICMP } else { ICMPV6 };
        let (kind, code) = (tuple.src_port.or(Some(0)), tuple.dst_port.or(Some(0)));
        let made = community_id::calculate_community_id(0, src, dst, kind, code, protocol, false);
        if let Some(id) = made.ok().and_then(|text| text.as_bytes().try_into().ok()) {
            return id;
        }
    }
    let ports = match (tuple.protocol, tuple.src_port, tuple.dst_port) {
        (TCP | UDP | SCTP, Some(from), Some(to)) => Some((from, to)),
        _ => None,
    };
    let (from, to) = ports.unwrap_or_default();
    let (low, high) = if (src, from) <= (dst, to) {
        ((src, from), (dst, to))
    } else {
        ((dst, to), (src, from))
    };
    let mut bytes = [0u8; 2 + 16 + 16 + 2 + 4];
    let mut len = 2;
    let mut put = |part: &[u8]| {
        if let Some(room) = bytes.get_mut(len..len + part.len()) {
            room.copy_from_slice(part);
            len += part.len();
        }
    };
    for ip in [low.0, high.0] {
        match ip {
            IpAddr::V4(ip) => put(&ip.octets()),
            IpAddr::V6(ip) => put(&ip.octets()),
        }
    }
    put(&[tuple.protocol, 0]);
    if ports.is_some() {
        put(&low.1.to_be_bytes());
        put(&high.1.to_be_bytes());
    }
    let digest = Sha1::digest(bytes.get(..len).unwrap_or_default());
    let mut id = *b"1:____________________________";
    // 20 bytes make 28 characters; the slice has room for just that.
    let written = base64::prelude::BASE64_STANDARD.encode_slice(digest, &mut id[2..]);
    debug_assert_eq!(written, Ok(ID_LEN - 2));
    id
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn id(protocol: u8, src: &str, sport: u16, dst: &str, dport: u16) -> String {
        let tuple = Tuple {
            src: src.parse().unwrap(),
            dst: dst.parse().unwrap(),
            src_port: Some(sport),
            dst_port: Some(dport),
            protocol,
        };
        String::from_utf8(community_id(&tuple).to_vec()).unwrap()
    }

    /// The values are those of the baselines of the specification's repository.
    #[test]
    fn ids_of_the_specification() {
        let tcp = "1:LQU9qZlK+B5F3KDmev6m5PMibrg=";
        assert_eq!(id(TCP, "128.232.110.120", 34855, "66.35.250.204", 80), tcp);
        assert_eq!(id(TCP, "66.35.250.204", 80, "128.232.110.120", 34855), tcp);
        let udp = "1:d/FP5EW3wiY1vCndhwleRRKHowQ=";
        assert_eq!(id(UDP, "192.168.1.52", 54585, "8.8.8.8", 53), udp);
    }

    proptest! {
        #[test]
        fn agrees_with_the_community_id_crate(
            a in any::<u32>(), b in any::<u32>(), six in any::<bool>(),
            from in any::<u16>(), to in any::<u16>(),
            protocol in prop::sample::select(vec![TCP, UDP, SCTP, ICMP, ICMPV6]),
        ) {
            let make = |x: u32| -> IpAddr {
                if six || protocol == ICMPV6 {
                    std::net::Ipv6Addr::from(u128::from(x) << 64 | 0x2001 << 112).into()
                } else {
                    std::net::Ipv4Addr::from(x).into()
                }
            };
            let (src, dst) = (make(a), make(b));
            prop_assume!(!(protocol == ICMP && src.is_ipv6()));
            let theirs = community_id::calculate_community_id(
                0, src, dst, Some(from), Some(to), protocol, false,
            ).unwrap();
            prop_assert_eq!(id(protocol, &src.to_string(), from, &dst.to_string(), to), theirs);
        }
    }

    #[test]
    fn the_record_and_the_sensor_win() {
        let mut keys = FlowKeys::default();
        let mut to = FlowIdBuilder::default();
        let tuple = Tuple {
            src: "10.0.0.1".parse().unwrap(),
            dst: "10.0.0.2".parse().unwrap(),
            src_port: Some(1),
            dst_port: Some(2),
            protocol: TCP,
        };
        keys.push(&mut to, Some(7), Some("1:given"), &tuple);
        keys.push(&mut to, None, None, &tuple);
        keys.push(&mut to, None, None, &tuple);
        assert_eq!(to.id.0[0], 7);
        assert_eq!(to.id.0[1], to.id.0[2]);
        assert_eq!(to.community_id.size(), 7 + 2 * ID_LEN);
    }
}
