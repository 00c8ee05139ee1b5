//! Everything that the command writes.
//!
//! Names, summaries and messages come from plugins, captures and other people's files.
//! Whatever is written here goes through [`Escaped`], so that it can neither move the
//! cursor nor reorder the line it stands in.

mod backtrace;
mod error;
mod format;
mod json;
mod progress;
mod rows;
mod size;
mod table;

use std::io::{self, BufWriter, StdoutLock, Write};

pub(crate) use backtrace::{BACKTRACE, FULL, frames};
pub(crate) use error::Stdout;
pub(crate) use error::{is_broken_pipe, report};
pub(crate) use format::Format;
pub(crate) use progress::Progress;
pub(crate) use rows::{Look, Rows, Tone};
pub(crate) use size::size;
pub(crate) use table::Table;

pub(crate) use palisade_events::Escaped;
use serde::Serialize;

/// Standard output. What is buffered is written when it is dropped, or by
/// [`Output::finish`], which tells whether that worked.
pub(crate) struct Output {
    to: BufWriter<Stdout<StdoutLock<'static>>>,
}

impl Output {
    /// Standard output, locked as long as this lives.
    pub(crate) fn stdout() -> Self {
        Self {
            to: BufWriter::new(Stdout(io::stdout().lock())),
        }
    }

    /// Writes one line.
    pub(crate) fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.to, "{}", Escaped(text))
    }

    /// Writes a table, or nothing if it has no rows.
    pub(crate) fn table(&mut self, table: &Table) -> io::Result<()> {
        table.write(&mut self.to)
    }

    /// Writes one JSON value on one line.
    pub(crate) fn ndjson(&mut self, value: &impl Serialize) -> io::Result<()> {
        json::compact(&mut self.to, value)
    }

    /// Writes rows that have waited long enough.
    pub(crate) fn rows<const N: usize>(&mut self, rows: &mut Rows<N>) -> io::Result<()> {
        rows.write(&mut self.to)
    }

    /// Writes one JSON value without a line feed, as a part of a larger one.
    pub(crate) fn fragment(&mut self, value: &impl Serialize) -> io::Result<()> {
        json::bare(&mut self.to, value)
    }

    /// Writes punctuation between fragments.
    pub(crate) fn punctuation(&mut self, text: &'static str) -> io::Result<()> {
        self.to.write_all(text.as_bytes())
    }

    /// Writes one JSON value for a person to read.
    pub(crate) fn json(&mut self, value: &impl Serialize) -> io::Result<()> {
        json::pretty(&mut self.to, value)
    }

    /// Writes what is buffered so far.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }

    /// Writes what is buffered.
    pub(crate) fn finish(mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Writes a line for the operator to stderr.
pub(crate) fn warn(text: &str) {
    use std::io::Write as _;
    // Whole, since stderr writes every piece by itself, and escaped text has many.
    let line = format!("palisade: {}\n", Escaped(text));
    // Nothing can be done about a closed stderr.
    let _ = io::stderr().write_all(line.as_bytes());
}
