//! Which of EVE's event types becomes what.

/// What a record without a form of its own becomes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// `network.alert`.
    Alert,
    /// `network.app`.
    App,
    /// `device.message`.
    Message,
}

/// How records of a type are read that become messages of a protocol.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) event_type: &'static str,
    pub(super) shape: Shape,
    /// The protocol's name in Palisade.
    pub(super) protocol: &'static str,
    /// Where the operation stands: the first of these values that there is. A name that
    /// ends in a dot stands for the first key below it.
    pub(super) operation: &'static [&'static str],
    /// Where the outcome stands.
    pub(super) status: &'static [&'static str],
}

const fn app(
    event_type: &'static str,
    operation: &'static [&'static str],
    status: &'static [&'static str],
) -> Row {
    Row {
        event_type,
        shape: Shape::App,
        protocol: event_type,
        operation,
        status,
    }
}

const fn named(row: Row, protocol: &'static str) -> Row {
    Row { protocol, ..row }
}

const fn message(
    event_type: &'static str,
    operation: &'static [&'static str],
    status: &'static [&'static str],
) -> Row {
    Row {
        event_type,
        shape: Shape::Message,
        protocol: event_type,
        operation,
        status,
    }
}

const fn alert(event_type: &'static str) -> Row {
    Row {
        event_type,
        shape: Shape::Alert,
        protocol: event_type,
        operation: &[],
        status: &[],
    }
}

/// Every type but those of [`is_typed`], by name. Where no operation is found it is the
/// name of the type.
pub(super) const ROWS: &[Row] = &[
    alert("alert"),
    alert("anomaly"),
    app("arp", &["arp.opcode"], &[]),
    app(
        "bittorrent_dht",
        &["bittorrent_dht.request_type"],
        &["bittorrent_dht.error.msg"],
    ),
    app("dcerpc", &["dcerpc.request", "dcerpc.response"], &[]),
    app("dhcp", &["dhcp.dhcp_type", "dhcp.type"], &[]),
    message("dnp3", &[], &[]),
    app("doh2", &["http.http_method"], &["http.status"]),
    alert("drop"),
    app("engine", &["engine.message"], &[]),
    message(
        "enip",
        &["enip.request.command", "enip.response.command"],
        &["enip.response.status"],
    ),
    app("ether", &[], &[]),
    app("frame", &["frame.type"], &[]),
    app("ftp", &["ftp.command"], &["ftp.completion_code"]),
    named(app("ftp_data", &["ftp_data.command"], &[]), "ftp-data"),
    app(
        "ike",
        &["ike.exchange_type_verbose", "ike.exchange_type"],
        &[],
    ),
    named(app("ikev2", &["ikev2.exchange_type"], &[]), "ike"),
    named(app("krb5", &["krb5.msg_type"], &["krb5.error_code"]), "krb"),
    app(
        "ldap",
        &["ldap.request.operation", "ldap.responses.0.operation"],
        &["ldap.responses.0.result_code"],
    ),
    app("lua", &[], &[]),
    app("metadata", &[], &[]),
    message("modbus", &[], &[]),
    message("mqtt", &[], &[]),
    app("nfs", &["nfs.procedure"], &["nfs.status"]),
    app("packet", &[], &[]),
    app(
        "pgsql",
        &["pgsql.request.message", "pgsql.request.", "pgsql.response."],
        &["pgsql.response.code"],
    ),
    app("pop3", &["pop3.request.command"], &["pop3.response.status"]),
    app("quic", &[], &[]),
    app("rdp", &["rdp.event_type"], &["rdp.error_code"]),
    app("rfb", &[], &["rfb.authentication.security_result"]),
    app("rpc", &["rpc.procedure"], &["rpc.status"]),
    app("sip", &["sip.method", "sip.response_line"], &["sip.code"]),
    app("smb", &["smb.command"], &["smb.status"]),
    app("snmp", &["snmp.pdu_type"], &["snmp.error_status"]),
    app("ssh", &[], &[]),
    app("stats", &[], &[]),
    app("telnet", &[], &[]),
    app("template", &[], &[]),
    app("tftp", &["tftp.packet"], &[]),
    app("tunnel", &[], &[]),
    app("verdict", &["verdict.action"], &[]),
    app("websocket", &["websocket.opcode"], &[]),
];

/// The row of a type; none for types that nobody has heard of.
pub(super) fn row(event_type: &str) -> Option<&'static Row> {
    let at = ROWS
        .binary_search_by(|row| row.event_type.cmp(event_type))
        .ok()?;
    ROWS.get(at)
}

/// Whether records of the type are read into a kind with fields of its own.
pub(super) fn is_typed(event_type: &str) -> bool {
    matches!(
        event_type,
        "dns"
            | "mdns"
            | "llmnr"
            | "http"
            | "http2"
            | "tls"
            | "flow"
            | "netflow"
            | "fileinfo"
            | "files"
            | "smtp"
    )
}

/// Whether the type has a stated mapping.
pub(super) fn is_known(event_type: &str) -> bool {
    is_typed(event_type) || row(event_type).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_sorted_and_apart_from_typed_ones() {
        assert!(ROWS.is_sorted_by(|a, b| a.event_type < b.event_type));
        assert!(ROWS.iter().all(|row| !is_typed(row.event_type)));
        assert!(row("ssh").is_some() && row("nobody").is_none());
    }
}
