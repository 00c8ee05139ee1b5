//! The commit thread: journal first, then the database, then whoever waits is told.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender};
use std::time::{Duration, Instant, SystemTime};

use palisade_journal::{Journal, JournalError};
use palisade_pipeline::engine::Clock;
use palisade_sinks::{EvidenceRow, Outcome, Said, Sqlite, SqliteError};

use crate::act::{ActReceipt, ActRecord};
use crate::evidence::{Appended, Check, EvidenceLog, Filed, Situation};
use crate::histogram::Histogram;
use crate::ingest::Waiting;
use crate::receipt::Receipt;
use crate::record::{EpochRecord, Record, SaidRecord, SwapRecord};
use crate::server::{ServeError, Tell, Told};

/// The most epochs that evaluation is ahead of the journal.
pub const MAX_AHEAD: usize = 8;
/// The most epochs that are synced together.
const MAX_GROUP: usize = 64;
/// Bytes of evidence of epochs beyond which no further are synced with them.
const MAX_GROUP_BYTES: usize = 64 << 20;
/// How long nothing is to be kept before it is looked whether something is to be marked.
const IDLE: Duration = Duration::from_secs(1);
/// How long to wait before a full disk is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// A record to be kept.
pub(crate) struct Commit {
    pub(crate) number: u64,
    pub(crate) kept: Kept,
}

/// What is kept.
pub(crate) enum Kept {
    /// An epoch, what it made be said, and who waits for it to be kept.
    Epoch(Box<EpochRecord>, Calls, Option<Waiting>),
    /// A swap, and who waits for it.
    Swap(Box<SwapRecord>, Reply<Receipt>),
    /// Something else that was done, what it made be said, and who waits for it.
    Act(Box<ActRecord>, Calls, Reply<ActReceipt>),
}

/// What was said, by which calls, and what ran.
pub(crate) struct Calls {
    pub(crate) said: Vec<Outcome>,
    pub(crate) filed: Filed,
    pub(crate) situation: Arc<Situation>,
}

/// Who waits for something to be kept, once.
pub(crate) struct Reply<T>(pub(crate) Option<Sender<Result<T, String>>>);

impl<T: Send + 'static> Reply<T> {
    /// Tells whoever waits, who may have gone.
    fn told(self, receipt: T) -> Box<dyn FnOnce() + Send> {
        Box::new(move || {
            let _ = self.0.map(|reply| reply.send(Ok(receipt)));
        })
    }
}

/// Writes epochs where they stay.
pub(crate) struct Committer {
    pub(crate) journal: Journal,
    pub(crate) sqlite: Sqlite,
    /// The last epoch that is kept.
    pub(crate) committed: Arc<AtomicU64>,
    /// Of each epoch, from when it was read until what came of it was kept.
    pub(crate) kept_after: Arc<Histogram>,
    /// How long each sync took.
    pub(crate) synced_in: Arc<Histogram>,
    /// How many dead letters were let go.
    pub(crate) letters_let_go: Arc<AtomicU64>,
    /// Set while there is no room.
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) tell: Tell,
    /// Records up to this are in two snapshots.
    pub(crate) covered: Arc<AtomicU64>,
    /// Records from this on are needed so that flows are known.
    pub(crate) needed: Arc<AtomicU64>,
    /// Up to where segments were looked at.
    pub(crate) looked: u64,
    /// What is kept of calls that filed something, if anything.
    pub(crate) evidence: Option<EvidenceLog>,
    pub(crate) check: Check,
    /// The first record of evidence that the database knows of.
    pub(crate) forgot: u64,
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
        loop {
            match commits.recv_timeout(IDLE) {
                Ok(first) => self.commit(group(first, commits, evidence_of))?,
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return self.mark(),
            }
            self.mark()?;
            self.tend()?;
        }
    }

    fn commit(&mut self, group: Vec<Commit>) -> Result<(), ServeError> {
        let (mut said, mut reads) = (Vec::new(), Vec::new());
        let mut waiting: Vec<Box<dyn FnOnce() + Send>> = Vec::new();
        let mut delivered = Vec::new();
        let mut filings = Vec::new();
        let mut last = 0;
        for Commit { number, kept } in group {
            let (record, outcomes) = match kept {
                Kept::Epoch(mut record, calls, waits) => {
                    delivered.extend(waits);
                    let records = calls.said.iter().filter_map(SaidRecord::of);
                    reads.extend(record.rows.as_ref().map(|_| record.now));
                    record.said = records.collect::<Result<_, _>>()?;
                    // Where its findings are in `said`.
                    let place = said.len()..said.len() + calls.said.len();
                    filings.push((number, calls.filed, place, calls.situation));
                    (Record::Epoch(*record), calls.said)
                }
                Kept::Swap(swap, reply) => {
                    let outcome = Outcome::Swap(swap.receipt.row()?);
                    waiting.push(reply.told(swap.receipt.clone()));
                    (Record::Swap(*swap), vec![outcome])
                }
                Kept::Act(mut act, calls, reply) => {
                    let mut outcomes = calls.said;
                    let records = outcomes.iter().filter_map(SaidRecord::of);
                    act.said = records.collect::<Result<_, _>>()?;
                    let place = said.len()..said.len() + outcomes.len();
                    filings.push((number, calls.filed, place, calls.situation));
                    outcomes.extend(act.done()?);
                    waiting.push(reply.told(act.receipt.clone()));
                    (Record::Act(act), outcomes)
                }
            };
            let appended = self.append(&record)?;
            if appended != number {
                return Err(ServeError::Order {
                    epoch: number,
                    record: appended,
                });
            }
            last = number;
            let numbered = outcomes.into_iter().zip(0..);
            said.extend(numbered.map(|(outcome, place)| Said {
                epoch: number,
                number: place,
                outcome,
            }));
        }
        let began = Instant::now();
        self.journal.sync()?;
        self.synced_in.count(began.elapsed(), 1);
        let evidence = self.keep_evidence(&filings, &said)?;
        self.keep(&said, last, &evidence.rows)?;
        self.check.hand_over(evidence.calls);
        self.committed.store(last, Ordering::Release);
        let let_go = self.sqlite.letters_let_go();
        self.letters_let_go.store(let_go, Ordering::Relaxed);
        let now = Clock::System.now().unwrap_or_default();
        for read in reads {
            let time = Duration::from_nanos(now.saturating_sub(read));
            self.kept_after.count(time, 1);
        }
        delivered.into_iter().for_each(Waiting::tell);
        waiting.into_iter().for_each(|tell| tell());
        let covered = self.covered.load(Ordering::Acquire);
        if covered > std::mem::replace(&mut self.looked, covered) {
            // Where there is room, what flows are known by stays.
            let needed = self.needed.load(Ordering::Acquire);
            self.let_go(covered.min(needed.saturating_sub(1)), self.keep)?;
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
                    self.full.store(true, Ordering::Relaxed);
                    if !std::mem::replace(&mut told, true) {
                        (self.tell)(Told::Full(error.to_string()));
                    }
                    std::thread::sleep(RETRY);
                }
                done => {
                    self.full.store(false, Ordering::Relaxed);
                    return Ok(done?);
                }
            }
        }
    }

    /// Lets go of what need not be kept, however young it is; whether there was any.
    fn makes_room(&mut self) -> Result<bool, ServeError> {
        let covered = self.covered.load(Ordering::Acquire);
        Ok(self.let_go(covered, Duration::ZERO)? > 0)
    }

    /// Keeps the evidence of what was said, which is in the journal by now; while the disk is full
    /// it waits.
    fn keep_evidence(
        &mut self,
        filings: &[(u64, Filed, Range<usize>, Arc<Situation>)],
        said: &[Said],
    ) -> Result<Appended, ServeError> {
        let mut all = Appended::default();
        if self.evidence.is_none() {
            return Ok(all);
        }
        for (epoch, filed, place, situation) in filings.iter().filter(|of| !of.1.is_empty()) {
            let said = said.get(place.clone()).unwrap_or_default();
            let mut told = false;
            while let Some(evidence) = &mut self.evidence {
                match evidence.append(*epoch, filed, said, situation) {
                    Err(ServeError::Journal(error)) if is_full(&error) && !self.is_to_stop() => {
                        self.full.store(true, Ordering::Relaxed);
                        if !std::mem::replace(&mut told, true) {
                            (self.tell)(Told::Full(error.to_string()));
                        }
                        std::thread::sleep(RETRY);
                    }
                    appended => {
                        self.full.store(false, Ordering::Relaxed);
                        let appended = appended?;
                        all.rows.extend(appended.rows);
                        all.calls.extend(appended.calls);
                        break;
                    }
                }
            }
        }
        Ok(all)
    }

    /// Lets go of evidence that is too old, and forgets where what was let go is.
    fn tend(&mut self) -> Result<(), ServeError> {
        let Some(evidence) = &mut self.evidence else {
            return Ok(());
        };
        evidence.age()?;
        let first = evidence.first();
        if first == self.forgot {
            return Ok(());
        }
        match self.sqlite.take_evidence(&[], first) {
            // It can be done another time.
            Err(error) if is_full_database(&error) => return Ok(()),
            done => done?,
        }
        self.forgot = first;
        evidence.release(&self.sqlite.evidence_components()?)
    }

    /// Marks what was executed once more.
    fn mark(&mut self) -> Result<(), ServeError> {
        let checked = self.check.take();
        if checked.is_empty() {
            return Ok(());
        }
        let marks: Vec<(u64, u32, bool)> = checked
            .iter()
            .map(|checked| (checked.epoch, checked.call, checked.same))
            .collect();
        match self.sqlite.mark_reproduced(&marks) {
            // It is a remark, and waits for nothing.
            Err(error) if is_full_database(&error) => Ok(()),
            marked => Ok(marked?),
        }
    }

    fn is_to_stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Puts what was said into the database; while the disk is full it waits.
    fn keep(
        &mut self,
        said: &[Said],
        epoch: u64,
        evidence: &[EvidenceRow],
    ) -> Result<(), ServeError> {
        let mut told = false;
        loop {
            match self.sqlite.take_with(said, epoch, evidence) {
                Err(error) if is_full_database(&error) && !self.is_to_stop() => {
                    self.full.store(true, Ordering::Relaxed);
                    if !std::mem::replace(&mut told, true) {
                        (self.tell)(Told::Full(error.to_string()));
                    }
                    std::thread::sleep(RETRY);
                }
                done => {
                    self.full.store(false, Ordering::Relaxed);
                    return Ok(done?);
                }
            }
        }
    }
}

/// What is synced together: all that is there, up to a limit.
fn group<T>(first: T, commits: &Receiver<T>, size: impl Fn(&T) -> usize) -> Vec<T> {
    let mut bytes = size(&first);
    let mut group = vec![first];
    while group.len() < MAX_GROUP
        && bytes < MAX_GROUP_BYTES
        && let Ok(next) = commits.try_recv()
    {
        bytes = bytes.saturating_add(size(&next));
        group.push(next);
    }
    group
}

/// Bytes of evidence that come with something that is to be kept.
fn evidence_of(commit: &Commit) -> usize {
    match &commit.kept {
        Kept::Epoch(_, calls, _) | Kept::Act(_, calls, _) => calls.filed.size(),
        Kept::Swap(..) => 0,
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_most_64_epochs_are_synced_together_and_none_is_lost() {
        let (send, commits) = std::sync::mpsc::channel();
        (0..150).for_each(|number| send.send(number).unwrap());
        let mut groups = Vec::new();
        while let Ok(first) = commits.try_recv() {
            groups.push(group(first, &commits, |_| 0));
        }
        assert_eq!(
            groups.iter().map(Vec::len).collect::<Vec<_>>(),
            [64, 64, 22]
        );
        assert!(groups.concat().into_iter().eq(0..150));
        // Nor do they wait for evidence of more than that.
        (0..4).for_each(|number| send.send(number).unwrap());
        let first = commits.recv().unwrap();
        assert_eq!(group(first, &commits, |_| MAX_GROUP_BYTES / 2).len(), 2);
    }
}
