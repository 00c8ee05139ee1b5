//! A run: inputs in, findings and decisions out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use palisade_events::{Batch, Source};
use palisade_runtime::Plugin;
use palisade_runtime::manifest::World;

use super::config::{EngineConfig, EngineError, MAX_INPUT_SLOT};
use super::evaluate::EvaluateWorker;
use super::failure::Faults;
use super::findings::Findings;
use super::graph;
use super::merge::Protocol;
use super::output::Output;
use super::parse::ParseWorker;
use super::route::{Placed, Routed, Tick};
use super::summary::{PluginSummary, Summary};
use super::trickle::Trickle;
use super::watermark::Watermark;
use super::workers::Workers;
use crate::capabilities::{Listed, LogSink, Shard};
use crate::datasets::Dataset;
use crate::predicates::{Filter, Filters, Membership};
use crate::sources::{Format, Input, SourcePolicy};
use crate::state::DEFAULT_BYTES;

/// Runs inputs through plugins.
pub struct Engine {
    pub(super) config: EngineConfig,
    pub(super) workers: Workers,
    pub(super) parsers: Vec<Arc<Plugin>>,
    pub(super) plugins: Vec<Arc<Plugin>>,
    pub(super) protocols: Arc<[Protocol]>,
    filters: Arc<Filters>,
    /// Of each of `plugins`: 1, or above those whose findings it is shown; 0 in quarantine.
    pub(super) levels: Arc<[u8]>,
    /// The highest of them.
    pub(super) top: u8,
    pub(super) findings: Findings,
    /// The epoch that is being evaluated.
    pub(super) epoch: Option<Arc<Routed>>,
    pub(super) faults: Faults,
    /// Of each of `parsers`, whether it is in quarantine; changed between epochs only.
    pub(super) retired: Arc<[AtomicBool]>,
    pub(super) watermark: Watermark,
    pub(super) summary: Summary,
    slot: u16,
}

impl Engine {
    /// An engine for these plugins, parsers among them. Detectors and policies find datasets by
    /// name, keep at most [`DEFAULT_BYTES`] of state each, and write to `log`.
    ///
    /// # Errors
    /// When a worker cannot be started, a filter cannot be made, or plugins build on each
    /// other's findings in a circle.
    pub fn new(
        mut config: EngineConfig,
        plugins: Vec<Arc<Plugin>>,
        datasets: &[Arc<Dataset>],
        log: &LogSink,
    ) -> Result<Engine, EngineError> {
        let (parsers, plugins): (Vec<_>, Vec<_>) = plugins
            .into_iter()
            .partition(|p| p.manifest().world == World::Parser);
        let protocols = parsers
            .iter()
            .filter_map(|p| p.manifest().parser.as_ref())
            .map(|spec| Protocol {
                name: spec.protocol.clone(),
                encrypted: spec.encrypted,
            })
            .collect();
        let levels: Arc<[u8]> = graph::levels(&plugins)?.into();
        let filters = plugins
            .iter()
            .map(|plugin| filters(plugin, datasets))
            .collect::<Result<_, _>>()?;
        let ports = parsers.iter().filter_map(|p| p.manifest().parser.as_ref());
        let ports = ports.flat_map(|spec| spec.ports.iter().copied());
        config.flow.server_ports.extend(ports);
        let filters = Arc::new(Filters::new(filters));
        let workers = config.workers.clamp(1, 256);
        let retired: Arc<[AtomicBool]> = parsers.iter().map(|_| AtomicBool::new(false)).collect();
        let shards = (0..workers)
            .map(|number| {
                let evaluate = EvaluateWorker::new(
                    number,
                    workers,
                    &plugins,
                    |index| {
                        let (manifest, log) = (plugins[index].manifest(), Arc::clone(log));
                        Box::new(Shard::new(manifest, DEFAULT_BYTES, datasets, log))
                    },
                    config.fresh,
                );
                let parse = ParseWorker::new(parsers.clone(), Arc::clone(&retired));
                (parse, evaluate)
            })
            .collect();
        let named = |plugin: &Arc<Plugin>| PluginSummary {
            name: plugin.manifest().name.clone(),
            ..PluginSummary::default()
        };
        let summary = Summary {
            plugins: parsers.iter().chain(&plugins).map(named).collect(),
            ..Summary::default()
        };
        Ok(Engine {
            faults: Faults::new(config.on_fault, summary.plugins.len()),
            retired,
            watermark: Watermark::new(config.lateness, config.max_skew, config.now),
            workers: Workers::start(shards)?,
            config,
            parsers,
            plugins,
            protocols,
            filters,
            top: levels.iter().copied().max().unwrap_or(1),
            levels,
            findings: Findings::default(),
            epoch: None,
            summary,
            slot: 0,
        })
    }

    /// Reads one input to its end. Several are read one after another; the watermark is the
    /// run's, so they should be given in the order of their times.
    ///
    /// Of a live input what was read is evaluated and put out when it pauses, at most 20 ms
    /// after it was read; of others in whole epochs. When the run is asked to stop, the input
    /// ends where it is.
    ///
    /// # Errors
    /// When the run cannot go on. What is wrong with the input itself is a notice.
    pub fn read(
        &mut self,
        mut input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let began = Instant::now();
        if input.live {
            let stop = self.config.stop.clone();
            let trickle = Trickle::start(input.stream, stop).map_err(EngineError::Reader)?;
            input.stream = Box::new(trickle);
        }
        let result = match input.format {
            Format::Pcap | Format::Pcapng => self.capture(input, policy, out),
            Format::Log(..) => self.events(input, policy, out),
        };
        self.summary.elapsed += began.elapsed();
        result
    }

    /// The source of the next input.
    ///
    /// # Errors
    /// When there are more inputs than event references can tell apart.
    pub fn source(&mut self, name: &str, tenant: &str) -> Result<Arc<Source>, EngineError> {
        if self.slot >= MAX_INPUT_SLOT {
            return Err(EngineError::Inputs);
        }
        self.slot += 1;
        Ok(Arc::new(Source {
            slot: self.slot,
            name: name.to_owned(),
            tenant: tenant.to_owned(),
        }))
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
            self.begin(self.routed(Vec::new(), vec![tick]), out)?;
        }
        self.collect(out)?;
        self.summary.elapsed += began.elapsed();
        Ok(())
    }

    /// Ends the run: timers up to the last watermark fire, and everything comes out.
    ///
    /// # Errors
    /// As [`read`](Engine::read).
    pub fn finish(mut self, out: &mut dyn Output) -> Result<Summary, EngineError> {
        let began = Instant::now();
        if let Some(tick) = self.watermark.finish(self.config.until) {
            self.begin(self.routed(Vec::new(), vec![tick]), out)?;
        }
        self.collect(out)?;
        self.summary.clamped = self.watermark.clamped();
        self.summary.elapsed += began.elapsed();
        Ok(self.summary)
    }

    /// Begins to evaluate an epoch's batches.
    pub(super) fn evaluate(
        &mut self,
        batches: Vec<Batch>,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        for batch in &batches {
            *self.summary.events.entry(batch.kind()).or_default() += batch.len() as u64;
        }
        let began = Instant::now();
        let ticks = self.watermark.advance(&batches);
        self.findings.note(&batches);
        self.summary.ingest += began.elapsed();
        if batches.is_empty() {
            return Ok(());
        }
        self.begin(self.routed(batches, ticks), out)
    }

    fn routed(&self, batches: Vec<Batch>, ticks: Vec<Tick>) -> Routed {
        let batches = batches.into_iter().map(|batch| Placed {
            batch,
            places: None,
        });
        let filters = Arc::clone(&self.filters);
        Routed::new(1, &self.levels, batches.collect(), filters, ticks)
    }
}

/// The filters of a plugin's subscriptions. A dataset that is not loaded has nobody in it.
fn filters(plugin: &Plugin, datasets: &[Arc<Dataset>]) -> Result<Vec<Filter>, EngineError> {
    let manifest = plugin.manifest();
    let listed = |position: usize| {
        let name = manifest.datasets.get(position)?;
        let dataset = datasets.iter().find(|d| d.name() == name)?;
        Some(Arc::new(Listed(Arc::clone(dataset))) as Arc<dyn Membership>)
    };
    let filter = |subscription| Filter::new(subscription, &listed);
    let filters = manifest.subscriptions.iter().map(filter);
    filters
        .collect::<Result<_, _>>()
        .map_err(|problem| EngineError::Predicates {
            plugin: manifest.name.clone(),
            problem,
        })
}
