//! `pack.toml` as its author writes it, from which `pack build` makes the pack's own.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use palisade_runtime::manifest::line_of;
use schemars::JsonSchema;
use schemars::generate::SchemaSettings;
use serde::Deserialize;

use super::PACK_TOML;
use super::check::{self, Wrong};
use crate::labels::Labels;
use crate::{Refusal, canonical};

/// What an author says of a pack. What is said of a key here is what the schema and
/// `sdk/MANIFEST.md` say of it.
#[derive(Debug, Clone, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "pack.toml")]
pub struct PackSource {
    /// Who answers for it: 1 to 48 of a-z, 0-9 and `-`, beginning with a letter and not ending
    /// with `-`.
    #[schemars(regex(pattern = NAME))]
    pub vendor: String,
    /// Its name, in the form of `vendor`; the `pack` of each of its plugins.
    #[schemars(regex(pattern = NAME))]
    pub name: String,
    /// Semantic version, without build metadata.
    #[schemars(regex(pattern = r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$"))]
    pub version: String,
    /// The line of versions that it continues; versions are compared only within a line. Without
    /// it `vendor/name`. At most 128 bytes.
    #[schemars(length(min = 1, max = 128))]
    pub lineage: Option<String>,
    /// One line of at most 500 bytes.
    #[schemars(length(min = 1, max = 500))]
    pub description: String,
    /// An SPDX expression such as `MIT OR Apache-2.0`, at most 200 bytes; `LicenseRef-NAME` is one of
    /// your own.
    #[schemars(length(min = 1, max = 200))]
    pub licence: String,
    /// Digest of the version before: 64 hexadecimal digits.
    #[schemars(with = "Option<String>", regex(pattern = "^[0-9a-fA-F]{64}$"))]
    pub previous: Option<Digest>,
    /// The duties that it claims; must be exactly those of its rules.
    pub requirements: BTreeSet<String>,
    /// Files for `docs/`, relative to this file; `../NAME` lies beside the folder.
    #[serde(default)]
    pub docs: Vec<String>,
    /// Labels besides those of the datasets.
    #[serde(default)]
    pub labels: Labels,
    /// Datasets, by name.
    #[serde(default)]
    pub datasets: BTreeMap<String, DatasetSource>,
    /// Settings that differ from the defaults of its plugins, by plugin and name.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, BTreeMap<String, serde_json::Value>>")]
    pub settings: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// What changed, by version.
    #[serde(default)]
    pub changelog: BTreeMap<String, String>,
    /// The text that it was read from.
    #[serde(skip)]
    text: String,
}

/// A dataset that goes into a pack.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DatasetSource {
    /// NDJSON, relative to `pack.toml`.
    pub file: String,
    /// Labels besides those of its entries.
    #[serde(default)]
    pub labels: Labels,
}

/// A name in kebab case.
const NAME: &str = "^[a-z]([a-z0-9-]{0,46}[a-z0-9])?$";

impl PackSource {
    /// The JSON Schema (draft 7, which editors know) of what an author writes. It knows less than
    /// `pack build`, which compares it with what is in the pack.
    pub fn schema() -> serde_json::Value {
        let settings = SchemaSettings::draft07();
        settings
            .into_generator()
            .into_root_schema_for::<Self>()
            .into()
    }

    /// Reads an author's `pack.toml`; unlike a built one it may be written in any form.
    ///
    /// # Errors
    /// What is wrong, with line and column.
    pub fn parse(text: &str) -> Result<Self, Refusal> {
        let mut source: Self = canonical::read_toml(PACK_TOML, text)?;
        text.clone_into(&mut source.text);
        Ok(source)
    }

    /// The line, from 1, on which a key such as `docs[0]` or `settings.telnet` stands.
    pub fn line(&self, key: &str) -> Option<usize> {
        line_of(&self.text, key)
    }

    /// Refuses a wrong value, with its line.
    pub(crate) fn refuse(&self, wrong: &Wrong) -> Refusal {
        let line = self.line(&wrong.place);
        let line = line.map_or_else(String::new, |line| format!("line {line}, "));
        canonical::malformed(PACK_TOML, format!("{line}{wrong}"))
    }

    /// Checks values that TOML lets through.
    pub(crate) fn check(&self) -> Result<(), Wrong> {
        check::kebab("vendor", &self.vendor)?;
        check::kebab("name", &self.name)?;
        check::version(&self.version)?;
        if let Some(lineage) = &self.lineage {
            check::line("lineage", lineage, 128)?;
        }
        check::line("description", &self.description, 500)?;
        check::line("licence", &self.licence, 200)?;
        check::licence(&self.licence)?;
        for name in self.datasets.keys() {
            check::kebab(&format!("datasets.{name}"), name)?;
        }
        Ok(())
    }
}
