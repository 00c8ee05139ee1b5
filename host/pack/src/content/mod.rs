//! The files of a pack, wherever they come from: a folder, an archive, the store.

mod archive;
mod folder;

pub use folder::FolderError;

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;

use crate::listing::{Entry, Listing};
use crate::{PackPath, Refusal};

/// Most files of a pack.
pub const MAX_FILES: usize = 20_000;
/// The largest file of a pack, in bytes.
pub const MAX_FILE_BYTES: u64 = 256 << 20;
/// The largest pack, all files together, in bytes.
pub const MAX_TOTAL_BYTES: u64 = 1 << 30;
/// The folder of signatures and certificates, which are about the pack and not part of it.
pub const ATTESTATIONS: &str = "attestations";
/// Most attestations that come with a pack.
pub const MAX_ATTESTATIONS: usize = 64;
/// The largest attestation, in bytes.
pub const MAX_ATTESTATION_BYTES: usize = 4 << 20;

/// The files of a pack with what is attested of it. Nothing of it has been checked but that
/// paths and sizes are allowed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    files: BTreeMap<PackPath, Vec<u8>>,
    /// Envelopes by file name.
    attestations: BTreeMap<String, Vec<u8>>,
    total: u64,
}

impl Content {
    /// Adds a file; a path below `attestations/` adds an attestation.
    ///
    /// # Errors
    /// When the path is not allowed or there already, or a limit is passed.
    pub fn add(&mut self, path: &str, bytes: Vec<u8>) -> Result<(), Refusal> {
        let path = PackPath::new(path)?;
        if self.files.len() + self.attestations.len() >= MAX_FILES {
            return Err(too_large("the number of files", MAX_FILES));
        }
        if bytes.len() as u64 > MAX_FILE_BYTES {
            return Err(too_large(
                &format!("`{path}`"),
                format!("{MAX_FILE_BYTES} bytes"),
            ));
        }
        let name = path
            .as_str()
            .split_once('/')
            .filter(|(folder, _)| *folder == ATTESTATIONS);
        if let Some((_, name)) = name {
            return self.attest(name, bytes);
        }
        self.total = self.total.saturating_add(bytes.len() as u64);
        if self.total > MAX_TOTAL_BYTES {
            return Err(too_large("the pack", format!("{MAX_TOTAL_BYTES} bytes")));
        }
        if self.files.contains_key(&path) {
            return Err(Refusal::PathTwice {
                path: path.to_string(),
            });
        }
        self.files.insert(path, bytes);
        Ok(())
    }

    /// Adds an attestation under a file name such as `palisade.dsse.json`.
    ///
    /// # Errors
    /// When the name is taken or not allowed, or there are too many, or it is too large.
    pub fn attest(&mut self, name: &str, bytes: Vec<u8>) -> Result<(), Refusal> {
        let path = PackPath::new(&format!("{ATTESTATIONS}/{name}"))?;
        if name.contains('/') || !name.ends_with(".dsse.json") {
            return Err(Refusal::FileUnexpected {
                path: path.to_string(),
            });
        }
        if self.attestations.len() >= MAX_ATTESTATIONS {
            return Err(too_large("the number of attestations", MAX_ATTESTATIONS));
        }
        if bytes.len() > MAX_ATTESTATION_BYTES {
            return Err(too_large(
                &format!("`{path}`"),
                format!("{MAX_ATTESTATION_BYTES} bytes"),
            ));
        }
        if self.attestations.contains_key(name) {
            return Err(Refusal::PathTwice {
                path: path.to_string(),
            });
        }
        self.attestations.insert(name.to_owned(), bytes);
        Ok(())
    }

    /// Bytes of all files and attestations.
    pub fn size(&self) -> u64 {
        let attested = self.attestations.values().map(|bytes| bytes.len() as u64);
        self.total + attested.sum::<u64>()
    }

    /// Takes an attestation off.
    pub fn detach(&mut self, name: &str) {
        self.attestations.remove(name);
    }

    /// Files in the order of their paths, without attestations.
    pub fn files(&self) -> impl Iterator<Item = (&PackPath, &[u8])> {
        self.files
            .iter()
            .map(|(path, bytes)| (path, bytes.as_slice()))
    }

    /// Attestations by file name.
    pub fn attestations(&self) -> &BTreeMap<String, Vec<u8>> {
        &self.attestations
    }

    /// A file's content.
    ///
    /// # Errors
    /// When there is none.
    pub fn file(&self, path: &str) -> Result<&[u8], Refusal> {
        self.files
            .get(path)
            .map(Vec::as_slice)
            .ok_or_else(|| Refusal::FileMissing {
                path: path.to_owned(),
            })
    }

    /// Its canonical listing.
    ///
    /// # Errors
    /// When two paths could not stand beside each other on some file system.
    pub fn listing(&self) -> Result<Listing, Refusal> {
        let mut folded: BTreeMap<String, &PackPath> = BTreeMap::new();
        let mut folders: BTreeSet<&str> = BTreeSet::new();
        for path in self.files.keys() {
            if let Some(other) = folded.insert(path.folded(), path) {
                return Err(Refusal::PathCollision {
                    path: path.to_string(),
                    other: other.to_string(),
                });
            }
            let slashes = path.as_str().match_indices('/');
            folders.extend(slashes.filter_map(|(at, _)| path.as_str().get(..at)));
        }
        // Folders that differ only in case would become one as well.
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for folder in &folders {
            let fold = PackPath::new(folder)?.folded();
            if let Some(path) = folded.get(&fold) {
                return Err(Refusal::PathFileAndFolder {
                    path: path.to_string(),
                });
            }
            if let Some(other) = seen.insert(fold, folder) {
                return Err(Refusal::PathCollision {
                    path: (*folder).to_owned(),
                    other: other.to_owned(),
                });
            }
        }
        let entries = self.files.iter().map(|(path, bytes)| Entry {
            path: path.clone(),
            size: bytes.len() as u64,
            digest: Digest::of(bytes),
        });
        Ok(Listing::new(entries.collect()))
    }
}

pub(crate) fn too_large(what: &str, limit: impl ToString) -> Refusal {
    Refusal::TooLarge {
        what: what.to_owned(),
        limit: limit.to_string(),
    }
}
