//! Forms that sensors write differently, in the one that Palisade uses.

use std::borrow::Cow;

/// Versions of TLS as `TLS1.2` and `DTLS1.2`, from what Suricata (`TLS 1.2`, `TLSv1`) and
/// Zeek (`TLSv12`, `TLSv13-draft23`) write; empty when the sensor did not know.
pub(super) fn tls_version(name: &str) -> Cow<'_, str> {
    let (family, rest) = if let Some(rest) = name.strip_prefix("DTLS") {
        ("DTLS", rest)
    } else if let Some(rest) = name.strip_prefix("TLS") {
        ("TLS", rest)
    } else if let Some(rest) = name.strip_prefix("SSL") {
        ("SSL", rest)
    } else if matches!(name, "UNDETERMINED" | "unknown" | "-") {
        return Cow::Borrowed("");
    } else {
        return Cow::Borrowed(name);
    };
    let number = rest.trim_start_matches([' ', 'v']);
    let (number, draft) = number.split_at(number.find('-').unwrap_or(number.len()));
    match (family, number, draft) {
        ("TLS", "12" | "1.2", "") => Cow::Borrowed("TLS1.2"),
        ("TLS", "13" | "1.3", "") => Cow::Borrowed("TLS1.3"),
        (_, digits, _) => {
            let mut parts = digits.chars().filter(char::is_ascii_digit);
            match (parts.next(), parts.next()) {
                (Some(major), minor) => {
                    let minor = minor.unwrap_or('0');
                    Cow::Owned(format!("{family}{major}.{minor}{draft}"))
                }
                _ => Cow::Borrowed(name),
            }
        }
    }
}

/// Longest name in DNS as text, with every byte written as `\DDD` (RFC 1035 allows 255).
const MAX_DNS_NAME: usize = 4 * 255;

/// A name that may stand in every answer of a record that says it once; one that is too
/// long for a name is left out there, lest a small record become a large event.
pub(super) fn repeatable(name: &str) -> &str {
    if name.len() <= MAX_DNS_NAME { name } else { "" }
}

/// The parts of what a request asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Target<'t> {
    pub(super) scheme: Option<&'t str>,
    pub(super) host: Option<&'t str>,
    pub(super) path: &'t str,
    pub(super) query: Option<&'t str>,
}

/// Takes apart a path or, as proxies see it, a whole URL.
pub(super) fn http_target(url: &str) -> Target<'_> {
    let (mut scheme, mut host, mut rest) = (None, None, url);
    if let Some((before, after)) = url.split_once("://")
        && (1..=16).contains(&before.len())
        && before.bytes().all(|byte| byte.is_ascii_alphanumeric())
    {
        let (authority, path) = after.split_at(after.find(['/', '?']).unwrap_or(after.len()));
        scheme = Some(before);
        host = Some(authority).filter(|host| !host.is_empty());
        rest = if path.is_empty() { "/" } else { path };
    }
    match rest.split_once('?') {
        Some((path, query)) => Target {
            scheme,
            host,
            path,
            query: Some(query),
        },
        None => Target {
            scheme,
            host,
            path: rest,
            query: None,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions() {
        for (theirs, ours) in [
            ("TLS 1.2", "TLS1.2"),
            ("TLSv1", "TLS1.0"),
            ("TLSv1.1", "TLS1.1"),
            ("TLSv12", "TLS1.2"),
            ("TLSv10", "TLS1.0"),
            ("TLS 1.3", "TLS1.3"),
            ("TLSv13-draft23", "TLS1.3-draft23"),
            ("SSLv3", "SSL3.0"),
            ("DTLSv12", "DTLS1.2"),
            ("UNDETERMINED", ""),
            ("", ""),
            ("0x7f1c", "0x7f1c"),
            ("TLS", "TLS"),
        ] {
            assert_eq!(tls_version(theirs), ours, "{theirs}");
        }
    }

    #[test]
    fn targets() {
        let target = |url| {
            let Target {
                scheme,
                host,
                path,
                query,
            } = http_target(url);
            (scheme, host, path, query)
        };
        assert_eq!(target("/a/b?c=d?e"), (None, None, "/a/b", Some("c=d?e")));
        assert_eq!(
            target("http://h:80/a"),
            (Some("http"), Some("h:80"), "/a", None)
        );
        assert_eq!(
            target("https://h?q"),
            (Some("https"), Some("h"), "", Some("q"))
        );
        assert_eq!(target("https://h"), (Some("https"), Some("h"), "/", None));
        assert_eq!(
            target("/r?u=http://x/"),
            (None, None, "/r", Some("u=http://x/"))
        );
        assert_eq!(target("*"), (None, None, "*", None));
        assert_eq!(target(""), (None, None, "", None));
    }
}
