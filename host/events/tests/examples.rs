//! Every example of the catalogue is an event, reads back, and goes through a batch.

#![allow(clippy::print_stderr, reason = "a test that skips says so")]

use std::path::Path;
use std::sync::Arc;

use palisade_events::BatchBuilder;
use palisade_events::json::{Mode, parse_event, write_event};

#[test]
fn examples_parse_and_go_through_a_batch() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/examples.ndjson");
    let Ok(text) = std::fs::read_to_string(&path) else {
        eprintln!("skipped: no {}", path.display());
        return;
    };
    let mut events = 0;
    for (number, line) in (1u64..).zip(text.lines()) {
        let example: serde_json::Value = serde_json::from_str(line).unwrap();
        for event in example["events"].as_array().unwrap() {
            let mut event = event.clone();
            lengthen_digests(&mut event);
            let json = event.to_string();
            let event = parse_event(json.as_bytes(), Mode::Vector)
                .map_err(|error| error.at_line(number))
                .unwrap_or_else(|error| panic!("{error}\n{json}"));
            let mut written = Vec::new();
            write_event(&mut written, &event).unwrap();
            assert_eq!(parse_event(&written, Mode::Strict).unwrap(), event);
            let mut builder = BatchBuilder::new(event.kind(), Arc::clone(&event.envelope.source));
            builder.push_event(&event).unwrap();
            let batch = builder.finish().unwrap();
            assert_eq!(batch.event(0).unwrap(), event);
            assert_eq!(batch.record_batch().unwrap().num_rows(), 1);
            for field in event.kind().all_fields() {
                let column = batch.column(field.id);
                assert!(column.is_ok() || field.nested || field.name == "attributes");
            }
            events += 1;
        }
    }
    assert!(events >= 160, "{events}");
}

/// Digests that people wrote, as `ee02`, at the length that they have where they are read strictly.
fn lengthen_digests(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Object(fields) => {
            for (name, value) in fields {
                match value.as_str() {
                    Some(digest) if name.ends_with("sha256") => {
                        *value = format!("{digest:0<64}").into();
                    }
                    _ => lengthen_digests(value),
                }
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(lengthen_digests),
        _ => {}
    }
}
