//! What a packet of Modbus and HTTP costs on its way through the engine.
//!
//! CPU time of all threads, per packet, over the same pcap file in memory: the flow table
//! alone; the engine with its flow events and no plugin; with the parsers of the
//! `iot-protocols` pack; with every plugin of the first-party packs. The plugins are those that
//! `make plugins` has built. `MIX_PACKETS` sets the length, one million packets by default.

use std::io::Cursor;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::mix::{modbus_and_http, shared_captures};
use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::capabilities::{Listed, LogSink, Shard};
use palisade_pipeline::capture::{CaptureReader, ReadLimits};
use palisade_pipeline::datasets::{Dataset, DatasetLimits};
use palisade_pipeline::engine::{Engine, EngineConfig, Notice, Output, Poison, Summary};
use palisade_pipeline::flow::{Chunk, FlowConfig, FlowInfo, FlowSink, FlowTable, FlowUpdate};
use palisade_pipeline::predicates::{Filter, Membership};
use palisade_pipeline::sources::{Limits, SourcePolicy, open};
use palisade_pipeline::state::DEFAULT_BYTES;
use palisade_runtime::manifest::{Capability, Settings, World};
use palisade_runtime::{Config, Plugin, Runtime};

const PACKS: [&str; 4] = [
    "iot-protocols",
    "cdn-abuse",
    "intel-detect",
    "vuln-disclosure",
];

/// CPU time of all threads of this process so far.
fn cpu() -> Duration {
    let now = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(now.tv_sec.unsigned_abs(), now.tv_nsec.unsigned_abs() as u32)
}

#[derive(Clone)]
struct Shared(Arc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

/// Counts what it gets, so that nothing is optimised away.
#[derive(Default)]
struct Counting {
    news: u64,
    bytes: u64,
    findings: u64,
    faults: u64,
}

impl FlowSink for Counting {
    type State = u64;

    fn flow(&mut self, _: &FlowUpdate<'_>, _: &mut u64) {
        self.news += 1;
    }

    fn chunk(&mut self, _: &Arc<FlowInfo>, chunk: &Chunk<'_>, state: &mut u64) {
        *state += 1;
        self.bytes += chunk.bytes.len() as u64;
    }
}

impl Output for Counting {
    fn finding(&mut self, _: Finding) {
        self.findings += 1;
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

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn components(packs: &[&str]) -> Option<Vec<PathBuf>> {
    let mut found = Vec::new();
    for pack in packs {
        let folder = std::fs::read_dir(root().join("target/plugins").join(pack)).ok()?;
        found.extend(folder.filter_map(|entry| Some(entry.ok()?.path())));
    }
    found.retain(|path| path.extension().is_some_and(|e| e == "wasm"));
    found.sort();
    Some(found)
}

/// Compiled plugins and the dataset that one of them needs.
struct Loaded {
    plugins: Vec<Arc<Plugin>>,
    datasets: Vec<Arc<Dataset>>,
}

fn load(runtime: &Runtime) -> Option<Loaded> {
    let indicators = std::fs::File::open(root().join("tests/demo/indicators.ndjson")).ok()?;
    let dataset = Dataset::read("indicators", indicators, &DatasetLimits::default());
    let datasets = vec![Arc::new(dataset.expect("the dataset of the demo is good"))];
    let plugins = components(&PACKS)?
        .iter()
        .map(|path| {
            let component = std::fs::read(path).expect("a component can be read");
            let loaded = runtime.load(&component, &Capability::ALL, &Settings::default());
            Arc::new(loaded.expect("a first-party plugin loads").0)
        })
        .collect();
    Some(Loaded { plugins, datasets })
}

impl Loaded {
    fn run(&self, plugins: &[Arc<Plugin>], file: &Shared) -> (Counting, Summary) {
        let datasets = &self.datasets;
        let filters = |_: usize, plugin: &Plugin| {
            let manifest = plugin.manifest();
            let listed = |position: usize| {
                let name = manifest.datasets.get(position)?;
                let dataset = datasets.iter().find(|d| d.name() == name)?;
                Some(Arc::new(Listed(Arc::clone(dataset))) as Arc<dyn Membership>)
            };
            let filter = |subscription| Filter::new(subscription, &listed);
            manifest.subscriptions.iter().map(filter).collect()
        };
        let config = EngineConfig::default();
        let bytes = DEFAULT_BYTES / config.workers.max(1) as u64;
        let log: LogSink = Arc::new(|_, _, _| {});
        let capabilities = |_: usize, plugin: &Plugin| {
            let shard = Shard::new(plugin.manifest(), bytes, datasets, Arc::clone(&log));
            Box::new(shard) as Box<dyn palisade_runtime::Capabilities>
        };
        let engine = Engine::new(config, plugins.to_vec(), filters, capabilities);
        let mut engine = engine.expect("the engine starts");
        let mut out = Counting::default();
        let input = open("mix.pcap", Cursor::new(file.clone()), &Limits::default());
        let source = engine.source("mix.pcap", "default").expect("one input");
        let policy = SourcePolicy::new(source);
        engine
            .read(input.expect("a capture"), policy, &mut out)
            .expect("the run goes on");
        let summary = engine.finish(&mut out).expect("the run ends");
        assert_eq!(out.faults, 0, "no plugin faults on the mix");
        (out, summary)
    }
}

fn flow_table(file: &Shared) -> Counting {
    let mut sink = Counting::default();
    let mut table = FlowTable::new(FlowConfig::default());
    if let Ok(mut capture) = CaptureReader::new(file.as_ref(), ReadLimits::default()) {
        while let Ok(Some(packet)) = capture.next_packet() {
            table.packet(&packet, &mut sink);
        }
    }
    table.finish(0, &mut sink);
    sink
}

fn mix(criterion: &mut Criterion) {
    let Some(captures) = shared_captures() else {
        return skip("the captures of ../shared/data/pcap are not there");
    };
    let runtime = Runtime::new(Config::default());
    let Some(loaded) = load(&runtime.expect("a runtime")) else {
        return skip("`make plugins` has not built the plugins");
    };
    let length = std::env::var("MIX_PACKETS")
        .ok()
        .and_then(|n| n.parse().ok());
    let mix = modbus_and_http(&captures, length.unwrap_or(1_000_000)).expect("a mix");
    let packets = mix.len() as u64;
    let mut bytes = Vec::new();
    mix.write_pcap(&mut bytes).expect("memory takes the file");
    drop(mix);
    let file = Shared(Arc::new(bytes));
    let (parsers, rest): (Vec<_>, Vec<_>) = loaded
        .plugins
        .iter()
        .cloned()
        .partition(|p| p.manifest().world == World::Parser);
    let mut group = criterion.benchmark_group("mix, CPU of all threads");
    group.sample_size(10);
    group.throughput(Throughput::Elements(packets));
    let mut measure = |name: &str, run: &mut dyn FnMut()| {
        group.bench_function(BenchmarkId::new(name, packets), |b| {
            b.iter_custom(|rounds| {
                let before = cpu();
                (0..rounds).for_each(|_| run());
                cpu() - before
            });
        });
    };
    measure("flow table", &mut || {
        std::hint::black_box(flow_table(&file).bytes);
    });
    measure("engine without plugins", &mut || {
        loaded.run(&[], &file);
    });
    measure("with parsers", &mut || {
        loaded.run(&parsers, &file);
    });
    let all = [&parsers[..], &rest[..]].concat();
    measure("with parsers and packs", &mut || {
        loaded.run(&all, &file);
    });
    group.finish();
    let (out, summary) = loaded.run(&all, &file);
    report(packets, &out, &summary);
}

/// Where the time of one run with everything goes, by the engine's own clocks.
#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn report(packets: u64, out: &Counting, summary: &Summary) {
    eprintln!(
        "{packets} packets, {} events, {} findings; wall-clock nanoseconds per packet:",
        summary.total_events(),
        out.findings,
    );
    let each = |time: Duration| time.as_nanos() as f64 / packets as f64;
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

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn skip(why: &str) {
    eprintln!("skipped: {why}");
}

criterion_group!(benches, mix);
criterion_main!(benches);
