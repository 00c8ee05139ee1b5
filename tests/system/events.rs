//! What `palisade run` makes of captures, event by event.

use std::path::Path;

use jiff::Timestamp;
use serde_json::Value;

use crate::run::run;

/// An event that a parser made.
pub(crate) struct Event(pub(crate) Value);

impl Event {
    /// Text of a field, empty if it is not there.
    pub(crate) fn text(&self, field: &str) -> &str {
        self.0[field].as_str().unwrap_or_default()
    }

    /// A field or attribute as text, whatever it is; empty if it is not there.
    pub(crate) fn attribute(&self, name: &str) -> String {
        match &self.0["attributes"][name] {
            Value::Null => String::new(),
            Value::String(text) => text.clone(),
            // JSON writes whole numbers as such.
            value => value.to_string(),
        }
    }

    /// Nanoseconds since the epoch.
    pub(crate) fn time(&self) -> i128 {
        let time: Timestamp = self.text("time").parse().expect("a time in RFC 3339");
        time.as_nanosecond()
    }
}

/// What parsers make of a capture, in order. Nothing where the program is not built.
pub(crate) fn events(capture: &Path) -> Option<Vec<Event>> {
    events_with(capture, &[])
}

/// As [`events`], with more options.
pub(crate) fn events_with(capture: &Path, more: &[&str]) -> Option<Vec<Event>> {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("events.ndjson");
    let option = file.to_str().expect("a path in UTF-8");
    run(&[capture], &[&["--events", option], more].concat())?;
    let text = std::fs::read_to_string(&file).expect("events are there");
    let events = text
        .lines()
        .map(|line| Event(serde_json::from_str(line).expect("a line is JSON")))
        .filter(|event| event.text("kind") != "network.flow");
    Some(events.collect())
}
