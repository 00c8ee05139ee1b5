//! What a packet of Modbus and HTTP costs on its way through the engine.
//!
//! CPU time of all threads, per packet, over the same pcap file in memory: the flow table
//! alone; the engine with its flow events and no plugin; with the parsers of the
//! `iot-protocols` pack; with every plugin of the first-party packs. The plugins are those that
//! `make plugins` has built. `MIX_PACKETS` sets the length, one million packets by default.

use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::mix::{modbus_and_http, shared_captures};
use palisade_benches::packs::{Packs, cpu, report};
use palisade_capture::flow::{Chunk, FlowConfig, FlowInfo, FlowSink, FlowTable, FlowUpdate};
use palisade_capture::{CaptureReader, ReadLimits};
use palisade_runtime::manifest::World;

/// Counts what it gets, so that nothing is optimised away.
#[derive(Default)]
struct Counting {
    news: u64,
    bytes: u64,
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

fn flow_table(file: &[u8]) -> Counting {
    let mut sink = Counting::default();
    let mut table = FlowTable::new(FlowConfig::default());
    if let Ok(mut capture) = CaptureReader::new(file, ReadLimits::default()) {
        while let Ok(Some(packet)) = capture.next_packet() {
            table.packet(&packet, &mut sink);
        }
    }
    table.finish(0, &mut sink);
    sink
}

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn mix(criterion: &mut Criterion) {
    let Some(captures) = shared_captures() else {
        eprintln!("skipped: the captures of ../shared/data/pcap are not there");
        return;
    };
    let Some(packs) = Packs::load() else { return };
    let length = std::env::var("MIX_PACKETS")
        .ok()
        .and_then(|n| n.parse().ok());
    let mix = modbus_and_http(&captures, length.unwrap_or(1_000_000)).expect("a mix");
    let packets = mix.len() as u64;
    let mut bytes = Vec::new();
    mix.write_pcap(&mut bytes).expect("memory takes the file");
    drop(mix);
    let file: Arc<[u8]> = bytes.into();
    let (parsers, rest): (Vec<_>, Vec<_>) = packs
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
        packs.run(&[], &file);
    });
    measure("with parsers", &mut || {
        packs.run(&parsers, &file);
    });
    let all = [&parsers[..], &rest[..]].concat();
    measure("with parsers and packs", &mut || {
        packs.run(&all, &file);
    });
    group.finish();
    report(packets, "packet", &packs.run(&all, &file));
}

criterion_group!(benches, mix);
criterion_main!(benches);
