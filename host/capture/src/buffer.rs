//! A window over a byte stream that knows its place in it.

use std::io::{ErrorKind, Read};

use super::reader::CaptureError;

/// Bytes asked of the input at a time; a packet record of usual size never needs more.
const STEP: usize = 256 * 1024;

/// Bytes of the input from `offset` on. Grows to what one record needs, never beyond.
pub(super) struct Window<R> {
    input: R,
    bytes: Vec<u8>,
    start: usize,
    end: usize,
    /// Position in the input of the byte at `start`.
    offset: u64,
    exhausted: bool,
}

impl<R: Read> Window<R> {
    pub(super) fn new(input: R) -> Self {
        Self {
            input,
            bytes: vec![0; STEP],
            start: 0,
            end: 0,
            offset: 0,
            exhausted: false,
        }
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// What is at hand; at least the `wanted` of the last `fill` unless the input ended.
    pub(super) fn available(&self) -> &[u8] {
        self.bytes.get(self.start..self.end).unwrap_or_default()
    }

    /// Reads until `wanted` bytes are at hand or the input ends, and returns how many
    /// are. The caller bounds `wanted`. Never waits for more than `wanted`, so that a
    /// pipe is served as it is written.
    pub(super) fn fill(&mut self, wanted: usize) -> Result<usize, CaptureError> {
        if self.end - self.start < wanted && !self.exhausted {
            if self.start == self.end {
                self.start = 0;
                self.end = 0;
            }
            if self.start + wanted > self.bytes.len() {
                self.bytes.copy_within(self.start..self.end, 0);
                self.end -= self.start;
                self.start = 0;
                if wanted > self.bytes.len() {
                    self.bytes.resize(wanted.next_multiple_of(STEP), 0);
                }
            }
            while self.end - self.start < wanted && !self.exhausted {
                self.read_once()?;
            }
        }
        Ok(self.end - self.start)
    }

    /// As [`fill`](Self::fill), but sits through the pauses of a live input, each of which is
    /// followed by a read that waits.
    pub(super) fn wait(&mut self, wanted: usize) -> Result<usize, CaptureError> {
        loop {
            match self.fill(wanted) {
                Err(error) if error.is_pause() => {}
                done => return done,
            }
        }
    }

    fn read_once(&mut self) -> Result<(), CaptureError> {
        let Some(space) = self.bytes.get_mut(self.end..) else {
            self.exhausted = true;
            return Ok(());
        };
        match self.input.read(space) {
            Ok(0) => self.exhausted = true,
            // An input that claims more than the space it was given must not move `end`
            // past the buffer.
            Ok(n) => self.end += n.min(space.len()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(source) => {
                // A live input that pauses goes on later.
                self.exhausted = source.kind() != ErrorKind::WouldBlock;
                let offset = self.offset + (self.end - self.start) as u64;
                return Err(CaptureError::Read { offset, source });
            }
        }
        Ok(())
    }

    /// Steps over `n` bytes that are at hand.
    pub(super) fn consume(&mut self, n: usize) {
        let n = n.min(self.end - self.start);
        self.start += n;
        self.offset += n as u64;
    }

    /// Steps over `n` bytes, whether at hand or not, without keeping them. Returns
    /// whether there were that many.
    pub(super) fn skip(&mut self, mut n: u64) -> Result<bool, CaptureError> {
        while n > 0 {
            let step = usize::try_from(n).unwrap_or(STEP).min(STEP);
            let have = self.wait(step)?.min(step);
            if have == 0 {
                return Ok(false);
            }
            self.consume(have);
            n -= have as u64;
        }
        Ok(true)
    }

    /// A part of what was just consumed or is at hand, by position in the buffer. Valid
    /// until the next `fill` or `skip`.
    pub(super) fn span(&self, span: Span) -> &[u8] {
        self.bytes
            .get(span.start..span.start + span.len)
            .unwrap_or_default()
    }

    /// Names `len` bytes at `at` within what is at hand, and consumes `total`.
    pub(super) fn take(&mut self, at: usize, len: usize, total: usize) -> Span {
        let start = self.start + at;
        self.consume(total);
        Span { start, len }
    }
}

/// A range of a [`Window`]'s buffer.
#[derive(Clone, Copy)]
pub(super) struct Span {
    start: usize,
    len: usize,
}
