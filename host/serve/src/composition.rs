//! What a server runs, as it is kept: everything by its digest.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr as _;

use palisade_store::Digest;
use serde::{Deserialize, Serialize};

/// A plugin of a composition.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct PluginRecord {
    /// The pack that it belongs to.
    pub pack: String,
    /// Its name, of which there is one in a pack.
    pub name: String,
    /// BLAKE3 of the component, 64 hexadecimal digits.
    pub digest: String,
    /// What the operator set, as a JSON object; it goes before what the pack set.
    pub settings: String,
    /// What its pack set, as a JSON object.
    pub pack_settings: String,
    /// The pack that it came in, as `vendor/name@version`; none for a loose component.
    pub packed: Option<String>,
    /// The capabilities that it is granted, by name; one that it asks for and is not granted makes it unusable.
    pub capabilities: Vec<String>,
    /// Where it came from: a file, or a pack and a file in it. For people.
    pub origin: String,
}

impl PluginRecord {
    /// `pack/name`.
    pub fn title(&self) -> String {
        format!("{}/{}", self.pack, self.name)
    }

    /// Whether another is the same, wherever it came from.
    pub(crate) fn is_same(&self, other: &PluginRecord) -> bool {
        let what = |plugin: &PluginRecord| {
            let PluginRecord {
                pack,
                name,
                digest,
                settings,
                pack_settings,
                packed,
                capabilities,
                origin: _,
            } = plugin.clone();
            (
                pack,
                name,
                digest,
                settings,
                pack_settings,
                packed,
                capabilities,
            )
        };
        what(self) == what(other)
    }
}

/// Everything that decides on a server: plugins, settings, datasets and networks.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Composition {
    /// In the order of pack and name.
    pub plugins: Vec<PluginRecord>,
    /// By name, BLAKE3 of the file.
    pub datasets: BTreeMap<String, String>,
    /// By name of a dataset, the pack that it came with; the others the operator gave.
    pub dataset_packs: BTreeMap<String, String>,
    /// BLAKE3 of the file.
    pub networks: Option<String>,
}

impl Composition {
    /// Whether another decides the same, wherever its parts came from.
    pub fn is_same(&self, other: &Composition) -> bool {
        let plugins = self.plugins.iter().zip(&other.plugins);
        self.plugins.len() == other.plugins.len()
            && plugins.into_iter().all(|(a, b)| a.is_same(b))
            && (&self.datasets, &self.networks) == (&other.datasets, &other.networks)
    }

    /// What it is known by: a BLAKE3 digest of all of it but the origins.
    pub fn digest(&self) -> String {
        let mut bare = self.clone();
        bare.plugins
            .iter_mut()
            .for_each(|plugin| plugin.origin.clear());
        // Maps in it are ordered, and JSON of one value is always the same.
        let text = serde_json::to_vec(&bare).unwrap_or_default();
        Digest::of(&text).to_string()
    }

    /// The blobs that it is made of.
    ///
    /// # Errors
    /// Names the first digest that is none.
    pub fn blobs(&self) -> Result<BTreeSet<Digest>, String> {
        let plugins = self.plugins.iter().map(|plugin| &plugin.digest);
        let all = plugins.chain(self.datasets.values()).chain(&self.networks);
        all.map(|text| Digest::from_str(text).map_err(|_| format!("`{text}` is no digest")))
            .collect()
    }

    /// What is different in another, a line for each: `pack/name: 0a1b2c → 3d4e5f`.
    pub fn changes(&self, after: &Composition) -> Vec<String> {
        let mut changes = Vec::new();
        let find = |all: &[PluginRecord], one: &PluginRecord| {
            let found = all.iter().find(|other| other.title() == one.title());
            found.cloned()
        };
        for plugin in &after.plugins {
            let title = plugin.title();
            match find(&self.plugins, plugin) {
                None => changes.push(format!("{title}: new, {}", short(&plugin.digest))),
                Some(before) if before.digest != plugin.digest => changes.push(format!(
                    "{title}: {} → {}",
                    short(&before.digest),
                    short(&plugin.digest)
                )),
                Some(before) if !before.is_same(plugin) => {
                    changes.push(format!("{title}: other settings or capabilities"));
                }
                Some(_) => {}
            }
        }
        let gone = |plugin: &&PluginRecord| find(&after.plugins, plugin).is_none();
        let gone = self.plugins.iter().filter(gone);
        changes.extend(gone.map(|plugin| format!("{}: removed", plugin.title())));
        let names: BTreeSet<&String> = self.datasets.keys().chain(after.datasets.keys()).collect();
        for name in names {
            let (before, after) = (self.datasets.get(name), after.datasets.get(name));
            if before != after {
                let before = before.map_or("none", |digest| short(digest));
                let after = after.map_or("none", |digest| short(digest));
                changes.push(format!("dataset {name}: {before} → {after}"));
            }
        }
        if self.networks != after.networks {
            changes.push("other networks".to_owned());
        }
        changes
    }
}

/// The first digits of a digest.
pub(crate) fn short(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// What an operator wants to be different. Blobs are named by their digests, and are in the server's store
/// by then.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Change {
    /// Components that are in no pack of the store: each takes the place of the one with its pack and name, or is
    /// new.
    pub plugins: Vec<NewPlugin>,
    /// Packs of the server's store, as `vendor/name@version`: all plugins of such a pack take the place of
    /// all that there are of it.
    pub packs: Vec<String>,
    /// Plugins that go, as `name` or `pack/name`.
    pub remove: Vec<String>,
    /// What plugins are set to, by `name` or `pack/name`: the whole of it; the rest is left to defaults.
    pub settings: BTreeMap<String, serde_json::Map<String, serde_json::Value>>,
    /// Datasets by name: the digest of the file, NDJSON.
    pub datasets: BTreeMap<String, String>,
    /// The digest of `networks.toml`.
    pub networks: Option<String>,
    /// State that may be lost, as `PLUGIN` or `PLUGIN/TABLE`.
    pub discard_state: BTreeSet<String>,
    /// Do everything but switch.
    pub dry_run: bool,
}

/// A component that takes a plugin's place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewPlugin {
    /// BLAKE3 of the component.
    pub digest: String,
    /// Where it came from, for people.
    pub origin: String,
}
