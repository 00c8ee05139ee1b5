//! Datasets as files: NDJSON, one entry a line.

use std::fmt;
use std::io::{BufRead as _, BufReader, Read};

use palisade_events::{AttributeValue, Attributes, Digest, Timestamp, without_mark};
use palisade_events::{Panicked, contain};
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::entries::Entries;
use super::entry::{Entry, EntryKind, canonical, shown};
use super::error::DatasetError;
use super::index::{Index, TooManyAlike};
use super::networks::Network;
use super::{Dataset, DatasetLimits};

/// The longest line, in bytes without its end.
const MAX_LINE: usize = 64 << 10;
/// Most fields of an entry: as many attributes as an event may have, and its own.
const MAX_FIELDS: usize = palisade_events::MAX_ATTRIBUTES + 4;

impl Dataset {
    /// Reads a file to its end: a JSON object on each line, with `kind`, `value`, and where the
    /// entry is not valid for ever `valid_from` and `valid_until` as RFC 3339. Everything else
    /// is text or a number and becomes an attribute. Empty lines, a byte-order mark and the line
    /// ends of Windows are skipped. Of the file no more than a line is held.
    ///
    /// # Errors
    /// When it cannot be read or is beyond a limit; else with line and field. A file with one bad
    /// entry is refused as a whole: part of a list of indicators is not the list that the operator
    /// believes to be active.
    pub fn read(
        name: &str,
        file: impl Read,
        limits: &DatasetLimits,
    ) -> Result<Dataset, DatasetError> {
        let read = contain(|| {
            let mut dataset = Dataset {
                name: name.to_owned(),
                digest: Digest::default(),
                entries: Entries::default(),
                index: Index::default(),
            };
            let lines = Lines::of(file, limits.bytes);
            dataset
                .fill(lines, limits)
                .map(|digest| Dataset { digest, ..dataset })
        });
        let read = read.unwrap_or_else(|source| Err(Why::Panicked(source)));
        read.map_err(|why| why.of(name))
    }

    /// The same of a file's content.
    ///
    /// # Errors
    /// As [`read`](Dataset::read).
    pub fn parse(
        name: &str,
        bytes: &[u8],
        limits: &DatasetLimits,
    ) -> Result<Dataset, DatasetError> {
        Dataset::read(name, bytes, limits)
    }

    /// Takes all lines; returns the digest of the file.
    fn fill(&mut self, mut lines: Lines<impl Read>, limits: &DatasetLimits) -> Result<Digest, Why> {
        while let Some(line) = lines.next()? {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if self.entries.len() == limits.entries {
                return Err(Why::TooMany(limits.entries));
            }
            let read = read_entry(line);
            let number = lines.number;
            let (entry, network) = read.map_err(|problem| Why::Line(number, problem))?;
            let heavy = Why::TooHeavy(number, limits.held);
            let Some(at) = self.entries.push(&entry, network) else {
                return Err(heavy);
            };
            let same = self.index.insert(&self.entries, at);
            same.map_err(|TooManyAlike| Why::SameValue(number))?;
            if self.held() > limits.held {
                return Err(heavy);
            }
        }
        self.entries.close();
        self.index.close();
        Ok(lines.digest.finalize().into())
    }
}

/// Why a file is refused, but for its name.
enum Why {
    Read(std::io::Error),
    TooLarge(u64),
    TooMany(usize),
    TooHeavy(u64, u64),
    Line(u64, Problem),
    SameValue(u64),
    Panicked(Panicked),
}

impl Why {
    fn of(self, dataset: &str) -> DatasetError {
        let dataset = dataset.to_owned();
        match self {
            Why::Read(source) => DatasetError::Read { dataset, source },
            Why::TooLarge(limit) => DatasetError::TooLarge { dataset, limit },
            Why::TooMany(limit) => DatasetError::TooMany { dataset, limit },
            Why::TooHeavy(line, limit) => DatasetError::TooHeavy {
                dataset,
                line,
                limit,
            },
            Why::Line(line, (field, problem)) => DatasetError::Line {
                dataset,
                line,
                field,
                problem,
            },
            Why::SameValue(line) => DatasetError::SameValue { dataset, line },
            Why::Panicked(source) => DatasetError::Panicked { dataset, source },
        }
    }
}

/// The lines of a file, one at a time.
struct Lines<R> {
    file: BufReader<R>,
    digest: blake3::Hasher,
    /// Bytes that it may have, and may still have.
    limit: u64,
    left: u64,
    line: Vec<u8>,
    /// The number of the line, from 1.
    number: u64,
}

impl<R: Read> Lines<R> {
    fn of(file: R, limit: u64) -> Self {
        Lines {
            file: BufReader::with_capacity(MAX_LINE, file),
            digest: blake3::Hasher::new(),
            limit,
            left: limit,
            line: Vec::new(),
            number: 0,
        }
    }

    /// The next line, with its end.
    fn next(&mut self) -> Result<Option<&[u8]>, Why> {
        self.line.clear();
        self.number += 1;
        // Its end, and one byte more, which tells that it is too long.
        let most = MAX_LINE as u64 + 3;
        let mut line = (&mut self.file).take(most.min(self.left.saturating_add(1)));
        line.read_until(b'\n', &mut self.line).map_err(Why::Read)?;
        let length = self.line.len() as u64;
        self.left = self
            .left
            .checked_sub(length)
            .ok_or(Why::TooLarge(self.limit))?;
        if length == most || self.line.trim_ascii_end().len() > MAX_LINE {
            let problem = format!("is too long; at most {MAX_LINE} bytes are allowed");
            return Err(Why::Line(self.number, (String::new(), problem)));
        }
        self.digest.update(&self.line);
        let line = match self.number {
            1 => without_mark(&self.line),
            _ => &self.line[..],
        };
        Ok(Some(line).filter(|line| !line.is_empty()))
    }
}

type Problem = (String, String);

/// An entry, and the network that it stands for.
fn read_entry(line: &[u8]) -> Result<(Entry, Option<Network>), Problem> {
    let whole = |problem: String| (String::new(), problem);
    let Fields(fields) = serde_json::from_slice(line).map_err(|e| whole(explain(&e)))?;
    let (mut kind, mut value) = (None, None);
    let (mut valid_from, mut valid_until) = (None, None);
    let mut attributes = Attributes::default();
    for (name, json) in fields {
        let in_field = |problem: String| (shown(&name), problem);
        match name.as_str() {
            "kind" => {
                let text = text(json).map_err(in_field)?;
                kind = Some(EntryKind::from_name(&text).ok_or_else(|| {
                    let known = EntryKind::ALL.map(EntryKind::name).join("`, `");
                    in_field(format!("`{}` is none of `{known}`", shown(&text)))
                })?);
            }
            "value" => value = Some(text(json).map_err(in_field)?),
            "valid_from" => valid_from = Some(time(json).map_err(in_field)?),
            "valid_until" => valid_until = Some(time(json).map_err(in_field)?),
            // A window that is not heeded would make an entry match for ever.
            other if other.starts_with("valid") => {
                return Err(in_field("write `valid_from` or `valid_until`".into()));
            }
            other => {
                let value = attribute(json).map_err(in_field)?;
                let added = attributes.insert(other, value);
                added.map_err(|e| in_field(e.to_string()))?;
            }
        }
    }
    let missing = |field: &str| (field.to_owned(), "is missing".to_owned());
    let kind = kind.ok_or_else(|| missing("kind"))?;
    let value = value.ok_or_else(|| missing("value"))?;
    let (value, network) = canonical(kind, &value).map_err(|p| ("value".to_owned(), p))?;
    if let (Some(from), Some(until)) = (valid_from, valid_until)
        && from > until
    {
        let problem = "is before `valid_from`".to_owned();
        return Err(("valid_until".to_owned(), problem));
    }
    let entry = Entry {
        kind,
        value: value.into(),
        valid_from,
        valid_until,
        attributes,
    };
    Ok((entry, network))
}

fn text(json: Value) -> Result<String, String> {
    match json {
        Value::String(text) => Ok(text),
        other => Err(format!("must be text, not {}", type_of(&other))),
    }
}

fn time(json: Value) -> Result<u64, String> {
    let time: Result<Timestamp, _> = text(json)?.parse();
    time.map(|time| time.0)
        .map_err(|e: palisade_events::TimestampError| e.to_string())
}

fn attribute(json: Value) -> Result<AttributeValue, String> {
    match json {
        Value::String(text) => Ok(AttributeValue::Text(text)),
        Value::Number(number) => {
            let whole = number.as_i64().map(i64::unsigned_abs).or(number.as_u64());
            match number.as_f64() {
                // Beyond 2^53 a double does not tell whole numbers apart.
                Some(float) if whole.is_none_or(|whole| whole <= 1 << 53) => {
                    Ok(AttributeValue::Number(float))
                }
                _ => Err(format!("`{number}` is beyond 2^53; write it as text")),
            }
        }
        other => Err(format!("must be text or a number, not {}", type_of(&other))),
    }
}

fn type_of(json: &Value) -> &'static str {
    match json {
        Value::Null => "null; leave it out",
        Value::Bool(_) => "a truth value; write it as text",
        Value::Number(_) => "a number",
        Value::String(_) => "text",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// What the JSON reader says, without the line, which is always 1.
fn explain(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match text.rsplit_once(" at line 1 column ") {
        Some((problem, column)) => format!("{problem}, at byte {column}"),
        None => text,
    }
}

/// The fields of a line, in order, none twice.
struct Fields(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        from.deserialize_map(FieldsVisitor)
    }
}

struct FieldsVisitor;

impl<'de> Visitor<'de> for FieldsVisitor {
    type Value = Fields;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object on one line")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
        let mut fields: Vec<(String, Value)> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.iter().any(|(other, _)| *other == name) {
                return Err(A::Error::custom(format!(
                    "`{}` is there twice",
                    shown(&name)
                )));
            }
            if fields.len() == MAX_FIELDS {
                return Err(A::Error::custom(format!("more than {MAX_FIELDS} fields")));
            }
            let value = map.next_value()?;
            fields.push((name, value));
        }
        Ok(Fields(fields))
    }
}
