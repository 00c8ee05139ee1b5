//! What an engine is fed from: inputs that fill epochs and evaluate nothing.
//!
//! A [`Feed`] is read in a thread of its own or in that of the engine; either way what it reads
//! goes to the engine as an [`Epoch`], of one source, in the order of the input. It knows no
//! plugin: an epoch brings the generation in whose terms it is filled.

mod capture;
mod log;
mod packets;
mod terms;

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_events::{Batch, Source};
use palisade_state::partition::PartitionKey;

use super::generation::Generation;
use super::ingest::{FlowNews, Ingest};
use super::output::Notice;
use super::piece::Pieces;

pub(crate) use capture::CaptureFeed;
pub use log::LogFeed;
pub use packets::{PacketFeed, Seen};
pub use terms::Terms;

/// How far a call to [`Feed::fill`] came.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// The input has come to its end, or can be read no further.
    pub ended: bool,
    /// A live input has nothing more for now.
    pub paused: bool,
}

/// What was read of an input so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Intake {
    /// Packets of a capture.
    pub packets: u64,
    /// Packets that were no part of a flow, by reason.
    pub packets_skipped: BTreeMap<&'static str, u64>,
    /// Bytes, after decompression.
    pub bytes: u64,
    /// Records that became no event.
    pub bad_records: u64,
    /// Records of which something was replaced or left out, so that they could be read.
    pub mended_records: u64,
    /// Events of which an end has no address, since the record does not say it.
    pub endless: u64,
    /// Flows that ended to make room for newer ones.
    pub evicted: u64,
    /// It could not be read to its end.
    pub broken: bool,
    /// It was read to its end, and holds no packet and no record.
    pub empty: bool,
}

/// An input that is read epoch by epoch.
pub trait Feed: Send {
    /// Reads on into an empty epoch, until that is full, or the input pauses or ends.
    fn fill(&mut self, epoch: &mut Epoch) -> Progress;

    /// Whose events these are.
    fn source(&self) -> &Arc<Source>;

    /// Bytes of the input as it is stored that were read so far.
    fn consumed(&self) -> u64;

    /// What was read so far.
    fn intake(&self) -> Intake;

    /// What the operator should know of the input once it has ended: its bad records, as many as
    /// are told of, and why it could not be read to its end.
    fn notices(&mut self) -> Vec<Notice>;
}

/// What is evaluated together: some of what one source has to say, at a time, for a generation.
pub struct Epoch {
    /// Whose it is.
    pub(crate) source: Arc<Source>,
    /// In whose terms it is filled.
    pub(crate) generation: Arc<Generation>,
    /// The time at which it is read, in nanoseconds; `None`: every event's time is believed.
    pub(crate) now: Option<u64>,
    /// The most records or packets that it takes.
    pub(crate) records: usize,
    /// Bytes after which it is full.
    pub(crate) bytes: usize,
    /// How many workers there are.
    pub(crate) workers: usize,
    /// Chooses the worker of a flow.
    pub(crate) key: PartitionKey,
    /// It is of a capture: what its flows yield is told.
    pub(crate) captured: bool,
    /// Its events say nothing of how far time has come.
    pub(crate) backfill: bool,
    /// Bytes of flows, for each worker; empty: there are none.
    pub(crate) pieces: Vec<Pieces>,
    /// News of flows.
    pub(crate) news: Vec<FlowNews>,
    /// Records, numbered as if nothing came between them.
    pub(crate) batches: Vec<Batch>,
    /// Under what number it is kept.
    pub(crate) record: u64,
}

impl Epoch {
    /// Lets packets of the source in this slot be gathered into it.
    pub(crate) fn gather<R>(&mut self, slot: u16, read: impl FnOnce(&mut Ingest<'_>) -> R) -> R {
        let generation = Arc::clone(&self.generation);
        let mut pieces = std::mem::take(&mut self.pieces);
        pieces.resize_with(self.workers, Default::default);
        let mut ingest = Ingest::new(
            slot,
            pieces,
            !generation.parsers.is_empty(),
            self.key,
            generation.networks.as_deref(),
        );
        let done = read(&mut ingest);
        self.captured = true;
        (self.news, self.pieces) = (ingest.news, ingest.pieces);
        done
    }

    /// The same epoch, which is kept under this number: by that it is told later where flows began
    /// that are still open; see [`open_flows`](super::Engine::open_flows).
    #[must_use]
    pub fn kept_as(mut self, record: u64) -> Epoch {
        self.record = record;
        self
    }

    /// The same epoch, which is full at no time: for what is known to have been one before.
    #[must_use]
    pub fn whole(mut self) -> Epoch {
        (self.records, self.bytes) = (usize::MAX, usize::MAX);
        self
    }

    /// The same epoch, whose events say nothing of how far time has come: they neither move the
    /// watermark nor hold it back, and those before it are late.
    #[must_use]
    pub fn backfill(mut self) -> Epoch {
        self.backfill = true;
        self
    }
}
