//! Columns of text, bytes and addresses.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, ArrayRef, BinaryArray, FixedSizeBinaryArray, StringArray};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer};
use arrow_schema::{ArrowError, DataType};

use super::{ColumnBuilder, Columnar, as_text};
use crate::mask::Mask;
use crate::scalar::{Bytes, IpAddress};

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
