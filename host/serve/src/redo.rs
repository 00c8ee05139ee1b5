//! Does again what the journal says was done.

use palisade_journal::Journal;
use palisade_pipeline::engine::{Engine, Terms};
use palisade_sinks::Sqlite;
use palisade_sources::CheckpointError;

use crate::collect::Collect;
use crate::follow::remember;
use crate::record::{EpochRecord, FilePlace, Identity, Record, SaidRecord};
use crate::server::ServeError;
use crate::snapshot::SourceImage;
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

/// Where to begin: after a snapshot, or (by default) with nothing.
#[derive(Default)]
pub(crate) struct From {
    /// The record that it stands for.
    pub(crate) record: u64,
    /// The version of Palisade that made it, if that is another.
    pub(crate) host: Option<String>,
    pub(crate) sources: Vec<Known>,
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

/// Takes an engine, which is where the snapshot left it, through the rest of the journal, and gives
/// the database what it lacks.
///
/// # Errors
/// When the journal cannot be read, is of other plugins, or the engine cannot go on.
pub(crate) fn redo(
    journal: &Journal,
    engine: &mut Engine,
    sqlite: &mut Sqlite,
    identity: &Identity,
    from: From,
) -> Result<Redone, ServeError> {
    let mut redone = Redone {
        sources: from.sources,
        last: from.record,
        differ: 0,
    };
    let there = sqlite.epoch()?;
    if journal.last() < there {
        return Err(ServeError::Behind {
            journal: journal.last(),
            database: there,
        });
    }
    if there + 1 < journal.first() {
        return Err(ServeError::Database {
            database: there,
            first: journal.first(),
        });
    }
    let (mut missing, mut epochs) = (Vec::new(), 0);
    for record in journal.read(there.min(from.record) + 1)? {
        let record = record?;
        redone.last = record.number;
        let evaluate = record.number > from.record;
        match postcard::from_bytes(&record.bytes)? {
            Record::Begin(_) | Record::Source { .. } if !evaluate => {}
            Record::Begin(then) => {
                if let Some(difference) = then.difference(identity) {
                    return Err(ServeError::Identity(difference));
                }
            }
            Record::Source { name, tenant } => {
                redone.sources.push(known(engine, name, tenant)?);
            }
            Record::Epoch(epoch) => {
                if evaluate {
                    redone.differ += u64::from(!again(engine, &mut redone.sources, &epoch)?);
                }
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

/// A source as a snapshot has it, which the engine knows from the same.
///
/// # Errors
/// When its stream cannot be gone on with.
pub(crate) fn restored(engine: &mut Engine, image: SourceImage) -> Result<Known, ServeError> {
    let mut known = known(engine, image.name, image.tenant)?;
    let name = known.name.clone();
    let problem = |error: CheckpointError| ServeError::Stream {
        name,
        problem: error.to_string(),
    };
    known.offset = known.stream.go_on(image.stream).map_err(problem)?;
    (known.resume, known.read) = (image.resume, image.read);
    Ok(known)
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
