//! Why a journal cannot be used.

use std::io;

/// Why a journal cannot be opened, read or written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// A file operation failed.
    #[error("journal: cannot {what} {file}: {source}")]
    Io {
        /// What was to be done.
        what: &'static str,
        /// With which file.
        file: String,
        /// What the system says.
        source: io::Error,
    },
    /// A file is no segment, or one of another version.
    #[error(
        "journal: {0} is no segment of this version of Palisade; move it away, or give another \
         data directory"
    )]
    Foreign(String),
    /// A segment is missing, or begins with another record than the one that comes next.
    #[error("journal: record {wanted} is missing; {file} begins with record {found}")]
    Gap {
        /// The record that comes next.
        wanted: u64,
        /// The file.
        file: String,
        /// The record that it begins with.
        found: u64,
    },
    /// A record is damaged or gone that was whole once.
    #[error(
        "journal: record {number} in {file}, byte {at}, was kept once and is damaged or gone: a \
         part of the journal is lost; restore it from a backup, or start with a new data directory"
    )]
    Damaged {
        /// The record.
        number: u64,
        /// The file.
        file: String,
        /// Where in it.
        at: u64,
    },
    /// The journal has grown as far as it may.
    #[error(
        "journal: it has {held} bytes and may have {most}; raise `journal.max_bytes` or start \
         with a new data directory"
    )]
    Full {
        /// Bytes of all segments.
        held: u64,
        /// What they may have.
        most: u64,
    },
    /// A record is larger than any may be.
    #[error("journal: a record of {0} bytes is more than the {1} that one may have")]
    TooLarge(usize, usize),
    /// A write or sync has failed before.
    #[error("journal: a write has failed, so nothing more is written until the next start")]
    Spent,
    /// A record is no longer there: everything that came of it was kept elsewhere.
    #[error("journal: record {wanted} was let go; it begins with record {first}")]
    LetGo {
        /// The record.
        wanted: u64,
        /// The first that there is.
        first: u64,
    },
    /// Another process has it open.
    #[error(
        "journal: {0} is in use by another process; stop that one, or give another data directory"
    )]
    Locked(String),
}

impl JournalError {
    pub(crate) fn io(what: &'static str, file: &str) -> impl FnOnce(io::Error) -> JournalError {
        let file = file.to_owned();
        move |source| JournalError::Io { what, file, source }
    }
}
