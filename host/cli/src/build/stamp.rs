//! Whether a component is up to date, by the content of everything it was made from.
//!
//! Times of files do not count: a checkout, a clock set back or a copied folder must not
//! lead to an old component. Where only the compiler knows the files (Rust), the list that
//! it left at the last build is kept and hashed again.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use palisade_store::Digest;
use serde::{Deserialize, Serialize};

/// What is remembered of a build.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Of everything that went in.
    pub(super) inputs: Digest,
    /// Of the component, so that one that was replaced is built again.
    pub(super) component: Digest,
    /// The files that only the compiler knows.
    pub(super) files: Vec<PathBuf>,
}

impl Stamp {
    /// The stamp of the last build, if there was one.
    pub(super) fn read(path: &Path) -> Option<Self> {
        // A stamp that cannot be read costs a build and nothing else.
        serde_json::from_slice(&std::fs::read(path).ok()?).ok()
    }

    /// Remembers a build.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub(super) fn write(&self, path: &Path) -> Result<()> {
        super::write(path, &serde_json::to_vec(self)?)
    }
}

/// A digest of texts and files, in the order in which they are given.
#[derive(Default)]
pub(super) struct Inputs(blake3::Hasher);

impl Inputs {
    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.part(b't', text.as_bytes());
    }

    /// Adds a file, or all files of a folder with their names. Hidden entries, `target`,
    /// `node_modules` and `vectors` are left out.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn tree(&mut self, path: &Path) -> Result<()> {
        let read = || format!("read {}", path.display());
        if !path.metadata().with_context(read)?.is_dir() {
            let content = std::fs::read(path).with_context(read)?;
            self.part(b'f', &content);
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).with_context(read)? {
            entries.push(entry.with_context(read)?.file_name());
        }
        entries.sort();
        entries.retain(|name| {
            name != "target"
                && name != "node_modules"
                && name != "vectors"
                && !name.as_encoded_bytes().starts_with(b".")
        });
        self.part(b'd', &(entries.len() as u64).to_le_bytes());
        for name in entries {
            self.part(b'n', name.as_encoded_bytes());
            self.tree(&path.join(name))?;
        }
        Ok(())
    }

    /// Adds a part, told from others by what it is and how long.
    fn part(&mut self, what: u8, bytes: &[u8]) {
        self.0.update(&[what]);
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }

    /// The digest.
    pub(super) fn finish(&self) -> Digest {
        self.0.finalize().into()
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn tree(path: &Path) -> Digest {
        let mut inputs = Inputs::default();
        inputs.tree(path).unwrap();
        inputs.finish()
    }

    #[test]
    fn content_and_names_count_and_what_is_built_does_not() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::create_dir(path.join("src")).unwrap();
        fs::write(path.join("src/a.c"), "int a;").unwrap();
        let before = tree(path);

        fs::create_dir(path.join("target")).unwrap();
        fs::write(path.join("target/a.wasm"), "built").unwrap();
        fs::write(path.join(".hidden"), "editor").unwrap();
        fs::write(path.join("src/a.c"), "int a;").unwrap();
        assert_eq!(tree(path), before);

        fs::write(path.join("src/a.c"), "int b;").unwrap();
        assert_ne!(tree(path), before);
        fs::write(path.join("src/a.c"), "int a;").unwrap();
        assert_eq!(tree(path), before);
        fs::rename(path.join("src/a.c"), path.join("src/b.c")).unwrap();
        assert_ne!(tree(path), before);
    }

    #[test]
    fn parts_cannot_run_into_each_other() {
        let digest = |texts: &[&str]| {
            let mut inputs = Inputs::default();
            for text in texts {
                inputs.text(text);
            }
            inputs.finish()
        };
        assert_ne!(digest(&["ab", "c"]), digest(&["a", "bc"]));
        assert_ne!(digest(&["a"]), digest(&["a", ""]));
    }
}
