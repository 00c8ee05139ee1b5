//! Recovers what a server knew: the newest whole snapshot, then what the journal says came later.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Instant;

use palisade_journal::{Folder, Journal, JournalError, Limits, Snapshots};
#[cfg(doc)]
use palisade_pipeline::engine::Engine;
use palisade_sinks::Sqlite;
use palisade_store::Store;

use crate::config::Config;
use crate::evidence::EvidenceLog;
use crate::loader::Loader;
use crate::record::Identity;
use crate::redo::{From, Means, Redone, redo, restored};
use crate::server::{DATABASE, ServeError, Tell, Told, data, data_error, lock, store};
use crate::snapshot::Head;

/// What was recovered.
pub(crate) struct Recovered {
    pub(crate) journal: Journal,
    pub(crate) sqlite: Sqlite,
    pub(crate) snapshots: Snapshots,
    pub(crate) store: Arc<Store>,
    pub(crate) redone: Redone,
    /// The record that the snapshot stands for which was taken, 0 where there was none.
    pub(crate) snapshot: u64,
    /// What is kept of calls that filed something, if anything.
    pub(crate) evidence: Option<EvidenceLog>,
}

/// Everything that a server remembers once it has recovered, as lines of JSON;
/// see [`Engine::export`]. The data directory must be in use by nobody.
///
/// # Errors
/// When the data directory cannot be recovered, as by [`serve`](crate::serve).
pub fn export(
    config: &Config,
    loader: &dyn Loader,
    identity: &Identity,
    tell: &Tell,
) -> Result<Vec<String>, ServeError> {
    let stop = AtomicBool::new(false);
    let mut recovered = recover(config, loader, identity, (&stop, tell))?;
    Ok(recovered.redone.engine.export()?)
}

/// Takes a data directory to where it was.
pub(crate) fn recover(
    config: &Config,
    loader: &dyn Loader,
    identity: &Identity,
    (stop, tell): (&AtomicBool, &Tell),
) -> Result<Recovered, ServeError> {
    let began = Instant::now();
    data(&config.data)?;
    let locked = lock(config)?;
    let store = Arc::new(store(config)?);
    let mut sqlite = Sqlite::open(&config.data.join(DATABASE))?;
    let snapshots = snapshots(config)?;
    let configured = loader.configured(&store)?;
    let mut evidence = EvidenceLog::open(config, &store, &mut sqlite)?;
    let means = Means {
        loader,
        store: &store,
        identity,
        tell,
        stop,
    };
    let from = newest(&snapshots, &means, tell)?;
    let (known, snapshot) = (sqlite.epoch()?, from.as_ref().map_or(0, |from| from.record));
    let limits = Limits {
        segment: config.journal.segment_bytes,
        total: config.journal.max_bytes,
    };
    let opened = Journal::open(locked, limits, known.max(snapshot), snapshot);
    let (journal, recovered) = match opened {
        // Without a snapshot nothing covers what was let go.
        Err(JournalError::Gap { found, .. }) if snapshot == 0 && found > 1 => {
            return Err(ServeError::LetGo { first: found });
        }
        opened => opened?,
    };
    if journal.last() < snapshot {
        return Err(ServeError::BehindSnapshot {
            journal: journal.last(),
            snapshot,
        });
    }
    let host = from.as_ref().and_then(|from| from.host.as_ref());
    if let Some(host) = host.filter(|_| journal.last() > snapshot) {
        return Err(ServeError::Identity(format!(
            "Palisade {host}, and this is {}; stop that version in good order first, after which \
             its last snapshot is enough",
            identity.host
        )));
    }
    let around = (&mut sqlite, evidence.as_mut());
    let redone = redo(&journal, configured, (&means, around), from)?;
    if let Some(evidence) = &evidence {
        evidence.index(&mut sqlite)?;
    }
    if redone.last > 0 {
        tell(Told::Recovered {
            snapshot,
            records: redone.last - snapshot,
            differ: redone.differ,
            cut: recovered.cut,
            took: began.elapsed(),
        });
    }
    Ok(Recovered {
        journal,
        sqlite,
        snapshots,
        store,
        redone,
        snapshot,
        evidence,
    })
}

/// Opens the folder of snapshots.
fn snapshots(config: &Config) -> Result<Snapshots, ServeError> {
    let folder = config.data.join("snapshots");
    palisade_private::make_dir(&folder).map_err(|error| data_error(&folder, error))?;
    let opened = Folder::new(&folder).map_err(|error| data_error(&folder, error))?;
    Ok(Snapshots::open(opened)?)
}

/// An engine at the newest snapshot that is whole; those that are not are told.
fn newest(
    snapshots: &Snapshots,
    means: &Means<'_>,
    tell: &Tell,
) -> Result<Option<From>, ServeError> {
    for record in snapshots.records()? {
        match take(snapshots, record, means) {
            Ok(from) => return Ok(Some(from)),
            Err(NotTaken::Other(error)) => return Err(error),
            Err(NotTaken::Unsound(problem)) => tell(Told::Snapshot(format!(
                "the snapshot after record {record} is passed over: {problem}"
            ))),
        }
    }
    Ok(None)
}

/// Why a snapshot is not taken.
pub(crate) enum NotTaken {
    /// Another may be.
    Unsound(String),
    /// It is of something else, or the engine cannot go on.
    Other(ServeError),
}

pub(crate) fn take(
    snapshots: &Snapshots,
    record: u64,
    means: &Means<'_>,
) -> Result<From, NotTaken> {
    let identity = means.identity;
    let unsound = |problem: &dyn std::fmt::Display| NotTaken::Unsound(problem.to_string());
    let mut pieces = snapshots.read(record).map_err(|error| unsound(&error))?;
    let name = pieces.name().to_owned();
    let head = pieces.next().transpose().map_err(|error| unsound(&error))?;
    let head: Result<Head, _> = postcard::from_bytes(&head.unwrap_or_default());
    let head = head.map_err(|error| unsound(&format!("{name}: {error}")))?;
    let mut then = head.identity;
    // What another version has saved whole can be taken, if the format is the same.
    let host = (then.host != identity.host).then(|| std::mem::take(&mut then.host));
    if host.is_some() {
        then.host.clone_from(&identity.host);
    }
    if let Some(difference) = then.difference(identity) {
        return Err(NotTaken::Other(ServeError::Identity(difference)));
    }
    let made = means.load(&head.active.composition);
    let made = made.and_then(|generation| Ok(means.loader.engine(generation)?));
    let mut engine = made.map_err(NotTaken::Other)?;
    let pieces = pieces.map(|piece| piece.map_err(|error| error.to_string()));
    match engine.restore(pieces) {
        Ok(()) => {}
        Err(palisade_pipeline::engine::RestoreError::Worker(error)) => {
            let error: palisade_pipeline::engine::EngineError = error.into();
            return Err(NotTaken::Other(error.into()));
        }
        Err(error) => return Err(unsound(&format!("{name}: {error}"))),
    }
    // The engine is there now: what is wrong with sources cannot be passed over.
    let generation = head.active.generation;
    let sources = head
        .sources
        .into_iter()
        .map(|source| restored(&mut engine, generation, source));
    let sources: Result<Vec<_>, ServeError> = sources.collect();
    let sources = sources.map_err(NotTaken::Other)?;
    Ok(From {
        record,
        host,
        engine,
        active: head.active,
        sources,
    })
}
