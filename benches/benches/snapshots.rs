//! What snapshots cost an epoch, and how long it takes to come back from one.
//!
//! ```sh
//! cargo bench --bench snapshots
//! ```
//!
//! No criterion: an epoch changes the state, so that it cannot be repeated, and what counts is the
//! slowest in a hundred. Measured are the tables of one worker, without the guests that ask for
//! them: first 1,000,000 keys, of which an epoch touches 16,384 at random, alone and while a walk
//! over all keys goes to a snapshot on disk; then 512 MiB of state, written and put back.
//! `PALISADE_BENCH_DIR` says on which disk.

#![expect(clippy::print_stdout, reason = "a benchmark speaks to who runs it")]

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

use palisade_events::{
    Batch, BatchBuilder, Body, Endpoint, FieldId, Kind, NetworkFlow, Source, Stamp, Timestamp,
};
use palisade_journal::{Folder, Snapshots};
use palisade_state::image::TablesImage;
use palisade_state::partition::PartitionKey;
use palisade_state::{Holds, PartitionedBy, Rows, Span, TableSpec, Tables};

const KEYS: u32 = 1_000_000;
/// Rows of a batch, and batches of an epoch.
const ROWS: usize = 1024;
const BATCHES: usize = 16;
const EPOCHS: usize = 400;
/// As between two epochs of an engine.
const WALKED_AT_ONCE: usize = palisade_pipeline::engine::WALKED_AT_ONCE;
const STATE: u64 = 512 << 20;

fn tables() -> Tables {
    let hour = 3600 * 1_000_000_000;
    let spec = TableSpec {
        name: "count".into(),
        holds: Holds::Count,
        key: vec![FieldId::of("src.ip")],
        span: Span {
            window: hour,
            ttl: hour,
        },
        max_keys: 64 << 20,
    };
    let by = PartitionedBy::fields_of(vec![(Kind::NetworkFlow, vec![FieldId::of("src.ip")])]);
    Tables::partitioned(vec![spec], 4 << 30, by, PartitionKey::default())
}

fn batch(seq: u64, keys: impl Iterator<Item = u32>) -> Batch {
    let source = Arc::new(Source {
        slot: 1,
        name: "bench".into(),
        tenant: "default".into(),
    });
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, source);
    for (key, seq) in keys.zip(seq..) {
        let time = Timestamp(1_700_000_000_000_000_000 + seq * 1000);
        let flow = NetworkFlow {
            src: Endpoint {
                ip: std::net::IpAddr::from(key.to_be_bytes()).into(),
                ..Endpoint::default()
            },
            ..NetworkFlow::default()
        };
        let stamp = Stamp {
            time,
            ingest_time: time,
            seq,
        };
        if let Err(error) = builder.push(stamp, &Body::NetworkFlow(flow)) {
            panic!("a flow is no flow: {error}");
        }
    }
    match builder.finish() {
        Ok(batch) => batch,
        Err(error) => panic!("a batch: {error}"),
    }
}

fn count(tables: &mut Tables, batch: &Batch) {
    let all: Vec<u32> = (0..batch.len() as u32).collect();
    tables.begin("default");
    let rows = Rows {
        batch,
        selection: None,
        rows: &all,
    };
    if let Err(error) = tables.count(0, rows) {
        panic!("{error}");
    }
    tables.commit();
}

/// Epochs of random keys, with what is to be done between two of them; how long each took.
fn epochs(
    tables: &mut Tables,
    seed: &mut u64,
    mut between: impl FnMut(&mut Tables),
) -> Vec<Duration> {
    let mut took = Vec::with_capacity(EPOCHS);
    for _ in 0..EPOCHS {
        let mut next = || {
            *seed = seed
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(99);
            (*seed >> 33) as u32 % KEYS
        };
        let batches: Vec<Batch> = (0..BATCHES)
            .map(|at| batch(at as u64, (0..ROWS).map(|_| next())))
            .collect();
        let began = Instant::now();
        for batch in &batches {
            count(tables, batch);
        }
        between(tables);
        took.push(began.elapsed());
    }
    took.sort_unstable();
    took
}

fn tell(what: &str, took: &[Duration]) {
    let at = |share: f64| took[((took.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    println!(
        "{what}: p50 {:.2} ms, p99 {:.2} ms, slowest {:.2} ms",
        at(0.5),
        at(0.99),
        at(1.0)
    );
}

fn main() {
    let dir = std::env::var_os("PALISADE_BENCH_DIR").map(PathBuf::from);
    let folder = match dir {
        Some(dir) => tempfile::tempdir_in(dir),
        None => tempfile::tempdir(),
    };
    let folder = folder.unwrap_or_else(|error| panic!("a folder: {error}"));
    let opened = Folder::new(folder.path()).map(Snapshots::open);
    let Ok(Ok(snapshots)) = opened else {
        panic!("no folder of snapshots");
    };
    let mut tables_of_keys = tables();
    for from in (0..KEYS).step_by(ROWS) {
        let keys = from..KEYS.min(from + ROWS as u32);
        count(&mut tables_of_keys, &batch(u64::from(from), keys));
    }
    let mut seed = 1;
    println!("{KEYS} keys, {} touches an epoch:", ROWS * BATCHES);
    epochs(&mut tables_of_keys, &mut seed, |_| {});
    tell("alone", &epochs(&mut tables_of_keys, &mut seed, |_| {}));
    let (send, receive) = sync_channel::<Option<TablesImage>>(16);
    let (mut sent, mut bytes) = (0u32, 0);
    let (took, snapshots) = std::thread::scope(|scope| {
        let writing = scope.spawn(move || {
            let mut record = 0;
            let mut open = None;
            while let Ok(next) = receive.recv() {
                record += u64::from(open.is_none());
                let writer = open.get_or_insert_with(|| snapshots.begin(record));
                let Ok(writer) = writer else {
                    panic!("no snapshot can be begun")
                };
                let done = match next {
                    Some(image) => {
                        let piece = postcard::to_stdvec(&image);
                        piece.ok().map(|piece| writer.piece(&piece).is_ok())
                    }
                    None => match open.take() {
                        Some(Ok(writer)) => {
                            Some(writer.finish().is_ok() && snapshots.keep_newest().is_ok())
                        }
                        _ => None,
                    },
                };
                assert_eq!(done, Some(true), "a snapshot cannot be written");
            }
            drop(open);
            snapshots
        });
        let took = epochs(&mut tables_of_keys, &mut seed, |tables| {
            let mut left = WALKED_AT_ONCE;
            match tables.walk(&mut left) {
                None => tables.begin_walk(),
                Some((images, done)) => {
                    for image in images {
                        bytes += image.keys.0.len();
                        let _ = send.send(Some(image));
                    }
                    if done {
                        sent += 1;
                        let _ = send.send(None);
                    }
                }
            }
        });
        drop(send);
        match writing.join() {
            Ok(snapshots) => (took, snapshots),
            Err(_) => panic!("snapshots cannot be written"),
        }
    });
    tell("while snapshots are made", &took);
    println!("{sent} snapshots, {} MiB in all", bytes >> 20);
    drop(tables_of_keys);

    let mut full = tables();
    let mut key = 0;
    while full.bytes() < STATE {
        count(&mut full, &batch(u64::from(key), key..key + ROWS as u32));
        key += ROWS as u32;
    }
    let record = 1000;
    let began = Instant::now();
    let writer = snapshots.begin(record);
    let Ok(mut writer) = writer else {
        panic!("no snapshot can be begun")
    };
    full.begin_walk();
    while let Some((images, _)) = full.walk(&mut { WALKED_AT_ONCE }) {
        for image in images {
            let piece = postcard::to_stdvec(&image).unwrap_or_default();
            if let Err(error) = writer.piece(&piece) {
                panic!("{error}");
            }
        }
    }
    let size = match writer.finish() {
        Ok(size) => size,
        Err(error) => panic!("{error}"),
    };
    println!(
        "{} MiB of state, {key} keys: a snapshot of {} MiB written in {:.2} s",
        full.bytes() >> 20,
        size >> 20,
        began.elapsed().as_secs_f64()
    );
    drop(full);
    let began = Instant::now();
    let mut again = tables();
    let pieces = match snapshots.read(record) {
        Ok(pieces) => pieces,
        Err(error) => panic!("{error}"),
    };
    let checked = began.elapsed();
    for piece in pieces {
        let image = piece
            .ok()
            .and_then(|piece| postcard::from_bytes::<TablesImage>(&piece).ok());
        let Some(image) = image else {
            panic!("a piece cannot be read")
        };
        if let Err(error) = again.restore(&image, |_| true) {
            panic!("{error}");
        }
    }
    again.restored();
    println!(
        "put back in {:.2} s, of which {:.2} s to look whether it is whole",
        began.elapsed().as_secs_f64(),
        checked.as_secs_f64()
    );
}
