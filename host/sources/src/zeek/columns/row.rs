//! A row, as a map of fields to values.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memmem};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use super::escape::unescape;
use super::{Column, Header, Type};
use crate::fault::Fault;
use crate::text::RAW;

/// A row, with the header above it.
#[derive(Clone, Copy, Debug)]
pub(in crate::zeek) struct Row<'r> {
    pub(in crate::zeek) header: &'r Header,
    pub(in crate::zeek) line: &'r str,
}

impl<'r> Row<'r> {
    fn cells(self) -> Cells<'r> {
        let line = self.line.strip_suffix('\r').unwrap_or(self.line);
        Cells {
            header: self.header,
            rest: Some(line),
            at: 0,
            cell: None,
        }
    }

    /// Reads the row.
    pub(in crate::zeek) fn read<S: DeserializeSeed<'r>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self).map_err(|error| error.0)
    }

    /// The row as Zeek writes it in JSON, times as numbers.
    pub(in crate::zeek) fn to_json(self) -> String {
        let mut json = String::with_capacity(2 * self.line.len());
        let mut cells = self.cells();
        while let Ok(Some(column)) = cells.next_column() {
            json.push(if json.is_empty() { '{' } else { ',' });
            push_text(&mut json, &column.name);
            json.push(':');
            let Some(cell) = cells.cell.take() else {
                continue;
            };
            if !column.many {
                cell.push_json(&mut json);
                continue;
            }
            json.push('[');
            for (at, one) in cell.elements().enumerate() {
                if at > 0 {
                    json.push(',');
                }
                one.push_json(&mut json);
            }
            json.push(']');
        }
        json.push_str(if json.is_empty() { "{}" } else { "}" });
        json
    }
}

fn push_text(json: &mut String, text: &str) {
    // Text is never refused.
    json.push_str(&serde_json::to_string(text).unwrap_or_default());
}

/// Why a row cannot be read.
#[derive(Debug)]
pub(in crate::zeek) struct RowError(Fault);

impl fmt::Display for RowError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for RowError {}

impl serde::de::Error for RowError {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self(Fault::Row(message.to_string()))
    }
}

/// The values of a row, one after another; those that are unset are passed over, as Zeek
/// does in JSON.
struct Cells<'r> {
    header: &'r Header,
    rest: Option<&'r str>,
    at: usize,
    cell: Option<Cell<'r>>,
}

impl<'r> Cells<'r> {
    fn next_column(&mut self) -> Result<Option<&'r Column>, RowError> {
        let header = self.header;
        while let Some(column) = header.columns.get(self.at) {
            let Some(rest) = self.rest else {
                return Err(RowError(self.miscounted()));
            };
            self.at += 1;
            let (text, more) = split(rest, &header.separator);
            self.rest = more;
            if text != &*header.unset {
                self.cell = Some(Cell {
                    header,
                    of: column.of,
                    many: column.many,
                    text,
                });
                return Ok(Some(column));
            }
        }
        match self.rest {
            Some(_) => Err(RowError(self.miscounted())),
            None => Ok(None),
        }
    }

    fn miscounted(&self) -> Fault {
        let more = self
            .rest
            .map_or(0, |rest| rest.split(&*self.header.separator).count());
        let (there, named) = (self.at + more, self.header.columns.len());
        Fault::Row(format!(
            "the row has {there} values, and the header above it names {named} fields"
        ))
    }
}

/// The text before the first `separator`, and what comes after it.
fn split<'r>(text: &'r str, separator: &str) -> (&'r str, Option<&'r str>) {
    let found = match separator.as_bytes() {
        [one] => memchr(*one, text.as_bytes()),
        several => memmem::find(text.as_bytes(), several),
    };
    match found {
        Some(at) => (
            text.get(..at).unwrap_or_default(),
            text.get(at + separator.len()..),
        ),
        None => (text, None),
    }
}

impl<'de> Deserializer<'de> for Row<'de> {
    type Error = RowError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_map(self.cells())
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        option unit unit_struct newtype_struct seq tuple tuple_struct map struct enum identifier
        ignored_any
    }
}

impl<'de> MapAccess<'de> for Cells<'de> {
    type Error = RowError;

    fn next_key_seed<K: DeserializeSeed<'de>>(
        &mut self,
        seed: K,
    ) -> Result<Option<K::Value>, RowError> {
        match self.next_column()? {
            Some(column) => {
                let name = BorrowedStrDeserializer::new(&column.name);
                seed.deserialize(name).map(Some)
            }
            None => Ok(None),
        }
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, RowError> {
        let cell = self.cell.take();
        seed.deserialize(cell.ok_or_else(|| RowError(Fault::Row("no value".to_owned())))?)
    }
}

/// A value.
#[derive(Clone, Copy)]
struct Cell<'r> {
    header: &'r Header,
    of: Type,
    many: bool,
    text: &'r str,
}

/// A number as JSON has it.
enum Number {
    Unsigned(u64),
    Signed(i64),
    Double(f64),
}

impl<'r> Cell<'r> {
    fn is_empty(&self) -> bool {
        self.text == &*self.header.empty
    }

    /// The elements of a set or vector.
    fn elements(self) -> impl Iterator<Item = Self> {
        let mut rest = Some(self.text).filter(|_| !self.is_empty());
        std::iter::from_fn(move || {
            let (text, more) = split(rest?, &self.header.set_separator);
            rest = more;
            Some(Self {
                many: false,
                text,
                ..self
            })
        })
    }

    fn number(&self) -> Option<Number> {
        if let Ok(number) = self.text.parse() {
            return Some(Number::Unsigned(number));
        }
        if let Ok(number) = self.text.parse() {
            return Some(Number::Signed(number));
        }
        let number = self.text.parse().ok();
        number.filter(|n: &f64| n.is_finite()).map(Number::Double)
    }

    fn flag(&self) -> Option<bool> {
        match self.text {
            "T" | "true" => Some(true),
            "F" | "false" => Some(false),
            _ => None,
        }
    }

    fn value(&self) -> Cow<'r, str> {
        if self.is_empty() {
            Cow::Borrowed("")
        } else {
            unescape(self.text)
        }
    }

    fn push_json(&self, json: &mut String) {
        use std::fmt::Write as _;
        // Writing to text does not fail.
        let _ = match self.of {
            _ if self.text == &*self.header.unset => write!(json, "null"),
            Type::Number => match self.number() {
                Some(Number::Unsigned(n)) => write!(json, "{n}"),
                Some(Number::Signed(n)) => write!(json, "{n}"),
                Some(Number::Double(n)) => {
                    json.push_str(&serde_json::to_string(&n).unwrap_or_default());
                    Ok(())
                }
                None => {
                    push_text(json, &self.value());
                    Ok(())
                }
            },
            Type::Bool if self.flag().is_some() => {
                write!(json, "{}", self.flag() == Some(true))
            }
            _ => {
                push_text(json, &self.value());
                Ok(())
            }
        };
    }
}

impl<'de> Deserializer<'de> for Cell<'de> {
    type Error = RowError;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        if self.many {
            return visitor.visit_seq(Elements(self.elements()));
        }
        match self.of {
            // Only within a set or a vector; a value that is unset is no value of its row.
            _ if self.text == &*self.header.unset => return visitor.visit_unit(),
            Type::Number => match self.number() {
                Some(Number::Unsigned(number)) => return visitor.visit_u64(number),
                Some(Number::Signed(number)) => return visitor.visit_i64(number),
                Some(Number::Double(number)) => return visitor.visit_f64(number),
                None => {}
            },
            Type::Bool => {
                if let Some(flag) = self.flag() {
                    return visitor.visit_bool(flag);
                }
            }
            Type::Text => {}
        }
        match self.value() {
            Cow::Borrowed(text) => visitor.visit_borrowed_str(text),
            Cow::Owned(text) => visitor.visit_string(text),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, RowError> {
        if name == RAW {
            return visitor.visit_borrowed_str(self.text);
        }
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, RowError> {
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf
        unit unit_struct seq tuple tuple_struct map struct enum identifier
    }
}

/// The elements of a set or vector, one after another.
struct Elements<I>(I);

impl<'de, I: Iterator<Item = Cell<'de>>> SeqAccess<'de> for Elements<I> {
    type Error = RowError;

    fn next_element_seed<T: DeserializeSeed<'de>>(
        &mut self,
        seed: T,
    ) -> Result<Option<T::Value>, RowError> {
        self.0.next().map(|cell| seed.deserialize(cell)).transpose()
    }
}
