//! What the feeds of an engine have in common.

use std::sync::Arc;

use palisade_capture::ReadLimits;
use palisade_capture::flow::FlowConfig;
use palisade_events::Source;
use palisade_sources::{
    Checkpoint, CheckpointError, Consumed, DeadLetters, EventSink, Input, Limits, LogReader,
    Remarks, SourcePolicy,
};

use super::{Epoch, LogFeed, PacketFeed};
use crate::engine::config::{EngineConfig, EngineError};
use crate::engine::generation::Generation;

/// How epochs of an engine are filled: what a thread needs that reads a source for it.
#[derive(Clone)]
pub struct Terms {
    pub(crate) config: EngineConfig,
    pub(crate) generation: Arc<Generation>,
    /// Bytes after which an epoch is full.
    pub(crate) bytes: usize,
    pub(crate) workers: usize,
}

impl Terms {
    /// The same, with other dead letters for records that cannot be read.
    #[must_use]
    pub fn with_letters(mut self, letters: DeadLetters) -> Terms {
        self.config.dead_letters = letters;
        self
    }

    /// An empty epoch of a source, read at this time in nanoseconds (`None`: every event's time
    /// is believed).
    pub fn epoch(&self, source: &Arc<Source>, now: Option<u64>) -> Epoch {
        Epoch {
            source: Arc::clone(source),
            generation: Arc::clone(&self.generation),
            now,
            records: self.config.epoch,
            bytes: self.bytes,
            workers: self.workers,
            key: self.config.partition_key,
            captured: false,
            backfill: false,
            pieces: Vec::new(),
            news: Vec::new(),
            batches: Vec::new(),
            record: 0,
        }
    }

    /// Where what cannot be read is kept.
    pub fn dead_letters(&self) -> &DeadLetters {
        &self.config.dead_letters
    }

    /// A feed of a log, whose first event gets this number.
    ///
    /// # Errors
    /// When the input is a capture.
    pub fn log(
        &self,
        input: Input,
        policy: SourcePolicy,
        seq: u64,
    ) -> Result<LogFeed, EngineError> {
        let rows = self.config.batch_rows;
        let sink = EventSink::new(policy).with_max_rows(rows).starting_at(seq);
        let (name, seen) = (
            input.name.clone(),
            (input.consumed.clone(), input.remarks.clone()),
        );
        let reader = self.reader(input)?;
        let stop = self.config.stop.clone();
        Ok(LogFeed::new(name, reader, sink, seen, stop))
    }

    /// A feed of packets, which is one of so many that share the memory for flows.
    pub fn packets(&self, source: Arc<Source>, share: u64) -> PacketFeed {
        PacketFeed::new(source, self.flow(share))
    }

    /// The limits of one flow table of so many.
    pub(crate) fn flow(&self, share: u64) -> FlowConfig {
        let mut flow = self.config.flow.clone();
        let part = |all: usize| {
            let share = usize::try_from(share.max(1)).unwrap_or(usize::MAX);
            (all / share).max(1)
        };
        flow.max_flows = part(flow.max_flows);
        flow.reassembly.total_bytes = part(flow.reassembly.total_bytes);
        flow.fragments.bytes = part(flow.fragments.bytes);
        // Those of parsers that were there before are not to tell, since nobody knows them after
        // a restart.
        flow.server_ports.clone_from(&self.generation.ports);
        flow
    }

    /// The most packets of an epoch, and bytes after which it is full.
    pub fn room(&self) -> (usize, usize) {
        (self.config.epoch, self.bytes)
    }

    /// Limits on reading captures, and on undoing their compression where so many are read at
    /// a time.
    pub fn captures(&self, share: u64) -> (ReadLimits, Limits) {
        let mut limits = self.config.limits.clone();
        limits.max_window /= share.max(1);
        (self.config.read, limits)
    }

    /// A feed that goes on in the middle of a log, of which the bytes before are gone; its next
    /// event gets this number.
    ///
    /// # Errors
    /// When no reader stands there.
    pub fn going_on(
        &self,
        from: impl std::io::Read + Send + 'static,
        at: Checkpoint,
        policy: SourcePolicy,
        seq: u64,
    ) -> Result<LogFeed, CheckpointError> {
        let sink = EventSink::new(policy).with_max_rows(self.config.batch_rows);
        let seen = (Consumed::default(), Remarks::default());
        let (name, config) = (at.name().to_owned(), &self.config);
        let networks = self.generation.networks.clone();
        let letters = config.dead_letters.clone();
        let reader = LogReader::going_on(from, at, &config.limits, networks, letters)?;
        let (sink, stop) = (sink.starting_at(seq), config.stop.clone());
        Ok(LogFeed::new(name, reader, sink, seen, stop))
    }

    /// What reads a log.
    pub(crate) fn reader(&self, input: Input) -> Result<LogReader, EngineError> {
        let name = input.name.clone();
        let networks = self.generation.networks.clone();
        let letters = self.config.dead_letters.clone();
        let reader = LogReader::new(input, &self.config.limits, networks, letters);
        reader.map_err(|_| EngineError::Capture(name))
    }
}
