//! Where things are kept by default.
//!
//! A directory `.palisade` in the current one holds the store of a project, and nothing else:
//! whoever supplies a working directory must not supply trust, keys or compiled code with it.
//! Those are where the XDG base directories of the user say (`$XDG_DATA_HOME/palisade`,
//! `$XDG_CACHE_HOME/palisade`, `$XDG_STATE_HOME/palisade`), and so is the store without a
//! `.palisade`. Wherever a place comes from, it is opened by [`palisade_private`], so that
//! nobody but the user and root could have written what is in it.

use std::path::{Path, PathBuf};
use std::sync::Once;

use anyhow::{Context as _, Result};
use cap_std::fs::Dir;
use etcetera::BaseStrategy as _;
use palisade_store::Store;

/// The directory that gives the current one a store of its own.
const LOCAL: &str = ".palisade";
/// The directory of the store in it, and in the user's data directory.
const STORE: &str = "store";
/// The directory of trust documents in the user's data directory.
const TRUST: &str = "trust";

/// The user's directories; none needs to exist.
#[derive(Debug, Clone)]
pub(crate) struct Places {
    data: PathBuf,
    cache: PathBuf,
    state: PathBuf,
}

impl Places {
    /// Finds them from the environment.
    ///
    /// # Errors
    /// When there is no home directory.
    pub(crate) fn find() -> Result<Self> {
        let base = etcetera::choose_base_strategy()
            .context("there is no home directory to keep things in; set HOME")?;
        let state = base
            .state_dir()
            .unwrap_or_else(|| base.home_dir().join(".local/state"));
        Ok(Self {
            data: base.data_dir().join("palisade"),
            cache: base.cache_dir().join("palisade"),
            state: state.join("palisade"),
        })
    }

    /// The directory of trust documents. What lies in a project's `.palisade` is none, and it
    /// is told.
    pub(crate) fn trust(&self) -> PathBuf {
        let local = Path::new(LOCAL).join(TRUST);
        if local.symlink_metadata().is_ok() {
            static TOLD: Once = Once::new();
            TOLD.call_once(|| {
                crate::output::warn(&format!(
                    "{} is not used: a working directory does not say whom to trust; if it is \
                     yours, give it with --trust",
                    local.display()
                ));
            });
        }
        self.data.join(TRUST)
    }

    /// The directory of downloads that were interrupted.
    pub(crate) fn downloads(&self) -> PathBuf {
        self.cache.join("downloads")
    }

    /// The directory of compiled code.
    pub(crate) fn code(&self) -> PathBuf {
        self.cache.join("code")
    }

    /// The directory of what projects of plugins have in common when they are built.
    pub(crate) fn guests(&self) -> PathBuf {
        self.cache.join("guests")
    }

    /// The directory of what this installation made for itself, such as the key of the cache
    /// of compiled code.
    pub(crate) fn state(&self) -> &Path {
        &self.state
    }
}

/// Opens a store, which is made if the directory is empty or missing: the one that is named,
/// that of the project here, or the user's.
///
/// # Errors
/// When the directory cannot be made or opened, somebody else may change it, or it is
/// something else than a store.
pub(crate) fn open_store(named: Option<&Path>) -> Result<Store> {
    let (dir, path) = match named {
        Some(path) => (open_private(path)?, path.to_owned()),
        None if Path::new(LOCAL).symlink_metadata().is_ok() => {
            let here = std::env::current_dir().context("find the current directory")?;
            let dir =
                palisade_private::make_dir_below(&here, &[LOCAL, STORE]).with_context(|| {
                    format!("use {LOCAL} here for the store; --store DIR names another")
                })?;
            (dir, Path::new(LOCAL).join(STORE))
        }
        None => {
            let path = Places::find()?.data.join(STORE);
            (open_private(&path)?, path)
        }
    };
    Store::open(dir).with_context(|| format!("open the store {}", path.display()))
}

/// Opens a directory that only this user or root may change, making it and its parents if need
/// be.
///
/// # Errors
/// When it cannot be made or opened, or somebody else may change it.
pub(crate) fn open_private(path: &Path) -> Result<Dir> {
    palisade_private::make_dir(path).with_context(|| format!("use {}", path.display()))
}
