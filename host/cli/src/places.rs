//! Where things are kept by default.
//!
//! A directory `.palisade` in the current one holds everything of a project; without it
//! the XDG base directories of the user do (`$XDG_DATA_HOME/palisade`,
//! `$XDG_CACHE_HOME/palisade`).

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use cap_std::ambient_authority;
use cap_std::fs::Dir;
use etcetera::BaseStrategy as _;
use palisade_store::Store;

/// The directory that makes the current one a project of its own.
const LOCAL: &str = ".palisade";

/// Default directories; none needs to exist.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    data: PathBuf,
    cache: PathBuf,
}

impl Places {
    /// Finds them from the current directory and the environment.
    ///
    /// # Errors
    /// When there is neither `.palisade` here nor a home directory.
    pub(crate) fn find() -> Result<Self> {
        let local = Path::new(LOCAL);
        if local.is_dir() {
            return Ok(Self {
                data: local.to_path_buf(),
                cache: local.join("cache"),
            });
        }
        let base = etcetera::choose_base_strategy().with_context(|| {
            format!("there is no home directory; set HOME, or make a directory {LOCAL} here")
        })?;
        Ok(Self {
            data: base.data_dir().join("palisade"),
            cache: base.cache_dir().join("palisade"),
        })
    }

    /// The directory of the store.
    pub(crate) fn store(&self) -> PathBuf {
        self.data.join("store")
    }

    /// The directory of trust documents.
    pub(crate) fn trust(&self) -> PathBuf {
        self.data.join("trust")
    }

    /// The directory of downloads that were interrupted.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.cache.join("downloads")
    }

    /// The directory of compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.cache.join("code")
    }
}

/// Opens a store, which is made if the directory is empty or missing.
///
/// # Errors
/// When the directory cannot be made or opened, or is something else than a store.
pub(crate) fn open_store(path: &Path) -> Result<Store> {
    let dir = open_private(path)?;
    Store::open(dir).with_context(|| format!("open the store {}", path.display()))
}

/// Opens a directory that only this user reads, making it and its parents if need be.
///
/// # Errors
/// When it cannot be made or opened.
pub(crate) fn open_private(path: &Path) -> Result<Dir> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(path)
        .with_context(|| format!("make the directory {}", path.display()))?;
    Dir::open_ambient_dir(path, ambient_authority())
        .with_context(|| format!("open the directory {}", path.display()))
}
