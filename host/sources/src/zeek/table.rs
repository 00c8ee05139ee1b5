//! Which of Zeek's logs becomes what.

use super::typed::is_typed;

/// What a log without a form of its own becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `network.alert`.
    Alert,
    /// `network.app`.
    App,
    /// `device.message`.
    Message,
}

/// How lines of a log are read that become messages of a protocol.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) path: &'static str,
    pub(super) shape: Shape,
    /// The protocol's name in Palisade, which also leads the attributes.
    pub(super) protocol: &'static str,
    /// The fields of which the first that is there is the operation.
    pub(super) operation: &'static [&'static str],
    /// The fields of which the first that is there is the outcome.
    pub(super) status: &'static [&'static str],
}

const fn app(
    path: &'static str,
    operation: &'static [&'static str],
    status: &'static [&'static str],
) -> Row {
    Row {
        path,
        shape: Shape::App,
        protocol: path,
        operation,
        status,
    }
}

const fn device(
    path: &'static str,
    protocol: &'static str,
    operation: &'static [&'static str],
    status: &'static [&'static str],
) -> Row {
    Row {
        path,
        shape: Shape::Message,
        protocol,
        operation,
        status,
    }
}

const fn alert(path: &'static str) -> Row {
    Row {
        path,
        shape: Shape::Alert,
        protocol: path,
        operation: &[],
        status: &[],
    }
}

const fn named(row: Row, protocol: &'static str) -> Row {
    Row { protocol, ..row }
}

/// Every log of Zeek and of CISA's ICSNPP parsers but those of [`is_typed`], by name.
/// Where no operation is found it is the name of the log.
pub(super) const ROWS: &[Row] = &[
    app("analyzer", &["cause", "analyzer_name"], &["failure_reason"]),
    app("analyzer_debug", &["event"], &[]),
    device(
        "bacnet",
        "bacnet",
        &["pdu_service", "bvlc_function"],
        &["result_code"],
    ),
    device(
        "bacnet_device_control",
        "bacnet",
        &["pdu_service"],
        &["result_code"],
    ),
    device("bacnet_discovery", "bacnet", &["pdu_service"], &[]),
    device("bacnet_property", "bacnet", &["pdu_service"], &[]),
    app("broker", &["ev"], &[]),
    app("capture_loss", &[], &[]),
    device("cip", "cip", &["cip_service"], &["cip_status"]),
    device("cip_identity", "cip", &[], &[]),
    device("cip_io", "cip", &[], &[]),
    app("cluster", &["node"], &[]),
    app("config", &["id"], &[]),
    app("dce_rpc", &["operation"], &[]),
    app("dhcp", &["msg_types"], &[]),
    device("dnp3", "dnp3", &[], &[]),
    device("dnp3_control", "dnp3", &["function_code"], &["status_code"]),
    device("dnp3_objects", "dnp3", &["function_code"], &[]),
    app("dpd", &["analyzer"], &["failure_reason"]),
    device("ecat_registers", "ethercat", &["command"], &[]),
    device("enip", "enip", &["enip_command"], &["enip_status"]),
    app("ftp", &["command"], &["reply_code"]),
    device("genisys", "genisys", &["header"], &[]),
    device("hart_ip", "hart-ip", &["command_number_link_id"], &[]),
    alert("intel"),
    app("ipsec", &["exchange_type"], &[]),
    app("irc", &["command"], &[]),
    app("kerberos", &["request_type"], &["error_msg"]),
    app("known_certs", &[], &[]),
    app("known_hosts", &[], &[]),
    app("known_modbus", &["device_type"], &[]),
    app("known_services", &[], &[]),
    app("ldap", &["opcode", "operation"], &["result"]),
    app("ldap_search", &["scope"], &["result"]),
    device("modbus", "modbus", &[], &[]),
    device("modbus_detailed", "modbus", &[], &[]),
    device("modbus_mask_write_register", "modbus", &[], &[]),
    device("modbus_read_device_identification", "modbus", &[], &[]),
    device("modbus_read_write_multiple_registers", "modbus", &[], &[]),
    device("modbus_register_change", "modbus", &[], &[]),
    device("mqtt_connect", "mqtt", &[], &[]),
    device("mqtt_publish", "mqtt", &[], &[]),
    device("mqtt_subscribe", "mqtt", &[], &[]),
    app("mysql", &["cmd"], &["success"]),
    app("netcontrol", &["cmd"], &["state"]),
    app("netcontrol_catch_release", &["action"], &[]),
    app("netcontrol_drop", &[], &[]),
    app("netcontrol_shunt", &[], &[]),
    alert("notice"),
    alert("notice_alarm"),
    app("ntlm", &[], &["success"]),
    app("ntp", &["mode"], &[]),
    app("ocsp", &["certstatus"], &[]),
    device(
        "opcua_binary",
        "opcua",
        &["identifier_str", "msg_type"],
        &[],
    ),
    app("openflow", &["match"], &[]),
    app("packet_filter", &["filter"], &["success"]),
    app("pe", &["machine"], &[]),
    app("postgresql", &["frontend", "backend"], &["success"]),
    app("print", &[], &[]),
    device("profinet", "profinet", &["operation_type"], &[]),
    device("profinet_dce_rpc", "profinet", &["operation"], &[]),
    app("quic", &[], &[]),
    app("radius", &[], &["result"]),
    app("rdp", &["result"], &[]),
    app("redis", &["cmd.name", "cmd"], &["success"]),
    app("reporter", &["level"], &[]),
    app("rfb", &["authentication_method"], &["auth"]),
    device(
        "s7comm",
        "s7comm",
        &["function_name", "rosctr_name"],
        &["error_class"],
    ),
    alert("signatures"),
    app("sip", &["method"], &["status_code"]),
    app("smb_cmd", &["command"], &["status"]),
    app("smb_files", &["action"], &[]),
    app("smb_mapping", &["share_type"], &[]),
    app("snmp", &[], &[]),
    app("socks", &["version"], &["status"]),
    app("software", &["software_type"], &[]),
    app("ssh", &[], &["auth_success"]),
    app("stats", &[], &[]),
    device("synchrophasor", "synchrophasor", &["frame_type"], &[]),
    app("syslog", &["severity"], &[]),
    device("tds", "tds", &["command"], &[]),
    app("telemetry", &[], &[]),
    app("traceroute", &[], &[]),
    app("tunnel", &["action"], &[]),
    app("unknown_protocols", &["analyzer"], &[]),
    app("websocket", &[], &["status"]),
    alert("weird"),
    app("weird_stats", &["name"], &[]),
    named(app("wireguard", &[], &["established"]), "wireguard"),
    app("x509", &[], &[]),
];

/// The row of a log; none for logs that nobody has heard of.
pub(super) fn row(path: &str) -> Option<&'static Row> {
    let at = ROWS.binary_search_by(|row| row.path.cmp(path)).ok()?;
    ROWS.get(at)
}

/// Whether the log has a stated mapping.
pub(crate) fn is_known(path: &str) -> bool {
    is_typed(path) || row(path).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_apart_from_typed_ones() {
        assert!(ROWS.is_sorted_by(|a, b| a.path < b.path));
        assert!(ROWS.iter().all(|row| !is_typed(row.path)));
        assert!(row("ssh").is_some() && row("nobody").is_none());
    }
}
