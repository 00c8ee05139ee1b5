//! What all kinds of network event share, and how it goes into columns.

use std::sync::Arc;

use palisade_events::columnar::OptionBuilder;
use palisade_events::{
    ColumnBuilder as _, Direction, Endpoint, EndpointBuilder, FlowId, FlowIdBuilder, IpAddress,
    Owner, OwnerBuilder, Timestamp, Transport,
};

use super::fault::Fault;
use super::flow_key::{FlowKeys, Tuple, transport};
use super::text::{Num, Raw, Text};
use super::time::timestamp;
use crate::enrich::{Networks, Place};

/// Address and port of one side.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Side {
    pub(super) ip: IpAddress,
    pub(super) port: Option<u16>,
    /// Whether the record says it.
    pub(super) known: bool,
}

impl Side {
    /// A side as a record says it. `field` is named when it is no address.
    pub(super) fn read(ip: &Text<'_>, port: Num, field: &'static str) -> Result<Self, Fault> {
        let Some(text) = ip.get() else {
            return Ok(Self {
                port: port.u16(),
                ..Self::default()
            });
        };
        // A zone, as of `fe80::1%eth0`, means nothing beyond the sensor.
        let address = text.split('%').next().unwrap_or(text);
        let ip = address.parse().map_err(|_| Fault::address(field, text))?;
        Ok(Self {
            ip,
            port: port.u16(),
            known: true,
        })
    }

    fn push(self, to: &mut EndpointBuilder) {
        to.ip.add(self.ip);
        match self.port {
            Some(port) => to.port.some().add(port),
            None => to.port.none::<u16>(),
        }
        to.country.push_str(None);
        to.asn.none::<u32>();
    }

    fn endpoint(self) -> Endpoint {
        Endpoint {
            ip: self.ip,
            port: self.port,
            country: None,
            asn: None,
        }
    }
}

/// The time of a record, or why it has none.
pub(super) fn time(raw: Raw<'_>, field: &'static str) -> Result<Timestamp, Fault> {
    let raw = raw.get().ok_or(Fault::Missing(field))?;
    timestamp(raw).ok_or_else(|| Fault::time(field, raw))
}

/// Between whom a record's traffic went.
#[derive(Clone, Debug, Default)]
pub(super) struct Ends<'r> {
    pub(super) src: Side,
    pub(super) dst: Side,
    pub(super) protocol: u8,
    /// The sensor's own number of the flow.
    pub(super) flow: Option<u64>,
    /// As the sensor computed it.
    pub(super) community_id: Option<&'r str>,
    /// For ICMP type and code.
    pub(super) icmp: Option<(u16, u16)>,
    pub(super) vlan: Option<u16>,
    pub(super) macs: [Option<[u8; 6]>; 2],
}

impl Ends<'_> {
    /// Exchanges the two sides.
    pub(super) fn swap(&mut self) {
        std::mem::swap(&mut self.src, &mut self.dst);
        self.macs.swap(0, 1);
    }

    pub(super) fn transport(&self) -> Transport {
        transport(self.protocol)
    }

    fn tuple(&self) -> Tuple {
        let (src_port, dst_port) = match self.icmp {
            Some((kind, code)) => (Some(kind), Some(code)),
            None => (self.src.port, self.dst.port),
        };
        let (src, dst, protocol) = (self.src.ip, self.dst.ip, self.protocol);
        Tuple {
            src,
            dst,
            src_port,
            dst_port,
            protocol,
        }
    }

    /// Whether there is a flow to speak of.
    fn has_flow(&self) -> bool {
        self.src.known && self.dst.known
    }

    /// Whether the record says neither side.
    pub(super) fn unknown(&self) -> bool {
        !self.src.known && !self.dst.known
    }

    /// The ends of a record that is of no use without them. `field` is named when both are
    /// missing.
    pub(super) fn wanted(self, field: &'static str) -> Result<Self, Fault> {
        if self.unknown() {
            return Err(Fault::Missing(field));
        }
        Ok(self)
    }
}

/// What a decoder keeps from record to record to fill the shared columns.
#[derive(Debug, Default)]
pub(super) struct Shared {
    keys: FlowKeys,
    /// Consulted while reading only for what is not in the event: VLANs and MACs.
    networks: Option<Arc<Networks>>,
    /// Events of which an end is not known.
    endless: u64,
    /// What is said of the first of them.
    absent: Option<String>,
}

impl Shared {
    pub(super) fn new(networks: Option<Arc<Networks>>) -> Self {
        let networks = networks.filter(|networks| networks.needs_links());
        Self {
            keys: FlowKeys::default(),
            networks,
            endless: 0,
            absent: None,
        }
    }

    /// Consults other networks from here on.
    pub(super) fn set_networks(&mut self, networks: Option<Arc<Networks>>) {
        self.networks = networks.filter(|networks| networks.needs_links());
    }

    /// How many events there were of which an end has no address.
    pub(super) fn endless(&self) -> u64 {
        self.endless
    }

    /// Which names of addresses the first record lacked of which an end is not known.
    pub(super) fn absent(&self) -> Option<String> {
        self.absent.clone()
    }

    /// Reads a record with `read`. If it is the first whose event has an end without address,
    /// `say` tells which fields are absent.
    pub(super) fn noting<R, E>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<R, E>,
        say: impl FnOnce() -> Option<String>,
    ) -> Result<R, E> {
        let before = self.endless;
        let done = read(self)?;
        if before == 0 && self.endless > 0 {
            self.absent = say();
        }
        Ok(done)
    }

    /// Owner and direction by VLAN or MAC. All else is filled in for a whole batch.
    pub(super) fn resolve(&self, ends: &Ends<'_>) -> (Owner, Direction) {
        let found = self.networks.as_ref().map(|networks| {
            let place = |side: Side, mac| Place {
                ip: side.ip,
                vlan: ends.vlan,
                mac,
            };
            networks.resolve(
                &place(ends.src, ends.macs[0]),
                &place(ends.dst, ends.macs[1]),
            )
        });
        found.map_or_else(Default::default, |found| (found.owner, found.direction))
    }

    pub(super) fn push(
        &mut self,
        ends: &Ends<'_>,
        owner: &mut OwnerBuilder,
        src: &mut EndpointBuilder,
        dst: &mut EndpointBuilder,
        flow: &mut OptionBuilder<FlowIdBuilder>,
    ) -> Direction {
        let direction = if self.networks.is_none() {
            owner.push_neutral();
            Direction::default()
        } else {
            let (found, direction) = self.resolve(ends);
            owner.push(&found);
            direction
        };
        ends.src.push(src);
        ends.dst.push(dst);
        if ends.has_flow() {
            self.keys
                .push(flow.some(), ends.flow, ends.community_id, &ends.tuple());
        } else {
            self.endless += 1;
            flow.none::<FlowId>();
        }
        direction
    }

    /// The same for kinds that are rare enough to be made as plain values.
    pub(super) fn values(&mut self, ends: &Ends<'_>) -> Plain {
        let (owner, direction) = self.resolve(ends);
        self.endless += u64::from(!ends.has_flow());
        let flow = ends.has_flow().then(|| {
            self.keys
                .flow_id(ends.flow, ends.community_id, &ends.tuple())
        });
        Plain {
            owner,
            direction,
            src: ends.src.endpoint(),
            dst: ends.dst.endpoint(),
            flow,
        }
    }
}

/// The shared part of an event as plain values.
#[derive(Debug)]
pub(super) struct Plain {
    pub(super) owner: Owner,
    pub(super) direction: Direction,
    pub(super) src: Endpoint,
    pub(super) dst: Endpoint,
    pub(super) flow: Option<FlowId>,
}

/// Fills the columns `owner`, `src`, `dst` and `flow`; yields the direction.
macro_rules! push_shared {
    ($shared:expr, $ends:expr, $to:expr) => {
        $shared.push(
            $ends,
            &mut $to.owner,
            &mut $to.src,
            &mut $to.dst,
            &mut $to.flow,
        )
    };
}

pub(super) use push_shared;

/// A hardware address of six bytes in hexadecimal, with or without separators.
pub(crate) fn mac(text: &str) -> Option<[u8; 6]> {
    let mut digits = text
        .bytes()
        .filter(|byte| !matches!(byte, b':' | b'-' | b'.'));
    let mut mac = [0; 6];
    for byte in &mut mac {
        let mut digit = || char::from(digits.next()?).to_digit(16);
        let (high, low) = (digit()?, digit()?);
        *byte = u8::try_from(high << 4 | low).ok()?;
    }
    digits.next().is_none().then_some(mac)
}

/// The names that Palisade uses for protocols that sensors name otherwise; none for what
/// sensors write when they do not know.
pub(super) fn app_proto(name: &str) -> Option<&str> {
    Some(match name {
        "" | "-" | "failed" | "unknown" => return None,
        "ssl" => "tls",
        "http1" => "http",
        "krb_tcp" | "krb5" | "krb" => "krb",
        "dnp3_tcp" | "dnp3_udp" => "dnp3",
        other => other,
    })
}

/// Whether a protocol is always or never encrypted; none where it depends.
pub(super) fn encrypted(app_proto: &str) -> Option<bool> {
    match app_proto {
        "tls" | "dtls" | "quic" | "ssh" | "wireguard" => Some(true),
        "http" | "coap" | "mqtt" | "modbus" | "dnp3" | "enip" | "telnet" | "ftp" | "ftp-data"
        | "ftp_data" | "tftp" | "dns" | "mdns" | "dhcp" | "bacnet" | "amqp" | "irc" | "syslog" => {
            Some(false)
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hardware_addresses() {
        let expect = Some([0x00, 0x0c, 0x29, 0xab, 0xcd, 0xef]);
        for text in [
            "00:0c:29:ab:cd:ef",
            "00-0C-29-AB-CD-EF",
            "000c.29ab.cdef",
            "000c29abcdef",
        ] {
            assert_eq!(mac(text), expect, "{text}");
        }
        for text in [
            "",
            "00:0c:29:ab:cd",
            "00:0c:29:ab:cd:ef:00",
            "zz:0c:29:ab:cd:ef",
            "é",
        ] {
            assert_eq!(mac(text), None, "{text}");
        }
    }
}
