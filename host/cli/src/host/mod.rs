//! Sets up what runs plugins: runtime, plugins, datasets, networks, engine.

mod given;
mod load;
mod session;
mod settings;

use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_pipeline::capabilities::LogSink;
use palisade_pipeline::engine::{Engine, EngineConfig, Generation, MAX_WORKERS, OnFault};
use palisade_pipeline::memory::Memory;
use palisade_runtime::compile::{CacheLimits, ChildLimits, CodeCache, Compiler, CompilerCommand};
use palisade_runtime::manifest::{Capability, Settings, World, parse_duration, parse_size};
use palisade_runtime::{Config, Limits, Mode, Plugin, Runtime};

pub(crate) use self::given::{Given, GivenOptions, Kept, MAX_DATASET};
use self::load::{LeftOut, Origin, Read, read, read_all};
pub(crate) use self::load::{MAX_COMPONENT, MAX_TEXT, components, told};
pub(crate) use self::session::Session;
use crate::build::orphans_among;
use crate::packs::PackOptions;
use crate::partition_key::partition_key;
use crate::places::{Places, open_private};

/// Where `palisade plugin build` puts components.
const BUILT: &str = "target/plugins";
/// The pack there that nobody wants to run by default.
const EXAMPLES: &str = "examples";

/// Options of every command that runs plugins.
#[derive(Debug, Clone, Args)]
pub(crate) struct HostOptions {
    /// A component, or a folder with components at any depth [default: target/plugins, save the
    /// examples]
    #[arg(long, short = 'p', value_name = "PATH")]
    pub(crate) plugins: Vec<PathBuf>,

    #[command(flatten)]
    packs: PackOptions,

    #[command(flatten)]
    given: GivenOptions,

    #[command(flatten)]
    memory: MemoryOption,

    /// Worker threads, 1 to 256; what comes out does not depend on it, save where limits are reached
    /// that are counted and told (host/README.md lists them) [default: one a core]
    #[arg(long, value_name = "N", value_parser = workers, allow_negative_numbers = true)]
    workers: Option<usize>,

    /// The most rows of a batch; what comes out depends on it as little as on the workers
    #[arg(long, value_name = "N", default_value_t = 1024, hide = true)]
    batch_rows: usize,

    /// The most packets or records of an epoch; what comes out depends on it as little as on the
    /// workers
    #[arg(long, value_name = "N", default_value_t = 16_384, hide = true)]
    epoch: usize,

    /// A new instance for every call; what comes out depends on it as little as on the workers
    #[arg(long, hide = true)]
    fresh_instances: bool,

    /// When a plugin faults: `skip` what it faulted on; `quarantine` the plugin for the rest of
    /// the run after N faults within so much event time (`quarantine:N/TIME`; policies go on to
    /// deny); or `stop` the run
    #[arg(long, value_name = "MODE", default_value = "skip", value_parser = on_fault)]
    on_fault: OnFault,

    /// The secret that divides keys into parts, a line of 32 hexadecimal digits; where state
    /// tables are full, runs repeat under the same one [default: your own, made once in
    /// $XDG_STATE_HOME/palisade/partition.key]
    #[arg(long, value_name = "FILE")]
    partition_key: Option<PathBuf>,

    /// Bound calls by fuel as well, so that they end at the same instruction everywhere
    #[arg(long)]
    deterministic: bool,

    /// Compile plugins anew, and keep nothing of it
    #[arg(long)]
    no_code_cache: bool,
}

/// The option that says how much memory may be taken.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct MemoryOption {
    /// The most memory to take, at least 256MiB; flows, state, epochs and plugins get their
    /// shares of it [default: 768MiB and 128MiB for each worker, two at least]
    #[arg(long, value_name = "SIZE", value_parser = memory)]
    pub(crate) memory: Option<NonZeroU64>,
}

/// Plugins that are ready to run.
pub(crate) struct Loaded {
    /// In the order of their names.
    pub(crate) plugins: Vec<Arc<Plugin>>,
    /// Plugins that were left out, and why.
    pub(crate) left_out: Vec<LeftOut>,
    /// Where each plugin comes from: a file, or a pack and its file.
    pub(crate) places: Vec<(Arc<Plugin>, Origin)>,
    /// How many were compiled rather than taken from the cache.
    pub(crate) compiled: usize,
    /// What they are given.
    pub(crate) given: Given,
}

impl HostOptions {
    /// What the options say that plugins are given.
    ///
    /// # Errors
    /// As [`GivenOptions::read`].
    pub(crate) fn given(&self) -> Result<Given> {
        self.given.read(&self.memory())
    }

    /// Loads the plugins.
    ///
    /// # Errors
    /// When there is none, or one of them cannot be loaded.
    pub(crate) fn load(&self, given: Given) -> Result<Loaded> {
        self.load_in(&self.runtime()?, given)
    }

    /// What the options say that plugins are given, which is kept.
    ///
    /// # Errors
    /// As [`given`](Self::given), and when something cannot be kept.
    pub(crate) fn given_kept(&self, kept: Kept) -> Result<Given> {
        self.given
            .read_into(Given::within(&self.memory()).keeping(kept))
    }

    /// Options that show in what comes out where plugins fault or limits are reached.
    pub(crate) fn shown_options(&self) -> String {
        format!(
            "on_fault {:?}, deterministic {}, epoch {}",
            self.on_fault, self.deterministic, self.epoch
        )
    }

    /// The packs that are named.
    pub(crate) fn packs(&self) -> &PackOptions {
        &self.packs
    }

    /// What runs the plugins.
    ///
    /// # Errors
    /// When the cache of compiled code cannot be opened, or wasmtime does not run here.
    pub(crate) fn runtime(&self) -> Result<Runtime> {
        runtime_for(self.deterministic, self.no_code_cache, &self.memory())
    }

    /// Loads the plugins, to be run by this.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_in(&self, runtime: &Runtime, given: Given) -> Result<Loaded> {
        let mut files = Vec::new();
        let mut passed_over = Vec::new();
        if self.plugins.is_empty() && self.packs.is_empty() {
            let built = Path::new(BUILT);
            ensure!(
                built.is_dir(),
                "there is no folder {BUILT} here; name plugins with --plugins, or build some \
                 with `palisade plugin build`"
            );
            components(built, &mut files)?;
            let is_example = |file: &PathBuf| file.starts_with(built.join(EXAMPLES));
            let (examples, others) = files.into_iter().partition(is_example);
            (passed_over, files) = (examples, others);
        }
        for path in &self.plugins {
            components(path, &mut files)?;
        }
        ensure!(
            !files.is_empty() || !self.packs.is_empty(),
            "there is no component (`*.wasm`) in {}",
            match &self.plugins[..] {
                [] => BUILT.to_owned(),
                named => named
                    .iter()
                    .map(|p| p.display().to_string())
                    .collect::<Vec<_>>()
                    .join(", "),
            }
        );
        self.packs.check_loose(&files)?;
        for orphan in orphans_among(&files) {
            crate::output::warn(&format!(
                "runs {orphan}; if it is another version of a plugin, remove it"
            ));
        }
        let mut loaded = Loaded::new(given);
        self.packs.load(runtime, &self.memory(), &mut loaded)?;
        loaded.add_files(runtime, &files)?;
        loaded.sort()?;
        settings::check(&loaded, &passed_over, self.given.settings.as_deref())?;
        loaded.tell_unused_datasets();
        Ok(loaded)
    }

    /// Loads the plugins that are named beside one that is measured.
    ///
    /// # Errors
    /// When one cannot be loaded.
    pub(crate) fn add_named(&self, runtime: &Runtime, loaded: &mut Loaded) -> Result<()> {
        let mut files = Vec::new();
        for path in &self.plugins {
            components(path, &mut files)?;
        }
        self.packs.check_loose(&files)?;
        self.packs.load(runtime, &self.memory(), loaded)?;
        loaded.add_files(runtime, &files)
    }

    /// Loads the plugins and keeps the policies among them, which are to judge `what`.
    ///
    /// # Errors
    /// As [`load`](Self::load), and when none of them is a policy.
    pub(crate) fn load_policies(&self, what: &str) -> Result<Loaded> {
        let mut loaded = self.load(self.given()?)?;
        for left_out in &loaded.left_out {
            crate::output::warn(&left_out.to_string());
        }
        let names: Vec<&str> = loaded.plugins.iter().map(|p| name(p).1).collect();
        let names = match &names[..] {
            [] => "no plugin is loaded".to_owned(),
            names => format!("none of the plugins ({}) is a policy", names.join(", ")),
        };
        loaded
            .plugins
            .retain(|p| p.manifest().world == World::Policy);
        ensure!(
            !loaded.plugins.is_empty(),
            "{names}, so nothing could permit the {what}; name some with --plugins, such as \
             target/plugins/vuln-disclosure"
        );
        Ok(loaded)
    }

    /// Who gets how much memory.
    pub(crate) fn memory(&self) -> Memory {
        let workers = self.workers.unwrap_or(EngineConfig::default().workers);
        Memory::of(self.memory.memory, workers)
    }

    /// The engine's settings.
    ///
    /// # Errors
    /// When there is no partition key that can be used.
    pub(crate) fn config(&self) -> Result<EngineConfig> {
        let mut config = EngineConfig {
            batch_rows: self.batch_rows.clamp(1, 1024),
            epoch: self.epoch.max(1),
            fresh: self.fresh_instances,
            on_fault: self.on_fault,
            partition_key: partition_key(self.partition_key.as_deref())?,
            memory: self.memory.memory,
            ..EngineConfig::default()
        };
        if let Some(workers) = self.workers {
            config.workers = workers;
        }
        Ok(config)
    }
}

/// Reads the option `--memory`.
fn memory(text: &str) -> Result<NonZeroU64, String> {
    let bytes = NonZeroU64::new(parse_size(text)?).filter(|bytes| bytes.get() >= Memory::LEAST);
    let least = crate::output::size(Memory::LEAST);
    bytes.ok_or_else(|| format!("`{text}` is too little; at least {least} are needed"))
}

/// Reads the option `--workers`.
fn workers(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|n| (1..=MAX_WORKERS).contains(n));
    number.ok_or_else(|| format!("write a number from 1 to {MAX_WORKERS}"))
}

/// Reads the option `--on-fault`.
fn on_fault(text: &str) -> Result<OnFault, String> {
    let (faults, within) = match text.split_once(':') {
        None if text == "skip" => return Ok(OnFault::Skip),
        None if text == "stop" => return Ok(OnFault::Stop),
        None if text == "quarantine" => ("16", "60s"),
        Some(("quarantine", limit)) => limit.split_once('/').unwrap_or((limit, "60s")),
        _ => return Err("write skip, stop, quarantine or quarantine:16/60s".into()),
    };
    let faults = faults.parse().ok().filter(|faults| *faults > 0);
    Ok(OnFault::Quarantine {
        faults: faults.ok_or("the number of faults is a number of at least 1")?,
        within: parse_duration(within)?,
    })
}

/// The wall-clock time of a call where fuel bounds it: only a call that waits for the machine much
/// longer than it works gets so far.
const BACKSTOP: Duration = Duration::from_secs(10);

/// A runtime that compiles in a child process and keeps compiled code, unless told otherwise.
///
/// # Errors
/// When the cache of compiled code cannot be opened, or wasmtime does not run here.
pub(crate) fn runtime(deterministic: bool, no_code_cache: bool) -> Result<Runtime> {
    let workers = EngineConfig::default().workers;
    runtime_for(deterministic, no_code_cache, &Memory::of(None, workers))
}

/// The same with these shares of memory.
fn runtime_for(deterministic: bool, no_code_cache: bool, memory: &Memory) -> Result<Runtime> {
    let (mode, call_time) = match deterministic {
        true => (Mode::Deterministic, BACKSTOP),
        false => (Mode::Live, Limits::default().call_time),
    };
    let limits = Limits {
        call_time,
        ..Limits::default()
    };
    runtime_with(mode, limits, no_code_cache, memory)
}

fn runtime_with(
    mode: Mode,
    limits: Limits,
    no_code_cache: bool,
    memory: &Memory,
) -> Result<Runtime> {
    let cache = if no_code_cache {
        None
    } else {
        let places = Places::find()?;
        let open = || -> Result<CodeCache> {
            let (code, state) = (open_private(&places.code())?, open_private(places.state())?);
            Ok(CodeCache::open(code, &state, CacheLimits::default())?)
        };
        let what = "open the cache of compiled code; --no-code-cache does without";
        Some(open().context(what)?)
    };
    Ok(Runtime::new(Config {
        mode,
        limits: Limits {
            plugin_memory: memory.plugin,
            ..limits
        },
        guest_memory: memory.guests,
        pool: true,
        compiler: compiler()?,
        cache,
    })?)
}

/// Units of fuel that a call may use which is executed again: a hundred times what one may have
/// that is bounded by fuel alone, since then it was bounded by time.
const MAX_FUEL: u64 = 100_000_000_000;

/// A runtime for executing calls again: without deadlines, since there is no telling how fast the machine
/// was or this one is.
///
/// # Errors
/// As [`runtime`].
pub(crate) fn replay_runtime(no_code_cache: bool) -> Result<Runtime> {
    let workers = EngineConfig::default().workers;
    let limits = Limits {
        fuel: MAX_FUEL,
        ..Limits::default()
    };
    runtime_with(
        Mode::Fueled,
        limits,
        no_code_cache,
        &Memory::of(None, workers),
    )
}

/// This program in a process of its own, with limits.
///
/// # Errors
/// When this program's own file cannot be found.
pub(crate) fn compiler() -> Result<Compiler> {
    Ok(Compiler::Child(CompilerCommand {
        program: std::env::current_exe().context("find this program's own file")?,
        arguments: vec!["compile-component".into()],
        limits: ChildLimits::default(),
    }))
}

impl Loaded {
    /// No plugins yet.
    pub(crate) fn new(given: Given) -> Loaded {
        Loaded {
            plugins: Vec::new(),
            left_out: Vec::new(),
            places: Vec::new(),
            compiled: 0,
            given,
        }
    }

    /// Loads a component, or leaves it out when a dataset is missing. `settings` are used
    /// instead of those that are given for its name.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub(crate) fn add(
        &mut self,
        runtime: &Runtime,
        bytes: &[u8],
        name: &str,
        settings: Option<Settings>,
    ) -> Result<()> {
        self.add_granted(runtime, bytes, name, settings, &Capability::ALL)
    }

    /// The same with only these capabilities linked.
    ///
    /// # Errors
    /// When it cannot be loaded, or imports another capability.
    pub(crate) fn add_granted(
        &mut self,
        runtime: &Runtime,
        bytes: &[u8],
        name: &str,
        settings: Option<Settings>,
        granted: &[Capability],
    ) -> Result<()> {
        self.take(read(runtime, &self.given, bytes, name, settings, granted)?);
        Ok(())
    }

    /// Loads the components in these files.
    ///
    /// # Errors
    /// When one cannot be loaded.
    pub(crate) fn add_files(&mut self, runtime: &Runtime, files: &[PathBuf]) -> Result<()> {
        for read in read_all(runtime, &self.given, files) {
            self.take(read?);
        }
        Ok(())
    }

    /// Puts the plugins in the order of their names.
    ///
    /// # Errors
    /// When two have the same.
    pub(crate) fn sort(&mut self) -> Result<()> {
        self.plugins.sort_by(|a, b| name(a).cmp(&name(b)));
        let twice = self.plugins.windows(2).find(|w| name(&w[0]) == name(&w[1]));
        if let Some(twice) = twice {
            let (pack, name) = name(&twice[0]);
            let is_one = |(plugin, _): &&(Arc<Plugin>, Origin)| self::name(plugin) == (pack, name);
            let places: Vec<&str> = self
                .places
                .iter()
                .filter(is_one)
                .map(|(_, origin)| origin.place.as_str())
                .collect();
            bail!(
                "plugin `{name}` of pack `{pack}` is there {} times, in {}; name only one of \
                 these with --plugins",
                places.len(),
                places.join(" and ")
            );
        }
        Ok(())
    }

    fn take(&mut self, read: Read) {
        match read {
            Read::Plugin {
                plugin,
                compiled,
                origin,
            } => {
                self.compiled += usize::from(compiled);
                self.places.push((Arc::clone(&plugin), origin));
                self.plugins.push(plugin);
            }
            Read::LeftOut(why) => self.left_out.push(why),
        }
    }

    /// Warns of datasets that were given for nobody: a misspelt name must not look like one that
    /// finds nothing.
    fn tell_unused_datasets(&self) {
        let mut named: Vec<&str> = self
            .plugins
            .iter()
            .flat_map(|plugin| &plugin.manifest().datasets)
            .map(String::as_str)
            .collect();
        named.sort_unstable();
        named.dedup();
        let names = match &named[..] {
            [] => "they name none".to_owned(),
            named => format!("they name `{}`", named.join("`, `")),
        };
        let unused = self.given.datasets.iter().map(|dataset| dataset.name());
        for unused in unused.filter(|name| !named.contains(name)) {
            crate::output::warn(&format!(
                "no plugin that is loaded names the dataset `{unused}`; {names}"
            ));
        }
    }

    /// An engine for the plugins.
    ///
    /// # Errors
    /// When a worker cannot be started or a predicate cannot be prepared.
    pub(crate) fn engine(&self, config: EngineConfig, log: &LogSink) -> Result<Engine> {
        Ok(Engine::new(config, self.generation()?, log)?)
    }

    /// The plugins with what they are given, as an engine runs them.
    ///
    /// # Errors
    /// When a predicate cannot be prepared, or plugins build on each other in a circle.
    pub(crate) fn generation(&self) -> Result<Generation> {
        let (datasets, networks) = (self.given.datasets.clone(), self.given.networks.clone());
        Ok(Generation::new(self.plugins.clone(), datasets, networks)?)
    }
}

/// Pack and name, by which plugins are told apart.
fn name(plugin: &Plugin) -> (&str, &str) {
    let manifest = plugin.manifest();
    (&manifest.pack, &manifest.name)
}

/// Writes the messages of plugins to stderr, from `info` on.
pub(crate) fn log_to_stderr() -> LogSink {
    Arc::new(|plugin, level, message| {
        if level >= palisade_runtime::LogLevel::Info {
            crate::output::warn(&format!("plugin `{plugin}` says: {message}"));
        }
    })
}
