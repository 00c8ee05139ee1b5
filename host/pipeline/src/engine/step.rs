//! An epoch on its way: parsed, merged, and begun to be evaluated. No input is read here, and no
//! clock looked at save to tell what it cost.

use std::sync::Arc;
use std::time::Instant;

use palisade_events::{Batch, Source};

use super::config::EngineError;
use super::feed::{Epoch, Terms};
use super::generation::PluginKey;
use super::merge::{Merge, OpenFlows};
use super::output::Output;
use super::parse::ParseOutput;
use super::recorded_flows;
use super::route::{Placed, Routed, Tick};
use super::run::Engine;

impl Engine {
    /// An empty epoch of a source, read at this time in nanoseconds (`None`: every event's time
    /// is believed), for a [`Feed`](super::Feed) to fill.
    pub fn epoch(&mut self, source: &Arc<Source>, now: Option<u64>) -> Epoch {
        Epoch {
            pieces: self.workers.pieces(),
            ..self.terms().epoch(source, now)
        }
    }

    /// How epochs are filled, for feeds that are read in threads of their own.
    pub fn terms(&self) -> Terms {
        Terms {
            config: self.config.clone(),
            generation: Arc::clone(&self.generation),
            bytes: self.epoch_bytes,
            workers: self.workers.len(),
        }
    }

    /// Takes an epoch: what was evaluated before comes out, and this is begun to be evaluated.
    ///
    /// Bytes of flows go through the parsers, recorded flows as well where the record does not
    /// say what they speak; what these return is merged with the rest in the order of the input.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn step(&mut self, epoch: Epoch, out: &mut dyn Output) -> Result<(), EngineError> {
        let Epoch {
            source,
            now,
            mut pieces,
            news,
            batches,
            captured,
            backfill,
            record,
            ..
        } = epoch;
        let slot = (!backfill).then_some(source.slot);
        if pieces.is_empty() {
            pieces = self.workers.pieces();
        }
        let parsing = !self.generation.parsers.is_empty();
        if parsing && batches.iter().any(recorded_flows::has_unknown) {
            recorded_flows::pieces(&batches, &mut pieces);
        }
        if pieces.iter().all(|pieces| pieces.list.is_empty()) {
            self.workers.give_back(pieces);
            if news.is_empty() && self.merge(&source).continues(&batches) {
                return self.evaluate(slot, now, batches, out);
            }
            pieces = Vec::new();
        }
        let (mut parsed, mut evaluated) = match pieces.is_empty() {
            true => (Vec::new(), None),
            false => self.workers.parse(pieces)?,
        };
        // What is not parsed at once comes after the records that it is from, which then have
        // the protocols that were told by then.
        let (mut news, mut records) = (news, Some(batches).filter(|batches| !batches.is_empty()));
        loop {
            self.conclude(evaluated, out)?;
            self.account(&parsed, out)?;
            let more = parsed.iter().any(|output| output.rest.is_some());
            let began = Instant::now();
            let protocols = Arc::clone(&self.generation.protocols);
            if let Some(batches) = records.take() {
                parsed.push(ParseOutput {
                    tables: recorded_flows::rows(&batches, &parsed, &protocols)?,
                    ..ParseOutput::default()
                });
            }
            let merge = self.merge(&source);
            merge.keep_as(record);
            let batches = merge.epoch(std::mem::take(&mut news), parsed, &protocols)?;
            if captured {
                batches.iter().for_each(|batch| out.parsed(batch));
            }
            self.summary.ingest += began.elapsed();
            self.evaluate(slot, now, batches, out)?;
            if !more {
                return Ok(());
            }
            // The rest of the epoch, of which there is more than may be held at once.
            self.summary.cuts += 1;
            (parsed, evaluated) = self.workers.parse_on()?;
        }
    }

    /// Takes an epoch of packets that came before what the engine was restored to: parsers, and
    /// what is known of flows, come to where they were. Nothing is evaluated, counted or put out,
    /// and events get no numbers: those were given at first.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn rebuild(&mut self, epoch: Epoch) -> Result<(), EngineError> {
        let Epoch {
            source,
            mut pieces,
            mut news,
            record,
            ..
        } = epoch;
        if pieces.is_empty() {
            pieces = self.workers.pieces();
        }
        let protocols = Arc::clone(&self.generation.protocols);
        let next = self.merge(&source).next_seq();
        let (mut parsed, _) = self.workers.parse(pieces)?;
        loop {
            let more = parsed.iter().any(|output| output.rest.is_some());
            let merge = self.merge(&source);
            merge.keep_as(record);
            merge.epoch(std::mem::take(&mut news), parsed, &protocols)?;
            if !more {
                break;
            }
            (parsed, _) = self.workers.parse_on()?;
        }
        self.merge(&source).go_on_at(next);
        Ok(())
    }

    /// Has flows of these parsers, by pack and name, recognised afresh, as when they were another
    /// version before.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn displace(&mut self, parsers: &[PluginKey]) -> Result<(), EngineError> {
        let members = self.generation.parsers.iter().zip(0..);
        let of = members.filter(|(member, _)| parsers.contains(&member.key));
        let positions: Arc<[usize]> = of.map(|(_, position)| position).collect();
        if !positions.is_empty() {
            self.workers
                .visit(move |_, parse, _| parse.displace_all(&positions))?;
        }
        Ok(())
    }

    /// The parsers that there are.
    pub fn parsers(&self) -> Vec<PluginKey> {
        let parsers = self.generation.parsers.iter();
        parsers.map(|member| member.key.clone()).collect()
    }

    /// The flows of captures that have not ended, by source.
    pub fn open_flows(&self) -> Vec<OpenFlows> {
        self.merges.values().filter_map(Merge::open).collect()
    }

    /// Lets time pass where no source has said anything for a while: the watermark follows the
    /// clock, and timers fire. Whether it moved.
    ///
    /// # Errors
    /// As [`step`](Self::step).
    pub fn follow(&mut self, now: u64, out: &mut dyn Output) -> Result<bool, EngineError> {
        let Some(tick) = self.watermark.follow(now) else {
            return Ok(false);
        };
        self.begin(Vec::new(), vec![tick], out)?;
        Ok(true)
    }

    /// What is known of a source.
    pub(super) fn merge(&mut self, source: &Arc<Source>) -> &mut Merge {
        let rows = self.config.batch_rows;
        let merge = || Merge::new(Arc::clone(source), rows);
        self.merges.entry(source.slot).or_insert_with(merge)
    }

    /// Begins to evaluate batches of a source.
    fn evaluate(
        &mut self,
        slot: Option<u16>,
        now: Option<u64>,
        batches: Vec<Batch>,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        for batch in &batches {
            *self.summary.events.entry(batch.kind()).or_default() += batch.len() as u64;
        }
        let began = Instant::now();
        // What is outside of the watermark neither moves it nor holds it back.
        let ticks = match slot {
            Some(slot) => self.watermark.advance(slot, now, &batches),
            None => Vec::new(),
        };
        self.summary.clamped = self.watermark.clamped();
        self.findings.note(&batches);
        self.summary.ingest += began.elapsed();
        if batches.is_empty() {
            return Ok(());
        }
        self.begin(batches, ticks, out)
    }

    /// The batches and ticks of an epoch for the plugins of level 1.
    pub(super) fn routed(&mut self, batches: Vec<Batch>, ticks: Vec<Tick>) -> Routed {
        self.epochs += 1;
        let batches = batches.into_iter().map(|batch| Placed {
            batch,
            places: None,
        });
        let plugins = (&self.generation, &self.levels);
        Routed::new(self.epochs, 1, plugins, batches.collect(), ticks)
    }
}
