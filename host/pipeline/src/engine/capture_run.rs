//! Captures: packets through the flow table, the parsers and the rest.

use std::sync::Arc;
use std::time::Instant;

use super::config::EngineError;
use super::ingest::Ingest;
use super::merge::Merge;
use super::output::{Notice, Output};
use super::run::Engine;
use crate::capture::{CaptureReader, Reject};
use crate::flow::FlowTable;
use crate::sources::{Input, SourcePolicy};

impl Engine {
    /// Reads a capture to its end.
    pub(super) fn capture(
        &mut self,
        input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let name = input.name.clone();
        let unreadable = |problem: String| Notice::Input {
            name: name.clone(),
            problem,
        };
        let mut reader = match CaptureReader::new(input.stream, self.config.read) {
            Ok(reader) => reader,
            Err(error) => {
                self.summary.broken_inputs += 1;
                out.notice(unreadable(error.to_string()));
                return Ok(());
            }
        };
        let mut table = FlowTable::new(self.config.flow.clone());
        let mut merge = Merge::new(
            Arc::clone(&policy.source),
            Arc::clone(&self.protocols),
            self.config.batch_rows,
        );
        let networks = self.config.networks.clone();
        let mut ended = false;
        while !ended {
            let began = Instant::now();
            let mut paused = false;
            let mut ingest = Ingest::new(
                self.workers.pieces(),
                !self.parsers.is_empty(),
                networks.as_deref(),
            );
            for _ in 0..self.config.epoch {
                if self.config.stop.is_asked() {
                    ended = true;
                    table.finish(reader.packets(), &mut ingest);
                    break;
                }
                match reader.next_packet() {
                    Ok(Some(packet)) => table.packet(&packet, &mut ingest),
                    Ok(None) => ended = true,
                    Err(error) if error.is_pause() => {
                        paused = true;
                        break;
                    }
                    Err(error) => {
                        self.summary.broken_inputs += 1;
                        out.notice(unreadable(error.to_string()));
                        ended = true;
                    }
                }
                if ended {
                    table.finish(reader.packets(), &mut ingest);
                    break;
                }
            }
            let (news, pieces) = (ingest.news, ingest.pieces);
            let mut ingesting = began.elapsed();
            let (parsed, evaluated) = self.workers.parse(pieces)?;
            self.conclude(evaluated, out)?;
            self.account(&parsed, out)?;
            let began = Instant::now();
            let batches = merge.epoch(&news, parsed)?;
            batches.iter().for_each(|batch| out.parsed(batch));
            ingesting += began.elapsed();
            self.summary.ingest += ingesting;
            self.evaluate(batches, out)?;
            if paused {
                self.collect(out)?;
            }
            out.progress(self.summary.total_events(), input.consumed.get());
        }
        for remark in input.remarks.take() {
            out.notice(unreadable(remark));
        }
        self.summary.packets += reader.packets();
        self.summary.bytes += reader.bytes();
        for reason in Reject::ALL {
            let count = table.packet_counts().rejected(reason);
            if count > 0 {
                *self
                    .summary
                    .packets_skipped
                    .entry(reason.text())
                    .or_default() += count;
            }
        }
        Ok(())
    }
}
