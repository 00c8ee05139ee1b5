//! Reports of records that did not become events, or not as they stood.

use std::fmt;
use std::ops::Range;

use super::dead_letters::{DeadLetters, Letter, Place};
use super::fault::Fault;
use super::records::Record;

/// A record that did not become an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadRecord {
    /// The line on which it begins, from 1.
    pub line: u64,
    /// The offset of its first byte, after decompression.
    pub offset: u64,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for BadRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "line {} (offset {}): {}",
            self.line, self.offset, self.reason
        )
    }
}

/// The first reports, how many there are, and the letters.
#[derive(Debug)]
pub(super) struct Reports {
    /// The input.
    pub(super) name: String,
    dead_letters: DeadLetters,
    max: usize,
    pub(super) list: Vec<BadRecord>,
    /// Records that became no event.
    pub(super) bad: u64,
    /// Records that became events after something was replaced or left out.
    pub(super) mended: u64,
}

impl Reports {
    pub(super) fn new(name: String, max: usize, dead_letters: DeadLetters) -> Self {
        Self {
            name,
            dead_letters,
            max,
            list: Vec::new(),
            bad: 0,
            mended: 0,
        }
    }

    /// Reports the part `at` of a record, whose bytes are `bytes`. A part that is empty lies in
    /// a text within it, and the whole is kept.
    pub(super) fn bad(&mut self, record: &Record, at: Range<usize>, bytes: &[u8], fault: &Fault) {
        self.bad += 1;
        let reason = fault.to_string();
        let whole = at.is_empty() || at.len() == bytes.len();
        let part = bytes.get(at.clone()).filter(|_| !whole);
        let before = bytes.get(..at.start).filter(|_| !whole).unwrap_or_default();
        let lines = memchr::memchr_iter(b'\n', before).count() as u64;
        let (line, offset) = (record.line + lines, record.offset + before.len() as u64);
        self.dead_letters.add(&Letter {
            source: &self.name,
            place: Place::Record { line, offset },
            reason: &reason,
            bytes: part.unwrap_or(bytes),
            len: part.map_or(record.len, |part| part.len() as u64),
        });
        if self.list.len() < self.max {
            self.list.push(BadRecord {
                line,
                offset,
                reason,
            });
        }
    }

    /// Keeps a record that became events although `fault` was found in it.
    pub(super) fn mended(&mut self, record: &Record, bytes: &[u8], fault: &Fault) {
        self.mended += 1;
        self.dead_letters.add(&Letter {
            source: &self.name,
            place: Place::Record {
                line: record.line,
                offset: record.offset,
            },
            reason: &format!("mended, and read all the same: {fault}"),
            bytes,
            len: record.len,
        });
    }
}
