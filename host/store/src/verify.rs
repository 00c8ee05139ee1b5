//! Checking a whole store.

use crate::blob::Entry;
use crate::error::{FileError, GetError, NameError};
use crate::store::Store;
use crate::{Blob, Digest, Name};

/// What [`Store::verify`] found.
#[derive(Debug, Default)]
pub struct VerifyReport {
    /// Blobs whose content is what their name says.
    pub good: u64,
    /// Their sizes together, in bytes.
    pub bytes: u64,
    /// Everything that is not as it should be, in the order of the paths.
    pub problems: Vec<Problem>,
}

/// One thing that is not as it should be. The text says what to do about it.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Problem {
    /// A blob that was changed, cannot be read, or is not a regular file.
    #[error(transparent)]
    Blob(#[from] GetError),
    /// A name that cannot be read.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A name that points to a blob that the store does not have.
    #[error("`{name}` points to {digest}, which is missing; put it again, or remove the name")]
    Dangling {
        /// The name.
        name: Name,
        /// What it points to.
        digest: Digest,
    },
    /// A file that no store writes. It is never read as a blob and never collected.
    #[error("{path} is not a blob; remove it")]
    Foreign {
        /// Path relative to the store's directory, escaped.
        path: String,
    },
    /// A directory that cannot be read, so that its blobs were not checked.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Store {
    /// Reads every blob and every name, and goes on after each problem. `progress` is told
    /// of each blob that was checked, good or bad, with its size.
    ///
    /// Blobs that are put or collected meanwhile may or may not be seen.
    pub fn verify(&self, mut progress: impl FnMut(Blob)) -> VerifyReport {
        let mut report = VerifyReport::default();
        match self.shards() {
            Err(error) => report.problems.push(error.into()),
            Ok(shards) => {
                for shard in shards {
                    match self.shard(&shard) {
                        Err(error) => report.problems.push(error.into()),
                        Ok(entries) => self.verify_shard(entries, &mut report, &mut progress),
                    }
                }
            }
        }
        match self.each_name() {
            Err(error) => report.problems.push(error.into()),
            Ok(names) => {
                for name in names {
                    if let Err(problem) = name.map_err(Problem::from).and_then(|(name, digest)| {
                        match self.has(&digest) {
                            Ok(true) => Ok(()),
                            Ok(false) => Err(Problem::Dangling { name, digest }),
                            // Reported with the blob itself.
                            Err(_) => Ok(()),
                        }
                    }) {
                        report.problems.push(problem);
                    }
                }
            }
        }
        report
    }

    fn verify_shard(
        &self,
        entries: Vec<Entry>,
        report: &mut VerifyReport,
        progress: &mut impl FnMut(Blob),
    ) {
        for entry in entries {
            let (digest, size) = match entry {
                Entry::Foreign { path } => {
                    report.problems.push(Problem::Foreign { path });
                    continue;
                }
                Entry::Blob { digest, size, .. } => (digest, size),
                Entry::Irregular { digest } => (digest, 0),
            };
            match self.verify_blob(&digest) {
                Ok(size) => {
                    report.good += 1;
                    report.bytes = report.bytes.saturating_add(size);
                }
                // Collected since the listing.
                Err(GetError::NotFound { .. }) => continue,
                Err(error) => report.problems.push(error.into()),
            }
            progress(Blob { digest, size });
        }
    }
}
