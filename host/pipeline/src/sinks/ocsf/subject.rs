//! What a subject names: `address:192.0.2.1`, `device:d-9`, `indicator:evil.example`.

use std::net::IpAddr;

use super::model::{Observable, Resource};

/// The attribute that the observable points to.
const POINTER: &str = "resources[0].uid";

/// `observable.type_id` and its caption, as far as subjects need them.
const HOSTNAME: (u8, &str) = (1, "Hostname");
const IP: (u8, &str) = (2, "IP Address");
const MAC: (u8, &str) = (3, "MAC Address");
const USER: (u8, &str) = (4, "User Name");
const EMAIL: (u8, &str) = (5, "Email Address");
const URL: (u8, &str) = (6, "URL String");
const HASH: (u8, &str) = (8, "Hash");
const RESOURCE: (u8, &str) = (10, "Resource UID");
const SUBNET: (u8, &str) = (12, "Subnet");
const ACCOUNT: (u8, &str) = (35, "Account Object: uid");
const DEVICE: (u8, &str) = (47, "Device Object: uid");

/// The subject as an observable and as a resource.
pub(super) fn named(subject: &str) -> ([Observable<'_>; 1], [Resource<'_>; 1]) {
    let (prefix, value) = match subject.split_once(':') {
        // Without a known prefix a colon belongs to the value, as in an IPv6 address.
        Some((prefix, value)) if is_prefix(prefix) => (Some(prefix), value),
        _ => (None, subject),
    };
    let (type_id, caption) = kind(prefix, value);
    let observable = Observable {
        name: POINTER,
        type_id,
        r#type: caption,
        value,
    };
    let resource = Resource {
        uid: value,
        r#type: prefix,
        ip: (type_id == IP.0).then_some(value),
        hostname: (type_id == HOSTNAME.0).then_some(value),
    };
    ([observable], [resource])
}

fn is_prefix(text: &str) -> bool {
    !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_lowercase() || b == b'-')
        && !text.bytes().all(|b| b.is_ascii_hexdigit())
}

fn kind(prefix: Option<&str>, value: &str) -> (u8, &'static str) {
    let address = value.parse::<IpAddr>().is_ok();
    match prefix {
        Some("device") => DEVICE,
        Some("account") => ACCOUNT,
        Some("user") => USER,
        Some("mac") => MAC,
        Some("network" | "subnet") => SUBNET,
        Some("domain" | "host" | "hostname") if !address => HOSTNAME,
        Some("url") => URL,
        Some("address" | "indicator" | "domain" | "host" | "hostname") | None => seen(value),
        _ => RESOURCE,
    }
}

/// What a value is by how it is written.
fn seen(value: &str) -> (u8, &'static str) {
    let is_hex = value.bytes().all(|b| b.is_ascii_hexdigit());
    if value.parse::<IpAddr>().is_ok() {
        IP
    } else if value.contains("://") {
        URL
    } else if value.contains('@') {
        EMAIL
    } else if is_hex && matches!(value.len(), 32 | 40 | 64) {
        HASH
    } else if is_name(value) {
        HOSTNAME
    } else {
        RESOURCE
    }
}

/// A domain name of two labels or more.
fn is_name(value: &str) -> bool {
    let label = |label: &str| {
        !label.is_empty()
            && label
                .bytes()
                .all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
    };
    let name = value.trim_end_matches('.');
    name.contains('.') && name.split('.').all(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_the_kind_of_thing_that_it_names() {
        for (subject, type_id, value) in [
            ("address:192.0.2.1", IP.0, "192.0.2.1"),
            ("address:2001:db8::1", IP.0, "2001:db8::1"),
            ("2001:db8::1", IP.0, "2001:db8::1"),
            ("fe:dc::1", IP.0, "fe:dc::1"),
            ("indicator:evil.example", HOSTNAME.0, "evil.example"),
            (
                "indicator:http://evil.example/a",
                URL.0,
                "http://evil.example/a",
            ),
            (
                "indicator:d41d8cd98f00b204e9800998ecf8427e",
                HASH.0,
                "d41d8cd98f00b204e9800998ecf8427e",
            ),
            ("domain:evil.example", HOSTNAME.0, "evil.example"),
            ("host:192.0.2.1", IP.0, "192.0.2.1"),
            ("device:d-9", DEVICE.0, "d-9"),
            ("customer:cust-1", RESOURCE.0, "cust-1"),
            ("address:", RESOURCE.0, ""),
            ("", RESOURCE.0, ""),
        ] {
            let ([observable], [resource]) = named(subject);
            assert_eq!(
                (observable.type_id, observable.value),
                (type_id, value),
                "{subject}"
            );
            assert_eq!(resource.uid, value);
            assert_eq!(resource.ip.is_some(), type_id == IP.0);
        }
    }
}
