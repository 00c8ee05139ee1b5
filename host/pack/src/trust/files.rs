//! The files of the directory of trust: read and written on its open handle.

use std::io::Read as _;

use palisade_private::PrivateError;

use super::State;
use super::dir::{STATE_FILE, TrustDir, TrustError};
use crate::canonical;
use crate::content::MAX_ATTESTATION_BYTES;

/// The largest state: far more packs and versions than a site has.
const MAX_STATE_BYTES: usize = 64 << 20;

impl TrustDir {
    /// What was remembered.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn state(&self) -> Result<State, TrustError> {
        match self.read_up_to(STATE_FILE, MAX_STATE_BYTES)? {
            None => Ok(State::default()),
            Some(bytes) => Ok(canonical::json(STATE_FILE, &bytes)?),
        }
    }

    pub(super) fn lock(&self) -> Result<std::fs::File, TrustError> {
        Ok(palisade_private::lock(&self.dir, "lock")?)
    }

    pub(super) fn read(&self, file: &str) -> Result<Option<Vec<u8>>, TrustError> {
        self.read_up_to(file, MAX_ATTESTATION_BYTES)
    }

    /// Reads a file of at most `limit` bytes.
    fn read_up_to(&self, file: &str, limit: usize) -> Result<Option<Vec<u8>>, TrustError> {
        let Some(opened) = palisade_private::open(&self.dir, file)? else {
            return Ok(None);
        };
        let failed = |source| PrivateError::Io {
            what: "read",
            path: file.into(),
            source,
        };
        let mut bytes = Vec::new();
        opened
            .take(limit as u64 + 1)
            .read_to_end(&mut bytes)
            .map_err(failed)?;
        if bytes.len() > limit {
            let problem = format!("it has more than {limit} bytes; look who wrote it");
            return Err(failed(std::io::Error::other(problem)).into());
        }
        Ok(Some(bytes))
    }

    pub(super) fn write_state(&self, state: &State) -> Result<(), TrustError> {
        self.write(STATE_FILE, &canonical::write_json(state))
    }

    /// Writes a file at once or not at all. The caller holds the lock.
    pub(super) fn write(&self, file: &str, bytes: &[u8]) -> Result<(), TrustError> {
        Ok(palisade_private::replace(&self.dir, file, bytes)?)
    }
}
