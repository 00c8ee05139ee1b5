//! Objects among what stands around them.

use std::ops::Range;

use memchr::{memchr, memmem};

use crate::records::opening;

/// Most times that a record is looked at anew behind an object that does not end.
const MAX_TORN: usize = 16;

/// A part of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// An object, by its brackets.
    Object(Range<usize>),
    /// The beginning of an object that another one cuts off.
    Torn(Range<usize>),
    /// Bytes that are neither objects nor what may stand between them.
    Junk,
}

/// The parts of a record, one after another. Brackets of lists, commas, white space
/// and byte order marks between objects are passed over.
#[derive(Debug)]
pub(super) struct Pieces<'r> {
    record: &'r [u8],
    at: usize,
    torn: usize,
    /// A torn part that is still to be told.
    owed: Option<Range<usize>>,
}

impl<'r> Pieces<'r> {
    pub(super) fn new(record: &'r [u8], at: usize) -> Self {
        Self {
            record,
            at,
            torn: 0,
            owed: None,
        }
    }

    pub(super) fn next(&mut self) -> Option<Piece> {
        if let Some(torn) = self.owed.take() {
            return Some(Piece::Torn(torn));
        }
        let rest = self.record.get(self.at..)?;
        let skip = between(rest);
        let begin = self.at + skip;
        let rest = rest.get(skip..)?;
        if rest.is_empty() {
            return None;
        }
        if rest.first() != Some(&b'{') {
            self.at = begin + memchr(b'{', rest).unwrap_or(rest.len());
            return Some(Piece::Junk);
        }
        if let Some(len) = object(rest) {
            self.at = begin + len;
            return Some(Piece::Object(begin..self.at));
        }
        if !self.tear(begin) {
            self.at = self.record.len();
            return Some(Piece::Torn(begin..self.at));
        }
        self.next()
    }

    /// Goes on where, behind `begin`, something begins as the object at `begin` does; false
    /// if nothing does. What lies between is told next.
    pub(super) fn tear(&mut self, begin: usize) -> bool {
        let next = (|| {
            let object = self.record.get(begin..)?;
            // Of one that is cut off within its first key only the bracket is known.
            let whole = opening(object).filter(|opening| !opening[1..].contains(&b'{'));
            let (opening, done) = whole.map_or((&b"{\""[..], 1), |whole| (whole, whole.len()));
            let behind = object.get(done..)?;
            Some(begin + done + memmem::find(behind, opening)?)
        })();
        match next {
            Some(next) if self.torn < MAX_TORN => {
                self.torn += 1;
                self.at = next;
                self.owed = Some(begin..next);
                true
            }
            _ => false,
        }
    }
}

/// How many bytes of what may stand between objects there are.
fn between(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        match rest {
            [b'[' | b']' | b',' | 0x1e, ..] => at += 1,
            [byte, ..] if byte.is_ascii_whitespace() => at += 1,
            [0xef, 0xbb, 0xbf, ..] => at += 3,
            _ => break,
        }
    }
    at
}

/// How long the object is that these bytes begin with.
fn object(bytes: &[u8]) -> Option<usize> {
    let (mut depth, mut quoted, mut escaped) = (0usize, false, false);
    for (at, byte) in bytes.iter().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            _ if quoted => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => {
                depth = depth.saturating_sub(1);
                if depth == 0 {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
    }
    None
}
