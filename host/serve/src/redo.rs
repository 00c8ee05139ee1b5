//! Does again what the journal says was done.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use palisade_journal::Journal;
use palisade_pipeline::engine::{Engine, Epoch, Generation, PluginKey, Terms};
use palisade_sinks::{LetterRow, Outcome, Said, Sqlite};
use palisade_sources::CheckpointError;
use palisade_store::Store;

use crate::act::{self, ActError, ActRecord};
use crate::active::Active;
use crate::captures::{CaptureImage, CaptureStream, rebuild, remember_capture};
use crate::collect::Collect;
use crate::composition::Composition;
use crate::evidence::{EvidenceLog, Filed, Situation};
use crate::follow::remember;
use crate::ingest::{Delivered, Seen};
use crate::loader::{Configured, Loader};
use crate::record::{EpochRecord, FilePlace, Identity, Record, Rows, SaidRecord, SwapRecord};
use crate::server::{ServeError, Tell};
use crate::snapshot::SourceImage;
use crate::stream::Stream;
use crate::swap::Asked;

/// The most epochs whose findings the database is given at a time.
const MAX_TAKEN: usize = 256;
/// By how much calls may take longer that came about once: the machine may be busier than it was, and
/// a call that is cut off now, and was not then, would change what plugins remember.
pub(crate) const PATIENCE: u32 = 16;
/// The most generations in whose terms something may still be read: sources go over to the present one
/// with the next epoch that they fill.
const MAX_TERMS: usize = 64;

/// A source as the journal knows it.
pub(crate) struct Known {
    pub(crate) name: String,
    pub(crate) tenant: String,
    pub(crate) stream: Stream,
    /// Its flows, if it is a source of packets; then there is nothing in `stream`.
    pub(crate) capture: Option<CaptureStream>,
    /// The flows that were open at the snapshot that it comes from.
    pub(crate) open: Option<CaptureImage>,
    /// Where the journal ends, in a stream that had not ended then.
    pub(crate) resume: Option<FilePlace>,
    /// The files that were read to their ends, the latest last.
    pub(crate) read: Vec<FilePlace>,
    /// Where in the stream the last record ends.
    pub(crate) offset: u64,
    /// What was delivered of late, of a network source.
    pub(crate) seen: Seen,
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
    /// How many sources of packets share the memory for flows; 0: there are none.
    pub(crate) share: u64,
    /// What the configuration asks for, where that is not what it asked for when it was last heeded.
    pub(crate) wanted: Option<Configured>,
}

/// What is needed to do a journal again.
pub(crate) struct Means<'a> {
    pub(crate) loader: &'a dyn Loader,
    pub(crate) store: &'a Arc<Store>,
    pub(crate) identity: &'a Identity,
    pub(crate) tell: &'a Tell,
    /// Set when there is no need to go on.
    pub(crate) stop: &'a AtomicBool,
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
/// When the journal cannot be read, is of other plugins, the engine cannot go on, or it is told to
/// stop, which it looks for before each record.
pub(crate) fn redo(
    journal: &Journal,
    configured: Configured,
    (means, (sqlite, mut evidence)): (&Means<'_>, (&mut Sqlite, Option<&mut EvidenceLog>)),
    from: Option<From>,
) -> Result<Redone, ServeError> {
    means.loader.patience(PATIENCE);
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
    if journal.last() == 0 && from.is_none() {
        means.loader.patience(1);
        return Ok(Redone {
            engine: means.loader.engine(configured.generation)?,
            active: Active::first(configured.composition),
            sources: Vec::new(),
            last: 0,
            differ: 0,
            share: 0,
            wanted: None,
        });
    }
    let snapshot = from.as_ref().map_or(0, |from| from.record);
    let mut records = journal.read(there.min(snapshot) + 1)?;
    let mut redone = match from {
        Some(from) => Redone::after(from),
        None => first(records.next().transpose()?, means)?,
    };
    let read = |since: u64| journal.read(since.max(journal.first()));
    rebuild(&mut redone, snapshot, means.tell, read)?;
    redone.engine.quarantine_by_faults(false);
    let generation = redone.active.generation;
    let mut terms = BTreeMap::from([(generation, redone.engine.terms())]);
    let (mut missing, mut epochs) = (Vec::new(), 0);
    for record in records {
        // What the database lacks it is given at the next start.
        if means.stop.load(Ordering::Relaxed) {
            return Err(ServeError::Stopped);
        }
        let record = record?;
        redone.last = record.number;
        // What the snapshot stands for is only given to the database.
        let evaluate = record.number > snapshot;
        let number = record.number;
        let record: Record = postcard::from_bytes(&record.bytes)?;
        if evaluate || matches!(record, Record::Share(_)) {
            let same = redone.go(means, &mut terms, &record, evidence.as_deref_mut())?;
            redone.differ += u64::from(!same);
        }
        if number > there {
            epochs += usize::from(matches!(
                record,
                Record::Epoch(_) | Record::Swap(_) | Record::Act(_)
            ));
            missing.extend(record.outcomes(number)?);
        }
        if epochs == MAX_TAKEN {
            sqlite.take(&missing, redone.last)?;
            (missing, epochs) = (Vec::new(), 0);
        }
    }
    if redone.last > there {
        sqlite.take(&missing, redone.last)?;
    }
    redone.engine.quarantine_by_faults(true);
    means.loader.patience(1);
    let heeded = configured.composition.is_same(&redone.active.configured);
    redone.wanted = Some(configured).filter(|_| !heeded);
    Ok(redone)
}

/// Begins with the first record of a journal.
pub(crate) fn first(
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
        share: 0,
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
    if let Some(open) = image.capture {
        let identity = (image.name, image.tenant);
        let known = known_capture(engine, terms, identity, open.share)?;
        return Ok(Known {
            open: Some(open),
            resume: image.resume,
            read: image.read,
            ..known
        });
    }
    let mut known = known(engine, terms, image.name, image.tenant)?;
    let name = known.name.clone();
    let problem = |error: CheckpointError| ServeError::Stream {
        name,
        problem: error.to_string(),
    };
    known.offset = known.stream.go_on(image.stream).map_err(problem)?;
    (known.resume, known.read, known.seen) = (image.resume, image.read, image.seen);
    Ok(known)
}

impl Means<'_> {
    pub(crate) fn load(&self, composition: &Composition) -> Result<Generation, ServeError> {
        Ok(self.loader.load(composition, self.store)?)
    }
}

impl Redone {
    /// Nothing but what a snapshot has.
    pub(crate) fn after(from: From) -> Redone {
        Redone {
            engine: from.engine,
            active: from.active,
            share: from
                .sources
                .iter()
                .filter_map(|known| Some(known.open.as_ref()?.share))
                .max()
                .unwrap_or(0),
            sources: from.sources,
            last: from.record,
            differ: 0,
            wanted: None,
        }
    }

    /// Does again what a record says was done; `terms` are those in which epochs may have been read.
    /// Whether it made the same be said as at first.
    pub(crate) fn go(
        &mut self,
        means: &Means<'_>,
        terms: &mut BTreeMap<u64, Terms>,
        record: &Record,
        evidence: Option<&mut EvidenceLog>,
    ) -> Result<bool, ServeError> {
        match record {
            Record::Begin(..) => return Err(ServeError::Beginning),
            Record::Source { name, tenant } => {
                let terms = (self.active.generation, self.engine.terms());
                let known = known(&mut self.engine, terms, name.clone(), tenant.clone())?;
                self.sources.push(known);
            }
            Record::Captures { name, tenant } => {
                let terms = (self.active.generation, self.engine.terms());
                let identity = (name.clone(), tenant.clone());
                let known = known_capture(&mut self.engine, terms, identity, self.share)?;
                self.sources.push(known);
            }
            Record::Share(share) => {
                self.share = *share;
                let streams = self.sources.iter_mut();
                let streams = streams.filter_map(|known| known.capture.as_mut());
                streams.for_each(|stream| stream.share(*share));
            }
            Record::Swap(swap) => {
                self.swap(means, swap)?;
                terms.insert(self.active.generation, self.engine.terms());
                if terms.len() > MAX_TERMS {
                    terms.pop_first();
                }
            }
            Record::Act(act) => return self.act_again(act, evidence),
            Record::Epoch(epoch) => {
                let done = self.again(terms, epoch)?;
                self.quarantine(&epoch.quarantined);
                let same = is_same(&done.records()?, &epoch.said);
                // What was said at first stands, and only that can have evidence.
                self.keep_evidence(evidence.filter(|_| same), done)?;
                return Ok(same);
            }
        }
        Ok(true)
    }

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

    /// Takes the engine through an epoch; what it makes be said.
    pub(crate) fn again(
        &mut self,
        terms: &BTreeMap<u64, Terms>,
        record: &EpochRecord,
    ) -> Result<Done, ServeError> {
        let mut collect = Collect::default();
        match &record.rows {
            None => {
                self.engine.follow(record.now, &mut collect)?;
            }
            Some(rows) => {
                let (epoch, letters) = self.fill(terms, record, rows)?;
                collect = Collect::with(letters);
                self.engine.step(epoch.kept_as(self.last), &mut collect)?;
            }
        }
        self.engine.collect(&mut collect)?;
        Ok(Done::of(collect))
    }

    /// Does again what an operator had done; whether it made the same be said as at first.
    fn act_again(
        &mut self,
        record: &ActRecord,
        evidence: Option<&mut EvidenceLog>,
    ) -> Result<bool, ServeError> {
        let mut collect = Collect::default();
        let asked = Asked {
            by: String::new(),
            key: None,
        };
        let done = act::apply(&mut self.engine, &record.what, (&asked, 0), &mut collect);
        self.quarantine(&record.quarantined);
        match done {
            Ok(_) => {
                let done = Done::of(collect);
                let same = is_same(&done.records()?, &record.said);
                self.keep_evidence(evidence.filter(|_| same), done)?;
                Ok(same)
            }
            Err(ActError::Refused(_)) => Ok(false),
            Err(ActError::Engine(error)) => Err(error.into()),
        }
    }

    /// Keeps the evidence of the latest record again, where a crash has taken it.
    fn keep_evidence(
        &self,
        evidence: Option<&mut EvidenceLog>,
        done: Done,
    ) -> Result<(), ServeError> {
        let epoch = self.last;
        let evidence = evidence.filter(|of| epoch > of.opened.0 && !done.filed.is_empty());
        let Some(evidence) = evidence else {
            return Ok(());
        };
        let said = done.said.into_iter().zip(0..);
        let said: Vec<Said> = said
            .map(|(outcome, number)| Said {
                epoch,
                number,
                outcome,
            })
            .collect();
        let situation = Situation::of(self.active.generation, &self.active.composition);
        evidence.append(epoch, &done.filed, &said, &situation)?;
        Ok(())
    }

    /// Puts plugins into quarantine that came into it then.
    fn quarantine(&mut self, plugins: &[(String, String)]) {
        for (pack, name) in plugins {
            self.engine.quarantine(&PluginKey {
                pack: pack.as_str().into(),
                name: name.as_str().into(),
            });
        }
    }

    /// Reads what a source said.
    fn fill(
        &mut self,
        terms: &BTreeMap<u64, Terms>,
        record: &EpochRecord,
        rows: &Rows,
    ) -> Result<(Epoch, (Vec<LetterRow>, u64)), ServeError> {
        let known = self
            .sources
            .get_mut(rows.source as usize)
            .ok_or(ServeError::Source(rows.source))?;
        if known.capture.is_some() {
            let epoch = known.fill_capture(terms, record, rows)?;
            return Ok((epoch, (Vec::new(), 0)));
        }
        if known.stream.generation != record.generation
            && let Some(terms) = terms.get(&record.generation)
        {
            known.stream.follow((record.generation, terms.clone()));
        }
        if let Some(delivered) = &rows.delivered {
            let epoch = known.deliver(delivered, rows, record.now)?;
            return Ok((epoch, known.stream.letters(record.now)));
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
        let filling = known.stream.fill(&mut epoch, record.now);
        known.offset = filling.offset;
        known.resume = rows.place.clone().filter(|_| !rows.ended);
        if let Some(place) = rows.place.clone().filter(|_| rows.ended) {
            remember(&mut known.read, place);
        }
        Ok((epoch, (filling.letters, filling.dropped)))
    }
}

/// What a record made be said once more, and by which calls.
pub(crate) struct Done {
    said: Vec<Outcome>,
    filed: Filed,
}

impl Done {
    fn of(mut collect: Collect) -> Done {
        Done {
            filed: std::mem::take(&mut collect.filed),
            said: collect.outcomes(),
        }
    }

    /// What was said, as it is kept.
    pub(crate) fn records(&self) -> Result<Vec<SaidRecord>, serde_json::Error> {
        self.said.iter().filter_map(SaidRecord::of).collect()
    }
}

/// Whether the same was said. What could not be read was so wherever it came from, and is not
/// read again in every case.
fn is_same(now: &[SaidRecord], then: &[SaidRecord]) -> bool {
    let of_plugins = |said: &&SaidRecord| match said {
        SaidRecord::Letter(letter) => letter.plugin.is_some(),
        SaidRecord::Finding(_) | SaidRecord::Decision { .. } => true,
    };
    let now = now.iter().filter(of_plugins);
    now.eq(then.iter().filter(of_plugins))
}

impl Known {
    /// Reads what was delivered over a network: as at first, all of it in one epoch.
    fn deliver(
        &mut self,
        delivered: &[Delivered],
        rows: &Rows,
        now: u64,
    ) -> Result<Epoch, ServeError> {
        let mut epoch = self.stream.epoch(now).whole();
        let mut at = 0;
        for one in delivered {
            let end = at + usize::try_from(one.bytes).unwrap_or(usize::MAX);
            let problem = |problem: String| ServeError::Stream {
                name: one.name.clone(),
                problem,
            };
            let bytes = rows.bytes.get(at..end);
            let bytes = bytes.ok_or_else(|| problem("it is shorter than it says".to_owned()))?;
            if one.read {
                let read = self.stream.deliver(&one.name, bytes, &mut epoch);
                read.map_err(|error| problem(error.to_string()))?;
            }
            at = end;
        }
        self.stream.put(&mut epoch);
        self.seen.follow(delivered);
        Ok(epoch)
    }
}

impl Known {
    /// Takes packets that a source said.
    fn fill_capture(
        &mut self,
        terms: &BTreeMap<u64, Terms>,
        record: &EpochRecord,
        rows: &Rows,
    ) -> Result<Epoch, ServeError> {
        let damaged = || ServeError::Stream {
            name: self.name.clone(),
            problem: "its packets are damaged".to_owned(),
        };
        let stream = self
            .capture
            .as_mut()
            .ok_or(ServeError::Source(rows.source))?;
        if stream.generation != record.generation
            && let Some(terms) = terms.get(&record.generation)
        {
            stream.follow((record.generation, terms.clone()));
        }
        let mut epoch = stream.epoch(record.now);
        stream
            .fill(&mut epoch, &rows.bytes)
            .map_err(|_| damaged())?;
        self.resume = rows.place.clone().filter(|_| !rows.ended);
        if let Some(place) = rows.place.clone().filter(|_| rows.ended) {
            remember_capture(&mut self.read, place);
        }
        Ok(epoch)
    }
}

/// A source of packets that has said nothing yet, one of so many.
pub(crate) fn known_capture(
    engine: &mut Engine,
    terms: (u64, Terms),
    (name, tenant): (String, String),
    share: u64,
) -> Result<Known, ServeError> {
    let mut known = known(engine, terms.clone(), name, tenant)?;
    let source = Arc::clone(&known.stream.source);
    known.capture = Some(CaptureStream::new(source, terms, share));
    Ok(known)
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
        capture: None,
        open: None,
        resume: None,
        read: Vec::new(),
        offset: 0,
        seen: Seen::default(),
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
        fn patience(&self, _: u32) {}

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

        fn trial(&self) -> Result<std::process::Command, LoadError> {
            Err(LoadError("there is none".to_owned()))
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
                    quarantined: Vec::new(),
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
            tell: &(Arc::new(|_| ()) as _),
            stop: &AtomicBool::new(true),
        };
        // It is told to stop, and nothing is done that must be done again otherwise.
        let configured = NoPlugins.configured(&store).unwrap();
        let stopped = redo(&journal, configured, (&means, (&mut sqlite, None)), None);
        assert!(matches!(stopped, Err(ServeError::Stopped)));
        assert_eq!(sqlite.epoch().unwrap(), 0);
        means.stop.store(false, Ordering::Relaxed);
        let configured = NoPlugins.configured(&store).unwrap();
        let redone = redo(&journal, configured, (&means, (&mut sqlite, None)), None).unwrap();
        assert_eq!((Some(redone.last), redone.differ), (last, epochs));
        assert_eq!(Some(sqlite.epoch().unwrap()), last);
        let rows = rusqlite::Connection::open(&path).unwrap();
        let rows = rows.query_row("select count(*) from decisions", [], |row| row.get(0));
        assert_eq!(rows, Ok(2 * epochs as i64));
    }
}
