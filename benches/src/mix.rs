//! A mix of Modbus and HTTP packets of any length, made by repeating captures.
//!
//! Each copy of a capture has addresses of its own, so its flows are flows of their own,
//! and begins [`STAGGER`] nanoseconds after the copy before it; the whole is in order of
//! time, so that packets of many flows alternate as on a network. Checksums are kept
//! right.

use std::fs::File;
use std::io::{self, Write};
use std::ops::Range;
use std::path::{Path, PathBuf};

use palisade_capture::{CaptureReader, LinkType, Packet, ReadLimits};

/// Nanoseconds between the starts of two copies.
pub const STAGGER: u64 = 2_000_000_000;

/// Copies of each HTTP capture for one of the Modbus capture, so that a third of the
/// packets is HTTP.
const HTTP_COPIES: u32 = 4;

const MODBUS: [&str; 1] = ["zeek/modbus/modbusBig.pcap"];
const HTTP: [&str; 5] = [
    "zeek/http/100-continue.pcap",
    "zeek/http/206_example_a.pcap",
    "zeek/http/bro.org.pcap",
    "zeek/http/content-range-gap.pcap",
    "zeek/http/get.pcap",
];

/// Packets with the time since the first of them.
type Recording = Vec<(u64, Vec<u8>)>;

/// Ethernet packets in memory, in order of time.
pub struct Mix {
    bytes: Vec<u8>,
    packets: Vec<(u64, Range<usize>)>,
}

/// Where the third-party captures lie, if they are there: `../shared/data/pcap` beside
/// the repository.
pub fn shared_captures() -> Option<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/data/pcap");
    root.is_dir().then_some(root)
}

/// At least `packets` packets of the captures under `root`.
///
/// # Errors
///
/// When a capture cannot be read.
pub fn modbus_and_http(root: &Path, packets: usize) -> io::Result<Mix> {
    let load = |names: &[&str]| -> io::Result<Vec<Recording>> {
        names.iter().map(|name| read(&root.join(name))).collect()
    };
    let modbus = load(&MODBUS)?;
    let http = load(&HTTP)?;
    let mut mix = Mix {
        bytes: Vec::new(),
        packets: Vec::with_capacity(packets),
    };
    let mut copy = 0;
    while mix.packets.len() < packets {
        let start = 1_700_000_000_000_000_000 + u64::from(copy) * STAGGER;
        for capture in &modbus {
            mix.add(capture, copy * HTTP_COPIES, start);
        }
        for n in 0..HTTP_COPIES {
            let start = start + u64::from(n) * STAGGER / u64::from(HTTP_COPIES);
            for capture in &http {
                mix.add(capture, copy * HTTP_COPIES + n, start);
            }
        }
        copy += 1;
    }
    mix.packets.sort_by_key(|(time, _)| *time);
    mix.pack();
    Ok(mix)
}

/// Reads a whole capture.
fn read(path: &Path) -> io::Result<Recording> {
    let mut packets = Vec::new();
    let mut first = None;
    let mut capture =
        CaptureReader::new(File::open(path)?, ReadLimits::default()).map_err(io::Error::other)?;
    while let Some(packet) = capture.next_packet().map_err(io::Error::other)? {
        let first = *first.get_or_insert(packet.time);
        packets.push((packet.time.saturating_sub(first), packet.data.to_vec()));
    }
    Ok(packets)
}

impl Mix {
    fn add(&mut self, capture: &[(u64, Vec<u8>)], copy: u32, start: u64) {
        for (time, data) in capture {
            let from = self.bytes.len();
            self.bytes.extend_from_slice(data);
            if let Some(frame) = self.bytes.get_mut(from..) {
                readdress(frame, copy);
            }
            self.packets.push((start + time, from..self.bytes.len()));
        }
    }

    /// Lays the bytes out in the order of the packets, as they would come from a file.
    fn pack(&mut self) {
        let mut packed = Vec::with_capacity(self.bytes.len());
        for (_, range) in &mut self.packets {
            let from = packed.len();
            packed.extend_from_slice(self.bytes.get(range.clone()).unwrap_or_default());
            *range = from..packed.len();
        }
        self.bytes = packed;
    }

    /// The packets, numbered from 1.
    pub fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        (1..).zip(&self.packets).map(|(number, (time, range))| {
            let data = self.bytes.get(range.clone()).unwrap_or_default();
            Packet {
                number,
                time: *time,
                link: LinkType::ETHERNET,
                original_length: data.len() as u32,
                data,
            }
        })
    }

    /// How many packets there are.
    pub fn len(&self) -> usize {
        self.packets.len()
    }

    /// Whether there is no packet.
    pub fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// Bytes of all packets.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Writes the mix as a pcap file with nanoseconds.
    ///
    /// # Errors
    ///
    /// Those of `out`.
    pub fn write_pcap(&self, out: &mut impl Write) -> io::Result<()> {
        let header: [u32; 6] = [0xa1b2_3c4d, 0x0004_0002, 0, 0, 262_144, 1];
        for field in header {
            out.write_all(&field.to_le_bytes())?;
        }
        for packet in self.packets() {
            let length = packet.data.len() as u32;
            let record = [
                (packet.time / 1_000_000_000) as u32,
                (packet.time % 1_000_000_000) as u32,
                length,
                length,
            ];
            for field in record {
                out.write_all(&field.to_le_bytes())?;
            }
            out.write_all(packet.data)?;
        }
        Ok(())
    }
}

/// Changes the middle bytes of both IPv4 addresses by the number of the copy, and with
/// them the checksums of IP and TCP.
fn readdress(frame: &mut [u8], copy: u32) {
    let Some(ip) = frame.get_mut(14..) else {
        return;
    };
    if ip.first() != Some(&0x45) {
        return;
    }
    let by = (copy as u16).to_be_bytes();
    let tcp = ip.get(9) == Some(&6);
    for at in [13, 17] {
        // The two bytes stand in two different 16-bit words of the checksum.
        for (at, by) in [(at, by[0]), (at + 1, by[1])] {
            let Some(old) = ip.get(at).copied() else {
                return;
            };
            let new = old ^ by;
            if let Some(byte) = ip.get_mut(at) {
                *byte = new;
            }
            let shift = if at % 2 == 0 { 8 } else { 0 };
            let (old, new) = (u16::from(old) << shift, u16::from(new) << shift);
            adjust(ip, 10, old, new);
            if tcp {
                adjust(ip, 36, old, new);
            }
        }
    }
}

/// RFC 1624: a checksum after one of the words that it covers has changed.
fn adjust(packet: &mut [u8], at: usize, old: u16, new: u16) {
    let Some(sum) = packet.get_mut(at..).and_then(|p| p.first_chunk_mut::<2>()) else {
        return;
    };
    let folded = u32::from(!u16::from_be_bytes(*sum)) + u32::from(!old) + u32::from(new);
    let folded = (folded & 0xffff) + (folded >> 16);
    let folded = (folded & 0xffff) + (folded >> 16);
    *sum = (!(folded as u16)).to_be_bytes();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_differ_in_address_and_keep_their_checksums() {
        let sum = |words: &[u8]| {
            let mut sum: u32 = words
                .chunks(2)
                .map(|w| u32::from(w[0]) << 8 | u32::from(w[1]))
                .sum();
            while sum > 0xffff {
                sum = (sum & 0xffff) + (sum >> 16);
            }
            sum
        };
        let mut frame = vec![0; 14];
        frame.extend([
            0x45, 0, 0, 20, 0, 1, 0, 0, 64, 17, 0, 0, 10, 1, 2, 3, 10, 4, 5, 6,
        ]);
        let check = (!(sum(&frame[14..]) as u16)).to_be_bytes();
        frame[24..26].copy_from_slice(&check);
        let before = frame.clone();
        readdress(&mut frame, 0x1234);
        assert_eq!(frame[26..34], [10, 0x13, 0x36, 3, 10, 0x16, 0x31, 6]);
        assert_eq!(sum(&frame[14..]), 0xffff);
        assert_ne!(frame, before);
    }

    #[test]
    #[expect(clippy::print_stdout, reason = "a test that is skipped says so")]
    fn a_mix_is_in_order_and_readable_as_a_file() {
        let Some(root) = shared_captures() else {
            println!("skipped: no captures beside the repository");
            return;
        };
        let mix = modbus_and_http(&root, 30_000).unwrap();
        assert!(mix.len() >= 30_000 && mix.len() < 50_000);
        let mut file = Vec::new();
        mix.write_pcap(&mut file).unwrap();
        let mut capture = CaptureReader::new(&file[..], ReadLimits::default()).unwrap();
        let mut last = 0;
        for packet in mix.packets() {
            let read = capture.next_packet().unwrap().unwrap();
            assert_eq!((read.number, read.time), (packet.number, packet.time));
            assert_eq!(read.data, packet.data);
            assert!(read.time >= last);
            last = read.time;
        }
        assert!(capture.next_packet().unwrap().is_none());
    }
}
