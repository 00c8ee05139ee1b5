//! Makes everything that the next generation needs, while the present one evaluates.

use std::collections::BTreeSet;
use std::sync::Arc;

use palisade_runtime::{Fault, nothing};

use super::config::EngineError;
use super::evaluate::{NewSeat, Terms};
use super::generation::{Generation, Member};
use super::ground::Ground;
use super::parse::NewParser;
use super::route::Placement;
use super::seat::Seat;
use super::succession::{Discard, StateLoss, losses};

/// Makes the next generation ready, in any thread.
#[derive(Clone)]
pub struct Stage {
    pub(super) ground: Ground,
    pub(super) generation: Arc<Generation>,
}

/// A generation that can be adopted at once: its plugins are compiled, linked and configured.
pub struct Staged {
    pub(super) from: Arc<Generation>,
    pub(super) generation: Arc<Generation>,
    pub(super) workers: Vec<Change>,
    /// Of each parser, then of each plugin, who was there before.
    pub(super) parsers: Vec<Before>,
    pub(super) plugins: Vec<Before>,
}

/// Who was in a plugin's place in the generation before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// Nobody.
    Nobody,
    /// The same, at this position: it goes on as it is.
    Same(usize),
    /// Another version of it, at this position.
    Other(usize),
}

impl Before {
    pub(super) fn position(self) -> Option<usize> {
        match self {
            Before::Nobody => None,
            Before::Same(at) | Before::Other(at) => Some(at),
        }
    }
}

/// What changes on a worker.
pub(crate) struct Change {
    pub(crate) terms: Terms,
    pub(crate) seats: Vec<NewSeat>,
    pub(crate) parsers: Vec<NewParser>,
}

/// Why a generation cannot be adopted.
#[derive(Debug, thiserror::Error)]
pub enum StageError {
    /// State would be lost.
    #[error("{}", said(.0))]
    State(Vec<StateLoss>),
    /// What is to be discarded is not there.
    #[error("there is no state `{0}` to be discarded; write PLUGIN or PLUGIN/TABLE of what runs")]
    Discard(String),
    /// An instance of a plugin could not be made.
    #[error(transparent)]
    Fault(#[from] Box<Fault>),
    /// The generation is none that an engine can have.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

fn said(losses: &[StateLoss]) -> String {
    let all: Vec<String> = losses.iter().map(StateLoss::to_string).collect();
    all.join("; ")
}

impl Stage {
    /// The generation that is evaluating.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// Those of these names of state that are of something which runs.
    pub fn known(&self, discard: &BTreeSet<String>) -> BTreeSet<String> {
        let unknown = Discard(discard).unknown(&self.generation);
        let known = discard.iter().filter(|name| !unknown.contains(name));
        known.cloned().collect()
    }

    /// Makes a generation ready to be adopted: plugins that are in both with the same component
    /// and settings go on as they are, of the others instances are made and configured. State goes on by the names of plugin and
    /// table, save what is named in `discard`, as `PLUGIN` or `PLUGIN/TABLE`.
    ///
    /// # Errors
    /// When state would be lost that is not named in `discard`, an instance cannot be made, or
    /// there is too little memory.
    pub fn prepare(
        &self,
        generation: Generation,
        discard: &BTreeSet<String>,
    ) -> Result<Staged, StageError> {
        let discard = Discard(discard);
        if let Some(unknown) = discard.unknown(&self.generation).into_iter().next() {
            return Err(StageError::Discard(unknown));
        }
        let losses = losses(&self.generation, &generation, &discard);
        if !losses.is_empty() {
            return Err(StageError::State(losses));
        }
        let mut generation = generation;
        let parsers = settle(&self.generation.parsers, &mut generation.parsers);
        let plugins = settle(&self.generation.plugins, &mut generation.plugins);
        let generation = Arc::new(generation);
        let memory = self.ground.memory(&generation)?;
        let provide = self.ground.provide(&generation, &memory)?;
        let terms = self.ground.terms(&generation, &memory);
        for (member, before) in generation.parsers.iter().zip(&parsers) {
            if !matches!(before, Before::Same(_)) {
                // One that refuses its settings is found here and not in the middle of a flow.
                drop(instance(member, &mut nothing())?);
            }
        }
        let mut workers = Vec::with_capacity(self.ground.workers);
        for worker in 0..self.ground.workers {
            let mut seats = Vec::with_capacity(generation.plugins.len());
            let all = generation.plugins.iter().zip(&generation.placements);
            for ((member, placement), before) in all.zip(&plugins) {
                let mut seat = Seat::of(member, *placement, &provide, &terms);
                let keeps = matches!(before, Before::Same(_));
                if !keeps && is_here(*placement, worker, self.ground.workers) {
                    seat.warm().map_err(Box::new)?;
                }
                let old = before.position().map(|at| &self.generation.plugins[at]);
                let from = before
                    .position()
                    .filter(|_| !old.is_some_and(|old| discard.all_of(old)));
                seats.push(NewSeat {
                    seat,
                    from,
                    keeps,
                    discard: old.map(|old| discard.tables_of(old)).unwrap_or_default(),
                });
            }
            let parsers = generation.parsers.iter().zip(&parsers);
            let parsers = parsers.map(|(member, before)| NewParser {
                plugin: Arc::clone(&member.plugin),
                from: match before {
                    Before::Same(at) => Some(*at),
                    _ => None,
                },
            });
            workers.push(Change {
                terms: terms.clone(),
                seats,
                parsers: parsers.collect(),
            });
        }
        Ok(Staged {
            from: Arc::clone(&self.generation),
            generation,
            workers,
            parsers,
            plugins,
        })
    }
}

/// Whether a plugin is shown anything on a worker.
fn is_here(placement: Placement, worker: usize, workers: usize) -> bool {
    match placement {
        Placement::One(home) => home % workers as u64 == worker as u64,
        Placement::Anywhere | Placement::Partitioned => true,
    }
}

/// Who was in the place of each, by key. What is the same shares compiled code.
fn settle(before: &[Member], after: &mut [Member]) -> Vec<Before> {
    let settle = |member: &mut Member| {
        let at = before.iter().position(|old| old.key == member.key);
        let Some(at) = at else {
            return Before::Nobody;
        };
        if !before[at].plugin.is_same(&member.plugin) {
            return Before::Other(at);
        }
        member.plugin = Arc::clone(&before[at].plugin);
        Before::Same(at)
    };
    after.iter_mut().map(settle).collect()
}

/// An instance of a plugin.
fn instance(
    member: &Member,
    lent: &mut Box<dyn palisade_runtime::Capabilities>,
) -> Result<palisade_runtime::Instance, Box<Fault>> {
    let made = member.plugin.instantiate(lent);
    made.map_err(|error| Box::new(error.into_fault(&member.title)))
}
