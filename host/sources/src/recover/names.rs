//! Names of fields that other programs give them, and the sensor's own: other separators
//! between record and field, prefixes, objects around them, and those of the Elastic Common
//! Schema where one field stands for one.

use std::borrow::Cow;
use std::collections::HashSet;

use serde::de::{DeserializeSeed as _, Deserializer, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::keys::is_zeek_log;

/// Whose names are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sensor {
    /// Suricata's, in EVE.
    Eve,
    /// Zeek's.
    Zeek,
}

/// Fields of records within a line of Zeek's. `Log::default_scope_sep` decides what stands
/// between the two names; here it is a point.
const SCOPED: [&str; 22] = [
    "id.orig_h",
    "id.orig_p",
    "id.resp_h",
    "id.resp_p",
    "seen.indicator",
    "seen.indicator_type",
    "seen.where",
    "seen.node",
    "certificate.version",
    "certificate.serial",
    "certificate.subject",
    "certificate.issuer",
    "certificate.not_valid_before",
    "certificate.not_valid_after",
    "certificate.key_alg",
    "certificate.sig_alg",
    "certificate.key_length",
    "basic_constraints.ca",
    "basic_constraints.path_len",
    "san.dns",
    "san.ip",
    "cmd.name",
];

/// Other names of Zeek's fields.
const ZEEK: [(&str, &str); 38] = [
    ("@timestamp", "ts"),
    ("timestamp", "ts"),
    ("zeek.session_id", "uid"),
    ("network.community_id", "community_id"),
    ("network.transport", "proto"),
    ("source.ip", "id.orig_h"),
    ("source.address", "id.orig_h"),
    ("source_ip", "id.orig_h"),
    ("src_ip", "id.orig_h"),
    ("source.port", "id.orig_p"),
    ("source_port", "id.orig_p"),
    ("src_port", "id.orig_p"),
    ("destination.ip", "id.resp_h"),
    ("destination.address", "id.resp_h"),
    ("destination_ip", "id.resp_h"),
    ("dest_ip", "id.resp_h"),
    ("dst_ip", "id.resp_h"),
    ("destination.port", "id.resp_p"),
    ("destination_port", "id.resp_p"),
    ("dest_port", "id.resp_p"),
    ("dst_port", "id.resp_p"),
    ("source.packets", "orig_pkts"),
    ("source.bytes", "orig_ip_bytes"),
    ("destination.packets", "resp_pkts"),
    ("destination.bytes", "resp_ip_bytes"),
    ("network.protocol", "service"),
    ("dns.question.name", "query"),
    ("dns.question.type", "qtype_name"),
    ("dns.response_code", "rcode_name"),
    ("http.request.method", "method"),
    ("http.response.status_code", "status_code"),
    ("url.domain", "host"),
    ("url.original", "uri"),
    ("user_agent.original", "user_agent"),
    ("tls.client.server_name", "server_name"),
    ("tls.cipher", "cipher"),
    ("file.name", "filename"),
    ("file.mime_type", "mime_type"),
];

/// Other names of EVE's fields.
const EVE: [(&str, &str); 19] = [
    ("@timestamp", "timestamp"),
    ("network.community_id", "community_id"),
    ("network.transport", "proto"),
    ("network.protocol", "app_proto"),
    ("source.ip", "src_ip"),
    ("source.address", "src_ip"),
    ("source_ip", "src_ip"),
    ("srcip", "src_ip"),
    ("source.port", "src_port"),
    ("source_port", "src_port"),
    ("srcport", "src_port"),
    ("destination.ip", "dest_ip"),
    ("destination.address", "dest_ip"),
    ("destination_ip", "dest_ip"),
    ("dst_ip", "dest_ip"),
    ("dstip", "dest_ip"),
    ("destination.port", "dest_port"),
    ("destination_port", "dest_port"),
    ("dst_port", "dest_port"),
];

/// Objects whose fields other programs set beside those of the sensor.
const AROUND: [&str; 4] = ["source", "destination", "network", "event"];

/// Further ones, which are the sensor's own in EVE.
const AROUND_ZEEK: [&str; 6] = ["dns", "http", "url", "user_agent", "tls", "file"];

/// How many objects deep names are put together, and most of them.
const MAX_DEPTH: usize = 4;
const MAX_NAMES: usize = 1024;

/// Whether a name is that of an end, or of what is found, in another writing.
pub(crate) fn is_other(name: &str) -> bool {
    let others = ["id.orig_h", "seen.indicator", "certificate.serial"];
    let ends = |known: &&str| ends_scoped(name, known).is_some_and(|at| !is_own(name, known, at));
    others.iter().any(ends)
}

fn is_own(name: &str, known: &str, at: usize) -> bool {
    at == 0 && name == known
}

/// Where `known` begins, when `name` ends in it with any character for the point, and another
/// separator, or nothing, before it.
fn ends_scoped(name: &str, known: &str) -> Option<usize> {
    let at = name.len().checked_sub(known.len())?;
    let separator = |byte: u8| !byte.is_ascii_alphanumeric();
    let (before, tail) = (name.as_bytes().get(..at)?, name.as_bytes().get(at..)?);
    let alike = |(have, want): (&u8, &u8)| match want {
        b'.' => separator(*have),
        _ => have == want,
    };
    let fits = tail.iter().zip(known.as_bytes()).all(alike);
    let apart = before.last().is_none_or(|byte| separator(*byte));
    (fits && apart).then_some(at)
}

/// How the names of one record, or of one header, become the sensor's own.
#[derive(Debug)]
pub(crate) struct Names {
    sensor: Sensor,
    /// What is put before every name of the sensor's.
    prefix: String,
    /// The log that the prefix names.
    path: Option<String>,
}

impl Names {
    pub(crate) fn of<'n>(sensor: Sensor, names: impl Iterator<Item = &'n str>) -> Self {
        let prefix = match sensor {
            Sensor::Zeek => zeek_prefix(names),
            Sensor::Eve => eve_prefix(names),
        };
        let path = match sensor {
            Sensor::Zeek => path_of(&prefix),
            Sensor::Eve => None,
        };
        Self {
            sensor,
            prefix,
            path,
        }
    }

    /// The sensor's own name for a field.
    pub(crate) fn canonical<'n>(&self, name: &'n str) -> &'n str {
        let bare = name.strip_prefix(&*self.prefix).unwrap_or(name);
        let other = match self.sensor {
            Sensor::Zeek => {
                let scoped = |known: &&&str| ends_scoped(bare, known) == Some(0);
                if let Some(known) = SCOPED.iter().find(scoped) {
                    return known;
                }
                ZEEK.as_slice()
            }
            Sensor::Eve => EVE.as_slice(),
        };
        let found = other
            .iter()
            .find(|(other, _)| *other == bare || *other == name);
        found.map_or(bare, |(_, own)| own)
    }
}

/// What stands before `id.orig_h`, in any writing, or before the fields of Elastic's module.
fn zeek_prefix<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut module = None;
    for name in names {
        if let Some(at) = ends_scoped(name, "id.orig_h") {
            return name.get(..at).unwrap_or_default().to_owned();
        }
        if module.is_none() && (name.starts_with("zeek.") || name.starts_with("bro.")) {
            let end = name.match_indices('.').nth(1).map(|(at, _)| at + 1);
            module = end.and_then(|end| name.get(..end));
        }
    }
    module.unwrap_or_default().to_owned()
}

fn eve_prefix<'n>(mut names: impl Iterator<Item = &'n str>) -> String {
    let found = names.find_map(|name| name.strip_suffix("event_type"));
    found.unwrap_or_default().to_owned()
}

/// The log that a prefix names, such as `zeek.connection.` or `dns_`.
fn path_of(prefix: &str) -> Option<String> {
    let separator = |byte: u8| !byte.is_ascii_alphanumeric();
    let end = prefix.bytes().rposition(|byte| !separator(byte))? + 1;
    let whole = prefix.get(..end)?;
    let last = whole.rsplit('.').next().unwrap_or(whole);
    let log = ["zeek_", "bro_"]
        .iter()
        .find_map(|lead| last.strip_prefix(lead));
    zeek_log(log.unwrap_or(last))
}

fn zeek_log(name: &str) -> Option<String> {
    let path = if name == "connection" { "conn" } else { name };
    is_zeek_log(path).then(|| path.to_owned())
}

/// A record under the sensor's own names.
#[derive(Debug)]
pub(super) struct Renamed {
    pub(super) text: String,
    /// The log that it says it is of.
    pub(super) path: Option<String>,
}

/// The record under the sensor's own names; none if it has them already, has too many, or cannot be
/// read.
pub(super) fn rename(sensor: Sensor, text: &str) -> Option<Renamed> {
    let mut fields = Vec::new();
    collect(sensor, text, "", 0, &mut fields)?;
    let names = Names::of(sensor, fields.iter().map(|(name, _)| &**name));
    let own: HashSet<&str> = fields.iter().map(|(name, _)| &**name).collect();
    let mut path = names.path.clone();
    let mut written = HashSet::new();
    let mut changed = false;
    let mut json = String::with_capacity(text.len());
    for (name, raw) in &fields {
        if sensor == Sensor::Zeek && matches!(&**name, "event.dataset" | "fileset.name") {
            let dataset: Option<Cow<'_, str>> = serde_json::from_str(raw.get()).ok();
            let log = dataset.as_deref().and_then(|set| set.rsplit('.').next());
            path = log.and_then(zeek_log).or(path);
        }
        let canonical = names.canonical(name);
        // A name of its own counts, and of others the first.
        let other = canonical != name;
        if other && (own.contains(canonical) || written.contains(canonical)) {
            continue;
        }
        written.insert(canonical);
        changed |= other;
        json.push(if json.is_empty() { '{' } else { ',' });
        json.push_str(&serde_json::to_string(canonical).ok()?);
        json.push(':');
        json.push_str(raw.get());
    }
    json.push('}');
    (changed && json.starts_with('{')).then_some(Renamed { text: json, path })
}

/// Whether the fields of an object stand for fields of the record around it.
fn is_around(sensor: Sensor, name: &str, depth: usize, only: bool) -> bool {
    let first = name.split('.').next().unwrap_or(name);
    if AROUND.contains(&first) {
        return true;
    }
    match sensor {
        Sensor::Eve => matches!(name, "suricata" | "suricata.eve" | "eve"),
        Sensor::Zeek => match first {
            "zeek" | "bro" => depth < 2,
            // `{"conn":{…}}`, as Zeek's writer for Kafka has it.
            _ if only && depth == 0 && is_zeek_log(name) => true,
            _ => AROUND_ZEEK.contains(&first),
        },
    }
}

/// Collects the fields of an object, those of objects around the record under their path.
fn collect<'t>(
    sensor: Sensor,
    text: &'t str,
    prefix: &str,
    depth: usize,
    to: &mut Vec<(String, &'t RawValue)>,
) -> Option<()> {
    let mut from = serde_json::Deserializer::from_str(text);
    let fields = Fields.deserialize(&mut from).ok()?;
    let only = fields.len() == 1;
    for (key, raw) in fields {
        let name = format!("{prefix}{key}");
        let nested = raw.get().starts_with('{') && depth < MAX_DEPTH;
        if nested && is_around(sensor, &name, depth, only) {
            collect(sensor, raw.get(), &format!("{name}."), depth + 1, to)?;
        } else if to.len() < MAX_NAMES {
            to.push((name, raw));
        } else {
            // What a record without its last fields says is not what it said.
            return None;
        }
    }
    Some(())
}

/// Reads an object into its fields as they stand.
struct Fields;

impl<'de> serde::de::DeserializeSeed<'de> for Fields {
    type Value = Vec<(String, &'de RawValue)>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Self::Value, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Fields {
    type Value = Vec<(String, &'de RawValue)>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Vec::new();
        while let Some(key) = map.next_key()? {
            fields.push((key, map.next_value()?));
        }
        Ok(fields)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn renamed(text: &str) -> Option<String> {
        rename(Sensor::Zeek, text).map(|renamed| renamed.text)
    }

    #[test]
    fn names_are_put_together_four_objects_deep() {
        let text = r#"{"@timestamp":1,"source":{"a":{"b":{"c":{"d":{"e":1}}}}}}"#;
        let own = r#"{"ts":1,"source.a.b.c.d":{"e":1}}"#;
        assert_eq!(renamed(text).as_deref(), Some(own));
    }

    #[test]
    fn a_record_of_more_than_1024_names_is_left_as_it_is() {
        let record = |names: usize| {
            let fields = (1..names).map(|at| format!("\"f{at}\":0,"));
            format!("{{{}\"@timestamp\":1}}", fields.collect::<String>())
        };
        let full = renamed(&record(1024)).expect("it is renamed");
        assert!(full.ends_with("\"f1023\":0,\"ts\":1}"), "{full}");
        assert_eq!(renamed(&record(1025)), None);
    }
}
