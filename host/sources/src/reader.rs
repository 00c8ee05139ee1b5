//! Reads events from an input, as many at a time as the engine asks for.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use palisade_events::counted;

use super::checkpoint::{Checkpoint, CheckpointError};
use super::counts::Counts;
use super::dead_letters::DeadLetters;
use super::decoder::Decoder;
use super::fault::Stop;
use super::input::{Input, Limits};
use super::recognise::Format;
use super::records::{Record, Records};
use super::recover::Found;
use super::reports::{BadRecord, Reports};
use super::sink::{EventSink, SinkError};
use crate::enrich::Networks;

/// What a call to [`EventReader::read`] has done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    /// Events put into the sink.
    pub events: usize,
    /// Records that were reported as bad instead.
    pub bad: usize,
    /// Whether the input has come to its end.
    pub ended: bool,
    /// Whether a live input has nothing more for now.
    pub paused: bool,
}

/// Why reading stops before the end of an input.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The stream broke off, or its compression is damaged. All before it was read.
    #[error(
        "breaks off after {} (line {line}): {error}; read before that: {}",
        counted(*offset, "byte"),
        counted(*records, "record")
    )]
    Broken {
        /// The input.
        name: String,
        /// Bytes that were read, after decompression.
        offset: u64,
        /// The line of the last byte.
        line: u64,
        /// Records that were read.
        records: u64,
        /// What is wrong.
        error: std::io::Error,
    },
    /// Events cannot be taken any more.
    #[error("line {line}: {error}")]
    Sink {
        /// The input.
        name: String,
        /// The line at which it happened.
        line: u64,
        /// Why.
        error: SinkError,
    },
}

/// An input as the engine pulls events from it.
pub trait EventReader: Send {
    /// Puts the next events into `to`, in the order of the input, until `max` records
    /// are done with, bad ones among them, or the input ends or pauses.
    ///
    /// # Errors
    /// See [`ReadError`]. What was put into `to` before stays, and a further call says
    /// that the input has ended.
    fn read(&mut self, to: &mut EventSink, max: usize) -> Result<Progress, ReadError> {
        self.read_within(to, max, usize::MAX)
    }

    /// As [`read`](Self::read), but until `to` holds `max_held` bytes at the most, and one
    /// record more.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    fn read_within(
        &mut self,
        to: &mut EventSink,
        max: usize,
        max_held: usize,
    ) -> Result<Progress, ReadError>;

    /// What was counted so far.
    fn counts(&self) -> Counts;

    /// The first bad records, as many as the limits say.
    fn reports(&self) -> &[BadRecord];
}

/// Reads events from a log of any dialect.
pub struct LogReader {
    records: Records<Box<dyn Read + Send>>,
    decoder: Decoder,
    reports: Reports,
    events: u64,
    ended: bool,
}

impl fmt::Debug for LogReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LogReader")
            .field("name", &self.reports.name)
            .field("events", &self.events)
            .field("bad", &self.reports.bad)
            .finish_non_exhaustive()
    }
}

impl LogReader {
    /// Consults other networks from the next record on.
    pub fn set_networks(&mut self, networks: Option<Arc<Networks>>) {
        self.decoder.set_networks(networks);
    }

    /// Reads an input that was recognised as a log; a capture is given back. `networks`
    /// is asked only about VLANs and hardware addresses, which events do not carry; the
    /// rest of enrichment is for whole batches.
    ///
    /// # Errors
    /// The input, when it is a capture.
    pub fn new(
        input: Input,
        limits: &Limits,
        networks: Option<Arc<Networks>>,
        dead_letters: DeadLetters,
    ) -> Result<Self, Input> {
        let Format::Log(dialect, framing) = &input.format else {
            return Err(input);
        };
        let decoder = Decoder::new(dialect, &input.name, networks);
        let framing = *framing;
        Ok(Self {
            records: Records::new(input.stream, framing, limits.max_record),
            decoder,
            reports: Reports::new(input.name, limits.max_reports, dead_letters),
            events: 0,
            ended: false,
        })
    }

    /// Where it stands, between two calls of [`read`](EventReader::read); `None`: at its end.
    pub fn checkpoint(&self) -> Option<Checkpoint> {
        if self.ended {
            return None;
        }
        let (dialect, header) = self.decoder.told();
        Some(Checkpoint {
            name: self.reports.name.clone(),
            dialect,
            framing: self.records.framing(),
            header,
            records: self.records.state(),
            events: self.events,
            bad: self.reports.bad,
            mended: self.reports.mended,
        })
    }

    /// Goes on where another stood, with an input of which the bytes before that are gone.
    ///
    /// # Errors
    /// When no reader stands there.
    pub fn going_on(
        from: impl Read + Send + 'static,
        at: Checkpoint,
        limits: &Limits,
        networks: Option<Arc<Networks>>,
        dead_letters: DeadLetters,
    ) -> Result<Self, CheckpointError> {
        let mut decoder = Decoder::new(&at.dialect, &at.name, networks);
        let from: Box<dyn Read + Send> = Box::new(from);
        let records = Records::going_on(from, at.framing, limits.max_record, at.records);
        let sound = decoder.go_on(at.header);
        let mut reports = Reports::new(at.name, limits.max_reports, dead_letters);
        (reports.bad, reports.mended) = (at.bad, at.mended);
        Ok(Self {
            records: records.filter(|_| sound).ok_or(CheckpointError)?,
            decoder,
            reports,
            events: at.events,
            ended: false,
        })
    }

    /// Makes events of a record, or reports what cannot be read of it.
    fn take(&mut self, record: &Record, to: &mut EventSink) -> Result<(), SinkError> {
        let bytes = self.records.bytes(record);
        let fault = match self.decoder.record(record, bytes, to) {
            Ok(true) => {
                self.events += 1;
                return Ok(());
            }
            // A line of a header.
            Ok(false) => return Ok(()),
            Err(Stop::Bad(fault)) => fault,
            Err(Stop::Fatal(error)) => return Err(error),
        };
        // Vectors are held to the letter.
        let found = if fault.is_of_form() && !to.policy().vectors {
            self.decoder.again(bytes, to)?
        } else {
            Found::default()
        };
        self.events += found.taken as u64;
        if found.taken == 0 {
            // Nothing tells that it is more than one record.
            let fault = found.telling.as_ref().unwrap_or(&fault);
            self.reports.bad(record, 0..bytes.len(), bytes, fault);
            return Ok(());
        }
        for (at, fault) in &found.bad {
            self.reports.bad(record, at.clone(), bytes, fault);
        }
        if found.mended {
            self.reports.mended(record, bytes, &fault);
        }
        Ok(())
    }
}

impl EventReader for LogReader {
    fn read_within(
        &mut self,
        to: &mut EventSink,
        max: usize,
        max_held: usize,
    ) -> Result<Progress, ReadError> {
        let before = (self.events, self.reports.bad);
        let mut progress = Progress::default();
        while !self.ended && progress.events + progress.bad < max && to.held() < max_held {
            let record = match self.records.next() {
                Ok(Some(record)) => record,
                Ok(None) => {
                    self.ended = true;
                    break;
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                    progress.paused = true;
                    break;
                }
                Err(error) => {
                    self.ended = true;
                    return Err(ReadError::Broken {
                        name: self.reports.name.clone(),
                        offset: self.records.offset(),
                        line: self.records.line(),
                        records: self.events + self.reports.bad,
                        error,
                    });
                }
            };
            if let Err(error) = self.take(&record, to) {
                self.ended = true;
                return Err(ReadError::Sink {
                    name: self.reports.name.clone(),
                    line: record.line,
                    error,
                });
            }
            let since = |now: u64, then| usize::try_from(now - then).unwrap_or(usize::MAX);
            progress.events = since(self.events, before.0);
            progress.bad = since(self.reports.bad, before.1);
        }
        progress.ended = self.ended;
        Ok(progress)
    }

    fn counts(&self) -> Counts {
        Counts {
            bytes: self.records.offset(),
            lines: self.records.line(),
            records: self.events + self.reports.bad,
            events: self.events,
            bad: self.reports.bad,
            mended: self.reports.mended + self.records.zeros(),
            ..self.decoder.counts()
        }
    }

    fn reports(&self) -> &[BadRecord] {
        &self.reports.list
    }
}
