//! A journal: records in order, each kept on disk before anybody is told that it is.
//!
//! A record has a number, one more than the one before it, and bytes that mean something to the
//! caller alone. [`Journal::append`] writes records, [`Journal::sync`] makes all that were
//! written durable with one call to the disk, however many there are (group commit). After a
//! crash [`Journal::open`] cuts off what was not whole at the end, and [`Journal::read`] gives
//! back everything before that.
//!
//! Records lie in segments, files of a fixed size that are allocated before they are written, so
//! that a full disk is noticed before a record is begun. A failed write or sync makes the journal
//! unusable: what is on disk is then not known, and only a new start can tell (the kernel may
//! have dropped what it could not write, and says so once).
//!
//! [`Snapshots`] are whole files beside it, each of what stands after one record, so that what is up
//! to there need not be done again and may in time be [let go](Journal::let_go).
//!
//! ```
//! use palisade_journal::{Folder, Journal, Limits};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let dir = tempfile::tempdir()?;
//! let (mut journal, _) = Journal::open(Folder::new(dir.path())?, Limits::default(), 0, 0)?;
//! let first = journal.append(b"what happened")?;
//! journal.sync()?;
//! drop(journal);
//!
//! let (journal, recovered) = Journal::open(Folder::new(dir.path())?, Limits::default(), 0, 0)?;
//! assert_eq!(recovered.last, first);
//! let records: Vec<_> = journal.read(1)?.collect::<Result<_, _>>()?;
//! assert_eq!(records[0].bytes, b"what happened");
//! # Ok(())
//! # }
//! ```

mod error;
mod files;
mod look;
mod read;
mod segment;
mod snapshots;
mod tail;
mod write;

pub use error::JournalError;
pub use files::{Files, Folder, Reading, SegmentFile};
pub use look::{look, sync_newest};
pub use read::{Reader, Record};
pub use snapshots::{Pieces, SnapshotError, SnapshotWriter, Snapshots};
pub use tail::Tail;
pub use write::{Cut, Journal, Limits, Recovered};
