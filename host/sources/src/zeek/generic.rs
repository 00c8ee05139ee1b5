//! Notices and the like, and logs that become messages with named attributes.

use palisade_events::{AlertAction, BodyBuilder, Kind, MessageDirection, Severity, Timestamp};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::Line;
use super::table::{self, Row, Shape};
use super::typed::Id;
use crate::columns::{Ends, Shared, Side, encrypted, push_shared, time};
use crate::device::{self, Message};
use crate::fault::{Fault, Stop};
use crate::flow_key::{fnv64, protocol_number};
use crate::leaves::Leaves;
use crate::recover::names::is_other;
use crate::sink::EventSink;
use crate::text::{Raw, Text};

/// The part of a line that does not become attributes.
#[derive(Debug, Default)]
struct Head<'a> {
    ts: Raw<'a>,
    uid: Text<'a>,
    community_id: Text<'a>,
    id: Id<'a>,
    proto: Text<'a>,
    /// Whether addresses, or what was found, may stand under other names.
    other_names: bool,
}

/// Reads a line; attributes are led by `prefix`.
struct Read<'a, 'l> {
    leaves: &'l mut Leaves,
    prefix: &'l str,
    line: std::marker::PhantomData<&'a ()>,
}

impl<'de> DeserializeSeed<'de> for Read<'de, '_> {
    type Value = Head<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Head<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Read<'de, '_> {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a line of a Zeek log, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.or_empty() {
                "ts" => head.ts = map.next_value()?,
                "uid" => head.uid = map.next_value()?,
                "community_id" => head.community_id = map.next_value()?,
                "id" => head.id = map.next_value()?,
                "id.orig_h" => head.id.orig_h = map.next_value()?,
                "id.orig_p" => head.id.orig_p = map.next_value()?,
                "id.resp_h" => head.id.resp_h = map.next_value()?,
                "id.resp_p" => head.id.resp_p = map.next_value()?,
                "proto" => head.proto = map.next_value()?,
                "_path" | "_write_ts" | "_system_name" => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                key => {
                    head.other_names |= is_other(key);
                    self.leaves.read_entry_under(self.prefix, key, &mut map)?;
                }
            }
        }
        Ok(head)
    }
}

/// The transport of a protocol that has but one, for logs that do not say it.
fn usual_transport(path: &str) -> &'static str {
    match path {
        "dhcp"
        | "ntp"
        | "radius"
        | "snmp"
        | "syslog"
        | "quic"
        | "wireguard"
        | "bacnet"
        | "bacnet_property"
        | "bacnet_discovery"
        | "bacnet_device_control"
        | "hart_ip" => "udp",
        "weird" | "notice" | "signatures" | "intel" | "sip" | "kerberos" | "profinet" => "unknown",
        _ => "tcp",
    }
}

/// Reads a line of the log `path` into `to`.
pub(super) fn read(
    shared: &mut Shared,
    leaves: &mut Leaves,
    path: &str,
    line: Line<'_>,
    to: &mut EventSink,
) -> Result<(), Stop> {
    leaves.clear();
    let row = table::row(path);
    let prefix = row.map_or(path, |row| row.protocol);
    let head = line.read(Read {
        leaves,
        prefix,
        line: std::marker::PhantomData,
    })?;
    let at = time(head.ts, "ts")?;
    let proto = head.proto.get().unwrap_or_else(|| usual_transport(path));
    let mut ends = Ends {
        src: Side::read(&head.id.orig_h, head.id.orig_p, "id.orig_h")?,
        dst: Side::read(&head.id.resp_h, head.id.resp_p, "id.resp_h")?,
        protocol: protocol_number(proto),
        flow: head.uid.get().map(|uid| fnv64(uid.as_bytes())),
        community_id: head.community_id.get(),
        ..Ends::default()
    };
    if head.other_names && ends.unknown() {
        return Err(Fault::OtherNames.into());
    }
    if matches!(ends.protocol, 1 | 58) {
        let kind = ends.src.port.take().unwrap_or(0);
        ends.icmp = Some((kind, ends.dst.port.take().unwrap_or(0)));
    }
    match row.map_or(Shape::App, |row| row.shape) {
        Shape::Alert => push_alert(shared, leaves, path, ends, at, line.len(), to),
        Shape::App => push_app(shared, leaves, (path, row), &ends, at, line, to),
        Shape::Message => push_message(shared, leaves, (path, row), &ends, at, line.len(), to),
    }
}

struct Alert {
    id: String,
    text: String,
    category: Option<String>,
    severity: Severity,
    action: AlertAction,
}

/// What the line says was found. A weird is a protocol that bends its rules; a notice is
/// what a script of the operator thinks notable; intel is a match with an indicator.
fn alert(leaves: &Leaves, path: &str) -> Alert {
    let shown = |name: &str| leaves.shown(&format!("{path}.{name}"));
    let (id, text, severity) = match path {
        "weird" => (shown("name"), shown("addl"), Severity::Low),
        "intel" => {
            let seen = shown("seen.indicator");
            (shown("seen.indicator_type"), seen, Severity::High)
        }
        "signatures" => (shown("sig_id"), shown("event_msg"), Severity::Medium),
        _ => (shown("note"), shown("msg"), Severity::Medium),
    };
    let id = id.unwrap_or_else(|| path.to_owned());
    let category = match path {
        "notice" | "notice_alarm" => id.split_once("::").map(|(module, _)| module.to_owned()),
        _ => Some(path.to_owned()),
    };
    let dropped = leaves.text(&format!("{path}.dropped")) == Some("true")
        || leaves
            .text(&format!("{path}.actions"))
            .is_some_and(|a| a.contains("ACTION_DROP"));
    let action = if dropped {
        AlertAction::Blocked
    } else {
        AlertAction::Unknown
    };
    Alert {
        text: text.unwrap_or_else(|| id.clone()),
        id,
        category,
        severity,
        action,
    }
}

fn push_alert(
    shared: &mut Shared,
    leaves: &Leaves,
    path: &str,
    mut ends: Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    // Notices about hosts, such as scans, have no connection but name the hosts.
    for (side, name) in [(&mut ends.src, "src"), (&mut ends.dst, "dst")] {
        if !side.known
            && let Some(text) = leaves.text(&format!("{path}.{name}"))
            && let Ok(ip) = text.parse()
        {
            *side = Side {
                ip,
                port: None,
                known: true,
            };
        }
    }
    let alert = alert(leaves, path);
    if let BodyBuilder::NetworkAlert(columns) = to.row(Kind::NetworkAlert, at, len)? {
        push_shared!(shared, &ends, columns);
        columns.transport.add(ends.transport());
        columns.engine.push_str("zeek");
        columns.signature_id.push_str(&alert.id);
        columns.signature.push_str(&alert.text);
        columns.revision.none::<u32>();
        columns.category.push_str(alert.category.as_deref());
        columns.severity.add(alert.severity);
        columns.action.add(alert.action);
        leaves.push(&mut columns.attributes);
        columns.attributes.end_row();
    }
    Ok(())
}

/// The first of these fields that is there.
fn first_of(leaves: &Leaves, row: &Row, names: &[&str]) -> Option<String> {
    names
        .iter()
        .find_map(|name| leaves.shown(&format!("{}.{name}", row.protocol)))
}

fn push_app(
    shared: &mut Shared,
    leaves: &Leaves,
    (path, row): (&str, Option<&Row>),
    ends: &Ends<'_>,
    at: Timestamp,
    line: Line<'_>,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let protocol = row.map_or(path, |row| row.protocol);
    let operation = row.and_then(|row| first_of(leaves, row, row.operation));
    let status = row.and_then(|row| first_of(leaves, row, row.status));
    if let BodyBuilder::NetworkApp(columns) = to.row(Kind::NetworkApp, at, line.len())? {
        push_shared!(shared, ends, columns);
        columns.transport.add(ends.transport());
        columns.protocol.push_str(protocol);
        columns
            .operation
            .push_str(operation.as_deref().unwrap_or(path));
        columns.direction.add(MessageDirection::Unknown);
        columns.status.push_str(status.as_deref());
        match encrypted(protocol) {
            Some(encrypted) => columns.encrypted.some().add(encrypted),
            None => columns.encrypted.none::<bool>(),
        }
        leaves.push(&mut columns.attributes);
        columns.attributes.end_row();
        columns.original.push_str(Some(&line.original()));
    }
    Ok(())
}

fn push_message(
    shared: &mut Shared,
    leaves: &mut Leaves,
    (path, row): (&str, Option<&Row>),
    ends: &Ends<'_>,
    at: Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let protocol = row.map_or(path, |row| row.protocol);
    let message = match protocol {
        "modbus" => device::zeek_modbus(leaves),
        "mqtt" => device::zeek_mqtt(leaves, path),
        "dnp3" if path == "dnp3" => device::zeek_dnp3(leaves),
        _ => Message {
            operation: row
                .and_then(|row| first_of(leaves, row, row.operation))
                .map(|o| device::kebab(&o)),
            direction: MessageDirection::Unknown,
            status: row.and_then(|row| first_of(leaves, row, row.status)),
        },
    };
    if let BodyBuilder::DeviceMessage(columns) = to.row(Kind::DeviceMessage, at, len)? {
        push_shared!(shared, ends, columns);
        columns.transport.add(ends.transport());
        columns.device.push_str(None);
        columns.protocol.push_str(protocol);
        columns
            .operation
            .push_str(message.operation.as_deref().unwrap_or(path));
        columns.direction.add(message.direction);
        columns.status.push_str(message.status.as_deref());
        match encrypted(protocol) {
            Some(encrypted) => columns.encrypted.some().add(encrypted),
            None => columns.encrypted.none::<bool>(),
        }
        leaves.push(&mut columns.attributes);
        columns.attributes.end_row();
    }
    Ok(())
}
