//! What lies between a file and its reader: counting, bounding, looking twice.

use std::io::{self, Cursor, Read};
use std::sync::atomic::Ordering;

use super::{Consumed, Limits};
use crate::recognise::Compression;

/// Gives what was looked at once more, then the error that ended the looking if there
/// was one, then the rest.
pub(super) struct Replay<R> {
    pub(super) beginning: Cursor<Vec<u8>>,
    pub(super) error: Option<io::Error>,
    pub(super) rest: R,
}

impl<R: Read> Read for Replay<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        match self.beginning.read(to)? {
            0 => self.error.take().map_or_else(|| self.rest.read(to), Err),
            read => Ok(read),
        }
    }
}

/// Counts what is taken from the input as it lies there.
pub(super) struct Counted<R> {
    pub(super) from: R,
    pub(super) count: Consumed,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to)?;
        self.count.0.fetch_add(read as u64, Ordering::Relaxed);
        Ok(read)
    }
}

/// Keeps a small input from becoming an endless output. All layers count together, since
/// what comes out of each is held against what went into the first.
pub(super) struct Bounded<R> {
    pub(super) from: R,
    /// What it undoes.
    pub(super) layer: Compression,
    pub(super) taken: Consumed,
    pub(super) given: u64,
    pub(super) limits: Limits,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(to).map_err(|error| {
            let (layer, taken) = (self.layer, self.taken.get());
            // A layer within says it already.
            if error.kind() == io::ErrorKind::Interrupted
                || error.get_ref().is_some_and(|e| e.is::<Undoing>())
            {
                return error;
            }
            let kind = error.kind();
            let message = format!(
                "the {layer} data is cut off or damaged within its first {taken} bytes ({error})"
            );
            io::Error::new(kind, Undoing(message))
        })?;
        self.given = self.given.saturating_add(read as u64);
        let Limits {
            max_ratio,
            free_output,
            max_output,
            ..
        } = self.limits;
        let (given, taken) = (self.given, self.taken.get());
        let too_much = if given > max_output {
            format!("more than the limit of {max_output} bytes")
        } else if given > free_output && given > taken.saturating_mul(max_ratio) {
            format!("more than {max_ratio} bytes for each, which is the limit")
        } else {
            return Ok(read);
        };
        let message = format!(
            "{given} bytes have come out of {taken} bytes of {} data, {too_much}; raise it if the \
             input is to be trusted",
            self.layer
        );
        Err(io::Error::other(Undoing(message)))
    }
}

/// Why compression is not undone any further, with what is undone and where.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
struct Undoing(String);
