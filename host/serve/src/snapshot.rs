//! When the state is saved, and into what; see [`Snapshots`].

use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError};
use std::time::{Duration, Instant};

use palisade_journal::{SnapshotError, SnapshotWriter, Snapshots};
use palisade_pipeline::engine::{Engine, EngineError, OpenFlows, Saving};
use serde::{Deserialize, Serialize};

use crate::active::{Active, Shared};
use crate::captures::{CaptureImage, CaptureStream, Marks};
use crate::config::SnapshotConfig;
use crate::follow::remember;
use crate::ingest::Seen;
use crate::record::{FilePlace, Identity, Rows};
use crate::redo::Known;
use crate::server::{Tell, Told};
use crate::stream::StreamImage;

/// Pieces that wait for the disk before the walk over the tables stands still.
pub(crate) const MAX_WAITING: usize = 16;
/// How often it is looked whether what a snapshot stands for is in the journal.
const LOOK: Duration = Duration::from_millis(20);

/// The first piece of a snapshot: what the server knows; the rest is the engine's.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct Head {
    /// With what it was made.
    pub(crate) identity: Identity,
    /// What runs.
    pub(crate) active: Active,
    /// The sources by number.
    pub(crate) sources: Vec<SourceImage>,
}

/// A source as it stands after a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct SourceImage {
    pub(crate) name: String,
    pub(crate) tenant: String,
    /// Where the last record of the stream ends, in a stream that has not ended.
    pub(crate) resume: Option<FilePlace>,
    /// The files that were read to their ends, the latest last.
    pub(crate) read: Vec<FilePlace>,
    pub(crate) stream: StreamImage,
    /// What was delivered of late, of a network source.
    pub(crate) seen: Seen,
    /// Its flows, if it is a source of packets.
    pub(crate) capture: Option<CaptureImage>,
}

impl SourceImage {
    /// A source as it is known when it begins to be followed.
    pub(crate) fn of(known: &Known) -> SourceImage {
        SourceImage {
            name: known.name.clone(),
            tenant: known.tenant.clone(),
            resume: known.resume.clone(),
            read: known.read.clone(),
            stream: known.stream.image(),
            seen: known.seen.clone(),
            capture: known.capture.as_ref().map(CaptureStream::image),
        }
    }

    /// Follows an epoch of the source.
    pub(crate) fn follow(&mut self, rows: &Rows, mut stream: StreamImage) {
        let read = stream.read.take();
        self.stream = stream;
        self.seen
            .follow(rows.delivered.as_deref().unwrap_or_default());
        self.resume = rows.place.clone().filter(|_| !rows.ended);
        if let Some(place) = rows.place.clone().filter(|_| rows.ended) {
            remember(&mut self.read, place);
        }
        if let Some(read) = read {
            self.read = read;
        }
    }
}

/// What is written by a thread of its own.
pub(crate) enum Written {
    /// A snapshot begins, which stands for this record, and needs those from the second on so that
    /// flows are known.
    Begin(u64, u64),
    Piece(Vec<u8>),
    /// That was all of it.
    End,
    /// It is of no use.
    GiveUp,
}

/// Saves the state between epochs, a little at a time.
pub(crate) struct Saver {
    config: SnapshotConfig,
    identity: Identity,
    shared: Arc<Shared>,
    /// Epochs to come before one may be begun, since some may have been read in the terms of another generation.
    unsettled: usize,
    /// The sources as they stand after the last epoch.
    pub(crate) sources: Vec<SourceImage>,
    to: Option<SyncSender<Written>>,
    /// What the disk has not taken yet.
    waiting: VecDeque<Written>,
    /// A walk is under way.
    saving: bool,
    /// The record that the latest snapshot stands for, when it was begun, and bytes since then.
    record: u64,
    since: Instant,
    bytes: u64,
    /// Where in the journal the latest packets of sources are.
    marks: BTreeMap<u32, Marks>,
}

impl Saver {
    /// Saves as often as it is configured; the latest snapshot stands for `record`.
    pub(crate) fn new(
        config: SnapshotConfig,
        (identity, shared): (Identity, &Arc<Shared>),
        sources: Vec<SourceImage>,
        record: u64,
        to: SyncSender<Written>,
    ) -> Saver {
        Saver {
            config,
            identity,
            shared: Arc::clone(shared),
            unsettled: 0,
            sources,
            to: Some(to),
            waiting: VecDeque::new(),
            saving: false,
            record,
            since: Instant::now(),
            bytes: 0,
            marks: BTreeMap::new(),
        }
    }

    /// Whether a snapshot is being made.
    pub(crate) fn is_saving(&self) -> bool {
        self.saving || !self.waiting.is_empty()
    }

    /// Follows an epoch of a source.
    pub(crate) fn follow(&mut self, rows: &Rows, stream: StreamImage) {
        self.bytes += rows.bytes.len() as u64;
        self.unsettled = self.unsettled.saturating_sub(1);
        if let Some(source) = self.sources.get_mut(rows.source as usize) {
            source.follow(rows, stream);
        }
    }

    /// Notes that an epoch of a source becomes this record.
    pub(crate) fn mark(&mut self, rows: &Rows, record: u64) {
        let source = self.sources.get(rows.source as usize);
        if source.is_some_and(|source| source.capture.is_some()) {
            let marks = self.marks.entry(rows.source).or_default();
            marks.follow(record, rows.bytes.len() as u64, self.config.capture_bytes);
        }
    }

    /// Says of each source of packets which flows are open, and from where on they are taken again;
    /// the first record that is.
    fn open_flows(&mut self, engine: &Engine) -> u64 {
        let open = engine.open_flows();
        let mut first = u64::MAX;
        for (source, number) in self.sources.iter_mut().zip(0_u32..) {
            let Some(capture) = &mut source.capture else {
                continue;
            };
            let of = |flows: &&OpenFlows| {
                let known = &flows.source;
                (&known.name, &known.tenant) == (&source.name, &source.tenant)
            };
            let flows = open.iter().find(of);
            capture.open = flows.map_or_else(Vec::new, |flows| flows.ids.clone());
            // What came before this start has no marks, and no bound but where flows began: that
            // was bounded then.
            let bound = self.marks.get(&number).and_then(Marks::bound);
            let since = flows.map_or(u64::MAX, |flows| flows.since);
            capture.since = bound.map_or(since, |bound| since.max(bound));
            first = first.min(capture.since);
        }
        first
    }

    /// Goes on, after everything was collected up to a record.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn step(&mut self, engine: &mut Engine, record: u64) -> Result<(), EngineError> {
        if !self.pass_on() {
            // The disk comes first: what is touched meanwhile is kept where it is.
            return Ok(());
        }
        if self.saving {
            self.walk(engine)?;
        } else if self.unsettled == 0 && record > self.record && self.is_due() {
            self.begin(engine, record)?;
        }
        self.pass_on();
        Ok(())
    }

    /// Another generation is about to run: what is being saved of this one is given up, and nothing
    /// is begun until every source reads in the terms of the next.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn unsettle(&mut self, engine: &mut Engine) -> Result<(), EngineError> {
        if std::mem::take(&mut self.saving) {
            engine.end_image()?;
            self.waiting.push_back(Written::GiveUp);
            // It is due as soon as it may be.
            self.record = 0;
        }
        // A source may have one epoch in the queue and wait with another.
        self.unsettled = 16 + 4 * self.sources.len();
        Ok(())
    }

    /// Nobody has anything to say: whatever was read before is taken.
    pub(crate) fn settle(&mut self) {
        self.unsettled = 0;
    }

    fn is_due(&self) -> bool {
        self.since.elapsed() >= Duration::from_secs(self.config.every_seconds)
            || self.bytes >= self.config.every_bytes
    }

    fn begin(&mut self, engine: &mut Engine, record: u64) -> Result<(), EngineError> {
        (self.since, self.bytes) = (Instant::now(), 0);
        self.saving = false;
        let Some(pieces) = engine.begin_image()? else {
            return Ok(());
        };
        let needed = self.open_flows(engine);
        let head = Head {
            identity: self.identity.clone(),
            active: self.shared.active(),
            sources: self.sources.clone(),
        };
        // Writing into memory does not fail.
        let head = postcard::to_stdvec(&head).unwrap_or_default();
        self.waiting.push_back(Written::Begin(record, needed));
        let pieces = std::iter::once(head).chain(pieces).map(Written::Piece);
        self.waiting.extend(pieces);
        (self.saving, self.record) = (true, record);
        Ok(())
    }

    fn walk(&mut self, engine: &mut Engine) -> Result<(), EngineError> {
        let (pieces, saving) = engine.go_on_with_image()?;
        self.waiting.extend(pieces.into_iter().map(Written::Piece));
        self.saving = saving == Saving::Goes;
        match saving {
            Saving::Goes => {}
            Saving::Done => self.waiting.push_back(Written::End),
            Saving::Lost => self.waiting.push_back(Written::GiveUp),
        }
        Ok(())
    }

    /// Passes on what the disk takes; whether that is all.
    fn pass_on(&mut self) -> bool {
        while let (Some(to), Some(next)) = (&self.to, self.waiting.pop_front()) {
            match to.try_send(next) {
                Ok(()) => {}
                Err(TrySendError::Full(next)) => {
                    self.waiting.push_front(next);
                    return false;
                }
                Err(TrySendError::Disconnected(_)) => self.to = None,
            }
        }
        self.waiting.is_empty()
    }

    /// Saves everything once more as it is after the last record, if there is time until then, so
    /// that the next start has nothing to do again.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub(crate) fn finish(
        mut self,
        engine: &mut Engine,
        record: u64,
        until: Instant,
    ) -> Result<(), EngineError> {
        if record > self.record {
            if self.saving {
                engine.end_image()?;
                self.waiting.push_back(Written::GiveUp);
            }
            self.begin(engine, record)?;
        }
        while (self.saving || !self.waiting.is_empty()) && self.to.is_some() {
            if Instant::now() >= until {
                break;
            }
            if !self.pass_on() {
                std::thread::sleep(Duration::from_millis(1));
            } else if self.saving {
                self.walk(engine)?;
            }
        }
        Ok(())
    }
}

/// Writes snapshots.
pub(crate) struct Writing {
    pub(crate) snapshots: Snapshots,
    /// The last record that is in the journal and the database.
    pub(crate) committed: Arc<AtomicU64>,
    /// Nothing more will be.
    pub(crate) over: Arc<AtomicBool>,
    /// Records up to this are not needed any more.
    pub(crate) covered: Arc<AtomicU64>,
    /// Records from this on are needed so that flows are known.
    pub(crate) needed: Arc<AtomicU64>,
    /// The folder of evidence, if there is any.
    pub(crate) evidence: Option<PathBuf>,
    pub(crate) tell: Tell,
}

impl Writing {
    /// Writes until nobody has anything more. A snapshot that cannot be written is told, and the
    /// next is tried.
    pub(crate) fn run(&self, written: &Receiver<Written>) {
        let mut open: Option<(u64, SnapshotWriter<'_>)> = None;
        // Of the snapshots of this start, the first record that each needs.
        let mut needs = BTreeMap::new();
        while let Ok(next) = written.recv() {
            let done = match next {
                Written::Begin(record, needed) => {
                    needs.insert(record, needed);
                    let begun = self.snapshots.begin(record);
                    begun.map(|writer| open = Some((record, writer)))
                }
                Written::Piece(bytes) => match &mut open {
                    Some((_, writer)) => writer.piece(&bytes),
                    None => Ok(()),
                },
                Written::End => match open.take() {
                    Some((record, writer)) => self.end(record, writer, &mut needs),
                    None => Ok(()),
                },
                Written::GiveUp => {
                    open = None;
                    Ok(())
                }
            };
            if let Err(error) = done {
                open = None;
                let problem =
                    format!("{error}; the ones before are kept, and another is written later");
                (self.tell)(Told::Snapshot(problem));
            }
        }
    }

    fn end(
        &self,
        record: u64,
        writer: SnapshotWriter<'_>,
        needs: &mut BTreeMap<u64, u64>,
    ) -> Result<(), SnapshotError> {
        // A snapshot that counts may never be ahead of the journal.
        while self.committed.load(Ordering::Acquire) < record {
            if self.over.load(Ordering::Acquire) && self.committed.load(Ordering::Acquire) < record
            {
                return Ok(());
            }
            std::thread::sleep(LOOK);
        }
        // Nothing of what it stands for is evaluated again: its evidence must be there.
        if let Some(folder) = &self.evidence {
            let synced = palisade_journal::sync_newest(folder);
            synced.map_err(|source| SnapshotError::Io {
                what: "sync the evidence of",
                file: format!("record {record}"),
                source,
            })?;
        }
        writer.finish()?;
        let covered = self.snapshots.keep_newest()?;
        self.covered.store(covered, Ordering::Release);
        needs.retain(|record, _| *record >= covered);
        if needs.contains_key(&covered) {
            let needed = needs.values().min().copied().unwrap_or(u64::MAX);
            self.needed.store(needed, Ordering::Release);
        }
        Ok(())
    }
}
