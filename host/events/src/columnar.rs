//! How values become Arrow arrays and come back.

mod nested;
mod plain;
mod text;

use std::fmt::Debug;

use arrow_array::cast::AsArray;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::NullBuffer;
use arrow_schema::{ArrowError, DataType, Field};

pub use nested::{ListBuilder, OptionBuilder};
use plain::primitive;
pub use plain::{BoolBuilder, Numbers, TimestampBuilder};
pub use text::{AddressBuilder, BytesBuilder, TextBuilder};

use crate::attributes::Attributes;
use crate::mask::Mask;

/// A type that a column can hold.
pub trait Columnar: Default + Debug {
    /// Builds the column.
    type Builder: ColumnBuilder<Self>;

    /// How many fields lie below a field of this type.
    const NODES: usize;

    /// The Arrow type of the column.
    fn data_type() -> DataType;

    /// Whether entries can be null.
    fn nullable() -> bool {
        false
    }

    /// What the Arrow field says on top of its type.
    fn metadata() -> Option<(&'static str, String)> {
        None
    }

    /// The value at `row`, fields that `mask` hides being neutral. `position` is that of
    /// the field among those of its kind. An array of another type, which a batch never
    /// holds, reads as neutral.
    fn read(array: &dyn Array, row: usize, mask: &Mask, position: usize) -> Self;

    /// Makes the fields below this one neutral that `mask` hides.
    fn hide(&mut self, _mask: &Mask, _position: usize) {}

    /// The attributes, where this is or holds some.
    fn attributes(&self) -> Option<&Attributes> {
        None
    }
}

/// Builds a column of `T`.
pub trait ColumnBuilder<T>: Default + Debug {
    /// Appends a value.
    fn push(&mut self, value: &T);

    /// Appends the neutral value, which also stands under a null.
    fn push_neutral(&mut self);

    /// How many values there are.
    fn len(&self) -> usize;

    /// Whether there are none.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many columns of attributes there are so far.
    fn attribute_columns(&self) -> usize {
        0
    }

    /// How many bytes the texts have together so far, at any depth.
    fn text_size(&self) -> usize {
        0
    }

    /// The array, with these nulls; the builder is empty again.
    ///
    /// # Errors
    /// When parts of the column differ in length or text exceeds 2 GiB.
    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError>;
}

/// The Arrow field for a column of `T`.
pub(crate) fn arrow_field<T: Columnar>(name: &str) -> Field {
    let field = Field::new(name, T::data_type(), T::nullable());
    match T::metadata() {
        Some((key, value)) => {
            field.with_metadata(std::collections::HashMap::from([(key.to_owned(), value)]))
        }
        None => field,
    }
}

pub(crate) fn as_struct(array: &dyn Array) -> Option<&StructArray> {
    array.as_struct_opt()
}

pub(crate) fn as_text(array: &dyn Array, row: usize) -> Option<&str> {
    array
        .as_string_opt::<i32>()
        .filter(|a| row < a.len())
        .map(|a| a.value(row))
}

pub(crate) fn as_f64(array: &dyn Array, row: usize) -> Option<f64> {
    primitive::<Float64Type>(array, row)
}
