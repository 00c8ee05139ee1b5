//! What ingest hands to the parsers: bytes of flows, in order.

use std::sync::Arc;

use palisade_events::table::FlowContext;
use palisade_runtime::ChunkDirection;

/// Where something stands in the input: packet or record number, then position within it.
/// Everything that an epoch yields is sorted by this, so that neither the number of workers
/// nor the size of batches shows in the output.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub(crate) struct Order {
    /// Number of the packet or record, from 0, of its source.
    pub record: u64,
    /// Position among what that packet or record yields.
    pub part: u32,
}

impl Order {
    /// The first place of a record.
    pub(crate) fn of(record: u64) -> Order {
        Order { record, part: 0 }
    }
}

/// A flow of one source: two that watch the same wire see the same flow, and each has a session
/// of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct SourceFlow {
    /// Slot of the source.
    pub slot: u16,
    /// The flow's id, or of a recorded flow the number of its record.
    pub id: u64,
}

/// A run of bytes of one direction of a flow, or the end of the flow.
#[derive(Clone, Debug)]
pub(crate) struct Piece {
    /// The flow.
    pub flow: SourceFlow,
    /// Where it stands in the input.
    pub order: Order,
    /// When it was captured, in nanoseconds since the epoch.
    pub time: u64,
    /// Which way it travelled.
    pub direction: ChunkDirection,
    /// With the first piece of a flow: what its events are stamped with.
    pub context: Option<Arc<FlowContext>>,
    /// Position of its first byte in the direction's stream.
    pub offset: u64,
    /// Bytes missing right before it.
    pub gap: u32,
    /// Nothing more comes in this direction.
    pub end: bool,
    /// The flow is over; such a piece has no bytes.
    pub close: bool,
    /// Where its bytes begin in the arena.
    pub start: usize,
    /// How many there are.
    pub length: usize,
}

/// Pieces, and bytes, for which all lists together keep memory from one epoch to the next.
const KEPT_PIECES: usize = 32 << 10;
const KEPT_BYTES: usize = 32 << 20;

/// Pieces of one epoch for one worker.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pieces {
    /// In the order of the input.
    pub list: Vec<Piece>,
    /// Their bytes.
    pub arena: Vec<u8>,
}

impl Pieces {
    /// The bytes of a piece.
    pub(crate) fn bytes(&self, piece: &Piece) -> &[u8] {
        &self.arena[piece.start..piece.start + piece.length]
    }

    /// Appends a piece and its bytes.
    pub(crate) fn push(&mut self, mut piece: Piece, bytes: &[u8]) {
        piece.start = self.arena.len();
        piece.length = bytes.len();
        self.arena.extend_from_slice(bytes);
        self.list.push(piece);
    }

    /// Empties the list, which is one of so many, and keeps its memory within reason.
    pub(crate) fn clear(&mut self, lists: usize) {
        self.list.clear();
        self.list.shrink_to(KEPT_PIECES / lists);
        self.arena.clear();
        self.arena.shrink_to(KEPT_BYTES / lists);
    }
}
