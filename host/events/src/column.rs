//! Columns as plugins read them: flat runs of values, gathered by row.

use std::sync::{Arc, OnceLock};

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use arrow_select::take::take;

use crate::attributes::name_of_column;
use crate::field::{ColumnType, FieldId, FieldInfo, FieldType};
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

/// The column at `path` below `columns`, through records and one list.
pub(crate) fn extract(
    columns: &[ArrayRef],
    path: &[usize],
    info: &FieldInfo,
) -> Result<Column, ColumnError> {
    let field = info.name;
    if info.nested {
        return Err(ColumnError::Nested { field });
    }
    if info.ty == FieldType::Attributes {
        return Err(ColumnError::Attributes { field });
    }
    let stored = || ColumnError::Stored { field };
    let mut steps = path.iter();
    let first = steps.next().ok_or_else(stored)?;
    let mut array = Arc::clone(columns.get(*first).ok_or_else(stored)?);
    let mut nulls = array.nulls().cloned();
    let mut offsets = None;
    loop {
        if let Some(list) = array.as_list_opt::<i32>() {
            let (ends, items) = flatten(list, nulls.as_ref()).ok_or_else(stored)?;
            offsets = Some(ends);
            nulls = items.nulls().cloned();
            array = items;
        }
        let Some(step) = steps.next() else { break };
        let parent = array.as_struct_opt().ok_or_else(stored)?;
        let child = Arc::clone(parent.columns().get(*step).ok_or_else(stored)?);
        nulls = NullBuffer::union(nulls.as_ref(), child.nulls());
        array = child;
    }
    let nulls = nulls.filter(|nulls| nulls.null_count() > 0);
    let values = match info.ty {
        FieldType::Record => Values::U8(std::iter::repeat_n(1, array.len()).collect()),
        _ => values_of(array.as_ref()).ok_or_else(stored)?,
    };
    Ok(finish(values, offsets, nulls.as_ref()))
}

/// Clears what is not there, and says so.
fn finish(values: Values, offsets: Option<Arc<[u32]>>, nulls: Option<&NullBuffer>) -> Column {
    let Some(nulls) = nulls else {
        return Column {
            values,
            offsets,
            valid: None,
        };
    };
    let valid: Arc<[u8]> = nulls.iter().map(u8::from).collect();
    let values = match values {
        Values::U8(values) => Values::U8(clear(&values, nulls)),
        Values::U16(values) => Values::U16(clear(&values, nulls)),
        Values::U32(values) => Values::U32(clear(&values, nulls)),
        Values::U64(values) => Values::U64(clear(&values, nulls)),
        Values::F64(values) => Values::F64(clear(&values, nulls)),
        Values::Address(bytes) => {
            let mut bytes = bytes.to_vec();
            for (address, there) in bytes.chunks_exact_mut(16).zip(nulls) {
                if !there {
                    address.fill(0);
                }
            }
            Values::Address(bytes.into())
        }
        Values::Text { offsets, bytes } => {
            let hidden = offsets
                .windows(2)
                .zip(nulls)
                .any(|(w, there)| !there && w[0] != w[1]);
            let text = Values::Text { offsets, bytes };
            if hidden {
                // Row numbers beyond the end pick nothing.
                let picks = nulls.iter().enumerate().map(|(at, there)| match there {
                    true => u32::try_from(at).unwrap_or(u32::MAX),
                    false => u32::MAX,
                });
                pick(&text, &picks.collect::<Vec<_>>())
            } else {
                text
            }
        }
    };
    Column {
        values,
        offsets,
        valid: Some(valid),
    }
}

fn clear<T: Copy + Default>(values: &[T], nulls: &NullBuffer) -> Arc<[T]> {
    values
        .iter()
        .zip(nulls)
        .map(|(value, there)| if there { *value } else { T::default() })
        .collect()
}

/// Offsets from 0, and the items that they cover; absent lists are empty, whatever Arrow
/// has under a null. None when Arrow cannot make the array.
fn flatten(list: &ListArray, nulls: Option<&NullBuffer>) -> Option<(Arc<[u32]>, ArrayRef)> {
    let ends = list.value_offsets();
    let (first, last) = (*ends.first()?, *ends.last()?);
    let hidden = nulls.is_some_and(|nulls| {
        let mut lists = ends.windows(2).zip(nulls);
        lists.any(|(ends, there)| !there && ends[0] != ends[1])
    });
    if !hidden {
        let from_first = |end: i32| u32::try_from(end - first).ok();
        let begin = usize::try_from(first).ok()?;
        let items = list.values().slice(begin, from_first(last)? as usize);
        let ends = ends.iter().map(|end| from_first(*end));
        return Some((ends.collect::<Option<_>>()?, items));
    }
    let mut picks: Vec<u32> = Vec::new();
    let mut offsets = Vec::with_capacity(ends.len());
    offsets.push(0);
    for (ends, there) in ends.windows(2).zip(nulls.into_iter().flatten()) {
        if there {
            picks.extend(u32::try_from(ends[0]).ok()?..u32::try_from(ends[1]).ok()?);
        }
        offsets.push(u32::try_from(picks.len()).ok()?);
    }
    let items = take(list.values(), &UInt32Array::from(picks), None).ok()?;
    Some((offsets.into(), items))
}

fn numbers<P: ArrowPrimitiveType>(array: &dyn Array) -> Option<Arc<[P::Native]>> {
    array
        .as_primitive_opt::<P>()
        .map(|array| array.values().as_ref().into())
}

fn values_of(array: &dyn Array) -> Option<Values> {
    Some(match array.data_type() {
        DataType::UInt8 => Values::U8(numbers::<UInt8Type>(array)?),
        DataType::UInt16 => Values::U16(numbers::<UInt16Type>(array)?),
        DataType::UInt32 => Values::U32(numbers::<UInt32Type>(array)?),
        DataType::UInt64 => Values::U64(numbers::<UInt64Type>(array)?),
        DataType::Float64 => Values::F64(numbers::<Float64Type>(array)?),
        DataType::Float32 => {
            let narrow = array.as_primitive_opt::<Float32Type>()?;
            Values::F64(
                narrow
                    .values()
                    .iter()
                    .map(|value| f64::from(*value))
                    .collect(),
            )
        }
        DataType::Boolean => Values::U8(
            array
                .as_boolean_opt()?
                .values()
                .iter()
                .map(u8::from)
                .collect(),
        ),
        DataType::FixedSizeBinary(16) => {
            Values::Address(array.as_fixed_size_binary_opt()?.value_data().into())
        }
        DataType::Utf8 => {
            let text = array.as_string_opt::<i32>()?;
            text_of(text.value_offsets(), text.value_data())?
        }
        DataType::Binary => {
            let bytes = array.as_binary_opt::<i32>()?;
            text_of(bytes.value_offsets(), bytes.value_data())?
        }
        _ => return None,
    })
}

fn text_of(ends: &[i32], bytes: &[u8]) -> Option<Values> {
    let first = *ends.first()?;
    let last = *ends.last()?;
    let bytes = bytes.get(usize::try_from(first).ok()?..usize::try_from(last).ok()?)?;
    let offsets = ends
        .iter()
        .map(|end| u32::try_from(end - first).unwrap_or(0))
        .collect();
    Some(Values::Text {
        offsets,
        bytes: bytes.into(),
    })
}

/// The columns of one attribute: its numbers, its texts, or both.
#[derive(Debug)]
pub(crate) struct AttributeColumns {
    pub(crate) id: FieldId,
    pub(crate) name: String,
    numbers: Option<ArrayRef>,
    texts: Option<ArrayRef>,
    rows: usize,
    made: [OnceLock<Option<Column>>; 2],
}

impl AttributeColumns {
    /// Those of a batch, bytewise by name.
    pub(crate) fn of(attributes: &ArrayRef) -> Vec<Self> {
        let mut all: Vec<Self> = Vec::new();
        let Some(attributes) = attributes.as_struct_opt() else {
            return all;
        };
        for (field, column) in attributes.fields().iter().zip(attributes.columns()) {
            let name = name_of_column(field.name());
            let at = match all.iter().position(|known| known.name == name) {
                Some(at) => at,
                None => {
                    all.push(Self {
                        id: FieldId::of_attribute(name),
                        name: name.to_owned(),
                        numbers: None,
                        texts: None,
                        rows: attributes.len(),
                        made: Default::default(),
                    });
                    all.len() - 1
                }
            };
            let Some(columns) = all.get_mut(at) else {
                continue;
            };
            match field.data_type() {
                DataType::Float64 => columns.numbers = Some(Arc::clone(column)),
                _ => columns.texts = Some(Arc::clone(column)),
            }
        }
        all.sort_by(|a, b| a.name.cmp(&b.name));
        all
    }

    /// The column of a type; without one that of the numbers, if there are any.
    pub(crate) fn column(&self, ty: Option<ColumnType>) -> Result<Column, ColumnError> {
        let ty = match ty {
            Some(ty) => ty,
            None if self.numbers.is_some() => ColumnType::F64,
            None => ColumnType::Text,
        };
        let (cell, array) = match ty {
            ColumnType::F64 => (&self.made[0], &self.numbers),
            ColumnType::Text => (&self.made[1], &self.texts),
            wanted => return Err(ColumnError::AttributeType { wanted }),
        };
        let made = cell.get_or_init(|| {
            let mut column = match array {
                Some(array) => finish(values_of(array.as_ref())?, None, array.nulls()),
                None => Column::absent(ty, self.rows),
            };
            // The event has the attribute, whatever its type: so batches can be cut
            // anywhere without a change of what is seen.
            column.valid = self.presence();
            Some(column)
        });
        made.clone().ok_or(ColumnError::Stored {
            field: "attributes",
        })
    }

    fn presence(&self) -> Option<Arc<[u8]>> {
        let has = |array: &Option<ArrayRef>, row| array.as_ref().is_some_and(|a| a.is_valid(row));
        let valid: Arc<[u8]> = (0..self.rows)
            .map(|row| u8::from(has(&self.numbers, row) || has(&self.texts, row)))
            .collect();
        valid.contains(&0).then_some(valid)
    }
}
