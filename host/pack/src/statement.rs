//! Statements about packs: in-toto statements (version 1), signed as DSSE envelopes.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::dsse::Envelope;
use crate::{Pack, Refusal, Time, canonical};

/// Type of the payload of a statement.
pub const STATEMENT: &str = "application/vnd.in-toto+json";
const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";
/// Type of the predicate of a signature.
pub const SIGNATURE_PREDICATE: &str = "urn:palisade:pack-signature:1";
/// Type of the predicate of a certificate.
pub const CERTIFICATE_PREDICATE: &str = "urn:palisade:pack-certificate:1";

/// A statement that binds a predicate to one pack by digest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement<P> {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    /// What is stated.
    pub predicate: P,
}

/// What a statement is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// `vendor/name@version`.
    pub name: String,
    /// By algorithm: always `blake3`, the pack's digest; where the pack was distributed as
    /// an OCI artifact also `sha256`, that of its manifest.
    pub digest: BTreeMap<String, String>,
}

/// The predicate of a signature: that its signer answers for the pack.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Signed {
    /// When it was signed, by the signer's clock.
    pub signed: Time,
    /// Until when it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// The predicate of a certificate: what a certifier ran, and with which results.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// When it was issued, by the certifier's clock.
    pub issued: Time,
    /// Until when it counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
    /// The version of the host on which it was run.
    pub host: String,
    /// The version of the plugin ABI.
    pub abi: String,
    /// The capabilities that the pack imports.
    pub capabilities: BTreeSet<String>,
    /// What was run.
    pub checks: Vec<Check>,
    /// The most that calls of each plugin needed, by its name.
    pub peaks: BTreeMap<String, Peak>,
}

/// The most that calls of a plugin needed while it was certified, and what it may need: the
/// host's limits, lowered by its manifest.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Peak {
    /// How many calls were counted.
    pub calls: u64,
    /// Units of fuel of one call.
    pub fuel: u64,
    /// The most that a call may use.
    pub fuel_limit: u64,
    /// Bytes of the memories of an instance.
    pub memory: u64,
    /// The most that an instance may have.
    pub memory_limit: u64,
}

impl Peak {
    /// Whether something was seen, and all of it within the limits.
    pub fn holds(&self) -> bool {
        self.calls > 0 && self.fuel <= self.fuel_limit && self.memory <= self.memory_limit
    }
}

/// One check of a certificate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Check {
    /// Which, one of [`CHECKS`].
    pub name: String,
    /// Whether it was passed.
    pub passed: bool,
    /// How many cases were run; a check without cases proves nothing.
    pub cases: u64,
    /// What was seen, for a person.
    pub details: String,
}

/// The checks that a certificate must have passed.
pub const CHECKS: [&str; 7] = [
    "capabilities",
    "purity",
    "limits",
    "vectors",
    "determinism",
    "ceilings",
    "fuzz",
];

impl<P: Serialize + DeserializeOwned> Statement<P> {
    /// A statement about a pack.
    pub fn about(pack: &Pack, predicate_type: &str, predicate: P) -> Self {
        Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![Subject {
                name: pack.manifest().full_title(),
                digest: [("blake3".to_owned(), pack.digest().to_string())].into(),
            }],
            predicate_type: predicate_type.to_owned(),
            predicate,
        }
    }

    /// An envelope without signatures around it.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(STATEMENT, canonical::write_json(self))
    }

    /// Reads the statement of an envelope and checks that it is about this pack.
    ///
    /// # Errors
    /// When it is not canonical, of another type, or about something else.
    pub fn read(
        name: &str,
        envelope: &Envelope,
        predicate_type: &str,
        digest: Digest,
        title: &str,
    ) -> Result<Self, Refusal> {
        let statement: Self = canonical::json(name, envelope.payload())?;
        if statement.kind != STATEMENT_TYPE || statement.predicate_type != predicate_type {
            return Err(Refusal::PayloadType {
                name: name.to_owned(),
                found: statement.predicate_type,
            });
        }
        let [subject] = statement.subject.as_slice() else {
            return Err(canonical::malformed(
                name,
                "it must be about exactly one pack",
            ));
        };
        let known = subject
            .digest
            .keys()
            .all(|k| k == "blake3" || k == "sha256");
        let stated = subject.digest.get("blake3");
        let stated = stated.filter(|_| known).ok_or_else(|| {
            canonical::malformed(
                name,
                "its subject needs a `blake3` digest, and has `sha256` at most besides",
            )
        })?;
        if *stated != digest.to_string() {
            return Err(Refusal::Subject {
                name: name.to_owned(),
                stated: stated.clone(),
                found: digest.to_string(),
            });
        }
        if subject.name != title {
            return Err(Refusal::SubjectName {
                name: name.to_owned(),
                stated: subject.name.clone(),
                found: title.to_owned(),
            });
        }
        Ok(statement)
    }
}

/// The type of predicate of a statement, without checking anything else of it.
pub(crate) fn predicate_type(envelope: &Envelope) -> Option<String> {
    #[derive(Deserialize)]
    struct Peek {
        #[serde(rename = "predicateType")]
        predicate_type: String,
    }
    serde_json::from_slice::<Peek>(envelope.payload())
        .ok()
        .map(|peek| peek.predicate_type)
}
