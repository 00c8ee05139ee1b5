//! Replays streams and captures through a parser as the host would.

use crate::{Run, Side, Step};

/// Bytes that the host keeps of a direction between calls.
const KEPT: usize = 64 * 1024;

/// A piece of a conversation: a run of a stream, or one datagram.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// Which way it went.
    pub side: Side,
    /// Its bytes.
    pub bytes: Vec<u8>,
}

/// Two directions of one session, fed to a parser as a host feeds them.
pub struct Replay<F> {
    feed: F,
    stream: bool,
    port: u16,
    kept: [Vec<u8>; 2],
    offsets: [u64; 2],
    gaps: [u32; 2],
    over: bool,
    /// How a stream ended early, if it did; of datagrams, what was said of the last bad one.
    pub last: Step,
}

impl<F: FnMut(&Run<'_>) -> Step> Replay<F> {
    /// A session on a server's `port` over TCP (`stream`) or UDP.
    pub fn new(stream: bool, port: u16, feed: F) -> Self {
        Self {
            feed,
            stream,
            port,
            kept: [Vec::new(), Vec::new()],
            offsets: [0; 2],
            gaps: [0; 2],
            over: false,
            last: Step::Done,
        }
    }

    /// Hands over `bytes`, after those that the parser left.
    pub fn push(&mut self, side: Side, bytes: &[u8]) {
        self.call(side, bytes, false);
    }

    /// Says that `count` bytes of this direction are lost.
    pub fn lose(&mut self, side: Side, count: u32) {
        let index = side.index();
        let kept = u32::try_from(self.kept[index].len()).unwrap_or(u32::MAX);
        self.kept[index].clear();
        self.offsets[index] += u64::from(kept) + u64::from(count);
        self.gaps[index] = self.gaps[index].saturating_add(kept).saturating_add(count);
    }

    /// Ends both directions, the client's first.
    pub fn end(&mut self) {
        self.call(Side::ToServer, &[], true);
        self.call(Side::ToClient, &[], true);
    }

    fn call(&mut self, side: Side, bytes: &[u8], end: bool) {
        if self.over {
            return;
        }
        let index = side.index();
        let mut all = std::mem::take(&mut self.kept[index]);
        all.extend_from_slice(bytes);
        let step = (self.feed)(&Run {
            side,
            stream: self.stream,
            port: self.port,
            offset: if self.stream { self.offsets[index] } else { 0 },
            gap: std::mem::take(&mut self.gaps[index]),
            end,
            bytes: &all,
        });
        match step {
            Step::Done => self.offsets[index] += all.len() as u64,
            Step::Incomplete { consumed, needed } => {
                assert!(self.stream, "no more comes of a datagram");
                assert!(
                    consumed <= all.len(),
                    "consumed {consumed} of {}",
                    all.len()
                );
                assert!(
                    consumed < all.len() || needed > 0,
                    "nothing is left to wait for"
                );
                self.offsets[index] += consumed as u64;
                self.kept[index] = all.split_off(consumed);
                assert!(self.kept[index].len() <= KEPT, "the host keeps no more");
            }
            Step::Error(fault) => {
                assert!(
                    fault.offset <= all.len(),
                    "{fault:?} lies past {}",
                    all.len()
                );
                // After a bad datagram comes the next.
                self.over = self.stream;
                self.last = step;
            }
            Step::Handover(offset) => {
                assert!(offset <= all.len(), "handover at {offset} of {}", all.len());
                self.over = true;
                self.last = step;
            }
        }
    }
}

/// A small generator of pseudo-random numbers (splitmix64), so that failures repeat.
#[derive(Debug, Clone)]
pub struct Random(pub u64);

impl Random {
    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, or 0.
    pub fn below(&mut self, bound: usize) -> usize {
        (self.number() % (bound.max(1) as u64)) as usize
    }

    /// `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        (0..length).map(|_| self.number() as u8).collect()
    }

    /// `bytes` with one to four changes: overwritten, removed, repeated or cut.
    pub fn mutate(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut out = bytes.to_vec();
        for _ in 0..=self.below(4) {
            let at = self.below(out.len());
            match self.below(5) {
                0 if !out.is_empty() => out[at] = self.number() as u8,
                1 if !out.is_empty() => out[at] ^= 1 << self.below(8),
                2 if !out.is_empty() => drop(out.remove(at)),
                3 => out.insert(at, [0, 0xff, 0x7f, 0x80][self.below(4)]),
                _ => out.truncate(at),
            }
        }
        out
    }
}

/// Feeds mutated and random conversations to parsers that `make` makes; they must
/// neither panic nor break what [`Replay`] asserts.
pub fn storm<F: FnMut(&Run<'_>) -> Step>(
    seed: u64,
    rounds: usize,
    stream: bool,
    pieces: &[Piece],
    mut make: impl FnMut() -> F,
) {
    let mut random = Random(seed);
    for _ in 0..rounds {
        let mut replay = Replay::new(stream, random.number() as u16, make());
        for piece in pieces {
            let bytes = match random.below(4) {
                0 => piece.bytes.clone(),
                1 => {
                    let length = random.below(96);
                    random.bytes(length)
                }
                _ => random.mutate(&piece.bytes),
            };
            if random.below(12) == 0 {
                let lost = random.number() as u32 >> random.below(32);
                replay.lose(piece.side, lost);
            }
            let cut = random.below(bytes.len() + 1);
            if stream && random.below(2) == 0 {
                replay.push(piece.side, &bytes[..cut]);
                replay.push(piece.side, &bytes[cut..]);
            } else {
                replay.push(piece.side, &bytes);
            }
        }
        replay.end();
    }
}

/// Replays a stream in every way of cutting one piece in two, and byte by byte, and
/// demands that `collect` gives what it gives for whole pieces. Returns that.
pub fn same_however_cut<E: PartialEq + std::fmt::Debug>(
    pieces: &[Piece],
    collect: impl Fn(&[Piece]) -> E,
) -> E {
    let whole = collect(pieces);
    for (index, piece) in pieces.iter().enumerate() {
        for cut in 1..piece.bytes.len() {
            let mut split = pieces.to_vec();
            let tail = split[index].bytes.split_off(cut);
            split.insert(
                index + 1,
                Piece {
                    side: piece.side,
                    bytes: tail,
                },
            );
            assert_eq!(collect(&split), whole, "piece {index} cut at {cut}");
        }
    }
    let bytewise: Vec<Piece> = pieces
        .iter()
        .flat_map(|piece| {
            piece.bytes.iter().map(|&byte| Piece {
                side: piece.side,
                bytes: vec![byte],
            })
        })
        .collect();
    assert_eq!(collect(&bytewise), whole, "byte by byte");
    whole
}

pub mod capture;
pub mod trial;
