//! The revocation list: what must not be used any more.

use std::collections::BTreeMap;

use palisade_events::Digest;
use serde::{Deserialize, Serialize};

use super::root::expect_type;
use crate::dsse::Envelope;
use crate::{KeyId, Refusal, Time, canonical};

/// Type of its payload.
pub const REVOCATIONS: &str = "application/vnd.palisade.revocations.v1+json";

/// What is revoked, signed by the role `revocation`. It expires, so that a site that is kept
/// from newer lists notices (a freeze), and its version only rises.
///
/// A revoked key counts for nothing but the role `root`: root keys are replaced by the next
/// root document, and a stolen revocation key must not be able to stop that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Revocations {
    /// From 1, each later list has a higher one.
    pub version: u64,
    /// When the next list must be here.
    pub expires: Time,
    /// Reasons by key.
    pub keys: BTreeMap<KeyId, String>,
    /// Reasons by pack digest.
    pub packs: BTreeMap<Digest, String>,
    /// Reasons by the BLAKE3 of a certificate's payload.
    pub certificates: BTreeMap<Digest, String>,
}

impl Revocations {
    /// Reads the payload of a list, but no signature.
    ///
    /// # Errors
    /// When it is not canonical.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        expect_type(envelope, REVOCATIONS, "revocation list")?;
        canonical::json("revocation list", envelope.payload())
    }

    /// An envelope without signatures around it.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(REVOCATIONS, canonical::write_json(self))
    }
}
