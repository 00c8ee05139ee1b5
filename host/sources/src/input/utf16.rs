//! Text in UTF-16 as UTF-8.

use std::io::{self, Read};

/// How much is read at a time.
const CHUNK: usize = 16 << 10;

/// The order of the bytes of a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Order {
    Little,
    Big,
}

impl Order {
    /// The order, if `bytes` are the beginning of text in UTF-16: it has a byte order mark, or
    /// begins as JSON or a log of Zeek does, each other byte zero.
    pub(super) fn of(bytes: &[u8]) -> Option<Self> {
        match bytes {
            [0xff, 0xfe, first, 0, ..] if *first != 0 => Some(Self::Little),
            [0xfe, 0xff, 0, first, ..] if *first != 0 => Some(Self::Big),
            [b'{' | b'[' | b'#', 0, next, 0, ..] if *next != 0 => Some(Self::Little),
            [0, b'{' | b'[' | b'#', 0, next, ..] if *next != 0 => Some(Self::Big),
            _ => None,
        }
    }
}

/// Gives text in UTF-16 as UTF-8; halves of pairs that stand alone, and half a unit at the end,
/// as U+FFFD.
#[derive(Debug)]
pub(super) struct Utf16<R> {
    from: R,
    order: Order,
    /// What was read and not yet turned.
    taken: Vec<u8>,
    /// What was turned and not yet given, from `given` on.
    text: String,
    given: usize,
    ended: bool,
}

impl<R: Read> Utf16<R> {
    pub(super) fn new(from: R, order: Order) -> Self {
        Self {
            from,
            order,
            taken: Vec::new(),
            text: String::new(),
            given: 0,
            ended: false,
        }
    }

    /// Turns what can be turned; the first half of a pair waits for the second.
    fn turn(&mut self) {
        let unit = |pair: &[u8; 2]| match self.order {
            Order::Little => u16::from_le_bytes(*pair),
            Order::Big => u16::from_be_bytes(*pair),
        };
        let (pairs, _) = self.taken.as_chunks::<2>();
        let waits = !self.ended
            && pairs
                .last()
                .is_some_and(|last| matches!(unit(last), 0xd800..=0xdbff));
        let pairs = pairs
            .get(..pairs.len() - usize::from(waits))
            .unwrap_or_default();
        self.text.clear();
        self.given = 0;
        let chars = char::decode_utf16(pairs.iter().map(unit));
        self.text
            .extend(chars.map(|char| char.unwrap_or(char::REPLACEMENT_CHARACTER)));
        let done = 2 * pairs.len();
        self.taken.drain(..done);
        if self.ended && !self.taken.is_empty() {
            self.taken.clear();
            self.text.push(char::REPLACEMENT_CHARACTER);
        }
    }
}

impl<R: Read> Read for Utf16<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        while self.given == self.text.len() {
            if self.ended {
                return Ok(0);
            }
            let before = self.taken.len();
            self.taken.resize(before + CHUNK, 0);
            let read = self.from.read(&mut self.taken[before..]);
            self.taken
                .truncate(before + read.as_ref().copied().unwrap_or(0));
            self.ended = read? == 0;
            self.turn();
        }
        let mut left = self.text.as_bytes().get(self.given..).unwrap_or_default();
        let read = left.read(to)?;
        self.given += read;
        Ok(read)
    }
}
