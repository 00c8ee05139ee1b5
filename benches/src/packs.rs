//! The first-party packs in the engine, as `palisade run` sets it up.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{
    Engine, EngineConfig, Generation, Notice, Output, Poison, Summary,
};
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Config, Plugin, Runtime};
use palisade_sources::{Limits, SourcePolicy, open};
use palisade_state::datasets::{Dataset, DatasetLimits};

use crate::guests::built;

const PACKS: [&str; 5] = [
    "cdn-abuse",
    "intel-detect",
    "intel-sharing",
    "iot-protocols",
    "vuln-disclosure",
];

/// Compiled plugins, and the datasets that they need.
pub struct Packs {
    /// By name of the pack, then of the plugin.
    pub plugins: Vec<Arc<Plugin>>,
    datasets: Vec<Arc<Dataset>>,
}

/// Counts what comes out, and throws it away.
#[derive(Default)]
struct Counting {
    faults: u64,
}

impl Output for Counting {
    fn finding(&mut self, finding: Finding) {
        std::hint::black_box(finding);
    }
    fn decision(&mut self, _: &Event, _: Decision) {}
    fn poison(&mut self, _: &str, _: &Poison) {
        self.faults += 1;
    }
    fn notice(&mut self, notice: Notice) {
        self.faults += u64::from(matches!(notice, Notice::Fault { .. }));
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

impl Packs {
    /// All plugins that `make plugins` has built of the first-party packs; `None`, with a line
    /// on stderr, where it has not. The indicators are those of the demonstration.
    ///
    /// # Panics
    /// When a plugin does not load: there is nothing to measure then.
    #[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
    pub fn load() -> Option<Self> {
        let mut components = Vec::new();
        for pack in PACKS {
            let Ok(folder) = std::fs::read_dir(built().join(pack)) else {
                eprintln!("skipped: `make plugins` has not built the pack {pack}");
                return None;
            };
            components.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
        }
        components.retain(|path| {
            let path = path.to_string_lossy();
            path.ends_with(".wasm") && !path.ends_with(".debug.wasm")
        });
        components.sort();
        let runtime = Runtime::new(Config::default()).expect("a runtime");
        let load = |path: &PathBuf| {
            let component = std::fs::read(path).expect("a component can be read");
            let loaded = runtime.load(&component, &Capability::ALL, &Settings::default());
            Arc::new(loaded.expect("a first-party plugin loads").0)
        };
        let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/demo/indicators.ndjson");
        let indicators = std::fs::File::open(demo).expect("the dataset of the demo is there");
        let dataset = Dataset::read("indicators", indicators, &DatasetLimits::default());
        Some(Self {
            plugins: components.iter().map(load).collect(),
            datasets: vec![Arc::new(dataset.expect("the dataset of the demo is good"))],
        })
    }

    /// Runs some of the plugins over one input, on one worker a core.
    ///
    /// # Panics
    /// When a plugin faults, and when the input is none.
    pub fn run(&self, plugins: &[Arc<Plugin>], bytes: &Arc<[u8]>) -> Summary {
        let log: LogSink = Arc::new(|_, _, _| {});
        let config = EngineConfig::default();
        let generation = Generation::new(plugins.to_vec(), self.datasets.clone(), None);
        let engine = Engine::new(config, generation.expect("the plugins fit together"), &log);
        let mut engine = engine.expect("the engine starts");
        let mut out = Counting::default();
        let input = open("bench", Cursor::new(Arc::clone(bytes)), &Limits::default());
        let source = engine.source("bench", "default").expect("one input");
        engine
            .read(
                input.expect("an input"),
                SourcePolicy::new(source),
                &mut out,
            )
            .expect("the run goes on");
        let summary = engine.finish(&mut out).expect("the run ends");
        assert_eq!(out.faults, 0, "no plugin faults");
        summary
    }
}

/// CPU time of all threads of this process so far.
pub fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

/// Where the time of one run goes, by the engine's own clocks, on stderr.
#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
pub fn report(units: u64, unit: &str, summary: &Summary) {
    eprintln!(
        "{units} {unit}s, {} events, {} findings; wall-clock nanoseconds per {unit}:",
        summary.total_events(),
        summary.findings,
    );
    let each = |time: Duration| time.as_nanos() as f64 / units as f64;
    eprintln!("  {:>8.1} ingest and merge", each(summary.ingest));
    eprintln!("  {:>8.1} routing", each(summary.routing));
    for plugin in &summary.plugins {
        let (parse, cost) = (&plugin.parse, &plugin.cost);
        let calls = parse.calls + cost.calls;
        if calls > 0 {
            eprintln!(
                "  {:>8.1} {} ({calls} calls, {} chunks, {} events)",
                each(parse.time + cost.time),
                plugin.name,
                parse.chunks,
                parse.events + cost.events,
            );
        }
    }
}
