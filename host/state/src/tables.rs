//! All tables of a plugin on a shard.

use std::collections::HashMap;
use std::sync::Arc;

use palisade_events::{Batch, Column, Values};

use super::any::{AnyTable, Held, each};
use super::cell::{Cell, Sighting, Stored};
use super::distinct::Distinct;
use super::error::StateError;
use super::ids::Ids;
use super::key::{fingerprint, unsigned, write_own};
use super::ledger::Ledger;
use super::rows::Rows;
use super::series::{One, Series};
use super::spec::{Holds, PartitionedBy, TableSpec};
use super::visit::{Keyed, RUN, Visit};
use crate::partition::PartitionKey;

/// Bytes that the tables of a plugin may take together, where the operator says nothing.
pub const DEFAULT_BYTES: u64 = 64 << 20;
/// The least limit of bytes that is enforced as it is: a smaller one could be less than the
/// key at hand takes.
pub const LEAST_BYTES: u64 = 1 << 20;
/// Most changes of a call, all tables together; they must be kept until it returns.
const MAX_CHANGES: usize = 1 << 20;
/// Most bytes of values that a call puts: what they replace must be kept until it returns.
pub(super) const MAX_WRITTEN: usize = 16 << 20;
/// Most keys of each tenant and table that one advance of the watermark takes out.
const EXPIRED_AT_ONCE: usize = 4096;

/// Beyond this many undated values they are searched for duplicates.
const UNDATED_SORTED: usize = 65_536;

/// What a table holds at the moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableStats {
    /// Its name in the manifest.
    pub name: String,
    /// Keys of all tenants.
    pub keys: u32,
    /// Keys that had to give way before their time, since the start.
    pub evicted: u64,
}

/// The values of a row that are there.
fn present(values: &Column, row: u32) -> impl Iterator<Item = usize> {
    let range = values.range(row as usize);
    range.filter(|at| values.is_valid(*at))
}

/// The tables of one plugin on one shard.
#[derive(Debug)]
pub struct Tables {
    pub(super) tables: Vec<AnyTable>,
    pub(super) ledger: Ledger,
    /// Numbers of tenants, which stand for their names in keys.
    pub(super) tenants: HashMap<Arc<str>, u32>,
    pub(super) current: Option<(Arc<str>, u32)>,
    pub(super) watermark: u64,
    /// Keys of `value` tables that were put since the watermark advanced last, and how many
    /// of them the running call has not added.
    pub(super) undated: Vec<(usize, Box<[u8]>)>,
    pub(super) undated_before: usize,
    /// Bytes of keys and values that the running call has put.
    written: usize,
    pub(super) ids: Ids,
    secret: PartitionKey,
    key: Vec<u8>,
    keyed: Keyed,
}

impl Tables {
    /// Empty tables that may take `bytes` together ([`DEFAULT_BYTES`] as a rule, 1 MiB at
    /// least).
    pub fn new(specs: Vec<TableSpec>, bytes: u64) -> Tables {
        let (by, secret) = (PartitionedBy::nothing(), PartitionKey::default());
        Tables::partitioned(specs, bytes, by, secret)
    }

    /// As [`new`](Tables::new), for one worker of several. Keys are divided into parts, each of
    /// which has its share of the bytes and of each table's keys, whatever worker has it. The
    /// secret chooses a key's part, and what a sketch makes of a value.
    pub fn partitioned(
        specs: Vec<TableSpec>,
        bytes: u64,
        by: PartitionedBy,
        secret: PartitionKey,
    ) -> Tables {
        let parts = by.parts();
        let table = |(spec, number)| AnyTable::new(spec, parts, number);
        Tables {
            tables: specs.into_iter().zip(0..).map(table).collect(),
            ledger: Ledger::new(bytes.max(LEAST_BYTES), parts),
            ids: Ids::new(by, secret),
            secret,
            tenants: HashMap::new(),
            current: None,
            watermark: 0,
            undated: Vec::new(),
            undated_before: 0,
            written: 0,
            key: Vec::new(),
            keyed: Keyed::default(),
        }
    }

    /// A call begins on behalf of a tenant; tenants are the operator's, and few.
    pub fn begin(&mut self, tenant: &str) {
        // Most calls are on behalf of the same tenant as the one before.
        if self
            .current
            .as_ref()
            .is_none_or(|(name, _)| **name != *tenant)
        {
            let next = self.tenants.len() as u32;
            let name: Arc<str> = tenant.into();
            let number = *self.tenants.entry(Arc::clone(&name)).or_insert(next);
            self.current = Some((name, number));
        }
        self.ledger
            .begin(self.current.as_ref().map_or(0, |(_, number)| *number));
        self.undated_before = self.undated.len();
        self.written = 0;
        self.ids.forget();
    }

    /// What the call did stays.
    pub fn commit(&mut self) {
        for any in &mut self.tables {
            each!(any, table => table.commit());
        }
        // Keys that are put, lost and put again are in here more than once.
        if self.undated.len() > UNDATED_SORTED {
            self.undated.sort_unstable();
            self.undated.dedup();
        }
    }

    /// What the call did is undone.
    pub fn rollback(&mut self) {
        for any in &mut self.tables {
            each!(any, table => table.rollback(&mut self.ledger));
        }
        self.undated.truncate(self.undated_before);
    }

    /// `state.count`.
    ///
    /// # Errors
    /// When the table does not count, or the call has changed too much.
    pub fn count(&mut self, table: usize, rows: Rows<'_>) -> Result<Vec<u64>, StateError> {
        self.apply(
            table,
            Holds::Count,
            rows,
            |visit: &mut Visit<'_, Series<One>>| {
                let at = visit.at;
                visit.put();
                visit.update(|series, span, undo| series.add(span, at, One, undo))
            },
        )
    }

    /// `state.sum`. `values` has an entry for each row that the plugin sees.
    ///
    /// # Errors
    /// When the table does not add up, the column is of another type than u8 to u64, or the
    /// call has changed too much.
    pub fn sum(
        &mut self,
        table: usize,
        values: &Column,
        rows: Rows<'_>,
    ) -> Result<Vec<u64>, StateError> {
        let spec = self.table(table)?.spec();
        let numbers = matches!(
            values.values,
            Values::U8(_) | Values::U16(_) | Values::U32(_) | Values::U64(_)
        );
        if !numbers && spec.holds == Holds::Sum {
            return Err(StateError::NotSummable {
                table: spec.name.clone(),
                actual: values.values.column_type(),
            });
        }
        self.apply(
            table,
            Holds::Sum,
            rows,
            |visit: &mut Visit<'_, Series<u64>>| {
                let at = visit.at;
                let weight = present(values, visit.row)
                    .filter_map(|at| unsigned(&values.values, at))
                    .reduce(u64::saturating_add);
                // A row without the value makes no key, but it moves the window of one.
                let Some(weight) = weight else {
                    visit.find();
                    return visit.update(|series, span, undo| series.read(span, at.time, undo));
                };
                visit.put();
                visit.update(|series, span, undo| series.add(span, at, weight, undo))
            },
        )
    }

    /// `state.distinct`. `values` has an entry for each row that the plugin sees.
    ///
    /// # Errors
    /// When the table does not count distinct values, or the call has changed too much.
    pub fn distinct(
        &mut self,
        table: usize,
        values: &Column,
        rows: Rows<'_>,
    ) -> Result<Vec<u64>, StateError> {
        let mut buffer = Vec::new();
        let secret = self.secret;
        self.apply(
            table,
            Holds::Distinct,
            rows,
            |visit: &mut Visit<'_, Distinct>| {
                let at = visit.at;
                let mut there = present(values, visit.row).peekable();
                if there.peek().is_some() {
                    visit.put();
                } else {
                    visit.find();
                }
                visit.update(|distinct, span, undo| {
                    let mut count = distinct.read(span, at.time, undo);
                    for value in there {
                        let value = fingerprint(&values.values, value, &mut buffer);
                        count = distinct.add(span, secret, at, value, undo);
                    }
                    count
                })
            },
        )
    }

    /// `state.first`.
    ///
    /// # Errors
    /// When the table does not hold sightings, or the call has changed too much.
    pub fn first(&mut self, table: usize, rows: Rows<'_>) -> Result<Vec<u8>, StateError> {
        self.apply(
            table,
            Holds::First,
            rows,
            |visit: &mut Visit<'_, Sighting>| {
                let at = visit.at;
                visit.put();
                visit.update(|sighting, span, undo| u8::from(sighting.see(span, at, undo)))
            },
        )
    }

    /// `state.citations`: the events that the value of the row's key rests on, oldest first,
    /// at most 16.
    ///
    /// # Errors
    /// When there is no such table.
    pub fn citations(
        &mut self,
        table: usize,
        batch: &Batch,
        row: usize,
    ) -> Result<Vec<u64>, StateError> {
        self.table(table)?;
        let any = &self.tables[table];
        if any.spec().key.is_empty() {
            return Ok(Vec::new());
        }
        let set = self.ids.of(batch, &any.spec().key);
        let Some(id) = self.ids.id(set, self.ledger.tenant, row) else {
            return Ok(Vec::new());
        };
        Ok(each!(any, table => match table.find(id) {
            Some(at) => table.cell(at).citations(table.spec.span),
            None => Vec::new(),
        }))
    }

    /// `state.get`.
    ///
    /// # Errors
    /// When the table does not hold values, or the call has changed too much.
    pub fn get(&mut self, table: usize, key: &str) -> Result<Option<Arc<[u8]>>, StateError> {
        self.admit(table, Holds::Value, 1)?;
        write_own(self.ledger.tenant, key, &mut self.key);
        let Some(AnyTable::Value(inner)) = self.tables.get_mut(table) else {
            return Ok(None);
        };
        let Some(at) = inner.find(self.ids.hasher.id(&self.key)) else {
            return Ok(None);
        };
        let value = inner.cell(at).get(inner.spec.span, self.watermark).cloned();
        if value.is_some() {
            inner.renew(&mut self.ledger, at);
        }
        Ok(value)
    }

    /// `state.put`.
    ///
    /// # Errors
    /// When the table does not hold values, or the call has changed too much.
    pub fn put(&mut self, table: usize, key: &str, value: Vec<u8>) -> Result<(), StateError> {
        self.admit(table, Holds::Value, 1)?;
        self.written += key.len() + value.len();
        if self.written > MAX_WRITTEN {
            return Err(StateError::Written(MAX_WRITTEN));
        }
        write_own(self.ledger.tenant, key, &mut self.key);
        let Some(AnyTable::Value(inner)) = self.tables.get_mut(table) else {
            return Ok(());
        };
        let id = self.ids.hasher.id(&self.key);
        let bytes = || self.key.as_slice().into();
        let at = inner.touch(&mut self.ledger, (id, 0), bytes, None, self.watermark);
        let put = |stored: &mut Stored, undo: &mut Vec<Stored>| stored.put(value, undo);
        if inner.update(&mut self.ledger, at, put) {
            self.undated.push((table, self.key.as_slice().into()));
        }
        self.make_room(0, table, at, self.watermark);
        Ok(())
    }

    /// `state.remove`.
    ///
    /// # Errors
    /// When the table does not hold values, or the call has changed too much.
    pub fn remove(&mut self, table: usize, key: &str) -> Result<(), StateError> {
        self.admit(table, Holds::Value, 1)?;
        write_own(self.ledger.tenant, key, &mut self.key);
        if let Some(AnyTable::Value(inner)) = self.tables.get_mut(table)
            && let Some(at) = inner.find(self.ids.hasher.id(&self.key))
        {
            inner.remove(&mut self.ledger, at);
        }
        Ok(())
    }

    /// The watermark has come this far. Values put since the last time count their ttl from
    /// here, and keys whose ttl has passed give back their space. Between calls only.
    pub fn advance(&mut self, watermark: u64) {
        self.watermark = self.watermark.max(watermark);
        for (table, key) in std::mem::take(&mut self.undated) {
            if let Some(AnyTable::Value(inner)) = self.tables.get_mut(table)
                && let Some(at) = inner.find(self.ids.hasher.id(&key))
            {
                inner.amend(&mut self.ledger, at, |stored| stored.date(watermark));
            }
        }
        for any in &mut self.tables {
            each!(any, table => table.expire(&mut self.ledger, self.watermark, EXPIRED_AT_ONCE));
        }
    }

    /// Bytes in use, all tables together.
    pub fn bytes(&self) -> u64 {
        self.ledger.total()
    }

    /// The state of each table, in the order of the manifest.
    pub fn stats(&self) -> Vec<TableStats> {
        let stats = |any: &AnyTable| TableStats {
            name: any.spec().name.clone(),
            keys: each!(any, table => table.len()),
            evicted: each!(any, table => table.evicted()),
        };
        self.tables.iter().map(stats).collect()
    }

    #[cfg(test)]
    pub(super) fn spec(&self, table: usize) -> &TableSpec {
        self.tables[table].spec()
    }

    /// Everything in the tables, as text, in the order of touches.
    #[cfg(test)]
    pub(super) fn contents(&self) -> Vec<String> {
        let contents = |any: &AnyTable| each!(any, table => format!("{:?}", table.contents()));
        self.tables.iter().map(contents).collect()
    }

    fn table(&self, table: usize) -> Result<&AnyTable, StateError> {
        let tables = self.tables.len();
        self.tables
            .get(table)
            .ok_or(StateError::NoTable(table, tables))
    }

    /// Checks the table's kind and that the call may change so much more.
    fn admit(&self, table: usize, wanted: Holds, changes: usize) -> Result<(), StateError> {
        let spec = self.table(table)?.spec();
        if spec.holds != wanted {
            return Err(StateError::Kind {
                table: spec.name.clone(),
                actual: spec.holds,
                wanted,
            });
        }
        let written: usize = self
            .tables
            .iter()
            .map(|any| each!(any, table => table.journal_len()))
            .sum();
        if written + changes > MAX_CHANGES {
            return Err(StateError::Journal(MAX_CHANGES));
        }
        Ok(())
    }

    /// Visits the keys of rows in a table of cells of type `C`, in the order given.
    ///
    /// Rows go through in runs: first all keys of a run are written, then all are looked up,
    /// then the values change. The look-ups wait for memory, but not for each other.
    fn apply<C: Held, A: Copy + Default>(
        &mut self,
        table: usize,
        wanted: Holds,
        rows: Rows<'_>,
        mut visitor: impl FnMut(&mut Visit<'_, C>) -> A,
    ) -> Result<Vec<A>, StateError> {
        self.admit(table, wanted, rows.rows.len())?;
        let set = self.ids.of(rows.batch, &self.tables[table].spec().key);
        let mut answers = vec![A::default(); rows.rows.len()];
        let runs = rows.rows.chunks(RUN).zip(answers.chunks_mut(RUN));
        for (run, answers) in runs {
            let mut keyed = std::mem::take(&mut self.keyed);
            keyed.fetch(&mut self.ids, set, self.ledger.tenant, rows, run);
            if let Some(table) = C::of(&mut self.tables[table]) {
                keyed.find(table, self.ledger.walk.is_some());
            }
            for key in &keyed.keys {
                let Some(inner) = C::of(&mut self.tables[table]) else {
                    break;
                };
                if inner.journal_len() > MAX_CHANGES {
                    return Err(StateError::Journal(MAX_CHANGES));
                }
                let mut visit = Visit {
                    table: inner,
                    ledger: &mut self.ledger,
                    key,
                    ids: &self.ids,
                    set,
                    row: key.row,
                    at: key.at,
                    slot: None,
                };
                answers[key.place as usize] = visitor(&mut visit);
                if let Some(slot) = visit.slot {
                    self.make_room(key.part, table, slot, key.at.time);
                }
            }
            self.keyed = keyed;
        }
        Ok(answers)
    }

    /// Takes keys of a part out until it takes no more bytes than it may: of the tenant that
    /// takes most the key that was touched longest ago, but never the one at hand.
    #[inline]
    fn make_room(&mut self, part: u32, table: usize, at: u32, now: u64) {
        while self.ledger.is_over(part) {
            if !self.evict_one(part, (table, at), now) {
                return;
            }
        }
    }

    #[cold]
    fn evict_one(&mut self, part: u32, keep: (usize, u32), now: u64) -> bool {
        let oldest = |list: u32| {
            let of_table = |(n, any): (usize, &AnyTable)| {
                let (at, stamp) = each!(any, table => table.oldest(list))?;
                Some((stamp, n, at))
            };
            let all = self.tables.iter().enumerate().filter_map(of_table);
            all.filter(|(_, n, at)| (*n, *at) != keep).min()
        };
        let victim = self
            .ledger
            .lists(part)
            .filter_map(|(list, bytes)| Some((bytes, oldest(list)?)))
            .max_by_key(|(bytes, (stamp, ..))| (*bytes, std::cmp::Reverse(*stamp)));
        let Some((_, (_, table, at))) = victim else {
            return false;
        };
        each!(&mut self.tables[table], table => table.evict(&mut self.ledger, at, now));
        true
    }
}
