//! Attributes: named values that no field of a kind foresees.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::types::Float64Type;
use arrow_array::{Array, ArrayRef, StructArray};
use arrow_buffer::{NullBuffer, NullBufferBuilder};
use arrow_schema::{ArrowError, DataType, Field, Fields};

use crate::columnar::{ColumnBuilder, Columnar, Numbers, TextBuilder, as_f64, as_struct, as_text};
use crate::mask::Mask;

/// Most attributes of an event.
pub const MAX_ATTRIBUTES: usize = 64;
/// Most names of attributes in a batch, a name that holds text and numbers counting twice.
pub const MAX_BATCH_ATTRIBUTES: usize = 256;
/// Longest name of an attribute in bytes.
pub const MAX_ATTRIBUTE_NAME: usize = 64;

/// Marks the column of a name's texts when the name holds numbers in other events of the
/// batch. No name has a colon.
const TEXT_SUFFIX: &str = ":text";

/// What an attribute holds.
#[derive(Clone, Debug, PartialEq)]
pub enum AttributeValue {
    /// Text.
    Text(String),
    /// A finite number; whole numbers are exact up to 2^53.
    Number(f64),
}

impl From<&str> for AttributeValue {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<f64> for AttributeValue {
    fn from(number: f64) -> Self {
        Self::Number(number)
    }
}

/// Why an attribute is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttributeError {
    /// The name is not one.
    #[error(
        "`{0}` is no name for an attribute: at most 64 bytes of a-z, 0-9, `.`, `_` and `-`, \
         led by a letter or digit{hint}", hint = lowered(.0)
    )]
    Name(String),
    /// The number is infinite or none.
    #[error("attribute `{0}` is not a finite number")]
    NotFinite(String),
    /// The event has 64 already.
    #[error("attribute `{0}` is one too many; an event has at most 64")]
    TooMany(String),
    /// The event has it already.
    #[error("attribute `{0}` is given twice")]
    Twice(String),
    /// The batch has 256 names already.
    #[error("attribute `{0}` is one name too many; a batch has at most 256")]
    BatchFull(String),
}

/// What a name that has nothing wrong but capitals may be instead.
fn lowered(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    match check_name(&lower) {
        Ok(()) if lower != name => format!("; write `{lower}`"),
        _ => String::new(),
    }
}

/// Whether `name` can be an attribute's.
///
/// # Errors
/// [`AttributeError::Name`] if not.
pub fn check_name(name: &str) -> Result<(), AttributeError> {
    let bytes = name.as_bytes();
    let led = bytes
        .first()
        .is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let allowed = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-".contains(b);
    if !led || bytes.len() > MAX_ATTRIBUTE_NAME || !bytes.iter().all(allowed) {
        let shown = name
            .chars()
            .take(MAX_ATTRIBUTE_NAME)
            .flat_map(char::escape_debug)
            .collect();
        return Err(AttributeError::Name(shown));
    }
    Ok(())
}

fn check(name: &str, number: Option<f64>) -> Result<(), AttributeError> {
    check_name(name)?;
    match number {
        Some(number) if !number.is_finite() => Err(AttributeError::NotFinite(name.to_owned())),
        _ => Ok(()),
    }
}

/// The attributes of an event, sorted bytewise by name. The neutral value has none.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attributes(BTreeMap<String, AttributeValue>);

impl Attributes {
    /// Adds an attribute.
    ///
    /// # Errors
    /// See [`AttributeError`]; the batch's limit is not known here.
    pub fn insert(
        &mut self,
        name: impl Into<String>,
        value: impl Into<AttributeValue>,
    ) -> Result<(), AttributeError> {
        let (name, value) = (name.into(), value.into());
        let number = match value {
            AttributeValue::Number(number) => Some(number),
            AttributeValue::Text(_) => None,
        };
        check(&name, number)?;
        if self.0.contains_key(&name) {
            return Err(AttributeError::Twice(name));
        }
        if self.0.len() >= MAX_ATTRIBUTES {
            return Err(AttributeError::TooMany(name));
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The value of that name.
    pub fn get(&self, name: &str) -> Option<&AttributeValue> {
        self.0.get(name)
    }

    /// Names and values, bytewise by name.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &AttributeValue)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Keeps those for which `keep` says yes.
    pub fn retain(&mut self, mut keep: impl FnMut(&str) -> bool) {
        self.0.retain(|name, _| keep(name));
    }
}

#[derive(Debug)]
enum Values {
    Numbers(Numbers<f64>),
    Text(TextBuilder),
}

#[derive(Debug)]
struct Child {
    name: Box<str>,
    values: Values,
    valid: NullBufferBuilder,
    rows: usize,
}

impl Child {
    fn pad(&mut self, rows: usize) {
        for _ in self.rows..rows {
            match &mut self.values {
                Values::Numbers(numbers) => numbers.push_neutral(),
                Values::Text(text) => text.push_neutral(),
            }
        }
        self.valid.append_n_nulls(rows.saturating_sub(self.rows));
        self.rows = self.rows.max(rows);
    }
}

/// Builds the columns of the attributes of a batch: one for each name.
#[derive(Debug, Default)]
pub struct AttributesBuilder {
    rows: usize,
    in_row: usize,
    /// Bytes of all texts.
    size: usize,
    children: Vec<Child>,
    // The positions of a name's numbers and texts.
    names: HashMap<Box<str>, [Option<usize>; 2]>,
}

impl AttributesBuilder {
    /// Adds a number to the row that [`end_row`](Self::end_row) will end.
    ///
    /// # Errors
    /// See [`AttributeError`]; the attribute is left out then.
    pub fn number(&mut self, name: &str, value: f64) -> Result<(), AttributeError> {
        let rows = self.rows;
        let child = self.child(name, Some(value))?;
        child.pad(rows);
        if let Values::Numbers(numbers) = &mut child.values {
            numbers.push(&value);
            child.valid.append_non_null();
            child.rows += 1;
        }
        Ok(())
    }

    /// Adds text to the row that [`end_row`](Self::end_row) will end.
    ///
    /// # Errors
    /// See [`AttributeError`]; the attribute is left out then.
    pub fn text(&mut self, name: &str, value: &str) -> Result<(), AttributeError> {
        let rows = self.rows;
        let child = self.child(name, None)?;
        child.pad(rows);
        if let Values::Text(text) = &mut child.values {
            text.push_str(value);
            child.valid.append_non_null();
            child.rows += 1;
            self.size += value.len();
        }
        Ok(())
    }

    /// Ends the row, which has the attributes added since the last.
    pub fn end_row(&mut self) {
        self.rows += 1;
        self.in_row = 0;
    }

    fn child(&mut self, name: &str, number: Option<f64>) -> Result<&mut Child, AttributeError> {
        let side = usize::from(number.is_none());
        let known = self.names.get(name).copied();
        if known.is_none() {
            check(name, number)?;
        } else if number.is_some_and(|number| !number.is_finite()) {
            return Err(AttributeError::NotFinite(name.to_owned()));
        }
        let sides = known.unwrap_or_default();
        let taken = |at: usize| self.children.get(at).is_some_and(|c| c.rows > self.rows);
        if sides.into_iter().flatten().any(taken) {
            return Err(AttributeError::Twice(name.to_owned()));
        }
        if self.in_row >= MAX_ATTRIBUTES {
            return Err(AttributeError::TooMany(name.to_owned()));
        }
        let at = match sides[side] {
            Some(at) => at,
            None => {
                if self.children.len() >= MAX_BATCH_ATTRIBUTES {
                    return Err(AttributeError::BatchFull(name.to_owned()));
                }
                let at = self.children.len();
                self.children.push(Child {
                    name: name.into(),
                    values: match number {
                        Some(_) => Values::Numbers(Numbers::default()),
                        None => Values::Text(TextBuilder::default()),
                    },
                    valid: NullBufferBuilder::new(1024),
                    rows: 0,
                });
                self.names.entry(name.into()).or_default()[side] = Some(at);
                at
            }
        };
        self.in_row += 1;
        Ok(&mut self.children[at])
    }
}

impl ColumnBuilder<Attributes> for AttributesBuilder {
    fn push(&mut self, value: &Attributes) {
        for (name, value) in value.iter() {
            // `Attributes` holds only what the builder takes, and a batch is closed
            // while it has room for another event.
            let pushed = match value {
                AttributeValue::Number(number) => self.number(name, *number),
                AttributeValue::Text(text) => self.text(name, text),
            };
            debug_assert!(pushed.is_ok(), "{pushed:?}");
        }
        self.end_row();
    }

    fn push_neutral(&mut self) {
        self.end_row();
    }

    fn len(&self) -> usize {
        self.rows
    }

    fn attribute_columns(&self) -> usize {
        self.children.len()
    }

    #[inline]
    fn text_size(&self) -> usize {
        self.size
    }

    fn finish(&mut self, _nulls: Option<NullBuffer>) -> Result<ArrayRef, ArrowError> {
        let rows = std::mem::take(&mut self.rows);
        self.in_row = 0;
        self.size = 0;
        self.names.clear();
        let mut columns = Vec::with_capacity(self.children.len());
        for mut child in std::mem::take(&mut self.children) {
            child.pad(rows);
            let valid = child.valid.finish();
            let array = match child.values {
                Values::Numbers(mut numbers) => numbers.finish(valid)?,
                Values::Text(mut text) => text.finish(valid)?,
            };
            columns.push((child.name.into_string(), array));
        }
        assemble(rows, columns)
    }
}

/// The record of the columns of a batch's attributes, sorted by name. Columns in which
/// nothing is are left out.
pub(crate) fn assemble(
    rows: usize,
    mut columns: Vec<(String, ArrayRef)>,
) -> Result<ArrayRef, ArrowError> {
    columns.retain(|(_, array)| array.null_count() < array.len());
    let is_text = |array: &ArrayRef| *array.data_type() != DataType::Float64;
    columns.sort_by(|(a, x), (b, y)| (a, is_text(x)).cmp(&(b, is_text(y))));
    let mut fields: Vec<Field> = Vec::with_capacity(columns.len());
    let mut arrays = Vec::with_capacity(columns.len());
    for (mut name, array) in columns {
        if fields.last().is_some_and(|before| *before.name() == name) {
            name.push_str(TEXT_SUFFIX);
        }
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let fields = Fields::from(fields);
    Ok(Arc::new(StructArray::try_new_with_length(
        fields, arrays, None, rows,
    )?))
}

/// Whether the record is one as [`assemble`] makes it: of allowed names in their order,
/// a name's texts after its numbers, finite numbers, nothing that is empty, and in no row
/// more than an event may have.
///
/// # Errors
/// With what is wrong.
pub(crate) fn check_assembled(attributes: &StructArray) -> Result<(), String> {
    let columns = attributes.columns();
    if columns.len() > MAX_BATCH_ATTRIBUTES {
        return Err(format!("it has {} columns of attributes", columns.len()));
    }
    let mut before: Option<(&str, bool)> = None;
    let mut shared = Vec::new();
    for (at, (field, column)) in attributes.fields().iter().zip(columns).enumerate() {
        let name = name_of_column(field.name());
        check_name(name).map_err(|error| error.to_string())?;
        let text = match field.data_type() {
            DataType::Float64 => false,
            DataType::Utf8 => true,
            ty => return Err(format!("attribute `{name}` is {ty}")),
        };
        let second = before == Some((name, false)) && text;
        if before.is_some_and(|before| before >= (name, text)) {
            return Err(format!("attribute `{name}` is not in the order of names"));
        }
        if second != (field.name().len() > name.len()) {
            return Err(format!("the column of attribute `{name}` is named wrongly"));
        }
        if column.null_count() == column.len() {
            return Err(format!("no event has attribute `{name}`"));
        }
        if let Some(numbers) = column.as_primitive_opt::<Float64Type>()
            && numbers.iter().flatten().any(|number| !number.is_finite())
        {
            return Err(AttributeError::NotFinite(name.to_owned()).to_string());
        }
        if second {
            shared.push(at);
        }
        before = Some((name, text));
    }
    let has = |at: usize, row| columns.get(at).is_some_and(|column| column.is_valid(row));
    for row in 0..attributes.len() {
        if shared.iter().any(|at| has(*at, row) && has(at - 1, row)) {
            return Err(format!("row {row} has an attribute twice"));
        }
        let present = || (0..columns.len()).filter(|at| has(*at, row)).count();
        if columns.len() > MAX_ATTRIBUTES && present() > MAX_ATTRIBUTES {
            return Err(format!(
                "row {row} has more than {MAX_ATTRIBUTES} attributes"
            ));
        }
    }
    Ok(())
}

/// The attribute that a column of the struct is for.
pub(crate) fn name_of_column(column: &str) -> &str {
    column.strip_suffix(TEXT_SUFFIX).unwrap_or(column)
}

impl Columnar for Attributes {
    type Builder = AttributesBuilder;
    const NODES: usize = 0;

    fn data_type() -> DataType {
        DataType::Struct(Fields::empty())
    }

    fn read(array: &dyn Array, row: usize, mask: &Mask, _position: usize) -> Self {
        let mut attributes = Self::default();
        let Some(array) = as_struct(array) else {
            return attributes;
        };
        for (field, column) in array.fields().iter().zip(array.columns()) {
            let name = name_of_column(field.name());
            if column.is_null(row) || !mask.attribute(name) {
                continue;
            }
            let value = match field.data_type() {
                DataType::Float64 => as_f64(column, row).map(AttributeValue::Number),
                _ => as_text(column, row).map(AttributeValue::from),
            };
            if let Some(value) = value {
                attributes.0.insert(name.to_owned(), value);
            }
        }
        attributes
    }

    fn hide(&mut self, mask: &Mask, _position: usize) {
        self.retain(|name| mask.attribute(name));
    }

    fn attributes(&self) -> Option<&Attributes> {
        Some(self)
    }
}
