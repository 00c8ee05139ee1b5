//! Suricata EVE, Zeek and Palisade's own NDJSON, behind gzip and zstd: every record is an event
//! or a reported bad record, and neither pieces nor the size of batches show.

#![no_main]

use std::io::{Cursor, Read};
use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use palisade_events::json::{Mode, parse_event, write_event};
use palisade_events::{Batch, Source};
use palisade_fuzz::{MIB, splice, text};
use palisade_sources::{
    DeadLetters, EventReader as _, EventSink, Limits, LogReader, SourcePolicy, open,
};

/// Records that are recognised; one begins every input that is not raw.
const RECORDS: &str = include_str!("../seeds/records.ndjson");

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_fuzz::run(96 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let shape: u8 = u.arbitrary()?;
    let plain = input(u, shape)?;
    let wrapped = match shape >> 5 {
        0 => text::gzip(&plain),
        1 => text::zstd(&plain),
        2 => text::gzip(&text::zstd(&plain)),
        3 => {
            // Damage behind the magic number.
            let mut gzip = text::gzip(&plain);
            let at = 4 + usize::from(shape) * 13 % (gzip.len() - 4);
            gzip[at] ^= 1 << (shape & 7);
            gzip
        }
        _ => plain.clone(),
    };
    let whole = read(Cursor::new(wrapped.clone()), 1024);
    let pieces = read(
        text::Trickle(Cursor::new(wrapped), usize::from(shape & 15) * 7),
        1,
    );
    assert_eq!(whole, pieces, "neither pieces nor batches show");
    Ok(())
}

/// Lines: known records with places changed, and records of fields that the reader knows.
fn input(u: &mut Unstructured<'_>, shape: u8) -> Result<Vec<u8>> {
    let records: Vec<&str> = RECORDS.lines().collect();
    let at = usize::from(u.arbitrary::<u8>()?) % records.len();
    let first = records[at];
    if shape & 7 == 0 {
        return Ok([first.as_bytes(), b"\n", u.bytes(u.len())?].concat());
    }
    if shape & 7 == 2 {
        // Zeek's logs in columns, two of them, with JSON behind.
        let columns = splice::text(u, include_str!("../seeds/columns.log"))?;
        return Ok(format!("{columns}{first}\n").into_bytes());
    }
    let list = shape & 7 == 1;
    let mut all = vec![first.as_bytes().to_vec()];
    for _ in 0..8 {
        if u.is_empty() {
            break;
        }
        let record = match shape & 16 {
            0 => splice::text(u, first)?,
            _ => with_values(u, first)?,
        };
        all.push(record.into_bytes());
    }
    Ok(match list {
        true => [&b"["[..], &all.join(&b","[..]), b"]"].concat(),
        false => all.join(&b"\n"[..]),
    })
}

/// The record with other values in some of its fields, at its top and one below.
fn with_values(u: &mut Unstructured<'_>, record: &str) -> Result<String> {
    let Ok(serde_json::Value::Object(mut fields)) = serde_json::from_str(record) else {
        return Ok(String::new());
    };
    for _ in 0..u.int_in_range(1..=3_u8)? {
        let at = usize::from(u.arbitrary::<u8>()?);
        let value = serde_json::from_str(&text::json(u, 2)?).unwrap_or_default();
        let count = fields.len().max(1);
        let Some((name, old)) = fields.iter_mut().nth(at % count) else {
            break;
        };
        match old {
            // The type of the record decides what else is looked at.
            _ if name == "event_type" || name == "_path" || name == "kind" => {}
            serde_json::Value::Object(inner) if at & 0x80 == 0 && !inner.is_empty() => {
                let count = inner.len();
                if let Some((_, old)) = inner.iter_mut().nth(at / 3 % count) {
                    *old = value;
                }
            }
            old => *old = value,
        }
    }
    Ok(serde_json::Value::Object(fields).to_string())
}

/// Events as JSON in their order, and what was reported.
fn read(input: impl Read + Send + 'static, rows: usize) -> Option<(Vec<String>, Vec<String>)> {
    let limits = Limits {
        max_reports: 100,
        ..Limits::default()
    };
    let input = open("fuzz", input, &limits).ok()?;
    let mut reader = LogReader::new(input, &limits, None, DeadLetters::none()).ok()?;
    let source = Arc::new(Source {
        slot: 1,
        name: "fuzz".into(),
        tenant: "t".into(),
    });
    let mut sink = EventSink::new(SourcePolicy::new(source)).with_max_rows(rows);
    let mut error = None;
    let mut batches = Vec::new();
    loop {
        match reader.read(&mut sink, 1000) {
            Ok(progress) if progress.ended => break,
            Ok(progress) => assert!(progress.events + progress.bad > 0, "it goes on"),
            Err(broken) => error = Some(broken.to_string()),
        }
        batches.extend(sink.take_full());
    }
    batches.extend(sink.finish().expect("batches close"));
    let counts = reader.counts();
    assert_eq!(counts.records, counts.events + counts.bad);
    let rows: usize = batches.iter().map(Batch::len).sum();
    assert_eq!(counts.events, rows as u64);
    let mut events: Vec<_> = batches
        .iter()
        .flat_map(|batch| (0..batch.len()).filter_map(|row| batch.event(row)))
        .collect();
    assert_eq!(events.len(), rows);
    events.sort_by_key(|event| event.envelope.seq);
    let mut lines = Vec::new();
    for event in events {
        let mut line = Vec::new();
        write_event(&mut line, &event).expect("an event can be written");
        let line = String::from_utf8(line).expect("JSON is text");
        let again = parse_event(line.as_bytes(), Mode::Strict).expect("what was written is read");
        assert_eq!(again.body, event.body, "{line}");
        lines.push(line);
    }
    let mut reports: Vec<String> = reader.reports().iter().map(ToString::to_string).collect();
    reports.extend(error);
    Some((lines, reports))
}
