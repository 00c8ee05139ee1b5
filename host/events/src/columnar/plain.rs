//! Columns of numbers, times and truth values.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef, BooleanArray, PrimitiveArray};
use arrow_buffer::{BooleanBufferBuilder, NullBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType};

use super::{ColumnBuilder, Columnar};
use crate::mask::Mask;
use crate::scalar::Timestamp;

pub(super) fn primitive<P: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> Option<P::Native> {
    array
        .as_primitive_opt::<P>()
        .and_then(|a| a.values().get(row).copied())
}

/// Builds a column of numbers.
#[derive(Clone, Debug, Default)]
pub struct Numbers<T>(pub Vec<T>);

macro_rules! numbers {
    ($($native:ty, $arrow:ident, $data_type:ident;)*) => { $(
        impl ColumnBuilder<$native> for Numbers<$native> {
            #[inline]
            fn push(&mut self, value: &$native) {
                self.0.push(*value);
            }

            #[inline]
            fn push_neutral(&mut self) {
                self.0.push(Default::default());
            }

            fn len(&self) -> usize {
                self.0.len()
            }

            fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
                let capacity = self.0.len();
                let values = std::mem::replace(&mut self.0, Vec::with_capacity(capacity));
                let array = PrimitiveArray::<$arrow>::try_new(ScalarBuffer::from(values), nulls)?;
                Ok(Arc::new(array))
            }
        }

        impl Columnar for $native {
            type Builder = Numbers<$native>;
            const NODES: usize = 0;

            fn data_type() -> DataType {
                DataType::$data_type
            }

            fn read(array: &dyn Array, row: usize, _: &Mask, _: usize) -> Self {
                primitive::<$arrow>(array, row).unwrap_or_default()
            }
        }
    )* };
}

numbers! {
    u8, UInt8Type, UInt8;
    u16, UInt16Type, UInt16;
    u32, UInt32Type, UInt32;
    u64, UInt64Type, UInt64;
    f32, Float32Type, Float32;
    f64, Float64Type, Float64;
}

impl<T> Numbers<T> {
    /// Appends a number.
    #[inline]
    pub fn add(&mut self, value: T) {
        self.0.push(value);
    }
}

/// Builds a column of times.
#[derive(Clone, Debug, Default)]
pub struct TimestampBuilder(pub Numbers<u64>);

impl ColumnBuilder<Timestamp> for TimestampBuilder {
    #[inline]
    fn push(&mut self, value: &Timestamp) {
        self.0.add(value.0);
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.0.add(0);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        self.0.finish(nulls)
    }
}

impl Columnar for Timestamp {
    type Builder = TimestampBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::UInt64
    }

    fn metadata() -> Option<(&'static str, String)> {
        Some(("unit", "nanoseconds since 1970-01-01T00:00:00Z".to_owned()))
    }

    fn read(array: &dyn Array, row: usize, mask: &Mask, position: usize) -> Self {
        Self(u64::read(array, row, mask, position))
    }
}

/// Builds a column of truth values.
#[derive(Debug)]
pub struct BoolBuilder(BooleanBufferBuilder);

impl Default for BoolBuilder {
    fn default() -> Self {
        Self(BooleanBufferBuilder::new(0))
    }
}

impl BoolBuilder {
    /// Appends a truth value.
    #[inline]
    pub fn add(&mut self, value: bool) {
        self.0.append(value);
    }
}

impl ColumnBuilder<bool> for BoolBuilder {
    #[inline]
    fn push(&mut self, value: &bool) {
        self.0.append(*value);
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.0.append(false);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let values = self.0.finish();
        same_length(values.len(), nulls.as_ref())?;
        Ok(Arc::new(BooleanArray::new(values, nulls)))
    }
}

impl Columnar for bool {
    type Builder = BoolBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::Boolean
    }

    fn read(array: &dyn Array, row: usize, _: &Mask, _: usize) -> Self {
        array
            .as_boolean_opt()
            .filter(|a| row < a.len())
            .is_some_and(|a| a.value(row))
    }
}

fn same_length(len: usize, nulls: Option<&NullBuffer>) -> Result<(), ArrowError> {
    match nulls {
        Some(nulls) if nulls.len() != len => Err(ArrowError::InvalidArgumentError(format!(
            "a column of {len} values has {} marks of validity",
            nulls.len()
        ))),
        _ => Ok(()),
    }
}
