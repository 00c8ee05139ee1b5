//! An engine: epochs in, findings and decisions out.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use palisade_events::Source;

use super::config::{EngineConfig, EngineError, MAX_INPUT_SLOT, MAX_WORKERS};
use super::evaluate::EvaluateWorker;
use super::failure::Faults;
use super::findings::Findings;
use super::generation::{Generation, PluginKey};
use super::ground::Ground;
use super::merge::Merge;
use super::output::Output;
use super::parse::{ParseTerms, ParseWorker};
use super::route::Routed;
use super::summary::{PluginSummary, Summary};
use super::watermark::Watermark;
use super::workers::Workers;
use crate::capabilities::LogSink;
use crate::memory::bytes;

/// Runs what sources have to say through the plugins of a generation, epoch by epoch.
pub struct Engine {
    pub(super) ground: Ground,
    pub(super) config: EngineConfig,
    pub(super) workers: Workers,
    pub(super) generation: Arc<Generation>,
    /// Of each detector and policy, its level in the generation; 0 in quarantine.
    pub(super) levels: Arc<[u8]>,
    /// The highest of them.
    pub(super) top: u8,
    pub(super) findings: Findings,
    /// The epoch that is being evaluated.
    pub(super) epoch: Option<Arc<Routed>>,
    pub(super) faults: Faults,
    /// Plugins that came into quarantine and were not asked for yet.
    pub(super) newly_quarantined: Vec<PluginKey>,
    /// Of each parser, whether it is in quarantine; changed between epochs only.
    pub(super) retired: Arc<[AtomicBool]>,
    pub(super) watermark: Watermark,
    pub(super) summary: Summary,
    /// Notices of bad datagrams so far.
    pub(super) told_datagrams: usize,
    /// Bytes of input after which an epoch ends.
    pub(super) epoch_bytes: usize,
    /// Number of the latest epoch.
    pub(super) epochs: u64,
    /// What is known of each source, by its slot.
    pub(super) merges: BTreeMap<u16, Merge>,
    /// By tenant and name.
    sources: HashMap<(String, String), Arc<Source>>,
}

impl Engine {
    /// An engine for a generation. Detectors and policies keep at most [`DEFAULT_BYTES`] of
    /// state each and no more together than [`Memory::state`], and write to `log`.
    ///
    /// # Errors
    /// When a worker cannot be started, or there is too little memory for the plugins' state.
    pub fn new(
        mut config: EngineConfig,
        generation: Generation,
        log: &LogSink,
    ) -> Result<Engine, EngineError> {
        let generation = Arc::new(generation);
        config.flow.server_ports.extend(&generation.ports);
        let workers = config.workers.clamp(1, MAX_WORKERS);
        let ground = Ground::new(&config, workers, log);
        let memory = ground.memory(&generation)?;
        config.flow.max_flows = config.flow.max_flows.min(memory.max_flows());
        let reassembly = &mut config.flow.reassembly;
        reassembly.total_bytes = reassembly.total_bytes.min(bytes(memory.reassembly));
        let fragments = &mut config.flow.fragments;
        fragments.bytes = fragments.bytes.min(bytes(memory.fragments));
        let held = ground.held.clone();
        let terms = ground.terms(&generation, &memory);
        let parse_terms = ParseTerms {
            output: bytes(memory.parsed),
            parsed: Arc::clone(&held.parsed),
            sessions: bytes(memory.sessions),
            held: Arc::default(),
            stop: config.stop.clone(),
        };
        let retired: Arc<[AtomicBool]> = generation
            .parsers
            .iter()
            .map(|_| AtomicBool::new(false))
            .collect();
        let key = config.partition_key;
        let provide = ground.provide(&generation, &memory)?;
        let shards = (0..workers)
            .map(|number| {
                let share = (number, workers);
                let evaluate =
                    EvaluateWorker::new(share, key, terms.clone(), &generation, &provide);
                let parsers = generation.parsers.iter();
                let parsers = parsers.map(|member| Arc::clone(&member.plugin)).collect();
                let parse = ParseWorker::new(parsers, Arc::clone(&retired), parse_terms.clone());
                (parse, evaluate)
            })
            .collect();
        let summary = Summary {
            plugins: generation.members().map(PluginSummary::of).collect(),
            partition_key: key.identity(),
            ..Summary::default()
        };
        let levels = Arc::clone(&generation.levels);
        Ok(Engine {
            ground,
            faults: Faults::new(config.on_fault, summary.plugins.len()),
            newly_quarantined: Vec::new(),
            retired,
            watermark: Watermark::new(config.lateness, config.max_skew),
            workers: Workers::start(shards, held)?,
            config,
            top: levels.iter().copied().max().unwrap_or(1),
            levels,
            generation,
            findings: Findings::new(bytes(memory.markings)),
            epoch_bytes: bytes(memory.epoch_input),
            epochs: 0,
            epoch: None,
            summary,
            told_datagrams: 0,
            merges: BTreeMap::new(),
            sources: HashMap::new(),
        })
    }

    /// The source of this name and tenant: the same each time, so that what is opened once more
    /// goes on with its numbers.
    ///
    /// # Errors
    /// When there are more sources than event references can tell apart.
    pub fn source(&mut self, name: &str, tenant: &str) -> Result<Arc<Source>, EngineError> {
        let identity = (tenant.to_owned(), name.to_owned());
        if let Some(source) = self.sources.get(&identity) {
            return Ok(Arc::clone(source));
        }
        let slot = u16::try_from(self.sources.len() + 1).unwrap_or(u16::MAX);
        if slot > MAX_INPUT_SLOT {
            return Err(EngineError::Sources);
        }
        let source = Arc::new(Source {
            slot,
            name: name.to_owned(),
            tenant: tenant.to_owned(),
        });
        self.sources.insert(identity, Arc::clone(&source));
        Ok(source)
    }

    /// The sources that it knows, in no order.
    pub(super) fn sources(&self) -> impl Iterator<Item = &Arc<Source>> {
        self.sources.values()
    }

    /// Gets to know a source.
    pub(super) fn know(&mut self, source: Arc<Source>) {
        let identity = (source.tenant.clone(), source.name.clone());
        self.sources.insert(identity, source);
    }

    /// What it did so far.
    pub fn summary(&self) -> &Summary {
        &self.summary
    }

    /// Ends a phase of the run: everything that the inputs so far have caused comes out before
    /// this returns, and what comes out later is caused by what is read later.
    ///
    /// The watermark moves to just past the latest event so far, without the lateness, so that
    /// timers due by then have fired too; it does not go back. An event that is read later and
    /// dated before that is late. Nothing happens when nothing was read.
    ///
    /// # Errors
    /// As [`read`](Engine::read).
    pub fn settle(&mut self, out: &mut dyn Output) -> Result<(), EngineError> {
        let began = Instant::now();
        if let Some(tick) = self.watermark.settle() {
            self.begin(Vec::new(), vec![tick], out)?;
        }
        self.collect(out)?;
        self.summary.elapsed += began.elapsed();
        Ok(())
    }

    /// Denies every request from now on, for this reason, and asks no policy about it: for when
    /// what policies rest on is not known. The first reason stays.
    pub fn deny_requests(&mut self, reason: &str) {
        let _ = self.ground.denied.set(reason.to_owned());
    }

    /// Ends the run: timers up to the last watermark fire, and everything comes out.
    ///
    /// # Errors
    /// As [`read`](Engine::read).
    pub fn finish(mut self, out: &mut dyn Output) -> Result<Summary, EngineError> {
        let began = Instant::now();
        if let Some(tick) = self.watermark.finish(self.config.until) {
            self.begin(Vec::new(), vec![tick], out)?;
        }
        self.collect(out)?;
        self.summary.clamped = self.watermark.clamped();
        self.summary.elapsed += began.elapsed();
        Ok(self.summary)
    }
}
