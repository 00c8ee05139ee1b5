//! A server: recovers, follows its sources, and stops when it is told to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use palisade_journal::{Cut, Folder, Journal, JournalError, SnapshotError};
use palisade_pipeline::engine::{Clock, Engine, EngineError, Notice, Summary};
use palisade_sinks::SqliteError;

use crate::collect::Collect;
use crate::commit::{Commit, Committer, MAX_AHEAD};
use crate::config::{Config, SourceKind};
use crate::follow::{Filled, Follower, Input};
use crate::often::Often;
use crate::record::{Identity, Record};
use crate::recover::{Recovered, recover};
use crate::redo::{Redone, known};
use crate::snapshot::{MAX_WAITING, Saver, SourceImage, Writing, Written};

/// How long nobody speaks before it is looked whether time has passed.
const IDLE: Duration = Duration::from_millis(200);

/// The same while a snapshot is being made, which goes on meanwhile.
const BETWEEN: Duration = Duration::from_millis(2);

/// Something that the operator should know.
#[derive(Clone, Debug)]
pub enum Told {
    /// A snapshot was taken, and the journal after it done again.
    Recovered {
        /// The record that the snapshot stands for, 0 where there was none.
        snapshot: u64,
        /// Records of the journal that were done again.
        records: u64,
        /// Epochs that made something else be said than they did at first.
        differ: u64,
        /// What was not whole at the end, and is cut off.
        cut: Option<Cut>,
        /// How long it took.
        took: Duration,
    },
    /// Sources are followed from here on.
    Ready,
    /// A source cannot be read, or may have lost something.
    Source {
        /// Its name.
        source: String,
        /// What is wrong.
        problem: String,
    },
    /// Standard input has ended.
    Ended(String),
    /// A snapshot cannot be written or taken.
    Snapshot(String),
    /// There is no room; it goes on when there is.
    Full(String),
    /// What the engine tells.
    Notice(Notice),
    /// So many notices were like one that was told before.
    Alike {
        /// That one is the latest of them.
        notice: Notice,
        /// How many there were.
        count: u64,
    },
}

/// Takes what the operator should know, from any thread.
pub type Tell = Arc<dyn Fn(Told) + Send + Sync>;

/// What a server did.
#[derive(Debug)]
pub struct Served {
    /// What the engine did since the start, the journal's epochs included.
    pub summary: Summary,
    /// The last record that is kept.
    pub committed: u64,
    /// Whether everything that was read was evaluated and kept within the time for a stop.
    pub drained: bool,
}

/// Why a server cannot start or go on.
#[derive(Debug, thiserror::Error)]
pub enum ServeError {
    /// The journal.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The database.
    #[error(transparent)]
    Sqlite(#[from] SqliteError),
    /// The engine.
    #[error(transparent)]
    Engine(#[from] EngineError),
    /// The data directory.
    #[error("data directory {path}: {problem}")]
    Data {
        /// The directory.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A record is none that this version writes.
    #[error("the journal has a record that cannot be read: {0}")]
    Record(#[from] postcard::Error),
    /// What was said cannot be written or read as JSON.
    #[error("what was said cannot be written: {0}")]
    Json(#[from] serde_json::Error),
    /// The journal has fewer records than the database has seen.
    #[error(
        "the journal ends with record {journal}, and the database has what came of record \
         {database}: a part of the journal is lost; restore it, or start with a new data directory"
    )]
    Behind {
        /// The last record of the journal.
        journal: u64,
        /// The last that the database knows.
        database: u64,
    },
    /// The journal has fewer records than a snapshot stands for.
    #[error(
        "the journal ends with record {journal}, and there is a snapshot of what came of record \
         {snapshot}: a part of the journal is lost; restore it, or start with a new data directory"
    )]
    BehindSnapshot {
        /// The last record of the journal.
        journal: u64,
        /// The record of the snapshot.
        snapshot: u64,
    },
    /// What the journal no longer has is in no snapshot that could be taken.
    #[error(
        "the journal begins with record {first}, and no snapshot of what came before is left that \
         is whole: a part of the state is lost; restore `snapshots` from a backup, or start with a \
         new data directory"
    )]
    LetGo {
        /// The first record of the journal.
        first: u64,
    },
    /// The database lacks what the journal no longer has.
    #[error(
        "the database ends with record {database}, and the journal begins with record {first}: \
         what was found in between is lost; restore the database from a backup, or start with a new \
         data directory"
    )]
    Database {
        /// The last record that the database knows.
        database: u64,
        /// The first record of the journal.
        first: u64,
    },
    /// The folder of snapshots.
    #[error("snapshots: {0}")]
    Snapshot(#[from] SnapshotError),
    /// The journal was written with something else.
    #[error(
        "the journal was written with {0}; what it holds cannot be done again so: start with what \
         it was written with, or with a new data directory"
    )]
    Identity(String),
    /// The journal speaks of a source that it has not named.
    #[error("the journal speaks of source {0}, which it has not named")]
    Source(u32),
    /// A stream in the journal is none.
    #[error("the journal holds `{name}`, which cannot be read: {problem}")]
    Stream {
        /// The stream.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// Records and epochs are out of step.
    #[error("epoch {epoch} became record {record}; this is a defect of Palisade, please report it")]
    Order {
        /// The epoch.
        epoch: u64,
        /// The record.
        record: u64,
    },
    /// A thread could not be started, or ended by itself.
    #[error("a thread of the server {0}")]
    Thread(String),
}

/// Serves until `stop` is set or all sources have ended.
///
/// # Errors
/// When it cannot start, or nothing more can be kept.
pub fn serve(
    config: &Config,
    mut engine: Engine,
    identity: &Identity,
    stop: &Arc<AtomicBool>,
    tell: &Tell,
) -> Result<Served, ServeError> {
    let Recovered {
        mut journal,
        sqlite,
        snapshots,
        redone,
        snapshot,
    } = recover(config, &mut engine, identity, tell)?;
    if journal.last() == 0 {
        journal.append(&postcard::to_stdvec(&Record::Begin(identity.clone()))?)?;
    }
    let mut images: Vec<SourceImage> = redone.sources.iter().map(SourceImage::of).collect();
    let known = images.len() as u32;
    let followers = followers(config, redone, &mut engine, &mut journal, (stop, tell))?;
    let new = followers.iter().filter(|follower| follower.number >= known);
    images.extend(new.map(Follower::image));
    journal.sync()?;
    let next = journal.last() + 1;
    let committed = Arc::new(AtomicU64::new(journal.last()));
    let covered = Arc::new(AtomicU64::new(snapshots.keep_newest()?));
    let over = Arc::new(AtomicBool::new(false));
    let writing = Writing {
        snapshots,
        committed: Arc::clone(&committed),
        over: Arc::clone(&over),
        covered: Arc::clone(&covered),
        tell: Arc::clone(tell),
    };
    let (write, written) = sync_channel::<Written>(MAX_WAITING);
    let saver = Saver::new(
        config.snapshot.clone(),
        identity.clone(),
        images,
        snapshot,
        (write, Arc::clone(tell)),
    );
    let mut committer = Committer {
        journal,
        sqlite,
        committed: Arc::clone(&committed),
        covered: Arc::clone(&covered),
        looked: 0,
        keep: Duration::from_secs(config.journal.keep_hours.saturating_mul(3600)),
        tell: Arc::clone(tell),
        stop: Arc::clone(stop),
    };
    let (fill, filled) = sync_channel(followers.len().max(1));
    let (commit, commits) = sync_channel::<Commit>(MAX_AHEAD);
    let thread = |error: std::io::Error| ServeError::Thread(format!("cannot be started: {error}"));
    let committing = std::thread::Builder::new()
        .name("palisade-commit".to_owned())
        .spawn(move || committer.run(&commits))
        .map_err(thread)?;
    let writing = std::thread::Builder::new()
        .name("palisade-snapshot".to_owned())
        .spawn(move || writing.run(&written))
        .map_err(thread)?;
    for follower in followers {
        let fill = fill.clone();
        std::thread::Builder::new()
            .name("palisade-source".to_owned())
            .spawn(move || follower.run_contained(&fill))
            .map_err(thread)?;
    }
    drop(fill);
    tell(Told::Ready);
    let mut taking = Taking {
        engine,
        next,
        commit: Some(commit),
        saver,
        tell: Arc::clone(tell),
        often: Often::default(),
    };
    let run = taking.run(&filled, stop, config.drain(), &committing);
    drop(taking.commit.take());
    let Taking {
        mut engine,
        next,
        saver,
        ..
    } = taking;
    if matches!(run, Ok(true)) && !committing.is_finished() {
        saver.finish(&mut engine, next - 1, Instant::now() + config.drain())?;
    } else {
        drop(saver);
    }
    let ended = committing.join();
    over.store(true, Ordering::Release);
    // What it could not write was told.
    let _ = writing.join();
    let drained = run?;
    ended.map_err(|_| ServeError::Thread("panicked".to_owned()))??;
    // Timers that are due later fire after the next start: nothing is ended here.
    Ok(Served {
        summary: engine.summary().clone(),
        committed: committed.load(Ordering::Acquire),
        drained,
    })
}

/// The database, in the data directory.
pub(crate) const DATABASE: &str = "findings.sqlite";

pub(crate) fn data_error(path: &Path, problem: impl std::fmt::Display) -> ServeError {
    ServeError::Data {
        path: path.display().to_string(),
        problem: problem.to_string(),
    }
}

/// Opens the data directory, which is made where it is not there: it and the database in it are
/// nobody else's.
pub(crate) fn data(path: &Path) -> Result<(), ServeError> {
    let dir = palisade_private::make_dir(path).map_err(|error| data_error(path, error))?;
    for end in ["", "-wal", "-shm"] {
        let name = format!("{DATABASE}{end}");
        match palisade_private::open(&dir, &name) {
            Ok(_) => {}
            Err(error) if error.is_absent() => {}
            Err(error) => return Err(data_error(path, error)),
        }
    }
    Ok(())
}

/// Opens and locks the journal's folder in the data directory.
pub(crate) fn lock(config: &Config) -> Result<Folder, ServeError> {
    let folder = config.data.join("journal");
    palisade_private::make_dir(&folder).map_err(|error| data_error(&folder, error))?;
    Folder::new(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => {
            ServeError::Journal(JournalError::Locked(config.data.display().to_string()))
        }
        _ => data_error(&folder, error),
    })
}

/// What follows each configured source; those that the journal does not know are added to it.
fn followers(
    config: &Config,
    redone: Redone,
    engine: &mut Engine,
    journal: &mut Journal,
    (stop, tell): (&Arc<AtomicBool>, &Tell),
) -> Result<Vec<Follower>, ServeError> {
    let mut sources: HashMap<(String, String), (u32, _)> = HashMap::new();
    for (source, number) in redone.sources.into_iter().zip(0..) {
        let identity = (source.name.clone(), source.tenant.clone());
        sources.insert(identity, (number, source));
    }
    let mut followers = Vec::new();
    for source in &config.sources {
        let count = sources.len() + followers.len();
        let identity = (source.name.clone(), source.tenant.clone());
        let (number, known) = match sources.remove(&identity) {
            Some(known) => known,
            None => {
                let (name, tenant) = identity.clone();
                let record = Record::Source { name, tenant };
                journal.append(&postcard::to_stdvec(&record)?)?;
                let number = u32::try_from(count).unwrap_or(u32::MAX);
                (number, known(engine, identity.0, identity.1)?)
            }
        };
        let input = match (&source.kind, &source.path) {
            (SourceKind::File, Some(path)) => Input::File(path.clone()),
            _ => Input::Stdin,
        };
        // Those that there were before were told then.
        let (bad, _) = known.stream.bad_records();
        followers.push(Follower {
            name: source.name.clone(),
            number,
            input,
            stream: known.stream,
            resume: known.resume,
            read: known.read,
            waits: None,
            told_waiting: false,
            searched: None,
            offset: known.offset,
            bad,
            stop: Arc::clone(stop),
            tell: Arc::clone(tell),
            open: None,
            often: Often::default(),
        });
    }
    Ok(followers)
}

/// Takes epochs through the engine.
struct Taking {
    engine: Engine,
    /// The number of the next record.
    next: u64,
    commit: Option<SyncSender<Commit>>,
    saver: Saver,
    tell: Tell,
    often: Often,
}

/// What notices are alike.
fn kind_of(notice: &Notice) -> String {
    match notice {
        Notice::Fault { plugin, .. } => format!("fault {plugin}"),
        Notice::Unparsed { parser, .. } => format!("unparsed {parser}"),
        Notice::Datagram { parser, .. } => format!("datagram {parser}"),
        Notice::TooDeep { plugin, .. } => format!("deep {plugin}"),
        Notice::Quarantined { plugin } => format!("quarantined {plugin}"),
        Notice::Input { .. } => "input".to_owned(),
        Notice::Record { .. } => "record".to_owned(),
    }
}

impl Taking {
    /// Takes what is read until all sources have ended, or it is to stop; whether everything
    /// that was read was taken.
    fn run(
        &mut self,
        filled: &Receiver<Filled>,
        stop: &AtomicBool,
        drain: Duration,
        committing: &JoinHandle<Result<(), ServeError>>,
    ) -> Result<bool, ServeError> {
        let mut stopped: Option<Instant> = None;
        loop {
            if stop.load(Ordering::Relaxed) {
                let since = *stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= drain {
                    return Ok(false);
                }
            }
            let idle = match self.saver.is_saving() {
                true => BETWEEN,
                false => IDLE,
            };
            match filled.recv_timeout(idle) {
                Ok(filled) => {
                    let mut collect = Collect::default();
                    self.engine.step(filled.epoch, &mut collect)?;
                    self.saver.follow(&filled.rows, filled.stream);
                    let more = self.put(filled.now, Some(filled.rows), collect)?;
                    if !more {
                        return Ok(true);
                    }
                    self.saver.step(&mut self.engine, self.next - 1)?;
                }
                Err(RecvTimeoutError::Timeout) if committing.is_finished() => return Ok(true),
                Err(RecvTimeoutError::Timeout) if stopped.is_none() => {
                    let now = Clock::System.now().unwrap_or_default();
                    let mut collect = Collect::default();
                    if self.engine.follow(now, &mut collect)? && !self.put(now, None, collect)? {
                        return Ok(true);
                    }
                    self.saver.step(&mut self.engine, self.next - 1)?;
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return Ok(true),
            }
        }
    }

    /// Waits for what was begun and hands it to the commit thread; `false`: that has ended.
    fn put(
        &mut self,
        now: u64,
        rows: Option<crate::record::Rows>,
        mut collect: Collect,
    ) -> Result<bool, ServeError> {
        self.engine.collect(&mut collect)?;
        for notice in collect.notices {
            match self.often.tells(&kind_of(&notice)) {
                Some(count) if count > 16 => (self.tell)(Told::Alike { notice, count }),
                Some(_) => (self.tell)(Told::Notice(notice)),
                None => {}
            }
        }
        let commit = Commit {
            number: self.next,
            now,
            rows,
            said: collect.said,
        };
        self.next += 1;
        let sent = self.commit.as_ref().map(|to| to.send(commit).is_ok());
        Ok(sent.unwrap_or(false))
    }
}
