//! Dead letters of an epoch: events that a plugin could not be shown, and records that could not
//! be read.

use std::io::{self, Write};
use std::mem::take;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_events::json::EventJson;
use palisade_events::{Batch, Digest};
use palisade_pipeline::engine::{Left, PluginKey, Poison};
use palisade_runtime::Fault;
use palisade_sinks::{LetterPlugin, LetterRow};
use palisade_sources::DeadLetters;
use serde_json::Value;

/// The most letters of an epoch; others are counted.
pub const MAX_LETTERS: usize = 1024;
/// The most bytes of an epoch's letters.
pub const MAX_LETTERS_BYTES: usize = 4 << 20;
/// The most bytes of an event of which all is kept; one that is larger cannot be shown once more.
pub const MAX_EVENT: usize = 1 << 20;
/// Bytes that are kept of an event that is larger.
const BEGINNING: usize = 4 << 10;
/// Bytes of frames that are kept.
const MAX_BACKTRACE: usize = 16 << 10;

/// Letters that are gathered, as far as there is room.
#[derive(Debug, Default)]
pub(crate) struct Gathered {
    pub(crate) letters: Vec<LetterRow>,
    /// How many found no room.
    pub(crate) dropped: u64,
    bytes: usize,
}

impl From<(Vec<LetterRow>, u64)> for Gathered {
    fn from((letters, dropped): (Vec<LetterRow>, u64)) -> Gathered {
        Gathered {
            bytes: letters.iter().map(size).sum(),
            letters,
            dropped,
        }
    }
}

/// Bytes of a letter, about.
fn size(letter: &LetterRow) -> usize {
    letter.json.len() + letter.backtrace.len() + letter.reason.len()
}

impl Gathered {
    /// Takes a letter, or counts it.
    fn add(&mut self, letter: impl FnOnce() -> LetterRow) {
        if self.letters.len() >= MAX_LETTERS || self.bytes >= MAX_LETTERS_BYTES {
            self.dropped += 1;
            return;
        }
        let letter = letter();
        self.bytes += size(&letter);
        self.letters.push(letter);
    }

    /// An event on which a plugin faulted.
    pub(crate) fn poison(&mut self, poison: &Poison) {
        let by = (&poison.plugin, poison.digest, &*poison.fault);
        self.add(|| event(&poison.batch, poison.row, by));
    }

    /// Events that a plugin was not shown any more.
    pub(crate) fn left(&mut self, left: &Left) {
        let by = (&left.plugin, left.digest, &*left.fault);
        for row in 0..left.view.len() as u32 {
            self.add(|| event(left.view.batch(), left.view.batch_row(row), by));
        }
    }
}

fn event(
    batch: &Batch,
    row: usize,
    (plugin, digest, fault): (&PluginKey, Digest, &Fault),
) -> LetterRow {
    let source = batch.source();
    let event = batch.event(row);
    let json = event.as_ref().and_then(|event| {
        let id = batch.event_id(row);
        serde_json::to_string(&EventJson { event, id }).ok()
    });
    let mut json = json.unwrap_or_default();
    let whole = !json.is_empty() && json.len() <= MAX_EVENT;
    if !whole {
        json.truncate(json.floor_char_boundary(BEGINNING));
    }
    let mut backtrace = fault.backtrace.frames.join("\n");
    backtrace.truncate(backtrace.floor_char_boundary(MAX_BACKTRACE));
    LetterRow {
        time: batch.times().get(row).copied().unwrap_or_default(),
        tenant: source.tenant.clone(),
        source: source.name.clone(),
        plugin: Some(LetterPlugin {
            pack: plugin.pack.to_string(),
            name: plugin.name.to_string(),
            digest: digest.to_string(),
            export: fault.export.to_owned(),
        }),
        event_ref: batch.event_ref(row),
        reason: fault.to_string(),
        backtrace,
        json,
        whole,
    }
}

/// Takes records that a source could not read; clones hold the same.
#[derive(Clone, Default)]
pub(crate) struct Unread(Arc<Mutex<Held>>);

#[derive(Default)]
struct Held {
    lines: Vec<Vec<u8>>,
    bytes: usize,
    dropped: u64,
}

impl Unread {
    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where readers put them.
    pub(crate) fn letters(&self) -> DeadLetters {
        DeadLetters::to_writer(self.clone(), u64::MAX)
    }

    /// How many are there.
    pub(crate) fn count(&self) -> usize {
        self.held().lines.len()
    }

    /// Forgets those that came after the first so many.
    pub(crate) fn undo(&self, count: usize) {
        self.held().lines.truncate(count);
    }

    /// What was put there since, of a source that was read at this time, and how many found no
    /// room.
    pub(crate) fn take(&self, (source, tenant): (&str, &str), now: u64) -> (Vec<LetterRow>, u64) {
        let Held { lines, dropped, .. } = take(&mut *self.held());
        let letter = |line: Vec<u8>| {
            let value: Value = serde_json::from_slice(&line).unwrap_or_default();
            let reason = value["reason"].as_str().unwrap_or_default().to_owned();
            LetterRow {
                time: now,
                tenant: tenant.to_owned(),
                source: source.to_owned(),
                reason,
                json: String::from_utf8(line).unwrap_or_default(),
                ..LetterRow::default()
            }
        };
        (lines.into_iter().map(letter).collect(), dropped)
    }
}

impl Write for Unread {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        let mut held = self.held();
        if held.lines.len() < MAX_LETTERS && held.bytes < MAX_LETTERS_BYTES {
            held.bytes += line.len();
            let line = line.strip_suffix(b"\n").unwrap_or(line);
            held.lines.push(line.to_vec());
        } else {
            held.dropped += 1;
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use palisade_events::{BatchBuilder, Body, Event, NetworkApp, Source};
    use palisade_sources::{Letter, Place};

    use super::*;

    fn unread(many: usize, bytes: &[u8]) -> (Vec<LetterRow>, u64) {
        let unread = Unread::default();
        let letters = unread.letters();
        for line in 1..=many as u64 {
            letters.add(&Letter {
                source: "log",
                place: Place::Record { line, offset: 0 },
                reason: "no object",
                bytes,
                len: bytes.len() as u64,
            });
        }
        let taken = unread.take(("tap", "t"), 5);
        assert_eq!(unread.take(("tap", "t"), 6), (Vec::new(), 0));
        taken
    }

    #[test]
    fn an_event_that_is_too_large_is_kept_by_its_beginning() {
        let of = |bytes: usize| {
            let body = NetworkApp {
                operation: "x".repeat(bytes),
                ..NetworkApp::default()
            };
            let event = Event {
                envelope: Default::default(),
                body: Body::NetworkApp(body),
            };
            let source = Arc::new(Source {
                slot: 1,
                ..Source::default()
            });
            let mut batch = BatchBuilder::new(event.kind(), source);
            batch.push_event(&event).unwrap();
            let poison = Poison {
                batch: batch.finish().unwrap(),
                row: 0,
                plugin: PluginKey {
                    pack: "p".into(),
                    name: "a".into(),
                },
                digest: Digest::of(b""),
                fault: Arc::new(Fault::of_panic(
                    "a",
                    "evaluate",
                    &palisade_events::contain(|| panic!("as the test wants")).unwrap_err(),
                )),
            };
            let mut gathered = Gathered::default();
            gathered.poison(&poison);
            gathered.letters.remove(0)
        };
        let small = of(100);
        assert!(small.whole && small.json.ends_with('}'));
        let large = of(MAX_EVENT);
        assert!(!large.whole && large.json.len() == BEGINNING);
    }

    #[test]
    fn records_that_cannot_be_read_are_kept_up_to_a_limit() {
        let (letters, dropped) = unread(2, b"x");
        let first = &letters[0];
        let says = (&*first.source, &*first.tenant, &*first.reason, first.time);
        assert_eq!(says, ("tap", "t", "no object", 5));
        assert!(first.json.contains(r#""line":1"#) && first.json.contains(r#""text":"x""#));
        assert_eq!((letters.len(), dropped), (2, 0));
        let (letters, dropped) = unread(MAX_LETTERS + 3, b"x");
        assert_eq!((letters.len(), dropped), (MAX_LETTERS, 3));
        let large = vec![b'x'; 60_000];
        let (letters, dropped) = unread(100, &large);
        let bytes: usize = letters.iter().map(|letter| letter.json.len()).sum();
        assert!(bytes <= MAX_LETTERS_BYTES + 64_000, "{bytes}");
        assert_eq!(letters.len() as u64 + dropped, 100);
    }
}
