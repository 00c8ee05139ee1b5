//! The current batch.

use crate::column::{Addresses, Text, beyond};
use crate::{Envelope, Field, Kind, host};

/// Events of one kind, at most 1,024, read column by column during a call.
///
/// A column has an entry for every row; where the event lacks the field the entry is zero
/// or empty and only [`valid`](Self::valid) tells. Columns of a field that repeats hold
/// all its values one after another, and [`offsets`](Self::offsets) says which are whose.
/// Every method traps when the manifest does not list the field for this subscription
/// and when the column is of another type.
#[derive(Debug)]
pub struct Batch {
    subscription: u32,
    rows: u32,
}

/// The body of a kind of event; see [`kinds`](crate::kinds).
pub trait Row: Sized {
    /// Which kind.
    const KIND: Kind;

    #[doc(hidden)]
    #[track_caller]
    fn fetch(rows: &[u32]) -> Vec<Self>;
}

impl Batch {
    #[doc(hidden)]
    pub fn current(subscription: u32, rows: u32) -> Self {
        Batch { subscription, rows }
    }

    /// Position in the manifest of the subscription that these events passed, from 0.
    pub fn subscription(&self) -> u32 {
        self.subscription
    }

    /// How many rows there are.
    pub fn len(&self) -> usize {
        self.rows as usize
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// All row numbers, for calls that take rows.
    pub fn all(&self) -> Vec<u32> {
        (0..self.rows).collect()
    }

    /// The kind of the events.
    #[track_caller]
    pub fn kind(&self) -> Kind {
        host::batch::current_kind()
    }

    /// A column of u8, of booleans (0 or 1), or of an enum (the case's position).
    #[track_caller]
    pub fn u8s(&self, field: Field) -> Vec<u8> {
        host::batch::u8s(field.0)
    }

    /// A column of u16, such as ports.
    #[track_caller]
    pub fn u16s(&self, field: Field) -> Vec<u16> {
        host::batch::u16s(field.0)
    }

    /// A column of u32.
    #[track_caller]
    pub fn u32s(&self, field: Field) -> Vec<u32> {
        host::batch::u32s(field.0)
    }

    /// A column of u64, such as times (nanoseconds) and counters.
    #[track_caller]
    pub fn u64s(&self, field: Field) -> Vec<u64> {
        host::batch::u64s(field.0)
    }

    /// A column of f32 or f64, or of an attribute that holds numbers.
    #[track_caller]
    pub fn f64s(&self, field: Field) -> Vec<f64> {
        host::batch::f64s(field.0)
    }

    /// A column of addresses.
    #[track_caller]
    pub fn addresses(&self, field: Field) -> Addresses {
        Addresses::new(host::batch::addresses(field.0))
    }

    /// A column of text or of bytes, or of an attribute that holds text.
    #[track_caller]
    pub fn text(&self, field: Field) -> Text {
        let column = host::batch::text(field.0);
        Text::new(column.offsets, column.bytes)
    }

    /// Which rows have the field.
    #[track_caller]
    pub fn valid(&self, field: Field) -> Valid {
        Valid(host::batch::valid(field.0))
    }

    /// For a field that repeats: row `r` owns the values `offsets[r]..offsets[r + 1]` of
    /// its column. Empty for a field that does not.
    #[track_caller]
    pub fn offsets(&self, field: Field) -> Vec<u32> {
        host::batch::offsets(field.0)
    }

    /// The names of an enum's cases by position, as JSON writes them.
    #[track_caller]
    pub fn enum_names(&self, field: Field) -> Vec<String> {
        host::batch::enum_names(field.0)
    }

    /// The events at `rows` with the fields that the manifest lists; all others are zero,
    /// empty or absent. Fetch few: a row costs some hundred times what a column entry
    /// does. Traps when the batch is of another kind.
    #[track_caller]
    pub fn rows<T: Row>(&self, rows: &[u32]) -> Vec<T> {
        T::fetch(rows)
    }

    /// The envelopes of the events at `rows`.
    #[track_caller]
    pub fn envelopes(&self, rows: &[u32]) -> Vec<Envelope> {
        host::envelope::rows(rows)
    }
}

/// The rows whose values are `wanted`, in order: `columns` walks one value, or one tuple of
/// values, for each row of the batch, as `ports.iter().zip(&sent)` does.
///
/// The fast way through a batch, twice as fast as a loop that also does something with the
/// rows that it finds: what is done with them then stands outside of the comparison.
pub fn rows_where<I: ExactSizeIterator>(
    mut columns: I,
    mut wanted: impl FnMut(I::Item) -> bool,
) -> Vec<u32> {
    let mut found = Vec::new();
    let blocks = columns.len().div_ceil(BLOCK as usize);
    for first in (0..).step_by(BLOCK as usize).take(blocks) {
        let mut rows = block(&mut columns, &mut wanted);
        while rows != 0 {
            found.push(first + rows.trailing_zeros());
            rows &= rows - 1;
        }
    }
    found
}

/// Rows that are compared in one go.
const BLOCK: u32 = 16;

/// Which of the next rows are wanted, a bit for each, from the lowest.
///
/// A function without a call or a loop of its own, so that its variables stay in registers: a
/// loop checks the time that the plugin may take in every round, and saves them for that.
#[inline(never)]
fn block<I: Iterator>(columns: &mut I, wanted: &mut impl FnMut(I::Item) -> bool) -> u32 {
    let mut rows = 0;
    for bit in 0..BLOCK {
        if let Some(values) = columns.next() {
            rows |= u32::from(wanted(values)) << bit;
        }
    }
    rows
}

/// Which rows of a batch have a field.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Valid(Vec<u8>);

impl Valid {
    /// Whether this row has it.
    ///
    /// # Panics
    /// When there is no such row, as far as it is known: of a column of which every row has the field
    /// there is no more to know.
    #[track_caller]
    pub fn has(&self, row: usize) -> bool {
        // The host leaves the list empty where every row has the field.
        match self.0.get(row) {
            Some(valid) => *valid != 0,
            None if self.0.is_empty() => true,
            None => beyond("what is there", row, self.0.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::rows_where;

    #[test]
    fn rows_are_found_in_every_block() {
        for rows in [0, 1, 15, 16, 17, 32, 1000] {
            let values: Vec<u32> = (0..rows).collect();
            assert_eq!(rows_where(values.iter(), |_| true), values);
            let third = |value: &u32| value % 3 == 0;
            let expected: Vec<u32> = values.iter().copied().filter(third).collect();
            assert_eq!(rows_where(values.iter(), third), expected);
        }
    }
}
