//! A reader of classic captures that is just good enough for the test data: IPv4 and
//! IPv6 over Ethernet or raw, TCP without losses.

use std::{collections::HashMap, net::IpAddr, path::PathBuf};

use super::{Piece, Replay};
use crate::{Run, Side, Step};

/// One conversation of a capture.
#[derive(Debug, Clone)]
pub struct Conversation {
    /// Whether it is TCP.
    pub stream: bool,
    /// The side that sent first, or that sent the SYN: address and port.
    pub client: (IpAddr, u16),
    /// The other side.
    pub server: (IpAddr, u16),
    /// What was said, in order; for TCP one piece a segment.
    pub pieces: Vec<Piece>,
    /// Before which piece how many bytes of its direction are missing.
    pub losses: Vec<(usize, u32)>,
    next: [Option<u32>; 2],
    late: Vec<(Side, u32, Vec<u8>)>,
}

/// The conversations of a capture in the folder of test data that lies beside the
/// repository, in order of their first packet; `None`, with a message, where it is
/// missing.
#[must_use]
#[allow(clippy::print_stderr)]
pub fn conversations(name: &str) -> Option<Vec<Conversation>> {
    let path = shared(name)?;
    let bytes = std::fs::read(&path).ok()?;
    Some(read(&bytes))
}

/// The conversations of one of this repository's own captures (`tests/captures`), in order
/// of their first packet.
///
/// # Panics
/// When there is none of that name.
#[must_use]
pub fn recorded(name: &str) -> Vec<Conversation> {
    let captures = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../../tests/captures");
    let path = captures.join(name);
    let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    read(&bytes)
}

/// The path of a file in the folder of test data; `None`, with a message, where it is
/// missing.
#[must_use]
#[allow(clippy::print_stderr)]
pub fn shared(name: &str) -> Option<PathBuf> {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let path = here.join("../../../../shared/data/pcap").join(name);
    if path.exists() {
        return Some(path);
    }
    eprintln!("skipped: {} is not there", path.display());
    None
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn read(file: &[u8]) -> Vec<Conversation> {
    let mut found: Vec<Conversation> = Vec::new();
    let mut index = HashMap::new();
    let link = le32(file, 20).unwrap_or(1);
    let mut at = 24;
    while let Some(length) = le32(file, at + 8) {
        let Some(frame) = file.get(at + 16..at + 16 + length as usize) else {
            break;
        };
        at += 16 + length as usize;
        let _ = packet(frame, link, &mut found, &mut index);
    }
    found
}

type Key = (bool, (IpAddr, u16), (IpAddr, u16));

fn packet(
    frame: &[u8],
    link: u32,
    found: &mut Vec<Conversation>,
    index: &mut HashMap<Key, usize>,
) -> Option<()> {
    let ip = match link {
        1 => {
            let mut at = 12;
            while matches!(be16(frame, at)?, 0x8100 | 0x88a8) {
                at += 4;
            }
            frame.get(at + 2..)?
        }
        _ => frame,
    };
    let (protocol, source, target, payload) = if ip.first()? >> 4 == 4 {
        let header = usize::from(ip[0] & 15) * 4;
        let total = usize::from(be16(ip, 2)?).min(ip.len());
        let source: [u8; 4] = ip.get(12..16)?.try_into().ok()?;
        let target: [u8; 4] = ip.get(16..20)?.try_into().ok()?;
        (
            *ip.get(9)?,
            IpAddr::from(source),
            IpAddr::from(target),
            ip.get(header..total)?,
        )
    } else {
        let total = (40 + usize::from(be16(ip, 4)?)).min(ip.len());
        let source: [u8; 16] = ip.get(8..24)?.try_into().ok()?;
        let target: [u8; 16] = ip.get(24..40)?.try_into().ok()?;
        (
            *ip.get(6)?,
            IpAddr::from(source),
            IpAddr::from(target),
            ip.get(40..total)?,
        )
    };
    let from = (source, be16(payload, 0)?);
    let to = (target, be16(payload, 2)?);
    let (stream, flags, sequence, data) = match protocol {
        6 => {
            let header = usize::from(payload.get(12)? >> 4) * 4;
            let sequence = u32::from_be_bytes(payload.get(4..8)?.try_into().ok()?);
            (true, *payload.get(13)?, sequence, payload.get(header..)?)
        }
        17 => (false, 0, 0, payload.get(8..)?),
        _ => return None,
    };
    let forward = index.get(&(stream, from, to)).copied();
    let place = match forward.or_else(|| index.get(&(stream, to, from)).copied()) {
        Some(place) => place,
        None => {
            // A lone answer of a server is told by its lower port.
            let (client, server) =
                if flags & 0x12 == 0x12 || (stream && flags & 2 == 0 && from.1 < to.1) {
                    (to, from)
                } else {
                    (from, to)
                };
            found.push(Conversation {
                stream,
                client,
                server,
                pieces: Vec::new(),
                losses: Vec::new(),
                next: [None, None],
                late: Vec::new(),
            });
            index.insert((stream, client, server), found.len() - 1);
            found.len() - 1
        }
    };
    let conversation = found.get_mut(place)?;
    let side = if conversation.client == from {
        Side::ToServer
    } else {
        Side::ToClient
    };
    if !stream {
        conversation.pieces.push(Piece {
            side,
            bytes: data.to_vec(),
        });
        return Some(());
    }
    if flags & 2 != 0 {
        conversation.next[side.index()] = Some(sequence.wrapping_add(1));
    }
    if !data.is_empty() {
        conversation.next[side.index()].get_or_insert(sequence);
        conversation.late.push((side, sequence, data.to_vec()));
        while conversation.settle(side) {}
        conversation.jump(side);
    }
    Some(())
}

impl Conversation {
    /// Says it all to `replay`, losses included, and ends it.
    pub fn replay<F: FnMut(&Run<'_>) -> Step>(&self, replay: &mut Replay<F>) {
        for (index, piece) in self.pieces.iter().enumerate() {
            for (_, lost) in self.losses.iter().filter(|(before, _)| *before == index) {
                replay.lose(piece.side, *lost);
            }
            replay.push(piece.side, &piece.bytes);
        }
        replay.end();
    }

    /// Gives up a segment that others have waited for too long.
    fn jump(&mut self, side: Side) {
        let Some(next) = self.next[side.index()] else {
            return;
        };
        let waiting = || self.late.iter().filter(|(of, _, _)| *of == side);
        if waiting().count() < 8 {
            return;
        }
        let Some(lost) = waiting()
            .map(|(_, sequence, _)| sequence.wrapping_sub(next))
            .min()
        else {
            return;
        };
        self.losses.push((self.pieces.len(), lost));
        self.next[side.index()] = Some(next.wrapping_add(lost));
        while self.settle(side) {}
    }

    /// Moves one segment that continues its direction to the pieces.
    fn settle(&mut self, side: Side) -> bool {
        let Some(next) = &mut self.next[side.index()] else {
            return false;
        };
        let continues = |&(of, sequence, _): &(Side, u32, Vec<u8>)| {
            of == side && next.wrapping_sub(sequence) < 0x8000_0000
        };
        let Some(place) = self.late.iter().position(continues) else {
            return false;
        };
        let (_, sequence, bytes) = self.late.remove(place);
        let behind = next.wrapping_sub(sequence) as usize;
        if let Some(fresh) = bytes.get(behind..).filter(|fresh| !fresh.is_empty()) {
            *next = next.wrapping_add(fresh.len() as u32);
            self.pieces.push(Piece {
                side,
                bytes: fresh.to_vec(),
            });
        }
        true
    }
}
