//! A pack whose parts fit together.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use palisade_runtime::manifest::{WIT_VERSION, hint};

use crate::component::PackedPlugin;
use crate::labelled::{carried, check_labels};
use crate::labels::{self, Ground, Labels, Unread};
use crate::listing::Listing;
use crate::manifest::check::{Wrong, wrong};
use crate::manifest::{
    Abi, DatasetEntry, FORMAT, PACK_TOML, PackManifest, PackSource, PluginEntry,
};
use crate::{Content, Refusal, sbom};

/// Folders and files of a pack, besides `attestations`.
const ROOMS: [&str; 4] = ["plugins/", "datasets/", "vectors/", "docs/"];

/// A pack, read and found to be consistent. Nothing says yet that it should be trusted.
#[derive(Debug, Clone)]
pub struct Pack {
    content: Content,
    listing: Listing,
    digest: Digest,
    manifest: PackManifest,
    plugins: Vec<PackedPlugin>,
    unread: Vec<Unread>,
    grounds: Vec<Ground>,
}

impl Pack {
    /// Checks that the manifest is what follows from the content: every file has a place,
    /// every digest, capability, requirement and label is right.
    ///
    /// # Errors
    /// The first thing that is not.
    pub fn open(content: Content) -> Result<Pack, Refusal> {
        let listing = content.listing()?;
        let manifest = PackManifest::read(content.file(PACK_TOML)?)?;
        if !covers(&manifest.abi, WIT_VERSION) {
            return Err(Refusal::Abi {
                from: manifest.abi.from,
                to: manifest.abi.to,
                host: WIT_VERSION.into(),
            });
        }
        let digests: BTreeMap<&str, Digest> = listing
            .entries()
            .iter()
            .map(|e| (e.path.as_str(), e.digest))
            .collect();
        check_places(&listing, &manifest)?;
        let mut plugins = Vec::new();
        for (name, entry) in &manifest.plugins {
            let path = format!("plugins/{name}.wasm");
            let bytes = content.file(&path)?;
            let found = digests.get(path.as_str()).copied().unwrap_or_default();
            same_digest(&path, entry.digest, found)?;
            let plugin = plugin(&path, bytes, found, &manifest.name, name)?;
            let stated = (&entry.version, entry.kind.as_str());
            if stated != (&plugin.manifest.version, plugin.manifest.world.name()) {
                return Err(Refusal::Overstated {
                    what: format!("version and kind of `{name}` are"),
                    stated: format!("{} {}", entry.version, entry.kind),
                    found: format!(
                        "{} {}",
                        plugin.manifest.version,
                        plugin.manifest.world.name()
                    ),
                });
            }
            plugins.push(plugin);
        }
        for (what, stated, found) in [
            (
                "capabilities are",
                &manifest.capabilities,
                capabilities(&plugins),
            ),
            (
                "requirements are",
                &manifest.requirements,
                requirements(&plugins),
            ),
        ] {
            if *stated != found {
                return Err(Refusal::Overstated {
                    what: what.into(),
                    stated: shown(stated),
                    found: shown(&found),
                });
            }
        }
        for (name, entry) in &manifest.datasets {
            let path = format!("datasets/{name}.ndjson");
            content.file(&path)?;
            let found = digests.get(path.as_str()).copied().unwrap_or_default();
            same_digest(&path, entry.digest, found)?;
        }
        let (unread, grounds) = check_labels(&content, &manifest)?;
        check_settings(&manifest.settings, &plugins)
            .map_err(|wrong| crate::canonical::malformed(PACK_TOML, wrong))?;
        if content.file(sbom::SBOM)? != sbom::write(&manifest, &plugins, &content)? {
            return Err(Refusal::Overstated {
                what: format!("with `{}`, the bill of materials is", sbom::SBOM),
                stated: "another".into(),
                found: "otherwise".into(),
            });
        }
        Ok(Pack {
            digest: listing.digest(),
            content,
            listing,
            manifest,
            plugins,
            unread,
            grounds,
        })
    }

    /// Makes a pack. `content` holds what goes in beside the manifest: components at
    /// `plugins/`, datasets, vectors and documents at their places.
    ///
    /// # Errors
    /// When something is missing or does not fit, such as a requirement that no rule serves.
    pub fn build(source: &PackSource, mut content: Content) -> Result<Pack, Refusal> {
        source.check().map_err(|wrong| source.refuse(&wrong))?;
        let mut plugins = Vec::new();
        let mut datasets = BTreeMap::new();
        let mut all = Labels::default();
        let room = Cell::new(labels::MAX_READ);
        for (path, bytes) in content.files() {
            let digest = Digest::of(bytes);
            let path = path.as_str();
            let name = |folder: &str, end: &str| -> Option<String> {
                Some(path.strip_prefix(folder)?.strip_suffix(end)?.to_owned())
            };
            if let Some(name) = name("plugins/", ".wasm") {
                plugins.push(plugin(path, bytes, digest, &source.name, &name)?);
            } else if let Some(name) = name("datasets/", ".ndjson") {
                let mut labels = carried(path, bytes, &room)?.labels;
                if let Some(stated) = source.datasets.get(&name) {
                    labels.add(&labels::stated(&stated.labels).labels);
                    labels.state(&stated.labels);
                }
                // The colour of the pack is that of each part that has none.
                if labels.unmarked
                    && let Some(tlp) = source.labels.tlp
                {
                    labels.tlp = labels.tlp.max(Some(tlp));
                    labels.unmarked = false;
                }
                all.add(&labels);
                datasets.insert(name, DatasetEntry { digest, labels });
            } else {
                all.add(&carried(path, bytes, &room)?.labels);
            }
        }
        all.add(&labels::stated(&source.labels).labels);
        all.state(&source.labels);
        let found = requirements(&plugins);
        if source.requirements != found {
            let line = source.line("requirements").unwrap_or(1);
            return Err(Refusal::Overstated {
                what: format!("on line {line} that requirements are"),
                stated: shown(&source.requirements),
                found: shown(&found),
            });
        }
        check_settings(&source.settings, &plugins).map_err(|wrong| source.refuse(&wrong))?;
        let mut manifest = PackManifest {
            format: FORMAT,
            vendor: source.vendor.clone(),
            name: source.name.clone(),
            version: source.version.clone(),
            lineage: source
                .lineage
                .clone()
                .unwrap_or_else(|| format!("{}/{}", source.vendor, source.name)),
            description: source.description.clone(),
            licence: source.licence.clone(),
            previous: source.previous,
            requirements: found,
            capabilities: capabilities(&plugins),
            // Manifests of plugins are accepted for this version only.
            abi: Abi {
                from: WIT_VERSION.into(),
                to: WIT_VERSION.into(),
            },
            labels: all,
            plugins: plugins
                .iter()
                .map(|p| (p.manifest.name.clone(), entry(p)))
                .collect(),
            datasets,
            settings: source.settings.clone(),
            changelog: source.changelog.clone(),
        };
        // Its description and change log are text like any other.
        let told = labels::text(PACK_TOML, &manifest.write()?);
        manifest.labels.add(&told.labels);
        content.add(PACK_TOML, manifest.write()?.into_bytes())?;
        content.add(sbom::SBOM, sbom::write(&manifest, &plugins, &content)?)?;
        Pack::open(content)
    }

    /// BLAKE3 of the canonical listing.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// What it says of itself.
    pub fn manifest(&self) -> &PackManifest {
        &self.manifest
    }

    /// Its plugins, in the order of their names.
    pub fn plugins(&self) -> &[PackedPlugin] {
        &self.plugins
    }

    /// Its files.
    pub fn content(&self) -> &Content {
        &self.content
    }

    /// Its files as they are listed.
    pub fn listing(&self) -> &Listing {
        &self.listing
    }

    /// What in it speaks of passing it on and is not understood, in the order of its files, at
    /// most 64. As long as there is any, the pack may be more secret than its labels say.
    pub fn unread(&self) -> &[Unread] {
        &self.unread
    }

    /// Where in it stands what restricts it, in the order of its files, at most 64: of each file
    /// the first of each kind, of colours those that are the pack's.
    pub fn grounds(&self) -> &[Ground] {
        &self.grounds
    }

    /// Takes an attestation off.
    pub fn detach(&mut self, name: &str) {
        self.content.detach(name);
    }

    /// Adds an attestation under a name that tells what it is and from whom.
    ///
    /// # Errors
    /// When there are too many.
    pub fn attest(&mut self, name: &str, envelope: Vec<u8>) -> Result<(), Refusal> {
        self.content.attest(name, envelope)
    }
}

fn entry(plugin: &PackedPlugin) -> PluginEntry {
    PluginEntry {
        version: plugin.manifest.version.clone(),
        kind: plugin.manifest.world.name().into(),
        digest: plugin.digest,
    }
}

fn plugin(
    path: &str,
    bytes: &[u8],
    digest: Digest,
    pack: &str,
    name: &str,
) -> Result<PackedPlugin, Refusal> {
    let refuse = |problem: String| Refusal::Plugin {
        path: path.to_owned(),
        problem,
    };
    let plugin = PackedPlugin::read(path, bytes, digest).map_err(refuse)?;
    if plugin.manifest.pack != pack {
        let other = &plugin.manifest.pack;
        return Err(refuse(format!(
            "it belongs to the pack `{other}`, not to `{pack}`"
        )));
    }
    if plugin.manifest.name != name {
        let other = &plugin.manifest.name;
        return Err(refuse(format!(
            "it calls itself `{other}`; name the file {other}.wasm"
        )));
    }
    Ok(plugin)
}

fn check_places(listing: &Listing, manifest: &PackManifest) -> Result<(), Refusal> {
    for entry in listing.entries() {
        let path = entry.path.as_str();
        let room = ROOMS
            .into_iter()
            .find_map(|room| Some((room, path.strip_prefix(room)?)));
        let known = match room {
            None => path == PACK_TOML || path == sbom::SBOM,
            Some(("plugins/", file)) => file
                .strip_suffix(".wasm")
                .is_some_and(|n| manifest.plugins.contains_key(n)),
            Some(("datasets/", file)) => file
                .strip_suffix(".ndjson")
                .is_some_and(|n| manifest.datasets.contains_key(n)),
            Some(("vectors/", file)) => file
                .split_once('/')
                .is_some_and(|(n, _)| manifest.plugins.contains_key(n)),
            Some(_) => true,
        };
        if !known {
            return Err(Refusal::FileUnexpected {
                path: path.to_owned(),
            });
        }
    }
    Ok(())
}

fn check_settings(
    settings: &BTreeMap<String, BTreeMap<String, toml::Value>>,
    plugins: &[PackedPlugin],
) -> Result<(), Wrong> {
    for (name, values) in settings {
        let place = format!("settings.{name}");
        let Some(plugin) = plugins.iter().find(|p| p.manifest.name == *name) else {
            let known = plugins.iter().map(|p| p.manifest.name.as_str());
            let problem = format!("the pack has no such plugin{}", hint(name, known));
            return Err(wrong(place, problem));
        };
        for (key, value) in values {
            let place = format!("{place}.{key}");
            let Some(spec) = plugin.manifest.settings.iter().find(|s| s.name == *key) else {
                let known = plugin.manifest.settings.iter().map(|s| s.name.as_str());
                let problem = format!("the plugin has no such setting{}", hint(key, known));
                return Err(wrong(place, problem));
            };
            spec.accept(value)
                .map_err(|problem| wrong(place, format!("{problem} ({})", spec.kind())))?;
        }
    }
    Ok(())
}

fn same_digest(path: &str, stated: Digest, found: Digest) -> Result<(), Refusal> {
    if stated == found {
        return Ok(());
    }
    Err(Refusal::FileChanged {
        path: path.to_owned(),
        stated: stated.to_string(),
        found: found.to_string(),
    })
}

fn capabilities(plugins: &[PackedPlugin]) -> BTreeSet<String> {
    plugins
        .iter()
        .flat_map(PackedPlugin::capabilities)
        .map(str::to_owned)
        .collect()
}

fn requirements(plugins: &[PackedPlugin]) -> BTreeSet<String> {
    let rules = plugins.iter().flat_map(|p| &p.manifest.rules);
    rules
        .flat_map(|rule| rule.requirements.iter().cloned())
        .collect()
}

fn shown(set: &BTreeSet<String>) -> String {
    if set.is_empty() {
        return "none".into();
    }
    set.iter()
        .map(String::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}

fn covers(abi: &Abi, host: &str) -> bool {
    let number = |text: &str| -> Option<(u32, u32)> {
        let (major, minor) = text.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    };
    match (number(&abi.from), number(host), number(&abi.to)) {
        (Some(from), Some(host), Some(to)) => from <= host && host <= to,
        _ => false,
    }
}
