//! What a plugin sees of a batch.

use std::sync::Arc;

use palisade_events::{Batch, Column, ColumnError, ColumnType, FieldId};

/// The rows of a batch that passed a subscription's predicates, as the guest numbers them.
#[derive(Clone, Debug)]
pub struct View {
    batch: Batch,
    rows: Option<Arc<[u32]>>,
}

impl View {
    /// All rows of the batch.
    pub fn all(batch: Batch) -> View {
        View { batch, rows: None }
    }

    /// These rows of the batch, in ascending order.
    ///
    /// # Panics
    /// In debug builds, when a row is not in the batch or the order is wrong.
    pub fn of(batch: Batch, rows: Arc<[u32]>) -> View {
        debug_assert!(rows.windows(2).all(|w| w[0] < w[1]));
        debug_assert!(rows.iter().all(|r| (*r as usize) < batch.len()));
        if rows.len() == batch.len() {
            return View::all(batch);
        }
        View {
            batch,
            rows: Some(rows),
        }
    }

    /// The batch.
    pub fn batch(&self) -> &Batch {
        &self.batch
    }

    /// How many rows the guest sees.
    pub fn len(&self) -> usize {
        self.rows
            .as_ref()
            .map_or(self.batch.len(), |rows| rows.len())
    }

    /// Whether it sees none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The row of the batch behind a row of the view, which must be one.
    pub fn batch_row(&self, row: u32) -> usize {
        match &self.rows {
            None => row as usize,
            Some(rows) => rows[row as usize] as usize,
        }
    }

    /// The rows of the batch that are in view; `None` for all.
    pub fn selection(&self) -> Option<&Arc<[u32]>> {
        self.rows.as_ref()
    }

    /// The field's column, with one entry for each row of the view.
    ///
    /// # Errors
    /// As [`Batch::column`].
    pub fn column(&self, field: FieldId) -> Result<Column, ColumnError> {
        self.batch.column(field).map(|column| self.gathered(column))
    }

    /// As [`column`](View::column), for a reader that wants this type.
    ///
    /// # Errors
    /// As [`Batch::column_as`].
    pub fn column_as(&self, field: FieldId, ty: ColumnType) -> Result<Column, ColumnError> {
        self.batch
            .column_as(field, ty)
            .map(|column| self.gathered(column))
    }

    fn gathered(&self, column: Column) -> Column {
        match &self.rows {
            None => column,
            Some(rows) => column.gather(rows),
        }
    }

    /// A part of the view: its rows from `from` to before `to`.
    pub fn slice(&self, from: usize, to: usize) -> View {
        let rows: Arc<[u32]> = match &self.rows {
            None => (from as u32..to as u32).collect(),
            Some(rows) => rows[from..to].into(),
        };
        View::of(self.batch.clone(), rows)
    }
}
