//! Takes another composition through the journal, beside what ran.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use palisade_journal::Record as Kept;
use palisade_pipeline::engine::Clock;
use palisade_store::Store;

use super::start::{Start, start};
use super::{TrialPlugin, TrialReport, TrialRequest};
use crate::collect::Collect;
use crate::config::Config;
use crate::loader::Loader;
use crate::record::{Identity, Record};
use crate::redo::{Means, PATIENCE, Redone};
use crate::server::{ServeError, Tell, store};

/// How often it is reported how it stands.
const REPORT: Duration = Duration::from_secs(1);
/// How long to wait where the journal has nothing more yet.
const PAUSE: Duration = Duration::from_millis(50);

/// Tries a composition on what the journal of a data directory has, which a server may be writing;
/// reports how it stands each second and at the end. Nothing in the directory is changed.
///
/// # Errors
/// When the journal or the composition cannot be read, or state would be lost.
pub fn trial(
    config: &Config,
    loader: &dyn Loader,
    identity: &Identity,
    request: &TrialRequest,
    (stop, tell): (&Arc<AtomicBool>, &Tell),
    report: &mut dyn FnMut(&TrialReport),
) -> Result<TrialReport, ServeError> {
    let store: Arc<Store> = Arc::new(store(config)?);
    let means = Means {
        loader,
        store: &store,
        identity,
        tell,
        stop,
    };
    // It runs beside the server, and has less of the machine.
    loader.patience(PATIENCE);
    let past = request.past_seconds.map(Duration::from_secs);
    let Start {
        mut redone,
        snapshot,
        mut tail,
    } = start(config, &means, past)?;
    let now = Clock::System.now().unwrap_or_default();
    let from = past.map(|past| now.saturating_sub(past.as_nanos() as u64));
    let mut trial = Trial {
        report: TrialReport {
            state: "catching-up".to_owned(),
            snapshot,
            ..TrialReport::default()
        },
        terms: BTreeMap::from([(redone.active.generation, redone.engine.terms())]),
        warm: BTreeMap::new(),
        events: 0,
        comparing: false,
    };
    let mut reported = Instant::now();
    redone.engine.quarantine_by_faults(false);
    loop {
        if stop.load(Ordering::Relaxed) {
            break;
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            trial.figures(&redone);
            report(&trial.report);
        }
        let Some(kept) = tail.next()? else {
            // What ran is where it was when the trial was asked for.
            if !trial.comparing {
                trial.adopt(&mut redone, &means, request)?;
            }
            if past.is_some() {
                break;
            }
            std::thread::sleep(PAUSE);
            continue;
        };
        redone.last = kept.number;
        let record: Record = postcard::from_bytes(&kept.bytes)?;
        let begins = match &record {
            Record::Epoch(epoch) => from.is_some_and(|from| epoch.now >= from),
            _ => false,
        };
        if begins && !trial.comparing {
            trial.adopt(&mut redone, &means, request)?;
        }
        match trial.comparing {
            false => {
                redone.go(&means, &mut trial.terms, &record, None)?;
            }
            true => trial.compare(&mut redone, &means, &kept, &record)?,
        }
        // What comes while it is being done is not of the past any more.
        if past.is_some() && matches!(&record, Record::Epoch(epoch) if epoch.now > now) {
            break;
        }
    }
    trial.figures(&redone);
    trial.report.state = "done".to_owned();
    Ok(trial.report)
}

struct Trial {
    report: TrialReport,
    terms: BTreeMap<u64, palisade_pipeline::engine::Terms>,
    /// By pack and name, until when what a plugin says may differ since it began with nothing, in
    /// event time; and how many seconds that is.
    warm: BTreeMap<(String, String), (u64, u64)>,
    /// Events that were evaluated before it began.
    events: u64,
    comparing: bool,
}

impl Trial {
    /// Goes over to what is tried.
    fn adopt(
        &mut self,
        redone: &mut Redone,
        means: &Means<'_>,
        request: &TrialRequest,
    ) -> Result<(), ServeError> {
        let generation = means.load(&request.composition)?;
        let before = redone.active.composition.plugins.clone();
        let latest = redone.engine.summary().total_events();
        if !request.composition.is_same(&redone.active.composition) {
            let stage = redone.engine.stage();
            let discard = stage.known(&request.discard_state);
            let staged = stage.prepare(generation, &discard)?;
            redone.engine.adopt(staged, &mut Collect::default())?;
        }
        redone.engine.quarantine_by_faults(true);
        let now = redone.engine.latest_time();
        for key in redone.engine.generation().keys() {
            let known = before
                .iter()
                .any(|b| (&*b.pack, &*b.name) == (&*key.pack, &*key.name));
            let lost = request.discard_state.iter().any(|discard| {
                let plugin = discard.split('/').next().unwrap_or_default();
                plugin == &*key.name || discard.starts_with(&format!("{}/{}", key.pack, key.name))
            });
            // Where the journal was begun with, nobody had anything.
            if known && !lost {
                continue;
            }
            let memory = redone.engine.generation().memory_of(&key);
            let until = now.saturating_add(memory.as_nanos() as u64);
            let key = (key.pack.to_string(), key.name.to_string());
            self.warm.insert(key, (until, memory.as_secs()));
        }
        let generation = redone.active.generation + 1;
        let terms = redone.engine.terms();
        for source in &mut redone.sources {
            source.stream.follow((generation, terms.clone()));
        }
        redone.active.generation = generation;
        // Epochs are read in the terms of the trial, whatever ran then.
        self.terms = BTreeMap::new();
        self.events = latest;
        self.comparing = true;
        "comparing".clone_into(&mut self.report.state);
        Ok(())
    }

    fn compare(
        &mut self,
        redone: &mut Redone,
        means: &Means<'_>,
        kept: &Kept,
        record: &Record,
    ) -> Result<(), ServeError> {
        match record {
            // What operators did to what runs is not done to what is tried.
            Record::Begin(..) | Record::Swap(_) | Record::Act(_) => {}
            Record::Source { .. } | Record::Captures { .. } | Record::Share(_) => {
                redone.go(means, &mut self.terms, record, None)?;
            }
            Record::Epoch(epoch) => {
                let after = redone.again(&self.terms, epoch)?.records()?;
                let warming_up = !self.warm.is_empty() && {
                    let time = redone.engine.latest_time();
                    self.warm.values().any(|(until, _)| time < *until)
                };
                let difference = &mut self.report.difference;
                difference.take(kept.number, &epoch.said, &after, warming_up);
                if self.report.first == 0 {
                    (self.report.first, self.report.first_time) = (kept.number, epoch.now);
                }
                (self.report.record, self.report.time) = (kept.number, epoch.now);
            }
        }
        Ok(())
    }

    /// What each plugin did.
    fn figures(&mut self, redone: &Redone) {
        let summary = redone.engine.summary();
        self.report.events = match self.comparing {
            true => summary.total_events() - self.events,
            false => 0,
        };
        let of = |plugin: &palisade_pipeline::engine::PluginSummary| {
            let key = (plugin.pack.clone(), plugin.name.clone());
            let time = plugin.cost.time + plugin.parse.time;
            TrialPlugin {
                events: plugin.cost.events,
                time_ns: u64::try_from(time.as_nanos()).unwrap_or(u64::MAX),
                faults: plugin.cost.faults,
                quarantined: plugin.quarantined,
                warm_up_seconds: self.warm.get(&key).map(|(_, seconds)| *seconds),
                pack: key.0,
                name: key.1,
            }
        };
        self.report.plugins = summary.plugins.iter().map(of).collect();
    }
}
