//! A run: inputs in, findings and decisions out.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_events::{Batch, BatchError, Judgement, MAX_ROWS, MAX_SLOT, Source, compose};
use palisade_runtime::manifest::World;
use palisade_runtime::{Capabilities, Plugin};

use super::evaluate::{EvaluateOutput, EvaluateWorker};
use super::ingest::Ingest;
use super::merge::{Merge, Protocol};
use super::output::{Notice, Output};
use super::parse_worker::{ParseOutput, ParseWorker};
use super::recorded_flows;
use super::route::Routed;
use super::summary::{PluginSummary, Summary};
use super::watermark::Watermark;
use super::workers::{WorkerError, Workers};
use crate::capture::{CaptureReader, ReadLimits, Reject};
use crate::enrich::{EnrichError, Networks};
use crate::flow::{FlowConfig, FlowTable};
use crate::predicates::Filter;
use crate::sources::{
    DeadLetters, EventReader, EventSink, Format, Input, JsonReader, Limits, SourcePolicy,
};

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Worker threads; what comes out does not depend on it.
    pub workers: usize,
    /// The most rows of a batch, 1 to 1,024; what comes out does not depend on it.
    pub batch_rows: usize,
    /// Packets or events of an epoch; what comes out does not depend on it.
    pub epoch: usize,
    /// How much later than newer events an event may come without being late.
    pub lateness: Duration,
    /// How far ahead of the clock an event's time may lie.
    pub max_skew: Duration,
    /// The clock at the start of the run, in nanoseconds; `None`: every time is believed.
    pub now: Option<u64>,
    /// Where the watermark goes to at the end, in nanoseconds, if that is later.
    pub until: Option<u64>,
    /// A new instance of detectors and policies for every call: for tests, which must see the
    /// same output.
    pub fresh: bool,
    /// The flow table's limits.
    pub flow: FlowConfig,
    /// Limits on reading captures.
    pub read: ReadLimits,
    /// Limits on reading everything else.
    pub limits: Limits,
    /// Who owns which network; events and flows get owner and direction from it.
    pub networks: Option<Arc<Networks>>,
    /// Takes records that are not understood.
    pub dead_letters: DeadLetters,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            batch_rows: MAX_ROWS,
            epoch: 16_384,
            lateness: Duration::from_secs(10),
            max_skew: Duration::from_secs(300),
            now: None,
            until: None,
            fresh: false,
            flow: FlowConfig::default(),
            read: ReadLimits::default(),
            limits: Limits::default(),
            networks: None,
            dead_letters: DeadLetters::none(),
        }
    }
}

/// Why a run ends before its inputs do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A worker is gone.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A batch could not be made.
    #[error("{0}; this is a defect of Palisade, please report it")]
    Batch(#[from] BatchError),
    /// Owners could not be filled in.
    #[error("{0}; this is a defect of Palisade, please report it")]
    Enrich(#[from] EnrichError),
    /// There are more inputs than event references can tell apart.
    #[error("more than {MAX_SLOT} inputs in one run; run Palisade several times")]
    Inputs,
    /// A plugin's predicates could not be prepared.
    #[error("plugin `{plugin}`: {problem}")]
    Predicates {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        problem: String,
    },
}

/// Runs inputs through plugins.
pub struct Engine {
    config: EngineConfig,
    workers: Workers,
    parsers: Vec<Arc<Plugin>>,
    plugins: Vec<Arc<Plugin>>,
    protocols: Arc<[Protocol]>,
    filters: Arc<[Vec<Filter>]>,
    watermark: Watermark,
    summary: Summary,
    slot: u16,
}

impl Engine {
    /// An engine for these plugins, parsers among them. `filters` makes the filter of each
    /// subscription, and `capabilities` what each detector or policy gets on each worker: both
    /// are asked by the plugin's position among those that are not parsers.
    ///
    /// # Errors
    /// When a worker cannot be started or a filter cannot be made.
    pub fn new(
        config: EngineConfig,
        plugins: Vec<Arc<Plugin>>,
        filters: impl Fn(usize, &Plugin) -> Result<Vec<Filter>, String>,
        capabilities: impl Fn(usize, &Plugin) -> Box<dyn Capabilities>,
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
        let filters = plugins
            .iter()
            .enumerate()
            .map(|(index, plugin)| {
                filters(index, plugin).map_err(|problem| EngineError::Predicates {
                    plugin: plugin.manifest().name.clone(),
                    problem,
                })
            })
            .collect::<Result<_, _>>()?;
        let workers = config.workers.clamp(1, 256);
        let shards = (0..workers)
            .map(|number| {
                let evaluate = EvaluateWorker::new(
                    number,
                    workers,
                    &plugins,
                    |index| capabilities(index, &plugins[index]),
                    config.fresh,
                );
                (ParseWorker::new(parsers.clone()), evaluate)
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
            watermark: Watermark::new(config.lateness, config.max_skew, config.now),
            workers: Workers::start(shards)?,
            config,
            parsers,
            plugins,
            protocols,
            filters,
            summary,
            slot: 0,
        })
    }

    /// Reads one input to its end. Several are read one after another; the watermark is the
    /// run's, so they should be given in the order of their times.
    ///
    /// # Errors
    /// When the run cannot go on. What is wrong with the input itself is a notice.
    pub fn read(
        &mut self,
        input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let began = Instant::now();
        let result = match input.format {
            Format::Pcap | Format::Pcapng => self.capture(input, policy, out),
            Format::Json(..) => self.events(input, policy, out),
        };
        self.summary.elapsed += began.elapsed();
        result
    }

    /// The source of the next input.
    ///
    /// # Errors
    /// When there are more inputs than event references can tell apart.
    pub fn source(&mut self, name: &str, tenant: &str) -> Result<Arc<Source>, EngineError> {
        if self.slot >= MAX_SLOT {
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
            let routed = Routed::new(Vec::new(), Arc::clone(&self.filters), vec![tick]);
            let before = self.workers.evaluate(&Arc::new(routed))?;
            self.deliver(before, out);
        }
        let last = self.workers.collect()?;
        self.deliver(last, out);
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
            let routed = Routed::new(Vec::new(), Arc::clone(&self.filters), vec![tick]);
            let before = self.workers.evaluate(&Arc::new(routed))?;
            self.deliver(before, out);
        }
        let last = self.workers.collect()?;
        self.deliver(last, out);
        self.summary.clamped = self.watermark.clamped();
        self.summary.elapsed += began.elapsed();
        Ok(self.summary)
    }

    fn capture(
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
            let mut ingest = Ingest::new(
                self.workers.pieces(),
                !self.parsers.is_empty(),
                networks.as_deref(),
            );
            for _ in 0..self.config.epoch {
                match reader.next_packet() {
                    Ok(Some(packet)) => table.packet(&packet, &mut ingest),
                    Ok(None) => ended = true,
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
            self.deliver(evaluated, out);
            self.account(&parsed, out);
            let began = Instant::now();
            let batches = merge.epoch(&news, parsed)?;
            batches.iter().for_each(|batch| out.parsed(batch));
            ingesting += began.elapsed();
            self.summary.ingest += ingesting;
            self.evaluate(batches, out)?;
            out.progress(self.summary.total_events(), input.consumed.get());
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

    fn events(
        &mut self,
        input: Input,
        policy: SourcePolicy,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let name = input.name.clone();
        let consumed = input.consumed.clone();
        let mut merge = Merge::new(
            Arc::clone(&policy.source),
            Arc::clone(&self.protocols),
            self.config.batch_rows,
        );
        let mut sink = EventSink::new(policy).with_max_rows(self.config.batch_rows);
        let config = &self.config;
        let (networks, letters) = (config.networks.clone(), config.dead_letters.clone());
        let Ok(mut reader) = JsonReader::new(input, &config.limits, networks, letters) else {
            // `read` sends captures elsewhere.
            return Ok(());
        };
        let mut more = true;
        let mut broken = None;
        while more {
            let began = Instant::now();
            match reader.read(&mut sink, self.config.epoch) {
                Ok(progress) => more = !progress.ended,
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
            let batches = self.recorded(batches, &mut merge, out)?;
            self.evaluate(batches, out)?;
            out.progress(self.summary.total_events(), consumed.get());
        }
        let counts = reader.counts();
        self.summary.bad_records += counts.bad;
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
            format!("{more} more records are bad; a dead-letter file holds them all, with reasons")
        });
        self.summary.broken_inputs += u64::from(broken.is_some());
        for problem in [more, broken].into_iter().flatten() {
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
    /// what the flow speaks.
    fn recorded(
        &mut self,
        batches: Vec<Batch>,
        merge: &mut Merge,
        out: &mut dyn Output,
    ) -> Result<Vec<Batch>, EngineError> {
        let unknown = !self.parsers.is_empty() && batches.iter().any(recorded_flows::has_unknown);
        if !unknown && merge.continues(&batches) {
            return Ok(batches);
        }
        let mut pieces = self.workers.pieces();
        if unknown {
            recorded_flows::pieces(&batches, &mut pieces);
        }
        let (mut parsed, evaluated) = self.workers.parse(pieces)?;
        self.deliver(evaluated, out);
        self.account(&parsed, out);
        let rows = recorded_flows::rows(&batches, &parsed, &self.protocols)?;
        parsed.push(ParseOutput {
            tables: rows,
            ..ParseOutput::default()
        });
        Ok(merge.epoch(&[], parsed)?)
    }

    fn evaluate(&mut self, batches: Vec<Batch>, out: &mut dyn Output) -> Result<(), EngineError> {
        for batch in &batches {
            *self.summary.events.entry(batch.kind()).or_default() += batch.len() as u64;
        }
        let began = Instant::now();
        let ticks = self.watermark.advance(&batches);
        self.summary.ingest += began.elapsed();
        if batches.is_empty() {
            return Ok(());
        }
        let routed = Routed::new(batches, Arc::clone(&self.filters), ticks);
        let before = self.workers.evaluate(&Arc::new(routed))?;
        self.deliver(before, out);
        Ok(())
    }

    /// Books what the parsers did.
    fn account(&mut self, parsed: &[ParseOutput], out: &mut dyn Output) {
        let mut failures: Vec<_> = parsed.iter().flat_map(|output| &output.failures).collect();
        failures.sort_by_key(|failure| failure.order);
        for failure in failures {
            self.summary.unparsed += 1;
            out.notice(Notice::Unparsed {
                parser: self.parsers[failure.parser].manifest().name.clone(),
                flow: failure.flow,
                problem: failure.message.clone(),
            });
        }
        for output in parsed {
            for (summary, cost) in self.summary.plugins.iter_mut().zip(&output.costs) {
                summary.parse.time += cost.time;
                summary.parse.calls += cost.calls;
                summary.parse.chunks += cost.chunks;
                summary.parse.bytes += cost.bytes;
                summary.parse.events += cost.events;
                summary.yielded += cost.events;
            }
            for (parser, fault) in &output.faults {
                self.summary.faults += 1;
                self.summary.plugins[*parser].cost.faults += 1;
                out.notice(Notice::Fault {
                    plugin: self.parsers[*parser].manifest().name.clone(),
                    problem: fault.to_string(),
                    backtrace: fault.backtrace.clone(),
                });
            }
        }
    }

    /// Puts out what an epoch made the plugins say, sorted by what it relies on.
    fn deliver(&mut self, outputs: Option<Vec<EvaluateOutput>>, out: &mut dyn Output) {
        let Some(outputs) = outputs else { return };
        let parsers = self.parsers.len();
        let (mut findings, mut judgements, mut poison) = (Vec::new(), Vec::new(), Vec::new());
        let mut requests = BTreeMap::new();
        for output in outputs {
            for (summary, cost) in self.summary.plugins[parsers..]
                .iter_mut()
                .zip(&output.costs)
            {
                summary.cost.add(cost);
            }
            self.summary.routing += output.routing;
            findings.extend(output.findings);
            judgements.extend(output.judgements);
            poison.extend(output.poison);
            for (seq, batch, row) in output.requests {
                requests
                    .entry((batch.source().slot, seq))
                    .or_insert((batch, row));
            }
            for (plugin, fault) in output.faults {
                self.summary.faults += 1;
                out.notice(Notice::Fault {
                    plugin: self.plugins[plugin].manifest().name.clone(),
                    problem: fault.to_string(),
                    backtrace: fault.backtrace,
                });
            }
        }
        findings.sort_by_key(|(rank, _)| *rank);
        for (rank, finding) in findings {
            self.summary.findings += 1;
            self.summary.plugins[parsers + rank.plugin].yielded += 1;
            out.finding(finding);
        }
        judgements.sort_by_key(|(rank, _)| *rank);
        for ((_, seq), (batch, row)) in requests {
            let said: Vec<Judgement> = judgements
                .iter()
                .filter(|(rank, _)| rank.seq == seq)
                .map(|(_, judgement)| judgement.clone())
                .collect();
            let decision = compose(said);
            self.summary.decisions += 1;
            self.summary.denied += u64::from(!decision.is_permitted());
            if let Some(event) = batch.event(row) {
                out.decision(&event, decision);
            }
        }
        poison.sort_by_key(|(plugin, p)| (p.batch.seqs()[p.row], *plugin));
        for (plugin, poison) in poison {
            self.summary.poison += 1;
            self.summary.faults += 1;
            let name = self.plugins[plugin].manifest().name.clone();
            out.poison(&name, &poison);
        }
    }
}
