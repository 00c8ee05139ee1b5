//! Columns as plugins read them: flat runs of values, gathered by row.

mod attribute;
mod extract;

use std::sync::Arc;

pub(crate) use attribute::AttributeColumns;
pub(crate) use extract::extract;

use crate::field::{ColumnType, FieldId};
use crate::types::Kind;

/// The values of a column.
#[derive(Clone, Debug, PartialEq)]
pub enum Values {
    /// u8, booleans, enums by code.
    U8(Arc<[u8]>),
    /// u16.
    U16(Arc<[u16]>),
    /// u32.
    U32(Arc<[u32]>),
    /// u64 and times.
    U64(Arc<[u64]>),
    /// f64, widened f32, attributes that hold numbers.
    F64(Arc<[f64]>),
    /// 16 bytes each.
    Address(Arc<[u8]>),
    /// Text or bytes: value `i` is `bytes[offsets[i]..offsets[i + 1]]`.
    Text {
        /// One more entry than values.
        offsets: Arc<[u32]>,
        /// The bytes of all values.
        bytes: Arc<[u8]>,
    },
}

impl Values {
    /// How many values there are.
    pub fn len(&self) -> usize {
        match self {
            Self::U8(values) => values.len(),
            Self::U16(values) => values.len(),
            Self::U32(values) => values.len(),
            Self::U64(values) => values.len(),
            Self::F64(values) => values.len(),
            Self::Address(bytes) => bytes.len() / 16,
            Self::Text { offsets, .. } => offsets.len().saturating_sub(1),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Their type.
    pub fn column_type(&self) -> ColumnType {
        match self {
            Self::U8(_) => ColumnType::U8,
            Self::U16(_) => ColumnType::U16,
            Self::U32(_) => ColumnType::U32,
            Self::U64(_) => ColumnType::U64,
            Self::F64(_) => ColumnType::F64,
            Self::Address(_) => ColumnType::Address,
            Self::Text { .. } => ColumnType::Text,
        }
    }

    /// The text or bytes of value `at`; empty where there is none.
    pub fn text(&self, at: usize) -> &[u8] {
        let Self::Text { offsets, bytes } = self else {
            return &[];
        };
        let range = offsets.get(at).zip(offsets.get(at + 1));
        range
            .and_then(|(from, to)| bytes.get(*from as usize..*to as usize))
            .unwrap_or(&[])
    }
}

/// A column of a batch.
///
/// A field that does not repeat has a value for every row, zero or empty where the event
/// lacks it. A field that repeats has the values of all rows one after another.
#[derive(Clone, Debug, PartialEq)]
pub struct Column {
    /// The values.
    pub values: Values,
    /// For a field that repeats: one more entry than rows, and row `r` owns the values
    /// `offsets[r]..offsets[r + 1]`.
    pub offsets: Option<Arc<[u32]>>,
    /// For each value 1 when it is there; none when all are. Where a field does not
    /// repeat there is one value a row.
    pub valid: Option<Arc<[u8]>>,
}

/// Why there is no such column.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ColumnError {
    /// The kind has no such field.
    #[error("{kind} has no field with id {id:?}")]
    UnknownField {
        /// The kind of the batch.
        kind: Kind,
        /// The id.
        id: FieldId,
    },
    /// No event of the batch has an attribute with this id, so its type is not known.
    #[error("no event of this batch of {kind} has an attribute with id {id:?}")]
    AbsentAttribute {
        /// The kind of the batch.
        kind: Kind,
        /// The id.
        id: FieldId,
    },
    /// The column is of another type.
    #[error("`{field}` is {}, not a column of {wanted}", .actual.map_or_else(
        || "no column".to_owned(), |ty| format!("a column of {ty}")))]
    Type {
        /// The field.
        field: &'static str,
        /// What was asked for.
        wanted: ColumnType,
        /// What it is.
        actual: Option<ColumnType>,
    },
    /// Attributes are numbers or text.
    #[error("an attribute is a column of f64 or of text, not of {wanted}")]
    AttributeType {
        /// What was asked for.
        wanted: ColumnType,
    },
    /// The field lies in a list within a list.
    #[error("`{field}` lies in a list within a list; read it by rows")]
    Nested {
        /// The field.
        field: &'static str,
    },
    /// `attributes` itself; each name has a column.
    #[error("`{field}` has a column for each name, such as `{field}.modbus.function`")]
    Attributes {
        /// The field.
        field: &'static str,
    },
    /// The batch does not hold what its kind demands.
    #[error("`{field}` is not stored as its kind demands")]
    Stored {
        /// The field.
        field: &'static str,
    },
}

impl Column {
    pub(crate) fn of_u64(values: Arc<[u64]>) -> Self {
        Self {
            values: Values::U64(values),
            offsets: None,
            valid: None,
        }
    }

    pub(crate) fn repeated_text(text: &str, rows: usize) -> Self {
        let step = u32::try_from(text.len()).unwrap_or(0);
        let mut end = 0u32;
        let mut offsets = vec![0];
        offsets.extend((0..rows).map(|_| {
            end = end.saturating_add(step);
            end
        }));
        let values = Values::Text {
            offsets: offsets.into(),
            bytes: text.repeat(rows).into_bytes().into(),
        };
        Self {
            values,
            offsets: None,
            valid: None,
        }
    }

    /// `rows` values that are not there.
    pub fn absent(ty: ColumnType, rows: usize) -> Self {
        let values = match ty {
            ColumnType::U8 => Values::U8(vec![0; rows].into()),
            ColumnType::U16 => Values::U16(vec![0; rows].into()),
            ColumnType::U32 => Values::U32(vec![0; rows].into()),
            ColumnType::U64 => Values::U64(vec![0; rows].into()),
            ColumnType::F64 => Values::F64(vec![0.0; rows].into()),
            ColumnType::Address => Values::Address(vec![0; rows * 16].into()),
            ColumnType::Text => Values::Text {
                offsets: vec![0; rows + 1].into(),
                bytes: Arc::default(),
            },
        };
        Self {
            values,
            offsets: None,
            valid: Some(vec![0; rows].into()),
        }
    }

    /// How many rows there are.
    pub fn rows(&self) -> usize {
        match &self.offsets {
            Some(offsets) => offsets.len().saturating_sub(1),
            None => self.values.len(),
        }
    }

    /// Where the values of `row` begin and end.
    pub fn range(&self, row: usize) -> std::ops::Range<usize> {
        match &self.offsets {
            Some(offsets) => match offsets.get(row).zip(offsets.get(row + 1)) {
                Some((from, to)) => *from as usize..*to as usize,
                None => 0..0,
            },
            None if row < self.values.len() => row..row + 1,
            None => 0..0,
        }
    }

    /// Whether value `at` is there.
    pub fn is_valid(&self, at: usize) -> bool {
        match &self.valid {
            Some(valid) => valid.get(at).is_some_and(|valid| *valid != 0),
            None => at < self.values.len(),
        }
    }

    /// The column of these rows only, in that order. A row that is not there has no
    /// values in a field that repeats, and is zero or empty otherwise.
    #[must_use]
    pub fn gather(&self, rows: &[u32]) -> Self {
        let Some(offsets) = &self.offsets else {
            return Self {
                values: pick(&self.values, rows),
                offsets: None,
                valid: self.valid.as_ref().map(|valid| pick_fixed(valid, rows)),
            };
        };
        let mut picks = Vec::with_capacity(rows.len());
        let mut ends = Vec::with_capacity(rows.len() + 1);
        ends.push(0);
        for row in rows {
            let row = *row as usize;
            if let Some((from, to)) = offsets.get(row).zip(offsets.get(row + 1)) {
                picks.extend(*from..*to);
            }
            ends.push(u32::try_from(picks.len()).unwrap_or(u32::MAX));
        }
        Self {
            values: pick(&self.values, &picks),
            offsets: Some(ends.into()),
            valid: self.valid.as_ref().map(|valid| pick_fixed(valid, &picks)),
        }
    }
}

fn pick_fixed<T: Copy + Default>(values: &[T], picks: &[u32]) -> Arc<[T]> {
    picks
        .iter()
        .map(|at| values.get(*at as usize).copied().unwrap_or_default())
        .collect()
}

fn pick(values: &Values, picks: &[u32]) -> Values {
    match values {
        Values::U8(values) => Values::U8(pick_fixed(values, picks)),
        Values::U16(values) => Values::U16(pick_fixed(values, picks)),
        Values::U32(values) => Values::U32(pick_fixed(values, picks)),
        Values::U64(values) => Values::U64(pick_fixed(values, picks)),
        Values::F64(values) => Values::F64(pick_fixed(values, picks)),
        Values::Address(bytes) => {
            let mut picked = Vec::with_capacity(picks.len() * 16);
            for at in picks {
                let from = *at as usize * 16;
                picked.extend_from_slice(bytes.get(from..from + 16).unwrap_or(&[0; 16]));
            }
            Values::Address(picked.into())
        }
        Values::Text { .. } => {
            let mut ends = Vec::with_capacity(picks.len() + 1);
            let mut bytes = Vec::new();
            ends.push(0);
            for at in picks {
                bytes.extend_from_slice(values.text(*at as usize));
                ends.push(u32::try_from(bytes.len()).unwrap_or(u32::MAX));
            }
            Values::Text {
                offsets: ends.into(),
                bytes: bytes.into(),
            }
        }
    }
}
