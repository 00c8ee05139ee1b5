//! From checked columns to the nested arrays of a kind.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, Float32Array, Float64Array,
    ListArray, StringArray, StructArray, UInt8Array, UInt16Array, UInt32Array, UInt64Array,
    new_null_array,
};
use arrow_buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field};

use super::check::{Checked, CheckedColumns};
use super::{HostColumns, TableError, TableProblem, TableValues, is_stamped};
use crate::attributes;
use crate::field::FieldInfo;
use crate::segment::Segment;
use crate::types::Kind;

pub(super) fn assemble(
    kind: Kind,
    mut columns: CheckedColumns,
    mut host: HostColumns,
    rows: usize,
) -> Result<Segment, TableError> {
    let mut body = Vec::with_capacity(kind.arrow_fields().len());
    let mut position = 0;
    for field in kind.arrow_fields() {
        let (at, name) = (position, field.name().as_str());
        let width = 1 + nodes(field.data_type());
        position += width;
        let column = if is_stamped(kind, name) {
            host.finish(name).map_err(Failure::from)
        } else if name == "attributes" {
            attribute_columns(std::mem::take(&mut columns.attributes), rows)
        } else {
            let mut walk = Walk {
                infos: kind.fields().get(at..at + width).unwrap_or_default(),
                columns: columns.fields.get_mut(at..at + width).unwrap_or_default(),
            };
            walk.column(field, 0, rows)
        };
        body.push(column.map_err(|failure| failure.of(kind))?);
    }
    Ok(Segment {
        kind,
        times: host.times.into(),
        ingest_times: host.ingest_times.into(),
        handling: None,
        body,
    })
}

/// How many fields lie below a column of this type.
fn nodes(ty: &DataType) -> usize {
    match ty {
        DataType::Struct(fields) => fields.iter().map(|f| 1 + nodes(f.data_type())).sum(),
        DataType::List(item) => nodes(item.data_type()),
        _ => 0,
    }
}

struct Failure {
    field: Option<String>,
    problem: TableProblem,
}

impl Failure {
    fn of(self, kind: Kind) -> TableError {
        TableError {
            kind,
            field: self.field,
            problem: self.problem,
        }
    }

    fn named(mut self, name: &str) -> Self {
        self.field.get_or_insert_with(|| name.to_owned());
        self
    }
}

impl From<ArrowError> for Failure {
    fn from(error: ArrowError) -> Self {
        Self {
            field: None,
            problem: TableProblem::Arrow(error.to_string()),
        }
    }
}

impl From<TableProblem> for Failure {
    fn from(problem: TableProblem) -> Self {
        Self {
            field: None,
            problem,
        }
    }
}

/// One field of the kind's top with all below it.
struct Walk<'a> {
    infos: &'a [FieldInfo],
    columns: &'a mut [Option<Checked>],
}

impl Walk<'_> {
    /// The array of the field at `at`, with `len` entries.
    fn column(&mut self, field: &Field, at: usize, len: usize) -> Result<ArrayRef, Failure> {
        let width = 1 + nodes(field.data_type());
        let given = self.columns.get(at..at + width).unwrap_or_default();
        if field.is_nullable() && given.iter().all(Option::is_none) {
            return Ok(new_null_array(field.data_type(), len));
        }
        let name = self.infos.get(at).map_or("", |info| info.name);
        let array = match field.data_type() {
            DataType::List(item) => self.list(item, at, width, len),
            DataType::Struct(_) => {
                let nulls = if field.is_nullable() {
                    presence(given, len)
                } else {
                    None
                };
                self.record(field.data_type(), at, len, nulls)
            }
            ty => match self.columns.get_mut(at).and_then(Option::take) {
                Some(checked) => {
                    let nulls = checked.nulls.filter(|_| field.is_nullable());
                    leaf(ty, checked.values, nulls)
                }
                None => {
                    let neutral = self.infos.get(at).map_or(0, |info| info.neutral);
                    absent(ty, neutral, len)
                }
            },
        };
        array.map_err(|failure| failure.named(name))
    }

    fn record(
        &mut self,
        ty: &DataType,
        at: usize,
        len: usize,
        nulls: Option<NullBuffer>,
    ) -> Result<ArrayRef, Failure> {
        let DataType::Struct(fields) = ty else {
            return Err(ArrowError::SchemaError(format!("{ty} is no record")).into());
        };
        let mut child = at + 1;
        let mut children = Vec::with_capacity(fields.len());
        for field in fields {
            children.push(self.column(field, child, len)?);
            child += 1 + nodes(field.data_type());
        }
        Ok(Arc::new(StructArray::try_new(
            fields.clone(),
            children,
            nulls,
        )?))
    }

    /// A list of values, or of records whose columns share their offsets.
    fn list(
        &mut self,
        item: &Arc<Field>,
        at: usize,
        width: usize,
        len: usize,
    ) -> Result<ArrayRef, Failure> {
        let mut shared: Option<Vec<i32>> = None;
        let given = self.columns.get_mut(at..at + width).unwrap_or_default();
        for (column, info) in given.iter_mut().zip(self.infos.iter().skip(at)) {
            // In a list within a list there is nothing: such columns are refused.
            let offsets = column.as_mut().and_then(|column| column.offsets.take());
            match (&shared, offsets) {
                (None, offsets) => shared = offsets,
                (Some(known), Some(offsets)) if *known != offsets => {
                    return Err(Failure::from(TableProblem::OtherOffsets).named(info.name));
                }
                _ => {}
            }
        }
        let offsets = shared.unwrap_or_else(|| vec![0; len + 1]);
        let items = usize::try_from(offsets.last().copied().unwrap_or(0)).unwrap_or(0);
        let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
        let array = match item.data_type() {
            ty @ DataType::Struct(_) => self.record(ty, at, items, None)?,
            ty => match self.columns.get_mut(at).and_then(Option::take) {
                Some(checked) => leaf(ty, checked.values, None)?,
                None => absent(ty, 0, items)?,
            },
        };
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(item),
            offsets,
            array,
            None,
        )?))
    }
}

/// In which entries any of the columns has a value.
fn presence(columns: &[Option<Checked>], len: usize) -> Option<NullBuffer> {
    let mut any: Option<BooleanBuffer> = None;
    for column in columns.iter().flatten() {
        let there = match (&column.offsets, &column.nulls) {
            (Some(offsets), _) => BooleanBuffer::collect_bool(len, |at| {
                offsets
                    .get(at)
                    .zip(offsets.get(at + 1))
                    .is_some_and(|(a, b)| a < b)
            }),
            (None, Some(nulls)) => nulls.inner().clone(),
            // Every entry has a value, so every entry has the record.
            (None, None) => return None,
        };
        any = Some(match any {
            Some(any) => &any | &there,
            None => there,
        });
    }
    any.map(NullBuffer::new)
}

fn attribute_columns(columns: Vec<(String, Checked)>, rows: usize) -> Result<ArrayRef, Failure> {
    let mut arrays = Vec::with_capacity(columns.len());
    for (name, column) in columns {
        let text = matches!(column.values, TableValues::Text { .. });
        let ty = if text {
            DataType::Utf8
        } else {
            DataType::Float64
        };
        let array = leaf(&ty, column.values, column.nulls);
        let array = array.map_err(|failure| failure.named(&format!("attributes.{name}")))?;
        arrays.push((name, array));
    }
    Ok(attributes::assemble(rows, arrays)?)
}

fn leaf(
    ty: &DataType,
    values: TableValues,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef, Failure> {
    Ok(match (values, ty) {
        (TableValues::U8(values), DataType::Boolean) => {
            let bits = BooleanBuffer::collect_bool(values.len(), |at| values[at] != 0);
            Arc::new(BooleanArray::new(bits, nulls))
        }
        (TableValues::U8(values), _) => Arc::new(UInt8Array::try_new(values.into(), nulls)?),
        (TableValues::U16(values), _) => Arc::new(UInt16Array::try_new(values.into(), nulls)?),
        (TableValues::U32(values), _) => Arc::new(UInt32Array::try_new(values.into(), nulls)?),
        (TableValues::U64(values), _) => Arc::new(UInt64Array::try_new(values.into(), nulls)?),
        #[expect(clippy::cast_possible_truncation, reason = "checked to be in range")]
        (TableValues::F64(values), DataType::Float32) => {
            let narrow: Vec<f32> = values.into_iter().map(|value| value as f32).collect();
            Arc::new(Float32Array::try_new(narrow.into(), nulls)?)
        }
        (TableValues::F64(values), _) => Arc::new(Float64Array::try_new(values.into(), nulls)?),
        (TableValues::Text { offsets, bytes }, ty) => {
            // Offsets were checked to end at the number of bytes, below 2^31.
            let ends: Vec<i32> = offsets
                .iter()
                .map(|end| i32::try_from(*end).unwrap_or(i32::MAX))
                .collect();
            let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
            if *ty == DataType::Binary {
                return Ok(Arc::new(BinaryArray::try_new(ends, bytes.into(), nulls)?));
            }
            let bytes = Buffer::from(bytes);
            match StringArray::try_new(ends, bytes.clone(), nulls) {
                Ok(array) => Arc::new(array),
                Err(error) => {
                    let problem = not_utf8(&offsets, &bytes);
                    return Err(problem.map_or_else(|| error.into(), Failure::from));
                }
            }
        }
    })
}

/// Which text is none.
fn not_utf8(offsets: &[u32], bytes: &[u8]) -> Option<TableProblem> {
    let mut texts = offsets
        .windows(2)
        .map(|pair| bytes.get(pair[0] as usize..pair[1] as usize));
    let wrong = |text: Option<&[u8]>| text.is_none_or(|text| std::str::from_utf8(text).is_err());
    texts.position(wrong).map(TableProblem::Utf8)
}

/// Neutral values where the kind knows no absence.
fn absent(ty: &DataType, neutral: u8, len: usize) -> Result<ArrayRef, Failure> {
    Ok(match ty {
        DataType::Boolean => Arc::new(BooleanArray::new(BooleanBuffer::new_unset(len), None)),
        DataType::UInt8 => Arc::new(UInt8Array::from(vec![neutral; len])),
        DataType::UInt16 => Arc::new(UInt16Array::from(vec![0; len])),
        DataType::UInt32 => Arc::new(UInt32Array::from(vec![0; len])),
        DataType::UInt64 => Arc::new(UInt64Array::from(vec![0; len])),
        DataType::Float32 => Arc::new(Float32Array::from(vec![0.0; len])),
        DataType::Float64 => Arc::new(Float64Array::from(vec![0.0; len])),
        DataType::Utf8 => {
            let ends = OffsetBuffer::new_zeroed(len);
            Arc::new(StringArray::try_new(
                ends,
                Buffer::from_vec(Vec::<u8>::new()),
                None,
            )?)
        }
        DataType::Binary => {
            let ends = OffsetBuffer::new_zeroed(len);
            Arc::new(BinaryArray::try_new(
                ends,
                Buffer::from_vec(Vec::<u8>::new()),
                None,
            )?)
        }
        DataType::FixedSizeBinary(16) => {
            let zeros = Buffer::from(vec![0u8; len * 16]);
            Arc::new(FixedSizeBinaryArray::try_new(16, zeros, None)?)
        }
        ty => return Err(ArrowError::SchemaError(format!("{ty} has no neutral value")).into()),
    })
}
