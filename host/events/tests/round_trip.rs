//! Events of every kind come back exactly, from JSON and from columns.

mod common;

use std::sync::Arc;

use common::{MODEL, batch, event_json, for_every_kind, source};
use palisade_events::json::{
    EventJson, Mode, canonical_body, parse_event, parse_events, write_events,
};
use palisade_events::{Batch, Event, Kind, Segment, batches, event_id};
use proptest::prelude::*;

#[test]
fn kinds_are_those_of_the_package() {
    let of_package: Vec<_> = MODEL
        .kinds
        .iter()
        .map(|kind| kind.dotted.as_str())
        .collect();
    assert_eq!(of_package, Kind::NAMES);
    for (code, kind) in (0u8..).zip(Kind::ALL) {
        assert_eq!(kind.code(), code);
        assert_eq!(Kind::from_code(code), Some(*kind));
        assert_eq!(Kind::from_name(kind.name()), Some(*kind));
        assert_eq!(kind.wit_name().replacen('-', ".", 1), kind.name());
    }
}

#[test]
fn json_comes_back_as_it_was() {
    for kind in Kind::ALL {
        let config = ProptestConfig {
            cases: 64,
            failure_persistence: None,
            ..Default::default()
        };
        let mut runner = proptest::test_runner::TestRunner::new(config);
        let run = runner.run(&event_json(*kind), |json| {
            let text = json.to_string();
            let event = parse_event(text.as_bytes(), Mode::Strict).expect("an event");
            let written = serde_json::to_value(EventJson {
                event: &event,
                id: None,
            })
            .expect("json");
            // As text: a value keeps f32 with the digits of its f64.
            let written_text = serde_json::to_string(&EventJson {
                event: &event,
                id: None,
            })
            .expect("json");
            let again: serde_json::Value = serde_json::from_str(&written_text).expect("json");
            prop_assert_eq!(&again, &json);
            prop_assert_eq!(
                written.as_object().map(|o| o.len()),
                json.as_object().map(|o| o.len())
            );
            let list = format!(" [{text}, {written_text}]");
            let both = parse_events(list.as_bytes(), Mode::Strict).expect("two events");
            prop_assert_eq!(&both, &vec![event.clone(), event]);
            let mut list = Vec::new();
            write_events(&mut list, &both).expect("memory can be written");
            prop_assert_eq!(parse_events(&list, Mode::Strict).expect("two events"), both);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}

fn rows(batch: &Batch) -> Vec<Event> {
    (0..batch.len())
        .map(|row| batch.event(row).expect("a row"))
        .collect()
}

#[test]
fn batches_come_back_as_they_were() {
    for_every_kind(|events| {
        let batch = batch(&events);
        assert_eq!(rows(&batch), events);
        let arrow = batch.record_batch().expect("columns fit");
        assert_eq!(arrow.num_rows(), events.len());
        let again = Batch::from_record_batch(batch.kind(), source(), &arrow).expect("a batch");
        assert_eq!(rows(&again), events);
    });
}

#[test]
fn batches_can_be_cut_anew() {
    for_every_kind(|events| {
        let (left, right) = events.split_at(events.len() / 2);
        let parts: Vec<Batch> = [left, right]
            .iter()
            .filter(|part| !part.is_empty())
            .map(|part| batch(part))
            .collect();
        let segments: Vec<Segment> = parts.iter().map(Segment::from).collect();
        // Backwards, so that nothing is one run.
        let mut picks: Vec<(u32, u32)> = Vec::new();
        for (at, segment) in (0..).zip(&segments) {
            picks.extend((0..).take(segment.len()).map(|row| (at, row)));
        }
        picks.reverse();
        let mut seqs: Vec<u64> = (0..).take(events.len()).collect();
        seqs.reverse();
        let cut = batches(&source(), &segments, &picks, &seqs).expect("batches");
        let mut all: Vec<Event> = cut.iter().flat_map(rows).collect();
        all.reverse();
        assert_eq!(all, events);
        // One run of a segment, which is sliced.
        let last = segments.len() - 1;
        let rest = (1..).take(segments[last].len() - 1);
        let picks: Vec<_> = rest
            .map(|row| (u32::try_from(last).unwrap(), row))
            .collect();
        let seqs = &parts[last].seqs()[1..];
        let cut = batches(&source(), &segments, &picks, seqs).expect("batches");
        let all: Vec<Event> = cut.iter().flat_map(rows).collect();
        assert_eq!(all, events[events.len() - all.len()..]);
        assert_eq!(all.len(), picks.len());
    });
}

#[test]
fn ids_follow_from_what_is_said() {
    for_every_kind(|events| {
        let batch = batch(&events);
        for (row, event) in events.iter().enumerate() {
            let id = batch.event_id(row).expect("a row");
            let name = &source().name;
            assert_eq!(id, event_id(name, event.envelope.time, &event.body));
            let mut later = event.envelope.time;
            later.0 ^= 1;
            assert_ne!(id, event_id(name, later, &event.body));
            assert_ne!(id, event_id("other", event.envelope.time, &event.body));
            let json: serde_json::Value =
                serde_json::from_slice(&canonical_body(&event.body)).expect("json");
            assert!(is_sorted(&json, &canonical_body(&event.body)));
        }
    });
}

/// Whether names come in order, by writing the value anew with sorted names.
fn is_sorted(json: &serde_json::Value, text: &[u8]) -> bool {
    fn write(json: &serde_json::Value, to: &mut Vec<String>) {
        match json {
            serde_json::Value::Object(map) => {
                let mut names: Vec<_> = map.keys().collect();
                names.sort();
                for name in names {
                    to.push(serde_json::to_string(name).expect("text"));
                    write(&map[name], to);
                }
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| write(item, to)),
            _ => {}
        }
    }
    let mut names = Vec::new();
    write(json, &mut names);
    let text = String::from_utf8(text.to_vec()).expect("UTF-8");
    let mut rest = text.as_str();
    names.iter().all(|name| {
        let found = rest.find(&format!("{name}:"));
        found.is_some_and(|at| {
            rest = &rest[at + name.len()..];
            true
        })
    })
}

#[test]
fn an_id_is_what_it_was() {
    let line = br#"{"kind":"control.timer","time":"2025-03-10T09:00:00+08:00","timer":"t",
        "key":"k","due":"2025-03-10T01:00:00Z","fired_at":"2025-03-10T01:00:00.5Z"}"#;
    let event = parse_event(line, Mode::Strict).expect("an event");
    let canonical = br#"{"due":"2025-03-10T01:00:00Z","fired_at":"2025-03-10T01:00:00.5Z","key":"k","timer":"t"}"#;
    assert_eq!(canonical_body(&event.body), canonical);
    let mut input = b"palisade event id 1\0".to_vec();
    let time = event.envelope.time.0.to_le_bytes();
    for part in [&b"control.timer"[..], b"s", &time, canonical] {
        input.extend(u64::try_from(part.len()).unwrap().to_le_bytes());
        input.extend(part);
    }
    let id = event_id("s", event.envelope.time, &event.body);
    assert_eq!(id, palisade_events::Digest::of(&input));
    let text = Arc::<str>::from(id.to_string());
    assert_eq!(
        text.parse::<palisade_events::Digest>().expect("a digest"),
        id
    );
}
