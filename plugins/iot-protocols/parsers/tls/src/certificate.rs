//! The first certificate of a Certificate message up to TLS 1.2.

use iot_wire::{Reader, clip};
use sha2::{Digest as _, Sha256};
use x509_parser::prelude::{FromDer as _, X509Certificate};

/// Bytes of a distinguished name that are kept.
const MAX_NAME: usize = 512;

/// What is reported of a certificate. That a chain is trusted is not for bytes to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// Subject.
    pub subject: String,
    /// Issuer.
    pub issuer: String,
    /// SHA-256 of the DER form, in lower-case hexadecimal.
    pub sha256: String,
    /// Nanoseconds since 1970; 0 for what lies before.
    pub not_before: u64,
    /// Nanoseconds since 1970.
    pub not_after: u64,
    /// Issuer and subject are the same name.
    pub self_signed: bool,
}

/// Reads the body of a Certificate message (RFC 5246, section 7.4.2); `None` when it
/// holds none, or none that X.509 allows.
#[must_use]
pub fn first(body: &[u8]) -> Option<Certificate> {
    let mut reader = Reader::new(body);
    reader.u24("certificates").ok()?;
    let length = reader.u24("a certificate").ok()?;
    let der = reader.take(length as usize, "a certificate").ok()?;
    let (_, parsed) = X509Certificate::from_der(der).ok()?;
    let (subject, issuer) = (parsed.subject(), parsed.issuer());
    Some(Certificate {
        subject: clip(&subject.to_string(), MAX_NAME).to_owned(),
        issuer: clip(&issuer.to_string(), MAX_NAME).to_owned(),
        sha256: Sha256::digest(der)
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect(),
        not_before: nanoseconds(parsed.validity().not_before.timestamp()),
        not_after: nanoseconds(parsed.validity().not_after.timestamp()),
        self_signed: subject.as_raw() == issuer.as_raw(),
    })
}

fn nanoseconds(seconds: i64) -> u64 {
    u64::try_from(seconds)
        .unwrap_or(0)
        .saturating_mul(1_000_000_000)
}
