//! A run: inputs in, findings and decisions out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use palisade_events::{Batch, Source};
use palisade_runtime::Plugin;
use palisade_runtime::manifest::{Capability, Role, World};

use super::config::{EngineConfig, EngineError, MAX_INPUT_SLOT, MAX_WORKERS};
use super::evaluate::{EvaluateWorker, Terms};
use super::failure::Faults;
use super::findings::Findings;
use super::graph;
use super::merge::Protocol;
use super::output::Output;
use super::parse::{ParseTerms, ParseWorker};
use super::route::{Placed, Placement, Routed, Tick};
use super::seat::Provide;
use super::stop::Stoppable;
use super::summary::{PluginSummary, Summary};
use super::trickle::Trickle;
use super::watermark::Watermark;
use super::workers::{Held, Workers};
use crate::capabilities::{Listed, LogSink, Shard};
use crate::memory::{Memory, bytes};
use crate::predicates::{Filter, Filters, Membership};
use palisade_sources::{Format, Input, Kinds, SourcePolicy};
use palisade_state::datasets::Dataset;
use palisade_state::{DEFAULT_BYTES, LEAST_BYTES};

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
    /// Notices of bad datagrams so far.
    pub(super) told_datagrams: usize,
    /// Bytes of input after which an epoch ends.
    pub(super) epoch_bytes: usize,
    /// The kinds of event that policies decide about.
    pub(super) requests: Kinds,
    /// Number of the latest epoch.
    epochs: u64,
    slot: u16,
}

impl Engine {
    /// An engine for these plugins, parsers among them. Detectors and policies find datasets by
    /// name, keep at most [`DEFAULT_BYTES`] of state each and no more together than
    /// [`Memory::state`], and write to `log`.
    ///
    /// # Errors
    /// When a worker cannot be started, a filter cannot be made, plugins build on each other's
    /// findings in a circle, or there is too little memory for their state.
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
        let mut names = BTreeMap::<&str, usize>::new();
        for plugin in parsers.iter().chain(&plugins) {
            *names.entry(&plugin.manifest().name).or_default() += 1;
        }
        let title = |plugin: &Plugin| {
            let manifest = plugin.manifest();
            match names.get(manifest.name.as_str()) {
                Some(2..) => format!("{}/{}", manifest.pack, manifest.name),
                _ => manifest.name.clone(),
            }
        };
        let workers = config.workers.clamp(1, MAX_WORKERS);
        let memory = Memory::of(config.memory, workers);
        let memory = memory.beside(datasets.iter().map(|dataset| dataset.held()).sum());
        config.flow.max_flows = config.flow.max_flows.min(memory.max_flows());
        let reassembly = &mut config.flow.reassembly;
        reassembly.total_bytes = reassembly.total_bytes.min(bytes(memory.reassembly));
        let fragments = &mut config.flow.fragments;
        fragments.bytes = fragments.bytes.min(bytes(memory.fragments));
        let state = state_share(&plugins, &memory)?;
        let count = |wanted: &dyn Fn(&Plugin) -> bool| plugins.iter().filter(|p| wanted(p)).count();
        let timed = count(&|p| p.manifest().asks_for(Capability::Timers)).max(1) as u64;
        let policies = count(&|p| p.manifest().world == World::Policy).max(1);
        let held = Held::default();
        let terms = Terms {
            fresh: config.fresh,
            output: bytes(memory.output),
            said: Arc::clone(&held.said),
            judgements: memory.output / policies as u64,
            stop: config.stop.clone(),
        };
        let parse_terms = ParseTerms {
            output: bytes(memory.parsed),
            parsed: Arc::clone(&held.parsed),
            sessions: bytes(memory.sessions),
            held: Arc::default(),
            stop: config.stop.clone(),
        };
        let retired: Arc<[AtomicBool]> = parsers.iter().map(|_| AtomicBool::new(false)).collect();
        let key = config.partition_key;
        let provide: Provide = {
            let (plugins, datasets, log) = (plugins.clone(), datasets.to_vec(), Arc::clone(log));
            let titles: Vec<String> = plugins.iter().map(|plugin| title(plugin)).collect();
            Arc::new(move |index| {
                let manifest = plugins[index].manifest();
                let (title, to) = (titles[index].clone(), Arc::clone(&log));
                let log: LogSink = Arc::new(move |_, level, text| to(&title, level, text));
                let shards = match Placement::of(manifest, index) {
                    Placement::One(_) => 1,
                    Placement::Anywhere | Placement::Partitioned => workers as u64,
                };
                let room = (state, bytes(memory.timers / timed / shards));
                Box::new(Shard::new(manifest, room, key, &datasets, log))
            })
        };
        let shards = (0..workers)
            .map(|number| {
                let share = (number, workers);
                let evaluate = EvaluateWorker::new(share, key, terms.clone(), &plugins, &provide);
                let terms = parse_terms.clone();
                let parse = ParseWorker::new(parsers.clone(), Arc::clone(&retired), terms);
                (parse, evaluate)
            })
            .collect();
        let named = |plugin: &Arc<Plugin>| PluginSummary {
            name: plugin.manifest().name.clone(),
            pack: plugin.manifest().pack.clone(),
            title: title(plugin),
            ..PluginSummary::default()
        };
        let summary = Summary {
            plugins: parsers.iter().chain(&plugins).map(named).collect(),
            partition_key: key.identity(),
            ..Summary::default()
        };
        let requests = requests(&plugins);
        Ok(Engine {
            requests,
            faults: Faults::new(config.on_fault, summary.plugins.len()),
            retired,
            watermark: Watermark::new(config.lateness, config.max_skew, config.now),
            workers: Workers::start(shards, held)?,
            config,
            parsers,
            plugins,
            protocols,
            filters,
            top: levels.iter().copied().max().unwrap_or(1),
            levels,
            findings: Findings::new(bytes(memory.markings)),
            epoch_bytes: bytes(memory.epoch_input),
            epochs: 0,
            epoch: None,
            summary,
            told_datagrams: 0,
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
        input.stream = Box::new(Stoppable::new(input.stream, self.config.stop.clone()));
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
            let routed = self.routed(Vec::new(), vec![tick]);
            self.begin(routed, out)?;
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
            let routed = self.routed(Vec::new(), vec![tick]);
            self.begin(routed, out)?;
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
        let routed = self.routed(batches, ticks);
        self.begin(routed, out)
    }

    fn routed(&mut self, batches: Vec<Batch>, ticks: Vec<Tick>) -> Routed {
        self.epochs += 1;
        let batches = batches.into_iter().map(|batch| Placed {
            batch,
            places: None,
        });
        let filters = Arc::clone(&self.filters);
        Routed::new(
            self.epochs,
            1,
            &self.levels,
            batches.collect(),
            filters,
            ticks,
        )
    }
}

/// The kinds of event that these plugins decide about.
fn requests(plugins: &[Arc<Plugin>]) -> Kinds {
    let all = plugins.iter().flat_map(|p| &p.manifest().subscriptions);
    let decided = all.filter(|subscription| subscription.role == Role::Decide);
    decided.map(|subscription| subscription.kind).collect()
}

/// Bytes that the tables of each plugin with state may take, on all workers together.
fn state_share(plugins: &[Arc<Plugin>], memory: &Memory) -> Result<u64, EngineError> {
    let with_state = plugins.iter().filter(|p| !p.manifest().tables.is_empty());
    let plugins = with_state.count() as u64;
    let share = memory.state / plugins.max(1);
    if share < LEAST_BYTES {
        return Err(EngineError::Memory {
            plugins,
            state: memory.state,
            each: LEAST_BYTES,
        });
    }
    Ok(share.min(DEFAULT_BYTES))
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
