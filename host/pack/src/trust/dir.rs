//! The directory of trust documents.

use cap_std::fs::Dir;
use palisade_events::Digest;
use palisade_private::PrivateError;
use std::collections::BTreeMap;

use super::root::threshold;
use super::time::horizon;
use super::{
    POLICY, POLICY_ROLE, Policy, REVOCATION_ROLE, REVOCATIONS, ROOT, Revocations, Root, Seen,
    State, TIME_RESET, TimeReset, Trust,
};
use crate::dsse::Envelope;
use crate::{KeyId, Refusal, Time, canonical};

const ROOT_FILE: &str = "root.dsse.json";
const REVOCATIONS_FILE: &str = "revocations.dsse.json";
const POLICY_FILE: &str = "trust.dsse.json";
const RESET_FILE: &str = "time-reset.dsse.json";
pub(super) const STATE_FILE: &str = "state.json";
/// What was remembered before a pack was installed, while it is being installed.
const STATE_BEFORE: &str = "state.json.before";

/// Why a trust document is not installed, or nothing is known of trust.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The document is refused.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The first root document must be named by its digest: nothing here could verify it.
    #[error(
        "this is the first root document here, which nothing can verify; compare its digest {found} \
         with what its owner told you by another way, and give it with --pin"
    )]
    Pin {
        /// BLAKE3 of its payload.
        found: Digest,
    },
    /// The document is not the one whose digest was given.
    #[error(
        "its digest is {found}, but --pin says {pin}: it is not the document that its owner told \
         you of; get that one, and do not pin another digest without asking"
    )]
    OtherPin {
        /// BLAKE3 of its payload.
        found: Digest,
        /// What was expected.
        pin: Digest,
    },
    /// A file of the directory cannot be read or written, or somebody else may change it.
    #[error("in the directory of trust: {0}")]
    Place(#[from] PrivateError),
}

/// A trust document that was installed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What it is, in words.
    pub what: &'static str,
    /// Its version.
    pub version: u64,
    /// BLAKE3 of its payload.
    pub digest: Digest,
}

/// An open directory of trust documents. Only its owner may write to it: it is the anchor, and
/// opened with `palisade_private`.
#[derive(Debug)]
pub struct TrustDir {
    pub(super) dir: Dir,
}

impl TrustDir {
    /// For a directory, which may be empty.
    pub fn new(dir: Dir) -> Self {
        Self { dir }
    }

    /// Whether a root document was ever installed, so that trust rules here.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn is_set_up(&self) -> Result<bool, TrustError> {
        Ok(!self.state()?.documents.is_empty() || self.read(ROOT_FILE)?.is_some())
    }

    /// Everything that is trusted now. The later of `clock` and the latest time seen counts,
    /// and is remembered, unless the clock is further ahead than the documents here allow
    /// ([`MARGIN_DAYS`](super::MARGIN_DAYS)): then [`Trust::clock_ahead_of`] says so.
    ///
    /// # Errors
    /// When the directory cannot be read or written. Documents that are missing, expired or
    /// changed are no error here but part of the answer.
    pub fn load(&self, clock: Time) -> Result<Trust, TrustError> {
        let _lock = self.lock()?;
        let mut state = self.state()?;
        let now = state.now(clock);
        let limit = self.horizon(&state)?;
        let clock_ahead_of = limit.filter(|limit| clock > *limit);
        if now.seconds() > state.time && limit.is_some() && clock_ahead_of.is_none() {
            state.time = now.seconds();
            self.write_state(&state)?;
        }
        let root = self.root(&state, now)?;
        let revocations = match &root {
            Err(refusal) => Err(refusal.clone()),
            Ok(root) => self.revocations(root, &state, now)?,
        };
        let policy = match (&root, &revocations) {
            (Err(refusal), _) | (_, Err(refusal)) => Err(refusal.clone()),
            (Ok(root), Ok(list)) => self.policy(root, &list.keys, &state, now)?,
        };
        Ok(Trust {
            now,
            clock_ahead_of,
            root,
            revocations,
            policy,
        })
    }

    /// The latest time that the documents here allow to be remembered; nothing where there is
    /// no root document that was installed.
    fn horizon(&self, state: &State) -> Result<Option<Time>, TrustError> {
        let document = |what, file| {
            let bytes = self.read(file)?;
            let pinned = bytes.and_then(|bytes| self.pinned(what, file, &bytes, state).ok());
            Ok::<_, TrustError>(pinned)
        };
        let root = document("root document", ROOT_FILE)?;
        let list = document("revocation list", REVOCATIONS_FILE)?;
        let list = list.and_then(|list| Revocations::read(&list).ok());
        let root = root.and_then(|root| Root::read(&root).ok());
        Ok(root.map(|root| horizon(&root, list.as_ref())))
    }

    /// The next document that takes back the time remembered here, without signatures.
    ///
    /// # Errors
    /// When the state cannot be read.
    pub fn next_reset(&self, to: Time) -> Result<TimeReset, TrustError> {
        let state = self.state()?;
        let seen = state.documents.get(RESET_FILE);
        Ok(TimeReset {
            version: seen.map_or(1, |seen| seen.version.saturating_add(1)),
            from: Time::from_seconds(state.time),
            to,
        })
    }

    /// Judges a pack after what was installed before, remembers it, and then lets `then` put it
    /// into the store. When that fails, what was remembered before is remembered again, so that
    /// neither of the two is done; when this program ends in between, what is remembered is
    /// ahead of the store, and nothing older is taken for new.
    ///
    /// # Errors
    /// As [`State::judge`], when the state cannot be written, and when `then` fails.
    pub fn install_pack<E: From<TrustError>>(
        &self,
        pack: &crate::Pack,
        accept: bool,
        rollback: Option<&str>,
        then: impl FnOnce() -> Result<(), E>,
    ) -> Result<(), E> {
        let _lock = self.lock()?;
        let mut state = self.state()?;
        state
            .judge(pack, accept, rollback)
            .map_err(TrustError::from)?;
        // Going back must need no room on the disk: the file is there before anything changes.
        self.write(STATE_BEFORE, &canonical::write_json(&state))?;
        state.installed(pack);
        self.write_state(&state)?;
        let done = then();
        if done.is_ok() {
            // One that stays is written over by the next installation.
            let _ = self.dir.remove_file(STATE_BEFORE);
            return done;
        }
        let back = self.dir.rename(STATE_BEFORE, &self.dir, STATE_FILE);
        back.map_err(|source| {
            TrustError::Place(PrivateError::Io {
                what: "take back what was written to",
                path: STATE_FILE.into(),
                source,
            })
        })?;
        done
    }

    /// Verifies and installs a trust document of any type, or a time reset. `pin` is the digest
    /// that it must have; needed for the first root document only.
    ///
    /// # Errors
    /// When the document is refused: signed by too few, expired, older than or different
    /// from what is here, or not its type.
    pub fn install(
        &self,
        bytes: &[u8],
        clock: Time,
        pin: Option<Digest>,
    ) -> Result<Installed, TrustError> {
        let envelope = Envelope::read("trust document", bytes)?;
        let _lock = self.lock()?;
        let mut state = self.state()?;
        let now = state.now(clock);
        let digest = Digest::of(envelope.payload());
        if let Some(pin) = pin.filter(|pin| *pin != digest) {
            return Err(TrustError::OtherPin { found: digest, pin });
        }
        let (what, file, version) = match envelope.payload_type() {
            ROOT => {
                let root = Root::read(&envelope)?;
                root.signed_by_root(&envelope, now)?;
                match self.read(ROOT_FILE)? {
                    None if state.documents.contains_key(ROOT_FILE) => {
                        return Err(Refusal::TrustChanged {
                            what: "root document".into(),
                        }
                        .into());
                    }
                    None if pin.is_none() => return Err(TrustError::Pin { found: digest }),
                    None => {}
                    Some(old) => {
                        let old = self.pinned("root document", ROOT_FILE, &old, &state)?;
                        let old = Root::read(&old)?;
                        later("root document", ROOT_FILE, root.version, digest, &state)?;
                        if root.version > old.version + 1 {
                            return Err(Refusal::DocumentGap {
                                what: "root document".into(),
                                version: root.version.to_string(),
                                known: old.version.to_string(),
                            }
                            .into());
                        }
                        old.signed_by_root(&envelope, now)?;
                    }
                }
                ("root document", ROOT_FILE, root.version)
            }
            REVOCATIONS => {
                let what = "revocation list";
                let root = self.root(&state, now)??;
                let list = Revocations::read(&envelope)?;
                threshold(
                    &root,
                    REVOCATION_ROLE,
                    what,
                    &envelope,
                    now,
                    &BTreeMap::new(),
                )?;
                later(what, REVOCATIONS_FILE, list.version, digest, &state)?;
                unexpired(what, list.expires, now)?;
                (what, REVOCATIONS_FILE, list.version)
            }
            POLICY => {
                let what = "trust policy";
                let root = self.root(&state, now)??;
                let list = self.revocations(&root, &state, now)??;
                let policy = Policy::read(&envelope)?;
                threshold(&root, POLICY_ROLE, what, &envelope, now, &list.keys)?;
                later(what, POLICY_FILE, policy.version, digest, &state)?;
                (what, POLICY_FILE, policy.version)
            }
            TIME_RESET => {
                let what = "time reset";
                let root = self.pinned_root(&state)?;
                let reset = TimeReset::read(&envelope)?;
                // Judged by the clock alone: what is remembered is what is wrong.
                root.signed_by_root(&envelope, clock)?;
                unexpired("root document", root.expires, clock)?;
                once(what, RESET_FILE, reset.version, &state)?;
                if reset.from.seconds() != state.time {
                    return Err(Refusal::ResetElsewhere {
                        stated: reset.from.to_string(),
                        found: Time::from_seconds(state.time).to_string(),
                    }
                    .into());
                }
                state.time = reset.to.seconds();
                (what, RESET_FILE, reset.version)
            }
            other => {
                let found = other.to_owned();
                return Err(Refusal::PayloadType {
                    name: "trust document".into(),
                    found,
                }
                .into());
            }
        };
        // State first: if this ends in between, the document on disk is refused, not trusted.
        state
            .documents
            .insert(file.to_owned(), Seen { version, digest });
        self.write_state(&state)?;
        self.write(file, bytes)?;
        Ok(Installed {
            what,
            version,
            digest,
        })
    }

    /// The root document that was installed, whether or not it has expired.
    fn pinned_root(&self, state: &State) -> Result<Root, TrustError> {
        let bytes = self.read(ROOT_FILE)?.ok_or(Refusal::NoTrust)?;
        let envelope = self.pinned("root document", ROOT_FILE, &bytes, state)?;
        Ok(Root::read(&envelope)?)
    }

    fn root(&self, state: &State, now: Time) -> Result<Result<Root, Refusal>, TrustError> {
        let Some(bytes) = self.read(ROOT_FILE)? else {
            return Ok(Err(Refusal::NoTrust));
        };
        Ok((|| {
            let envelope = self.pinned("root document", ROOT_FILE, &bytes, state)?;
            let root = Root::read(&envelope)?;
            root.signed_by_root(&envelope, now)?;
            unexpired("root document", root.expires, now)?;
            Ok(root)
        })())
    }

    fn revocations(
        &self,
        root: &Root,
        state: &State,
        now: Time,
    ) -> Result<Result<Revocations, Refusal>, TrustError> {
        let what = "revocation list";
        let Some(bytes) = self.read(REVOCATIONS_FILE)? else {
            return Ok(Err(Refusal::NoRevocations));
        };
        Ok((|| {
            let envelope = self.pinned(what, REVOCATIONS_FILE, &bytes, state)?;
            let list = Revocations::read(&envelope)?;
            threshold(
                root,
                REVOCATION_ROLE,
                what,
                &envelope,
                now,
                &BTreeMap::new(),
            )?;
            unexpired(what, list.expires, now)?;
            Ok(list)
        })())
    }

    fn policy(
        &self,
        root: &Root,
        revoked: &BTreeMap<KeyId, String>,
        state: &State,
        now: Time,
    ) -> Result<Result<Policy, Refusal>, TrustError> {
        let what = "trust policy";
        let Some(bytes) = self.read(POLICY_FILE)? else {
            return Ok(Err(Refusal::NoPolicy));
        };
        Ok((|| {
            let envelope = self.pinned(what, POLICY_FILE, &bytes, state)?;
            let policy = Policy::read(&envelope)?;
            threshold(root, POLICY_ROLE, what, &envelope, now, revoked)?;
            Ok(policy)
        })())
    }

    /// The envelope of a file, if its payload is the one that was installed.
    fn pinned(
        &self,
        what: &str,
        file: &str,
        bytes: &[u8],
        state: &State,
    ) -> Result<Envelope, Refusal> {
        let envelope = Envelope::read(what, bytes)?;
        let digest = Digest::of(envelope.payload());
        if state
            .documents
            .get(file)
            .is_some_and(|seen| seen.digest == digest)
        {
            return Ok(envelope);
        }
        Err(Refusal::TrustChanged {
            what: what.to_owned(),
        })
    }
}

fn unexpired(what: &str, expires: Time, now: Time) -> Result<(), Refusal> {
    if now < expires {
        return Ok(());
    }
    Err(Refusal::DocumentExpired {
        what: what.to_owned(),
        when: expires.to_string(),
    })
}

/// Whether a document is newer than, or the same as, the one that was installed last.
fn later(
    what: &str,
    file: &str,
    version: u64,
    digest: Digest,
    state: &State,
) -> Result<(), Refusal> {
    let Some(seen) = state.documents.get(file) else {
        return Ok(());
    };
    if version < seen.version {
        return Err(Refusal::DocumentRollback {
            what: what.to_owned(),
            version: version.to_string(),
            known: seen.version.to_string(),
        });
    }
    if version == seen.version && digest != seen.digest {
        return Err(Refusal::DocumentFork {
            what: what.to_owned(),
            version: version.to_string(),
        });
    }
    Ok(())
}

/// Whether a document that counts once is newer than the one that was installed last.
fn once(what: &str, file: &str, version: u64, state: &State) -> Result<(), Refusal> {
    match state.documents.get(file) {
        Some(seen) if version <= seen.version => Err(Refusal::DocumentRollback {
            what: what.to_owned(),
            version: version.to_string(),
            known: seen.version.to_string(),
        }),
        _ => Ok(()),
    }
}
