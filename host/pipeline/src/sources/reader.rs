//! Reads events from an input, as many at a time as the engine asks for.

use std::fmt;
use std::io::Read;
use std::sync::Arc;

use palisade_events::json::{Mode, parse_event_of, parse_kind};

use super::counts::{Counts, Types};
use super::dead_letters::{DeadLetters, Letter};
use super::eve::Eve;
use super::fault::{Fault, Stop};
use super::input::{Input, Limits};
use super::policy::host_only;
use super::recognise::{Dialect, Format, skip_prefix};
use super::records::{Record, Records};
use super::sink::{EventSink, SinkError};
use super::zeek::Zeek;
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
        "breaks off after {offset} bytes (line {line}): {error}; the {records} records before \
         that were read"
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

/// A record that did not become an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The offset of its first byte, after decompression.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} (offset {}): {}",
            self.line, self.offset, self.reason
        )
    }
}

#[derive(Debug)]
enum Decoder {
    Eve(Box<Eve>),
    Zeek(Box<Zeek>),
    Palisade(Types),
}

/// Reads events from JSON of any dialect.
pub struct JsonReader {
    name: String,
    records: Records<Box<dyn Read + Send>>,
    decoder: Decoder,
    dead_letters: DeadLetters,
    max_reports: usize,
    reports: Vec<BadRecord>,
    events: u64,
    bad: u64,
    ended: bool,
}

impl fmt::Debug for JsonReader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JsonReader")
            .field("name", &self.name)
            .field("events", &self.events)
            .field("bad", &self.bad)
            .finish_non_exhaustive()
    }
}

impl JsonReader {
    /// Reads an input that was recognised as JSON; a capture is given back. `networks`
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
        let Format::Json(dialect, framing) = &input.format else {
            return Err(input);
        };
        let decoder = match dialect {
            Dialect::Eve => Decoder::Eve(Box::new(Eve::new(networks))),
            Dialect::Zeek(path) => Decoder::Zeek(Box::new(Zeek::new(path.clone(), networks))),
            Dialect::Palisade => Decoder::Palisade(Types::default()),
        };
        let framing = *framing;
        Ok(Self {
            name: input.name,
            records: Records::new(input.stream, framing, limits.max_record),
            decoder,
            dead_letters,
            max_reports: limits.max_reports,
            reports: Vec::new(),
            events: 0,
            bad: 0,
            ended: false,
        })
    }
}

impl EventReader for JsonReader {
    fn read_within(
        &mut self,
        to: &mut EventSink,
        max: usize,
        max_held: usize,
    ) -> Result<Progress, ReadError> {
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
                        name: self.name.clone(),
                        offset: self.records.offset(),
                        line: self.records.line(),
                        records: self.events + self.bad,
                        error,
                    });
                }
            };
            let bytes = self.records.bytes(&record);
            match decode(&mut self.decoder, &record, bytes, to) {
                Ok(()) => {
                    self.events += 1;
                    progress.events += 1;
                }
                Err(Stop::Bad(fault)) => {
                    self.bad += 1;
                    progress.bad += 1;
                    let reason = fault.to_string();
                    self.dead_letters.add(&Letter {
                        source: &self.name,
                        line: record.line,
                        offset: record.offset,
                        reason: &reason,
                        bytes,
                        len: record.len,
                    });
                    if self.reports.len() < self.max_reports {
                        let Record { line, offset, .. } = record;
                        self.reports.push(BadRecord {
                            line,
                            offset,
                            reason,
                        });
                    }
                }
                Err(Stop::Fatal(error)) => {
                    self.ended = true;
                    let name = self.name.clone();
                    return Err(ReadError::Sink {
                        name,
                        line: record.line,
                        error,
                    });
                }
            }
        }
        progress.ended = self.ended;
        Ok(progress)
    }

    fn counts(&self) -> Counts {
        let (types, left_out) = match &self.decoder {
            Decoder::Eve(eve) => (&eve.types, eve.left_out()),
            Decoder::Zeek(zeek) => (&zeek.types, zeek.left_out()),
            Decoder::Palisade(types) => (types, 0),
        };
        let (types, other_types) = types.get();
        Counts {
            bytes: self.records.offset(),
            lines: self.records.line(),
            records: self.events + self.bad,
            events: self.events,
            bad: self.bad,
            left_out,
            types,
            other_types,
        }
    }

    fn reports(&self) -> &[BadRecord] {
        &self.reports
    }
}

fn decode(
    decoder: &mut Decoder,
    record: &Record,
    bytes: &[u8],
    to: &mut EventSink,
) -> Result<(), Stop> {
    if let Some(fault) = record.fault {
        return Err(Stop::Bad(fault.into()));
    }
    let bytes = skip_prefix(bytes).trim_ascii_end();
    match decoder {
        Decoder::Eve(eve) => eve.read(text(bytes)?, to),
        Decoder::Zeek(zeek) => zeek.read(text(bytes)?, to),
        Decoder::Palisade(types) => {
            let mode = if to.policy().vectors {
                Mode::Vector
            } else {
                Mode::Strict
            };
            let kind = parse_kind(bytes).map_err(Fault::Event)?;
            if host_only(kind) && !to.policy().vectors {
                return Err(Stop::Bad(Fault::HostOnly(kind)));
            }
            let event = parse_event_of(kind, bytes, mode).map_err(Fault::Event)?;
            Fault::check_labels("labels", &event.envelope.labels)?;
            Fault::check_labels("refs", &event.envelope.refs)?;
            to.push(&event, bytes.len())?;
            types.count(kind.name(), true);
            Ok(())
        }
    }
}

fn text(bytes: &[u8]) -> Result<&str, Fault> {
    std::str::from_utf8(bytes).map_err(|error| Fault::NotUtf8(error.valid_up_to()))
}
