//! Captures: packets through the flow table.

use std::sync::Arc;

use palisade_capture::flow::{FlowConfig, FlowTable};
use palisade_capture::{CaptureError, CaptureReader, ReadLimits, Reject};
use palisade_events::Source;
use palisade_sources::{Consumed, Input, Remarks};

use super::{Epoch, Feed, Intake, Progress};
use crate::engine::ingest::{FlowState, Ingest};
use crate::engine::output::Notice;
use crate::engine::stop::Stop;

/// A capture with its flow table.
pub(crate) struct CaptureFeed {
    name: String,
    source: Arc<Source>,
    /// `None`: its header cannot be read.
    reader: Option<CaptureReader<Box<dyn std::io::Read + Send>>>,
    table: FlowTable<FlowState>,
    stop: Stop,
    ended: bool,
    /// The input has said that there is nothing more, rather than broken off.
    whole: bool,
    broken: Option<CaptureError>,
    consumed: Consumed,
    remarks: Remarks,
}

impl CaptureFeed {
    /// A feed from an input that was recognised as a capture.
    pub(crate) fn new(
        input: Input,
        source: Arc<Source>,
        flow: FlowConfig,
        limits: ReadLimits,
        stop: Stop,
    ) -> CaptureFeed {
        let (reader, broken) = match CaptureReader::new(input.stream, limits) {
            Ok(reader) => (Some(reader), None),
            Err(error) => (None, Some(error)),
        };
        CaptureFeed {
            name: input.name,
            source,
            ended: reader.is_none(),
            whole: false,
            reader,
            table: FlowTable::new(flow),
            stop,
            broken,
            consumed: input.consumed,
            remarks: input.remarks,
        }
    }

    fn is_empty(&self) -> bool {
        let packets = self.reader.as_ref().map(CaptureReader::packets);
        self.whole && packets == Some(0)
    }

    /// Reads packets until the epoch is full, and closes all flows at the end.
    fn read(&mut self, ingest: &mut Ingest<'_>, records: usize, bytes: usize) -> Progress {
        let mut progress = Progress::default();
        let Some(reader) = &mut self.reader else {
            progress.ended = true;
            return progress;
        };
        for _ in 0..records {
            if self.ended || ingest.held() >= bytes {
                break;
            }
            if self.stop.is_asked() {
                self.ended = true;
            } else {
                match reader.next_packet() {
                    Ok(Some(packet)) => self.table.packet(&packet, ingest),
                    Ok(None) => (self.ended, self.whole) = (true, true),
                    Err(error) if error.is_pause() => {
                        progress.paused = true;
                        break;
                    }
                    Err(error) => {
                        self.broken = Some(error);
                        self.ended = true;
                    }
                }
            }
            if self.ended {
                self.table.finish(reader.packets(), ingest);
            }
        }
        progress.ended = self.ended;
        progress
    }
}

impl Feed for CaptureFeed {
    fn fill(&mut self, epoch: &mut Epoch) -> Progress {
        let (records, bytes, slot) = (epoch.records, epoch.bytes, self.source.slot);
        epoch.gather(slot, |ingest| self.read(ingest, records, bytes))
    }

    fn source(&self) -> &Arc<Source> {
        &self.source
    }

    fn consumed(&self) -> u64 {
        self.consumed.get()
    }

    fn intake(&self) -> Intake {
        let reader = self.reader.as_ref();
        let counts = self.table.packet_counts();
        let skipped = Reject::ALL.into_iter();
        let skipped = skipped.map(|reason| (reason.text(), counts.rejected(reason)));
        Intake {
            packets: reader.map_or(0, CaptureReader::packets),
            packets_skipped: skipped.filter(|(_, count)| *count > 0).collect(),
            bytes: reader.map_or(0, CaptureReader::bytes),
            evicted: self.table.flow_counts().evicted,
            broken: self.broken.is_some(),
            empty: self.is_empty(),
            ..Intake::default()
        }
    }

    fn notices(&mut self) -> Vec<Notice> {
        let broken = self.broken.take().map(|error| error.to_string());
        let nothing = "it holds no packet, so there is nothing of it to evaluate";
        let empty = self.is_empty().then(|| nothing.to_owned());
        let problems = broken.into_iter().chain(self.remarks.take()).chain(empty);
        let notice = |problem| Notice::Input {
            name: self.name.clone(),
            problem,
        };
        problems.map(notice).collect()
    }
}
