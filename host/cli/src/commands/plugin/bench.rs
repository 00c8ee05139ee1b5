//! `palisade plugin bench`: what a plugin costs.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{Engine, EngineConfig, Notice, Output as Yield, Poison, Summary};
use palisade_pipeline::sources::{Limits, SourcePolicy, open};
use palisade_runtime::Runtime;
use serde::Serialize;

use super::beside::Beside;
use super::build::Sdk;
use super::trial::{self, Component};
use crate::build::{Builder, Project};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{HostOptions, Loaded, runtime};
use crate::output::{Format, Table};
use crate::vector::{self, Input, Vector};

/// Rows of a batch at which it is measured.
const BATCH_SIZES: [usize; 4] = [1, 16, 256, 1024];
/// Events that are made of a vector at a time.
const BLOCK: usize = 16_384;
/// Packets that are made of a vector's capture at a time.
const PACKETS: usize = 65_536;
/// Inputs that are read at most: sources have numbers of 12 bits.
const MAX_READS: usize = 4000;

/// Measure what a plugin costs per event and call
///
/// Its vectors, or the inputs that are named, are read again and again through the same
/// pipeline as by `palisade run`, on one worker, at batches of 1, 16, 256 and 1,024 rows. The
/// times of vectors' events move on with every repetition. `guest` is time inside the plugin
/// with its host calls; `total` is wall-clock time with reading, routing and delivering.
#[derive(Debug, Args)]
pub(crate) struct Bench {
    /// The folder of the plugin
    #[arg(value_name = "DIR", default_value = ".")]
    folder: PathBuf,

    /// Captures, logs and events to read instead of vectors
    #[arg(value_name = "INPUT")]
    inputs: Vec<PathBuf>,

    /// Events to read at each batch size, at least
    #[arg(long, value_name = "N", default_value_t = 100_000)]
    events: u64,

    #[command(flatten)]
    host: HostOptions,

    #[command(flatten)]
    sdk: Sdk,
}

/// What one batch size costs. Times are in nanoseconds.
#[derive(Debug, Serialize)]
struct Cost {
    batch: usize,
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
    faults: u64,
}

impl Bench {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format("plugin bench", &[Format::Table, Format::Json])?;
        ensure!(
            self.events > 0,
            "--events 0 measures nothing; give at least 1"
        );
        let project = Project::open(&self.folder)?;
        let builder = Builder::new(self.sdk.checkout()?)?;
        let built = builder.build(&project, None)?;
        let beside = Beside::new(&builder, &[])?;
        let component = Component::read(&built.path)?;
        let runtime = runtime(false, false)?;
        let progress = context.progress();
        let mut costs = Vec::new();
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
            for done in self.measure(&runtime, &component, &project, &beside, &config)? {
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
        if costs.iter().any(|cost| cost.faults > 0) {
            crate::output::warn("the plugin faulted, so these numbers are those of its faults too");
        }
        Ok(Exit::Done)
    }

    /// One summary for each vector, or one for all inputs.
    fn measure(
        &self,
        runtime: &Runtime,
        component: &Component,
        project: &Project,
        beside: &Beside<'_>,
        config: &EngineConfig,
    ) -> Result<Vec<Summary>> {
        if !self.inputs.is_empty() {
            let mut loaded = Loaded::new(self.host.given()?);
            loaded.add(runtime, &component.bytes, &component.name, None)?;
            ensure!(loaded.left_out.is_empty(), "{}", loaded.left_out.join("; "));
            let config = EngineConfig {
                networks: loaded.given.networks.clone(),
                ..config.clone()
            };
            let engine = loaded.engine(config, &crate::host::log_to_stderr())?;
            return Ok(vec![self.files(engine)?]);
        }
        let folders = vector::find_all(&project.dir)?;
        if folders.is_empty() {
            bail!(
                "{} has no vectors; name inputs after it, or put a vector into `vectors/`",
                self.folder.display()
            );
        }
        let each = self.events.div_ceil(folders.len() as u64);
        let mut done = Vec::new();
        let silent: LogSink = Arc::new(|_, _, _| {});
        for folder in folders {
            let vector = Vector::read(&folder)?;
            let others = beside.of(project, &vector)?;
            let config = config.clone();
            let engine = trial::engine(runtime, component, &others, &vector, config, &silent)?;
            done.push(
                repeat(engine, &vector, each).with_context(|| format!("vector {}", vector.name))?,
            );
        }
        Ok(done)
    }

    /// Reads the inputs until enough events have come.
    fn files(&self, mut engine: Engine) -> Result<Summary> {
        let mut seen = Seen::default();
        for _ in 0..(MAX_READS / self.inputs.len()).max(1) {
            let before = seen.events;
            for path in &self.inputs {
                one(&mut engine, path, &mut seen)?;
            }
            if seen.events >= self.events || seen.events == before {
                break;
            }
        }
        seen.check()?;
        Ok(engine.finish(&mut seen)?)
    }
}

fn one(engine: &mut Engine, path: &Path, seen: &mut Seen) -> Result<()> {
    let name = path.display().to_string();
    let file = std::fs::File::open(path).with_context(|| format!("open {name}"))?;
    let input = open(&name, file, &Limits::default())?;
    let source = engine.source(&name, "bench")?;
    engine.read(input, SourcePolicy::vectors(source), seen)?;
    Ok(())
}

/// Reads a vector again and again until so many events have come; events move on in time.
fn repeat(mut engine: Engine, vector: &Vector, events: u64) -> Result<Summary> {
    let mut seen = Seen::default();
    trial::read(
        &mut engine,
        "given.ndjson",
        trial::ndjson(&vector.given)?,
        &mut seen,
    )?;
    match &vector.input {
        Input::Capture(bytes) => {
            let many = repeated(bytes).unwrap_or_else(|| bytes.clone());
            for _ in 0..MAX_READS {
                let before = seen.events;
                trial::read(&mut engine, "input.pcap", many.clone(), &mut seen)?;
                if seen.events >= events || seen.events == before {
                    break;
                }
            }
        }
        Input::Events(once) | Input::Requests(once) if !once.is_empty() => {
            let times = || once.iter().map(|event| event.envelope.time.0);
            let span = times().max().unwrap_or(0) - times().min().unwrap_or(0);
            let step = span.saturating_add(1_000_000_000);
            let mut shift = 0_u64;
            let mut left = events;
            while left > 0 {
                let mut block = Vec::with_capacity(BLOCK + once.len());
                while block.len() < BLOCK && (block.len() as u64) < left {
                    block.extend(once.iter().map(|event| later(event, shift)));
                    shift = shift.saturating_add(step);
                }
                left = left.saturating_sub(block.len() as u64);
                trial::read(
                    &mut engine,
                    "events.ndjson",
                    trial::ndjson(&block)?,
                    &mut seen,
                )?;
            }
        }
        Input::Events(_) | Input::Requests(_) => {}
    }
    seen.check()?;
    Ok(engine.finish(&mut seen)?)
}

/// A capture with its packets again and again, each time a minute later; nothing if it is no
/// pcap file that is whole and written on a machine like this one.
fn repeated(pcap: &[u8]) -> Option<Vec<u8>> {
    const HEADER: usize = 24;
    const RECORD: usize = 16;
    const MAGIC: [[u8; 4]; 2] = [[0xd4, 0xc3, 0xb2, 0xa1], [0x4d, 0x3c, 0xb2, 0xa1]];
    const STEP: u32 = 60;
    let (header, packets) = pcap.split_at_checked(HEADER)?;
    if !MAGIC.iter().any(|magic| header.starts_with(magic)) {
        return None;
    }
    let number = |at: usize| {
        let bytes = packets.get(at..at + 4)?.try_into().ok()?;
        Some(u32::from_le_bytes(bytes))
    };
    let mut starts = Vec::new();
    let mut at = 0;
    while at < packets.len() {
        starts.push((at, number(at)?));
        at += RECORD + number(at + 8)? as usize;
    }
    let span = starts.last()?.1.checked_sub(starts.first()?.1)?;
    if at != packets.len() {
        return None;
    }
    let mut out = header.to_vec();
    for pass in 0..(PACKETS / starts.len()).max(1) as u32 {
        let from = out.len();
        out.extend_from_slice(packets);
        for (at, seconds) in &starts {
            let seconds = seconds.saturating_add(pass.saturating_mul(span.saturating_add(STEP)));
            out[from + at..from + at + 4].copy_from_slice(&seconds.to_le_bytes());
        }
    }
    Some(out)
}

fn later(event: &Event, shift: u64) -> Event {
    let mut event = event.clone();
    event.envelope.time.0 = event.envelope.time.0.saturating_add(shift);
    event
}

impl Cost {
    fn new(batch: usize) -> Self {
        Self {
            batch,
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
        "shown",
        "rows a call",
        "guest ns each",
        "total ns an event",
        "events/s",
        "host calls a call",
    ]);
    for column in 0..7 {
        table = table.right(column);
    }
    for cost in costs {
        table.row([
            cost.batch.to_string(),
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

/// Counts, and keeps the first problem.
#[derive(Default)]
struct Seen {
    events: u64,
    problem: Option<String>,
}

impl Seen {
    fn check(&self) -> Result<()> {
        match &self.problem {
            None => Ok(()),
            Some(problem) => bail!("{problem}"),
        }
    }
}

impl Yield for Seen {
    fn finding(&mut self, _: Finding) {}

    fn decision(&mut self, _: &Event, _: Decision) {}

    fn poison(&mut self, _: &str, _: &Poison) {}

    fn notice(&mut self, notice: Notice) {
        if let Notice::Input { name, problem } | Notice::Record { name, problem } = notice {
            self.problem.get_or_insert(format!("{name}: {problem}"));
        }
    }

    fn progress(&mut self, events: u64, _: u64) {
        self.events = events;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_capture_is_repeated_with_later_times() {
        let mut pcap = vec![0xd4, 0xc3, 0xb2, 0xa1];
        pcap.resize(24, 7);
        for (seconds, byte) in [(100_u32, 1_u8), (103, 2)] {
            pcap.extend(seconds.to_le_bytes());
            pcap.extend([0; 4]);
            pcap.extend(2_u32.to_le_bytes());
            pcap.extend(2_u32.to_le_bytes());
            pcap.extend([byte, byte]);
        }
        let many = repeated(&pcap).unwrap();
        assert_eq!(many.len(), 24 + PACKETS / 2 * 36);
        assert!(many.starts_with(&pcap));
        let second = &many[pcap.len()..];
        assert_eq!(second[..4], 163_u32.to_le_bytes());
        assert_eq!(second[18..22], 166_u32.to_le_bytes());
        assert_eq!(second[16..18], [1, 1]);
        pcap.pop();
        assert_eq!(repeated(&pcap), None);
        assert_eq!(repeated(b"\n\r\r\n"), None);
    }
}
