//! The root document: which keys there are, and what each may do.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::counted;
use serde::{Deserialize, Serialize};

use crate::dsse::Envelope;
use crate::{KeyId, PublicKey, Refusal, Time, canonical};

/// Type of its payload.
pub const ROOT: &str = "application/vnd.palisade.root.v1+json";
/// The role that signs root documents.
pub const ROOT_ROLE: &str = "root";
/// The role that signs trust policies.
pub const POLICY_ROLE: &str = "policy";
/// The role that signs revocation lists.
pub const REVOCATION_ROLE: &str = "revocation";

/// Keys and roles, signed by a threshold of root keys. The next version is signed by the
/// root keys of this one and by its own, so that any key can be replaced.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Root {
    /// From 1, each one more than the one before.
    pub version: u64,
    /// When nothing is trusted by it any more.
    pub expires: Time,
    /// The keys by id.
    pub keys: BTreeMap<KeyId, RootKey>,
    /// `root`, `policy`, `revocation`, and others as the policy names them.
    pub roles: BTreeMap<String, Role>,
}

/// A key of the root document.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootKey {
    /// Whose it is, for people.
    pub name: String,
    /// 32 bytes in hexadecimal digits; the id must be derived from them.
    pub public: String,
    /// When it counts no more, if before the document expires.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Time>,
}

/// Who has a role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// How many different keys must sign.
    pub threshold: usize,
    /// Keys that have it.
    pub keys: BTreeSet<KeyId>,
}

impl Root {
    /// Reads and checks the payload of a root document, but no signature.
    ///
    /// # Errors
    /// When it is not canonical or contradicts itself.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        expect_type(envelope, ROOT, "root document")?;
        let root: Self = canonical::json("root document", envelope.payload())?;
        root.check().map_err(|problem| Refusal::Document {
            what: "root document".into(),
            problem,
        })?;
        Ok(root)
    }

    /// What contradicts itself.
    pub(crate) fn check(&self) -> Result<(), String> {
        if self.version == 0 {
            return Err("versions begin at 1".into());
        }
        for (id, key) in &self.keys {
            let public = public(key).map_err(|e| format!("key {}: {e}", id.short()))?;
            if public.id() != id {
                return Err(format!(
                    "key {} has the id of another public key",
                    id.short()
                ));
            }
        }
        for role in [ROOT_ROLE, POLICY_ROLE, REVOCATION_ROLE] {
            if !self.roles.contains_key(role) {
                return Err(format!(
                    "nobody has the role `{role}`; give it with --role {role}=1:NAME"
                ));
            }
        }
        for (name, role) in &self.roles {
            if role.threshold == 0 || role.threshold > role.keys.len() {
                return Err(format!(
                    "role `{name}` asks for {} of {}; give it from 1 to as many as \
                     it has keys with --role {name}=N:NAME,NAME",
                    counted(role.threshold, "signature"),
                    counted(role.keys.len(), "key")
                ));
            }
            if let Some(id) = role.keys.iter().find(|id| !self.keys.contains_key(id)) {
                return Err(format!(
                    "role `{name}` names key {}, which is not listed",
                    id.short()
                ));
            }
        }
        Ok(())
    }

    /// An envelope without signatures around it.
    pub fn envelope(&self) -> Envelope {
        Envelope::new(ROOT, canonical::write_json(self))
    }

    /// The key with this id.
    pub fn key(&self, id: &KeyId) -> Option<PublicKey> {
        public(self.keys.get(id)?).ok()
    }

    /// Whether the root keys of `self` have signed an envelope in sufficient number.
    ///
    /// Expiry of keys is judged at `now`; the document's own is not, so that a site that was
    /// away can walk through expired ones to the present.
    ///
    /// # Errors
    /// [`Refusal::Threshold`], or the reason why a signature is refused.
    pub(crate) fn signed_by_root(&self, envelope: &Envelope, now: Time) -> Result<(), Refusal> {
        threshold(
            self,
            ROOT_ROLE,
            "root document",
            envelope,
            now,
            &BTreeMap::new(),
        )
    }
}

fn public(key: &RootKey) -> Result<PublicKey, String> {
    let mut bytes = [0; 32];
    hex::decode_to_slice(&key.public, &mut bytes).map_err(|e| e.to_string())?;
    PublicKey::from_bytes(&bytes).map_err(|e| e.to_string())
}

pub(crate) fn expect_type(envelope: &Envelope, wanted: &str, what: &str) -> Result<(), Refusal> {
    if envelope.payload_type() == wanted {
        return Ok(());
    }
    Err(Refusal::PayloadType {
        name: what.to_owned(),
        found: envelope.payload_type().to_owned(),
    })
}

/// The keys of a role that signed an envelope, and why other signatures do not count.
pub(crate) fn signers(
    root: &Root,
    role: &str,
    name: &str,
    envelope: &Envelope,
    now: Time,
    revoked: &BTreeMap<KeyId, String>,
) -> (BTreeSet<KeyId>, Vec<Refusal>) {
    let message = envelope.message();
    let mut good = BTreeSet::new();
    let mut refused = Vec::new();
    if envelope.signatures().is_empty() {
        refused.push(Refusal::SignatureAbsent {
            name: name.to_owned(),
        });
    }
    for signature in envelope.signatures() {
        let (name, key) = (name.to_owned(), signature.key.short().to_owned());
        let listed = root.keys.get(&signature.key).zip(root.key(&signature.key));
        let Some((listed, public)) = listed else {
            refused.push(Refusal::KeyUnknown { name, key });
            continue;
        };
        if !public.verifies(&message, &signature.bytes) {
            refused.push(Refusal::SignatureInvalid { name, key });
        } else if let Some(reason) = revoked.get(&signature.key) {
            refused.push(Refusal::KeyRevoked {
                name,
                key,
                reason: reason.clone(),
            });
        } else if let Some(when) = listed.expires.filter(|when| *when <= now) {
            refused.push(Refusal::KeyExpired {
                name,
                key,
                when: when.to_string(),
            });
        } else if !root
            .roles
            .get(role)
            .is_some_and(|r| r.keys.contains(&signature.key))
        {
            refused.push(Refusal::KeyRole {
                name,
                key,
                role: role.to_owned(),
            });
        } else {
            good.insert(signature.key.clone());
        }
    }
    (good, refused)
}

/// Whether enough keys of a role signed a trust document.
pub(crate) fn threshold(
    root: &Root,
    role: &str,
    what: &str,
    envelope: &Envelope,
    now: Time,
    revoked: &BTreeMap<KeyId, String>,
) -> Result<(), Refusal> {
    let (good, refused) = signers(root, role, what, envelope, now, revoked);
    let needed = root.roles.get(role).map_or(1, |r| r.threshold);
    if good.len() >= needed {
        return Ok(());
    }
    // A signature that is there but does not count says more than the number.
    Err(refused.into_iter().next().unwrap_or(Refusal::Threshold {
        what: what.to_owned(),
        role: role.to_owned(),
        found: good.len().to_string(),
        needed: needed.to_string(),
    }))
}
