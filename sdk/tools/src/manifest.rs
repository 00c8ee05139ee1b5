//! What the build reads of `plugin.toml`; the host checks the rest.

use anyhow::{Context as _, Result};
use serde::Deserialize;

/// The parts of `plugin.toml` that decide the world of a plugin.
#[derive(Debug, Clone, Deserialize)]
pub struct Manifest {
    /// The table `[plugin]`.
    pub plugin: Plugin,
    /// The tables `[[subscription]]`.
    #[serde(default)]
    pub subscription: Vec<Subscription>,
}

/// The table `[plugin]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Plugin {
    /// Its name, in kebab case.
    pub name: String,
    /// `detector`, `policy` or `parser`.
    pub kind: String,
    /// Version of the interfaces, such as `0.1`.
    pub wit: String,
    /// `state`, `timers`, `datasets`, `log`.
    #[serde(default)]
    pub capabilities: Vec<String>,
    /// `on-timer`, `observe`.
    #[serde(default)]
    pub exports: Vec<String>,
}

/// A table `[[subscription]]`.
#[derive(Debug, Clone, Deserialize)]
pub struct Subscription {
    /// Name of a kind, such as `network.flow`.
    pub kind: String,
}

impl Manifest {
    /// Reads the text of a `plugin.toml`.
    ///
    /// # Errors
    /// When the text is not TOML or lacks a key that the build needs.
    pub fn parse(text: &str) -> Result<Self> {
        toml::from_str(text).context("plugin.toml")
    }
}
