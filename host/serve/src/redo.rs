//! Does again what the journal says was done.

use palisade_journal::Journal;
use palisade_pipeline::engine::{Engine, Terms};
use palisade_sinks::Sqlite;

use crate::collect::Collect;
use crate::follow::remember;
use crate::record::{EpochRecord, FilePlace, Identity, Record, SaidRecord};
use crate::server::ServeError;
use crate::stream::Stream;

/// The most epochs whose findings the database is given at a time.
const MAX_TAKEN: usize = 256;

/// A source as the journal knows it.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) stream: Stream,
    /// Where the journal ends, in a stream that had not ended then.
    pub(crate) resume: Option<FilePlace>,
    /// The files that were read to their ends, the latest last.
    pub(crate) read: Vec<FilePlace>,
    /// Where in the stream the last record ends.
    pub(crate) offset: u64,
}

/// What was done again.
#[derive(Default)]
pub(crate) struct Redone {
    pub(crate) sources: Vec<Known>,
    /// The last record.
    pub(crate) last: u64,
    /// Epochs that made something else be said than they did at first.
    pub(crate) differ: u64,
}

/// Takes an engine through the journal, and gives the database what it lacks.
///
/// # Errors
/// When the journal cannot be read, is of other plugins, or the engine cannot go on.
pub(crate) fn redo(
    journal: &Journal,
    engine: &mut Engine,
    sqlite: &mut Sqlite,
    identity: &Identity,
) -> Result<Redone, ServeError> {
    let mut redone = Redone::default();
    let there = sqlite.epoch()?;
    if journal.last() < there {
        return Err(ServeError::Behind {
            journal: journal.last(),
            database: there,
        });
    }
    let (mut missing, mut epochs) = (Vec::new(), 0);
    for record in journal.read(1)? {
        let record = record?;
        redone.last = record.number;
        match postcard::from_bytes(&record.bytes)? {
            Record::Begin(then) => {
                if let Some(difference) = then.difference(identity) {
                    return Err(ServeError::Identity(difference));
                }
            }
            Record::Source { name, tenant } => {
                redone.sources.push(known(engine, name, tenant)?);
            }
            Record::Epoch(epoch) => {
                redone.differ += u64::from(!again(engine, &mut redone.sources, &epoch)?);
                if record.number > there {
                    for (said, number) in epoch.said.into_iter().zip(0..) {
                        missing.push(said.said(record.number, number)?);
                    }
                    epochs += 1;
                }
            }
        }
        if epochs == MAX_TAKEN {
            sqlite.take(&missing, redone.last)?;
            (missing, epochs) = (Vec::new(), 0);
        }
    }
    if redone.last > there {
        sqlite.take(&missing, redone.last)?;
    }
    Ok(redone)
}

/// A source that has said nothing yet.
pub(crate) fn known(
    engine: &mut Engine,
    name: String,
    tenant: String,
) -> Result<Known, ServeError> {
    let terms: Terms = engine.terms();
    let stream = Stream::new(engine.source(&name, &tenant)?, terms);
    Ok(Known {
        name,
        tenant,
        stream,
        resume: None,
        read: Vec::new(),
        offset: 0,
    })
}

/// Takes the engine through an epoch; whether it made the same be said as at first.
fn again(
    engine: &mut Engine,
    sources: &mut [Known],
    record: &EpochRecord,
) -> Result<bool, ServeError> {
    let mut collect = Collect::default();
    match &record.rows {
        None => {
            engine.follow(record.now, &mut collect)?;
        }
        Some(rows) => {
            let known = sources
                .get_mut(rows.source as usize)
                .ok_or(ServeError::Source(rows.source))?;
            if rows.begins.is_some() {
                known.stream.tape.begin();
            }
            known.stream.tape.give(&rows.bytes);
            if rows.ended {
                known.stream.tape.end();
            }
            if let Some(name) = &rows.begins {
                known
                    .stream
                    .begin(name)
                    .map_err(|error| ServeError::Stream {
                        name: name.clone(),
                        problem: error.to_string(),
                    })?;
            }
            let mut epoch = known.stream.epoch(record.now).whole();
            known.offset = known.stream.fill(&mut epoch).2;
            known.resume = rows.place.clone().filter(|_| !rows.ended);
            if let Some(place) = rows.place.clone().filter(|_| rows.ended) {
                remember(&mut known.read, place);
            }
            engine.step(epoch, &mut collect)?;
        }
    }
    engine.collect(&mut collect)?;
    let said: Vec<SaidRecord> = collect
        .said
        .iter()
        .map(SaidRecord::of)
        .collect::<Result<_, _>>()?;
    Ok(said == record.said)
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palisade_journal::{Folder, Limits};
    use palisade_pipeline::engine::{EngineConfig, Generation};

    use super::*;

    #[test]
    fn a_database_that_lacks_more_epochs_than_it_is_given_at_a_time_gets_all() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity {
            host: "0.1.0".to_owned(),
            plugins: Vec::new(),
            datasets: Vec::new(),
            networks: None,
            partition_key: String::new(),
            state_bytes: 0,
        };
        let limits = Limits {
            segment: 1 << 20,
            total: 64 << 20,
        };
        let folder = Folder::new(dir.path()).unwrap();
        let (mut journal, _) = Journal::open(folder, limits, 0).unwrap();
        let mut append = |record: &Record| {
            let bytes = postcard::to_stdvec(record).unwrap();
            journal.append(&bytes).unwrap()
        };
        append(&Record::Begin(identity.clone()));
        let epochs = 2 * MAX_TAKEN as u64 + 10;
        let last = (1..=epochs)
            .map(|now| {
                let said = |kind: &str| SaidRecord::Decision {
                    time: now,
                    tenant: "t".to_owned(),
                    request: now.to_string(),
                    kind: kind.to_owned(),
                    verdict: "deny".to_owned(),
                    permitted: false,
                    json: "{}".to_owned(),
                };
                append(&Record::Epoch(EpochRecord {
                    now,
                    rows: None,
                    said: vec![said("a"), said("b")],
                }))
            })
            .last();
        journal.sync().unwrap();
        let path = dir.path().join("findings.db");
        let mut sqlite = Sqlite::open(&path).unwrap();
        let generation = Generation::new(Vec::new(), Vec::new(), None).unwrap();
        let log: palisade_pipeline::capabilities::LogSink = Arc::new(|_, _, _| ());
        let mut engine = Engine::new(EngineConfig::default(), generation, &log).unwrap();
        let redone = redo(&journal, &mut engine, &mut sqlite, &identity).unwrap();
        assert_eq!((Some(redone.last), redone.differ), (last, epochs));
        assert_eq!(Some(sqlite.epoch().unwrap()), last);
        let rows = rusqlite::Connection::open(&path).unwrap();
        let rows = rows.query_row("select count(*) from decisions", [], |row| row.get(0));
        assert_eq!(rows, Ok(2 * epochs as i64));
    }
}
