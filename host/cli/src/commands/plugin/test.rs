//! `palisade plugin test`: vectors through the same engine as `run`.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_events::json::write_event;
use palisade_events::{Batch, Decision, Event, Finding, Kind};
use palisade_pipeline::datasets::{Dataset, DatasetLimits};
use palisade_pipeline::engine::{EngineConfig, Notice, Output as Yield, Poison};
use palisade_pipeline::enrich::Networks;
use palisade_pipeline::sources::{Limits, SourcePolicy, open};
use palisade_runtime::Runtime;

use super::build::Sdk;
use crate::build::{Builder, Project, find_all};
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{Given, Loaded, runtime};
use crate::output::Format;
use crate::vector::{self, Input, Vector};

/// Batch sizes at which every vector must give the same.
const BATCH_SIZES: [usize; 3] = [1, 7, 1024];
/// Slots of the sources, in the order in which they are read.
const GIVEN: u64 = 1;
/// Set to `1` it writes what comes out to `expected.ndjson`.
const BLESS: &str = "PALISADE_BLESS";

/// Run the vectors of plugins
///
/// Every folder in `vectors/` beside plugin.toml is run through the same pipeline as by
/// `palisade run`, at batch sizes 1, 7 and 1,024, each with long-lived instances and with a new
/// instance for every call; all must give what `expected.ndjson` says. PALISADE_BLESS=1 writes
/// that file anew.
#[derive(Debug, Args)]
pub(crate) struct Test {
    /// Folders of plugins
    #[arg(value_name = "DIR", default_value = ".")]
    folders: Vec<PathBuf>,

    /// Test every plugin in and below the folders
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    sdk: Sdk,
}

impl Test {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        context.format("plugin test", &[Format::Table])?;
        let bless = std::env::var_os(BLESS).is_some_and(|v| v == "1");
        let mut folders = self.folders.clone();
        if self.all {
            folders.clear();
            for folder in &self.folders {
                folders.extend(find_all(folder)?);
            }
        }
        let builder = Builder::new(self.sdk.checkout()?)?;
        let runtime = runtime(false, false)?;
        let mut out = context.output();
        let (mut passed, mut failed) = (0, 0);
        for folder in folders {
            let project = Project::open(&folder)?;
            let vectors = vector::find_all(&folder)?;
            if vectors.is_empty() {
                continue;
            }
            let built = builder.build(&project, None)?;
            let component = std::fs::read(&built.path)
                .with_context(|| format!("read {}", built.path.display()))?;
            for path in vectors {
                let name = format!("{} {}", folder.display(), shown(&path));
                match check(&runtime, &component, &path, bless) {
                    Ok(None) => {
                        passed += 1;
                        out.line(&format!("ok      {name}"))?;
                    }
                    Ok(Some(difference)) => {
                        failed += 1;
                        out.line(&format!("FAILED  {name}"))?;
                        for line in difference.lines() {
                            out.line(&format!("    {line}"))?;
                        }
                    }
                    Err(error) => {
                        failed += 1;
                        out.line(&format!("FAILED  {name}: {error:#}"))?;
                    }
                }
            }
        }
        out.line(&format!("{passed} passed, {failed} failed"))?;
        out.finish()?;
        ensure!(
            passed + failed > 0,
            "there is no vector; put one into `vectors/` of a plugin"
        );
        Ok(Exit::found(failed > 0))
    }
}

fn shown(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Runs one vector in all ways; what differs, if anything.
fn check(runtime: &Runtime, component: &[u8], dir: &Path, bless: bool) -> Result<Option<String>> {
    let vector = Vector::read(dir)?;
    let mut first: Option<Vec<String>> = None;
    for rows in BATCH_SIZES {
        for fresh in [false, true] {
            let lines = once(runtime, component, &vector, rows, fresh)?;
            let Some(expected) = &first else {
                first = Some(lines);
                continue;
            };
            if *expected != lines {
                let instance = if fresh {
                    "a new instance for every call"
                } else {
                    "one instance"
                };
                let values: Vec<_> = expected
                    .iter()
                    .filter_map(|l| serde_json::from_str(l).ok())
                    .collect();
                let difference = vector::difference(&values, &lines).unwrap_or_default();
                return Ok(Some(format!(
                    "batches of {rows} and {instance} give something else than batches of 1:\n{difference}"
                )));
            }
        }
    }
    let lines = first.unwrap_or_default();
    if bless {
        let mut text = lines.join("\n");
        if !text.is_empty() {
            text.push('\n');
        }
        std::fs::write(&vector.expected.path, text)
            .with_context(|| format!("write {}", vector.expected.path.display()))?;
        return Ok(None);
    }
    let Some(expected) = &vector.expected.lines else {
        return Ok(Some(format!(
            "there is no {}; look at what comes out and write it with {BLESS}=1:\n{}",
            vector.expected.path.display(),
            lines.join("\n")
        )));
    };
    Ok(vector::difference(expected, &lines))
}

/// One run of a vector, as golden lines.
fn once(
    runtime: &Runtime,
    component: &[u8],
    vector: &Vector,
    rows: usize,
    fresh: bool,
) -> Result<Vec<String>> {
    let mut given = Given::default();
    for (name, bytes) in &vector.datasets {
        let dataset = Dataset::parse(name, bytes, &DatasetLimits::default())?;
        given.datasets.push(Arc::new(dataset));
    }
    if let Some(networks) = &vector.networks {
        given.networks = Some(Arc::new(Networks::parse(networks)?));
    }
    let settings = vector.settings.clone().into_iter().collect();
    let mut loaded = Loaded::new(given);
    loaded.add(runtime, component, &vector.name, Some(settings))?;
    ensure!(loaded.left_out.is_empty(), "{}", loaded.left_out.join("; "));
    let config = EngineConfig {
        batch_rows: rows,
        fresh,
        workers: 2,
        networks: loaded.given.networks.clone(),
        ..EngineConfig::default()
    };
    let log: palisade_pipeline::capabilities::LogSink = Arc::new(|_, _, _| {});
    let mut engine = loaded.engine(config, &log)?;
    let mut collect = Collect::default();
    let (name, bytes) = match &vector.input {
        Input::Events(events) => ("events.ndjson", ndjson(events)?),
        Input::Requests(events) => ("request.ndjson", ndjson(events)?),
        Input::Capture(bytes) => ("input.pcap", bytes.clone()),
    };
    for (name, bytes) in [("given.ndjson", ndjson(&vector.given)?), (name, bytes)] {
        let source = engine.source(name, "vector")?;
        if bytes.is_empty() {
            continue;
        }
        let input = open(name, Cursor::new(bytes), &Limits::default())?;
        engine.read(input, SourcePolicy::vectors(source), &mut collect)?;
    }
    engine.finish(&mut collect)?;
    ensure!(
        collect.problems.is_empty(),
        "{}",
        collect.problems.join("; ")
    );
    Ok(collect.lines)
}

fn ndjson(events: &[Event]) -> Result<Vec<u8>> {
    let mut bytes = Vec::new();
    for event in events {
        write_event(&mut bytes, event)?;
        if bytes.last() != Some(&b'\n') {
            bytes.push(b'\n');
        }
    }
    Ok(bytes)
}

/// Where an event of the vector stands, such as `input:2`.
fn cite(event_ref: u64) -> String {
    let (slot, seq) = (event_ref >> 40, event_ref & ((1 << 40) - 1));
    let file = if slot == GIVEN { "given" } else { "input" };
    format!("{file}:{}", seq + 1)
}

/// Collects what comes out in the golden form.
#[derive(Default)]
struct Collect {
    lines: Vec<String>,
    requests: usize,
    problems: Vec<String>,
}

impl Yield for Collect {
    fn finding(&mut self, finding: Finding) {
        // What was given has happened before; only what follows from the input counts.
        let of_given = |event_ref: u64| event_ref >> 40 == GIVEN;
        let before = !finding.cited.is_empty()
            && finding.cited.iter().all(|cited| of_given(cited.event_ref));
        if !before {
            self.lines.push(vector::finding(&finding, &cite));
        }
    }

    fn decision(&mut self, request: &Event, decision: Decision) {
        if u64::from(request.envelope.source.slot) != GIVEN {
            self.requests += 1;
            self.lines
                .push(vector::decision(self.requests, &decision, &cite));
        }
    }

    fn poison(&mut self, plugin: &str, poison: &Poison) {
        self.problems
            .push(format!("plugin `{plugin}`: {}", poison.fault));
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Input { name, problem } | Notice::Record { name, problem } => {
                self.problems.push(format!("{name}: {problem}"));
            }
            Notice::TooDeep { plugin, rule } => self.problems.push(format!(
                "plugin `{plugin}`: more than four findings would rest one on another, rule {rule}"
            )),
            Notice::Fault { problem, .. } => self.problems.push(problem),
            // What a parser cannot parse is part of what it must do.
            Notice::Unparsed { .. } => {}
        }
    }

    fn parsed(&mut self, batch: &Batch) {
        if batch.kind() == Kind::NetworkFlow {
            return;
        }
        let events = (0..batch.len()).filter_map(|row| batch.event(row));
        self.lines.extend(events.map(|event| vector::event(&event)));
    }

    fn progress(&mut self, _: u64, _: u64) {}
}
