//! What a run costs with all first-party packs, against the way from bytes to Arrow batches
//! alone, in the same process.
//!
//! Of logs, `arrow` is recognised, decompressed, checked and put into columns, on one thread.
//! Of captures it is a run with the parsers and nothing else. `run` is the engine as `palisade
//! run` sets it up, with as many workers as there are cores, and findings thrown away; `one
//! worker` is the same with one. `no plugins` shows what the engine itself adds. The dataset
//! `indicators` holds 10,000 addresses and names, none of which occurs.

use std::hint::black_box;
use std::io::Cursor;
use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::guests::of_packs;
use palisade_benches::logs::{eve, ndjson, shared_logs, to_batches, zeek};
use palisade_benches::mix::{modbus_and_http, shared_captures};
use palisade_events::{Decision, Event, Finding};
use palisade_pipeline::capabilities::{Listed, Shard};
use palisade_pipeline::datasets::{Dataset, DatasetLimits};
use palisade_pipeline::engine::{Engine, EngineConfig, Notice, Output, Poison, Summary};
use palisade_pipeline::predicates::{Filter, Membership};
use palisade_pipeline::sources::{Limits, SourcePolicy, open};
use palisade_pipeline::state::DEFAULT_BYTES;
use palisade_runtime::manifest::{Capability, Settings, World};
use palisade_runtime::{Config, Plugin, Runtime};

const PACKS: [&str; 5] = [
    "cdn-abuse",
    "intel-detect",
    "intel-sharing",
    "iot-protocols",
    "vuln-disclosure",
];
/// How many records of each log are read.
const RECORDS: usize = 40_000;
const PACKETS: usize = 200_000;

/// Counts what comes out.
#[derive(Default)]
struct Counting {
    findings: u64,
}

impl Output for Counting {
    fn finding(&mut self, finding: Finding) {
        self.findings += 1;
        black_box(finding);
    }

    fn decision(&mut self, _: &Event, _: Decision) {}

    fn poison(&mut self, plugin: &str, poison: &Poison) {
        panic!("{plugin}: {}", poison.fault);
    }

    fn notice(&mut self, _: Notice) {}

    fn progress(&mut self, _: u64, _: u64) {}
}

fn run(
    plugins: &[Arc<Plugin>],
    dataset: &Arc<Dataset>,
    workers: usize,
    bytes: &Arc<[u8]>,
) -> Summary {
    let config = EngineConfig {
        workers,
        ..EngineConfig::default()
    };
    let filters = |_: usize, plugin: &Plugin| {
        let listed = |_: usize| Some(Arc::new(Listed(Arc::clone(dataset))) as Arc<dyn Membership>);
        let filter = |subscription| Filter::new(subscription, &listed);
        plugin.manifest().subscriptions.iter().map(filter).collect()
    };
    let capabilities = |_: usize, plugin: &Plugin| {
        let log = Arc::new(|_: &str, _, _: &str| {});
        let datasets = [Arc::clone(dataset)];
        let shard = Shard::new(plugin.manifest(), DEFAULT_BYTES, &datasets, log);
        Box::new(shard) as Box<dyn palisade_runtime::Capabilities>
    };
    let done =
        Engine::new(config, plugins.to_vec(), filters, capabilities).and_then(|mut engine| {
            let source = engine.source("bench", "bench")?;
            let input = open("bench", Cursor::new(Arc::clone(bytes)), &Limits::default());
            let input = input.unwrap_or_else(|error| panic!("{error}"));
            let mut out = Counting::default();
            engine.read(input, SourcePolicy::new(source), &mut out)?;
            engine.finish(&mut out)
        });
    done.unwrap_or_else(|error| panic!("{error}"))
}

/// Says once where the time of a run goes.
#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn explain(name: &str, summary: &Summary) {
    let events = summary.total_events().max(1);
    let each = |time: std::time::Duration| time.as_nanos() as u64 / events;
    eprintln!(
        "{name}: {events} events, {} findings; ns per event: ingest {}, routing {}, guests {}",
        summary.findings,
        each(summary.ingest),
        each(summary.routing),
        each(summary.guests())
    );
    for plugin in &summary.plugins {
        let time = plugin.cost.time + plugin.parse.time;
        if plugin.cost.calls + plugin.parse.calls > 0 {
            eprintln!(
                "    {:12} {:6} ns per event of the run; shown {} in {} calls",
                plugin.name,
                each(time),
                plugin.cost.events + plugin.parse.chunks,
                plugin.cost.calls + plugin.parse.calls,
            );
        }
    }
}

fn whole(criterion: &mut Criterion) {
    let (Some(logs), Some(captures)) = (shared_logs(), shared_captures()) else {
        skip("the logs and captures of ../shared/data are not there");
        return;
    };
    let components = match of_packs(&PACKS) {
        Ok(components) => components,
        Err(error) => {
            skip(&format!("{error}; `make plugins` builds the packs"));
            return;
        }
    };
    let runtime = Runtime::new(Config::default()).unwrap_or_else(|error| panic!("{error}"));
    let load = |component: &Vec<u8>| {
        let loaded = runtime.load(component, &Capability::ALL, &Settings::default());
        let (plugin, _) = loaded.unwrap_or_else(|error| panic!("{error}"));
        Arc::new(plugin)
    };
    let plugins: Vec<_> = components.iter().map(load).collect();
    let is_parser = |plugin: &&Arc<Plugin>| plugin.manifest().world == World::Parser;
    let parsers: Vec<_> = plugins.iter().filter(is_parser).cloned().collect();
    let indicators: String = (0..5_000)
        .map(|n| {
            let address = format!("198.18.{}.{}", n / 250, n % 250);
            format!(
                "{{\"kind\":\"ipv4\",\"value\":\"{address}\"}}\n\
                 {{\"kind\":\"domain\",\"value\":\"host-{n}.bench.invalid\"}}\n"
            )
        })
        .collect();
    let limits = DatasetLimits::default();
    let dataset = Dataset::parse("indicators", indicators.as_bytes(), &limits);
    let dataset = Arc::new(dataset.unwrap_or_else(|error| panic!("{error}")));

    let zeek_log = |log| zeek(&logs, log, RECORDS).unwrap_or_else(|error| panic!("{error}"));
    let (dns, ssl) = (zeek_log("dns"), zeek_log("ssl"));
    let eve = eve(&logs, RECORDS).unwrap_or_else(|error| panic!("{error}"));
    let own = ndjson(&to_batches(&eve.as_slice().into()));
    let all_workers = std::thread::available_parallelism().map_or(1, usize::from);
    for (name, bytes) in [
        ("zeek dns", dns),
        ("zeek ssl", ssl),
        ("eve", eve),
        ("ndjson", own),
    ] {
        let bytes: Arc<[u8]> = bytes.into();
        let mut group = criterion.benchmark_group(format!("whole/{name}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function("arrow", |b| b.iter(|| black_box(to_batches(&bytes))));
        group.bench_function("no plugins", |b| {
            b.iter(|| black_box(run(&[], &dataset, all_workers, &bytes)));
        });
        group.bench_function("run", |b| {
            b.iter(|| black_box(run(&plugins, &dataset, all_workers, &bytes)));
        });
        group.bench_function("one worker", |b| {
            b.iter(|| black_box(run(&plugins, &dataset, 1, &bytes)));
        });
        group.finish();
        explain(name, &run(&plugins, &dataset, 1, &bytes));
    }

    let mix = modbus_and_http(&captures, PACKETS).unwrap_or_else(|error| panic!("{error}"));
    let mut file = Vec::new();
    if let Err(error) = mix.write_pcap(&mut file) {
        panic!("{error}");
    }
    let bytes: Arc<[u8]> = file.into();
    let mut group = criterion.benchmark_group("whole/capture");
    group.sample_size(10);
    group.throughput(Throughput::Elements(mix.len() as u64));
    group.bench_function("arrow", |b| {
        b.iter(|| black_box(run(&parsers, &dataset, all_workers, &bytes)));
    });
    group.bench_function("run", |b| {
        b.iter(|| black_box(run(&plugins, &dataset, all_workers, &bytes)));
    });
    group.finish();
    explain("capture", &run(&plugins, &dataset, 1, &bytes));
}

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}

criterion_group!(benches, whole);
criterion_main!(benches);
