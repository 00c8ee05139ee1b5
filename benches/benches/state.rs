//! What tables cost: 100 batches of 1,024 flows from 10,000 sources, counted by source.
//!
//! `native` is what a Rust programmer would write without a host: a `HashMap` from address to
//! the times in the window. `host` calls the tables without a guest. `guest` is the plugin
//! `counters` through `Instance::evaluate`, with the shard that a run gives it: entering the
//! guest, the call with its rows and answers, and the commit. `guest, no state` is the same
//! plugin when it uses no table. Windows are full before the clock starts. The time of an
//! iteration by 102,400 is that of an event.

use std::collections::{HashMap, VecDeque};
use std::hint::black_box;
use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::guests::component;
use palisade_events::{
    Batch, BatchBuilder, Body, Endpoint, FieldId, Kind, NetworkFlow, Source, Stamp, Timestamp,
    Values,
};
use palisade_pipeline::capabilities::Shard;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Capabilities, Config, Plugin, Runtime, View};
use palisade_state::partition::PartitionKey;
use palisade_state::{DEFAULT_BYTES, Holds, Rows, Span, TableSpec, Tables};

const ROWS: usize = 1024;
/// Batches before the clock starts: more than a window's.
const WARM: usize = 70;
const TIMED: usize = 100;
const SOURCES: u64 = 10_000;
/// Between two events.
const STEP: u64 = 1_000_000;
const WINDOW: u64 = 60_000_000_000;

fn batches() -> Vec<Batch> {
    let source = Arc::new(Source {
        slot: 1,
        name: "bench".into(),
        tenant: "bench".into(),
    });
    let mut state = 1u64;
    let mut random = |below: u64| {
        // Knuth's constants of a linear congruential generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) % below
    };
    (0..(WARM + TIMED) as u64)
        .map(|number| {
            let mut builder = BatchBuilder::new(Kind::NetworkFlow, Arc::clone(&source));
            for row in 0..ROWS as u64 {
                let seq = number * ROWS as u64 + row;
                let endpoint = |ip: u32, port: u64| Endpoint {
                    ip: std::net::IpAddr::from(Ipv4Addr::from(ip)).into(),
                    port: Some(port as u16),
                    ..Endpoint::default()
                };
                let flow = NetworkFlow {
                    src: endpoint(0x0a00_0000 + random(SOURCES) as u32, 50_000),
                    dst: endpoint(0xc633_6401, random(1000)),
                    bytes_out: random(10_000),
                    ..NetworkFlow::default()
                };
                let time = Timestamp(1_700_000_000_000_000_000 + seq * STEP);
                let stamp = Stamp {
                    time,
                    ingest_time: time,
                    seq,
                };
                if let Err(error) = builder.push(stamp, &Body::NetworkFlow(flow)) {
                    panic!("{error}");
                }
            }
            match builder.finish() {
                Ok(batch) => batch,
                Err(error) => panic!("{error}"),
            }
        })
        .collect()
}

/// Runs all batches in something new, and times those after the first windows.
fn timed<S>(
    iterations: u64,
    batches: &[Batch],
    new: impl Fn() -> S,
    mut one: impl FnMut(&mut S, &Batch),
) -> Duration {
    let mut total = Duration::ZERO;
    for _ in 0..iterations {
        let mut subject = new();
        let (warm, timed) = batches.split_at(WARM);
        warm.iter().for_each(|batch| one(&mut subject, batch));
        let began = Instant::now();
        timed.iter().for_each(|batch| one(&mut subject, batch));
        total += began.elapsed();
    }
    total
}

/// The window counter without a host.
#[derive(Default)]
struct Native {
    windows: HashMap<[u8; 16], VecDeque<u64>>,
}

impl Native {
    fn count(&mut self, batch: &Batch) -> Vec<u64> {
        let Ok(column) = batch.column(FieldId::of("src.ip")) else {
            return Vec::new();
        };
        let Values::Address(addresses) = &column.values else {
            return Vec::new();
        };
        let (addresses, _) = addresses.as_chunks::<16>();
        let rows = addresses.iter().zip(batch.times());
        rows.map(|(address, time)| {
            let window = self.windows.entry(*address).or_default();
            while window.front().is_some_and(|first| time - first >= WINDOW) {
                window.pop_front();
            }
            window.push_back(*time);
            window.len() as u64
        })
        .collect()
    }
}

fn host_tables() -> Tables {
    let spec = |holds| TableSpec {
        name: "table".into(),
        holds,
        key: vec![FieldId::of("src.ip")],
        span: Span {
            window: WINDOW,
            ttl: WINDOW,
        },
        max_keys: 100_000,
    };
    let kinds = [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First];
    Tables::new(kinds.map(spec).to_vec(), DEFAULT_BYTES)
}

fn host(tables: &mut Tables, way: &str, batch: &Batch, rows: &[u32]) {
    let rows = Rows {
        batch,
        selection: None,
        rows,
    };
    let column = |name| match batch.column(FieldId::of(name)) {
        Ok(column) => column,
        Err(error) => panic!("{error}"),
    };
    tables.begin("bench");
    let answers = match way {
        "count" => tables.count(0, rows),
        "sum" => tables.sum(1, &column("bytes-out"), rows),
        "distinct" => tables.distinct(2, &column("dst.port"), rows),
        _ => tables
            .first(3, rows)
            .map(|first| first.into_iter().map(u64::from).collect()),
    };
    match answers {
        Ok(answers) => drop(black_box(answers)),
        Err(error) => panic!("{error}"),
    }
    tables.commit();
}

fn plugin(runtime: &Runtime, component: &[u8], ways: &[&str]) -> Plugin {
    let ways = ways.iter().map(|way| (*way).into()).collect();
    let settings = Settings::from([
        ("ways".to_owned(), toml::Value::Array(ways)),
        ("over".to_owned(), toml::Value::Integer(i64::MAX)),
    ]);
    match runtime.load(component, &Capability::ALL, &settings) {
        Ok((plugin, _)) => plugin,
        Err(error) => panic!("{error}"),
    }
}

fn state(criterion: &mut Criterion) {
    let batches = batches();
    let rows: Vec<u32> = (0..ROWS as u32).collect();
    let mut group = criterion.benchmark_group("state");
    group.sample_size(10);
    group.throughput(Throughput::Elements((TIMED * ROWS) as u64));
    let native = |native: &mut Native, batch: &Batch| drop(black_box(native.count(batch)));
    group.bench_function("native/count", |b| {
        b.iter_custom(|n| timed(n, &batches, Native::default, native));
    });
    for way in ["count", "sum", "distinct", "first"] {
        group.bench_function(format!("host/{way}"), |b| {
            let one = |tables: &mut Tables, batch: &Batch| host(tables, way, batch, &rows);
            b.iter_custom(|n| timed(n, &batches, host_tables, one));
        });
    }
    let Some(component) = component("examples", "counters") else {
        return;
    };
    let runtime = match Runtime::new(Config::default()) {
        Ok(runtime) => runtime,
        Err(error) => panic!("{error}"),
    };
    let ways: [(&str, &[&str]); 7] = [
        ("no state", &[]),
        ("count", &["count"]),
        ("sum", &["sum"]),
        ("distinct", &["distinct"]),
        ("first", &["first"]),
        (
            "count, sum, distinct, first",
            &["count", "sum", "distinct", "first"],
        ),
        ("get and put", &["own"]),
    ];
    for (name, ways) in ways {
        let plugin = plugin(&runtime, &component, ways);
        let new = || {
            let log = Arc::new(|_: &str, _, _: &str| {});
            let mut shard: Box<dyn Capabilities> = Box::new(Shard::new(
                plugin.manifest(),
                (DEFAULT_BYTES, usize::MAX),
                PartitionKey::default(),
                &[],
                log,
            ));
            match plugin.instantiate(&mut shard) {
                Ok(instance) => (instance, shard),
                Err(error) => panic!("{error}"),
            }
        };
        group.bench_function(format!("guest/{name}"), |b| {
            b.iter_custom(|n| {
                timed(n, &batches, new, |(instance, shard), batch| match instance
                    .with(shard)
                    .evaluate(0, View::all(batch.clone()))
                {
                    Ok(effects) => drop(black_box(effects)),
                    Err(fault) => panic!("{fault}"),
                })
            });
        });
    }
    // Once more, so that a machine whose speed changed in between shows it.
    group.bench_function("native, again/count", |b| {
        b.iter_custom(|n| timed(n, &batches, Native::default, native));
    });
    group.finish();
}

criterion_group!(benches, state);
criterion_main!(benches);
