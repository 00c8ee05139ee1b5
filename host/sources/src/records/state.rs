//! Where cutting into records stands between two of them, or within one that is too long.

use std::io::Read;

use memchr::memchr_iter;
use serde::{Deserialize, Serialize};

use super::documents::Scan;
use super::opening::MAX_OPENING;
use super::{Framing, KEPT_OF_LONG, Records};

/// What the bytes that are done with mean to those that follow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RecordsState {
    /// Bytes that are done with.
    pub(crate) offset: u64,
    /// The line on which the next byte lies.
    line: u64,
    /// Within a record that is too long: where the scanner stands, bytes that were dropped, where
    /// and on which line it began, and what is kept of it.
    long: Option<(Scan, u64, u64, u64, Vec<u8>)>,
    zeros: u64,
    in_zeros: bool,
    opening: Vec<u8>,
    distrust: u64,
}

impl<R: Read> Records<R> {
    /// Where it stands. What was read beyond [`offset`](Records::offset) is no part of it.
    pub(crate) fn state(&self) -> RecordsState {
        let ahead = self.buffer.get(self.start..self.scanned);
        let lines = match self.framing {
            // A line counts once its end is found.
            Framing::Lines => 0,
            Framing::Documents => memchr_iter(b'\n', ahead.unwrap_or_default()).count() as u64,
        };
        let long = self.long.map(|(dropped, offset, line)| {
            (self.scan_of_long, dropped, offset, line, self.kept.clone())
        });
        RecordsState {
            offset: self.offset(),
            line: self.line - lines,
            long,
            zeros: self.zeros,
            in_zeros: self.in_zeros,
            opening: self.opening.clone(),
            distrust: self.distrust,
        }
    }

    /// Goes on where another stood, with an input of which the bytes before that are gone;
    /// `None`: none stands there.
    pub(crate) fn going_on(
        from: R,
        framing: Framing,
        max: usize,
        state: RecordsState,
    ) -> Option<Self> {
        let mut records = Records::new(from, framing, max);
        if state.line == 0 || state.opening.len() > MAX_OPENING {
            return None;
        }
        if let Some((scan, dropped, offset, line, kept)) = state.long {
            let sound = kept.len() <= KEPT_OF_LONG && dropped <= state.offset && line > 0;
            // Documents that are too long are within one.
            let within = framing == Framing::Lines || scan != Scan::default();
            if !sound || !within || offset > state.offset {
                return None;
            }
            records.scan = scan;
            records.scan_of_long = scan;
            records.long = Some((dropped, offset, line));
            records.kept = kept;
        }
        records.base = state.offset;
        records.line = state.line;
        (records.zeros, records.in_zeros) = (state.zeros, state.in_zeros);
        (records.opening, records.distrust) = (state.opening, state.distrust);
        Some(records)
    }
}
