//! Captures that are written here packet by packet, because no program at hand says just that.

use std::net::SocketAddrV4;
use std::path::Path;

/// A side of a connection and what it says at a time.
pub(crate) type Said = (Side, Vec<u8>);

/// Who says something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Side {
    Client,
    Server,
}

/// Client and server.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ends(pub(crate) SocketAddrV4, pub(crate) SocketAddrV4);

/// A capture of raw IP packets, evenly apart, without checksums.
pub(crate) struct Recording {
    capture: Vec<u8>,
    /// Seconds since 1970 of the first packet.
    began: u32,
    /// Packets of a second.
    rate: u32,
    packets: u32,
}

/// How far a TCP connection has come: what its client and its server send next.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Next([u32; 2]);

impl Recording {
    /// An empty capture whose packets begin at `began`, in seconds since 1970, and come a
    /// millisecond apart.
    pub(crate) fn new(began: u32) -> Recording {
        Recording::dense(began, 1_000)
    }

    /// The same with so many packets in a second, a divisor of a million.
    pub(crate) fn dense(began: u32, rate: u32) -> Recording {
        let mut capture = Vec::new();
        // pcap 2.4 in microseconds, link type 101.
        for field in [0xa1b2_c3d4_u32, 0x0004_0002, 0, 0, 65_535, 101] {
            capture.extend(field.to_le_bytes());
        }
        Recording {
            capture,
            began,
            rate,
            packets: 0,
        }
    }

    /// A TCP connection from its first packet on, a segment for each thing said; it is not
    /// closed.
    pub(crate) fn tcp<B: AsRef<[u8]>>(&mut self, ends: Ends, said: &[(Side, B)]) -> Next {
        let opening: [(Side, u8, &[u8]); 2] =
            [(Side::Client, 0x02, b""), (Side::Server, 0x12, b"")];
        let opened = self.segments(ends, Next([1_000, 5_000]), opening);
        self.tcp_on(ends, opened, said)
    }

    /// What is said next in a connection.
    pub(crate) fn tcp_on<B: AsRef<[u8]>>(
        &mut self,
        ends: Ends,
        next: Next,
        said: &[(Side, B)],
    ) -> Next {
        let data = said
            .iter()
            .map(|(side, bytes)| (*side, 0x18, bytes.as_ref()));
        self.segments(ends, next, data)
    }

    fn segments<'a>(
        &mut self,
        ends: Ends,
        Next(mut next): Next,
        segments: impl IntoIterator<Item = (Side, u8, &'a [u8])>,
    ) -> Next {
        for (side, flags, bytes) in segments {
            let (own, peer) = (side as usize, 1 - side as usize);
            let mut segment = next[own].to_be_bytes().to_vec();
            segment.extend(next[peer].to_be_bytes());
            segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
            segment.extend(bytes);
            next[own] += bytes.len() as u32 + u32::from(flags & 0x02 > 0);
            self.packet(ends, side, 6, &segment);
        }
        Next(next)
    }

    /// Datagrams of UDP.
    pub(crate) fn udp<B: AsRef<[u8]>>(&mut self, ends: Ends, said: &[(Side, B)]) {
        for (side, bytes) in said {
            let bytes = bytes.as_ref();
            let mut datagram = (8 + bytes.len() as u16).to_be_bytes().to_vec();
            datagram.extend([0, 0]);
            datagram.extend(bytes);
            self.packet(ends, *side, 17, &datagram);
        }
    }

    /// A packet whose payload, behind the ports, is `rest`.
    fn packet(&mut self, Ends(client, server): Ends, side: Side, protocol: u8, rest: &[u8]) {
        let (from, to) = match side {
            Side::Client => (client, server),
            Side::Server => (server, client),
        };
        let length = 24 + rest.len() as u16;
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend([0, 0, 0x40, 0, 64, protocol, 0, 0]);
        packet.extend(from.ip().octets());
        packet.extend(to.ip().octets());
        packet.extend(from.port().to_be_bytes());
        packet.extend(to.port().to_be_bytes());
        packet.extend(rest);
        self.packets += 1;
        let record = [
            self.began + self.packets / self.rate,
            self.packets % self.rate * (1_000_000 / self.rate),
            length.into(),
            length.into(),
        ];
        for field in record {
            self.capture.extend(field.to_le_bytes());
        }
        self.capture.extend(packet);
    }

    pub(crate) fn write(&self, path: &Path) {
        std::fs::write(path, &self.capture).expect("a capture can be written");
    }
}
