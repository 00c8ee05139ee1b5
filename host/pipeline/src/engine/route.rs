//! Which rows of an epoch go to which plugin, on which worker, in which order.

use std::sync::{Arc, OnceLock};

use palisade_events::{Batch, FieldId, Kind, Values};
use palisade_runtime::View;
use palisade_runtime::manifest::{Capability, Manifest, OptionalExport, Ordering};

use crate::predicates::Filter;

/// Where a plugin's events are evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Placement {
    /// Anywhere, batch by batch: it remembers nothing.
    Anywhere,
    /// Each row on the worker that its partition fields choose.
    Partitioned,
    /// All on one worker: it has state that no field divides.
    One(usize),
}

impl Placement {
    /// The placement of the plugin at this position.
    pub(crate) fn of(manifest: &Manifest, index: usize) -> Placement {
        let remembers = manifest.asks_for(Capability::State)
            || manifest.asks_for(Capability::Timers)
            || manifest.exports(OptionalExport::Observe);
        if !remembers {
            Placement::Anywhere
        } else if manifest.one_shard_only() {
            Placement::One(index)
        } else {
            Placement::Partitioned
        }
    }
}

/// What a plugin gets next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Rows for a subscription.
    Show(usize, View),
    /// The watermark has come to here.
    Watermark(u64),
}

/// An epoch's batches with the rows that each subscription selects, found once by whichever
/// worker asks first.
pub(crate) struct Routed {
    batches: Vec<Batch>,
    /// For each plugin and subscription the filter.
    filters: Arc<[Vec<Filter>]>,
    /// For each plugin, subscription and batch the rows that pass.
    selections: Vec<Vec<Vec<OnceLock<Selection>>>>,
    ticks: Vec<Tick>,
}

/// The watermark passes a whole second before the event with this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Tick {
    /// Sequence number of the first event after it.
    pub seq: u64,
    /// The watermark, in nanoseconds.
    pub watermark: u64,
}

/// Rows that pass a filter.
#[derive(Clone, Debug)]
enum Selection {
    None,
    All,
    Rows(Arc<[u32]>),
}

impl Routed {
    /// Routes batches of one source, which are sorted by their first sequence number.
    pub(crate) fn new(
        batches: Vec<Batch>,
        filters: Arc<[Vec<Filter>]>,
        ticks: Vec<Tick>,
    ) -> Routed {
        let selections = filters
            .iter()
            .map(|subscriptions| {
                let cells = || (0..batches.len()).map(|_| OnceLock::new()).collect();
                subscriptions.iter().map(|_| cells()).collect()
            })
            .collect();
        Routed {
            batches,
            filters,
            selections,
            ticks,
        }
    }

    fn selection(&self, plugin: usize, subscription: usize, batch: usize) -> &Selection {
        self.selections[plugin][subscription][batch].get_or_init(|| {
            let rows = self.filters[plugin][subscription].select(&self.batches[batch]);
            match rows {
                None => Selection::All,
                Some(rows) if rows.is_empty() => Selection::None,
                Some(rows) => Selection::Rows(rows.into()),
            }
        })
    }

    /// What the plugin at `index` gets of this epoch on this worker, in order.
    pub(crate) fn turns(
        &self,
        index: usize,
        manifest: &Manifest,
        placement: Placement,
        worker: usize,
        workers: usize,
    ) -> Vec<Turn> {
        if let Placement::One(home) = placement
            && home % workers != worker
        {
            return Vec::new();
        }
        let mut shows: Vec<(usize, View)> = Vec::new();
        for (number, batch) in self.batches.iter().enumerate() {
            if placement == Placement::Anywhere && number % workers != worker {
                continue;
            }
            for (subscription, spec) in manifest.subscriptions.iter().enumerate() {
                if spec.kind != batch.kind() {
                    continue;
                }
                let rows = match self.selection(index, subscription, number) {
                    Selection::None => continue,
                    Selection::All => None,
                    Selection::Rows(rows) => Some(Arc::clone(rows)),
                };
                let rows = match placement {
                    Placement::Partitioned if workers > 1 => {
                        let mine =
                            partition(batch, rows.as_deref(), &spec.partition_by, worker, workers);
                        Some(mine)
                    }
                    _ => rows,
                };
                let view = match rows {
                    None => View::all(batch.clone()),
                    Some(rows) if rows.is_empty() => continue,
                    Some(rows) => View::of(batch.clone(), rows),
                };
                shows.push((subscription, view));
            }
        }
        let in_order = manifest.ordering == Ordering::Exact && placement != Placement::Anywhere;
        let timed = manifest.asks_for(Capability::Timers);
        if in_order && several_kinds(&shows) || timed {
            interleave(shows, if timed { &self.ticks } else { &[] })
        } else {
            shows
                .into_iter()
                .map(|(s, view)| Turn::Show(s, view))
                .collect()
        }
    }
}

/// Whether the order of events is more than the order of batches.
fn several_kinds(shows: &[(usize, View)]) -> bool {
    let kinds = |s: &(usize, View)| -> (usize, Kind) { (s.0, s.1.batch().kind()) };
    shows.windows(2).any(|w| kinds(&w[0]) != kinds(&w[1]))
}

/// Cuts views so that events come in the order of their sequence numbers, and ticks of the
/// watermark at their place among them.
fn interleave(shows: Vec<(usize, View)>, ticks: &[Tick]) -> Vec<Turn> {
    let seq = |view: &View, row: usize| view.batch().seqs()[view.batch_row(row as u32)];
    let mut cursors = vec![0usize; shows.len()];
    let mut ticks = ticks.iter().peekable();
    let mut turns = Vec::new();
    loop {
        let next = (0..shows.len())
            .filter(|i| cursors[*i] < shows[*i].1.len())
            .min_by_key(|i| (seq(&shows[*i].1, cursors[*i]), shows[*i].0));
        let Some(current) = next else { break };
        let first = seq(&shows[current].1, cursors[current]);
        while let Some(tick) = ticks.next_if(|tick| tick.seq <= first) {
            turns.push(Turn::Watermark(tick.watermark));
        }
        // Up to where another view, or a tick, has its turn.
        let mut until = ticks.peek().map_or(u64::MAX, |tick| tick.seq);
        for other in (0..shows.len()).filter(|i| *i != current) {
            if cursors[other] < shows[other].1.len() {
                let theirs = seq(&shows[other].1, cursors[other]);
                // The same event for two subscriptions: the earlier subscription first.
                until = until.min(theirs + u64::from(shows[other].0 > shows[current].0));
            }
        }
        let view = &shows[current].1;
        let from = cursors[current];
        let mut to = from + 1;
        while to < view.len() && seq(view, to) < until {
            to += 1;
        }
        cursors[current] = to;
        turns.push(Turn::Show(shows[current].0, view.slice(from, to)));
    }
    turns.extend(ticks.map(|tick| Turn::Watermark(tick.watermark)));
    turns
}

/// The rows whose partition fields choose this worker.
fn partition(
    batch: &Batch,
    rows: Option<&[u32]>,
    fields: &[(String, FieldId)],
    worker: usize,
    workers: usize,
) -> Arc<[u32]> {
    let columns: Vec<_> = fields
        .iter()
        .filter_map(|(_, id)| batch.column(*id).ok())
        .collect();
    let mine = |row: &u32| {
        let mut hash = FNV_START;
        for column in &columns {
            let range = column.range(*row as usize);
            for at in range {
                hash = value_hash(hash, &column.values, at, column.is_valid(at));
            }
        }
        (hash % workers as u64) as usize == worker
    };
    match rows {
        Some(rows) => rows.iter().copied().filter(mine).collect(),
        None => (0..batch.len() as u32).filter(mine).collect(),
    }
}

/// FNV-1a, 64 bits: the worker of a key is the same in every run.
const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn value_hash(hash: u64, values: &Values, at: usize, valid: bool) -> u64 {
    if !valid {
        return mix(hash, &[0]);
    }
    match values {
        Values::U8(v) => mix(hash, &[v[at]]),
        Values::U16(v) => mix(hash, &v[at].to_le_bytes()),
        Values::U32(v) => mix(hash, &v[at].to_le_bytes()),
        Values::U64(v) => mix(hash, &v[at].to_le_bytes()),
        Values::F64(v) => mix(hash, &v[at].to_le_bytes()),
        Values::Address(v) => mix(hash, &v[at * 16..at * 16 + 16]),
        Values::Text { .. } => mix(hash, values.text(at)),
    }
}
