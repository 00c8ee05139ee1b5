//! Families of cipher suites, told by IANA's names.

/// Suites that are forbidden together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Family {
    /// No encryption at all.
    Null,
    /// Keys that were weakened for export.
    Export,
    /// The stream cipher RC4.
    Rc4,
    /// Triple DES.
    TripleDes,
    /// CBC with a SHA-1 MAC.
    CbcSha1,
    /// Nobody is authenticated.
    Anonymous,
    /// Suites whose name contains this text.
    Containing(String),
}

impl Family {
    /// Reads an entry of the setting `forbidden-ciphers`.
    #[must_use]
    pub fn parse(text: impl AsRef<str>) -> Self {
        let text = text.as_ref();
        match text.to_ascii_lowercase().as_str() {
            "null" => Self::Null,
            "export" => Self::Export,
            "rc4" => Self::Rc4,
            "3des" => Self::TripleDes,
            "cbc-sha1" => Self::CbcSha1,
            "anonymous" => Self::Anonymous,
            _ => Self::Containing(text.to_ascii_uppercase()),
        }
    }

    /// Whether the suite with this name, or number in hexadecimal, is one of them.
    #[must_use]
    pub fn has(&self, suite: &str) -> bool {
        let suite = suite.to_ascii_uppercase();
        match self {
            // Integrity only (RFC 9150) has no NULL in its name.
            Self::Null => {
                suite.contains("NULL")
                    || matches!(
                        suite.as_str(),
                        "TLS_SHA256_SHA256" | "TLS_SHA384_SHA384" | "0XC0B4" | "0XC0B5"
                    )
            }
            Self::Export => suite.contains("EXPORT"),
            Self::Rc4 => suite.contains("RC4"),
            Self::TripleDes => suite.contains("3DES"),
            Self::CbcSha1 => suite.contains("_CBC_") && suite.ends_with("_SHA"),
            Self::Anonymous => suite.contains("_ANON_"),
            Self::Containing(part) => suite.contains(part.as_str()),
        }
    }

    /// As the setting has it.
    #[must_use]
    pub fn name(&self) -> &str {
        match self {
            Self::Null => "NULL",
            Self::Export => "EXPORT",
            Self::Rc4 => "RC4",
            Self::TripleDes => "3DES",
            Self::CbcSha1 => "CBC-SHA1",
            Self::Anonymous => "anonymous",
            Self::Containing(part) => part,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_family_has_its_suites_and_no_others() {
        for (family, inside, outside) in [
            (
                "NULL",
                "TLS_RSA_WITH_NULL_SHA256",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
            ),
            ("null", "TLS_SHA256_SHA256", "TLS_AES_128_GCM_SHA256"),
            (
                "EXPORT",
                "TLS_RSA_EXPORT_WITH_DES40_CBC_SHA",
                "TLS_RSA_WITH_DES_CBC_SHA",
            ),
            (
                "RC4",
                "TLS_RSA_WITH_RC4_128_SHA",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
            ),
            (
                "3DES",
                "TLS_RSA_WITH_3DES_EDE_CBC_SHA",
                "TLS_RSA_WITH_DES_CBC_SHA",
            ),
            (
                "CBC-SHA1",
                "TLS_RSA_WITH_AES_128_CBC_SHA",
                "TLS_RSA_WITH_AES_128_CBC_SHA256",
            ),
            (
                "anonymous",
                "TLS_DH_anon_WITH_AES_128_CBC_SHA",
                "TLS_DHE_RSA_WITH_AES_128_CBC_SHA",
            ),
            (
                "camellia",
                "TLS_RSA_WITH_CAMELLIA_128_CBC_SHA",
                "TLS_RSA_WITH_SEED_CBC_SHA",
            ),
        ] {
            let family = Family::parse(family);
            assert!(family.has(inside), "{family:?} {inside}");
            assert!(!family.has(outside), "{family:?} {outside}");
        }
    }
}
