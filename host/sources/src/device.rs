//! Messages of device protocols, under the names that Palisade's own parsers use, so that
//! one rule serves captures and the logs of other sensors.

use palisade_events::MessageDirection;

use super::leaves::Leaves;

/// What is particular to a message.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Message {
    pub(super) operation: Option<String>,
    pub(super) direction: MessageDirection,
    pub(super) status: Option<String>,
}

/// `READ_HOLDING_REGISTERS` and `Read Holding Registers` as `read-holding-registers`.
pub(super) fn kebab(name: &str) -> String {
    name.trim()
        .chars()
        .map(|char| {
            if matches!(char, '_' | ' ' | '/') {
                '-'
            } else {
                char.to_ascii_lowercase()
            }
        })
        .collect()
}

/// Functions of the Modbus Application Protocol V1.1b3: code, name, effect, and the
/// other names that Zeek has for them.
const MODBUS: [(u8, &str, &str, &[&str]); 19] = [
    (1, "read-coils", "read", &[]),
    (2, "read-discrete-inputs", "read", &["read-input-discretes"]),
    (
        3,
        "read-holding-registers",
        "read",
        &["read-multiple-registers"],
    ),
    (4, "read-input-registers", "read", &[]),
    (5, "write-single-coil", "write", &["write-coil"]),
    (6, "write-single-register", "write", &[]),
    (7, "read-exception-status", "read", &[]),
    (8, "diagnostics", "diagnostic", &[]),
    (11, "get-comm-event-counter", "read", &[]),
    (12, "get-comm-event-log", "read", &[]),
    (
        15,
        "write-multiple-coils",
        "write",
        &["force-multiple-coils"],
    ),
    (16, "write-multiple-registers", "write", &[]),
    (17, "report-server-id", "read", &["report-slave-id"]),
    (20, "read-file-record", "read", &[]),
    (21, "write-file-record", "write", &[]),
    (22, "mask-write-register", "write", &[]),
    (23, "read-write-multiple-registers", "read-write", &[]),
    (24, "read-fifo-queue", "read", &[]),
    (
        43,
        "encapsulated-interface-transport",
        "unknown",
        &["encap-interface-transport"],
    ),
];

/// Name and effect of a function code.
fn modbus_function(code: u8) -> (&'static str, &'static str) {
    match MODBUS.iter().find(|(known, ..)| *known == code) {
        Some((_, name, access, _)) => (name, access),
        None if matches!(code, 65..=72 | 100..=110) => ("user-defined", "unknown"),
        None => ("unassigned", "unknown"),
    }
}

/// The code of a function by the name that Zeek gives it, without `_EXCEPTION`.
fn modbus_code(name: &str) -> Option<u8> {
    let name = kebab(name);
    if let Some(code) = name.strip_prefix("unknown-") {
        return code.parse().ok();
    }
    let known = |(_, known, _, more): &&(u8, &str, &str, &[&str])| {
        *known == name || more.contains(&name.as_str())
    };
    MODBUS.iter().find(known).map(|(code, ..)| *code)
}

/// Adds the attributes of a Modbus function; returns the operation.
fn add_modbus(leaves: &mut Leaves, code: u8) -> String {
    // A code from 128 on is an exception to the function 128 below it.
    let code = code & 0x7f;
    let (name, access) = modbus_function(code);
    leaves.add_number("modbus.function", code.into());
    leaves.add_text("modbus.function-name", name);
    leaves.add_text("modbus.access", access);
    name.to_owned()
}

fn copy_number(leaves: &mut Leaves, to: &str, from: &[&str]) {
    if leaves.number(to).is_none()
        && let Some(number) = from.iter().find_map(|name| leaves.number(name))
    {
        leaves.add_number(to, number);
    }
}

fn copy_text(leaves: &mut Leaves, to: &str, from: &[&str]) {
    if leaves.shown(to).is_none()
        && let Some(text) = from.iter().find_map(|name| leaves.shown(name))
    {
        leaves.add_text(to, &text);
    }
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "checked"
)]
fn as_u8(number: f64) -> Option<u8> {
    (0.0..256.0).contains(&number).then_some(number as u8)
}

/// A Modbus transaction of EVE, which has request and response.
pub(super) fn eve_modbus(leaves: &mut Leaves) -> Message {
    let sides = ["modbus.request.", "modbus.response."];
    let names = |name: &str| sides.map(|side| format!("{side}{name}"));
    for (to, from) in [
        ("modbus.unit", "unit_id"),
        ("modbus.transaction", "transaction_id"),
        ("modbus.address", "read.address"),
        ("modbus.address", "write.address"),
        ("modbus.quantity", "read.quantity"),
        ("modbus.exception", "exception.raw"),
    ] {
        let from = names(from);
        copy_number(leaves, to, &[&from[0], &from[1]]);
    }
    let raw = names("function_raw");
    let code = raw
        .iter()
        .find_map(|name| leaves.number(name))
        .and_then(as_u8);
    let exception = leaves.shown("modbus.response.exception.code");
    let answered = leaves.has_prefix(sides[1]);
    let asked = leaves.has_prefix(sides[0]);
    let status = exception
        .map(|code| camel(&code))
        .or_else(|| answered.then(|| "success".to_owned()));
    let direction = match (asked, answered) {
        (true, false) => MessageDirection::Request,
        (false, true) => MessageDirection::Response,
        _ => MessageDirection::Unknown,
    };
    Message {
        operation: code.map(|code| add_modbus(leaves, code)),
        direction,
        status,
    }
}

/// A line of Zeek's modbus.log or of ICSNPP's modbus_detailed.log.
pub(super) fn zeek_modbus(leaves: &mut Leaves) -> Message {
    for (to, from) in [
        ("modbus.unit", ["modbus.unit", "modbus.unit_id"]),
        ("modbus.transaction", ["modbus.tid", "modbus.trans_id"]),
        ("modbus.address", ["modbus.address", "modbus.start_address"]),
        ("modbus.quantity", ["modbus.quantity", "modbus.quantity"]),
    ] {
        copy_number(leaves, to, &from);
    }
    let name = leaves.text("modbus.func").unwrap_or_default();
    let (name, excepted) = match name.strip_suffix("_EXCEPTION") {
        Some(name) => (name.to_owned(), true),
        None => (name.to_owned(), false),
    };
    let side = leaves
        .text("modbus.pdu_type")
        .or(leaves.text("modbus.request_response"));
    let direction = match side {
        Some("REQ" | "REQUEST") => MessageDirection::Request,
        Some("RESP" | "RESPONSE") => MessageDirection::Response,
        _ => MessageDirection::Unknown,
    };
    let code = modbus_code(&name);
    let exception = leaves.text("modbus.exception").map(kebab);
    let status = match exception {
        Some(exception) => Some(exception),
        None if excepted || code.is_some_and(|code| code > 127) => Some("exception".to_owned()),
        None if direction == MessageDirection::Response => Some("success".to_owned()),
        None => None,
    };
    let operation = match code {
        Some(code) => Some(add_modbus(leaves, code)),
        None => Some(kebab(&name)).filter(|name| !name.is_empty()),
    };
    Message {
        operation,
        direction,
        status,
    }
}

/// Function codes of DNP3 (IEEE 1815-2012, table 4-2).
const DNP3: [(u8, &str); 22] = [
    (0, "confirm"),
    (1, "read"),
    (2, "write"),
    (3, "select"),
    (4, "operate"),
    (5, "direct-operate"),
    (6, "direct-operate-no-resp"),
    (7, "immediate-freeze"),
    (8, "immediate-freeze-no-resp"),
    (9, "freeze-clear"),
    (10, "freeze-clear-no-resp"),
    (13, "cold-restart"),
    (14, "warm-restart"),
    (17, "start-application"),
    (18, "stop-application"),
    (20, "enable-unsolicited"),
    (21, "disable-unsolicited"),
    (23, "delay-measure"),
    (25, "open-file"),
    (26, "close-file"),
    (129, "response"),
    (130, "unsolicited-response"),
];

/// A DNP3 message of EVE.
pub(super) fn eve_dnp3(leaves: &mut Leaves) -> Message {
    let nested = [
        "dnp3.application.function_code",
        "dnp3.request.application.function_code",
    ];
    let code = nested
        .iter()
        .find_map(|name| leaves.number(name))
        .and_then(as_u8);
    let direction = match leaves.text("dnp3.type") {
        Some("request") => MessageDirection::Request,
        Some("response" | "unsolicited_response") => MessageDirection::Response,
        _ => MessageDirection::Unknown,
    };
    let operation = code.map(|code| {
        let known = DNP3.iter().find(|(known, _)| *known == code);
        known.map_or_else(
            || format!("function-{code}"),
            |(_, name)| (*name).to_owned(),
        )
    });
    if let Some(code) = code {
        leaves.add_number("dnp3.function", code.into());
    }
    Message {
        operation,
        direction,
        status: None,
    }
}

/// A line of Zeek's dnp3.log, which has request and reply.
pub(super) fn zeek_dnp3(leaves: &mut Leaves) -> Message {
    let request = leaves.text("dnp3.fc_request").map(kebab);
    let reply = leaves.text("dnp3.fc_reply").map(kebab);
    let direction = match (&request, &reply) {
        (Some(_), None) => MessageDirection::Request,
        (None, Some(_)) => MessageDirection::Response,
        _ => MessageDirection::Unknown,
    };
    let operation = request.or(reply);
    let code = operation
        .as_ref()
        .and_then(|name| DNP3.iter().find(|(_, known)| known == name));
    if let Some((code, _)) = code {
        leaves.add_number("dnp3.function", (*code).into());
    }
    Message {
        operation,
        direction,
        status: None,
    }
}

/// An MQTT transaction of EVE: one key for each kind of packet.
pub(super) fn eve_mqtt(leaves: &mut Leaves) -> Message {
    const TO_CLIENT: [&str; 5] = ["connack", "suback", "unsuback", "pingresp", "puback"];
    copy_text(leaves, "mqtt.client-id", &["mqtt.connect.client_id"]);
    copy_text(leaves, "mqtt.topic", &["mqtt.publish.topic"]);
    copy_number(leaves, "mqtt.qos", &["mqtt.publish.qos"]);
    copy_number(
        leaves,
        "mqtt.packet-id",
        &["mqtt.publish.message_id", "mqtt.subscribe.message_id"],
    );
    let version = leaves
        .number("mqtt.connect.protocol_version")
        .and_then(as_u8);
    let version = match version {
        Some(3) => Some("3.1"),
        Some(4) => Some("3.1.1"),
        Some(5) => Some("5.0"),
        _ => None,
    };
    if let Some(version) = version {
        leaves.add_text("mqtt.version", version);
        let has_user = leaves.has_prefix("mqtt.connect.username");
        leaves.add_number("mqtt.user-flag", f64::from(u8::from(has_user)));
    }
    let operation = leaves.first_below("mqtt.").map(str::to_owned);
    let direction = match operation.as_deref() {
        None => MessageDirection::Unknown,
        Some(packet) if TO_CLIENT.contains(&packet) => MessageDirection::Response,
        Some("publish" | "disconnect" | "auth") => MessageDirection::Unknown,
        Some(_) => MessageDirection::Request,
    };
    let code = ["mqtt.connack.return_code", "mqtt.disconnect.reason_code"]
        .iter()
        .find_map(|name| leaves.number(name));
    if let Some(code) = code {
        leaves.add_number("mqtt.code", code);
    }
    let status = code.map(|code| {
        if code < 1.0 {
            "success".to_owned()
        } else {
            format!("code-{code}")
        }
    });
    Message {
        operation,
        direction,
        status,
    }
}

/// A line of one of Zeek's MQTT logs; `path` says which.
pub(super) fn zeek_mqtt(leaves: &mut Leaves, path: &str) -> Message {
    copy_text(leaves, "mqtt.client-id", &["mqtt.client_id"]);
    copy_text(leaves, "mqtt.topic", &["mqtt.topic", "mqtt.topics"]);
    copy_text(leaves, "mqtt.version", &["mqtt.proto_version"]);
    let operation = match path {
        "mqtt_subscribe" => leaves.text("mqtt.action").map(str::to_lowercase),
        "mqtt_publish" => Some("publish".to_owned()),
        _ => Some("connect".to_owned()),
    };
    let from_client = leaves.text("mqtt.from_client");
    let direction = match from_client {
        Some("true") => MessageDirection::Request,
        Some("false") => MessageDirection::Response,
        _ => MessageDirection::Unknown,
    };
    let status = ["mqtt.connect_status", "mqtt.status"]
        .iter()
        .find_map(|name| leaves.text(name))
        .map(|status| {
            if status == "Connection Accepted" {
                "success".to_owned()
            } else {
                kebab(status)
            }
        });
    Message {
        operation,
        direction,
        status,
    }
}

/// `IllegalDataAddress` as `illegal-data-address`.
fn camel(name: &str) -> String {
    let mut kebab = String::with_capacity(name.len() + 4);
    for char in name.chars() {
        if char.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(char.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_functions() {
        assert_eq!(modbus_code("READ_HOLDING_REGISTERS"), Some(3));
        assert_eq!(modbus_code("READ_MULTIPLE_REGISTERS"), Some(3));
        assert_eq!(modbus_code("unknown-100"), Some(100));
        assert_eq!(modbus_code("unknown-999"), None);
        assert_eq!(modbus_code("SOMETHING"), None);
        assert_eq!(modbus_function(100), ("user-defined", "unknown"));
        assert_eq!(camel("IllegalDataAddress"), "illegal-data-address");
    }
}
