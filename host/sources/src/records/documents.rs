//! Objects one after another over any number of lines.

use std::io::Read;

use memchr::{memchr_iter, memmem};
use serde::{Deserialize, Serialize};

use super::opening::opening;
use super::{Fault, Record, Records};

/// Where the scanner of documents stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Scan {
    depth: u32,
    in_string: bool,
    escaped: bool,
    /// Bytes between objects that are not white space, brackets or commas.
    junk: bool,
}

impl<R: Read> Records<R> {
    pub(super) fn next_document(&mut self) -> Option<Record> {
        loop {
            if self.scan == Scan::default() {
                self.skip_zeros();
            }
            let Some(byte) = self.buffer.get(self.scanned).copied() else {
                break;
            };
            if self.scan.depth > 0 {
                if self.begins_next(byte) {
                    return Some(self.tear(self.scanned));
                }
                self.scanned += 1;
                self.line += u64::from(byte == b'\n');
                if self.scan.within(byte) {
                    let within = &self.buffer[self.start..self.scanned];
                    let lines = memchr_iter(b'\n', within).count() as u64;
                    return Some(self.cut(self.scanned, self.scanned, self.line - lines, None));
                }
                if self.scanned - self.start > self.max
                    && let Some(next) = self.seek_next()
                {
                    return Some(self.tear(next));
                }
                continue;
            }
            let separator = matches!(byte, b'[' | b']' | b',' | 0) || byte.is_ascii_whitespace();
            if self.scan.junk && (separator || byte == b'{') {
                self.scan.junk = false;
                // The byte is looked at again, now as one between objects.
                let (end, line) = (self.scanned, self.line);
                return Some(self.cut(end, end, line, Some(Fault::NoObject)));
            }
            self.scanned += 1;
            self.line += u64::from(byte == b'\n');
            match byte {
                b'{' => {
                    self.scan.depth = 1;
                    self.sought = false;
                }
                _ if separator => self.start = self.scanned,
                _ => self.scan.junk = true,
            }
        }
        if !self.ended {
            return None;
        }
        if self.scan.depth > 0
            && let Some(next) = self.seek_next()
        {
            return Some(self.tear(next));
        }
        let fault = if self.scan.depth > 0 {
            Fault::Unfinished
        } else {
            Fault::NoObject
        };
        self.scan = Scan::default();
        self.rest(Some(fault))
    }

    /// Whether at `scanned` something begins as the document did that was found not to end.
    fn begins_next(&self, byte: u8) -> bool {
        if byte != b'{' || self.scanned as u64 + self.base >= self.distrust {
            return false;
        }
        // All up to there has been read already.
        self.scanned > self.start && self.buffer[self.scanned..].starts_with(&self.opening)
    }

    /// Where, in a document that does not end or is too long, something begins as it does.
    /// Each document is searched once, and each byte is scanned again once at most.
    fn seek_next(&mut self) -> Option<usize> {
        if self.long.is_some() || std::mem::replace(&mut self.sought, true) {
            return None;
        }
        let document = &self.buffer[self.start..self.scanned];
        let opening = opening(document)?;
        let found = memmem::find(&document[opening.len()..], opening)?;
        let next = self.start + opening.len() + found;
        self.opening.clear();
        self.opening.extend_from_slice(opening);
        let end = self.base + self.scanned as u64;
        self.distrust = (end + 1).saturating_sub(self.opening.len() as u64);
        Some(next)
    }

    /// Ends a document where the next one begins.
    fn tear(&mut self, next: usize) -> Record {
        let lines = |bytes: &[u8]| memchr_iter(b'\n', bytes).count() as u64;
        self.line -= lines(&self.buffer[next..self.scanned]);
        let line = self.line - lines(&self.buffer[self.start..next]);
        self.scan = Scan::default();
        self.scanned = next;
        self.cut(next, next, line, Some(Fault::Torn))
    }
}

impl Scan {
    /// Takes a byte within a document; whether it ends it.
    fn within(&mut self, byte: u8) -> bool {
        if self.in_string {
            match byte {
                // A text in JSON has no raw line feed: it lacks its end.
                b'\n' => (self.in_string, self.escaped) = (false, false),
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = true,
                b'"' => self.in_string = false,
                _ => {}
            }
            return false;
        }
        match byte {
            b'"' => self.in_string = true,
            b'{' | b'[' => self.depth = self.depth.saturating_add(1),
            b'}' | b']' => {
                self.depth -= 1;
                return self.depth == 0;
            }
            _ => {}
        }
        false
    }
}
