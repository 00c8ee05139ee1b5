//! How values become Arrow arrays and come back.

use std::fmt::Debug;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    ArrowPrimitiveType, Float32Type, Float64Type, UInt8Type, UInt16Type, UInt32Type, UInt64Type,
};
use arrow_array::{
    Array, ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, ListArray, PrimitiveArray,
    StringArray, StructArray,
};
use arrow_buffer::{
    BooleanBufferBuilder, Buffer, NullBuffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer,
};
use arrow_schema::{ArrowError, DataType, Field, FieldRef};

use crate::attributes::Attributes;
use crate::mask::Mask;
use crate::scalar::{Bytes, IpAddress, Timestamp};

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

fn primitive<P: ArrowPrimitiveType>(array: &dyn Array, row: usize) -> Option<P::Native> {
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

/// Builds a column of text or, as bytes, of anything.
#[derive(Clone, Debug)]
pub struct TextBuilder {
    offsets: Vec<i32>,
    bytes: Vec<u8>,
}

impl Default for TextBuilder {
    fn default() -> Self {
        Self {
            offsets: vec![0],
            bytes: Vec::new(),
        }
    }
}

impl TextBuilder {
    /// Appends text.
    #[inline]
    pub fn push_str(&mut self, text: &str) {
        self.push_bytes(text.as_bytes());
    }

    /// Appends what `value` displays.
    pub fn push_display(&mut self, value: &dyn std::fmt::Display) {
        use std::io::Write as _;
        // Writing to memory does not fail.
        let _ = write!(self.bytes, "{value}");
        self.push_bytes(&[]);
    }

    #[inline]
    fn push_bytes(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
        // Beyond 2 GiB the offset turns negative, and `take` says so.
        self.offsets
            .push(i32::try_from(self.bytes.len()).unwrap_or(-1));
    }

    /// How many bytes the values have together.
    pub fn size(&self) -> usize {
        self.bytes.len()
    }

    fn take(&mut self) -> Result<(OffsetBuffer<i32>, Buffer), ArrowError> {
        let mut offsets = Vec::with_capacity(self.offsets.len());
        offsets.push(0);
        std::mem::swap(&mut offsets, &mut self.offsets);
        let capacity = self.bytes.len();
        let bytes = std::mem::replace(&mut self.bytes, Vec::with_capacity(capacity));
        if i32::try_from(bytes.len()).is_err() {
            return Err(ArrowError::OffsetOverflowError(bytes.len()));
        }
        Ok((OffsetBuffer::new(offsets.into()), bytes.into()))
    }
}

impl ColumnBuilder<String> for TextBuilder {
    #[inline]
    fn push(&mut self, value: &String) {
        self.push_str(value);
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.push_bytes(&[]);
    }

    fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    #[inline]
    fn text_size(&self) -> usize {
        self.size()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.take()?;
        Ok(Arc::new(StringArray::try_new(offsets, bytes, nulls)?))
    }
}

impl Columnar for String {
    type Builder = TextBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::Utf8
    }

    fn read(array: &dyn Array, row: usize, _: &Mask, _: usize) -> Self {
        as_text(array, row).unwrap_or_default().to_owned()
    }
}

/// Builds a column of bytes.
#[derive(Clone, Debug, Default)]
pub struct BytesBuilder(TextBuilder);

impl BytesBuilder {
    /// Appends bytes.
    #[inline]
    pub fn add(&mut self, bytes: &[u8]) {
        self.0.push_bytes(bytes);
    }
}

impl ColumnBuilder<Bytes> for BytesBuilder {
    #[inline]
    fn push(&mut self, value: &Bytes) {
        self.add(&value.0);
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.add(&[]);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    #[inline]
    fn text_size(&self) -> usize {
        self.0.size()
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let (offsets, bytes) = self.0.take()?;
        Ok(Arc::new(BinaryArray::try_new(offsets, bytes, nulls)?))
    }
}

impl Columnar for Bytes {
    type Builder = BytesBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::Binary
    }

    fn read(array: &dyn Array, row: usize, _: &Mask, _: usize) -> Self {
        let array = array.as_binary_opt::<i32>().filter(|a| row < a.len());
        Self(array.map(|a| a.value(row).to_vec()).unwrap_or_default())
    }
}

/// Builds a column of addresses.
#[derive(Clone, Debug, Default)]
pub struct AddressBuilder(Vec<u8>);

impl AddressBuilder {
    /// Appends an address.
    #[inline]
    pub fn add(&mut self, address: IpAddress) {
        self.0.extend_from_slice(&address.0);
    }
}

impl ColumnBuilder<IpAddress> for AddressBuilder {
    #[inline]
    fn push(&mut self, value: &IpAddress) {
        self.add(*value);
    }

    #[inline]
    fn push_neutral(&mut self) {
        self.add(IpAddress::default());
    }

    fn len(&self) -> usize {
        self.0.len() / 16
    }

    fn finish(&mut self, nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let capacity = self.0.len();
        let bytes = std::mem::replace(&mut self.0, Vec::with_capacity(capacity));
        Ok(Arc::new(FixedSizeBinaryArray::try_new(
            16,
            bytes.into(),
            nulls,
        )?))
    }
}

impl Columnar for IpAddress {
    type Builder = AddressBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::FixedSizeBinary(16)
    }

    fn read(array: &dyn Array, row: usize, _: &Mask, _: usize) -> Self {
        let array = array.as_fixed_size_binary_opt().filter(|a| row < a.len());
        Self(
            array
                .and_then(|a| a.value(row).try_into().ok())
                .unwrap_or_default(),
        )
    }
}

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
