//! Columns of values that may be absent, and of lists.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, ListArray};
use arrow_buffer::{NullBuffer, NullBufferBuilder, OffsetBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

use super::{ColumnBuilder, Columnar, TextBuilder, arrow_field};
use crate::mask::Mask;

/// Builds a column of values that may be absent.
#[derive(Debug)]
pub struct OptionBuilder<B> {
    values: B,
    valid: NullBufferBuilder,
}

impl<B: Default> Default for OptionBuilder<B> {
    fn default() -> Self {
        Self {
            values: B::default(),
            valid: NullBufferBuilder::new(0),
        }
    }
}

impl<B> OptionBuilder<B> {
    /// Says that the value, which the caller pushes into what is returned, is there.
    #[inline]
    pub fn some(&mut self) -> &mut B {
        self.valid.append_non_null();
        &mut self.values
    }

    /// Appends an absent value.
    #[inline]
    pub fn none<T>(&mut self)
    where
        B: ColumnBuilder<T>,
    {
        self.valid.append_null();
        self.values.push_neutral();
    }
}

impl OptionBuilder<TextBuilder> {
    /// Appends text or its absence.
    #[inline]
    pub fn push_str(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.some().push_str(text),
            None => self.none(),
        }
    }
}

impl<T: Columnar> ColumnBuilder<Option<T>> for OptionBuilder<T::Builder> {
    #[inline]
    fn push(&mut self, value: &Option<T>) {
        match value {
            Some(value) => self.some().push(value),
            None => self.none(),
        }
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.none();
    }

    fn len(&self) -> usize {
        self.values.len()
    }

    #[inline]
    fn text_size(&self) -> usize {
        self.values.text_size()
    }

    fn finish(&mut self, _nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let valid = self.valid.finish();
        self.values.finish(valid)
    }
}

impl<T: Columnar> Columnar for Option<T> {
    type Builder = OptionBuilder<T::Builder>;
    const NODES: usize = T::NODES;

    fn data_type() -> DataType {
        T::data_type()
    }

    fn nullable() -> bool {
        true
    }

    fn metadata() -> Option<(&'static str, String)> {
        T::metadata()
    }

    fn read(array: &dyn Array, row: usize, mask: &Mask, position: usize) -> Self {
        if row >= array.len() || array.is_null(row) {
            return None;
        }
        Some(T::read(array, row, mask, position))
    }

    fn hide(&mut self, mask: &Mask, position: usize) {
        if let Some(value) = self {
            value.hide(mask, position);
        }
    }
}

/// Builds a column of lists.
#[derive(Debug)]
pub struct ListBuilder<T: Columnar> {
    /// The values of all rows, one after another.
    pub items: T::Builder,
    offsets: Vec<i32>,
    field: FieldRef,
}

impl<T: Columnar> Default for ListBuilder<T> {
    fn default() -> Self {
        let field = Arc::new(arrow_field::<T>(Field::LIST_FIELD_DEFAULT_NAME));
        Self {
            items: T::Builder::default(),
            offsets: vec![0],
            field,
        }
    }
}

impl<T: Columnar> ListBuilder<T> {
    /// Ends the row, which owns the items pushed since the last one ended.
    #[inline]
    pub fn end_row(&mut self) {
        self.offsets
            .push(i32::try_from(self.items.len()).unwrap_or(-1));
    }
}

impl<T: Columnar> ColumnBuilder<Vec<T>> for ListBuilder<T> {
    fn push(&mut self, value: &Vec<T>) {
        for item in value {
            self.items.push(item);
        }
        self.end_row();
    }

    fn push_neutral(&mut self) {
        self.end_row();
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    fn text_size(&self) -> usize {
        self.items.text_size()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        std::mem::swap(&mut offsets, &mut self.offsets);
        let items = self.items.finish(None)?;
        if i32::try_from(items.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(items.len()));
        }
        let offsets = OffsetBuffer::new(offsets.into());
        Ok(Arc::new(ListArray::try_new(
            Arc::clone(&self.field),
            offsets,
            items,
            nulls,
        )?))
    }
}

impl<T: Columnar> Columnar for Vec<T> {
    type Builder = ListBuilder<T>;
    const NODES: usize = T::NODES;

    fn data_type() -> DataType {
        DataType::List(Arc::new(arrow_field::<T>(Field::LIST_FIELD_DEFAULT_NAME)))
    }

    fn read(array: &dyn Array, row: usize, mask: &Mask, position: usize) -> Self {
        let Some(array) = array.as_list_opt::<i32>().filter(|a| row < a.len()) else {
            return Self::new();
        };
        let items = array.values();
        let begin = usize::try_from(array.value_offsets()[row]).unwrap_or(0);
        (begin..begin + usize::try_from(array.value_length(row)).unwrap_or(0))
            .map(|item| T::read(items, item, mask, position))
            .collect()
    }

    fn hide(&mut self, mask: &Mask, position: usize) {
        for value in self {
            value.hide(mask, position);
        }
    }
}
