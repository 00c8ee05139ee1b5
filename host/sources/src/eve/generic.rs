//! Alerts, and records that become messages of a protocol with named attributes.

use palisade_events::{AlertAction, BodyBuilder, Kind, MessageDirection, Severity};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, Visitor};

use super::table::{self, Shape};
use crate::columns::{Ends, Shared, Side, app_proto, encrypted, mac, push_shared, time};
use crate::compact::compact;
use crate::device::{self, Message};
use crate::fault::Stop;
use crate::flow_key::protocol_number;
use crate::leaves::Leaves;
use crate::sink::EventSink;
use crate::text::{List, Num, Raw, Text, record};

/// The part of a record that does not become attributes.
#[derive(Debug, Default)]
struct Head<'a> {
    timestamp: Raw<'a>,
    event_type: Text<'a>,
    flow_id: Num,
    community_id: Text<'a>,
    src_ip: Text<'a>,
    src_port: Num,
    dest_ip: Text<'a>,
    dest_port: Num,
    proto: Text<'a>,
    icmp_type: Num,
    icmp_code: Num,
    vlan: List<Num>,
    ether: Ether<'a>,
}

record! {
    /// Hardware addresses.
    pub(super) struct Ether<'a> {
        "src_mac" => src_mac: Text<'a>,
        "dest_mac" => dest_mac: Text<'a>,
    }
}

struct Read<'a, 'l>(&'l mut Leaves, std::marker::PhantomData<&'a ()>);

impl<'de> DeserializeSeed<'de> for Read<'de, '_> {
    type Value = Head<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Head<'de>, D::Error> {
        from.deserialize_map(self)
    }
}

impl<'de> Visitor<'de> for Read<'de, '_> {
    type Value = Head<'de>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("a record of EVE, which is an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Head<'de>, A::Error> {
        let mut head = Head::default();
        while let Some(key) = map.next_key::<Text<'de>>()? {
            match key.or_empty() {
                "timestamp" => head.timestamp = map.next_value()?,
                "event_type" => head.event_type = map.next_value()?,
                "flow_id" => head.flow_id = map.next_value()?,
                "community_id" => head.community_id = map.next_value()?,
                "src_ip" => head.src_ip = map.next_value()?,
                "src_port" => head.src_port = map.next_value()?,
                "dest_ip" => head.dest_ip = map.next_value()?,
                "dest_port" => head.dest_port = map.next_value()?,
                "proto" => head.proto = map.next_value()?,
                "icmp_type" => head.icmp_type = map.next_value()?,
                "icmp_code" => head.icmp_code = map.next_value()?,
                "vlan" => head.vlan = map.next_value()?,
                "ether" => head.ether = map.next_value()?,
                // Raw bytes in base64 say nothing to a rule, and would fill the columns.
                "payload" | "packet" => {
                    map.next_value::<serde::de::IgnoredAny>()?;
                }
                key => self.0.read_entry(key, &mut map)?,
            }
        }
        Ok(head)
    }
}

/// Reads a record of `event_type` into `to`; false when it is of another type.
pub(super) fn read(
    shared: &mut Shared,
    leaves: &mut Leaves,
    event_type: &str,
    record: &str,
    to: &mut EventSink,
) -> Result<bool, Stop> {
    leaves.clear();
    let mut from = serde_json::Deserializer::from_str(record);
    let head = Read(leaves, std::marker::PhantomData).deserialize(&mut from)?;
    from.end()?;
    if head.event_type.get() != Some(event_type) {
        return Ok(false);
    }
    let at = time(head.timestamp, "timestamp")?;
    let icmp = head
        .icmp_type
        .u16()
        .map(|kind| (kind, head.icmp_code.u16().unwrap_or(0)));
    let ends = Ends {
        src: Side::read(&head.src_ip, head.src_port, "src_ip")?,
        dst: Side::read(&head.dest_ip, head.dest_port, "dest_ip")?,
        protocol: protocol_number(head.proto.or_empty()),
        flow: head.flow_id.0,
        community_id: head.community_id.get(),
        icmp,
        vlan: head.vlan.first().and_then(|vlan| vlan.u16()),
        macs: [&head.ether.src_mac, &head.ether.dest_mac].map(|text| text.get().and_then(mac)),
    };
    let row = table::row(event_type);
    match row.map_or(Shape::App, |row| row.shape) {
        Shape::Alert => push_alert(shared, leaves, event_type, &ends, at, record.len(), to)?,
        Shape::App => push_app(shared, leaves, event_type, &ends, at, record, to)?,
        Shape::Message => push_message(shared, leaves, event_type, &ends, at, record.len(), to)?,
    }
    Ok(true)
}

/// Suricata's priorities: 1 is the gravest. `signature_severity` is what ETPRO and ET
/// rules say on top; it can raise an alert to critical.
fn severity(priority: Option<f64>, claimed: Option<&str>) -> Severity {
    if claimed.is_some_and(|text| text.eq_ignore_ascii_case("critical")) {
        return Severity::Critical;
    }
    match priority {
        Some(priority) if priority <= 1.0 => Severity::High,
        Some(priority) if priority <= 2.0 => Severity::Medium,
        Some(priority) if priority <= 3.0 => Severity::Low,
        _ => Severity::Info,
    }
}

struct Alert {
    id: String,
    text: String,
    category: Option<String>,
    severity: Severity,
    action: AlertAction,
}

/// What the record says was found.
fn alert(leaves: &Leaves, event_type: &str) -> Alert {
    let id = leaves.shown("alert.signature_id");
    let found = id.is_some() || event_type == "alert";
    let blocked = event_type == "drop" || leaves.text("alert.action") == Some("blocked");
    let action = match leaves.text("alert.action") {
        _ if blocked => AlertAction::Blocked,
        Some("allowed" | "pass") => AlertAction::Allowed,
        _ => AlertAction::Unknown,
    };
    if found {
        let generator = leaves
            .number("alert.gid")
            .filter(|gid| (*gid - 1.0).abs() > 0.5);
        let id = id.unwrap_or_default();
        return Alert {
            id: generator.map_or(id.clone(), |gid| format!("{gid}:{id}")),
            text: leaves
                .text("alert.signature")
                .unwrap_or_default()
                .to_owned(),
            category: leaves.shown("alert.category"),
            severity: severity(
                leaves.number("alert.severity"),
                leaves.text("alert.metadata.signature_severity"),
            ),
            action,
        };
    }
    // An anomaly, or a drop that no signature asked for.
    let (name, what) = if event_type == "drop" {
        (
            "drop",
            leaves
                .shown("drop.reason")
                .unwrap_or_else(|| "drop".to_owned()),
        )
    } else {
        let event = leaves
            .shown("anomaly.event")
            .or_else(|| leaves.shown("anomaly.code"));
        ("anomaly", event.unwrap_or_else(|| "anomaly".to_owned()))
    };
    let layer = leaves.shown("anomaly.type");
    Alert {
        id: format!("{name}:{what}"),
        text: what,
        category: Some(layer.map_or(name.to_owned(), |layer| format!("{name}:{layer}"))),
        severity: Severity::Info,
        action,
    }
}

fn push_alert(
    shared: &mut Shared,
    leaves: &Leaves,
    event_type: &str,
    ends: &Ends<'_>,
    at: palisade_events::Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let alert = alert(leaves, event_type);
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked"
    )]
    let revision = leaves
        .number("alert.rev")
        .filter(|rev| (0.0..=4_294_967_295.0).contains(rev))
        .map(|rev| rev as u32);
    if let BodyBuilder::NetworkAlert(columns) = to.row(Kind::NetworkAlert, at, len)? {
        push_shared!(shared, ends, columns);
        columns.transport.add(ends.transport());
        columns.engine.push_str("suricata");
        columns.signature_id.push_str(&alert.id);
        columns.signature.push_str(&alert.text);
        match revision {
            Some(revision) => columns.revision.some().add(revision),
            None => columns.revision.none::<u32>(),
        }
        columns.category.push_str(alert.category.as_deref());
        columns.severity.add(alert.severity);
        columns.action.add(alert.action);
        leaves.push(&mut columns.attributes);
        columns.attributes.end_row();
    }
    Ok(())
}

/// The first of these values that there is; see [`table::Row::operation`].
fn first_of(leaves: &Leaves, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| match name.strip_suffix('.') {
        Some(_) => leaves.first_below(name).map(str::to_owned),
        None => leaves.shown(name),
    })
}

/// Which side of the exchange the record shows, where it shows but one.
fn direction(leaves: &Leaves, event_type: &str) -> MessageDirection {
    let has = |side: &str| leaves.has_prefix(&format!("{event_type}.{side}."));
    match (has("request"), has("response")) {
        (true, false) => MessageDirection::Request,
        (false, true) => MessageDirection::Response,
        _ => match leaves.text(&format!("{event_type}.type")) {
            Some("request" | "query") => MessageDirection::Request,
            Some("response" | "reply" | "answer") => MessageDirection::Response,
            _ => MessageDirection::Unknown,
        },
    }
}

fn push_app(
    shared: &mut Shared,
    leaves: &Leaves,
    event_type: &str,
    ends: &Ends<'_>,
    at: palisade_events::Timestamp,
    record: &str,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let row = table::row(event_type);
    let protocol = row.map_or(event_type, |row| row.protocol);
    let operation = row.and_then(|row| first_of(leaves, row.operation));
    let status = row.and_then(|row| first_of(leaves, row.status));
    let direction = direction(leaves, event_type);
    if let BodyBuilder::NetworkApp(columns) = to.row(Kind::NetworkApp, at, record.len())? {
        push_shared!(shared, ends, columns);
        columns.transport.add(ends.transport());
        columns.protocol.push_str(protocol);
        columns
            .operation
            .push_str(operation.as_deref().unwrap_or(event_type));
        columns.direction.add(direction);
        columns.status.push_str(status.as_deref());
        match encrypted(protocol) {
            Some(encrypted) => columns.encrypted.some().add(encrypted),
            None => columns.encrypted.none::<bool>(),
        }
        leaves.push(&mut columns.attributes);
        columns.attributes.end_row();
        columns.original.push_str(Some(&compact(record)));
    }
    Ok(())
}

fn push_message(
    shared: &mut Shared,
    leaves: &mut Leaves,
    event_type: &str,
    ends: &Ends<'_>,
    at: palisade_events::Timestamp,
    len: usize,
    to: &mut EventSink,
) -> Result<(), Stop> {
    let row = table::row(event_type);
    let message = match event_type {
        "modbus" => device::eve_modbus(leaves),
        "dnp3" => device::eve_dnp3(leaves),
        "mqtt" => device::eve_mqtt(leaves),
        _ => Message {
            operation: row.and_then(|row| first_of(leaves, row.operation)),
            direction: direction(leaves, event_type),
            status: row.and_then(|row| first_of(leaves, row.status)),
        },
    };
    let protocol = app_proto(row.map_or(event_type, |row| row.protocol)).unwrap_or(event_type);
    if let BodyBuilder::DeviceMessage(columns) = to.row(Kind::DeviceMessage, at, len)? {
        push_shared!(shared, ends, columns);
        columns.transport.add(ends.transport());
        columns.device.push_str(None);
        columns.protocol.push_str(protocol);
        columns
            .operation
            .push_str(message.operation.as_deref().unwrap_or(event_type));
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
