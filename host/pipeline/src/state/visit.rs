//! The keys of the rows of a call, and a visit to one of them.

use super::cell::Cell;
use super::citation::Citation;
use super::key::KeyColumns;
use super::ledger::Ledger;
use super::spec::Span;
use super::table::{Id, Table};
use super::tables::Rows;

/// How many rows are looked up ahead.
pub(super) const RUN: usize = 1024;

/// Space for keys that is kept from run to run.
const BYTES_KEPT: usize = 1 << 20;

/// The key of a row.
#[derive(Debug)]
pub(super) struct RowKey {
    /// Where the row stands in its run.
    pub(super) place: u32,
    /// The row, in the plugin's numbering.
    pub(super) row: u32,
    /// Time and reference of its event.
    pub(super) at: Citation,
    from: u32,
    to: u32,
    id: Id,
    /// Where the key was when the run began.
    found: Option<u32>,
}

/// The keys of a run of rows; rows without a key are left out.
#[derive(Debug, Default)]
pub(super) struct Keyed {
    pub(super) keys: Vec<RowKey>,
    bytes: Vec<u8>,
}

impl Keyed {
    /// Writes the keys of the rows.
    pub(super) fn write(&mut self, columns: &KeyColumns, tenant: u32, rows: Rows<'_>, run: &[u32]) {
        self.keys.clear();
        self.bytes.clear();
        // A key is short in the end, but may pass through here as a long text.
        self.bytes.shrink_to(BYTES_KEPT);
        for (place, row) in (0..).zip(run) {
            let from = self.bytes.len();
            let Some(batch_row) = rows.in_batch(*row) else {
                continue;
            };
            let at = rows
                .batch
                .times()
                .get(batch_row)
                .zip(rows.batch.event_ref(batch_row));
            let Some((time, event)) = at else {
                continue;
            };
            if !columns.write(tenant, batch_row, &mut self.bytes) {
                self.bytes.truncate(from);
                continue;
            }
            self.keys.push(RowKey {
                place,
                row: *row,
                at: Citation { time: *time, event },
                from: from as u32,
                to: self.bytes.len() as u32,
                id: Id::default(),
                found: None,
            });
        }
    }

    /// Looks all keys up.
    pub(super) fn find<C: Cell>(&mut self, table: &Table<C>) {
        for key in &mut self.keys {
            key.id = table.id(&self.bytes[key.from as usize..key.to as usize]);
        }
        for key in &mut self.keys {
            key.found = table.find(key.id);
        }
        let found = self.keys.iter().filter_map(|key| key.found);
        std::hint::black_box(found.fold(0, |all, at| all ^ table.cell(at).peek()));
    }

    /// The bytes of a key.
    pub(super) fn bytes(&self, key: &RowKey) -> &[u8] {
        &self.bytes[key.from as usize..key.to as usize]
    }
}

/// A visit of a row to its key.
pub(super) struct Visit<'a, C: Cell> {
    pub(super) table: &'a mut Table<C>,
    pub(super) ledger: &'a mut Ledger,
    pub(super) key: &'a RowKey,
    pub(super) bytes: &'a [u8],
    pub(super) row: u32,
    pub(super) at: Citation,
    /// The slot of the key, once it is found or put in.
    pub(super) slot: Option<u32>,
}

impl<C: Cell> Visit<'_, C> {
    /// Finds the key, or puts it in.
    #[inline]
    pub(super) fn put(&mut self) {
        let RowKey { id, found, at, .. } = *self.key;
        self.slot = Some(
            self.table
                .touch(self.ledger, id, self.bytes, found, at.time),
        );
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
