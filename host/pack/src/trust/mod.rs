//! Whom this site trusts, and for what.
//!
//! Three signed documents, after the roles of The Update Framework: the [`Root`] (keys and
//! roles), the [`Revocations`] (which also play the part of its time stamp: they expire), and
//! the operator's own [`Policy`]. They lie in a directory of the site together with
//! `state.json`, which remembers the highest version and latest time seen, so that neither
//! can be taken back; only the time can be, by a [`TimeReset`] that the root keys sign.

mod dir;
mod files;
mod policy;
mod revocation;
mod root;
mod state;
mod time;

use std::collections::{BTreeMap, BTreeSet};

pub use dir::{Installed, TrustDir, TrustError};
pub use policy::{CertificateRule, Loose, POLICY, PackRule, Policy, Signers};
pub use revocation::{REVOCATIONS, Revocations};
pub use root::{POLICY_ROLE, REVOCATION_ROLE, ROOT, ROOT_ROLE, Role, Root, RootKey};
pub use state::{InstalledPack, Seen, State};
pub use time::{MARGIN_DAYS, TIME_RESET, TimeReset};

use crate::dsse::Envelope;
use crate::{KeyId, Refusal, Time};

/// The trust documents of a site as they hold at one time; each is there and valid, or it is
/// said why not.
#[derive(Debug, Clone)]
pub struct Trust {
    /// The time at which everything is judged: the clock's, or the latest seen if that is
    /// later.
    pub now: Time,
    /// Set when the clock is later than this time, the latest that the documents here allow to
    /// be remembered: it is wrong, or whoever answers for the documents has long left them.
    pub clock_ahead_of: Option<Time>,
    /// Keys and roles.
    pub root: Result<Root, Refusal>,
    /// What is revoked.
    pub revocations: Result<Revocations, Refusal>,
    /// What the operator wants.
    pub policy: Result<Policy, Refusal>,
}

impl Trust {
    /// The keys of a role that signed an envelope, and why other signatures do not count.
    pub(crate) fn signers(
        &self,
        role: &str,
        name: &str,
        envelope: &Envelope,
    ) -> (BTreeSet<KeyId>, Vec<Refusal>) {
        static NONE: BTreeMap<KeyId, String> = BTreeMap::new();
        match &self.root {
            Err(refusal) => (BTreeSet::new(), vec![refusal.clone()]),
            Ok(root) => {
                let revoked = self.revocations.as_ref().map_or(&NONE, |list| &list.keys);
                root::signers(root, role, name, envelope, self.now, revoked)
            }
        }
    }
}
