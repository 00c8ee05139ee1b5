//! Does again what the journal says was done.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_journal::Journal;
use palisade_pipeline::engine::{Engine, Epoch, Generation, Terms};
use palisade_sinks::{Outcome, Said, Sqlite};
use palisade_sources::CheckpointError;
use palisade_store::Store;

use crate::active::Active;
use crate::collect::Collect;
use crate::composition::Composition;
use crate::evidence::{EvidenceLog, Situation};
use crate::follow::remember;
use crate::loader::{Configured, Loader};
use crate::record::{EpochRecord, FilePlace, Identity, Record, Rows, SaidRecord, SwapRecord};
use crate::server::ServeError;
use crate::snapshot::SourceImage;
use crate::stream::Stream;

/// The most epochs whose findings the database is given at a time.
const MAX_TAKEN: usize = 256;
/// The most generations in whose terms something may still be read: sources go over to the present one
/// with the next epoch that they fill.
const MAX_TERMS: usize = 64;

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
pub(crate) struct Redone {
    pub(crate) engine: Engine,
    pub(crate) active: Active,
    pub(crate) sources: Vec<Known>,
    /// The last record.
    pub(crate) last: u64,
    /// Epochs that made something else be said than they did at first.
    pub(crate) differ: u64,
    /// What the configuration asks for, where that is not what it asked for when it was last heeded.
    pub(crate) wanted: Option<Configured>,
}

/// What is needed to do a journal again.
pub(crate) struct Means<'a> {
    pub(crate) loader: &'a dyn Loader,
    pub(crate) store: &'a Arc<Store>,
    pub(crate) identity: &'a Identity,
    pub(crate) sqlite: &'a mut Sqlite,
    pub(crate) evidence: Option<&'a mut EvidenceLog>,
}

/// Where to begin: after a snapshot.
pub(crate) struct From {
    /// The record that it stands for.
    pub(crate) record: u64,
    /// The version of Palisade that made it, if that is another.
    pub(crate) host: Option<String>,
    pub(crate) engine: Engine,
    pub(crate) active: Active,
    pub(crate) sources: Vec<Known>,
}

/// An engine that was taken through the journal, or through what came after a snapshot; the
/// database is given what it lacks.
///
/// # Errors
/// When the journal cannot be read, is of other plugins, or the engine cannot go on.
pub(crate) fn redo(
    journal: &Journal,
    configured: Configured,
    mut means: Means<'_>,
    from: Option<From>,
) -> Result<Redone, ServeError> {
    let there = means.sqlite.epoch()?;
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
    if journal.last() == 0 && from.is_none() {
        return Ok(Redone {
            engine: means.loader.engine(configured.generation)?,
            active: Active::first(configured.composition),
            sources: Vec::new(),
            last: 0,
            differ: 0,
            wanted: None,
        });
    }
    let snapshot = from.as_ref().map_or(0, |from| from.record);
    let mut records = journal.read(there.min(snapshot) + 1)?;
    let mut redone = match from {
        Some(from) => Redone {
            engine: from.engine,
            active: from.active,
            sources: from.sources,
            last: from.record,
            differ: 0,
            wanted: None,
        },
        None => first(records.next().transpose()?, &means)?,
    };
    let generation = redone.active.generation;
    let mut terms = BTreeMap::from([(generation, redone.engine.terms())]);
    let (mut missing, mut epochs) = (Vec::new(), 0);
    for record in records {
        let record = record?;
        redone.last = record.number;
        // What the snapshot stands for is only given to the database.
        let evaluate = record.number > snapshot;
        match postcard::from_bytes(&record.bytes)? {
            Record::Begin(..) | Record::Source { .. } if !evaluate => {}
            Record::Begin(..) => return Err(ServeError::Beginning),
            Record::Source { name, tenant } => {
                let terms = (redone.active.generation, redone.engine.terms());
                let known = known(&mut redone.engine, terms, name, tenant)?;
                redone.sources.push(known);
            }
            Record::Swap(swap) => {
                if evaluate {
                    redone.swap(&means, &swap)?;
                    terms.insert(redone.active.generation, redone.engine.terms());
                    if terms.len() > MAX_TERMS {
                        terms.pop_first();
                    }
                }
                if record.number > there {
                    missing.push(Said {
                        epoch: record.number,
                        number: 0,
                        outcome: Outcome::Swap(swap.receipt.row()?),
                    });
                    epochs += 1;
                }
            }
            Record::Epoch(epoch) => {
                if evaluate {
                    let (same, collect) = redone.again(&terms, &epoch)?;
                    redone.differ += u64::from(!same);
                    // What was said at first stands, and only that can have evidence.
                    if same {
                        redone.keep_evidence(&mut means, record.number, collect)?;
                    }
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
            means.sqlite.take(&missing, redone.last)?;
            (missing, epochs) = (Vec::new(), 0);
        }
    }
    if redone.last > there {
        means.sqlite.take(&missing, redone.last)?;
    }
    let heeded = configured.composition.is_same(&redone.active.configured);
    redone.wanted = Some(configured).filter(|_| !heeded);
    Ok(redone)
}

/// Begins with the first record of a journal.
fn first(
    record: Option<palisade_journal::Record>,
    means: &Means<'_>,
) -> Result<Redone, ServeError> {
    let record = record.ok_or(ServeError::Beginning)?;
    let Record::Begin(then, composition) = postcard::from_bytes(&record.bytes)? else {
        return Err(ServeError::Beginning);
    };
    if let Some(difference) = then.difference(means.identity) {
        return Err(ServeError::Identity(difference));
    }
    let engine = means.loader.engine(means.load(&composition)?)?;
    Ok(Redone {
        engine,
        active: Active::first(composition),
        sources: Vec::new(),
        last: record.number,
        differ: 0,
        wanted: None,
    })
}

/// A source as a snapshot has it, which the engine knows from the same.
///
/// # Errors
/// When its stream cannot be gone on with.
pub(crate) fn restored(
    engine: &mut Engine,
    generation: u64,
    image: SourceImage,
) -> Result<Known, ServeError> {
    let terms = (generation, engine.terms());
    let mut known = known(engine, terms, image.name, image.tenant)?;
    let name = known.name.clone();
    let problem = |error: CheckpointError| ServeError::Stream {
        name,
        problem: error.to_string(),
    };
    known.offset = known.stream.go_on(image.stream).map_err(problem)?;
    (known.resume, known.read) = (image.resume, image.read);
    Ok(known)
}

impl Means<'_> {
    pub(crate) fn load(&self, composition: &Composition) -> Result<Generation, ServeError> {
        Ok(self.loader.load(composition, self.store)?)
    }
}

impl Redone {
    /// Goes from one generation to the next as at first.
    fn swap(&mut self, means: &Means<'_>, swap: &SwapRecord) -> Result<(), ServeError> {
        let generation = means.load(&swap.composition)?;
        let discard = swap.receipt.discarded.iter().cloned().collect();
        let staged = self.engine.stage().prepare(generation, &discard)?;
        self.engine.adopt(staged, &mut Collect::default())?;
        self.active
            .went(swap.composition.clone(), swap.receipt.kind);
        Ok(())
    }

    /// Takes the engine through an epoch; whether it made the same be said as at first.
    fn again(
        &mut self,
        terms: &BTreeMap<u64, Terms>,
        record: &EpochRecord,
    ) -> Result<(bool, Collect), ServeError> {
        let mut collect = Collect::default();
        match &record.rows {
            None => {
                self.engine.follow(record.now, &mut collect)?;
            }
            Some(rows) => {
                let epoch = self.fill(terms, record, rows)?;
                self.engine.step(epoch, &mut collect)?;
            }
        }
        self.engine.collect(&mut collect)?;
        let said: Vec<SaidRecord> = collect
            .said
            .iter()
            .filter_map(SaidRecord::of)
            .collect::<Result<_, _>>()?;
        Ok((said == record.said, collect))
    }

    /// Keeps the evidence of an epoch again, where a crash has taken it.
    fn keep_evidence(
        &self,
        means: &mut Means<'_>,
        epoch: u64,
        collect: Collect,
    ) -> Result<(), ServeError> {
        let evidence = means.evidence.as_mut();
        let Some(evidence) = evidence.filter(|of| epoch > of.opened.0 && !collect.filed.is_empty())
        else {
            return Ok(());
        };
        let said: Vec<Said> = collect
            .said
            .into_iter()
            .zip(0..)
            .map(|(outcome, number)| Said {
                epoch,
                number,
                outcome,
            })
            .collect();
        let situation = Situation::of(self.active.generation, &self.active.composition);
        evidence.append(epoch, &collect.filed, &said, &situation)?;
        Ok(())
    }

    /// Reads what a source said.
    fn fill(
        &mut self,
        terms: &BTreeMap<u64, Terms>,
        record: &EpochRecord,
        rows: &Rows,
    ) -> Result<Epoch, ServeError> {
        let known = self
            .sources
            .get_mut(rows.source as usize)
            .ok_or(ServeError::Source(rows.source))?;
        if known.stream.generation != record.generation
            && let Some(terms) = terms.get(&record.generation)
        {
            known.stream.follow((record.generation, terms.clone()));
        }
        if rows.begins.is_some() {
            known.stream.tape.begin();
        }
        known.stream.tape.give(&rows.bytes);
        if rows.ended {
            known.stream.tape.end();
        }
        if let Some(name) = &rows.begins {
            let begun = known.stream.begin(name);
            begun.map_err(|error| ServeError::Stream {
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
        Ok(epoch)
    }
}

/// A source that has said nothing yet.
pub(crate) fn known(
    engine: &mut Engine,
    terms: (u64, Terms),
    name: String,
    tenant: String,
) -> Result<Known, ServeError> {
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

#[cfg(test)]
mod tests {
    use palisade_journal::{Folder, Limits};
    use palisade_pipeline::engine::{EngineConfig, EngineError};

    use super::*;
    use crate::composition::Change;
    use crate::loader::LoadError;

    /// Runs nothing.
    struct NoPlugins;

    impl Loader for NoPlugins {
        fn configured(&self, store: &Arc<Store>) -> Result<Configured, LoadError> {
            let composition = Composition::default();
            Ok(Configured {
                generation: self.load(&composition, store)?,
                composition,
            })
        }

        fn changed(
            &self,
            active: &Composition,
            _: &Change,
            _: &Arc<Store>,
        ) -> Result<Composition, LoadError> {
            Ok(active.clone())
        }

        fn load(&self, _: &Composition, _: &Arc<Store>) -> Result<Generation, LoadError> {
            let made = Generation::new(Vec::new(), Vec::new(), None);
            made.map_err(|error| LoadError(error.to_string()))
        }

        fn check(&self, _: &Composition) -> Result<(), LoadError> {
            Ok(())
        }

        fn test(&self, _: &Change) -> Result<usize, LoadError> {
            Ok(0)
        }

        fn engine(&self, generation: Generation) -> Result<Engine, EngineError> {
            let log: palisade_pipeline::capabilities::LogSink = Arc::new(|_, _, _| ());
            Engine::new(EngineConfig::default(), generation, &log)
        }
    }

    #[test]
    fn a_database_that_lacks_more_epochs_than_it_is_given_at_a_time_gets_all() {
        let dir = tempfile::tempdir().unwrap();
        let identity = Identity {
            host: "0.1.0".to_owned(),
            partition_key: String::new(),
            state_bytes: 0,
            options: String::new(),
        };
        let limits = Limits {
            segment: 1 << 20,
            total: 64 << 20,
        };
        let folder = Folder::new(dir.path()).unwrap();
        let (mut journal, _) = Journal::open(folder, limits, 0, 0).unwrap();
        let mut append = |record: &Record| {
            let bytes = postcard::to_stdvec(record).unwrap();
            journal.append(&bytes).unwrap()
        };
        append(&Record::Begin(identity.clone(), Composition::default()));
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
                    generation: 1,
                    rows: None,
                    said: vec![said("a"), said("b")],
                }))
            })
            .last();
        journal.sync().unwrap();
        let path = dir.path().join("findings.db");
        let mut sqlite = Sqlite::open(&path).unwrap();
        let store = dir.path().join("store");
        let store = palisade_private::make_dir(&store).unwrap();
        let store = Arc::new(Store::open(store).unwrap());
        let means = Means {
            loader: &NoPlugins,
            store: &store,
            identity: &identity,
            sqlite: &mut sqlite,
            evidence: None,
        };
        let configured = NoPlugins.configured(&store).unwrap();
        let redone = redo(&journal, configured, means, None).unwrap();
        assert_eq!((Some(redone.last), redone.differ), (last, epochs));
        assert_eq!(Some(sqlite.epoch().unwrap()), last);
        let rows = rusqlite::Connection::open(&path).unwrap();
        let rows = rows.query_row("select count(*) from decisions", [], |row| row.get(0));
        assert_eq!(rows, Ok(2 * epochs as i64));
    }
}
