//! What a parser worker remembers of a flow.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use palisade_events::table::FlowContext;
use palisade_runtime::ChunkDirection;

use crate::engine::piece::{Order, Piece};

/// The most bytes of a flow that recognition looks at, and that are held for it.
pub(crate) const PROBE_BYTES: usize = 4 << 10;
/// The most pieces of a flow that are held for recognition; what follows on the last of
/// them is added to it, so that nobody hides by sending byte by byte.
pub(crate) const PROBE_PIECES: usize = 16;
/// The most bytes that a parser may leave over in one direction.
pub(crate) const KEPT_BYTES: usize = 64 << 10;
/// How often a flow may be handed over to another parser.
pub(crate) const MAX_HANDOVERS: u8 = 4;

/// A piece with its bytes, held until it is known who parses it.
#[derive(Debug)]
pub(crate) struct Held {
    pub(crate) piece: Piece,
    pub(crate) bytes: Vec<u8>,
}

/// What a parser left over of one direction.
#[derive(Debug, Default)]
pub(crate) struct Side {
    /// Bytes that come again ahead of what follows.
    pub(crate) tail: Vec<u8>,
    /// Position in the stream right behind the tail.
    pub(crate) tail_end: u64,
    /// How many more must come before it makes sense to call the parser.
    pub(crate) needed: usize,
    /// A gap that the next chunk must report because its parser lost its memory.
    pub(crate) lost: bool,
    /// Nothing more comes in this direction.
    pub(crate) ended: bool,
    /// Bytes have come in this direction since the flow was recognised.
    pub(crate) heard: bool,
}

/// Where a flow is parsed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Seat {
    /// Position of the parser.
    pub(crate) parser: usize,
    /// Which of its instances.
    pub(crate) instance: usize,
    /// Which of the instance's places.
    pub(crate) place: usize,
}

/// Who parses a flow.
#[derive(Debug)]
pub(crate) enum State {
    /// Not known yet.
    Probing(Probe),
    /// This parser.
    Parsing {
        /// Which parser, instance and place in it.
        seat: Seat,
        /// Where in the input recognition came about: events of earlier pieces are placed here.
        since: Order,
    },
    /// Nobody, any more.
    Ignored,
}

/// Recognition under way.
#[derive(Debug, Default)]
pub(crate) struct Probe {
    /// Everything that came so far.
    pub(crate) held: Vec<Held>,
    /// How many of those recognition has looked at.
    pub(crate) looked: usize,
    /// Bytes of each direction that recognition has looked at, from its start.
    pub(crate) seen: [Vec<u8>; 2],
    /// Parsers that said `no` to a direction, by position.
    pub(crate) refused: [Vec<usize>; 2],
    /// Whether parsers are being asked about what is seen now.
    pub(crate) asking: bool,
    /// Those that were.
    pub(crate) asked: Vec<usize>,
}

/// Bytes that something holds, as part of what all hold together.
#[derive(Debug)]
pub(crate) struct Charge {
    all: Arc<AtomicUsize>,
    own: usize,
}

impl Charge {
    fn set(&mut self, bytes: usize) {
        self.all.fetch_add(bytes, Ordering::Relaxed);
        self.all.fetch_sub(self.own, Ordering::Relaxed);
        self.own = bytes;
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.all.fetch_sub(self.own, Ordering::Relaxed);
    }
}

/// A flow as its parser worker knows it.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) state: State,
    pub(crate) sides: [Side; 2],
    pub(crate) handovers: u8,
    /// That a datagram of it was bad has been told.
    pub(crate) told: bool,
    /// Where in the input, and when, something of it last went to its parser.
    pub(crate) last: (Order, u64),
    /// What events of the flow are stamped with.
    pub(crate) context: Arc<FlowContext>,
    charge: Charge,
}

impl Session {
    /// A flow that nobody knows; what is held of it counts among `all`.
    pub(crate) fn new(context: Arc<FlowContext>, all: &Arc<AtomicUsize>) -> Session {
        Session {
            charge: Charge {
                all: Arc::clone(all),
                own: 0,
            },
            state: State::Probing(Probe::default()),
            sides: [Side::default(), Side::default()],
            handovers: 0,
            told: false,
            last: Default::default(),
            context,
        }
    }

    /// Books what is held of the flow now: bytes that wait for recognition, which looks at a
    /// copy of them, and those that its parser left over.
    pub(crate) fn recharge(&mut self) {
        let held = match &self.state {
            State::Probing(probe) => {
                let pieces = probe.held.iter();
                pieces.map(|h| size_of::<Held>() + 2 * h.bytes.len()).sum()
            }
            State::Parsing { .. } => self.sides.iter().map(|side| side.tail.len()).sum(),
            State::Ignored => 0,
        };
        self.charge.set(held);
    }

    pub(crate) fn side(&mut self, direction: ChunkDirection) -> &mut Side {
        &mut self.sides[index(direction)]
    }

    /// Whether both sides have said something.
    pub(crate) fn is_answered(&self) -> bool {
        self.sides.iter().all(|side| side.heard)
    }

    /// Stops parsing the flow and frees what was held of it.
    pub(crate) fn ignore(&mut self) {
        self.state = State::Ignored;
        self.sides = [Side::default(), Side::default()];
        self.recharge();
    }

    /// Its parser serves others now: what comes of it is recognised as if it were new, whose
    /// fault that is not, so it counts for no handover.
    pub(crate) fn displace(&mut self) {
        self.sides = [Side::default(), Side::default()];
        self.state = State::Probing(Probe::default());
        self.recharge();
    }

    /// Begins recognition afresh. `false`: too often.
    pub(crate) fn restart(&mut self) -> bool {
        self.sides = [Side::default(), Side::default()];
        self.handovers += 1;
        if self.handovers > MAX_HANDOVERS {
            self.ignore();
            return false;
        }
        self.state = State::Probing(Probe::default());
        self.recharge();
        true
    }
}

impl Probe {
    /// Parsers have other positions now; one that is not there any more has said nothing.
    pub(crate) fn rearrange(&mut self, to: &[Option<usize>]) {
        let moved = |at: &usize| to.get(*at).copied().flatten();
        for refused in &mut self.refused {
            *refused = refused.iter().filter_map(moved).collect();
        }
        self.asked = self.asked.iter().filter_map(moved).collect();
    }

    /// Whether no more may be held.
    pub(crate) fn is_full(&self) -> bool {
        let held: usize = self.held.iter().map(|h| h.bytes.len()).sum();
        self.held.len() >= PROBE_PIECES || held >= PROBE_BYTES
    }

    /// Whether no more may be held, and nobody has looked at a part of what is.
    pub(crate) fn waits(&self) -> bool {
        (self.asking || self.looked < self.held.len()) && self.is_full()
    }

    /// Looks at the next held piece that has bytes. `false`: there is none.
    pub(crate) fn look(&mut self) -> bool {
        while let Some(held) = self.held.get(self.looked) {
            self.looked += 1;
            let seen = &mut self.seen[index(held.piece.direction)];
            let room = PROBE_BYTES.saturating_sub(seen.len());
            if held.bytes.is_empty() || room == 0 {
                continue;
            }
            seen.extend_from_slice(&held.bytes[..room.min(held.bytes.len())]);
            self.asking = true;
            self.asked.clear();
            return true;
        }
        false
    }

    /// Adds a piece of a stream to the last one that is held, where no more pieces may be
    /// held and it follows on that one. Whether it did; the bytes count as looked at if
    /// those before them do.
    pub(crate) fn append(&mut self, piece: &Piece, bytes: &[u8]) -> bool {
        let total: usize = self.held.iter().map(|h| h.bytes.len()).sum();
        let full = self.held.len() >= PROBE_PIECES && total < PROBE_BYTES;
        let Some(last) = self.held.last_mut().filter(|_| full) else {
            return false;
        };
        let follows = last.piece.direction == piece.direction
            && piece.gap == 0
            && !last.piece.end
            && last.piece.offset + last.bytes.len() as u64 == piece.offset;
        if !follows || piece.close {
            return false;
        }
        last.bytes.extend_from_slice(bytes);
        last.piece.end = piece.end;
        (last.piece.order, last.piece.time) = (piece.order, piece.time);
        if self.looked == self.held.len() {
            let seen = &mut self.seen[index(piece.direction)];
            let room = PROBE_BYTES.saturating_sub(seen.len());
            seen.extend_from_slice(&bytes[..room.min(bytes.len())]);
            self.asking = true;
            self.asked.clear();
        }
        true
    }

    /// Holds a piece.
    pub(crate) fn hold(&mut self, piece: Piece, bytes: Vec<u8>) {
        self.held.push(Held { piece, bytes });
    }
}

/// The directions, each at its [`index`].
pub(crate) const DIRECTIONS: [ChunkDirection; 2] =
    [ChunkDirection::ToServer, ChunkDirection::ToClient];

/// Which of two a direction is.
pub(crate) fn index(direction: ChunkDirection) -> usize {
    match direction {
        ChunkDirection::ToServer => 0,
        ChunkDirection::ToClient => 1,
    }
}
