//! State, timers, datasets and log of one plugin on one shard, as the runtime asks for them.

mod log;
mod save;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use palisade_events::Column;
use palisade_runtime::manifest::{Manifest, Subscription, TableKind};
use palisade_runtime::{Capabilities, DatasetEntry, Fired, Hit, LogLevel, Refusal, View};

use crate::predicates::Membership;
use palisade_state::datasets::{Dataset, Scratch};
use palisade_state::partition::PartitionKey;
use palisade_state::timers::Timers;
use palisade_state::{Holds, PartitionedBy, Rows, Span, TableSpec, Tables};

use log::Log;
pub use log::LogSink;

/// What a plugin gets on one shard.
pub struct Shard {
    tables: Tables,
    timers: Timers,
    /// By position in the manifest; `None`: not loaded.
    datasets: Vec<Option<Arc<Dataset>>>,
    log: Log,
    /// A write has begun and not returned: a panic came between.
    writing: bool,
}

impl Shard {
    /// Bytes of the tables.
    pub fn state_bytes(&self) -> u64 {
        self.tables.bytes()
    }

    /// Empty tables and no timers, for a plugin that may use so many bytes of state on all
    /// workers together and so many of timers on this one. Datasets are found by name.
    pub fn new(
        manifest: &Manifest,
        (state_bytes, timer_bytes): (u64, usize),
        key: PartitionKey,
        datasets: &[Arc<Dataset>],
        log: LogSink,
    ) -> Shard {
        let find = |name: &String| datasets.iter().find(|d| d.name() == name).map(Arc::clone);
        Shard {
            tables: Tables::partitioned(specs(manifest), state_bytes, partition(manifest), key),
            timers: Timers::new(timer_bytes),
            datasets: manifest.datasets.iter().map(find).collect(),
            log: Log::new(manifest.name.clone(), log),
            writing: false,
        }
    }

    /// Goes on with the tables and timers of the plugin's version before, as far as
    /// [`Tables::inherit`] does. Between calls only.
    pub(crate) fn inherit(&mut self, before: Shard, discard: &[String]) {
        self.write(|shard| {
            shard.tables.inherit(before.tables, discard);
            shard.timers.inherit(before.timers);
        });
    }

    /// Runs a body that writes to tables or timers, noting whether it returned.
    fn write<R>(&mut self, body: impl FnOnce(&mut Shard) -> R) -> R {
        self.writing = true;
        let result = body(self);
        self.writing = false;
        result
    }

    fn dataset(&self, position: usize) -> Result<&Arc<Dataset>, Refusal> {
        let found = self.datasets.get(position).and_then(Option::as_ref);
        found.ok_or_else(|| "the dataset is not loaded; give it with `--dataset`".into())
    }
}

/// The tables that a manifest declares.
pub(crate) fn specs(manifest: &Manifest) -> Vec<TableSpec> {
    let nanoseconds = |d: std::time::Duration| u64::try_from(d.as_nanos()).unwrap_or(u64::MAX);
    manifest
        .tables
        .iter()
        .map(|table| TableSpec {
            name: table.name.clone(),
            holds: match table.kind {
                TableKind::Count => Holds::Count,
                TableKind::Sum => Holds::Sum,
                TableKind::Distinct => Holds::Distinct,
                TableKind::First => Holds::First,
                TableKind::Value => Holds::Value,
            },
            key: table.key.iter().map(|(_, id)| *id).collect(),
            span: Span {
                window: nanoseconds(table.window).max(1),
                ttl: nanoseconds(table.ttl).max(1),
            },
            max_keys: table.max_keys,
        })
        .collect()
}

/// How the plugin's rows are divided among workers.
pub(crate) fn partition(manifest: &Manifest) -> PartitionedBy {
    if manifest.one_shard_only() {
        return PartitionedBy::nothing();
    }
    let fields = |subscription: &Subscription| {
        let by = subscription.partition_by.iter();
        (subscription.kind, by.map(|(_, id)| *id).collect())
    };
    PartitionedBy::fields_of(manifest.subscriptions.iter().map(fields).collect())
}

fn rows<'a>(view: &'a View, rows: &'a [u32]) -> Rows<'a> {
    Rows {
        batch: view.batch(),
        selection: view.selection().map(|s| &s[..]),
        rows,
    }
}

/// A refusal in the host's words.
fn refusal(error: impl std::fmt::Display) -> Refusal {
    error.to_string()
}

impl Capabilities for Shard {
    fn begin(&mut self, tenant: &str) {
        self.log.begin();
        self.write(|shard| {
            shard.tables.begin(tenant);
            shard.timers.begin(tenant);
        });
    }

    fn begin_configure(&mut self) {
        self.begin("");
        self.log.configure();
    }

    fn commit(&mut self) {
        self.write(|shard| {
            shard.tables.commit();
            shard.timers.commit();
        });
        self.log.keep();
    }

    fn rollback(&mut self) -> bool {
        self.log.rollback();
        if self.writing {
            return false;
        }
        self.write(|shard| {
            shard.tables.rollback();
            shard.timers.rollback();
        });
        true
    }

    fn count(&mut self, view: &View, table: usize, of: &[u32]) -> Result<Vec<u64>, Refusal> {
        let count = |shard: &mut Shard| shard.tables.count(table, rows(view, of));
        self.write(count).map_err(refusal)
    }

    fn sum(
        &mut self,
        view: &View,
        table: usize,
        values: &Column,
        of: &[u32],
    ) -> Result<Vec<u64>, Refusal> {
        let rows = rows(view, of);
        let sum = |shard: &mut Shard| shard.tables.sum(table, values, rows);
        self.write(sum).map_err(refusal)
    }

    fn distinct(
        &mut self,
        view: &View,
        table: usize,
        values: &Column,
        of: &[u32],
    ) -> Result<Vec<u64>, Refusal> {
        let rows = rows(view, of);
        let distinct = |shard: &mut Shard| shard.tables.distinct(table, values, rows);
        self.write(distinct).map_err(refusal)
    }

    fn first(&mut self, view: &View, table: usize, of: &[u32]) -> Result<Vec<u8>, Refusal> {
        let first = |shard: &mut Shard| shard.tables.first(table, rows(view, of));
        self.write(first).map_err(refusal)
    }

    fn citations(&mut self, view: &View, table: usize, row: u32) -> Result<Vec<u64>, Refusal> {
        let row = view.batch_row(row);
        let cited = |shard: &mut Shard| shard.tables.citations(table, view.batch(), row);
        self.write(cited).map_err(refusal)
    }

    fn get(&mut self, table: usize, key: &str) -> Result<Option<Arc<[u8]>>, Refusal> {
        self.write(|shard| shard.tables.get(table, key))
            .map_err(refusal)
    }

    fn put(&mut self, table: usize, key: &str, value: Vec<u8>) -> Result<(), Refusal> {
        self.write(|shard| shard.tables.put(table, key, value))
            .map_err(refusal)
    }

    fn remove(&mut self, table: usize, key: &str) -> Result<(), Refusal> {
        self.write(|shard| shard.tables.remove(table, key))
            .map_err(refusal)
    }

    fn set_timer(&mut self, name: &str, key: &str, due: u64) -> Result<(), Refusal> {
        self.write(|shard| shard.timers.set(name, key, due))
            .map_err(refusal)
    }

    fn cancel_timer(&mut self, name: &str, key: &str) -> Result<(), Refusal> {
        self.write(|shard| shard.timers.cancel(name, key))
            .map_err(refusal)
    }

    fn fire(&mut self, watermark: u64) -> Vec<(String, Vec<Fired>)> {
        let firings = self.write(|shard| {
            shard.tables.advance(watermark);
            shard.timers.advance(watermark)
        });
        firings
            .into_iter()
            .map(|firing| {
                let timers = firing.timers.into_iter().map(|timer| Fired {
                    name: timer.name,
                    key: timer.key,
                    due: timer.due,
                });
                (firing.tenant.to_string(), timers.collect())
            })
            .collect()
    }

    fn matches(
        &mut self,
        view: &View,
        dataset: usize,
        values: &Column,
        rows: &[u32],
    ) -> Result<Vec<Hit>, Refusal> {
        let times = view.batch().times();
        let timed = rows.iter().map(|row| (*row, times[view.batch_row(*row)]));
        let hits = self
            .dataset(dataset)?
            .matches(values, timed)
            .map_err(refusal)?;
        let hits = hits.into_iter().map(|hit| Hit {
            row: hit.row,
            entry: hit.entry,
        });
        Ok(hits.collect())
    }

    fn lookup(&mut self, dataset: usize, value: &str) -> Result<Vec<u32>, Refusal> {
        Ok(self.dataset(dataset)?.lookup(value))
    }

    fn entries(&mut self, dataset: usize, entries: &[u32]) -> Result<Vec<DatasetEntry>, Refusal> {
        let dataset = self.dataset(dataset)?;
        entries
            .iter()
            .map(|number| {
                let entry = dataset
                    .entry(*number)
                    .ok_or_else(|| format!("there is no entry {number}"))?;
                let attributes = entry.attributes.iter();
                Ok(DatasetEntry {
                    kind: entry.kind.name().to_owned(),
                    value: entry.value.into(),
                    valid_from: entry.valid_from,
                    valid_until: entry.valid_until,
                    attributes: attributes.map(|(n, v)| (n.to_owned(), v.clone())).collect(),
                })
            })
            .collect()
    }

    fn log(&mut self, level: LogLevel, message: &str) {
        self.log.write(level, message);
    }

    fn keep_log(&mut self) {
        self.log.keep();
    }
}

/// A dataset as a predicate asks it.
pub struct Listed(pub Arc<Dataset>);

impl Membership for Listed {
    fn contains(&self, column: &Column, at: usize, time: u64) -> bool {
        self.0.contains(column, at, time, &mut Scratch::default())
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.0) as usize
    }
}
