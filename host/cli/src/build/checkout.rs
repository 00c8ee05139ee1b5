//! The checkout whose SDK plugins are built with.

use std::path::{Path, PathBuf};

use anyhow::{Result, ensure};

/// The WIT package, relative to the root of the checkout.
const WIT: &str = "wit/v0.1";

/// Whether a folder is the root of a checkout: the SDK, and the interfaces beside it.
pub(super) fn is_root(dir: &Path) -> bool {
    dir.join(WIT).is_dir() && dir.join("sdk").is_dir()
}

/// Directories of a checkout of Palisade, absolute.
#[derive(Debug, Clone)]
pub(crate) struct Checkout {
    /// Its root.
    pub(crate) root: PathBuf,
    /// What plugins are written with, one folder a language.
    pub(crate) sdk: PathBuf,
    /// The WIT package of the plugin interfaces.
    pub(crate) wit: PathBuf,
}

impl Checkout {
    /// The checkout whose `sdk` folder is given, or else the one that this program was
    /// built from.
    ///
    /// # Errors
    /// When there is none.
    pub(crate) fn find(sdk: Option<&Path>) -> Result<Self> {
        let built_from = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../sdk"));
        let given = sdk.unwrap_or(built_from);
        let root = given
            .canonicalize()
            .ok()
            .and_then(|sdk| sdk.parent().map(Path::to_path_buf))
            .filter(|root| root.join(WIT).is_dir());
        ensure!(
            root.is_some(),
            "{} is not the `sdk` folder of a checkout of Palisade with {WIT} beside it; {}",
            given.display(),
            if sdk.is_some() {
                "give the right one with --sdk"
            } else {
                "the checkout that this program was built from is gone: give another one's with --sdk"
            }
        );
        let root = root.unwrap_or_default();
        Ok(Self {
            sdk: root.join("sdk"),
            wit: root.join(WIT),
            root,
        })
    }
}
