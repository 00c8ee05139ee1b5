//! Which rows of an epoch go to which plugin, on which worker, in which order.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use palisade_events::{Batch, FieldId, Kind};
use palisade_runtime::View;
use palisade_runtime::manifest::{
    Capability, Manifest, OptionalExport, Ordering, Table, TableKind,
};

use palisade_sources::Kinds;

use super::generation::Generation;
use super::place::Place;
use super::turns::Turns;
use crate::predicates::{Answers, Effort};
use palisade_state::partition::{PartitionKey, part_of};

/// Where a plugin's events are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Anywhere, batch by batch: it remembers nothing.
    Anywhere,
    /// Each row on the worker that its partition fields choose.
    Partitioned,
    /// All on one worker, chosen by this number: it has state that no field divides, or timers.
    One(u64),
}

impl Placement {
    /// The placement of a plugin; `home` chooses its worker if it needs to have one, and is the
    /// same whichever other plugins there are.
    pub(crate) fn of(manifest: &Manifest, home: u64) -> Placement {
        let remembers = manifest.asks_for(Capability::State)
            || manifest.asks_for(Capability::Timers)
            || manifest.exports(OptionalExport::Observe);
        if !remembers {
            Placement::Anywhere
        } else if manifest.one_shard_only() {
            Placement::One(home)
        } else {
            Placement::Partitioned
        }
    }
}

/// Rows for a subscription, with their place in the order of the run.
#[derive(Clone, Debug)]
pub(crate) struct Shown {
    pub(crate) subscription: usize,
    pub(crate) view: View,
    /// By row of the batch; `None`: by sequence number.
    places: Option<Arc<[Place]>>,
}

impl Shown {
    /// Where a row of the view stands.
    pub(crate) fn place(&self, row: usize) -> Place {
        let row = self.view.batch_row(row as u32);
        match &self.places {
            None => Place::event(self.view.batch().seqs()[row]),
            Some(places) => places[row],
        }
    }

    /// Rows without any others beside them.
    pub(crate) fn alone(subscription: usize, view: View) -> Shown {
        Shown {
            subscription,
            view,
            places: None,
        }
    }

    /// Some of the rows.
    pub(crate) fn slice(&self, from: usize, to: usize) -> Shown {
        Shown {
            subscription: self.subscription,
            view: self.view.slice(from, to),
            places: self.places.clone(),
        }
    }
}

/// A batch of an epoch.
#[derive(Clone, Debug)]
pub(crate) struct Placed {
    pub(crate) batch: Batch,
    /// Where its rows stand; `None`: by sequence number.
    pub(crate) places: Option<Arc<[Place]>>,
}

/// An epoch's batches with the rows that each subscription selects, found once by whichever
/// worker asks first, for the plugins of one level.
pub(crate) struct Routed {
    /// Which epoch it is a part of.
    epoch: u64,
    level: u8,
    generation: Arc<Generation>,
    /// Of each plugin; 0: it is shown nothing.
    levels: Arc<[u8]>,
    batches: Vec<Placed>,
    /// The kinds of the batches.
    kinds: Kinds,
    /// For each batch what filters share.
    answers: Vec<Answers>,
    /// For each batch and subscription to its kind the rows that pass, and what it took to find
    /// them.
    selections: Vec<Box<[Cell]>>,
    ticks: Vec<Tick>,
}

/// The watermark passes a whole second before the event with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Sequence number of the first event after it.
    pub seq: u64,
    /// The watermark before, in nanoseconds.
    pub before: u64,
    /// The watermark, in nanoseconds.
    pub watermark: u64,
}

impl Tick {
    pub(crate) fn place(&self) -> Place {
        Place::tick(self.seq)
    }

    /// Whether the watermark comes to, or passes, a multiple of `step` nanoseconds.
    fn passes(&self, step: u64) -> bool {
        self.watermark / step > self.before / step
    }
}

/// How often a plugin hears of the watermark, in nanoseconds of event time; `None`: never.
///
/// Timers need every second. Tables give back space, and `value` tables their values, in
/// coarser steps that follow from the manifest alone: each step cuts a batch.
fn step(manifest: &Manifest) -> Option<u64> {
    if manifest.asks_for(Capability::Timers) {
        return Some(1);
    }
    let step = |table: &Table| match table.kind {
        TableKind::Value => (table.ttl / 8).clamp(Duration::from_secs(1), Duration::from_secs(60)),
        _ => table
            .ttl
            .clamp(Duration::from_secs(60), Duration::from_secs(3600)),
    };
    let shortest = manifest.tables.iter().map(step).min()?;
    Some(u64::try_from(shortest.as_nanos()).unwrap_or(u64::MAX))
}

/// Rows that pass a filter, once they are found, and what that took.
type Cell = OnceLock<(Selection, u64)>;

/// Rows that pass a filter.
#[derive(Clone, Debug)]
enum Selection {
    None,
    All,
    Rows(Arc<[u32]>),
    /// It took more than the plugin may.
    Unknown,
}

impl Routed {
    /// Routes batches to the plugins of a level: those of one source, sorted by their first
    /// sequence number, and those of findings.
    pub(crate) fn new(
        epoch: u64,
        level: u8,
        (generation, levels): (&Arc<Generation>, &Arc<[u8]>),
        batches: Vec<Placed>,
        ticks: Vec<Tick>,
    ) -> Routed {
        let cells = |placed: &Placed| {
            let subscriptions = generation.subscriptions.of_kind(placed.batch.kind());
            (0..subscriptions).map(|_| OnceLock::new()).collect()
        };
        Routed {
            epoch,
            level,
            levels: Arc::clone(levels),
            answers: batches
                .iter()
                .map(|_| generation.filters.answers())
                .collect(),
            selections: batches.iter().map(cells).collect(),
            kinds: batches.iter().map(|placed| placed.batch.kind()).collect(),
            batches,
            generation: Arc::clone(generation),
            ticks,
        }
    }

    /// The same epoch for the next level, which is shown these findings as well; where it has
    /// been shown the epoch before (`more`), these findings alone.
    pub(crate) fn next(&self, findings: Vec<Placed>, more: bool) -> Routed {
        let (batches, ticks) = if more {
            (findings, Vec::new())
        } else {
            let batches = self.batches.iter().cloned().chain(findings);
            (batches.collect(), self.ticks.clone())
        };
        let level = self.level + 1;
        let plugins = (&self.generation, &self.levels);
        Routed::new(self.epoch, level, plugins, batches, ticks)
    }

    /// The number of the epoch.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The level whose plugins are shown it.
    pub(crate) fn level(&self) -> u8 {
        self.level
    }

    /// Whether it is the turn of the plugin at `index`, and there may be something for it.
    pub(crate) fn is_for(&self, index: usize) -> bool {
        self.levels[index] == self.level
            && (!self.ticks.is_empty() || self.generation.subscriptions.meets(index, self.kinds))
    }

    /// Whether there is nothing that a plugin could be shown.
    pub(crate) fn is_empty(&self) -> bool {
        self.batches.is_empty() && self.ticks.is_empty()
    }

    fn selection(
        &self,
        plugin: usize,
        subscription: usize,
        batch: usize,
        effort: &mut Effort,
    ) -> &Selection {
        let place = self.generation.subscriptions.place(plugin, subscription);
        let mut own = false;
        let (selection, took) = self.selections[batch][place].get_or_init(|| {
            own = true;
            let before = effort.spent();
            let filter = &self.generation.filters[plugin][subscription];
            let rows = filter.select(&self.batches[batch].batch, &self.answers[batch], effort);
            let selection = match rows {
                _ if effort.is_over() => Selection::Unknown,
                None => Selection::All,
                Some(rows) if rows.is_empty() => Selection::None,
                Some(rows) => Selection::Rows(rows.into()),
            };
            (selection, effort.spent() - before)
        });
        if !own {
            effort.charge(*took);
        }
        selection
    }

    /// What the plugin at `index`, which is of the level, gets of this epoch on this worker, of
    /// so many, in order. Beyond the effort that the plugin may take it is all rows of the batches
    /// that are left, which it must not be shown.
    pub(crate) fn turns(
        &self,
        index: usize,
        manifest: &Manifest,
        placement: Placement,
        key: PartitionKey,
        share @ (worker, workers): (usize, usize),
        effort: &mut Effort,
    ) -> Turns {
        if let Placement::One(home) = placement
            && home % workers as u64 != worker as u64
        {
            return Turns::of(Vec::new());
        }
        let mut shows: Vec<Shown> = Vec::new();
        for (number, placed) in self.batches.iter().enumerate() {
            if placement == Placement::Anywhere && number % workers != worker {
                continue;
            }
            let batch = &placed.batch;
            for (subscription, spec) in manifest.subscriptions.iter().enumerate() {
                if spec.kind != batch.kind() {
                    continue;
                }
                let known = match effort.is_over() {
                    true => &Selection::Unknown,
                    false => self.selection(index, subscription, number, effort),
                };
                let rows = match known {
                    Selection::None => continue,
                    Selection::All => None,
                    Selection::Rows(rows) => Some(Arc::clone(rows)),
                    Selection::Unknown => {
                        effort.give_up();
                        None
                    }
                };
                let rows = match placement {
                    Placement::Partitioned if workers > 1 => {
                        let mine =
                            partition(key, batch, rows.as_deref(), &spec.partition_by, share);
                        Some(mine)
                    }
                    _ => rows,
                };
                let view = match rows {
                    None => View::all(batch.clone()),
                    Some(rows) if rows.is_empty() => continue,
                    Some(rows) => View::of(batch.clone(), rows),
                };
                shows.push(Shown {
                    subscription,
                    view,
                    places: placed.places.clone(),
                });
            }
        }
        let in_order = placement != Placement::Anywhere && overlap(&shows, manifest.ordering);
        let mut ticks = Vec::new();
        if let Some(step) = step(manifest) {
            ticks.extend(self.ticks.iter().filter(|tick| tick.passes(step)).copied());
        }
        if in_order || !ticks.is_empty() {
            Turns::interleaved(shows, ticks)
        } else {
            Turns::of(shows)
        }
    }
}

/// Whether the order of events is more than the order of batches. Those of findings overlap
/// even where they are of one kind, since they are made by level and tenant.
fn overlap(shows: &[Shown], ordering: Ordering) -> bool {
    let kinds = |s: &Shown| -> (usize, Kind) { (s.subscription, s.view.batch().kind()) };
    shows.iter().any(|s| s.places.is_some())
        || ordering == Ordering::Exact && shows.windows(2).any(|w| kinds(&w[0]) != kinds(&w[1]))
}

/// The rows whose partition fields choose this worker.
fn partition(
    key: PartitionKey,
    batch: &Batch,
    rows: Option<&[u32]>,
    fields: &[(String, FieldId)],
    (worker, workers): (usize, usize),
) -> Arc<[u32]> {
    let columns: Vec<_> = fields
        .iter()
        .filter_map(|(_, id)| batch.column(*id).ok())
        .collect();
    let mine = |row: &u32| usize::from(part_of(key, &columns, *row as usize)) % workers == worker;
    match rows {
        Some(rows) => rows.iter().copied().filter(mine).collect(),
        None => (0..batch.len() as u32).filter(mine).collect(),
    }
}
