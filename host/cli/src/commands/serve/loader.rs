//! Loads what a server runs: from what the configuration names, and again from the server's own
//! store.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::str::FromStr as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use palisade_pipeline::engine::{Clock, Engine, EngineConfig, EngineError, Generation};
use palisade_runtime::manifest::{Capability, Manifest, Settings};
use palisade_runtime::{Plugin, Runtime};
use palisade_serve::{Change, Composition, Configured, Identity, LoadError, Loader, PluginRecord};
use palisade_sources::enrich::Networks;
use palisade_state::datasets::Dataset;
use palisade_store::{Digest, Store};

use crate::host::{
    Given, HostOptions, Kept, Loaded, MAX_COMPONENT, MAX_DATASET, MAX_TEXT, log_to_stderr,
};

/// The most plugins, beside those that run, that stay compiled in memory to be gone back to.
const MAX_COMPILED: usize = 64;
/// The most datasets, beside those that are in use, that stay in memory to be gone back to.
const MAX_DATASETS: usize = 4;
/// How long the vectors of a pack may take.
const MOST_VECTORS: Duration = Duration::from_secs(600);
/// How much of what they say is told.
const MAX_SAID: u64 = 64 << 10;

/// Loads for a server.
pub(crate) struct HostLoader {
    host: HostOptions,
    config: EngineConfig,
    runtime: Runtime,
    /// What was loaded, so that what stays, and what is gone back to, need not be again.
    compiled: Mutex<HashMap<PluginRecord, Arc<Plugin>>>,
    /// The same of datasets, by name and digest.
    datasets: Mutex<HashMap<(String, String), Arc<Dataset>>>,
    /// Set when the server is to end.
    stop: Arc<AtomicBool>,
    /// The configuration.
    path: PathBuf,
}

fn error(error: anyhow::Error) -> LoadError {
    LoadError(format!("{error:#}"))
}

impl HostLoader {
    /// A loader by these options.
    ///
    /// # Errors
    /// When no runtime can be set up.
    pub(super) fn new(
        host: HostOptions,
        (path, evidence): (&Path, bool),
        stop: &Arc<AtomicBool>,
    ) -> Result<HostLoader> {
        let mut config = host.config()?;
        config.evidence = evidence;
        config.clock = Clock::System;
        Ok(HostLoader {
            config,
            runtime: host.runtime()?,
            host,
            compiled: Mutex::default(),
            datasets: Mutex::default(),
            stop: Arc::clone(stop),
            path: path.to_owned(),
        })
    }

    /// What must be the same for a journal to be done again.
    pub(crate) fn identity(&self) -> Identity {
        Identity {
            host: env!("CARGO_PKG_VERSION").to_owned(),
            partition_key: self.config.partition_key.identity(),
            state_bytes: self.host.memory().state,
            options: self.host.shown_options(),
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
        if compiled.len() > composition.plugins.len() + MAX_COMPILED {
            compiled.retain(|record, _| composition.plugins.contains(record));
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
        self.add_datasets(&composition.datasets, store, &mut given)?;
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

    /// Adds datasets from memory, or from the store.
    fn add_datasets(
        &self,
        datasets: &BTreeMap<String, String>,
        store: &Store,
        given: &mut Given,
    ) -> Result<()> {
        let mut known = self.datasets.lock().unwrap_or_else(PoisonError::into_inner);
        for (name, digest) in datasets {
            let key = (name.clone(), digest.clone());
            if let Some(dataset) = known.get(&key) {
                given.add_known(dataset)?;
                continue;
            }
            let bytes = blob(store, digest, MAX_DATASET)?;
            let dataset = given.add_dataset(name, &bytes[..]);
            let dataset = dataset.with_context(|| format!("read the dataset `{name}`"))?;
            known.insert(key, dataset);
        }
        if known.len() > datasets.len() + MAX_DATASETS {
            known.retain(|(name, digest), _| datasets.get(name) == Some(digest));
        }
        Ok(())
    }

    fn load_one(
        &self,
        record: &PluginRecord,
        store: &Arc<Store>,
        loaded: &mut Loaded,
    ) -> Result<()> {
        let bytes = blob(store, &record.digest, MAX_COMPONENT)?;
        let read = |json| {
            settings(json).with_context(|| format!("read the settings of `{}`", record.title()))
        };
        let mut settings = read(&record.pack_settings)?;
        settings.extend(read(&record.settings)?);
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
        let mut given = Given::within(&self.host.memory()).keeping(Kept::new(store));
        let replaced = |pack: &String| change.packs.iter().any(|title| names_pack(title, pack));
        // A dataset that came with a pack goes with it; what the operator gives by a name stays.
        next.dataset_packs.retain(|name, pack| {
            let goes = replaced(pack);
            if goes {
                next.datasets.remove(name);
            }
            !goes
        });
        for (name, digest) in &change.datasets {
            next.datasets.insert(name.clone(), digest.clone());
            next.dataset_packs.remove(name);
        }
        self.add_datasets(&next.datasets, store, &mut given)?;
        let mut loaded = Loaded::new(given);
        let memory = self.host.memory();
        let packs = self.host.packs();
        packs.load_named(&change.packs, &self.runtime, &memory, &mut loaded)?;
        if let Some(left_out) = loaded.left_out.first() {
            bail!("{left_out}");
        }
        if !change.packs.is_empty() {
            let of_packs = composition(&loaded)?;
            let packs: BTreeSet<&String> = of_packs.plugins.iter().map(|p| &p.pack).collect();
            let before = next.clone();
            next.plugins.retain(|plugin| !packs.contains(&plugin.pack));
            for mut plugin in of_packs.plugins.iter().cloned() {
                // What the operator set stays.
                let known = before
                    .plugins
                    .iter()
                    .find(|known| known.title() == plugin.title());
                if let Some(known) = known {
                    plugin.settings.clone_from(&known.settings);
                }
                next.plugins.push(plugin);
            }
            next.datasets.extend(of_packs.datasets);
            next.dataset_packs.extend(of_packs.dataset_packs);
        }
        let mut seen = BTreeSet::new();
        for new in &change.plugins {
            packs.check_loose(&[std::path::PathBuf::from(&new.origin)])?;
            let bytes = blob(store, &new.digest, MAX_COMPONENT)?;
            let manifest = palisade_runtime::manifest::extract(&bytes)
                .and_then(Manifest::parse)
                .with_context(|| format!("read {}", new.origin))?;
            let same = |plugin: &PluginRecord| {
                (&plugin.pack, &plugin.name) == (&manifest.pack, &manifest.name)
            };
            let title = format!("{}/{}", manifest.pack, manifest.name);
            ensure!(
                seen.insert(title.clone()),
                "two components are for the place of `{title}`; name one"
            );
            ensure!(
                !change
                    .remove
                    .iter()
                    .any(|name| *name == title || *name == manifest.name),
                "`{title}` is to be removed and to have another version; say one of both"
            );
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
                pack_settings: "{}".to_owned(),
                packed: None,
                capabilities: names(&Capability::ALL),
                origin: new.origin.clone(),
            });
        }
        for (plugin, settings) in &change.settings {
            let found = which(&next, plugin)?;
            next.plugins[found].settings = serde_json::to_string(settings)?;
        }
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

    /// Whether all of a composition may run here now.
    fn trusted(&self, composition: &Composition) -> Result<()> {
        let packs = self.host.packs();
        let loose = composition
            .plugins
            .iter()
            .find(|plugin| plugin.packed.is_none());
        if let Some(loose) = loose {
            packs.check_loose(&[std::path::PathBuf::from(&loose.origin)])?;
        }
        let packed = composition
            .plugins
            .iter()
            .filter_map(|plugin| plugin.packed.clone());
        let packed: BTreeSet<String> = packed.collect();
        for (title, granted) in packs.verified(&packed, &self.host.memory())? {
            let of_pack = composition.plugins.iter();
            let mut of_pack = of_pack.filter(|plugin| plugin.packed.as_ref() == Some(&title));
            let over = of_pack.find_map(|plugin| {
                let over = plugin
                    .capabilities
                    .iter()
                    .find(|name| !granted.contains(*name));
                Some((plugin.title(), over?.clone()))
            });
            if let Some((plugin, capability)) = over {
                bail!("`{plugin}` of {title} is not granted `{capability}` any more");
            }
        }
        Ok(())
    }

    /// Runs the vectors of packs in a child, so that what they do wrong, and the time that they
    /// take, is not the server's.
    fn vectors(&self, change: &Change) -> Result<usize> {
        let mut passed = 0;
        for title in &change.packs {
            let program = std::env::current_exe().context("find this program's own file")?;
            let mut child = Command::new("nice");
            child.arg("-n10").arg(program).args(["pack", "test", title]);
            child.args(self.host.packs().arguments());
            let ended = self
                .bounded(child)
                .with_context(|| format!("run the vectors of {title}"))?;
            let said = String::from_utf8_lossy(&ended.stdout);
            ensure!(
                ended.status.success(),
                "the vectors of {title}: {}",
                String::from_utf8_lossy(&ended.stderr).trim()
            );
            let count = said.split_whitespace().next();
            let count = count.and_then(|word| word.parse::<usize>().ok());
            passed += count.context("count the vectors that passed")?;
        }
        Ok(passed)
    }
}

impl HostLoader {
    /// Waits for a child, which is killed when it takes too long or the server ends.
    fn bounded(&self, mut command: Command) -> Result<Output> {
        // What it says goes to files, so that it never waits for somebody to read it.
        let (stdout, stderr) = (tempfile::tempfile()?, tempfile::tempfile()?);
        command.stdin(Stdio::null());
        command
            .stdout(stdout.try_clone()?)
            .stderr(stderr.try_clone()?);
        let mut child = command.spawn()?;
        let until = Instant::now() + MOST_VECTORS;
        let status = loop {
            if let Some(status) = child.try_wait()? {
                break status;
            }
            let stopped = self.stop.load(Ordering::Relaxed);
            if stopped || Instant::now() >= until {
                child.kill()?;
                child.wait()?;
                match stopped {
                    true => bail!("the server is ending"),
                    false => bail!("they take more than {} s", MOST_VECTORS.as_secs()),
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        };
        let read = |mut file: std::fs::File| -> Result<Vec<u8>> {
            let mut bytes = Vec::new();
            file.rewind()?;
            file.take(MAX_SAID).read_to_end(&mut bytes)?;
            Ok(bytes)
        };
        Ok(Output {
            status,
            stdout: read(stdout)?,
            stderr: read(stderr)?,
        })
    }
}

/// Whether a title, `vendor/name` with or without a version, is that of a pack.
fn names_pack(title: &str, pack: &str) -> bool {
    let bare = |title: &str| title.split('@').next().unwrap_or(title).to_owned();
    bare(title) == bare(pack)
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
        let given = loaded
            .given
            .settings
            .get(&manifest.name)
            .cloned()
            .unwrap_or_default();
        plugins.push(PluginRecord {
            pack: manifest.pack.clone(),
            name: manifest.name.clone(),
            digest: plugin.digest().to_string(),
            settings: serde_json::to_string(&given)?,
            pack_settings: serde_json::to_string(&origin.pack_settings)?,
            packed: origin.packed.clone(),
            capabilities: names(&origin.granted),
            origin: origin.place.clone(),
        });
    }
    plugins.sort_by(|a, b| (&a.pack, &a.name).cmp(&(&b.pack, &b.name)));
    let kept = loaded.given.kept.as_ref();
    let datasets = kept.map(|kept| kept.datasets.clone()).unwrap_or_default();
    let dataset_packs = kept.map(|kept| kept.packs.clone()).unwrap_or_default();
    Ok(Composition {
        plugins,
        datasets: datasets
            .into_iter()
            .map(|(name, digest)| (name, digest.to_string()))
            .collect(),
        dataset_packs,
        networks: kept
            .and_then(|kept| kept.networks)
            .map(|digest| digest.to_string()),
    })
}

impl Loader for HostLoader {
    fn patience(&self, times: u32) {
        self.runtime.patience().set(times);
    }

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

    fn check(&self, composition: &Composition) -> Result<(), LoadError> {
        self.trusted(composition).map_err(error)
    }

    fn test(&self, change: &Change) -> Result<usize, LoadError> {
        self.vectors(change).map_err(error)
    }

    fn trial(&self) -> Result<Command, LoadError> {
        let program = std::env::current_exe().context("find this program's own file");
        let mut command = Command::new("nice");
        command.arg("-n10").arg(program.map_err(error)?);
        command
            .args(["--quiet", "trial", "--config"])
            .arg(&self.path);
        Ok(command)
    }

    fn engine(&self, generation: Generation) -> Result<Engine, EngineError> {
        Engine::new(self.config.clone(), generation, &log_to_stderr())
    }
}
