//! Logs and events: records to batches, recorded flows through the parsers, and the rest.

use std::sync::Arc;
use std::time::Instant;

use palisade_events::{Batch, counted};

use super::config::EngineError;
use super::merge::Merge;
use super::output::{Notice, Output};
use super::parse::ParseOutput;
use super::recorded_flows;
use super::run::Engine;
use crate::sources::{EventReader, EventSink, Input, LogReader, SourcePolicy};

/// The most requests of an epoch.
const MAX_REQUESTS: usize = 1024;

impl Engine {
    /// Reads a log, or events, to the end.
    pub(super) fn events(
        &mut self,
        input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let name = input.name.clone();
        let (consumed, remarks) = (input.consumed.clone(), input.remarks.clone());
        let mut merge = Merge::new(
            Arc::clone(&policy.source),
            Arc::clone(&self.protocols),
            self.config.batch_rows,
        );
        // Decisions are held until their epoch is over.
        let mut sink = EventSink::new(policy)
            .with_max_rows(self.config.batch_rows)
            .with_weight(self.requests, self.epoch_bytes / MAX_REQUESTS);
        let config = &self.config;
        let (networks, letters) = (config.networks.clone(), config.dead_letters.clone());
        let Ok(mut reader) = LogReader::new(input, &config.limits, networks, letters) else {
            // `read` sends captures elsewhere.
            return Ok(());
        };
        let mut more = true;
        let mut broken = None;
        while more && !self.config.stop.is_asked() {
            let began = Instant::now();
            let mut paused = false;
            match reader.read_within(&mut sink, self.config.epoch, self.epoch_bytes) {
                Ok(progress) => {
                    more = !progress.ended;
                    paused = progress.paused;
                }
                Err(error) => {
                    broken = Some(error.to_string());
                    more = false;
                }
            }
            let batches = match sink.finish() {
                Ok(batches) => batches,
                Err(error) => {
                    broken = Some(error.to_string());
                    break;
                }
            };
            let batches = self.owned(batches)?;
            self.summary.ingest += began.elapsed();
            self.recorded(batches, &mut merge, out)?;
            if paused {
                self.collect(out)?;
            }
            out.progress(self.summary.total_events(), consumed.get());
        }
        let counts = reader.counts();
        self.summary.bad_records += counts.bad;
        self.summary.mended_records += counts.mended;
        self.summary.endless += counts.endless;
        self.summary.bytes += counts.bytes;
        for report in reader.reports() {
            out.notice(Notice::Record {
                name: name.clone(),
                problem: report.to_string(),
            });
        }
        // In the order of the input: its bad records, and where it broke off.
        let more = counts.bad - (reader.reports().len() as u64).min(counts.bad);
        let more = (more > 0).then(|| {
            let more = counted(more, "bad record");
            format!("and {more} more; a dead-letter file holds them all, with reasons")
        });
        self.summary.broken_inputs += u64::from(broken.is_some());
        let none = (counts.bad > 0 && counts.events == 0).then(|| {
            format!(
                "of its {} none became an event; the reasons are those above",
                counted(counts.bad, "record")
            )
        });
        let absent = counts.absent.map(|absent| {
            format!(
                "read without an address of an end: {}; in the record of the first {absent}",
                counted(counts.endless, "event")
            )
        });
        let remarks = remarks.take();
        for problem in [more, none, absent, broken]
            .into_iter()
            .flatten()
            .chain(remarks)
        {
            let name = name.clone();
            out.notice(Notice::Input { name, problem });
        }
        Ok(())
    }

    /// Fills in owner and direction where the events leave them open.
    fn owned(&self, batches: Vec<Batch>) -> Result<Vec<Batch>, EngineError> {
        let Some(networks) = &self.config.networks else {
            return Ok(batches);
        };
        let mut out = Vec::with_capacity(batches.len());
        for batch in batches {
            out.extend(networks.enrich(&batch)?);
        }
        Ok(out)
    }

    /// Shows the first bytes of recorded flows to the parsers, where the record does not say
    /// what the flow speaks, and begins to evaluate all.
    fn recorded(
        &mut self,
        batches: Vec<Batch>,
        merge: &mut Merge,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let unknown = !self.parsers.is_empty() && batches.iter().any(recorded_flows::has_unknown);
        if !unknown && merge.continues(&batches) {
            return self.evaluate(batches, out);
        }
        let mut pieces = self.workers.pieces();
        if unknown {
            recorded_flows::pieces(&batches, &mut pieces);
        }
        let (mut parsed, mut evaluated) = self.workers.parse(pieces)?;
        // What is not parsed at once comes after the records that it is from, which then have
        // the protocols that were told by then.
        let mut records = Some(batches);
        loop {
            self.conclude(evaluated, out)?;
            self.account(&parsed, out)?;
            let more = parsed.iter().any(|output| output.rest.is_some());
            if let Some(batches) = records.take() {
                let rows = recorded_flows::rows(&batches, &parsed, &self.protocols)?;
                parsed.push(ParseOutput {
                    tables: rows,
                    ..ParseOutput::default()
                });
            }
            let batches = merge.epoch(Vec::new(), parsed)?;
            self.evaluate(batches, out)?;
            if !more {
                return Ok(());
            }
            self.summary.cuts += 1;
            (parsed, evaluated) = self.workers.parse_on()?;
        }
    }
}
