//! A server: recovers, follows its sources, and stops when it is told to.

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use palisade_journal::{Cut, Folder, Journal, JournalError, Limits};
use palisade_pipeline::engine::{Clock, Engine, EngineError, Notice, Summary};
use palisade_sinks::{Sqlite, SqliteError};

use crate::collect::Collect;
use crate::commit::{Commit, Committer, MAX_AHEAD};
use crate::config::{Config, SourceKind};
use crate::follow::{Filled, Follower, Input};
use crate::often::Often;
use crate::record::{Identity, Record};
use crate::redo::{Redone, known, redo};

/// How long nobody speaks before it is looked whether time has passed.
const IDLE: Duration = Duration::from_millis(200);

/// Something that the operator should know.
#[derive(Clone, Debug)]
pub enum Told {
    /// The journal was done again.
    Recovered {
        /// Records.
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
    let began = Instant::now();
    let (mut journal, cut) = journal(config)?;
    let mut sqlite = Sqlite::open(&config.data.join("findings.sqlite"))?;
    let fresh = journal.last() == 0;
    let redone = redo(&journal, &mut engine, &mut sqlite, identity)?;
    if fresh {
        journal.append(&postcard::to_stdvec(&Record::Begin(identity.clone()))?)?;
    } else {
        tell(Told::Recovered {
            records: redone.last,
            differ: redone.differ,
            cut,
            took: began.elapsed(),
        });
    }
    let followers = followers(config, redone, &mut engine, &mut journal, (stop, tell))?;
    journal.sync()?;
    let next = journal.last() + 1;
    let committed = Arc::new(AtomicU64::new(journal.last()));
    let mut committer = Committer {
        journal,
        sqlite,
        committed: Arc::clone(&committed),
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
        tell: Arc::clone(tell),
        often: Often::default(),
    };
    let drained = taking.run(&filled, stop, config.drain())?;
    drop(taking.commit.take());
    let ended = committing
        .join()
        .map_err(|_| ServeError::Thread("panicked".to_owned()))?;
    ended?;
    // Timers that are due later fire after the next start: nothing is ended here.
    Ok(Served {
        summary: taking.engine.summary().clone(),
        committed: committed.load(Ordering::Acquire),
        drained,
    })
}

/// Opens the journal in the data directory, which is made where it is not there.
fn journal(config: &Config) -> Result<(Journal, Option<Cut>), ServeError> {
    let folder = config.data.join("journal");
    let data = |path: &Path, problem: String| ServeError::Data {
        path: path.display().to_string(),
        problem,
    };
    palisade_private::make_dir(&folder).map_err(|error| data(&folder, error.to_string()))?;
    let locked = Folder::new(&folder).map_err(|error| match error.kind() {
        std::io::ErrorKind::WouldBlock => {
            ServeError::Journal(JournalError::Locked(config.data.display().to_string()))
        }
        _ => data(&folder, error.to_string()),
    })?;
    let limits = Limits {
        segment: config.journal.segment_bytes,
        total: config.journal.max_bytes,
    };
    let (journal, recovered) = Journal::open(locked, limits)?;
    Ok((journal, recovered.cut))
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
        followers.push(Follower {
            name: source.name.clone(),
            number,
            input,
            stream: known.stream,
            resume: known.resume,
            read: known.read,
            searched: None,
            bad: 0,
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
    ) -> Result<bool, ServeError> {
        let mut stopped: Option<Instant> = None;
        loop {
            if stop.load(Ordering::Relaxed) {
                let since = *stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= drain {
                    return Ok(false);
                }
            }
            match filled.recv_timeout(IDLE) {
                Ok(filled) => {
                    let mut collect = Collect::default();
                    self.engine.step(filled.epoch, &mut collect)?;
                    let more = self.put(filled.now, Some(filled.rows), collect)?;
                    if !more {
                        return Ok(true);
                    }
                }
                Err(RecvTimeoutError::Timeout) if stopped.is_none() => {
                    let now = Clock::System.now().unwrap_or_default();
                    let mut collect = Collect::default();
                    if self.engine.follow(now, &mut collect)? && !self.put(now, None, collect)? {
                        return Ok(true);
                    }
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
