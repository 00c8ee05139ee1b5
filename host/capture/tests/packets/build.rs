//! Hand-made packets and captures.

use etherparse::{PacketBuilder, TcpOptionElement};
use palisade_capture::{LinkType, Packet};

/// One second in nanoseconds.
pub(crate) const SECOND: u64 = 1_000_000_000;
pub(crate) const CLIENT: [u8; 4] = [10, 0, 0, 1];
pub(crate) const SERVER: [u8; 4] = [10, 0, 0, 2];

/// Lends owned bytes as a packet.
pub(crate) fn packet(number: u64, time: u64, link: LinkType, data: &[u8]) -> Packet<'_> {
    Packet {
        number,
        time,
        link,
        original_length: data.len() as u32,
        data,
    }
}

/// A TCP segment between the two hosts; ports 4000 and 80.
#[derive(Clone, Debug)]
pub(crate) struct Tcp {
    pub(crate) from_client: bool,
    pub(crate) seq: u32,
    pub(crate) ack: Option<u32>,
    pub(crate) flags: &'static str,
    pub(crate) window: u16,
    pub(crate) options: Vec<TcpOptionElement>,
    pub(crate) payload: Vec<u8>,
}

/// A segment from the client.
pub(crate) fn client(seq: u32, flags: &'static str, payload: &[u8]) -> Tcp {
    Tcp {
        from_client: true,
        seq,
        ack: None,
        flags,
        window: 65_535,
        options: Vec::new(),
        payload: payload.to_vec(),
    }
}

/// A segment from the server.
pub(crate) fn server(seq: u32, flags: &'static str, payload: &[u8]) -> Tcp {
    Tcp {
        from_client: false,
        ..client(seq, flags, payload)
    }
}

impl Tcp {
    pub(crate) fn ack(mut self, ack: u32) -> Self {
        self.ack = Some(ack);
        self
    }

    pub(crate) fn window(mut self, window: u16) -> Self {
        self.window = window;
        self
    }

    /// The raw IPv4 packet.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let (src, dst, from, to) = if self.from_client {
            (CLIENT, SERVER, 4000, 80)
        } else {
            (SERVER, CLIENT, 80, 4000)
        };
        let mut step = PacketBuilder::ipv4(src, dst, 64).tcp(from, to, self.seq, self.window);
        for flag in self.flags.chars() {
            step = match flag {
                'S' => step.syn(),
                'F' => step.fin(),
                'R' => step.rst(),
                _ => step.psh(),
            };
        }
        if let Some(ack) = self.ack {
            step = step.ack(ack);
        }
        let step = step.options(&self.options).unwrap();
        let mut out = Vec::new();
        step.write(&mut out, &self.payload).unwrap();
        out
    }
}

/// A UDP datagram as a raw IPv4 packet.
pub(crate) fn udp(src: [u8; 4], dst: [u8; 4], ports: (u16, u16), payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv4(src, dst, 64)
        .udp(ports.0, ports.1)
        .write(&mut out, payload)
        .unwrap();
    out
}

/// Byte order of a capture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Order::Little => value.to_le_bytes(),
            Order::Big => value.to_be_bytes(),
        }
    }
}

/// A pcap file header.
pub(crate) fn pcap_header(order: Order, magic: u32, link: u16) -> Vec<u8> {
    [
        &order.u32(magic)[..],
        &order.u16(2),
        &order.u16(4),
        &[0; 8],
        &order.u32(262_144),
        &order.u32(u32::from(link)),
    ]
    .concat()
}

/// A pcap record; `fraction` in the unit of the file.
pub(crate) fn pcap_record(order: Order, seconds: u32, fraction: u32, data: &[u8]) -> Vec<u8> {
    let length = data.len() as u32;
    [
        &order.u32(seconds)[..],
        &order.u32(fraction),
        &order.u32(length),
        &order.u32(length),
        data,
    ]
    .concat()
}

/// A pcap file of these packets, microseconds, little endian.
pub(crate) fn pcap(link: u16, packets: &[(u64, Vec<u8>)]) -> Vec<u8> {
    let mut file = pcap_header(Order::Little, 0xa1b2_c3d4, link);
    for (time, data) in packets {
        let seconds = (time / SECOND) as u32;
        let micros = (time % SECOND / 1000) as u32;
        file.extend(pcap_record(Order::Little, seconds, micros, data));
    }
    file
}

/// A pcapng block around a body.
pub(crate) fn block(order: Order, kind: u32, body: &[u8]) -> Vec<u8> {
    let mut body = body.to_vec();
    body.resize(body.len().next_multiple_of(4), 0);
    let length = order.u32(body.len() as u32 + 12);
    [&order.u32(kind)[..], &length, &body, &length].concat()
}

/// A pcapng section header.
pub(crate) fn section(order: Order) -> Vec<u8> {
    let body = [
        &order.u32(0x1a2b_3c4d)[..],
        &order.u16(1),
        &order.u16(0),
        &[0xff; 8],
    ]
    .concat();
    block(order, 0x0a0d_0d0a, &body)
}

/// A pcapng interface with options as (code, value).
pub(crate) fn interface(order: Order, link: u16, snap: u32, options: &[(u16, &[u8])]) -> Vec<u8> {
    let mut body = [&order.u16(link)[..], &[0, 0], &order.u32(snap)].concat();
    for (code, value) in options {
        body.extend(order.u16(*code));
        body.extend(order.u16(value.len() as u16));
        body.extend(*value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    block(order, 1, &body)
}

/// A pcapng enhanced packet block.
pub(crate) fn enhanced(order: Order, interface: u32, ticks: u64, data: &[u8]) -> Vec<u8> {
    let body = [
        &order.u32(interface)[..],
        &order.u32((ticks >> 32) as u32),
        &order.u32(ticks as u32),
        &order.u32(data.len() as u32),
        &order.u32(data.len() as u32),
        data,
    ]
    .concat();
    block(order, 6, &body)
}
