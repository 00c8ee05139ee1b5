//! The keys by which records are told apart.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, Visitor};

use super::recognise::{Dialect, path_of_name};
use super::text::Text;

/// Which of the keys that tell formats apart the object has, as far as it can be read.
#[derive(Debug, Default)]
pub(super) struct Keys<'r> {
    event_type: bool,
    timestamp: bool,
    kind: bool,
    time: bool,
    ts: bool,
    uid: bool,
    path: Text<'r>,
    /// The first of [`ZEEK_FIELDS`] that the object has.
    hint: Option<usize>,
}

/// Fields that tell Zeek's logs apart, for logs that do not name themselves. The first that
/// is there counts, for some logs have fields of others.
const ZEEK_FIELDS: [(&str, &str); 17] = [
    ("conn_state", "conn"),
    ("trans_id", "dns"),
    ("qtype_name", "dns"),
    ("ssl_history", "ssl"),
    ("mailfrom", "smtp"),
    ("request_from", "sip"),
    ("status_code", "http"),
    ("trans_depth", "http"),
    ("note", "notice"),
    ("total_bytes", "files"),
    ("seen_bytes", "files"),
    ("pdu_type", "modbus"),
    ("fc_request", "dnp3"),
    ("auth_success", "ssh"),
    ("notice", "weird"),
    ("sensor_id", "signatures"),
    ("cipher", "ssl"),
];

/// The log that has these fields.
pub(super) fn path_of_fields(has: impl Fn(&str) -> bool) -> Option<&'static str> {
    let found = ZEEK_FIELDS.iter().find(|(field, _)| has(field));
    found.map(|(_, path)| *path)
}

/// Whether it is the name of one of Zeek's logs.
pub(super) fn is_zeek_log(name: &str) -> bool {
    super::zeek::is_known(name)
}

impl<'r> Keys<'r> {
    pub(super) fn of(record: &'r [u8]) -> Self {
        let mut keys = Self::default();
        // The record may be cut off where the looking ends; what was seen counts.
        let _ = Read(&mut keys).deserialize(&mut serde_json::Deserializer::from_slice(record));
        keys
    }

    /// The keys of a whole record.
    pub(super) fn read(record: &'r str) -> Result<Self, serde_json::Error> {
        let mut keys = Self::default();
        Read(&mut keys).deserialize(&mut serde_json::Deserializer::from_str(record))?;
        Ok(keys)
    }

    /// The log of Zeek that the record says it is of.
    pub(super) fn path(&self) -> Option<&str> {
        self.path.get()
    }

    /// The log of Zeek that only it has these fields.
    pub(super) fn zeek_log(&self) -> Option<&'static str> {
        self.hint
            .and_then(|at| ZEEK_FIELDS.get(at))
            .map(|(_, path)| *path)
    }

    /// Whether the object is a record itself, or would be one: then it wraps none.
    pub(super) fn is_record(&self) -> bool {
        self.event_type || self.path().is_some() || self.ts || self.kind && self.time
    }

    pub(super) fn dialect(&self, name: &str) -> Option<Dialect> {
        if self.event_type && self.timestamp {
            return Some(Dialect::Eve);
        }
        if self.kind && self.time {
            return Some(Dialect::Palisade);
        }
        if self.path().is_some() && self.ts {
            return Some(Dialect::Zeek(None));
        }
        let hint = self.zeek_log();
        if self.ts && (self.uid || hint.is_some()) {
            let path = path_of_name(name).or_else(|| hint.map(str::to_owned));
            return Some(Dialect::Zeek(path));
        }
        let known = path_of_name(name).filter(|path| is_zeek_log(path));
        known
            .filter(|_| self.ts)
            .map(|path| Dialect::Zeek(Some(path)))
    }
}

struct Read<'k, 'r>(&'k mut Keys<'r>);

impl<'de> DeserializeSeed<'de> for Read<'_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<(), D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Read<'_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.or_empty() {
                "event_type" => self.0.event_type = true,
                "timestamp" => self.0.timestamp = true,
                "kind" => self.0.kind = true,
                "time" => self.0.time = true,
                "ts" => self.0.ts = true,
                "uid" | "fuid" => self.0.uid = true,
                "_path" => {
                    self.0.path = map.next_value()?;
                    continue;
                }
                other => {
                    let hint = ZEEK_FIELDS.iter().position(|(field, _)| *field == other);
                    self.0.hint = match (self.0.hint, hint) {
                        (Some(before), Some(now)) => Some(before.min(now)),
                        (before, now) => before.or(now),
                    };
                }
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }
}
