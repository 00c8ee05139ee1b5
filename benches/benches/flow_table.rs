//! What packet input costs: reading, decoding, flow table with reassembly.

use std::hint::black_box;
use std::sync::Arc;

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use palisade_benches::mix::{modbus_and_http, shared_captures};
use palisade_capture::flow::{Chunk, FlowConfig, FlowInfo, FlowSink, FlowTable, FlowUpdate};
use palisade_capture::{CaptureReader, ReadLimits, decode_network, decode_transport};

/// Counts what it gets, so that nothing is optimised away.
#[derive(Default)]
struct Counting {
    news: u64,
    chunks: u64,
    bytes: u64,
}

impl FlowSink for Counting {
    type State = u64;

    fn flow(&mut self, _: &FlowUpdate<'_>, _: &mut u64) {
        self.news += 1;
    }

    fn chunk(&mut self, _: &Arc<FlowInfo>, chunk: &Chunk<'_>, state: &mut u64) {
        *state += 1;
        self.chunks += 1;
        self.bytes += chunk.bytes.len() as u64;
    }
}

fn flow_table(criterion: &mut Criterion) {
    let Some(root) = shared_captures() else {
        eprintln_skip();
        return;
    };
    let mix = match modbus_and_http(&root, 1_000_000) {
        Ok(mix) => mix,
        Err(e) => panic!("the mix could not be made: {e}"),
    };
    let packets = mix.len();
    let mut group = criterion.benchmark_group("packets");
    group.sample_size(10);
    group.throughput(Throughput::Elements(packets as u64));
    group.bench_function(BenchmarkId::new("decode", packets), |b| {
        b.iter(|| {
            let mut payload = 0;
            for packet in mix.packets() {
                if let Ok(network) = decode_network(packet.link, packet.data)
                    && let Ok(transport) = decode_transport(&network)
                {
                    payload += transport.payload.len();
                }
            }
            black_box(payload)
        });
    });
    group.bench_function(
        BenchmarkId::new("decode, flows, reassembly", packets),
        |b| {
            b.iter(|| {
                let mut sink = Counting::default();
                let mut table = FlowTable::new(FlowConfig::default());
                for packet in mix.packets() {
                    table.packet(&packet, &mut sink);
                }
                table.finish(0, &mut sink);
                black_box((sink.news, sink.chunks, sink.bytes))
            });
        },
    );
    let mut file = Vec::new();
    if mix.write_pcap(&mut file).is_err() {
        return;
    }
    group.bench_function(
        BenchmarkId::new("pcap, decode, flows, reassembly", packets),
        |b| {
            b.iter(|| {
                let mut sink = Counting::default();
                let mut table = FlowTable::new(FlowConfig::default());
                if let Ok(mut capture) = CaptureReader::new(&file[..], ReadLimits::default()) {
                    while let Ok(Some(packet)) = capture.next_packet() {
                        table.packet(&packet, &mut sink);
                    }
                }
                table.finish(0, &mut sink);
                black_box((sink.news, sink.chunks, sink.bytes))
            });
        },
    );
    group.finish();
}

#[expect(clippy::print_stderr, reason = "a benchmark speaks to who runs it")]
fn eprintln_skip() {
    eprintln!("skipped: the captures of ../shared/data/pcap are not there");
}

criterion_group!(benches, flow_table);
criterion_main!(benches);
