//! Where a trial begins.

use std::path::Path;
use std::time::{Duration, SystemTime};

use palisade_journal::{JournalError, Reading, Snapshots, Tail};

use crate::captures::rebuild;
use crate::config::Config;
use crate::recover::{NotTaken, take};
use crate::redo::{Means, Redone, first};
use crate::server::{ServeError, data_error};

/// Where a trial begins.
pub(super) struct Start {
    pub(super) redone: Redone,
    /// The record of the snapshot, 0: the beginning of the journal.
    pub(super) snapshot: u64,
    pub(super) tail: Tail,
}

/// A folder, as the journal's reader has it.
fn open(folder: &Path) -> Result<Reading, JournalError> {
    Reading::new(folder).map_err(|source| JournalError::Io {
        what: "list",
        file: "its folder".to_owned(),
        source,
    })
}

/// The newest snapshot, or that which was written so long ago, and the journal after it; the beginning of
/// the journal where there is none.
///
/// # Errors
/// When neither can be read.
pub(super) fn start(
    config: &Config,
    means: &Means<'_>,
    past: Option<Duration>,
) -> Result<Start, ServeError> {
    let folder = config.data.join("snapshots");
    let reading = |folder| Reading::new(folder).map_err(|error| data_error(folder, error));
    let snapshots = match folder.is_dir() {
        true => Some(Snapshots::reading(reading(&folder)?)),
        false => None,
    };
    let folder = config.data.join("journal");
    let mut records = snapshots
        .as_ref()
        .map_or(Ok(Vec::new()), Snapshots::records)?;
    if let (Some(past), Some(snapshots)) = (past, &snapshots) {
        let wanted = SystemTime::now()
            .checked_sub(past)
            .unwrap_or(SystemTime::UNIX_EPOCH);
        let old = |record: &u64| snapshots.written(*record).is_ok_and(|at| at <= wanted);
        // The newest that is old enough; the oldest where none is, or nothing at all if the journal
        // reaches further back.
        match records.iter().position(old) {
            Some(at) => drop(records.drain(..at)),
            None if Tail::from(reading(&folder)?, 1).is_ok() => records.clear(),
            None => records.reverse(),
        }
    }
    for record in records {
        let Some(snapshots) = &snapshots else { break };
        match take(snapshots, record, means) {
            Ok(from) => {
                let mut redone = Redone::after(from);
                rebuild(&mut redone, record, means.tell, |since| {
                    let read = |number| Tail::from(open(&folder)?, number);
                    let mut tail = match read(since) {
                        Err(JournalError::LetGo { first, .. }) => read(first)?,
                        tail => tail?,
                    };
                    Ok(std::iter::from_fn(move || tail.next().transpose()))
                })?;
                return Ok(Start {
                    redone,
                    snapshot: record,
                    tail: Tail::from(reading(&folder)?, record + 1)?,
                });
            }
            Err(NotTaken::Other(error)) => return Err(error),
            // It may have been replaced by a newer one meanwhile.
            Err(NotTaken::Unsound(_)) => {}
        }
    }
    let tail = Tail::from(reading(&folder)?, 1);
    let mut tail = match tail {
        Err(JournalError::LetGo { first, .. }) => return Err(ServeError::LetGo { first }),
        tail => tail?,
    };
    let redone = first(tail.next()?, means)?;
    Ok(Start {
        redone,
        snapshot: 0,
        tail,
    })
}
