//! What an epoch's pieces yield.

use std::time::Duration;

use palisade_events::Segment;
use palisade_runtime::{Fault, Peaks};

use crate::engine::piece::{Order, SourceFlow};

/// A flow whose protocol was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recognised {
    /// The flow.
    pub flow: SourceFlow,
    /// The piece that told it.
    pub order: Order,
    /// When that was captured.
    pub time: u64,
    /// Position of the parser among the engine's parsers.
    pub parser: usize,
}

/// Bytes of a flow that its parser could not read.
#[derive(Clone, Debug)]
pub(crate) struct ParseFailure {
    /// The flow.
    pub flow: SourceFlow,
    /// Where in the input.
    pub order: Order,
    /// Position of the parser.
    pub parser: usize,
    /// The flow is parsed no further. Otherwise it was a datagram, the first bad one of its flow.
    pub ends: bool,
    /// What it expected, or how it faulted.
    pub message: String,
}

/// A call of a parser that did not return.
#[derive(Clone, Debug)]
pub(crate) struct ParseFault {
    /// Position of the parser.
    pub parser: usize,
    /// What happened.
    pub fault: Fault,
    /// Numbers of the first and the last packet, from 1 in their capture, of what it was shown;
    /// where it faulted over no bytes of any, none.
    pub packets: Option<(u64, u64)>,
}

/// Events of one kind that parsers made, with their place in the input.
#[derive(Debug)]
pub(crate) struct ParsedRows {
    /// The rows.
    pub segment: Segment,
    /// Row and place of those that count, in the order of the input.
    pub rows: Vec<(Order, u32)>,
}

/// What one epoch's pieces yielded.
#[derive(Debug, Default)]
pub(crate) struct ParseOutput {
    /// Events.
    pub tables: Vec<ParsedRows>,
    /// Flows that were recognised.
    pub recognised: Vec<Recognised>,
    /// Flows that are parsed no further, and the first bad datagram of each that goes on.
    pub failures: Vec<ParseFailure>,
    /// Datagrams that their parsers could not read.
    pub bad_datagrams: u64,
    /// Faults of parsers.
    pub faults: Vec<ParseFault>,
    /// Flows that are parsed no further, beyond those in `failures`.
    pub more_failures: u64,
    /// Flows that nobody knew yet and of which there was no room to hold more.
    pub crowded: u64,
    /// Sessions of datagrams that ended before their flows, to make place for newer ones.
    pub displaced: u64,
    /// For each parser: time in the guest, calls, chunks, bytes.
    pub costs: Vec<ParseCost>,
    /// Bytes of all this, about.
    pub bytes: usize,
    /// There is more to parse than may be held at once: the place of the first piece that is
    /// not parsed yet.
    pub rest: Option<Order>,
}

/// What a parser cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParseCost {
    /// Time in its guest.
    pub time: Duration,
    /// Calls of `probe` and `parse`.
    pub calls: u64,
    /// Chunks that it was given.
    pub chunks: u64,
    /// Bytes that it was given.
    pub bytes: u64,
    /// Events that it made.
    pub events: u64,
    /// Pieces and questions that it was not given, because it had used up what it may of an
    /// epoch.
    pub unevaluated: u64,
    /// The same, because the run was ended.
    pub interrupted: u64,
    /// The most that a call needed, in any of its instances.
    pub peaks: Peaks,
}
