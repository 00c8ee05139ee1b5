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
        // Whether the input has said that there is nothing more, rather than broken off.
        let mut whole = false;
        while !ended {
            let began = Instant::now();
            let mut paused = false;
            let mut ingest = Ingest::new(
                self.workers.pieces(),
                !self.parsers.is_empty(),
                self.config.partition_key,
                networks.as_deref(),
            );
            for _ in 0..self.config.epoch {
                if ingest.held() >= self.epoch_bytes {
                    break;
                }
                if self.config.stop.is_asked() {
                    ended = true;
                    table.finish(reader.packets(), &mut ingest);
                    break;
                }
                match reader.next_packet() {
                    Ok(Some(packet)) => table.packet(&packet, &mut ingest),
                    Ok(None) => (ended, whole) = (true, true),
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
            self.summary.ingest += began.elapsed();
            let (mut parsed, mut evaluated) = self.workers.parse(pieces)?;
            let mut news = Some(news);
            loop {
                self.conclude(evaluated, out)?;
                self.account(&parsed, out)?;
                let more = parsed.iter().any(|output| output.rest.is_some());
                let began = Instant::now();
                let batches = merge.epoch(news.take().unwrap_or_default(), parsed)?;
                batches.iter().for_each(|batch| out.parsed(batch));
                self.summary.ingest += began.elapsed();
                self.evaluate(batches, out)?;
                if !more {
                    break;
                }
                // The rest of the epoch, of which there is more than may be held at once.
                self.summary.cuts += 1;
                (parsed, evaluated) = self.workers.parse_on()?;
            }
            if paused {
                self.collect(out)?;
            }
            out.progress(self.summary.total_events(), input.consumed.get());
        }
        for remark in input.remarks.take() {
            out.notice(unreadable(remark));
        }
        if whole && reader.packets() == 0 && !self.config.stop.is_asked() {
            self.summary.empty_inputs += 1;
            out.notice(unreadable(
                "it holds no packet, so there is nothing of it to evaluate".into(),
            ));
        }
        self.summary.packets += reader.packets();
        self.summary.bytes += reader.bytes();
        self.summary.evicted += table.flow_counts().evicted;
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
