//! The commit thread: journal first, then the database, then whoever waits is told.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::Receiver;
use std::time::{Duration, SystemTime};

use palisade_journal::{Journal, JournalError};
use palisade_sinks::{Outcome, Said, Sqlite, SqliteError};

use crate::record::{EpochRecord, Record, Rows, SaidRecord};
use crate::server::{ServeError, Tell, Told};

/// The most epochs that evaluation is ahead of the journal.
pub const MAX_AHEAD: usize = 8;
/// The most epochs that are synced together.
const MAX_GROUP: usize = 64;
/// How long to wait before a full disk is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// An epoch that was evaluated.
pub(crate) struct Commit {
    pub(crate) number: u64,
    pub(crate) now: u64,
    pub(crate) rows: Option<Rows>,
    pub(crate) said: Vec<Outcome>,
}

/// Writes epochs where they stay.
pub(crate) struct Committer {
    pub(crate) journal: Journal,
    pub(crate) sqlite: Sqlite,
    /// The last epoch that is kept.
    pub(crate) committed: Arc<AtomicU64>,
    pub(crate) tell: Tell,
    /// Records up to this are in two snapshots.
    pub(crate) covered: Arc<AtomicU64>,
    /// Up to where segments were looked at.
    pub(crate) looked: u64,
    /// How long segments are kept all the same.
    pub(crate) keep: Duration,
    /// Set when the server is to stop: it waits for no room any more.
    pub(crate) stop: Arc<AtomicBool>,
}

impl Committer {
    /// Commits until nobody sends any more.
    ///
    /// # Errors
    /// When the journal or the database cannot be written; nothing after that counts as kept.
    pub(crate) fn run(&mut self, commits: &Receiver<Commit>) -> Result<(), ServeError> {
        while let Ok(first) = commits.recv() {
            let mut group = vec![first];
            while group.len() < MAX_GROUP
                && let Ok(more) = commits.try_recv()
            {
                group.push(more);
            }
            self.commit(group)?;
        }
        Ok(())
    }

    fn commit(&mut self, group: Vec<Commit>) -> Result<(), ServeError> {
        let mut said = Vec::new();
        let mut last = 0;
        for commit in group {
            let records = commit.said.iter().map(SaidRecord::of);
            let record = Record::Epoch(EpochRecord {
                now: commit.now,
                rows: commit.rows,
                said: records.collect::<Result<_, _>>()?,
            });
            let number = self.append(&record)?;
            if number != commit.number {
                return Err(ServeError::Order {
                    epoch: commit.number,
                    record: number,
                });
            }
            last = number;
            let numbered = commit.said.into_iter().zip(0..);
            said.extend(numbered.map(|(outcome, place)| Said {
                epoch: number,
                number: place,
                outcome,
            }));
        }
        self.journal.sync()?;
        self.keep(&said, last)?;
        self.committed.store(last, Ordering::Release);
        let covered = self.covered.load(Ordering::Acquire);
        if covered > std::mem::replace(&mut self.looked, covered) {
            self.let_go(covered, self.keep)?;
        }
        Ok(())
    }

    /// Removes segments that nobody needs any more: what came of them is in snapshots, and in the
    /// database and on the disk. How many.
    fn let_go(&mut self, covered: u64, keep: Duration) -> Result<usize, ServeError> {
        let before = SystemTime::now().checked_sub(keep);
        let Some(before) = before.filter(|_| self.journal.first() <= covered) else {
            return Ok(0);
        };
        // Whoever reads the database may hold it; then it is for another time.
        match self.sqlite.checkpoint()? {
            true => Ok(self.journal.let_go(covered, before)?),
            false => Ok(0),
        }
    }

    /// Appends a record. While the disk is full it waits: nothing is taken in meanwhile, since
    /// evaluation may not get further ahead.
    pub(crate) fn append(&mut self, record: &Record) -> Result<u64, ServeError> {
        let bytes = postcard::to_stdvec(record)?;
        let mut told = false;
        loop {
            match self.journal.append(&bytes) {
                Err(JournalError::Full { .. }) if self.makes_room()? => {}
                Err(error) if is_full(&error) && !self.is_to_stop() => {
                    if !std::mem::replace(&mut told, true) {
                        (self.tell)(Told::Full(error.to_string()));
                    }
                    std::thread::sleep(RETRY);
                }
                done => return Ok(done?),
            }
        }
    }

    /// Lets go of what need not be kept, however young it is; whether there was any.
    fn makes_room(&mut self) -> Result<bool, ServeError> {
        let covered = self.covered.load(Ordering::Acquire);
        Ok(self.let_go(covered, Duration::ZERO)? > 0)
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Puts what was said into the database; while the disk is full it waits.
    fn keep(&mut self, said: &[Said], epoch: u64) -> Result<(), ServeError> {
        let mut told = false;
        loop {
            match self.sqlite.take(said, epoch) {
                Err(error) if is_full_database(&error) && !self.is_to_stop() => {
                    if !std::mem::replace(&mut told, true) {
                        (self.tell)(Told::Full(error.to_string()));
                    }
                    std::thread::sleep(RETRY);
                }
                done => return Ok(done?),
            }
        }
    }
}

/// Whether room may be made, after which it goes on.
fn is_full(error: &JournalError) -> bool {
    match error {
        JournalError::Full { .. } => true,
        JournalError::Io { what, source, .. } => {
            *what == "make room for" && source.kind() == std::io::ErrorKind::StorageFull
        }
        _ => false,
    }
}

fn is_full_database(error: &SqliteError) -> bool {
    let text = error.to_string();
    // Somebody who looks at it may hold it for a while.
    text.contains("database or disk is full") || text.contains("database is locked")
}
