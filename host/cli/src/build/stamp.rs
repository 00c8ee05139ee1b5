//! Whether a component is up to date, by the content of everything it was made from.
//!
//! Times of files do not count: a checkout, a clock set back or a copied folder must not
//! lead to an old component. Files that only the compiler knows (modules, headers, path
//! dependencies) are those that it listed at the last build; they are named from the project
//! or the checkout, so that the stamp of a copied folder speaks of the copy.
//!
//! A stamp says that a component was made from these sources, so it counts only with a MAC by a
//! key of the user: one that came with a project, beside a component of other sources, does not.

use std::io::Read as _;
use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use palisade_store::Digest;
use serde::{Deserialize, Serialize};

use crate::places::open_private;

/// What a folder may have at its top that nothing is built from: what was built, what was
/// installed, what is tested with, and what palisade, git and editors keep; `.cache` is clangd's.
/// What code takes from there all the same, compilers list.
const NO_INPUTS: [&str; 10] = [
    "target",
    "node_modules",
    "vectors",
    ".palisade",
    ".palisade-sdk",
    ".git",
    ".cache",
    ".idea",
    ".vscode",
    ".zed",
];

/// The most bytes of all files that a plugin is built from, as far as palisade reads them.
const MAX_INPUT_BYTES: u64 = 1 << 30;
/// The most bytes of a stamp; a larger one does not count.
const MAX_STAMP_BYTES: u64 = 16 << 20;
/// The file of the key in the user's state directory.
const KEY_FILE: &str = "plugin-build.key";

/// A secret of the user by which stamps are known.
pub(super) type StampKey = [u8; 32];

/// The user's key, made if there is none. Without a place to keep it, which is told, there is none.
pub(super) fn key() -> Option<StampKey> {
    let find = || {
        let state = open_private(crate::places::Places::find()?.state())?;
        Ok::<_, anyhow::Error>(palisade_private::secret(&state, KEY_FILE)?)
    };
    find()
        .inspect_err(|error| {
            crate::output::warn(&format!(
                "plugins are built each time, since there is no key for what is remembered of \
                 builds: {error:#}"
            ));
        })
        .ok()
}

/// A stamp as it is kept.
#[derive(Serialize, Deserialize)]
struct Sealed {
    /// BLAKE3 of the stamp as JSON under the user's key, in hexadecimal digits.
    mac: String,
    stamp: Stamp,
}

impl Sealed {
    fn read(path: &Path) -> Option<Self> {
        // A stamp that cannot be read costs a build and nothing else.
        let text = palisade_private::read(path, MAX_STAMP_BYTES).ok()?;
        serde_json::from_slice(&text).ok()
    }
}

/// What is remembered of a build.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Of everything that went in.
    pub(super) inputs: Digest,
    /// Of the component, so that one that was replaced is built again.
    pub(super) component: Digest,
    /// The folder of the project, as long as `files` has any that does not move with it.
    pub(super) dir: Option<PathBuf>,
    /// The folder of the project, seen from that which `target` is in and which it moves with;
    /// what is built of it by another name is known by it.
    pub(super) project: Option<PathBuf>,
    /// The files that only the compiler knows.
    pub(super) files: Vec<Place>,
    /// The digest of each file that went in, so that it can be said which one changed.
    pub(super) content: Vec<(Place, Digest)>,
}

/// Where a file is, seen from what it moves with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
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
    /// The stamp of the last build, if this user made one.
    pub(super) fn read(path: &Path, key: &StampKey) -> Option<Self> {
        let Sealed { mac, stamp } = Sealed::read(path)?;
        let known = blake3::Hash::from_hex(mac).ok()?;
        (stamp.mac(key).ok()? == known).then_some(stamp)
    }

    /// The stamp of the last build, whoever made it.
    pub(super) fn read_any(path: &Path) -> Option<Self> {
        Some(Sealed::read(path)?.stamp)
    }

    fn mac(&self, key: &StampKey) -> Result<blake3::Hash> {
        Ok(blake3::keyed_hash(key, &serde_json::to_vec(self)?))
    }

    /// The stamp with its MAC, as it is kept.
    ///
    /// # Errors
    /// When it has no form as JSON.
    pub(super) fn sealed(self, key: &StampKey) -> Result<Vec<u8>> {
        let mac = self.mac(key)?.to_hex().to_string();
        Ok(serde_json::to_vec(&Sealed { mac, stamp: self })?)
    }
}

/// A digest of texts and files, in the order in which they are given.
pub(super) struct Inputs {
    hasher: blake3::Hasher,
    /// The files, in the order in which they came.
    files: Vec<(PathBuf, Digest)>,
    /// How many bytes of files may still come.
    left: u64,
}

impl Default for Inputs {
    fn default() -> Self {
        Self::within(MAX_INPUT_BYTES)
    }
}

impl Inputs {
    /// Of at most as many bytes of files.
    fn within(left: u64) -> Self {
        let hasher = blake3::Hasher::new();
        let files = Vec::new();
        Self {
            hasher,
            files,
            left,
        }
    }

    /// Adds a text.
    pub(super) fn text(&mut self, text: &str) {
        self.part(b't', text.as_bytes());
    }

    /// Adds a file, or all files of a folder with their names, hidden ones too, since code may ask
    /// whether there is one. What [`NO_INPUTS`] names at its top is left out. Links to files count
    /// as what they lead to, links to folders by name; sockets, which nobody can read as files, do
    /// not count.
    ///
    /// # Errors
    /// When it cannot be read, there is a pipe or device, or there are more than
    /// [`MAX_INPUT_BYTES`].
    pub(super) fn tree(&mut self, path: &Path) -> Result<()> {
        self.below(path, &NO_INPUTS)
    }

    fn file(&mut self, path: &Path) -> Result<()> {
        let file = palisade_private::open_file(path)?;
        let mut content = blake3::Hasher::new();
        content
            .update_reader(file.take(self.left.saturating_add(1)))
            .with_context(|| format!("read {}", path.display()))?;
        let Some(left) = self.left.checked_sub(content.count()) else {
            bail!(
                "with {} the plugin is built from more than {MAX_INPUT_BYTES} bytes; move what it \
                 does not need out of its folder",
                path.display()
            );
        };
        self.left = left;
        let content = content.finalize();
        self.part(b'f', content.as_bytes());
        self.files.push((path.to_path_buf(), content.into()));
        Ok(())
    }

    fn below(&mut self, path: &Path, skipped: &[&str]) -> Result<()> {
        let read = || format!("read {}", path.display());
        if !path.metadata().with_context(read)?.is_dir() {
            return self.file(path);
        }
        let mut entries = Vec::new();
        for entry in std::fs::read_dir(path).with_context(read)? {
            let entry = entry.with_context(read)?;
            let name = entry.file_name();
            if !skipped.iter().any(|skipped| name == *skipped) {
                entries.push((name, entry.file_type().with_context(read)?));
            }
        }
        entries.sort_by(|a, b| a.0.cmp(&b.0));
        self.part(b'd', &(entries.len() as u64).to_le_bytes());
        for (name, kind) in entries {
            self.part(b'n', name.as_encoded_bytes());
            let path = path.join(name);
            let read = || format!("read {}", path.display());
            let leads_to = path.metadata().ok().map(|found| found.file_type());
            if kind.is_dir() || leads_to.is_some_and(|it| !it.is_dir() && !it.is_socket()) {
                // What is no file is refused where it is opened.
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
                // A pipe is refused, where cargo would wait for it.
                if file.metadata().is_ok_and(|found| !found.is_dir()) {
                    self.text(name);
                    self.file(&file)?;
                }
            }
        }
        Ok(())
    }

    /// Adds a part, told from others by what it is and how long.
    fn part(&mut self, what: u8, bytes: &[u8]) {
        self.hasher.update(&[what]);
        self.hasher.update(&(bytes.len() as u64).to_le_bytes());
        self.hasher.update(bytes);
    }

    /// The digest of each file, as often as it was given.
    pub(super) fn files(&self) -> &[(PathBuf, Digest)] {
        &self.files
    }

    /// The digest.
    pub(super) fn finish(&self) -> Digest {
        self.hasher.finalize().into()
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
        for kept in [
            ".git",
            ".palisade-sdk",
            ".cache",
            ".idea",
            ".vscode",
            ".zed",
        ] {
            fs::create_dir(path.join(kept)).unwrap();
            fs::write(path.join(kept).join("HEAD"), "kept").unwrap();
        }
        fs::write(path.join("src/a.c"), "int a;").unwrap();
        assert_eq!(tree(path), before);

        // C may ask whether there is one.
        fs::write(path.join(".y.h"), "").unwrap();
        assert_ne!(tree(path), before);
        fs::remove_file(path.join(".y.h")).unwrap();
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
    fn what_is_no_file_and_what_is_too_much_is_refused_and_neither_read_nor_waited_for() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path();
        fs::write(path.join("a"), [7; 100]).unwrap();
        Inputs::within(100).tree(path).unwrap();
        let error = Inputs::within(99).tree(path).unwrap_err().to_string();
        assert!(error.contains("more than"), "{error}");
        let sparse = fs::File::create(path.join("b")).unwrap();
        sparse.set_len(MAX_INPUT_BYTES).unwrap();
        Inputs::default().tree(path).unwrap_err();
        fs::remove_file(path.join("b")).unwrap();
        let error = Inputs::default().tree(Path::new("/dev/zero")).unwrap_err();
        assert!(error.to_string().contains("is a device"), "{error}");
        let pipes = tempfile::tempdir().unwrap();
        let pipe = pipes.path().join("pipe");
        let mut mkfifo = std::process::Command::new("mkfifo");
        assert!(mkfifo.arg(&pipe).status().unwrap().success());
        for (target, what) in [(Path::new("/dev/zero"), "a device"), (&pipe, "a pipe")] {
            std::os::unix::fs::symlink(target, path.join("b")).unwrap();
            let error = Inputs::default().tree(path).unwrap_err().to_string();
            assert!(error.contains(what), "{error}");
            fs::remove_file(path.join("b")).unwrap();
        }
        fs::rename(&pipe, path.join("b")).unwrap();
        let error = Inputs::default().tree(path).unwrap_err().to_string();
        assert!(error.contains("a pipe"), "{error}");
        fs::remove_file(path.join("b")).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(path.join("socket")).unwrap();
        tree(path);
    }

    #[test]
    fn a_stamp_counts_only_under_the_key_that_it_was_made_with() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stamp.json");
        let stamp = || Stamp {
            inputs: Digest::of(b"in"),
            component: Digest::of(b"out"),
            dir: None,
            project: None,
            files: Vec::new(),
            content: Vec::new(),
        };
        fs::write(&path, stamp().sealed(&[1; 32]).unwrap()).unwrap();
        assert!(Stamp::read(&path, &[1; 32]).is_some());
        assert!(Stamp::read(&path, &[2; 32]).is_none());
        let text = fs::read_to_string(&path).unwrap();
        let other = Digest::of(b"forged").to_string();
        let forged = text.replace(&Digest::of(b"out").to_string(), &other);
        assert_ne!(forged, text);
        fs::write(&path, forged).unwrap();
        assert!(Stamp::read(&path, &[1; 32]).is_none());
        // A larger one is not read, whatever the rest is.
        let padded = |bytes: u64| {
            let mut sealed = stamp().sealed(&[1; 32]).unwrap();
            sealed.resize(usize::try_from(bytes).unwrap(), b' ');
            fs::write(&path, sealed).unwrap();
            Stamp::read(&path, &[1; 32]).is_some()
        };
        assert_eq!([16 << 20, (16 << 20) + 1].map(padded), [true, false]);
        // As it was kept before there were keys.
        fs::write(&path, serde_json::to_vec(&stamp()).unwrap()).unwrap();
        assert!(Stamp::read(&path, &[1; 32]).is_none());
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
