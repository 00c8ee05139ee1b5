//! Request targets (RFC 9112, section 3.2) and the host that they are for.

use iot_wire::clip;

/// Bytes of a host that are kept.
pub const MAX_HOST: usize = 255;
/// Bytes of a path that are kept, and as many of a query.
pub const MAX_PATH: usize = 2_048;

/// A request target in parts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Target {
    /// Host in lower case, without port; empty where neither target nor `Host` has one.
    pub host: String,
    /// Path as it was sent; `*` and a CONNECT's authority as they are.
    pub path: String,
    /// What follows the first `?`.
    pub query: Option<String>,
}

/// Takes a target apart. An absolute target beats the `Host` header (RFC 9112, 3.2.2).
#[must_use]
pub fn split(method: &str, target: &str, host: Option<&str>) -> Target {
    if method == "CONNECT" {
        return Target {
            host: bare_host(target),
            path: clip(target, MAX_PATH).to_owned(),
            query: None,
        };
    }
    let (authority, rest) = match absolute(target) {
        Some((authority, rest)) => (Some(authority), if rest.is_empty() { "/" } else { rest }),
        None => (host, target),
    };
    let (path, query) = match rest.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (rest, None),
    };
    Target {
        host: authority.map(bare_host).unwrap_or_default(),
        path: clip(path, MAX_PATH).to_owned(),
        query: query.map(|query| clip(query, MAX_PATH).to_owned()),
    }
}

fn absolute(target: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = target.split_once("://")?;
    if scheme.is_empty() || !scheme.bytes().all(|byte| byte.is_ascii_alphanumeric()) {
        return None;
    }
    let end = rest.find(['/', '?']).unwrap_or(rest.len());
    Some(rest.split_at(end))
}

/// The host of an authority: no user information, no port, lower case.
fn bare_host(authority: &str) -> String {
    let authority = authority
        .rsplit_once('@')
        .map_or(authority, |(_, host)| host)
        .trim();
    let host = if authority.starts_with('[') {
        // An IPv6 literal keeps its colons and loses its brackets.
        authority
            .split_once(']')
            .map_or(authority, |(host, _)| host)
            .trim_start_matches('[')
    } else {
        authority
            .split_once(':')
            .map_or(authority, |(host, _)| host)
    };
    clip(host, MAX_HOST).to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(method: &str, target: &str, host: Option<&str>) -> (String, String, Option<String>) {
        let target = split(method, target, host);
        (target.host, target.path, target.query)
    }

    #[test]
    fn every_form_of_target() {
        type Case = (
            &'static str,
            &'static str,
            Option<&'static str>,
            &'static str,
            &'static str,
            Option<&'static str>,
        );
        let cases: &[Case] = &[
            (
                "GET",
                "/a/b?x=1?2",
                Some("Example.COM:8080"),
                "example.com",
                "/a/b",
                Some("x=1?2"),
            ),
            (
                "GET",
                "http://u:p@a.test:81?q",
                Some("b.test"),
                "a.test",
                "",
                Some("q"),
            ),
            ("GET", "http://a.test", None, "a.test", "/", None),
            (
                "GET",
                "/?u=http://b.test/",
                Some("a.test"),
                "a.test",
                "/",
                Some("u=http://b.test/"),
            ),
            (
                "OPTIONS",
                "*",
                Some("[2001:DB8::1]:80"),
                "2001:db8::1",
                "*",
                None,
            ),
            (
                "CONNECT",
                "a.test:443",
                Some("proxy"),
                "a.test",
                "a.test:443",
                None,
            ),
            ("GET", "/", None, "", "/", None),
        ];
        for &(method, target, host, expected, path, query) in cases {
            assert_eq!(
                parts(method, target, host),
                (expected.into(), path.into(), query.map(str::to_owned)),
                "{target}"
            );
        }
    }
}
