//! How much text columns hold, by which batches are bounded.

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

use crate::batch::MAX_BATCH_TEXT;

/// How many bytes the texts of the array have, at any depth.
pub(crate) fn total(array: &dyn Array) -> usize {
    let between = |ends: &[i32]| match (ends.first(), ends.last()) {
        (Some(first), Some(last)) => usize::try_from(last - first).unwrap_or(0),
        _ => 0,
    };
    match array.data_type() {
        DataType::Utf8 => array
            .as_string_opt::<i32>()
            .map_or(0, |text| between(text.value_offsets())),
        DataType::Binary => array
            .as_binary_opt::<i32>()
            .map_or(0, |bytes| between(bytes.value_offsets())),
        DataType::Struct(_) => array
            .as_struct_opt()
            .into_iter()
            .flat_map(|array| array.columns())
            .map(|child| total(child.as_ref()))
            .sum(),
        DataType::List(_) => array.as_list_opt::<i32>().map_or(0, |list| {
            let ends = list.value_offsets();
            let begin = usize::try_from(ends.first().copied().unwrap_or(0)).unwrap_or(0);
            total(list.values().slice(begin, between(ends)).as_ref())
        }),
        _ => 0,
    }
}

/// Adds to each of `sizes` how many bytes the texts of its row have, at any depth.
pub(crate) fn add_rows(array: &dyn Array, sizes: &mut [usize]) {
    let mut add = |ends: &[i32]| {
        for (size, ends) in sizes.iter_mut().zip(ends.windows(2)) {
            *size += usize::try_from(ends[1] - ends[0]).unwrap_or(0);
        }
    };
    match array.data_type() {
        DataType::Utf8 => {
            if let Some(text) = array.as_string_opt::<i32>() {
                add(text.value_offsets());
            }
        }
        DataType::Binary => {
            if let Some(bytes) = array.as_binary_opt::<i32>() {
                add(bytes.value_offsets());
            }
        }
        DataType::Struct(_) => {
            for child in array
                .as_struct_opt()
                .into_iter()
                .flat_map(|array| array.columns())
            {
                add_rows(child.as_ref(), sizes);
            }
        }
        DataType::List(_) => {
            let Some(list) = array.as_list_opt::<i32>() else {
                return;
            };
            let mut items = vec![0; list.values().len()];
            add_rows(list.values().as_ref(), &mut items);
            for (size, ends) in sizes.iter_mut().zip(list.value_offsets().windows(2)) {
                let begin = usize::try_from(ends[0]).unwrap_or(0);
                let end = usize::try_from(ends[1]).unwrap_or(0);
                *size += items
                    .get(begin..end)
                    .unwrap_or_default()
                    .iter()
                    .sum::<usize>();
            }
        }
        _ => {}
    }
}

/// What an item of a list takes beside its text once it is a value of its own, in bytes, about.
const ITEM: usize = 48;

/// How many bytes the values of these rows take as values of their own, about, beside what every
/// row takes. It costs as much for many rows as for one.
pub(crate) fn as_values(array: &dyn Array, from: usize, to: usize) -> usize {
    let between = |ends: &[i32]| match (ends.get(from), ends.get(to)) {
        (Some(begin), Some(end)) => (
            usize::try_from(*begin).unwrap_or(0),
            usize::try_from(*end).unwrap_or(0),
        ),
        _ => (0, 0),
    };
    let length = |(begin, end): (usize, usize)| end.saturating_sub(begin);
    match array.data_type() {
        DataType::Utf8 => array
            .as_string_opt::<i32>()
            .map_or(0, |text| length(between(text.value_offsets()))),
        DataType::Binary => array
            .as_binary_opt::<i32>()
            .map_or(0, |bytes| length(between(bytes.value_offsets()))),
        DataType::Struct(_) => array
            .as_struct_opt()
            .into_iter()
            .flat_map(|array| array.columns())
            .map(|child| as_values(child.as_ref(), from, to))
            .sum(),
        DataType::List(_) => array.as_list_opt::<i32>().map_or(0, |list| {
            let (begin, end) = between(list.value_offsets());
            let items = length((begin, end)) * ITEM;
            items + as_values(list.values().as_ref(), begin, end)
        }),
        _ => 0,
    }
}

/// Whether columns of `rows` rows can be a batch: all but the last event have at most
/// [`MAX_BATCH_TEXT`] bytes of text together.
pub(crate) fn text_fits(columns: &[ArrayRef], rows: usize) -> bool {
    if columns.iter().map(|c| total(c.as_ref())).sum::<usize>() <= MAX_BATCH_TEXT {
        return true;
    }
    let mut sizes = vec![0; rows];
    for column in columns {
        add_rows(column.as_ref(), &mut sizes);
    }
    sizes.pop();
    sizes.iter().sum::<usize>() <= MAX_BATCH_TEXT
}
