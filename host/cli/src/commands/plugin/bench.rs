//! `palisade plugin bench`: what a plugin costs.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{EngineConfig, Stop};
use palisade_runtime::Runtime;
use palisade_runtime::manifest::parse_duration;
use serde::Serialize;

use super::beside::Beside;
use super::build::{Sdk, title};
use super::repeat::{self, Read, Until};
use super::trial::{self, Component};
use crate::build::{Builder, Project};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{HostOptions, Loaded, runtime, told};
use crate::output::{Format, Table};
use crate::vector::{self, Vector};

/// Rows of a batch at which it is measured.
const BATCH_SIZES: [usize; 4] = [1, 16, 256, 1024];

/// Measure what a plugin costs per event and call
///
/// Its vectors, or the inputs that are named, are read again and again through the same
/// pipeline as by `palisade run`, on one worker, at batches of 1, 16, 256 and 1,024 rows. The
/// times of vectors' events move on with every repetition. `guest` is time inside the plugin
/// with its host calls; `total` is wall-clock time with reading, routing and delivering. A batch
/// size ends with the events that were asked for or with its part of the time, whichever is first.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The folder of the plugin
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Captures, logs and events to read instead of vectors
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Events to read at each batch size, at least
    #[arg(
        long,
        value_name = "N",
        default_value_t = 100_000,
        allow_negative_numbers = true
    )]
    events: u64,

    /// For how long to measure, all batch sizes together; what has begun is ended
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_duration)]
    time: Duration,

    #[command(flatten)]
    host: HostOptions,

    #[command(flatten)]
    sdk: Sdk,
}

/// What one batch size costs. Times are in nanoseconds.
#[derive(Debug, Serialize)]
struct Cost {
    batch: usize,
    /// How often the vectors, or the inputs, were read; of several vectors the sum.
    rounds: u64,
    /// Whether the time was up before as many events were read as were asked for.
    time_up: bool,
    /// Events, or chunks of a parser, that the plugin was shown.
    shown: u64,
    /// Events that went through the pipeline, whether it was shown them or not.
    events: u64,
    calls: u64,
    rows_per_call: f64,
    guest_ns: f64,
    total_ns: f64,
    events_per_second: f64,
    /// Of detectors and policies.
    host_calls_per_call: f64,
    yielded: u64,
    #[serde(skip)]
    faults: u64,
}

impl Bench {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        ensure!(
            self.events > 0,
            "--events 0 measures nothing; give at least 1"
        );
        let project = Project::open(&self.folder)?;
        let builder = Builder::new(self.sdk.checkout()?)?;
        let built = builder.build(&project, None)?;
        built.tell(&title(&project));
        let beside = Beside::new(&builder, &[])?;
        let component = Component::read(&built.path)?;
        let runtime = runtime(false, false)?;
        let progress = context.progress();
        let mut costs = Vec::new();
        let mut fault = None;
        for batch in BATCH_SIZES {
            progress.doing(&format!("batches of {batch}"));
            let config = EngineConfig {
                batch_rows: batch,
                workers: 1,
                ..EngineConfig::default()
            };
            let mut sum = Cost::new(batch);
            let mut elapsed = Duration::ZERO;
            let mut guest = Duration::ZERO;
            let mut host_calls = 0;
            for read in self.measure(&runtime, &component, &project, &beside, &config)? {
                sum.rounds += read.rounds;
                sum.time_up |= read.time_up;
                let done = read.done;
                fault = fault.or(read.fault);
                // The plugin is one of several only where others were asked for.
                let mine = done
                    .plugins
                    .iter()
                    .filter(|p| p.name == project.manifest.name);
                for plugin in mine {
                    guest += plugin.cost.time + plugin.parse.time;
                    sum.calls += plugin.cost.calls + plugin.parse.calls;
                    sum.shown += plugin.cost.events + plugin.parse.chunks;
                    sum.yielded += plugin.yielded;
                    sum.faults += plugin.cost.faults;
                    host_calls += plugin.cost.host_calls;
                }
                sum.events += done.total_events();
                elapsed += done.elapsed;
            }
            sum.finish(guest, elapsed, host_calls);
            costs.push(sum);
        }
        drop(progress);
        let faults: u64 = costs.iter().map(|cost| cost.faults).sum();
        // A call that faults ends early: what it took is no measure of the plugin.
        ensure!(
            faults == 0,
            "the plugin faulted {faults} times, so nothing is measured: mend that first; \
             `palisade plugin test` shows on what. The first:\n{}",
            fault.unwrap_or_default()
        );
        let shown = costs.iter().any(|cost| cost.shown > 0);
        ensure!(
            shown,
            "the plugin was shown nothing: no event of the input is of a kind that it subscribes to"
        );
        let mut out = context.output();
        if format == Format::Json {
            out.json(&costs)?;
        } else {
            out.table(&table(&costs))?;
        }
        out.finish()?;
        if costs.iter().any(|cost| cost.time_up) {
            crate::output::warn(&format!(
                "a batch size had used up its part of the time ({:?}, --time) before {} events \
                 (--events) were read; how many were is said above",
                self.time, self.events
            ));
        }
        Ok(Exit::Done)
    }

    /// What was read of each vector, or one for all inputs.
    fn measure(
        &self,
        runtime: &Runtime,
        component: &Component,
        project: &Project,
        beside: &Beside<'_>,
        config: &EngineConfig,
    ) -> Result<Vec<Read>> {
        let share = self.time / BATCH_SIZES.len() as u32;
        if !self.inputs.is_empty() {
            let mut loaded = Loaded::new(self.host.given()?);
            self.host.add_named(runtime, &mut loaded)?;
            // It may lie where the others are taken from.
            let own = (&project.manifest.pack, &project.manifest.name);
            loaded.plugins.retain(|plugin| {
                let manifest = plugin.manifest();
                (&manifest.pack, &manifest.name) != own
            });
            loaded.add(runtime, &component.bytes, &component.name, None)?;
            ensure!(loaded.left_out.is_empty(), "{}", told(&loaded.left_out));
            loaded.sort()?;
            let until = Until {
                events: self.events,
                time: share,
                stop: Stop::default(),
            };
            let config = EngineConfig {
                stop: until.stop.clone(),
                ..config.clone()
            };
            let engine = loaded.engine(config, &crate::host::log_to_stderr())?;
            return Ok(vec![repeat::files(engine, &self.inputs, &until)?]);
        }
        let folders = vector::find_all(&project.dir)?;
        if folders.is_empty() {
            bail!(
                "{} has no vectors; name inputs after it, or put a vector into `vectors/`",
                self.folder.display()
            );
        }
        let each = self.events.div_ceil(folders.len() as u64);
        let share = share / u32::try_from(folders.len()).unwrap_or(u32::MAX);
        let mut done = Vec::new();
        let silent: LogSink = Arc::new(|_, _, _| {});
        for folder in folders {
            let vector = Vector::read(&folder)?;
            let others = beside.of(project, &vector)?;
            let until = Until {
                events: each,
                time: share,
                stop: Stop::default(),
            };
            let config = EngineConfig {
                stop: until.stop.clone(),
                ..config.clone()
            };
            let session = trial::session(runtime, component, &others, &vector, config, &silent)?;
            let read = repeat::vector(session, &vector, &until);
            done.push(read.with_context(|| format!("vector {}", vector.name))?);
        }
        Ok(done)
    }
}

impl Cost {
    fn new(batch: usize) -> Self {
        Self {
            batch,
            rounds: 0,
            time_up: false,
            shown: 0,
            events: 0,
            calls: 0,
            rows_per_call: 0.0,
            guest_ns: 0.0,
            total_ns: 0.0,
            events_per_second: 0.0,
            host_calls_per_call: 0.0,
            yielded: 0,
            faults: 0,
        }
    }

    /// Fills in what is per event and per call.
    fn finish(&mut self, guest: Duration, elapsed: Duration, host_calls: u64) {
        let per = |value: f64, of: u64| value / of.max(1) as f64;
        self.rows_per_call = per(self.shown as f64, self.calls);
        self.guest_ns = per(guest.as_nanos() as f64, self.shown);
        self.total_ns = per(elapsed.as_nanos() as f64, self.events);
        self.events_per_second = self.events as f64 / elapsed.as_secs_f64().max(1e-9);
        self.host_calls_per_call = per(host_calls as f64, self.calls);
    }
}

fn table(costs: &[Cost]) -> Table {
    let mut table = Table::new([
        "batch",
        "rounds",
        "events",
        "shown",
        "rows a call",
        "guest ns each",
        "total ns an event",
        "events/s",
        "host calls a call",
    ]);
    for column in 0..9 {
        table = table.right(column);
    }
    for cost in costs {
        table.row([
            cost.batch.to_string(),
            cost.rounds.to_string(),
            cost.events.to_string(),
            cost.shown.to_string(),
            format!("{:.1}", cost.rows_per_call),
            format!("{:.0}", cost.guest_ns),
            format!("{:.0}", cost.total_ns),
            format!("{:.0}", cost.events_per_second),
            format!("{:.1}", cost.host_calls_per_call),
        ]);
    }
    table
}
