//! Collecting what no name reaches.

use std::collections::HashSet;
use std::time::{Duration, SystemTime};

use crate::blob::Entry;
use crate::error::{FileError, GcError};
use crate::file::{self, Opened};
use crate::store::Store;
use crate::{Blob, Digest, GetError, Name};

/// How to collect.
#[derive(Debug, Clone, Copy)]
pub struct GcOptions {
    /// Remove nothing, only report what would be removed.
    pub dry_run: bool,
    /// Keep blobs put less than this before `now`: their name may still have to be set.
    pub grace: Duration,
    /// The time at which the collection is made.
    pub now: SystemTime,
}

/// What [`Store::gc`] did, or with a dry run would have done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GcReport {
    /// Blobs removed, in the order of their digests.
    pub removed: Vec<Blob>,
    /// Their sizes together, in bytes.
    pub removed_bytes: u64,
    /// Blobs kept because a name reaches them.
    pub reachable: u64,
    /// Blobs kept only because they are recent.
    pub recent: u64,
    /// Files removed that interrupted writers left behind.
    pub leftovers: u64,
}

/// What `references` answers: the blobs that a blob refers to, or why they are unknown.
pub type References = Result<Vec<Digest>, Box<dyn std::error::Error + Send + Sync>>;

impl Store {
    /// Removes the blobs that no name reaches, and files that crashes left behind.
    ///
    /// `references` tells which blobs a blob refers to; it is asked once for every reachable
    /// blob and may read from the store, but not write to it. With a dry run everything is
    /// found out in the same way and nothing removed.
    ///
    /// # Errors
    /// When somebody writes to the store or holds it, or when it is not known what a name
    /// or a reachable blob keeps: nothing was removed then. After a failed removal
    /// ([`GcError::File`]) unreachable blobs may be left; collecting again is safe.
    pub fn gc(
        &self,
        options: GcOptions,
        references: impl FnMut(&Digest) -> References,
    ) -> Result<GcReport, GcError> {
        let _exclusive = self.try_exclusive()?.ok_or(GcError::Busy)?;
        let reachable = self.reachable(references)?;

        let mut report = GcReport::default();
        for shard in self.shards()? {
            for entry in self.shard(&shard)? {
                let Entry::Blob {
                    digest,
                    size,
                    modified,
                } = entry
                else {
                    continue;
                };
                // A time in the future counts as recent: clocks do go back.
                let recent = options
                    .now
                    .duration_since(modified)
                    .map_or(true, |age| age < options.grace);
                if reachable.contains(&digest) {
                    report.reachable += 1;
                } else if recent {
                    report.recent += 1;
                } else {
                    if !options.dry_run {
                        self.remove_blob(&digest)?;
                    }
                    report.removed.push(Blob { digest, size });
                    report.removed_bytes = report.removed_bytes.saturating_add(size);
                }
            }
        }
        report.leftovers = self.remove_leftovers(options.dry_run)?;
        Ok(report)
    }

    /// Everything reachable from the names. Each blob visited exists, so that the walk is
    /// no longer than the store is large, even if references form a cycle.
    fn reachable(
        &self,
        mut references: impl FnMut(&Digest) -> References,
    ) -> Result<HashSet<Digest>, GcError> {
        let mut reachable = HashSet::new();
        let mut open: Vec<(Digest, Name)> = Vec::new();
        for (name, digest) in self.names()? {
            if reachable.insert(digest) {
                open.push((digest, name));
            }
            while let Some((digest, name)) = open.pop() {
                match self.has(&digest) {
                    Ok(true) => {}
                    Err(GetError::File(error)) => return Err(error.into()),
                    Ok(false) | Err(_) => return Err(GcError::Missing { digest, name }),
                }
                let referred = references(&digest).map_err(|source| GcError::References {
                    digest,
                    name: name.clone(),
                    source,
                })?;
                for digest in referred {
                    if reachable.insert(digest) {
                        open.push((digest, name.clone()));
                    }
                }
            }
        }
        Ok(reachable)
    }

    /// Removes temporary files whose writer is gone: a live one holds the file's lock.
    /// The caller holds the store's lock alone, so that none is between its making and its locking.
    pub(crate) fn remove_leftovers(&self, dry_run: bool) -> Result<u64, FileError> {
        let mut leftovers = 0;
        for (name, _) in file::entries(&self.temporary, "temporary")? {
            let path = format!("temporary/{}", name.escape_default());
            let opened = file::open_regular(&self.temporary, &name);
            if let Opened::Regular(file) = opened.map_err(FileError::of("open", &path))? {
                let file = file.into_std();
                if file.try_lock().is_err() {
                    continue;
                }
                if !dry_run {
                    self.temporary
                        .remove_file(&name)
                        .map_err(FileError::of("remove", &path))?;
                }
                leftovers += 1;
            }
        }
        Ok(leftovers)
    }
}
