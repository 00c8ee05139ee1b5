//! Names of packet types and of return and reason codes.

/// Name of a control packet type (MQTT 5.0, section 2.1.2).
#[must_use]
pub fn operation(kind: u8) -> &'static str {
    match kind {
        1 => "connect",
        2 => "connack",
        3 => "publish",
        4 => "puback",
        5 => "pubrec",
        6 => "pubrel",
        7 => "pubcomp",
        8 => "subscribe",
        9 => "suback",
        10 => "unsubscribe",
        11 => "unsuback",
        12 => "pingreq",
        13 => "pingresp",
        14 => "disconnect",
        15 => "auth",
        _ => "reserved",
    }
}

/// The version that a protocol level stands for.
#[must_use]
pub fn version(level: u8) -> &'static str {
    match level {
        3 => "3.1",
        4 => "3.1.1",
        5 => "5.0",
        _ => "unknown",
    }
}

/// Name of a CONNACK return code before 5.0 (MQTT 3.1.1, section 3.2.2.3).
#[must_use]
pub fn return_code(code: u8) -> &'static str {
    match code {
        0 => "success",
        1 => "unsupported-protocol-version",
        2 => "client-identifier-not-valid",
        3 => "server-unavailable",
        4 => "bad-user-name-or-password",
        5 => "not-authorized",
        _ => "unassigned-code",
    }
}

/// Name of a reason code (MQTT 5.0, section 2.4). Codes below 128 are successes; those
/// that only repeat a granted quality of service are `success`.
#[must_use]
pub fn reason(code: u8) -> &'static str {
    match code {
        0..=2 => "success",
        4 => "disconnect-with-will-message",
        16 => "no-matching-subscribers",
        17 => "no-subscription-existed",
        24 => "continue-authentication",
        25 => "re-authenticate",
        128 => "unspecified-error",
        129 => "malformed-packet",
        130 => "protocol-error",
        131 => "implementation-specific-error",
        132 => "unsupported-protocol-version",
        133 => "client-identifier-not-valid",
        134 => "bad-user-name-or-password",
        135 => "not-authorized",
        136 => "server-unavailable",
        137 => "server-busy",
        138 => "banned",
        139 => "server-shutting-down",
        140 => "bad-authentication-method",
        141 => "keep-alive-timeout",
        142 => "session-taken-over",
        143 => "topic-filter-invalid",
        144 => "topic-name-invalid",
        145 => "packet-identifier-in-use",
        146 => "packet-identifier-not-found",
        147 => "receive-maximum-exceeded",
        148 => "topic-alias-invalid",
        149 => "packet-too-large",
        150 => "message-rate-too-high",
        151 => "quota-exceeded",
        152 => "administrative-action",
        153 => "payload-format-invalid",
        154 => "retain-not-supported",
        155 => "qos-not-supported",
        156 => "use-another-server",
        157 => "server-moved",
        158 => "shared-subscriptions-not-supported",
        159 => "connection-rate-exceeded",
        160 => "maximum-connect-time",
        161 => "subscription-identifiers-not-supported",
        162 => "wildcard-subscriptions-not-supported",
        _ => "unassigned-code",
    }
}
