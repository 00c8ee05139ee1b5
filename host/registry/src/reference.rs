//! The name of an artifact in a registry.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use crate::RegistryError;

/// `HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`. Unlike Docker's references it has no default
/// registry: a pack whose host was forgotten must not go to a public one.
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
        let host = text.split('/').next().unwrap_or_default();
        let named = host == "localhost" || host.contains('.') || host.contains(':');
        if !named || !text.contains('/') {
            return Err(wrong("the host of the registry is missing"));
        }
        let reference =
            oci_client::Reference::try_from(text).map_err(|error| wrong(&error.to_string()))?;
        if reference.digest().is_some_and(|d| !is_sha256(d)) {
            return Err(wrong("only sha256 digests are accepted"));
        }
        Ok(Reference(reference))
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
            match text.parse::<Reference>() {
                Ok(reference) => assert_eq!(reference.is_loopback(), loopback, "{text}"),
                // The grammar of references has no IPv6 addresses in some versions.
                Err(error) => assert!(text.starts_with('['), "{text}: {error}"),
            }
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
