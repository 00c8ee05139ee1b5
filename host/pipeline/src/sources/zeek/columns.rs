//! Zeek's logs in columns (TSV), as Zeek writes them by default, read by the same structs as
//! those in JSON.

use std::borrow::Cow;
use std::fmt;

use memchr::{memchr, memmem};
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::sources::fault::Fault;
use crate::sources::recover::names::{Names, Sensor};
use crate::sources::text::RAW;

/// Most columns of a log.
const MAX_COLUMNS: usize = 4096;

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Type {
    /// `count`, `int`, `double`, `port`, `interval` and `time`: a number in JSON as well.
    Number,
    Bool,
    /// All else, which is text in JSON as well.
    Text,
}

#[derive(Clone, Debug)]
struct Column {
    name: Box<str>,
    of: Type,
    /// Whether it holds a set or a vector.
    many: bool,
}

/// What the lines that begin with `#` say of the rows below them.
#[derive(Clone, Debug)]
pub(super) struct Header {
    separator: Box<str>,
    set_separator: Box<str>,
    empty: Box<str>,
    unset: Box<str>,
    path: Option<Box<str>>,
    columns: Vec<Column>,
    /// Whether the types are there, one for each column.
    typed: bool,
}

impl Default for Header {
    fn default() -> Self {
        Self {
            separator: "\t".into(),
            set_separator: ",".into(),
            empty: "(empty)".into(),
            unset: "-".into(),
            path: None,
            columns: Vec::new(),
            typed: false,
        }
    }
}

impl Header {
    /// Takes in a line of the header. Those that it has no use for, such as `#open` and
    /// comments, change nothing.
    pub(super) fn line(&mut self, line: &str) -> Result<(), Fault> {
        let line = line.strip_suffix('\r').unwrap_or(line);
        if let Some(separator) = line.strip_prefix("#separator") {
            // A header begins: that of the log before it, in the same stream, is done with.
            *self = Self::default();
            let separator = unescape(separator.trim_start_matches([' ', '\t']));
            if separator.is_empty() {
                return Err(Fault::header("#separator", "names no separator"));
            }
            self.separator = separator.into();
            return Ok(());
        }
        let mut parts = line.split(&*self.separator);
        let what = parts.next().unwrap_or_default();
        match what {
            "#set_separator" => {
                self.set_separator = unescape(&rest(line, what, &self.separator)).into();
                if self.set_separator.is_empty() {
                    self.set_separator = ",".into();
                    return Err(Fault::header("#set_separator", "names no separator"));
                }
            }
            "#empty_field" => self.empty = rest(line, what, &self.separator).into(),
            "#unset_field" => self.unset = rest(line, what, &self.separator).into(),
            "#path" => {
                let path = unescape(&rest(line, what, &self.separator)).into_owned();
                self.path = Some(path.into()).filter(|path: &Box<str>| !path.is_empty());
            }
            "#fields" => {
                self.typed = false;
                let fields: Vec<Cow<'_, str>> = parts.map(unescape).collect();
                if fields.is_empty() || fields.len() > MAX_COLUMNS {
                    self.columns.clear();
                    return Err(Fault::header("#fields", "names no fields, or too many"));
                }
                let names = Names::of(Sensor::Zeek, fields.iter().map(|name| &**name));
                let column = |field: &Cow<'_, str>| Column {
                    name: names.canonical(field).into(),
                    of: Type::Text,
                    many: false,
                };
                self.columns = fields.iter().map(column).collect();
            }
            "#types" => {
                let mut types = parts;
                for (column, text) in self.columns.iter_mut().zip(&mut types) {
                    let inner = text.split_once('[').map(|(_, of)| of.trim_end_matches(']'));
                    column.many = inner.is_some();
                    column.of = match inner.unwrap_or(text) {
                        "count" | "int" | "double" | "port" | "interval" | "time" => Type::Number,
                        "bool" => Type::Bool,
                        _ => Type::Text,
                    };
                }
                let count = line.split(&*self.separator).count() - 1;
                self.typed = count == self.columns.len();
                if !self.typed {
                    return Err(Fault::header("#types", "has not one type for each field"));
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// The log that the rows belong to, where the header says it.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.as_deref()
    }

    /// Whether the header has a field of that name.
    pub(super) fn has(&self, name: &str) -> bool {
        self.columns.iter().any(|column| &*column.name == name)
    }

    /// Whether rows can be read.
    pub(super) fn is_whole(&self) -> bool {
        self.typed && !self.columns.is_empty()
    }
}

/// What stands behind the name of a line of a header.
fn rest(line: &str, what: &str, separator: &str) -> String {
    let rest = line.get(what.len()..).unwrap_or_default();
    rest.strip_prefix(separator).unwrap_or(rest).to_owned()
}

/// A row, with the header above it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row<'r> {
    pub(super) header: &'r Header,
    pub(super) line: &'r str,
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
    pub(super) fn read<S: DeserializeSeed<'r>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self).map_err(|error| error.0)
    }

    /// The row as Zeek writes it in JSON, times as numbers.
    pub(super) fn to_json(self) -> String {
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
pub(super) struct RowError(Fault);

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

/// Undoes `\xHH` and `\\`. Bytes that are no text stay as they are written, as in Zeek's JSON:
/// control characters that have no letter of their own in JSON, and what is no UTF-8.
fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        let at = memchr(b'\\', rest).unwrap_or(rest.len());
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain);
        let hex = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        rest = match escape {
            [] => break,
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', b'x', high, low, rest @ ..] => {
                match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => bytes.push(high << 4 | low),
                    _ => bytes.extend_from_slice(&[b'\\', b'x', *high, *low]),
                }
                rest
            }
            [first, rest @ ..] => {
                bytes.push(*first);
                rest
            }
        };
    }
    let mut plain = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => plain.push(char),
                '\0'..='\u{1f}' | '\u{7f}' => push_hex(&mut plain, u32::from(char)),
                _ => plain.push(char),
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut plain, u32::from(*byte));
        }
    }
    Cow::Owned(plain)
}

fn push_hex(to: &mut String, byte: u32) {
    use std::fmt::Write as _;
    // Writing to text does not fail.
    let _ = write!(to, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(lines: &[&str]) -> Header {
        let mut header = Header::default();
        for line in lines {
            header.line(line).unwrap();
        }
        header
    }

    fn json(header: &Header, line: &str) -> serde_json::Value {
        serde_json::from_str(&Row { header, line }.to_json()).unwrap()
    }

    #[test]
    fn escapes_are_undone_as_zeeks_json_has_them() {
        for (written, meant) in [
            ("plain", "plain"),
            (r"a\x09b\x2cc\\x09", "a\tb,c\\x09"),
            (r"\xc3\xa9 é \xff\x00\x7f", r"é é \xff\x00\x7f"),
            (r"\x2d", "-"),
            (r"\q \x1 \", r"\q \x1 \"),
            (r"\xzz", r"\xzz"),
        ] {
            assert_eq!(unescape(written), meant, "{written}");
        }
    }

    #[test]
    fn values_by_type() {
        let header = header(&[
            r"#separator \x09",
            "#set_separator\t;",
            "#empty_field\tEMPTY",
            "#unset_field\t~",
            "#path\tx",
            "#open\t2025-01-01-00-00-00",
            "#fields\tts\tid_orig_h\tn\tf\tflag\tset\tnone\tgone\ttext\tints",
            "#types\ttime\taddr\tcount\tinterval\tbool\tset[string]\tvector[string]\tset[addr]\tstring\tvector[int]",
        ]);
        assert_eq!(header.path(), Some("x"));
        assert!(header.has("id.orig_h") && header.is_whole());
        let line = "1.5\t::1\t18446744073709551615\t0.25\tF\ta\\x3bb;~;c\tEMPTY\t~\tEMPTY\t-1;2";
        assert_eq!(
            json(&header, line),
            serde_json::json!({"ts": 1.5, "id.orig_h": "::1", "n": u64::MAX, "f": 0.25,
                "flag": false, "set": ["a;b", null, "c"], "none": [], "text": "", "ints": [-1, 2]})
        );
        assert_eq!(
            json(&header, &format!("{line}\r"))["ints"],
            serde_json::json!([-1, 2])
        );
    }

    #[test]
    fn rows_that_do_not_fit_their_header_are_told() {
        let header = header(&["#fields\ta\tb", "#types\tstring\tstring"]);
        for (line, there) in [("1", 1), ("1\t2\t3", 3), ("", 1)] {
            let error = Row {
                header: &header,
                line,
            }
            .read(std::marker::PhantomData::<serde::de::IgnoredAny>)
            .unwrap_err();
            let says =
                format!("the row has {there} values, and the header above it names 2 fields");
            assert_eq!(error.to_string(), says);
        }
        let mut torn = Header::default();
        assert!(torn.line("#fields").is_err());
        torn.line("#fields\ta\tb").unwrap();
        assert!(torn.line("#types\tstring").is_err() && !torn.is_whole());
        assert!(torn.line("#separator ").is_err());
    }
}
