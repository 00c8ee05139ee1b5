//! The store seen from outside, with the damage that a disk, a crash or an intruder does.

mod blobs;
mod gc;
mod model;
mod names;
mod opening;
mod text;
mod verify;

use std::path::{Path, PathBuf};

use palisade_store::{Digest, Store};
use tempfile::TempDir;

/// A store in a folder of its own, removed with it.
struct Fixture {
    folder: TempDir,
    store: Store,
}

impl Fixture {
    fn new() -> Self {
        Self::in_folder(tempfile::tempdir().unwrap())
    }

    /// In memory where the system has a place for that: tests that write much would spend
    /// their time waiting for the disk.
    fn in_memory() -> Self {
        Self::in_folder(
            tempfile::tempdir_in("/dev/shm")
                .or_else(|_| tempfile::tempdir())
                .unwrap(),
        )
    }

    fn in_folder(folder: TempDir) -> Self {
        let store = open(folder.path());
        Self { folder, store }
    }

    fn put(&self, content: &[u8]) -> Digest {
        self.store.put(content, u64::MAX).unwrap().digest
    }

    fn path(&self, relative: &str) -> PathBuf {
        self.folder.path().join(relative)
    }

    fn blob_path(&self, digest: &Digest) -> PathBuf {
        let hex = digest.to_string();
        self.path(&format!("blobs/{}/{hex}", &hex[..2]))
    }

    /// Number of files below `temporary/`.
    fn temporaries(&self) -> usize {
        std::fs::read_dir(self.path("temporary")).unwrap().count()
    }
}

fn open(path: &Path) -> Store {
    Store::open(dir(path)).unwrap()
}

fn dir(path: &Path) -> cap_std::fs::Dir {
    cap_std::fs::Dir::open_ambient_dir(path, cap_std::ambient_authority()).unwrap()
}

/// Largest blob these tests read back.
const LIMIT: u64 = 16 << 20;
