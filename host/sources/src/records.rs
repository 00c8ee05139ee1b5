//! Cuts input into records: lines, or the values of JSON arrays and documents.

mod documents;
mod opening;
mod state;
#[cfg(test)]
mod tests;

use std::io::{self, Read};
use std::ops::Range;

use documents::Scan;
use memchr::{memchr, memchr_iter};
use palisade_events::MARK;

pub(super) use opening::opening;
use serde::{Deserialize, Serialize};
pub(super) use state::RecordsState;

/// How much is read first, and how much at most: reads double while the input lasts.
const FIRST_READ: usize = 8 << 10;
const MAX_READ: usize = 256 << 10;

/// How records are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Framing {
    /// Each line is a record.
    Lines,
    /// Objects one after another, over any number of lines, in brackets or not.
    Documents,
}

/// A record, or what there is instead of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Record {
    /// Where it lies; see [`Records::bytes`]. Of one that is too long the beginning.
    at: Range<usize>,
    /// The line of the input on which it begins, from 1.
    pub(super) line: u64,
    /// The offset of its first byte.
    pub(super) offset: u64,
    /// How many bytes it has.
    pub(super) len: u64,
    /// What is wrong with it.
    pub(super) fault: Option<Fault>,
}

/// Why bytes of the input are no record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Fault {
    #[error("the record is {0} bytes long, and at most {1} are taken")]
    TooLong(u64, usize),
    #[error("there is no object here")]
    NoObject,
    #[error("the input ends inside the record")]
    Unfinished,
    #[error("the next record begins before this one has ended")]
    Torn,
}

/// How much of a record that is too long is kept for the dead-letter file.
const KEPT_OF_LONG: usize = 4 << 10;

/// Cuts a stream into records. Memory is bounded by the longest record allowed.
#[derive(Debug)]
pub(super) struct Records<R> {
    from: R,
    framing: Framing,
    max: usize,
    buffer: Vec<u8>,
    /// Where the bytes begin that are not done with.
    start: usize,
    /// Where the search for the end of the present record goes on.
    scanned: usize,
    /// Offset in the input of the buffer's first byte.
    base: u64,
    line: u64,
    /// How much is read next.
    step: usize,
    ended: bool,
    error: Option<io::Error>,
    scan: Scan,
    /// Where the scanner stood when bytes were dropped last of a record that is too long.
    scan_of_long: Scan,
    /// Bytes that were dropped of a record that is too long, and where and on which line
    /// it began.
    long: Option<(u64, u64, u64)>,
    kept: Vec<u8>,
    /// Runs of zeros between records, and whether the last byte was one of them.
    zeros: u64,
    in_zeros: bool,
    /// How a document began that did not end.
    opening: Vec<u8>,
    /// Up to this offset whatever begins as that one did begins a document.
    distrust: u64,
    /// Whether it was looked for the next document within the present one.
    sought: bool,
}

impl<R: Read> Records<R> {
    /// Records of `from`, none longer than `max` bytes.
    pub(super) fn new(from: R, framing: Framing, max: usize) -> Self {
        Self {
            from,
            framing,
            max: max.max(1),
            buffer: Vec::new(),
            start: 0,
            scanned: 0,
            base: 0,
            line: 1,
            step: FIRST_READ,
            ended: false,
            error: None,
            scan: Scan::default(),
            scan_of_long: Scan::default(),
            long: None,
            kept: Vec::new(),
            zeros: 0,
            in_zeros: false,
            opening: Vec::new(),
            distrust: 0,
            sought: false,
        }
    }

    /// How many runs of zeros lay before records. A disk that failed, or a file that was
    /// truncated while it was written, leaves them.
    pub(super) fn zeros(&self) -> u64 {
        self.zeros
    }

    /// Passes over zeros before a record.
    fn skip_zeros(&mut self) {
        let rest = &self.buffer[self.start..];
        match rest.first() {
            Some(0) if self.start == self.scanned && self.long.is_none() => {
                self.zeros += u64::from(!self.in_zeros);
                self.in_zeros = true;
                self.start += rest.iter().take_while(|byte| **byte == 0).count();
                self.scanned = self.start;
                self.in_zeros = self.start == self.buffer.len();
            }
            Some(_) => self.in_zeros = false,
            None => {}
        }
    }

    /// The bytes of a record. Only of the last one.
    pub(super) fn bytes(&self, record: &Record) -> &[u8] {
        let from = match record.fault {
            Some(Fault::TooLong(..)) => &self.kept,
            _ => &self.buffer,
        };
        from.get(record.at.clone()).unwrap_or_default()
    }

    /// How records are told apart.
    pub(super) fn framing(&self) -> Framing {
        self.framing
    }

    /// How many bytes are done with.
    pub(super) fn offset(&self) -> u64 {
        self.base + self.start as u64
    }

    /// How many lines have begun.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The next record that is not blank; none at the end.
    ///
    /// # Errors
    /// Those of the stream. What was read before them comes first, and a record that
    /// they cut off is told apart by [`Fault::Unfinished`]. One of kind `WouldBlock` says
    /// that a live input pauses, and ends nothing.
    pub(super) fn next(&mut self) -> io::Result<Option<Record>> {
        loop {
            if !self.awaits_mark() {
                let found = match self.framing {
                    Framing::Lines => self.next_line(),
                    Framing::Documents => self.next_document(),
                };
                if found.is_some() {
                    return Ok(found);
                }
            }
            if self.ended {
                return self.error.take().map_or(Ok(None), Err);
            }
            self.shed();
            if let Err(error) = self.fill() {
                match error.kind() {
                    io::ErrorKind::Interrupted => continue,
                    // The input pauses; a further call goes on where it stands.
                    io::ErrorKind::WouldBlock => return Err(error),
                    _ => {}
                }
                // What was cut off is a record of its own; the error comes after it.
                self.ended = true;
                self.error = Some(error);
            }
        }
    }

    /// Skips a byte order mark at the beginning; whether more bytes must come to tell.
    fn awaits_mark(&mut self) -> bool {
        if self.offset() > 0 || self.scanned > 0 {
            return false;
        }
        if self.buffer.starts_with(MARK) {
            self.start = MARK.len();
            self.scanned = MARK.len();
        }
        !self.ended && MARK.len() > self.buffer.len() && MARK.starts_with(&self.buffer)
    }

    /// Drops what a record has beyond the longest allowed.
    fn shed(&mut self) {
        if self.buffer.len() - self.start <= self.max || self.scanned - self.start <= self.max {
            return;
        }
        let record = &self.buffer[self.start..self.scanned];
        if self.long.is_none() {
            self.kept.clear();
            self.kept
                .extend_from_slice(&record[..self.max.min(KEPT_OF_LONG)]);
            let lines = match self.framing {
                Framing::Lines => 0,
                // The scanner has counted the lines within the record already.
                Framing::Documents => memchr_iter(b'\n', record).count() as u64,
            };
            self.long = Some((0, self.offset(), self.line - lines));
        }
        if let Some((dropped, ..)) = &mut self.long {
            *dropped += record.len() as u64;
        }
        self.scan_of_long = self.scan;
        self.start = self.scanned;
    }

    fn fill(&mut self) -> io::Result<()> {
        if self.start > 0 {
            self.buffer.drain(..self.start);
            self.base += self.start as u64;
            self.scanned -= self.start;
            self.start = 0;
        }
        let filled = self.buffer.len();
        self.buffer.resize(filled + self.step, 0);
        let read = self.from.read(&mut self.buffer[filled..]);
        if read.is_ok() {
            self.step = MAX_READ.min(self.step * 2);
        }
        self.buffer.truncate(filled + *read.as_ref().unwrap_or(&0));
        self.ended = read? == 0;
        Ok(())
    }

    /// Ends a record at `end`, with what follows it, up to `next`, done with as well.
    fn cut(&mut self, end: usize, next: usize, line: u64, fault: Option<Fault>) -> Record {
        let offset = self.offset();
        let record = match self.long.take() {
            Some((dropped, offset, line)) => {
                let len = dropped + (end - self.start) as u64;
                let fault = Some(Fault::TooLong(len, self.max));
                Record {
                    at: 0..self.kept.len(),
                    line,
                    offset,
                    len,
                    fault,
                }
            }
            None => {
                let len = end - self.start;
                let fault = if len > self.max {
                    self.kept.clear();
                    let beginning = &self.buffer[self.start..end];
                    self.kept
                        .extend_from_slice(&beginning[..self.max.min(KEPT_OF_LONG)]);
                    Some(Fault::TooLong(len as u64, self.max))
                } else {
                    fault
                };
                let at = match fault {
                    Some(Fault::TooLong(..)) => 0..self.kept.len(),
                    _ => self.start..end,
                };
                Record {
                    at,
                    line,
                    offset,
                    len: len as u64,
                    fault,
                }
            }
        };
        self.start = next;
        self.scanned = next;
        record
    }

    /// What is left at the end of the input, unless it is blank.
    fn rest(&mut self, fault: Option<Fault>) -> Option<Record> {
        let end = self.buffer.len();
        if self.is_blank(end) {
            self.start = end;
            self.scanned = end;
            return None;
        }
        let lines = match self.framing {
            Framing::Lines => 0,
            Framing::Documents => {
                memchr_iter(b'\n', &self.buffer[self.start..self.scanned]).count() as u64
            }
        };
        Some(self.cut(end, end, self.line - lines, fault))
    }

    /// Whether the record up to `end` is blank. One that is too long is not, since its beginning
    /// may have been dropped.
    fn is_blank(&self, end: usize) -> bool {
        let record = &self.buffer[self.start..end];
        self.long.is_none() && record.len() <= self.max && record.trim_ascii().is_empty()
    }

    fn next_line(&mut self) -> Option<Record> {
        loop {
            self.skip_zeros();
            let Some(found) = memchr(b'\n', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                let cut_off = self.error.is_some().then_some(Fault::Unfinished);
                return if self.ended { self.rest(cut_off) } else { None };
            };
            let end = self.scanned + found;
            let line = self.line;
            self.line += 1;
            if self.is_blank(end) {
                self.start = end + 1;
                self.scanned = end + 1;
                continue;
            }
            return Some(self.cut(end, end + 1, line, None));
        }
    }
}
