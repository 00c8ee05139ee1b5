//! What log input costs: from bytes to Arrow batches, against `serde_json` reading the same
//! bytes in the same run.
//!
//! Each group is one input. `arrow` is the whole way of `palisade run`: recognise,
//! decompress, cut into records, check, put into columns. `struct` is the native baseline:
//! lines split by `memchr`, each read by `serde_json` into a plain struct of the fields that
//! the event has, texts borrowed. `value` reads each line into a `serde_json::Value`, which
//! keeps all fields, as attributes do. Nanoseconds per event are the time of an iteration
//! by the number of events in its name.

use std::borrow::Cow;
use std::hint::black_box;
use std::io::{Read as _, Write as _};
use std::net::IpAddr;
use std::sync::Arc;

use criterion::measurement::WallTime;
use criterion::{
    BenchmarkGroup, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main,
};
use memchr::memchr_iter;
use palisade_benches::logs::{eve, ndjson, shared_logs, source, to_batches, zeek, zeek_columns};
use palisade_events::json::{EventJson, Mode, canonical_body, parse_event};
use palisade_events::{Batch, BatchBuilder, Event, FieldId, Segment, Values, batches};
use palisade_sources::enrich::Networks;
use serde::Deserialize;

/// How many records of each log are read.
const RECORDS: usize = 20_000;

/// The fields that become an event of a line of Zeek's `dns.log`.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct ZeekDns<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    uid: Cow<'a, str>,
    #[serde(rename = "id.orig_h")]
    src: IpAddr,
    #[serde(rename = "id.orig_p")]
    src_port: u16,
    #[serde(rename = "id.resp_h")]
    dst: IpAddr,
    #[serde(rename = "id.resp_p")]
    dst_port: u16,
    proto: Cow<'a, str>,
    #[serde(default)]
    query: Option<Cow<'a, str>>,
    #[serde(default)]
    qtype_name: Option<Cow<'a, str>>,
    #[serde(default)]
    rcode_name: Option<Cow<'a, str>>,
    #[serde(default)]
    answers: Vec<Cow<'a, str>>,
    #[serde(default, rename = "TTLs")]
    ttls: Vec<f64>,
}

/// The fields that become an event of a line of Zeek's `ssl.log`.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct ZeekSsl<'a> {
    #[serde(borrow)]
    ts: Cow<'a, str>,
    uid: Cow<'a, str>,
    #[serde(rename = "id.orig_h")]
    src: IpAddr,
    #[serde(rename = "id.orig_p")]
    src_port: u16,
    #[serde(rename = "id.resp_h")]
    dst: IpAddr,
    #[serde(rename = "id.resp_p")]
    dst_port: u16,
    #[serde(default)]
    version: Option<Cow<'a, str>>,
    #[serde(default)]
    cipher: Option<Cow<'a, str>>,
    #[serde(default)]
    server_name: Option<Cow<'a, str>>,
    #[serde(default)]
    established: bool,
}

/// An event of kind `network.dns` as Palisade writes it.
#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct PalisadeDns<'a> {
    #[serde(borrow)]
    kind: Cow<'a, str>,
    time: Cow<'a, str>,
    ingest_time: Cow<'a, str>,
    tenant: Cow<'a, str>,
    source: Cow<'a, str>,
    seq: u64,
    src: PalisadeEnd,
    dst: PalisadeEnd,
    flow: Option<PalisadeFlow<'a>>,
    qname: Cow<'a, str>,
    qtype: Cow<'a, str>,
    rcode: Option<Cow<'a, str>>,
    answers: Vec<PalisadeAnswer<'a>>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct PalisadeEnd {
    ip: IpAddr,
    port: Option<u16>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct PalisadeFlow<'a> {
    id: u64,
    #[serde(borrow)]
    community_id: Cow<'a, str>,
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "read to be measured")]
struct PalisadeAnswer<'a> {
    #[serde(borrow)]
    name: Cow<'a, str>,
    rtype: Cow<'a, str>,
    ttl: u32,
    rdata: Cow<'a, str>,
}

fn lines(bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut begin = 0;
    memchr_iter(b'\n', bytes).map(move |end| {
        let line = bytes.get(begin..end).unwrap_or_default();
        begin = end + 1;
        line
    })
}

/// Reads each line into a `T`, as many as a batch has at a time.
fn structs<'a, T: Deserialize<'a>>(bytes: &'a [u8]) {
    let mut batch: Vec<T> = Vec::with_capacity(1024);
    for line in lines(bytes) {
        if batch.len() == 1024 {
            black_box(&batch);
            batch.clear();
        }
        match serde_json::from_slice(line) {
            Ok(record) => batch.push(record),
            Err(error) => panic!("{error}"),
        }
    }
    black_box(&batch);
}

fn group<'c>(
    criterion: &'c mut Criterion,
    name: &str,
    bytes: &[u8],
) -> (BenchmarkGroup<'c, WallTime>, usize) {
    let mut group = criterion.benchmark_group(name);
    group.sample_size(10);
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    (group, memchr_iter(b'\n', bytes).count())
}

fn arrow(group: &mut BenchmarkGroup<'_, WallTime>, events: usize, bytes: &[u8]) {
    let bytes: Arc<[u8]> = bytes.into();
    let there: usize = to_batches(&bytes).iter().map(Batch::len).sum();
    assert_eq!(there, events, "every record becomes an event");
    group.bench_function(BenchmarkId::new("arrow", events), |b| {
        b.iter(|| black_box(to_batches(&bytes)));
    });
}

/// The same log in columns, as Zeek writes it by default.
fn columns(group: &mut BenchmarkGroup<'_, WallTime>, events: usize, log: &str, json: &[u8]) {
    let rows = zeek_columns(log, json).unwrap_or_else(|error| panic!("{log}: {error}"));
    let rows: Arc<[u8]> = rows.into();
    let there: usize = to_batches(&rows).iter().map(Batch::len).sum();
    assert_eq!(there, events, "every row becomes an event");
    group.bench_function(BenchmarkId::new("arrow from columns", events), |b| {
        b.iter(|| black_box(to_batches(&rows)));
    });
}

fn values(group: &mut BenchmarkGroup<'_, WallTime>, events: usize, bytes: &[u8]) {
    group.bench_function(BenchmarkId::new("value", events), |b| {
        b.iter(|| structs::<serde_json::Value>(bytes));
    });
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_else(|error| panic!("{error}"))
}

fn compressed(criterion: &mut Criterion, name: &str, plain: &[u8]) {
    let (mut gz, events) = group(criterion, &format!("{name}, gzip"), plain);
    let packed = gzip(plain);
    let whole: Arc<[u8]> = packed.as_slice().into();
    gz.bench_function(BenchmarkId::new("arrow", events), |b| {
        b.iter(|| black_box(to_batches(&whole)));
    });
    gz.bench_function(BenchmarkId::new("decompress", events), |b| {
        b.iter(|| {
            let mut out = Vec::new();
            let read = flate2::read::MultiGzDecoder::new(packed.as_slice()).read_to_end(&mut out);
            black_box((read.is_ok(), out))
        });
    });
    gz.finish();
    let (mut zst, events) = group(criterion, &format!("{name}, zstd"), plain);
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let packed = ruzstd::encoding::compress_to_vec(plain, level);
    let whole: Arc<[u8]> = packed.as_slice().into();
    zst.bench_function(BenchmarkId::new("arrow", events), |b| {
        b.iter(|| black_box(to_batches(&whole)));
    });
    zst.bench_function(BenchmarkId::new("decompress", events), |b| {
        b.iter(|| {
            let mut out = Vec::new();
            let decoder = ruzstd::decoding::StreamingDecoder::new(packed.as_slice());
            let read = decoder.is_ok_and(|mut decoder| decoder.read_to_end(&mut out).is_ok());
            black_box((read, out))
        });
    });
    zst.finish();
}

fn sources(criterion: &mut Criterion) {
    let Some(root) = shared_logs() else {
        say_skip();
        return;
    };
    let read = |log: &str| match zeek(&root, log, RECORDS) {
        Ok(bytes) => bytes,
        Err(error) => panic!("{log}: {error}"),
    };
    let dns = read("dns");
    let (mut zeek_dns, events) = group(criterion, "zeek dns", &dns);
    arrow(&mut zeek_dns, events, &dns);
    columns(&mut zeek_dns, events, "dns", &dns);
    zeek_dns.bench_function(BenchmarkId::new("struct", events), |b| {
        b.iter(|| structs::<ZeekDns<'_>>(&dns));
    });
    values(&mut zeek_dns, events, &dns);
    zeek_dns.finish();
    compressed(criterion, "zeek dns", &dns);

    let ssl = read("ssl");
    let (mut zeek_ssl, events) = group(criterion, "zeek ssl", &ssl);
    arrow(&mut zeek_ssl, events, &ssl);
    columns(&mut zeek_ssl, events, "ssl", &ssl);
    zeek_ssl.bench_function(BenchmarkId::new("struct", events), |b| {
        b.iter(|| structs::<ZeekSsl<'_>>(&ssl));
    });
    values(&mut zeek_ssl, events, &ssl);
    zeek_ssl.finish();

    let alerts = match eve(&root, RECORDS) {
        Ok(bytes) => bytes,
        Err(error) => panic!("the EVE samples: {error}"),
    };
    let (mut eve_alerts, events) = group(criterion, "eve alert", &alerts);
    arrow(&mut eve_alerts, events, &alerts);
    values(&mut eve_alerts, events, &alerts);
    eve_alerts.finish();

    let read = to_batches(&dns.as_slice().into());
    let own = ndjson(&read);
    let (mut palisade, events) = group(criterion, "palisade dns", &own);
    arrow(&mut palisade, events, &own);
    palisade.bench_function(BenchmarkId::new("struct", events), |b| {
        b.iter(|| structs::<PalisadeDns<'_>>(&own));
    });
    values(&mut palisade, events, &own);
    palisade.bench_function(BenchmarkId::new("event", events), |b| {
        b.iter(|| {
            for line in lines(&own) {
                black_box(parse_event(line, Mode::Strict).is_ok());
            }
        });
    });
    palisade.finish();
    let read = to_batches(&alerts.as_slice().into());
    let own = ndjson(&read);
    let (mut palisade, events) = group(criterion, "palisade alert", &own);
    arrow(&mut palisade, events, &own);
    values(&mut palisade, events, &own);
    palisade.finish();
}

/// Batches of `network.dns`, and their events.
fn dns_events() -> Option<(Vec<Batch>, Vec<Event>)> {
    let root = shared_logs()?;
    let bytes = zeek(&root, "dns", RECORDS).unwrap_or_else(|error| panic!("{error}"));
    let read = to_batches(&bytes.into());
    let events = read
        .iter()
        .flat_map(|batch| (0..batch.len()).filter_map(|row| batch.event(row)))
        .collect();
    Some((read, events))
}

fn model(criterion: &mut Criterion) {
    let Some((read, events)) = dns_events() else {
        say_skip();
        return;
    };
    let count = events.len();
    let mut group = criterion.benchmark_group("event model, dns");
    group.sample_size(10);
    group.throughput(Throughput::Elements(count as u64));
    // Into columns, against copies of the same events in a plain vector.
    group.bench_function(BenchmarkId::new("build", count), |b| {
        b.iter(|| {
            for rows in events.chunks(1024) {
                let mut builder = BatchBuilder::new(read[0].kind(), source());
                for event in rows {
                    black_box(builder.push_event(event).is_ok());
                }
                black_box(builder.finish().is_ok());
            }
        });
    });
    group.bench_function(BenchmarkId::new("build, native copy", count), |b| {
        b.iter(|| {
            for rows in events.chunks(1024) {
                black_box(rows.to_vec());
            }
        });
    });
    // Out as JSON, against the same values out of `serde_json::Value`.
    let plain: Vec<serde_json::Value> = events
        .iter()
        .map(|event| serde_json::to_value(EventJson { event, id: None }))
        .collect::<Result<_, _>>()
        .unwrap_or_else(|error| panic!("{error}"));
    let mut out = Vec::new();
    group.bench_function(BenchmarkId::new("json out", count), |b| {
        b.iter(|| {
            out.clear();
            for batch in &read {
                for row in 0..batch.len() {
                    if let Some(event) = batch.event(row) {
                        let json = EventJson {
                            event: &event,
                            id: None,
                        };
                        black_box(serde_json::to_writer(&mut out, &json).is_ok());
                    }
                }
            }
            black_box(out.len());
        });
    });
    group.bench_function(BenchmarkId::new("json out, native value", count), |b| {
        b.iter(|| {
            out.clear();
            for value in &plain {
                black_box(serde_json::to_writer(&mut out, value).is_ok());
            }
            black_box(out.len());
        });
    });
    // Ids, against BLAKE3 of the same bytes alone.
    group.bench_function(BenchmarkId::new("event id", count), |b| {
        b.iter_batched(
            || anew(&read),
            |fresh| {
                for batch in &fresh {
                    for row in 0..batch.len() {
                        black_box(batch.event_id(row));
                    }
                }
            },
            criterion::BatchSize::LargeInput,
        );
    });
    let bodies: Vec<Vec<u8>> = events.iter().map(|e| canonical_body(&e.body)).collect();
    group.bench_function(BenchmarkId::new("event id, native hash", count), |b| {
        b.iter(|| {
            for body in &bodies {
                black_box(blake3::hash(body));
            }
        });
    });
    group.finish();
    enrich(criterion, &read, count);
}

/// The same batches without what was made of their columns.
fn anew(read: &[Batch]) -> Vec<Batch> {
    let again = read.iter().flat_map(|batch| {
        let picks: Vec<_> = (0..).take(batch.len()).map(|row| (0, row)).collect();
        batches(
            batch.source(),
            &[Segment::from(batch)],
            &picks,
            batch.seqs(),
        )
        .unwrap_or_else(|error| panic!("{error}"))
    });
    again.collect()
}

const NETWORKS: &str = r#"
[[network]]
cidr = "10.47.0.0/16"
customer = "c-1"
segment = "lab"

[[network]]
cidr = "10.0.0.0/16"
customer = "c-2"
device = "resolver"

[[network]]
cidr = "134.71.0.0/16"
customer = "c-3"
"#;

fn enrich(criterion: &mut Criterion, read: &[Batch], count: usize) {
    let networks = Networks::parse(NETWORKS).unwrap_or_else(|error| panic!("{error}"));
    let mut group = criterion.benchmark_group("enrich, dns");
    group.sample_size(10);
    group.throughput(Throughput::Elements(count as u64));
    group.bench_function(BenchmarkId::new("networks", count), |b| {
        b.iter_batched(
            || anew(read),
            |fresh| {
                for batch in &fresh {
                    black_box(networks.enrich(batch).is_ok());
                }
            },
            criterion::BatchSize::LargeInput,
        );
    });
    // Of each event both addresses in a sorted list of ranges, and nothing kept.
    let ranges: Vec<(u128, u128)> = {
        let range = |a: u8, b: u8| {
            let ip = std::net::Ipv4Addr::new(a, b, 0, 0).to_ipv6_mapped();
            let first = u128::from(ip);
            (first, first | 0xffff)
        };
        vec![range(10, 0), range(10, 47), range(134, 71)]
    };
    group.bench_function(BenchmarkId::new("native search", count), |b| {
        b.iter(|| {
            let mut found = 0usize;
            for batch in read {
                for name in ["src.ip", "dst.ip"] {
                    let Ok(column) = batch.column(FieldId::of(name)) else {
                        continue;
                    };
                    let Values::Address(bytes) = &column.values else {
                        continue;
                    };
                    for ip in bytes.chunks_exact(16) {
                        let ip = u128::from_be_bytes(ip.try_into().unwrap_or_default());
                        let at = ranges.partition_point(|(first, _)| *first <= ip);
                        let range = at.checked_sub(1).and_then(|at| ranges.get(at));
                        found += usize::from(range.is_some_and(|(_, last)| ip <= *last));
                    }
                }
            }
            black_box(found)
        });
    });
    group.finish();
}

#[expect(clippy::print_stderr, reason = "the reader of the numbers must know")]
fn say_skip() {
    eprintln!("skipped: no third-party logs at ../shared/data");
}

criterion_group!(benches, sources, model);
criterion_main!(benches);
