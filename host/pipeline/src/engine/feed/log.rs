//! Logs and events: records to batches.

use std::sync::Arc;

use palisade_events::{Batch, Source, counted};
use palisade_sources::enrich::{EnrichError, Networks};
use palisade_sources::{
    BadRecord, Checkpoint, Consumed, Counts, EventReader as _, EventSink, Input, LogReader, Remarks,
};

use super::{Epoch, Feed, Intake, Progress, Terms};
use crate::engine::config::EngineError;
use crate::engine::output::Notice;
use crate::engine::stop::Stop;

/// The most requests of an epoch: decisions are held until it is over.
const MAX_REQUESTS: usize = 1024;
/// Bytes that a request counts for at most.
const MAX_WEIGHT: usize = 1 << 20;

/// A log, and the batches that it is read into.
pub struct LogFeed {
    name: String,
    reader: LogReader,
    sink: EventSink,
    stop: Stop,
    ended: bool,
    /// Why it could not be read to its end.
    broken: Option<String>,
    consumed: Consumed,
    remarks: Remarks,
}

impl LogFeed {
    /// A feed of what is read into this sink.
    pub(crate) fn new(
        name: String,
        reader: LogReader,
        sink: EventSink,
        (consumed, remarks): (Consumed, Remarks),
        stop: Stop,
    ) -> LogFeed {
        LogFeed {
            name,
            reader,
            sink,
            stop,
            ended: false,
            broken: None,
            consumed,
            remarks,
        }
    }

    /// Bytes of the input, decompressed, that are done with: where reading goes on after a
    /// restart. Between two calls of [`fill`](Feed::fill) it lies between two records.
    pub fn offset(&self) -> u64 {
        self.reader.counts().bytes
    }

    /// The number of the next event.
    pub fn next_seq(&self) -> u64 {
        self.sink.next_seq()
    }

    /// Where reading stands, between two calls of [`fill`](Feed::fill); `None`: at the end.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        self.reader.checkpoint().filter(|_| !self.ended)
    }

    /// The latest of the bad records that are told one by one, with its place and what is wrong.
    pub fn last_bad(&self) -> Option<String> {
        self.reader.reports().last().map(ToString::to_string)
    }

    /// The first bad records, in the order of the input.
    pub fn bad(&self) -> &[BadRecord] {
        self.reader.reports()
    }

    /// Reads on as [`fill`](Feed::fill) does, and takes what it reads off the room that the epoch
    /// has. It stays with the feed until it is [put](Self::put) into the epoch, so that the
    /// records of several short inputs, of which each [renews](Self::renew) the feed, make batches
    /// together.
    pub fn read_on(&mut self, epoch: &mut Epoch) -> Progress {
        let mut paused = false;
        if self.stop.is_asked() {
            self.ended = true;
        }
        if !self.ended {
            let weight = (epoch.bytes / MAX_REQUESTS).min(MAX_WEIGHT);
            self.sink.set_weight(epoch.generation.requests, weight);
            let read = self
                .reader
                .read_within(&mut self.sink, epoch.records, epoch.bytes);
            match read {
                Ok(progress) => {
                    self.ended = progress.ended;
                    paused = progress.paused;
                    let read = progress.events + progress.bad;
                    epoch.records = epoch.records.saturating_sub(read);
                }
                Err(error) => self.breaks_off(error.to_string()),
            }
        }
        Progress {
            ended: self.ended,
            paused,
        }
    }

    /// Puts what was read into the epoch. Whether it is whole; why not is among the
    /// [notices](Feed::notices).
    pub fn put(&mut self, epoch: &mut Epoch) -> bool {
        match self.sink.finish() {
            Ok(batches) => match owned(epoch.generation.networks.as_deref(), batches) {
                Ok(batches) => {
                    epoch.batches = batches;
                    return true;
                }
                Err(error) => self.breaks_off(error.to_string()),
            },
            Err(error) => self.breaks_off(error.to_string()),
        }
        false
    }

    /// Goes on with another input of the same source, such as the file that came after one
    /// which was rotated; numbers go on.
    ///
    /// # Errors
    /// When the input is a capture.
    pub fn renew(&mut self, input: Input, terms: &Terms) -> Result<(), EngineError> {
        self.name.clone_from(&input.name);
        (self.consumed, self.remarks) = (input.consumed.clone(), input.remarks.clone());
        self.reader = terms.reader(input)?;
        (self.ended, self.broken) = (false, None);
        Ok(())
    }

    /// Reads on in the terms of another generation.
    pub fn follow(&mut self, terms: &Terms) {
        self.reader.set_networks(terms.generation.networks.clone());
    }

    fn is_empty(&self) -> bool {
        let counts = self.reader.counts();
        let nothing = counts.bad + counts.events == 0;
        self.ended && nothing && self.broken.is_none() && !self.stop.is_asked()
    }

    fn breaks_off(&mut self, why: String) {
        // The first is the cause of the others.
        self.broken.get_or_insert(why);
        self.ended = true;
    }
}

/// Fills in owner and direction where the events leave them open.
fn owned(networks: Option<&Networks>, batches: Vec<Batch>) -> Result<Vec<Batch>, EnrichError> {
    let Some(networks) = networks else {
        return Ok(batches);
    };
    let mut out = Vec::with_capacity(batches.len());
    for batch in batches {
        out.extend(networks.enrich(&batch)?);
    }
    Ok(out)
}

impl Feed for LogFeed {
    fn fill(&mut self, epoch: &mut Epoch) -> Progress {
        let had_ended = self.ended;
        let progress = self.read_on(epoch);
        if !had_ended {
            self.put(epoch);
        }
        Progress {
            ended: self.ended,
            ..progress
        }
    }

    fn source(&self) -> &Arc<Source> {
        self.sink.source()
    }

    fn consumed(&self) -> u64 {
        self.consumed.get()
    }

    fn intake(&self) -> Intake {
        let counts = self.reader.counts();
        Intake {
            bytes: counts.bytes,
            bad_records: counts.bad,
            mended_records: counts.mended,
            endless: counts.endless,
            broken: self.broken.is_some(),
            empty: self.is_empty(),
            ..Intake::default()
        }
    }

    /// In the order of the input: its bad records, and where it broke off.
    fn notices(&mut self) -> Vec<Notice> {
        let name = &self.name;
        let reports = self.reader.reports();
        let told = reports.iter().map(|report| Notice::Record {
            name: name.clone(),
            problem: report.to_string(),
        });
        let counts = self.reader.counts();
        let rest = remarks_of(&counts, reports.len() as u64, self.is_empty())
            .into_iter()
            .chain(self.broken.take())
            .chain(self.remarks.take())
            .map(|problem| Notice::Input {
                name: name.clone(),
                problem,
            });
        told.chain(rest).collect()
    }
}

/// What is to be said of these counts, where so many bad records are told one by one.
fn remarks_of(counts: &Counts, told: u64, empty: bool) -> Vec<String> {
    let mut remarks = Vec::new();
    let more = counts.bad.saturating_sub(told);
    if more > 0 {
        let more = counted(more, "bad record");
        remarks.push(format!(
            "and {more} more; a dead-letter file holds them all, with reasons"
        ));
    }
    if counts.bad > 0 && counts.events == 0 {
        remarks.push(format!(
            "of its {} none became an event; the reasons are those above",
            counted(counts.bad, "record")
        ));
    }
    if empty {
        remarks.push("it holds no record, so there is nothing of it to evaluate".to_owned());
    }
    if let Some(absent) = &counts.absent {
        let endless = counted(counts.endless, "event");
        remarks.push(format!(
            "read without an address of an end: {endless}; in the record of the first {absent}"
        ));
    }
    remarks
}
