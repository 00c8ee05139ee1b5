//! The trust policy: what an operator wants of a pack before it may run.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::root::expect_type;
use crate::dsse::Envelope;
use crate::labels::Tlp;
use crate::{Refusal, canonical};

/// Type of its payload, which is the text of `trust.toml` as the operator wrote it.
pub const POLICY: &str = "application/vnd.palisade.trust-policy.v1+toml";

/// `trust.toml`, signed by the role `policy`. What no rule is about is refused.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    /// From 1, each later policy has a higher one.
    pub version: u64,
    /// Whether components that are in no pack may run.
    #[serde(default)]
    pub loose_components: Loose,
    /// The first rule that matches decides.
    #[serde(default, rename = "pack")]
    pub packs: Vec<PackRule>,
}

/// What becomes of components that are in no pack.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Loose {
    /// They do not run.
    #[default]
    Refuse,
    /// They run as if there were no policy.
    Allow,
}

/// What is wanted of the packs that match.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackRule {
    /// `vendor/name`, where either part may be `*`.
    #[serde(rename = "match")]
    pub pattern: String,
    /// What these packs may import; nothing else is linked for them.
    #[serde(default)]
    pub capabilities: BTreeSet<String>,
    /// Who must have signed; all of them.
    pub signed_by: Vec<Signers>,
    /// Who must have certified, if anybody.
    pub certificate: Option<CertificateRule>,
    /// The most secret pack that may be here; absent: any.
    pub tlp_max: Option<Tlp>,
}

/// So many keys of a role.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Signers {
    /// A role of the root document.
    pub role: String,
    /// How many different keys of it [default: the role's threshold].
    pub signatures: Option<usize>,
    /// Only for packs that import one of these; empty: for all.
    #[serde(default)]
    pub for_capabilities: BTreeSet<String>,
}

/// What is wanted of certificates.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct CertificateRule {
    /// A role of the root document.
    pub role: String,
    /// How many different keys of it [default: the role's threshold].
    pub signatures: Option<usize>,
    /// How old it may be.
    pub max_age_days: u32,
    /// Versions of the host on which it was run [default: any], as `^0.1` or `>=0.1, <0.3`.
    pub host: Option<semver::VersionReq>,
}

impl Policy {
    /// Reads the payload of a policy, but no signature.
    ///
    /// # Errors
    /// When it is no TOML or has a field that is unknown, with line and column.
    pub fn read(envelope: &Envelope) -> Result<Self, Refusal> {
        expect_type(envelope, POLICY, "trust policy")?;
        Self::parse(envelope.payload())
    }

    /// Reads `trust.toml`.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn parse(bytes: &[u8]) -> Result<Self, Refusal> {
        let what = "trust.toml";
        let text = std::str::from_utf8(bytes).map_err(|e| canonical::malformed(what, e))?;
        let policy: Self = canonical::read_toml(what, text)?;
        for rule in &policy.packs {
            let halves = rule.pattern.split_once('/');
            let plain =
                |half: &str| half == "*" || (!half.is_empty() && !half.contains(['*', '/']));
            if !halves.is_some_and(|(vendor, name)| plain(vendor) && plain(name)) {
                let problem = format!(
                    "match = {:?}: write vendor/name, where either may be *",
                    rule.pattern
                );
                return Err(canonical::malformed(what, problem));
            }
            let always = rule.signed_by.iter().any(|s| s.for_capabilities.is_empty());
            let none = rule.signed_by.iter().any(|s| s.signatures == Some(0))
                || rule
                    .certificate
                    .as_ref()
                    .is_some_and(|c| c.signatures == Some(0));
            if !always || none {
                let problem = format!(
                    "the rule for {:?} would take packs that nobody signed; give `signed-by` a role without `for-capabilities`, and no `signatures = 0`",
                    rule.pattern
                );
                return Err(canonical::malformed(what, problem));
            }
        }
        Ok(policy)
    }

    /// An envelope without signatures around the text of a policy.
    pub fn envelope(text: &str) -> Envelope {
        Envelope::new(POLICY, text.as_bytes().to_vec())
    }

    /// The rule for a pack.
    pub fn rule(&self, vendor: &str, name: &str) -> Option<&PackRule> {
        self.packs.iter().find(|rule| {
            rule.pattern
                .split_once('/')
                .is_some_and(|(v, n)| (v == "*" || v == vendor) && (n == "*" || n == name))
        })
    }
}
