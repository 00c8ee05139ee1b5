//! What the boundary costs: one rule over one batch, native and as a plugin.
//!
//! The rule reads three columns of a batch of flows (port, bytes, source address) and finds
//! nothing. Native is the same loop over the same view, in the same process, including how it
//! gets at the columns (`flows::rule`). A plugin's time is that of one `Instance::evaluate`:
//! the books of the call, entering the guest, three pulls with their copies, the loop, and
//! closing the books. The batch has handed out its columns before, as it has in a run for every
//! plugin but the first; `first pull` measures those that make them.

use std::cell::LazyCell;
use std::hint::black_box;

use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::{flows, guests};
use palisade_runtime::{Config, Mode, Runtime, View};

const SIZES: [usize; 4] = [1, 16, 256, 1024];

fn view(rows: usize) -> View {
    match flows::quiet(rows) {
        Ok(batch) => View::all(batch),
        Err(error) => panic!("{error}"),
    }
}

fn runtime(mode: Mode) -> Runtime {
    let config = Config {
        mode,
        ..Config::default()
    };
    match Runtime::new(config) {
        Ok(runtime) => runtime,
        Err(error) => panic!("{error}"),
    }
}

fn native(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("boundary/native");
    for rows in SIZES {
        let view = view(rows);
        group.throughput(Throughput::Elements(rows as u64));
        group.bench_function(BenchmarkId::from_parameter(rows), |b| {
            b.iter(|| black_box(flows::rule(black_box(&view))));
        });
    }
    group.bench_function(BenchmarkId::new("first pull", 1024), |b| {
        b.iter_batched(
            || view(1024),
            |view| black_box(flows::rule(black_box(&view))),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// `way` is the beginning of the plugins' names.
fn guest(criterion: &mut Criterion, mode: Mode, called: &str, way: &str, sizes: &[usize]) {
    let runtime = runtime(mode);
    for (language, short) in guests::LANGUAGES {
        let Some(component) = guests::component("examples", &format!("{way}-{short}")) else {
            continue;
        };
        // Compiled for those alone that are asked for.
        let plugin = LazyCell::new(|| guests::load(&runtime, &component));
        let mut group = criterion.benchmark_group(format!("boundary/{called}/{language}"));
        for &rows in sizes {
            let view = view(rows);
            group.throughput(Throughput::Elements(rows as u64));
            group.bench_function(BenchmarkId::from_parameter(rows), |b| {
                let mut instance = guests::instance(&plugin);
                b.iter(|| match instance.evaluate(0, black_box(view.clone())) {
                    Ok(effects) => black_box(effects),
                    Err(fault) => panic!("{fault}"),
                });
            });
        }
        if way == "boundary" && mode == Mode::Live {
            group.bench_function(BenchmarkId::new("first pull", 1024), |b| {
                let mut instance = guests::instance(&plugin);
                b.iter_batched(
                    || view(1024),
                    |view| match instance.evaluate(0, view) {
                        Ok(effects) => black_box(effects),
                        Err(fault) => panic!("{fault}"),
                    },
                    BatchSize::SmallInput,
                );
            });
        }
        group.finish();
    }
}

fn boundary(criterion: &mut Criterion) {
    native(criterion);
    guest(criterion, Mode::Live, "columns", "boundary", &SIZES);
    guest(
        criterion,
        Mode::Unbounded,
        "columns, no epochs",
        "boundary",
        &SIZES[3..],
    );
    guest(
        criterion,
        Mode::Deterministic,
        "columns, fuel",
        "boundary",
        &SIZES[3..],
    );
    guest(criterion, Mode::Live, "rows", "rows", &SIZES);
    // Once more, so that a machine whose speed changed in between shows it.
    let view = view(1024);
    criterion.bench_function("boundary/native, again/1024", |b| {
        b.iter(|| black_box(flows::rule(black_box(&view))));
    });
}

criterion_group!(benches, boundary);
criterion_main!(benches);
