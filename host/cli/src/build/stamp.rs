//! Whether a component is up to date, by the content of everything it was made from.
//!
//! Times of files do not count: a checkout, a clock set back or a copied folder must not
//! lead to an old component. Files that only the compiler knows (modules, headers, path
//! dependencies) are those that it listed at the last build; they are named from the project
//! or the checkout, so that the stamp of a copied folder speaks of the copy.

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
    /// The folder of the project, as long as `files` has any that does not move with it.
    pub(super) dir: Option<PathBuf>,
    /// The files that only the compiler knows.
    pub(super) files: Vec<Place>,
}

/// Where a file is, seen from what it moves with.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Place {
    /// Below the folder of the project.
    Project(PathBuf),
    /// Below the checkout that the SDK is part of.
    Checkout(PathBuf),
    /// Anywhere else. Whether a project that was moved still means it, nobody knows.
    Elsewhere(PathBuf),
}

impl Place {
    /// The place of a file for a project and a checkout, all absolute.
    pub(super) fn of(file: &Path, project: &Path, checkout: &Path) -> Self {
        if let Ok(below) = file.strip_prefix(project) {
            Self::Project(below.to_path_buf())
        } else if let Ok(below) = file.strip_prefix(checkout) {
            Self::Checkout(below.to_path_buf())
        } else {
            Self::Elsewhere(file.to_path_buf())
        }
    }

    /// Where it is now.
    pub(super) fn path(&self, project: &Path, checkout: &Path) -> PathBuf {
        match self {
            Self::Project(below) => project.join(below),
            Self::Checkout(below) => checkout.join(below),
            Self::Elsewhere(path) => path.clone(),
        }
    }
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

    /// Adds a file, or all files of a folder with their names. Hidden entries are left out, and
    /// so are `target`, `node_modules` and `vectors` at its top. Links to files count as what
    /// they lead to, links to folders by name; pipes and the like do not count.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn tree(&mut self, path: &Path) -> Result<()> {
        self.below(path, &["target", "node_modules", "vectors"])
    }

    fn below(&mut self, path: &Path, skipped: &[&str]) -> Result<()> {
        let read = || format!("read {}", path.display());
        if !path.metadata().with_context(read)?.is_dir() {
            let content = std::fs::read(path).with_context(read)?;
            self.part(b'f', &content);
            return Ok(());
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).with_context(read)? {
            let entry = entry.with_context(read)?;
            let name = entry.file_name();
            let hidden = name.as_encoded_bytes().starts_with(b".");
            if !hidden && !skipped.iter().any(|skipped| name == *skipped) {
                entries.push((name, entry.file_type().with_context(read)?));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        self.part(b'd', &(entries.len() as u64).to_le_bytes());
        for (name, kind) in entries {
            self.part(b'n', name.as_encoded_bytes());
            let path = path.join(name);
            let read = || format!("read {}", path.display());
            if kind.is_dir() || path.is_file() {
                self.below(&path, &[])?;
            } else if kind.is_symlink() {
                let to = std::fs::read_link(&path).with_context(read)?;
                self.part(b'l', to.as_os_str().as_encoded_bytes());
            }
        }
        Ok(())
    }

    /// Adds what of cargo's own files applies in a folder and in those above it, whether it was
    /// there at the last build or not.
    ///
    /// # Errors
    /// When one cannot be read.
    pub(super) fn cargo_files(&mut self, dir: &Path) -> Result<()> {
        let names = [
            "Cargo.toml",
            "Cargo.lock",
            ".cargo/config.toml",
            ".cargo/config",
            "rust-toolchain.toml",
            "rust-toolchain",
        ];
        for dir in dir.ancestors() {
            for name in names {
                let file = dir.join(name);
                if file.is_file() {
                    self.text(name);
                    self.tree(&file)?;
                }
            }
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
    fn folders_named_like_built_ones_count_below_the_top_and_links_lead_nowhere() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::create_dir_all(path.join("src/target")).unwrap();
        fs::write(path.join("src/target/mod.rs"), "1").unwrap();
        std::os::unix::fs::symlink("..", path.join("src/up")).unwrap();
        std::os::unix::fs::symlink("nowhere", path.join("dangling")).unwrap();
        let before = tree(path);
        assert_eq!(tree(path), before);
        fs::write(path.join("src/target/mod.rs"), "2").unwrap();
        assert_ne!(tree(path), before);
    }

    #[test]
    fn places_move_with_the_project_and_the_checkout() {
        let place = |file: &str| Place::of(Path::new(file), Path::new("/p"), Path::new("/c"));
        let now = |file: &str| place(file).path(Path::new("/q"), Path::new("/d"));
        assert_eq!(now("/p/src/lib.rs"), Path::new("/q/src/lib.rs"));
        assert_eq!(now("/c/sdk/rust"), Path::new("/d/sdk/rust"));
        assert_eq!(now("/x/y"), Path::new("/x/y"));
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
