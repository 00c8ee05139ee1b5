//! Loads what a server runs: from what the configuration names, and again from the server's own
//! store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::process::Stdio;
use std::str::FromStr as _;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use palisade_pipeline::engine::{Clock, Engine, EngineConfig, EngineError, Generation};
use palisade_runtime::manifest::{Capability, Manifest, Settings};
use palisade_runtime::{Plugin, Runtime};
use palisade_serve::{Change, Composition, Configured, Identity, LoadError, Loader, PluginRecord};
use palisade_sources::enrich::Networks;
use palisade_store::{Digest, Store};

use crate::host::{
    Given, HostOptions, Kept, Loaded, MAX_COMPONENT, MAX_DATASET, MAX_TEXT, log_to_stderr,
};

/// The most different plugins that stay compiled in memory for those that run and may be gone back to.
const MAX_COMPILED: usize = 4096;

/// Loads for a server.
pub(super) struct HostLoader {
    host: HostOptions,
    config: EngineConfig,
    runtime: Runtime,
    /// What was loaded, so that what stays, and what is gone back to, need not be again.
    compiled: Mutex<HashMap<PluginRecord, Arc<Plugin>>>,
}

fn error(error: anyhow::Error) -> LoadError {
    LoadError(format!("{error:#}"))
}

impl HostLoader {
    /// A loader by these options.
    ///
    /// # Errors
    /// When no runtime can be set up.
    pub(super) fn new(host: HostOptions) -> Result<HostLoader> {
        let mut config = host.config()?;
        config.clock = Clock::System;
        Ok(HostLoader {
            config,
            runtime: host.runtime()?,
            host,
            compiled: Mutex::default(),
        })
    }

    /// What must be the same for a journal to be done again.
    pub(super) fn identity(&self) -> Identity {
        Identity {
            host: env!("CARGO_PKG_VERSION").to_owned(),
            partition_key: self.config.partition_key.identity(),
            state_bytes: self.host.memory().state,
        }
    }

    /// What the configuration asks for.
    fn read(&self, store: &Arc<Store>) -> Result<Configured> {
        let given = self.host.given_kept(Kept::new(store))?;
        let loaded = self.host.load_in(&self.runtime, given)?;
        for left_out in &loaded.left_out {
            crate::output::warn(&left_out.to_string());
        }
        ensure!(
            !loaded.plugins.is_empty(),
            "no plugin is left to evaluate anything; do what is said above of each, or name \
             others in [host]"
        );
        let composition = composition(&loaded)?;
        self.remember(&composition, &loaded);
        Ok(Configured {
            generation: loaded.generation()?,
            composition,
        })
    }

    fn remember(&self, composition: &Composition, loaded: &Loaded) {
        let mut compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
        if compiled.len() > MAX_COMPILED {
            compiled.clear();
        }
        for plugin in &loaded.plugins {
            let manifest = plugin.manifest();
            let record = composition
                .plugins
                .iter()
                .find(|record| (&record.pack, &record.name) == (&manifest.pack, &manifest.name));
            if let Some(record) = record {
                compiled.insert(record.clone(), Arc::clone(plugin));
            }
        }
    }

    /// A composition from the store.
    fn again(&self, composition: &Composition, store: &Arc<Store>) -> Result<Generation> {
        let mut given = Given::within(&self.host.memory());
        for (name, digest) in &composition.datasets {
            let bytes = blob(store, digest, MAX_DATASET)?;
            given
                .add_dataset(name, &bytes[..])
                .with_context(|| format!("read the dataset `{name}`"))?;
        }
        if let Some(digest) = &composition.networks {
            given.networks = Some(Arc::new(networks(store, digest)?));
        }
        let mut loaded = Loaded::new(given);
        for record in &composition.plugins {
            let compiled = {
                let compiled = self.compiled.lock().unwrap_or_else(PoisonError::into_inner);
                compiled.get(record).cloned()
            };
            match compiled {
                Some(plugin) => loaded.plugins.push(plugin),
                None => self.load_one(record, store, &mut loaded)?,
            }
        }
        if let Some(left_out) = loaded.left_out.first() {
            bail!("{left_out}");
        }
        self.remember(composition, &loaded);
        loaded.generation()
    }

    fn load_one(
        &self,
        record: &PluginRecord,
        store: &Arc<Store>,
        loaded: &mut Loaded,
    ) -> Result<()> {
        let bytes = blob(store, &record.digest, MAX_COMPONENT)?;
        let settings = settings(&record.settings)
            .with_context(|| format!("read the settings of `{}`", record.title()))?;
        let granted = crate::packs::named(&record.capabilities.iter().cloned().collect());
        let (runtime, place) = (&self.runtime, &record.origin);
        loaded.add_granted(runtime, &bytes, place, Some(settings), &granted)
    }

    /// What is to run when this is changed.
    fn change(
        &self,
        active: &Composition,
        change: &Change,
        store: &Arc<Store>,
    ) -> Result<Composition> {
        let mut next = active.clone();
        for wanted in &change.remove {
            let found = which(&next, wanted)?;
            next.plugins.remove(found);
        }
        let mut loaded = Loaded::new(Given::within(&self.host.memory()).keeping(Kept::new(store)));
        let memory = self.host.memory();
        let packs = self.host.packs();
        packs.load_named(&change.packs, &self.runtime, &memory, &mut loaded)?;
        if let Some(left_out) = loaded.left_out.first() {
            bail!("{left_out}");
        }
        if !change.packs.is_empty() {
            let of_packs = composition(&loaded)?;
            let packs: BTreeSet<&String> = of_packs.plugins.iter().map(|p| &p.pack).collect();
            next.plugins.retain(|plugin| !packs.contains(&plugin.pack));
            next.plugins.extend(of_packs.plugins.iter().cloned());
            // What the operator gave by a name stays.
            for (name, digest) in of_packs.datasets {
                next.datasets.entry(name).or_insert(digest);
            }
        }
        for new in &change.plugins {
            packs.check_loose(&[std::path::PathBuf::from(&new.origin)])?;
            let bytes = blob(store, &new.digest, MAX_COMPONENT)?;
            let manifest = palisade_runtime::manifest::extract(&bytes)
                .and_then(Manifest::parse)
                .with_context(|| format!("read {}", new.origin))?;
            let same = |plugin: &PluginRecord| {
                (&plugin.pack, &plugin.name) == (&manifest.pack, &manifest.name)
            };
            let before = next.plugins.iter().position(same);
            let settings = match before {
                Some(at) => next.plugins.remove(at).settings,
                None => "{}".to_owned(),
            };
            next.plugins.push(PluginRecord {
                pack: manifest.pack,
                name: manifest.name,
                digest: new.digest.clone(),
                settings,
                capabilities: names(&Capability::ALL),
                origin: new.origin.clone(),
            });
        }
        for (plugin, settings) in &change.settings {
            let found = which(&next, plugin)?;
            next.plugins[found].settings = serde_json::to_string(settings)?;
        }
        next.datasets.extend(change.datasets.clone());
        if change.networks.is_some() {
            next.networks.clone_from(&change.networks);
        }
        next.plugins
            .sort_by(|a, b| (&a.pack, &a.name).cmp(&(&b.pack, &b.name)));
        ensure!(
            !next.plugins.is_empty(),
            "no plugin would be left to evaluate anything"
        );
        Ok(next)
    }

    /// Runs the vectors of packs in a child, so that what they do wrong, and the time that they
    /// take, is not the server's.
    fn vectors(&self, change: &Change) -> Result<usize> {
        let mut passed = 0;
        for title in &change.packs {
            let program = std::env::current_exe().context("find this program's own file")?;
            let mut child = std::process::Command::new("nice");
            child.arg("-n10").arg(program).args(["pack", "test", title]);
            child.args(self.host.packs().arguments());
            let child = child.stdin(Stdio::null()).output();
            let child = child.with_context(|| format!("run the vectors of {title}"))?;
            let said = String::from_utf8_lossy(&child.stdout);
            ensure!(
                child.status.success(),
                "the vectors of {title}: {}",
                String::from_utf8_lossy(&child.stderr).trim()
            );
            let count = said
                .split_whitespace()
                .next()
                .and_then(|word| word.parse::<usize>().ok());
            passed += count.context("count the vectors that passed")?;
        }
        Ok(passed)
    }
}

/// Where a plugin stands that is named by its name, or as `pack/name`.
fn which(composition: &Composition, wanted: &str) -> Result<usize> {
    let plugins = composition.plugins.iter().enumerate();
    let named = plugins.filter(|(_, plugin)| plugin.name == wanted || plugin.title() == wanted);
    let found: Vec<usize> = named.map(|(at, _)| at).collect();
    match &found[..] {
        [one] => Ok(*one),
        [] => {
            let names = composition.plugins.iter().map(PluginRecord::title);
            let names: Vec<String> = names.collect();
            Err(anyhow!(
                "no plugin `{wanted}` runs; those that do: {}",
                names.join(", ")
            ))
        }
        _ => Err(anyhow!(
            "several plugins are called `{wanted}`; write PACK/NAME"
        )),
    }
}

fn names(capabilities: &[Capability]) -> Vec<String> {
    capabilities.iter().map(|c| c.name().to_owned()).collect()
}

fn blob(store: &Store, digest: &str, limit: u64) -> Result<Vec<u8>> {
    let digest = Digest::from_str(digest).map_err(|_| anyhow!("`{digest}` is no digest"))?;
    Ok(store.get(&digest, limit)?)
}

fn networks(store: &Store, digest: &str) -> Result<Networks> {
    let text = String::from_utf8(blob(store, digest, MAX_TEXT)?);
    let text = text.map_err(|_| anyhow!("the networks are no text in UTF-8"))?;
    Networks::parse(&text).context("read the networks")
}

/// Settings that were kept as JSON.
fn settings(json: &str) -> Result<Settings> {
    let values: BTreeMap<String, toml::Value> = serde_json::from_str(json)?;
    Ok(values)
}

/// What was loaded, as it is kept.
fn composition(loaded: &Loaded) -> Result<Composition> {
    let mut plugins = Vec::with_capacity(loaded.places.len());
    for (plugin, origin) in &loaded.places {
        let manifest = plugin.manifest();
        plugins.push(PluginRecord {
            pack: manifest.pack.clone(),
            name: manifest.name.clone(),
            digest: plugin.digest().to_string(),
            settings: serde_json::to_string(&origin.settings)?,
            capabilities: names(&origin.granted),
            origin: origin.place.clone(),
        });
    }
    plugins.sort_by(|a, b| (&a.pack, &a.name).cmp(&(&b.pack, &b.name)));
    let kept = loaded.given.kept.as_ref();
    let datasets = kept.map(|kept| kept.datasets.clone()).unwrap_or_default();
    Ok(Composition {
        plugins,
        datasets: datasets
            .into_iter()
            .map(|(name, digest)| (name, digest.to_string()))
            .collect(),
        networks: kept
            .and_then(|kept| kept.networks)
            .map(|digest| digest.to_string()),
    })
}

impl Loader for HostLoader {
    fn configured(&self, store: &Arc<Store>) -> Result<Configured, LoadError> {
        self.read(store).map_err(error)
    }

    fn changed(
        &self,
        active: &Composition,
        change: &Change,
        store: &Arc<Store>,
    ) -> Result<Composition, LoadError> {
        self.change(active, change, store).map_err(error)
    }

    fn load(&self, composition: &Composition, store: &Arc<Store>) -> Result<Generation, LoadError> {
        self.again(composition, store).map_err(error)
    }

    fn test(&self, change: &Change) -> Result<usize, LoadError> {
        self.vectors(change).map_err(error)
    }

    fn engine(&self, generation: Generation) -> Result<Engine, EngineError> {
        Engine::new(self.config.clone(), generation, &log_to_stderr())
    }
}
