//! Datasets as files: NDJSON, one entry a line.

use std::fmt;
use std::io::Read;

use palisade_events::{AttributeValue, Attributes, Digest, Timestamp, without_mark};
use palisade_runtime::contain;
use serde::de::{Deserialize, Deserializer, Error as _, MapAccess, Visitor};
use serde_json::Value;

use super::entry::{Entry, EntryKind, canonical, shown};
use super::error::DatasetError;
use super::index::Index;
use super::{Dataset, DatasetLimits};

/// The longest line, in bytes.
const MAX_LINE: usize = 64 << 10;
/// Most fields of an entry: as many attributes as an event may have, and its own.
const MAX_FIELDS: usize = palisade_events::MAX_ATTRIBUTES + 4;

impl Dataset {
    /// Reads a file to its end.
    ///
    /// # Errors
    /// When it cannot be read, and as [`parse`](Dataset::parse).
    pub fn read(
        name: &str,
        file: impl Read,
        limits: &DatasetLimits,
    ) -> Result<Dataset, DatasetError> {
        let mut bytes = Vec::new();
        file.take(limits.bytes.saturating_add(1))
            .read_to_end(&mut bytes)
            .map_err(|source| DatasetError::Read {
                dataset: name.to_owned(),
                source,
            })?;
        Dataset::parse(name, &bytes, limits)
    }

    /// Reads the content of a file: a JSON object on each line, with `kind`, `value`, and
    /// where the entry is not valid for ever `valid_from` and `valid_until` as RFC 3339.
    /// Everything else is text or a number and becomes an attribute. Empty lines, a byte-order mark and the line
    /// ends of Windows are skipped.
    ///
    /// # Errors
    /// With line and field. A file with one bad entry is refused as a whole: part of a list
    /// of indicators is not the list that the operator believes to be active.
    pub fn parse(
        name: &str,
        bytes: &[u8],
        limits: &DatasetLimits,
    ) -> Result<Dataset, DatasetError> {
        if bytes.len() as u64 > limits.bytes {
            return Err(DatasetError::TooLarge {
                dataset: name.to_owned(),
                limit: limits.bytes,
            });
        }
        let read = contain(|| Dataset::parse_lines(name, bytes, limits));
        read.unwrap_or_else(|source| {
            Err(DatasetError::Panicked {
                dataset: name.to_owned(),
                source,
            })
        })
    }

    fn parse_lines(
        name: &str,
        bytes: &[u8],
        limits: &DatasetLimits,
    ) -> Result<Dataset, DatasetError> {
        let mut held = 0_usize;
        let mut entries = Vec::new();
        let mut networks = Vec::new();
        let mut lines = Vec::new();
        let text = without_mark(bytes);
        for (number, line) in (1u64..).zip(text.split(|byte| *byte == b'\n')) {
            let line = line.trim_ascii();
            if line.is_empty() {
                continue;
            }
            if entries.len() == limits.entries {
                return Err(DatasetError::TooMany {
                    dataset: name.to_owned(),
                    limit: limits.entries,
                });
            }
            let error = |(field, problem): (String, String)| DatasetError::Line {
                dataset: name.to_owned(),
                line: number,
                field,
                problem,
            };
            let (entry, network) = read_entry(line).map_err(error)?;
            held = held.saturating_add(entry.size());
            if held > limits.held {
                return Err(DatasetError::TooHeavy {
                    dataset: name.to_owned(),
                    line: number,
                    limit: limits.held,
                });
            }
            entries.push(entry);
            networks.push(network);
            lines.push(number);
        }
        let index = Index::of(&entries, &networks).map_err(|at| DatasetError::SameValue {
            dataset: name.to_owned(),
            line: lines[at],
        })?;
        Ok(Dataset {
            name: name.to_owned(),
            digest: Digest::of(bytes),
            entries,
            index,
        })
    }
}

type Problem = (String, String);

fn read_entry(line: &[u8]) -> Result<(Entry, Option<super::networks::Network>), Problem> {
    let whole = |problem: String| (String::new(), problem);
    if line.len() > MAX_LINE {
        return Err(whole(format!(
            "has {} bytes; at most {MAX_LINE} are allowed",
            line.len()
        )));
    }
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
