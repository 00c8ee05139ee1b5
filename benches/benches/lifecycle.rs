//! What a plugin's life costs: compiling, loading compiled code, making an instance.
//!
//! `instantiate` is memory, tables and start code, then `configure` with the default settings,
//! then the end of the instance before: what replacing an instance costs.

use std::cell::LazyCell;
use std::hint::black_box;

use cap_std::fs::Dir;
use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use palisade_benches::guests;
use palisade_runtime::compile::{CacheLimits, CodeCache};
use palisade_runtime::{Config, Runtime};

fn runtime(pool: bool, cache: Option<&std::path::Path>) -> Runtime {
    let open = |path: &std::path::Path| {
        let dir = Dir::open_ambient_dir(path, cap_std::ambient_authority())?;
        let state = dir.try_clone()?;
        CodeCache::open(dir, &state, CacheLimits::default()).map_err(std::io::Error::other)
    };
    let cache = match cache.map(open).transpose() {
        Ok(cache) => cache,
        Err(error) => panic!("the cache of compiled code: {error}"),
    };
    let config = Config {
        pool,
        cache,
        ..Config::default()
    };
    match Runtime::new(config) {
        Ok(runtime) => runtime,
        Err(error) => panic!("{error}"),
    }
}

fn lifecycle(criterion: &mut Criterion) {
    let folder = match tempfile::tempdir() {
        Ok(folder) => folder,
        Err(error) => panic!("a folder for the cache: {error}"),
    };
    let plain = runtime(true, None);
    let cached = runtime(true, Some(folder.path()));
    let on_demand = runtime(false, None);
    let mut group = criterion.benchmark_group("lifecycle");
    for (language, short) in guests::LANGUAGES {
        let Some(component) = guests::component("examples", &format!("boundary-{short}")) else {
            continue;
        };
        group.sample_size(10);
        group.bench_function(BenchmarkId::new("compile", language), |b| {
            b.iter(|| black_box(guests::load(&plain, &component)));
        });
        group.sample_size(50);
        group.bench_function(BenchmarkId::new("cached load", language), |b| {
            guests::load(&cached, &component);
            b.iter(|| black_box(guests::load(&cached, &component)));
        });
        for (name, runtime) in [("from the pool", &plain), ("on demand", &on_demand)] {
            // Compiled for those alone that are asked for.
            let plugin = LazyCell::new(|| guests::load(runtime, &component));
            let name = format!("instantiate, {name}");
            group.bench_function(BenchmarkId::new(name, language), |b| {
                b.iter(|| black_box(guests::instance(&plugin)));
            });
        }
    }
    group.finish();
}

criterion_group!(benches, lifecycle);
criterion_main!(benches);
