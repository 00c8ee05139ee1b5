//! Inputs as files hold them, from the first byte to events.

mod adversity;
mod checkpoints;
mod columns;
mod enrichment;
mod eve;
mod forms;
mod ndjson;
mod real;
mod zeek;

use std::io::{Cursor, Read};
use std::sync::Arc;

use palisade_events::{Batch, Body, Event, Source};
use palisade_sources::{
    BadRecord, Counts, DeadLetters, EventReader as _, EventSink, Limits, LogReader, ReadError,
    SourcePolicy, open,
};

/// What came of an input.
#[derive(Debug)]
struct Outcome {
    batches: Vec<Batch>,
    counts: Counts,
    reports: Vec<BadRecord>,
    error: Option<ReadError>,
}

impl Outcome {
    /// The events in the order of the input.
    fn events(&self) -> Vec<Event> {
        let mut events: Vec<Event> = self
            .batches
            .iter()
            .flat_map(|batch| (0..batch.len()).filter_map(|row| batch.event(row)))
            .collect();
        events.sort_by_key(|event| event.envelope.seq);
        events
    }

    fn only(&self) -> Event {
        assert_eq!(self.reports, []);
        let events = self.events();
        assert_eq!(events.len(), 1);
        events.into_iter().next().unwrap()
    }

    fn reasons(&self) -> Vec<String> {
        self.reports.iter().map(ToString::to_string).collect()
    }
}

fn source() -> Arc<Source> {
    Arc::new(Source {
        slot: 1,
        name: "sensor".to_owned(),
        tenant: "t".to_owned(),
    })
}

/// Gives a few bytes at a time, as a pipe may.
struct Trickle(Cursor<Vec<u8>>, usize);

impl Read for Trickle {
    fn read(&mut self, to: &mut [u8]) -> std::io::Result<usize> {
        let len = self.1.min(to.len());
        self.0.read(&mut to[..len])
    }
}

fn read_with(name: &str, bytes: &[u8], policy: SourcePolicy, rows: usize) -> Outcome {
    read_in_steps(name, bytes, policy, rows, usize::MAX)
}

fn read_in_steps(
    name: &str,
    bytes: &[u8],
    policy: SourcePolicy,
    rows: usize,
    step: usize,
) -> Outcome {
    let limits = Limits {
        max_reports: 1000,
        ..Limits::default()
    };
    let input = open(name, Trickle(Cursor::new(bytes.to_vec()), step), &limits).unwrap();
    let mut reader = LogReader::new(input, &limits, None, DeadLetters::none()).unwrap();
    let mut sink = EventSink::new(policy).with_max_rows(rows);
    let mut batches = Vec::new();
    let mut error = None;
    loop {
        match reader.read(&mut sink, 1000) {
            Ok(progress) if progress.ended => break,
            Ok(progress) => assert!(progress.events + progress.bad > 0),
            Err(broken) => error = Some(broken),
        }
        batches.extend(sink.take_full());
    }
    batches.extend(sink.finish().unwrap());
    let counts = reader.counts();
    let rows: usize = batches.iter().map(Batch::len).sum();
    assert_eq!(counts.records, counts.events + counts.bad);
    assert_eq!(counts.events, rows as u64);
    let typed: u64 = counts.types.values().map(|count| count.events).sum();
    assert_eq!(typed + counts.other_types, counts.events);
    let mut seqs: Vec<u64> = batches
        .iter()
        .flat_map(|batch| batch.seqs().to_vec())
        .collect();
    seqs.sort_unstable();
    assert!(seqs.iter().copied().eq(0..counts.events));
    Outcome {
        batches,
        counts,
        reports: reader.reports().to_vec(),
        error,
    }
}

fn read(name: &str, bytes: &[u8]) -> Outcome {
    read_with(name, bytes, SourcePolicy::new(source()), 1024)
}

/// The event of one record, as JSON without what does not matter.
fn json(event: &Event) -> serde_json::Value {
    let mut bytes = Vec::new();
    palisade_events::json::write_event(&mut bytes, event).unwrap();
    let mut value: serde_json::Value = serde_json::from_slice(&bytes).unwrap();
    let map = value.as_object_mut().unwrap();
    for name in [
        "ingest_time",
        "tenant",
        "source",
        "seq",
        "labels",
        "refs",
        "owner",
    ] {
        map.remove(name);
    }
    value
}

/// Compares the event of a record with what is expected, given as JSON.
fn check(event: &Event, expect: &str) {
    let expect: serde_json::Value = serde_json::from_str(expect).unwrap();
    let got = json(event);
    assert_eq!(got, expect, "got {got:#}");
}

fn attribute(event: &Event, name: &str) -> Option<palisade_events::AttributeValue> {
    let attributes = match &event.body {
        Body::NetworkAlert(body) => &body.attributes,
        Body::NetworkApp(body) => &body.attributes,
        Body::DeviceMessage(body) => &body.attributes,
        other => panic!("{other:?}"),
    };
    attributes.get(name).cloned()
}

/// The real data, unless it is missing.
#[expect(clippy::print_stderr, reason = "says that a test was skipped")]
fn data(path: &str) -> Option<Vec<u8>> {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    match std::fs::read(root.join(path)) {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            eprintln!("skipped: ../shared/data/{path}: {error}");
            None
        }
    }
}
