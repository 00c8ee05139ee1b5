//! What a run over logs costs with all first-party packs, against the way from bytes to Arrow
//! batches alone, in the same process.
//!
//! Each group is one log, in memory and not compressed. `batches` recognises it, checks its
//! records and puts them into columns, on one thread, and that is all. `run` is the engine as
//! `palisade run` sets it up, one worker a core, and what it finds is thrown away; `no plugins`
//! shows what of it is the engine's own. Wall-clock time; the groups that end in `CPU` are the
//! same in CPU time of all threads. The plugins are those that `make plugins` has built; what
//! each of them took is printed after its group.

use std::sync::Arc;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::logs::{eve, ndjson, shared_logs, to_batches, zeek};
use palisade_benches::packs::{Packs, cpu, report};

/// How many records of each log are read, where it has as many.
const RECORDS: usize = 40_000;

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn whole(criterion: &mut Criterion) {
    let Some(root) = shared_logs() else {
        eprintln!("skipped: the logs of ../shared/data are not there");
        return;
    };
    let Some(packs) = Packs::load() else { return };
    let zeek = |log| zeek(&root, log, RECORDS).expect("the log can be read");
    let (dns, ssl) = (zeek("dns"), zeek("ssl"));
    let own = ndjson(&to_batches(&dns.clone().into()));
    let eve = eve(&root, RECORDS).expect("the log can be read");
    for (name, log) in [
        ("Zeek dns", dns),
        ("Zeek ssl", ssl),
        ("EVE", eve),
        ("NDJSON", own),
    ] {
        let bytes: Arc<[u8]> = log.into();
        let batches = || {
            std::hint::black_box(to_batches(&bytes));
        };
        let run = |plugins| {
            std::hint::black_box(packs.run(plugins, &bytes));
        };
        let ways: [(&str, &dyn Fn()); 3] = [
            ("batches", &batches),
            ("no plugins", &|| run(&[])),
            ("run", &|| run(&packs.plugins)),
        ];
        let mut group = criterion.benchmark_group(format!("whole/{name}"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        for (way, run) in ways {
            group.bench_function(way, |b| b.iter(run));
        }
        group.finish();
        let mut group = criterion.benchmark_group(format!("whole/{name}, CPU"));
        group.sample_size(10);
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        for (way, run) in ways {
            group.bench_function(way, |b| {
                b.iter_custom(|rounds| {
                    let before = cpu();
                    (0..rounds).for_each(|_| run());
                    cpu() - before
                });
            });
        }
        group.finish();
        let summary = packs.run(&packs.plugins, &bytes);
        report(summary.total_events(), "event", &summary);
    }
}

criterion_group!(benches, whole);
criterion_main!(benches);
