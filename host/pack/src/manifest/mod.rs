//! The manifest of a pack: `pack.toml`, in canonical form.

pub(crate) mod check;
mod source;

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use serde::{Deserialize, Serialize};

pub use source::{DatasetSource, PackSource};

use crate::labels::Labels;
use crate::{Refusal, canonical};
use check::{Wrong, wrong};

/// Where the manifest is.
pub const PACK_TOML: &str = "pack.toml";
/// The format that this version writes and reads.
pub(crate) const FORMAT: u32 = 1;

/// What a pack says of itself. `pack build` writes it; what follows from the content
/// (digests, capabilities, requirements, labels of datasets) is compared with the content
/// whenever the pack is read, and never believed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackManifest {
    /// 1.
    pub format: u32,
    /// Who answers for it, in kebab case.
    pub vendor: String,
    /// Its name, in kebab case; the `pack` of each of its plugins.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// The line of versions that it continues; versions are compared only within a line.
    pub lineage: String,
    /// One line.
    pub description: String,
    /// An SPDX expression.
    pub licence: String,
    /// The version before, if this one is an upgrade.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous: Option<Digest>,
    /// The duties that its rules serve.
    pub requirements: BTreeSet<String>,
    /// The capabilities that its plugins import, all together.
    pub capabilities: BTreeSet<String>,
    /// Versions of the plugin ABI with which it runs.
    pub abi: Abi,
    /// What restricts passing it on.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
    /// Its plugins, by name.
    pub plugins: BTreeMap<String, PluginEntry>,
    /// Its datasets, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub datasets: BTreeMap<String, DatasetEntry>,
    /// Settings that differ from the defaults of its plugins, by plugin.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub settings: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// What changed, by version.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changelog: BTreeMap<String, String>,
}

/// A range of ABI versions, both ends in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Abi {
    /// The oldest.
    pub from: String,
    /// The newest that was tried.
    pub to: String,
}

/// A plugin of the pack, at `plugins/<name>.wasm`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PluginEntry {
    /// The plugin's own version.
    pub version: String,
    /// `detector`, `policy` or `parser`.
    pub kind: String,
    /// BLAKE3 of the component.
    pub digest: Digest,
}

/// A dataset of the pack, at `datasets/<name>.ndjson`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetEntry {
    /// BLAKE3 of the file.
    pub digest: Digest,
    /// What it carries: what its source says and what its entries say.
    #[serde(default, skip_serializing_if = "Labels::is_empty")]
    pub labels: Labels,
}

impl PackManifest {
    /// Reads `pack.toml` of a built pack.
    ///
    /// # Errors
    /// When it is not canonical, of another format, or has names or versions that are none.
    pub fn read(bytes: &[u8]) -> Result<Self, Refusal> {
        let manifest: Self = canonical::toml(PACK_TOML, bytes)?;
        if manifest.format != FORMAT {
            return Err(Refusal::Format {
                what: PACK_TOML.into(),
                found: manifest.format.to_string(),
            });
        }
        manifest
            .check_values()
            .map_err(|wrong| canonical::malformed(PACK_TOML, wrong))?;
        Ok(manifest)
    }

    /// The canonical text.
    ///
    /// # Errors
    /// When a setting cannot be written.
    pub(crate) fn write(&self) -> Result<String, Refusal> {
        canonical::write_toml(self).map_err(|e| canonical::malformed(PACK_TOML, e))
    }

    /// `vendor/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.vendor, self.name)
    }

    /// `vendor/name@version`.
    pub fn full_title(&self) -> String {
        format!("{}/{}@{}", self.vendor, self.name, self.version)
    }

    /// Its version.
    pub fn semver(&self) -> semver::Version {
        // Checked when it was read.
        self.version
            .parse()
            .unwrap_or(semver::Version::new(0, 0, 0))
    }

    fn check_values(&self) -> Result<(), Wrong> {
        check::kebab("vendor", &self.vendor)?;
        check::kebab("name", &self.name)?;
        for name in self.plugins.keys() {
            check::kebab("the name of a plugin", name)?;
        }
        for name in self.datasets.keys() {
            check::kebab(&format!("datasets.{name}"), name)?;
        }
        check::version(&self.version)?;
        check::line("lineage", &self.lineage, 128)?;
        check::line("description", &self.description, 500)?;
        check::line("licence", &self.licence, 200)?;
        if self.plugins.is_empty() {
            return Err(wrong("plugins", "a pack has at least one plugin"));
        }
        Ok(())
    }
}
