//! The directory of trust documents.

use std::collections::BTreeMap;
use std::io::{self, Read, Write};

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use palisade_events::Digest;

use super::root::threshold;
use super::{
    POLICY, POLICY_ROLE, Policy, REVOCATION_ROLE, REVOCATIONS, ROOT, Revocations, Root, Seen,
    State, Trust,
};
use crate::content::MAX_ATTESTATION_BYTES;
use crate::dsse::Envelope;
use crate::{KeyId, Refusal, Time, canonical};

const ROOT_FILE: &str = "root.dsse.json";
const REVOCATIONS_FILE: &str = "revocations.dsse.json";
const POLICY_FILE: &str = "trust.dsse.json";
const STATE_FILE: &str = "state.json";

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
    /// The directory cannot be read or written.
    #[error("cannot {what} `{file}` in the directory of trust: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// The file.
        file: String,
        /// The system's answer.
        source: io::Error,
    },
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

/// An open directory of trust documents. Only its owner may write to it: it is the anchor.
#[derive(Debug)]
pub struct TrustDir {
    dir: Dir,
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
    /// and is remembered.
    ///
    /// # Errors
    /// When the directory cannot be read or written. Documents that are missing, expired or
    /// changed are no error here but part of the answer.
    pub fn load(&self, clock: Time) -> Result<Trust, TrustError> {
        let _lock = self.lock()?;
        let mut state = self.state()?;
        let now = state.now(clock);
        if now.seconds() > state.time {
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
            root,
            revocations,
            policy,
        })
    }

    /// What was remembered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<State, TrustError> {
        match self.read(STATE_FILE)? {
            None => Ok(State::default()),
            Some(bytes) => Ok(canonical::json(STATE_FILE, &bytes)?),
        }
    }

    /// Judges a pack after what was installed before, and remembers it with `then`, which
    /// puts it into the store, in between.
    ///
    /// # Errors
    /// As [`State::judge`], when `then` fails, and when the state cannot be written.
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
        then()?;
        state.installed(pack);
        self.write_state(&state)?;
        Ok(())
    }

    /// Verifies and installs a trust document of any of the three types. `pin` is the digest
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
        state.time = now.seconds();
        self.write_state(&state)?;
        self.write(file, bytes)?;
        Ok(Installed {
            what,
            version,
            digest,
        })
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

    fn lock(&self) -> Result<std::fs::File, TrustError> {
        let mut options = OpenOptions::new();
        options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .follow(FollowSymlinks::No);
        let lock = self
            .dir
            .open_with("lock", &options)
            .map_err(failed("open", "lock"))?
            .into_std();
        lock.lock().map_err(failed("lock", "lock"))?;
        Ok(lock)
    }

    fn read(&self, file: &str) -> Result<Option<Vec<u8>>, TrustError> {
        let mut options = OpenOptions::new();
        options.read(true).follow(FollowSymlinks::No);
        let opened = match self.dir.open_with(file, &options) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened.map_err(failed("open", file))?,
        };
        let mut bytes = Vec::new();
        let limit = MAX_ATTESTATION_BYTES as u64 + 1;
        opened
            .take(limit)
            .read_to_end(&mut bytes)
            .map_err(failed("read", file))?;
        Ok(Some(bytes))
    }

    fn write_state(&self, state: &State) -> Result<(), TrustError> {
        self.write(STATE_FILE, &canonical::write_json(state))
    }

    /// Writes a file at once or not at all. The caller holds the lock.
    fn write(&self, file: &str, bytes: &[u8]) -> Result<(), TrustError> {
        let temporary = format!(".{file}.new");
        let mut options = OpenOptions::new();
        options
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .follow(FollowSymlinks::No);
        let write = || {
            let mut to = self.dir.open_with(&temporary, &options)?;
            to.write_all(bytes)?;
            to.sync_all()?;
            self.dir.rename(&temporary, &self.dir, file)?;
            self.dir.open(".")?.sync_all()
        };
        write().map_err(failed("write", file))
    }
}

fn failed(what: &'static str, file: &str) -> impl FnOnce(io::Error) -> TrustError {
    let file = file.to_owned();
    move |source| TrustError::Io { what, file, source }
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
