//! The name of an artifact in a registry.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;

use crate::RegistryError;

/// `HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`, where HOST may be an IPv6 address in brackets. Unlike
/// Docker's references it has no default registry: a pack whose host was forgotten must not go to
/// a public one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reference(oci_client::Reference);

impl Reference {
    /// Host and port of the registry.
    pub fn registry(&self) -> &str {
        self.0.registry()
    }

    /// Name of the repository.
    pub fn repository(&self) -> &str {
        self.0.repository()
    }

    /// The tag: a hint that its owner can move.
    pub fn tag(&self) -> Option<&str> {
        self.0.tag()
    }

    /// `sha256:` and 64 digits: what cannot be moved.
    pub fn digest(&self) -> Option<&str> {
        self.0.digest()
    }

    /// The same repository, by digest alone.
    pub fn at(&self, digest: &str) -> Reference {
        Reference(oci_client::Reference::with_digest(
            self.registry().to_owned(),
            self.repository().to_owned(),
            digest.to_owned(),
        ))
    }

    /// The same repository, by tag alone.
    pub(crate) fn tagged(&self, tag: &str) -> Reference {
        Reference(oci_client::Reference::with_tag(
            self.registry().to_owned(),
            self.repository().to_owned(),
            tag.to_owned(),
        ))
    }

    /// Whether the registry is this machine, where plain HTTP is no risk.
    pub fn is_loopback(&self) -> bool {
        let host = self.registry();
        let host = match host.rsplit_once(':') {
            Some((host, port)) if port.bytes().all(|b| b.is_ascii_digit()) => host,
            _ => host,
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        host == "localhost" || host.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    pub(crate) fn inner(&self) -> &oci_client::Reference {
        &self.0
    }
}

impl FromStr for Reference {
    type Err = RegistryError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| RegistryError::Reference {
            text: text.to_owned(),
            problem: problem.to_owned(),
        };
        if let Some((scheme, _)) = text.split_once("://") {
            return Err(wrong(&format!("leave out `{scheme}://`")));
        }
        let (host, rest) = text.split_once('/').unwrap_or((text, ""));
        let named = host == "localhost" || host.contains(['.', ':', '[']);
        if !named || !text.contains('/') {
            return Err(wrong("the host of the registry is missing"));
        }
        if rest.is_empty() {
            return Err(wrong("the name in the registry is missing"));
        }
        let name = rest.split([':', '@']).next().unwrap_or_default();
        if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
            return Err(wrong("names in registries are in lower case"));
        }
        let (ipv6, port) = match host.strip_prefix('[') {
            Some(literal) => {
                let (address, port) = literal
                    .split_once(']')
                    .ok_or_else(|| wrong("`]` is missing after the address"))?;
                let address: Ipv6Addr = address
                    .parse()
                    .map_err(|_| wrong("what is in brackets is no IPv6 address"))?;
                (Some(address), port)
            }
            None => (None, host.find(':').map_or("", |at| &host[at..])),
        };
        if ipv6.is_none() && host.matches(':').count() > 1 {
            return Err(wrong("an IPv6 address is written in brackets: [::1]:5000"));
        }
        let number = port.strip_prefix(':').map(str::parse::<u16>);
        if !matches!((port, &number), ("", _) | (_, Some(Ok(1..)))) {
            return Err(wrong("the port is no number from 1 to 65535"));
        }
        // The library's grammar has no such addresses; the rest is read by it all the same.
        let readable = match ipv6 {
            Some(_) => &format!("localhost/{rest}"),
            None => text,
        };
        let mut reference =
            oci_client::Reference::try_from(readable).map_err(|error| wrong(&error.to_string()))?;
        if reference.digest().is_some_and(|d| !is_sha256(d)) {
            return Err(wrong("only sha256 digests are accepted"));
        }
        if let Some(address) = ipv6 {
            reference = elsewhere(&reference, format!("[{address}]{port}"));
        }
        Ok(Reference(reference))
    }
}

/// The same name, tag and digest in another registry.
fn elsewhere(reference: &oci_client::Reference, registry: String) -> oci_client::Reference {
    use oci_client::Reference as Of;
    let name = reference.repository().to_owned();
    match (reference.tag(), reference.digest()) {
        (Some(tag), Some(digest)) => {
            Of::with_tag_and_digest(registry, name, tag.to_owned(), digest.to_owned())
        }
        (None, Some(digest)) => Of::with_digest(registry, name, digest.to_owned()),
        (tag, None) => Of::with_tag(registry, name, tag.unwrap_or("latest").to_owned()),
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.whole())
    }
}

/// Whether it is `sha256:` and 64 lower-case hexadecimal digits: also what makes it safe as
/// part of an address or of a file name.
pub(crate) fn is_sha256(digest: &str) -> bool {
    digest.strip_prefix("sha256:").is_some_and(|hex| {
        hex.len() == 64
            && hex
                .bytes()
                .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_must_be_named() {
        for text in ["iot-protocols:1.0", "acme/iot-protocols", ""] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains("host of the registry"), "{text}: {error}");
        }
    }

    #[test]
    fn parts_are_told_apart() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text = format!("127.0.0.1:5000/acme/iot:1.2@{digest}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.registry(), "127.0.0.1:5000");
        assert_eq!(reference.repository(), "acme/iot");
        assert_eq!(reference.tag(), Some("1.2"));
        assert_eq!(reference.digest(), Some(digest.as_str()));
        assert!(reference.is_loopback());
        assert_eq!(reference.at(&digest).tag(), None);
    }

    #[test]
    fn other_machines_are_not_loopback() {
        for (text, loopback) in [
            ("localhost/a", true),
            ("[::1]:5000/a", true),
            ("localhost.example:5000/a", false),
            ("127.0.0.1.example/a", false),
            ("registry.example/a", false),
        ] {
            let reference: Reference = text.parse().unwrap();
            assert_eq!(reference.is_loopback(), loopback, "{text}");
        }
    }

    #[test]
    fn addresses_of_version_6_are_hosts() {
        let digest = format!("sha256:{}", "ab".repeat(32));
        let text = format!("[2001:DB8:0::1]:5000/acme/iot:1.2@{digest}");
        let reference: Reference = text.parse().unwrap();
        assert_eq!(reference.registry(), "[2001:db8::1]:5000");
        assert_eq!(reference.repository(), "acme/iot");
        assert_eq!(reference.tag(), Some("1.2"));
        assert_eq!(reference.digest(), Some(digest.as_str()));
        assert!(!reference.is_loopback());
        let again: Reference = reference.to_string().parse().unwrap();
        assert_eq!(again, reference);
        let untagged: Reference = "[::1]/a".parse().unwrap();
        assert_eq!(untagged.to_string(), "[::1]/a:latest");
        assert_eq!(
            untagged.at(&digest).to_string(),
            format!("[::1]/a@{digest}")
        );
    }

    #[test]
    fn what_is_wrong_with_a_reference_is_said() {
        for (text, told) in [
            ("https://registry.example/a", "leave out `https://`"),
            ("registry.example/", "the name in the registry is missing"),
            ("registry.example/Acme/a", "lower case"),
            ("[::1/a", "`]` is missing"),
            ("[::g]/a", "no IPv6 address"),
            ("[fe80::1%eth0]/a", "no IPv6 address"),
            ("::1/a", "in brackets"),
            ("[::1]:0/a", "the port"),
            ("[::1]x/a", "the port"),
            ("[::1]:65536/a", "the port"),
            ("127.0.0.1:70000/a", "the port"),
            ("[::1]/a b", "invalid reference format"),
            ("[::1]/a@sha512:00", "names no artifact"),
        ] {
            let error = text.parse::<Reference>().unwrap_err().to_string();
            assert!(error.contains(told), "{text}: {error}");
            assert!(error.contains("HOST[:PORT]/NAME"), "{text}: {error}");
        }
    }

    #[test]
    fn only_sha256_is_a_digest() {
        assert!(is_sha256(&format!("sha256:{}", "0f".repeat(32))));
        assert!(!is_sha256(&format!("sha256:{}", "0F".repeat(32))));
        assert!(!is_sha256("sha256:../../etc/passwd"));
        assert!(!is_sha256(&format!("sha512:{}", "0f".repeat(64))));
    }
}
