//! A server: recovers, follows its sources, and stops when it is told to.

use std::collections::{HashMap, VecDeque};
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::sync_channel;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use palisade_journal::{Cut, Folder, Journal, JournalError, SnapshotError};
use palisade_pipeline::engine::{Engine, EngineError, Notice, StageError, Summary};
use palisade_sinks::SqliteError;
use palisade_store::Store;

use crate::act::ActReceipt;
use crate::active::Shared;
use crate::audit::{Act, Audit, AuditError, Books};
use crate::captures::{CaptureSource, is_capture, share_anew};
use crate::commit::{Commit, Committer, MAX_AHEAD};
use crate::config::{Config, SourceConfig, SourceKind};
use crate::control;
use crate::evidence::{self, Check, Situation};
use crate::follow::{Follower, Input};
use crate::ingest::{self, IngestError, Intake, Of, Prepared};
use crate::loader::{LoadError, Loader};
use crate::often::Often;
use crate::own::{OWN, OWN_TENANT, Own};
use crate::queue::queue;
use crate::reader::Reader;
use crate::receipt::Receipt;
use crate::record::{Identity, Record};
use crate::recover::{Recovered, recover};
use crate::redo::{Known, Redone, known, known_capture};
use crate::snapshot::{MAX_WAITING, Saver, SourceImage, Writing, Written};
use crate::swap::Swapper;
use crate::taking::Taking;
use crate::trial::asking::Trials;

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
    /// Something else runs from here on.
    Swapped(Receipt),
    /// An entry was made in the audit log.
    Audited {
        /// Its number.
        number: u64,
        /// Who did something.
        by: String,
        /// What.
        act: String,
        /// `asked`, `done` or `refused`.
        outcome: String,
        /// Its hash, which is worth keeping elsewhere.
        head: String,
    },
    /// Something else was done that an operator asked for.
    Acted(ActReceipt),
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
    /// It was told to stop before it had done the journal again. Nothing is lost by it.
    #[error("told to stop before the journal was done again; the next start does it")]
    Stopped,
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
    /// A source is of another kind than before.
    #[error(
        "source `{0}` was a log before and is of captures now, or the other way round; give it \
         another name"
    )]
    Kind(String),
    /// A stream in the journal is none.
    #[error("the journal holds `{name}`, which cannot be read: {problem}")]
    Stream {
        /// The stream.
        name: String,
        /// What is wrong.
        problem: String,
    },
    /// The journal does not begin as journals do, or begins twice.
    #[error(
        "the journal does not begin with what it was written with, or does so twice; restore it, \
         or start with a new data directory"
    )]
    Beginning,
    /// What is to run cannot be loaded.
    #[error(transparent)]
    Load(#[from] LoadError),
    /// What the journal or the configuration says cannot follow what ran before.
    #[error("{0}")]
    Stage(#[from] StageError),
    /// Evidence cannot be kept or read.
    #[error(
        "evidence in {path}: {problem}; move the folder `evidence` of the data directory away, and \
         what was kept in it cannot be executed again"
    )]
    Evidence {
        /// The folder.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The control interface.
    #[error("the control interface at {path}: {problem}")]
    Control {
        /// Its socket.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// The audit log.
    #[error(
        "the audit log cannot be gone on with: {0}; look at it, and move it away to begin another"
    )]
    Audit(#[from] AuditError),
    /// Records and epochs are out of step.
    #[error("epoch {epoch} became record {record}; this is a defect of Palisade, please report it")]
    Order {
        /// The epoch.
        epoch: u64,
        /// The record.
        record: u64,
    },
    /// A network source.
    #[error(transparent)]
    Ingest(#[from] IngestError),
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
    loader: Arc<dyn Loader>,
    identity: &Identity,
    stop: &Arc<AtomicBool>,
    tell: &Tell,
) -> Result<Served, ServeError> {
    // Before anything is done: a secret that cannot be read is no matter of the journal.
    let mut networks = ingest::prepare(config)?;
    let Recovered {
        mut journal,
        mut sqlite,
        snapshots,
        store,
        redone,
        snapshot,
        evidence,
    } = recover(config, &*loader, identity, (stop, tell))?;
    let Redone {
        mut engine,
        active,
        mut sources,
        wanted,
        share,
        ..
    } = redone;
    if journal.last() == 0 {
        let first = Record::Begin(identity.clone(), active.composition.clone());
        journal.append(&postcard::to_stdvec(&first)?)?;
    } else if wanted.is_none() {
        // It was trusted when it was swapped in; that may have changed.
        loader.check(&active.composition)?;
    }
    let (audit, cut) = Audit::open(&config.data)?;
    cut.into_iter().for_each(|cut| tell(Told::Snapshot(cut)));
    let audit = Arc::new(Books::new(audit, tell));
    let running = |act: &str, detail: &str| {
        audit.enter(&Act {
            by: "server",
            act,
            object: &identity.host,
            outcome: "done",
            detail,
            ..Act::default()
        })
    };
    running("start", &active.composition.digest())?;
    let share = share_anew(config, &mut sources, share, &mut journal)?;
    let mut images: Vec<SourceImage> = sources.iter().map(SourceImage::of).collect();
    let known = images.len() as u32;
    let shown = networks.iter().map(|source| Arc::clone(source.network()));
    let situation = Arc::new(Situation::of(active.generation, &active.composition));
    let mut shared = Shared::new(&engine, active, 0, shown.collect());
    if let Some(evidence) = &evidence {
        shared.evidence = Arc::clone(&evidence.figures);
    }
    let shared = Arc::new(shared);
    let (own, readers, captures) = readers(
        (config, &mut networks),
        (sources, share),
        (&mut engine, &mut journal),
        &shared,
        (stop, tell),
    )?;
    let new = readers.iter().filter(|reader| reader.number() >= known);
    let new = new.map(|reader| (reader.number(), reader.image()));
    let packets = captures.iter().filter(|source| source.number() >= known);
    let packets = packets.map(|source| (source.number(), source.image()));
    let mut new: Vec<(u32, SourceImage)> = new.chain(packets).collect();
    if own.number >= known {
        new.push((own.number, own.image()));
    }
    new.sort_by_key(|(number, _)| *number);
    images.extend(new.into_iter().map(|(_, image)| image));
    journal.sync()?;
    let next = journal.last() + 1;
    shared.committed.store(journal.last(), Ordering::Release);
    shared.evaluated.store(journal.last(), Ordering::Release);
    let covered = Arc::new(AtomicU64::new(snapshots.keep_newest()?));
    // What the snapshots of the last start need is known when two of this one are there.
    let needed = Arc::new(AtomicU64::new(match captures.is_empty() {
        true => u64::MAX,
        false => 0,
    }));
    let over = Arc::new(AtomicBool::new(false));
    let writing = Writing {
        snapshots,
        committed: Arc::clone(&shared.committed),
        over: Arc::clone(&over),
        covered: Arc::clone(&covered),
        needed: Arc::clone(&needed),
        evidence: evidence.is_some().then(|| evidence::folder(&config.data)),
        tell: Arc::clone(tell),
    };
    let per_second = match evidence.is_some() {
        true => config.evidence.check_per_second,
        false => 0,
    };
    let (check, checker) = Check::new(&shared.evidence, per_second, &over);
    let (write, written) = sync_channel::<Written>(MAX_WAITING);
    let saver = Saver::new(
        config.snapshot.clone(),
        (identity.clone(), &shared),
        images,
        snapshot,
        write,
    );
    sqlite.keep_letters(config.dead_letters.limits())?;
    let mut committer = Committer {
        journal,
        sqlite,
        committed: Arc::clone(&shared.committed),
        full: Arc::clone(&shared.full),
        kept_after: Arc::clone(&shared.kept_after),
        synced_in: Arc::clone(&shared.synced_in),
        letters_let_go: Arc::clone(&shared.letters_let_go),
        covered: Arc::clone(&covered),
        needed,
        looked: 0,
        evidence,
        check,
        forgot: 0,
        keep: Duration::from_secs(config.journal.keep_hours.saturating_mul(3600)),
        tell: Arc::clone(tell),
        stop: Arc::clone(stop),
    };
    let followed = readers.len() + captures.len();
    let (work, works) = queue(followed.max(1), &shared.waiting);
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
    // It is joined by nobody: what it was about to find out is found out another time.
    if let Some(checker) = checker {
        std::thread::Builder::new()
            .name("palisade-check".to_owned())
            .spawn(move || checker.run())
            .map_err(thread)?;
    }
    let mut taking = Taking {
        engine,
        next,
        commit: Some(commit),
        saver,
        tell: Arc::clone(tell),
        often: Often::default(),
        shared: Arc::clone(&shared),
        sources: followed,
        shown: Instant::now(),
        own,
        ops: VecDeque::new(),
        situation,
    };
    if let Some(wanted) = wanted {
        taking.configure(wanted, &config.discard_state)?;
    }
    for reader in readers {
        let work = work.clone();
        std::thread::Builder::new()
            .name("palisade-source".to_owned())
            .spawn(move || reader.run_contained(&work))
            .map_err(thread)?;
    }
    for source in captures {
        let work = work.clone();
        std::thread::Builder::new()
            .name("palisade-source".to_owned())
            .spawn(move || source.run_contained(&work))
            .map_err(thread)?;
    }
    let swapper = Swapper {
        shared: Arc::clone(&shared),
        loader,
        store,
        work,
        database: config.data.join(DATABASE),
        busy: Mutex::default(),
        audit: Arc::clone(&audit),
        trials: Trials::default(),
        stop: Arc::clone(stop),
    };
    taking.show(true);
    let control = control::start(config, swapper)?;
    let network = ingest::start(networks, stop, tell)?;
    shared.ready.store(true, Ordering::Release);
    tell(Told::Ready);
    let run = taking.run(&works, stop, config.drain(), &committing);
    drop(control);
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
    // Whoever waited for an answer has it by then.
    drop(network);
    over.store(true, Ordering::Release);
    // What it could not write was told.
    let _ = writing.join();
    let drained = run?;
    ended.map_err(|_| ServeError::Thread("panicked".to_owned()))??;
    running("stop", &shared.active().composition.digest())?;
    // Timers that are due later fire after the next start: nothing is ended here.
    Ok(Served {
        summary: engine.summary().clone(),
        committed: shared.committed.load(Ordering::Acquire),
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

/// Opens the store of what runs and has run.
pub(crate) fn store(config: &Config) -> Result<Store, ServeError> {
    let path = config.data.join("store");
    let dir = palisade_private::make_dir(&path).map_err(|error| data_error(&path, error))?;
    Store::open(dir).map_err(|error| data_error(&path, error))
}

/// What reads each configured source; those that the journal does not know are added to it.
fn readers(
    (config, networks): (&Config, &mut [Prepared]),
    (known_sources, share): (Vec<Known>, u64),
    (engine, journal): (&mut Engine, &mut Journal),
    shared: &Arc<Shared>,
    (stop, tell): (&Arc<AtomicBool>, &Tell),
) -> Result<(Own, Vec<Reader>, Vec<CaptureSource>), ServeError> {
    let mut next = u32::try_from(known_sources.len()).unwrap_or(u32::MAX);
    let mut sources: HashMap<(String, String), (u32, _)> = HashMap::new();
    for (source, number) in known_sources.into_iter().zip(0..) {
        let identity = (source.name.clone(), source.tenant.clone());
        sources.insert(identity, (number, source));
    }
    let mut numbered =
        |identity: (String, String), packets: bool| -> Result<(u32, Known), ServeError> {
            if let Some(known) = sources.remove(&identity) {
                return match known.1.capture.is_some() == packets {
                    true => Ok(known),
                    false => Err(ServeError::Kind(identity.0)),
                };
            }
            let (name, tenant) = identity.clone();
            let record = match packets {
                true => Record::Captures { name, tenant },
                false => Record::Source { name, tenant },
            };
            journal.append(&postcard::to_stdvec(&record)?)?;
            let number = next;
            next += 1;
            if packets {
                let known = known_capture(engine, shared.terms(), identity, share)?;
                return Ok((number, known));
            }
            Ok((
                number,
                known(engine, shared.terms(), identity.0, identity.1)?,
            ))
        };
    let (mut readers, mut captures) = (Vec::new(), Vec::new());
    for source in &config.sources {
        let packets = is_capture(source);
        let mut network = networks.iter_mut().find(|n| n.name() == source.name);
        let tenants = match &network {
            Some(network) => network.tenants().to_vec(),
            None => vec![source.tenant.clone()],
        };
        for tenant in tenants {
            let (number, known) = numbered((source.name.clone(), tenant), packets)?;
            if packets {
                let known = (number, known);
                captures.extend(CaptureSource::new(source, known, shared, (stop, tell)));
                continue;
            }
            readers.push(match &mut network {
                Some(network) => {
                    let of = Of {
                        name: source.name.clone(),
                        number,
                        stream: known.stream,
                        seen: known.seen,
                        limits: network.keys(),
                        network: Arc::clone(network.network()),
                    };
                    let delivered = network.open();
                    let intake = Intake::new(of, delivered, (shared, stop, tell));
                    Reader::Intake(Box::new(intake))
                }
                None => {
                    let follower = follower(source, number, known, shared, (stop, tell));
                    Reader::Follower(Box::new(follower))
                }
            });
        }
    }
    // Behind the others, so that those have the numbers that a run would give them.
    let (number, own) = numbered((OWN.to_owned(), OWN_TENANT.to_owned()), false)?;
    let own = Own {
        number,
        stream: own.stream,
    };
    Ok((own, readers, captures))
}

/// What follows a file or standard input.
fn follower(
    source: &SourceConfig,
    number: u32,
    known: Known,
    shared: &Arc<Shared>,
    (stop, tell): (&Arc<AtomicBool>, &Tell),
) -> Follower {
    // Those that there were before were told then.
    let (bad, _) = known.stream.bad_records();
    let input = match (&source.kind, &source.path) {
        (SourceKind::File, Some(path)) => Input::File(path.clone()),
        _ => Input::Stdin,
    };
    Follower {
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
        shared: Arc::clone(shared),
    }
}
