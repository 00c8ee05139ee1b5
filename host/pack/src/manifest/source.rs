//! `pack.toml` as its author writes it, from which `pack build` makes the pack's own.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use serde::Deserialize;

use crate::labels::Labels;
use crate::{Refusal, canonical};

/// What an author says of a pack.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackSource {
    /// Who answers for it, in kebab case.
    pub vendor: String,
    /// Its name, in kebab case; the `pack` of each of its plugins.
    pub name: String,
    /// Semantic version.
    pub version: String,
    /// The line of versions that it continues [default: vendor/name].
    pub lineage: Option<String>,
    /// One line.
    pub description: String,
    /// An SPDX expression.
    pub licence: String,
    /// Digest of the version before.
    pub previous: Option<Digest>,
    /// The duties that it claims; must be exactly those of its rules.
    pub requirements: BTreeSet<String>,
    /// Files for `docs/`, relative to this file.
    #[serde(default)]
    pub docs: Vec<String>,
    /// Labels besides those of the datasets.
    #[serde(default)]
    pub labels: Labels,
    /// Datasets, by name.
    #[serde(default)]
    pub datasets: BTreeMap<String, DatasetSource>,
    /// Settings, by plugin.
    #[serde(default)]
    pub settings: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// What changed, by version.
    #[serde(default)]
    pub changelog: BTreeMap<String, String>,
}

/// A dataset that goes into a pack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DatasetSource {
    /// NDJSON, relative to `pack.toml`.
    pub file: String,
    /// Labels besides those of its entries.
    #[serde(default)]
    pub labels: Labels,
}

impl PackSource {
    /// Reads an author's `pack.toml`; unlike a built one it may be written in any form.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        toml::from_str(text)
            .map_err(|e| canonical::malformed("pack.toml", e.to_string().trim_end()))
    }
}
