//! What an epoch filed, on its way to where it is kept.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_events::Judgement;
use palisade_pipeline::engine::{Evidence, Filing};
use palisade_pipeline::replay::{KeptCall, KeptPlugin, KeptSaid, ReplayError};
use palisade_sinks::{Outcome, Said};

use crate::composition::Composition;

/// What ran when something was filed.
#[derive(Debug, Default)]
pub(crate) struct Situation {
    generation: u64,
    composition: String,
    /// By pack and name.
    plugins: BTreeMap<(String, String), KeptPlugin>,
    datasets: BTreeMap<String, String>,
}

impl Situation {
    /// A generation and its composition.
    pub(crate) fn of(generation: u64, composition: &Composition) -> Situation {
        let plugins = composition.plugins.iter().map(|plugin| {
            let kept = KeptPlugin {
                pack: plugin.pack.clone(),
                name: plugin.name.clone(),
                version: String::new(),
                digest: plugin.digest.clone(),
                settings: plugin.settings.clone(),
                pack_settings: plugin.pack_settings.clone(),
                packed: plugin.packed.clone(),
                capabilities: plugin.capabilities.clone(),
            };
            ((plugin.pack.clone(), plugin.name.clone()), kept)
        });
        Situation {
            generation,
            composition: composition.digest(),
            plugins: plugins.collect(),
            datasets: composition.datasets.clone(),
        }
    }
}

/// What an epoch filed, by the numbers of what came out.
#[derive(Debug, Default)]
pub(crate) struct Filed {
    filings: Vec<(u32, Filing, Option<Judgement>)>,
    /// Of how much there is no evidence.
    pub(crate) without: u64,
}

/// A call, and what came out of it.
pub(crate) struct Call {
    pub(crate) evidence: Arc<Evidence>,
    said: Vec<KeptSaid>,
}

impl Filed {
    /// A finding with this number.
    pub(crate) fn finding(&mut self, number: u32, filing: Option<Filing>) {
        match filing {
            Some(filing) => self.filings.push((number, filing, None)),
            None => self.without += 1,
        }
    }

    /// The judgements of a decision with this number.
    pub(crate) fn decision(
        &mut self,
        number: u32,
        judgements: &[Judgement],
        filings: Vec<Option<Filing>>,
    ) {
        for (judgement, filing) in judgements.iter().zip(filings) {
            match filing {
                Some(filing) => self.filings.push((number, filing, Some(judgement.clone()))),
                None => self.without += 1,
            }
        }
    }

    /// Bytes that its evidence takes in memory, about.
    pub(crate) fn size(&self) -> usize {
        let mut seen = BTreeMap::new();
        for (_, filing, _) in &self.filings {
            seen.entry(Arc::as_ptr(&filing.evidence))
                .or_insert_with(|| filing.evidence.size());
        }
        seen.values().sum()
    }

    /// Whether nothing was filed.
    pub(crate) fn is_empty(&self) -> bool {
        self.filings.is_empty() && self.without == 0
    }

    /// The calls, in the order in which something came of them; `said` is all of the epoch.
    ///
    /// # Errors
    /// When something cannot be written as JSON.
    pub(crate) fn calls(&self, said: &[Said]) -> Result<Vec<Call>, serde_json::Error> {
        let mut calls: Vec<Call> = Vec::new();
        let mut known: BTreeMap<*const Evidence, usize> = BTreeMap::new();
        for (number, filing, judgement) in &self.filings {
            let outcome = said.get(*number as usize).map(|said| &said.outcome);
            let json = match (judgement, outcome) {
                (Some(judgement), _) => serde_json::to_string(judgement)?,
                (None, Some(Outcome::Finding(finding))) => serde_json::to_string(finding)?,
                _ => continue,
            };
            let said = KeptSaid {
                nth: filing.nth,
                number: *number,
                json,
            };
            let at = *known
                .entry(Arc::as_ptr(&filing.evidence))
                .or_insert_with(|| {
                    calls.push(Call {
                        evidence: Arc::clone(&filing.evidence),
                        said: Vec::new(),
                    });
                    calls.len() - 1
                });
            if let Some(call) = calls.get_mut(at) {
                call.said.push(said);
            }
        }
        Ok(calls)
    }
}

impl Call {
    /// The numbers of what came out.
    pub(crate) fn numbers(&self) -> Vec<u32> {
        let mut numbers: Vec<u32> = self.said.iter().map(|said| said.number).collect();
        numbers.dedup();
        numbers
    }

    /// The call as it is kept.
    ///
    /// # Errors
    /// When it is too large to be kept.
    pub(crate) fn keep(self, epoch: u64, situation: &Situation) -> Result<KeptCall, ReplayError> {
        let mut call = KeptCall::of(&self.evidence, self.said)?;
        call.host = env!("CARGO_PKG_VERSION").to_owned();
        call.epoch = epoch;
        call.generation = situation.generation;
        call.composition.clone_from(&situation.composition);
        let key = (call.plugin.pack.clone(), call.plugin.name.clone());
        let known = situation.plugins.get(&key);
        if let Some(known) = known.filter(|known| known.digest == call.plugin.digest) {
            let version = std::mem::take(&mut call.plugin.version);
            call.plugin = known.clone();
            call.plugin.version = version;
        }
        for (name, digest) in &mut call.datasets {
            *digest = situation.datasets.get(name).cloned();
        }
        Ok(call)
    }
}
