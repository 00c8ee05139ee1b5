//! From nested Arrow arrays to flat columns.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, ListArray, UInt32Array};
use arrow_buffer::NullBuffer;
use arrow_schema::DataType;
use arrow_select::take::take;

use super::{Column, ColumnError, Values, pick};
use crate::field::{FieldInfo, FieldType};

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
pub(super) fn finish(
    values: Values,
    offsets: Option<Arc<[u32]>>,
    nulls: Option<&NullBuffer>,
) -> Column {
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

pub(super) fn values_of(array: &dyn Array) -> Option<Values> {
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
