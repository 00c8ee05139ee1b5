//! The keys of the rows of a call, and a visit to one of them.

use super::cell::Cell;
use super::citation::Citation;
use super::ids::Ids;
use super::key::Id;
use super::ledger::Ledger;
use super::rows::Rows;
use super::spec::Span;
use super::table::Table;

/// How many rows are looked up ahead.
pub(super) const RUN: usize = 1024;

/// The key of a row.
#[derive(Debug)]
pub(super) struct RowKey {
    /// Where the row stands in its run.
    pub(super) place: u32,
    /// The row, in the plugin's numbering.
    pub(super) row: u32,
    /// The row, in the batch's.
    batch_row: u32,
    /// The part that it belongs to.
    pub(super) part: u32,
    /// Time and reference of its event.
    pub(super) at: Citation,
    id: Id,
    /// Where the key was when the run began.
    found: Option<u32>,
}

/// The keys of a run of rows; rows without a key are left out.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    pub(super) keys: Vec<RowKey>,
}

impl Keyed {
    /// Fetches the keys of the rows.
    pub(super) fn fetch(
        &mut self,
        ids: &mut Ids,
        set: usize,
        tenant: u32,
        rows: Rows<'_>,
        run: &[u32],
    ) {
        self.keys.clear();
        let times = rows.batch.times();
        for (place, row) in (0..).zip(run) {
            let Some(batch_row) = rows.in_batch(*row) else {
                continue;
            };
            let at = times.get(batch_row).zip(rows.batch.event_ref(batch_row));
            let Some((time, event)) = at else {
                continue;
            };
            let Some(id) = ids.id(set, tenant, batch_row) else {
                continue;
            };
            self.keys.push(RowKey {
                place,
                row: *row,
                batch_row: batch_row as u32,
                part: ids.part(batch_row),
                at: Citation { time: *time, event },
                id,
                found: None,
            });
        }
    }

    /// Looks all keys up; `walked`: their slots may have to be written before they change.
    pub(super) fn find<C: Cell>(&mut self, table: &Table<C>, walked: bool) {
        for key in &mut self.keys {
            key.found = table.find(key.id);
        }
        let found = self.keys.iter().filter_map(|key| key.found);
        std::hint::black_box(found.fold(0, |all, at| all ^ table.peek(at, walked)));
    }
}

/// A visit of a row to its key.
pub(super) struct Visit<'a, C: Cell> {
    pub(super) table: &'a mut Table<C>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) key: &'a RowKey,
    pub(super) ids: &'a Ids,
    pub(super) set: usize,
    pub(super) row: u32,
    pub(super) at: Citation,
    /// The slot of the key, once it is found or put in.
    pub(super) slot: Option<u32>,
}

impl<C: Cell> Visit<'_, C> {
    /// Finds the key, or puts it in.
    #[inline]
    pub(super) fn put(&mut self) {
        let RowKey {
            id,
            part,
            found,
            at,
            batch_row,
            ..
        } = *self.key;
        let (ids, set, tenant) = (self.ids, self.set, self.ledger.tenant);
        let bytes = || ids.key(set, tenant, batch_row as usize);
        let slot = self
            .table
            .touch(self.ledger, (id, part), bytes, found, at.time);
        self.slot = Some(slot);
    }

    /// Finds the key, if it is in.
    pub(super) fn find(&mut self) {
        self.slot = self.table.find(self.key.id);
        if let Some(at) = self.slot {
            self.table.renew(self.ledger, at);
        }
    }

    /// Changes the value of the key; zero where it is not in.
    #[inline]
    pub(super) fn update<A: Default>(
        &mut self,
        change: impl FnOnce(&mut C, Span, &mut Vec<C::Undo>) -> A,
    ) -> A {
        let span = self.table.spec.span;
        match self.slot {
            Some(at) => self
                .table
                .update(self.ledger, at, |cell, undo| change(cell, span, undo)),
            None => A::default(),
        }
    }
}
