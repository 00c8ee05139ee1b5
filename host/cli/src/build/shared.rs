//! Cargo's folder for what projects outside of a checkout have in common: the SDK and its
//! dependencies are compiled once a user, and not once a project.

use std::ffi::OsString;
use std::fs::File;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_private::Below;

use super::{SCRATCH, lock};
use crate::places::{Places, open_private};

/// The most bytes that the user's shared folder may hold when a build begins; beyond them it is
/// emptied first.
const MAX_SHARED_BYTES: u64 = 2 << 30;

/// A target directory of cargo that several builds use.
#[derive(Debug, Clone)]
pub(super) struct Shared {
    /// The directory.
    pub(super) dir: PathBuf,
    /// A folder above it that is the user's, or that the user named; no link below it is followed.
    base: PathBuf,
    /// Whether it is emptied when it grows too large.
    bounded: bool,
}

impl Shared {
    /// The target directory for a project whose components go below `target`: in the directory
    /// that `CARGO_TARGET_DIR` names; else in `target` within a checkout, and in the user's cache
    /// for all other projects. Without a home directory it is in `target` too.
    ///
    /// # Errors
    /// When `CARGO_TARGET_DIR` is relative and there is no current directory.
    pub(super) fn find(target: &Path, in_checkout: bool, named: Option<OsString>) -> Result<Self> {
        let below = |dir: &Path| dir.join(SCRATCH).join("cargo");
        let named = named.filter(|named| !named.is_empty());
        if let Some(named) = named {
            let named = std::path::absolute(named).context("find CARGO_TARGET_DIR")?;
            return Ok(Self {
                dir: below(&named),
                base: named,
                bounded: false,
            });
        }
        match Places::find() {
            Ok(places) if !in_checkout => Ok(Self {
                dir: places.guests().join("cargo"),
                base: places.guests(),
                bounded: true,
            }),
            _ => Ok(Self {
                dir: below(target),
                base: target.parent().unwrap_or(target).to_path_buf(),
                bounded: false,
            }),
        }
    }

    /// Keeps others away from before cargo runs until what it made is read: cargo keeps packages
    /// of one name and version in one place, whichever folder they come from. A folder that has
    /// grown too large is emptied.
    ///
    /// # Errors
    /// When it cannot be locked or emptied, or somebody else may write to the user's cache.
    pub(super) fn take(&self) -> Result<File> {
        if let Some(guests) = self.dir.parent().filter(|_| self.bounded) {
            open_private(guests).context(
                "what Rust plugins have in common is compiled there once; set XDG_CACHE_HOME or \
                 CARGO_TARGET_DIR to use another place",
            )?;
        }
        let lock = lock(&self.base, &self.dir.with_extension("lock"))?;
        if self.bounded && size(&self.dir) > MAX_SHARED_BYTES {
            Below::make(&self.base, &self.dir)?.remove()?;
        }
        Ok(lock)
    }
}

/// Bytes of the files below a folder, as far as it can be read.
fn size(dir: &Path) -> u64 {
    let entries = std::fs::read_dir(dir).into_iter().flatten().flatten();
    let sizes = entries.map(|entry| match entry.metadata() {
        Ok(meta) if meta.is_dir() => size(&entry.path()),
        Ok(meta) => meta.len(),
        Err(_) => 0,
    });
    sizes.sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_is_named_comes_first_and_a_checkout_has_its_own() {
        let target = Path::new("/c/target");
        let dir = |in_checkout, named: Option<&str>| {
            let found = Shared::find(target, in_checkout, named.map(OsString::from)).unwrap();
            assert!(!found.bounded);
            found.dir
        };
        let (own, other) = ("/c/target/plugin-build/cargo", "/t/plugin-build/cargo");
        assert_eq!(dir(true, None), Path::new(own));
        assert_eq!(dir(true, Some("")), Path::new(own));
        assert_eq!(dir(true, Some("/t")), Path::new(other));
        assert_eq!(dir(false, Some("/t")), Path::new(other));
    }

    #[test]
    fn only_the_users_folder_is_emptied_and_only_beyond_its_limit() {
        let folder = tempfile::tempdir().unwrap();
        let dir = folder.path().join("cargo");
        let large = dir.join("release/deps/large");
        for (bounded, bytes, stays) in [
            (true, MAX_SHARED_BYTES, true),
            (false, MAX_SHARED_BYTES + 1, true),
            (true, MAX_SHARED_BYTES + 1, false),
        ] {
            std::fs::create_dir_all(large.parent().unwrap()).unwrap();
            // A hole takes no room.
            let file = File::create(&large).unwrap();
            file.set_len(bytes).unwrap();
            let shared = Shared {
                dir: dir.clone(),
                base: folder.path().to_path_buf(),
                bounded,
            };
            drop(shared.take().unwrap());
            assert_eq!(large.exists(), stays, "{bounded} {bytes}");
        }
    }
}
