//! Objects in which shippers put a record, whole or as text.

use std::borrow::Cow;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::repair;
use crate::text::Text;

/// The keys under which shippers put a record, or an object or list that holds it: Filebeat and
/// Logstash (`message`, `event.original`), journald (`MESSAGE`), Docker and Fluent Bit (`log`),
/// Wazuh (`full_log`), Splunk (`result._raw`), Elasticsearch (`hits.hits._source`), and what
/// others call a record or a list of records.
const KEYS: [&str; 18] = [
    "message", "MESSAGE", "event", "original", "log", "msg", "full_log", "result", "_raw", "raw",
    "hits", "_source", "record", "records", "Records", "events", "data", "payload",
];

/// The keys under which they put the name of the file that a record is from.
const FILES: [&str; 4] = ["path", "file", "filename", "source"];

/// What an object wraps.
#[derive(Debug, Default)]
pub(super) struct Wrapped<'t> {
    /// Texts, or JSON, in the order of [`KEYS`].
    pub(super) inner: Vec<Cow<'t, [u8]>>,
    /// The name of the file that the record is from.
    pub(super) path: Option<Cow<'t, str>>,
}

/// What `object` wraps; nothing if it cannot be read.
pub(super) fn open(object: &str) -> Wrapped<'_> {
    let mut values: [Option<&RawValue>; KEYS.len()] = [None; KEYS.len()];
    let mut path = None;
    let mut from = serde_json::Deserializer::from_str(object);
    let read = Read {
        values: &mut values,
        path: &mut path,
    }
    .deserialize(&mut from);
    if read.is_err() {
        return Wrapped::default();
    }
    Wrapped {
        inner: values.iter().flatten().filter_map(|v| value(v)).collect(),
        path,
    }
}

/// The bytes of a text, which journald gives as a list of numbers where they are no UTF-8, or
/// an object or list as it stands.
fn value(raw: &RawValue) -> Option<Cow<'_, [u8]>> {
    let raw = raw.get();
    match raw.as_bytes().first()? {
        b'"' => {
            let read: Result<String, _> = serde_json::from_str(raw);
            let text = read.ok().or_else(|| {
                let repaired = repair::surrogates(raw)?;
                serde_json::from_str(&repaired).ok()
            });
            text.map(|text| Cow::Owned(text.into_bytes()))
        }
        b'[' => Some(match serde_json::from_str::<Vec<u8>>(raw) {
            Ok(bytes) => Cow::Owned(bytes),
            Err(_) => Cow::Borrowed(raw.as_bytes()),
        }),
        b'{' => Some(Cow::Borrowed(raw.as_bytes())),
        _ => None,
    }
}

struct Read<'w, 't> {
    values: &'w mut [Option<&'t RawValue>; KEYS.len()],
    path: &'w mut Option<Cow<'t, str>>,
}

impl<'de> DeserializeSeed<'de> for Read<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

/// `{"file":{"path":"conn.log"}}`, as Filebeat has it below `log`.
#[derive(serde::Deserialize)]
struct Log<'t> {
    #[serde(borrow)]
    file: File<'t>,
}

#[derive(serde::Deserialize)]
struct File<'t> {
    #[serde(borrow)]
    path: Cow<'t, str>,
}

impl<'de> Visitor<'de> for Read<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            let key = key.or_empty();
            if let Some(place) = KEYS.iter().position(|known| *known == key) {
                let raw: &RawValue = map.next_value()?;
                if key == "log"
                    && let Ok(log) = serde_json::from_str::<Log<'de>>(raw.get())
                {
                    *self.path = Some(log.file.path);
                }
                self.values[place] = Some(raw);
            } else if FILES.contains(&key) {
                let raw: &RawValue = map.next_value()?;
                if self.path.is_none() {
                    *self.path = serde_json::from_str(raw.get()).ok();
                }
            } else {
                map.next_value::<IgnoredAny>()?;
            }
        }
        Ok(())
    }
}
