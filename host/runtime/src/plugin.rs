//! A loaded plugin: compiled, checked against its manifest, and linked in advance.

use std::sync::{Arc, OnceLock};

use palisade_events::{Digest, Mask};
use wasmtime::component::{Component, ComponentExportIndex, InstancePre, Linker};
use wasmtime::{Engine, PoolConcurrencyLimitError, Store};

use crate::account::Account;
use crate::bindings::{self, interface};
use crate::call::HostState;
use crate::capability::Capabilities;
use crate::compile::CompileError;
use crate::engine::Engines;
use crate::instance::Instance;
use crate::limits::Limits;
use crate::manifest::{
    Capability, Manifest, ManifestError, OptionalExport, Settings, Subscription, World,
};
use crate::patience::Patience;
use crate::preflight::{self, PreflightError};
use crate::runtime::Code;
use crate::symbols::Symbols;
use crate::{Fault, FaultCause, Mode, manifest};
use palisade_events::{Panicked, contain};

/// Why a component does not become a plugin.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// Its manifest is missing or refused.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// It does not compile, or its compiled code does not load.
    #[error("plugin `{plugin}`: {source}")]
    Compile {
        /// The plugin's name.
        plugin: String,
        /// Why.
        source: CompileError,
    },
    /// Its imports or exports do not fit.
    #[error("plugin `{plugin}` {source}")]
    Preflight {
        /// The plugin's name.
        plugin: String,
        /// Why.
        source: PreflightError,
    },
    /// A type at the boundary differs from this host's.
    #[error("plugin `{plugin}` does not link, its WIT differs from this host's: {problem}")]
    Link {
        /// The plugin's name.
        plugin: String,
        /// Which function or type.
        problem: String,
    },
    /// The operator's settings do not fit the manifest.
    #[error(transparent)]
    Settings(#[from] manifest::SettingsError),
    /// The host has panicked over it.
    #[error("the host panicked while it loaded the component: {0}")]
    Panicked(Panicked),
}

/// Why a plugin could not be instantiated.
#[derive(Debug, thiserror::Error)]
pub enum InstantiateError {
    /// Its start code or `configure` faulted.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// `configure` refused the settings.
    #[error("plugin `{plugin}` refuses setting `{name}`: {message}")]
    Refused {
        /// The plugin's name.
        plugin: String,
        /// The setting.
        name: String,
        /// What the plugin says of it, escaped.
        message: String,
    },
    /// There is no room for another instance.
    #[error("plugin `{plugin}` cannot be instantiated: {problem}")]
    Room {
        /// The plugin's name.
        plugin: String,
        /// Why.
        problem: String,
    },
}

impl InstantiateError {
    /// The same as a fault of `configure` or `instantiate`, for callers that treat all alike.
    pub fn into_fault(self, plugin: &str) -> Fault {
        match self {
            InstantiateError::Fault(fault) => fault,
            InstantiateError::Refused { name, message, .. } => Fault {
                plugin: plugin.to_owned(),
                export: "configure",
                cause: crate::FaultCause::Settings { name, message },
                backtrace: crate::Trace::default(),
            },
            other => Fault {
                plugin: plugin.to_owned(),
                export: "instantiate",
                cause: crate::FaultCause::Trap(other.to_string()),
                backtrace: crate::Trace::default(),
            },
        }
    }
}

/// The exported functions of a world, by their place in the component.
pub(crate) struct Exports {
    pub(crate) configure: ComponentExportIndex,
    pub(crate) evaluate: Option<ComponentExportIndex>,
    pub(crate) decide: Option<ComponentExportIndex>,
    pub(crate) observe: Option<ComponentExportIndex>,
    pub(crate) on_timer: Option<ComponentExportIndex>,
    pub(crate) parser: Option<[ComponentExportIndex; 3]>,
}

struct Linked {
    engine: Engine,
    pre: InstancePre<HostState>,
    exports: Exports,
}

/// A plugin that can be instantiated any number of times, from any thread.
pub struct Plugin {
    digest: Digest,
    size: usize,
    manifest: Arc<Manifest>,
    settings: Arc<[bindings::types::Setting]>,
    limits: Arc<Limits>,
    masks: Arc<[Mask]>,
    mode: Mode,
    granted: Vec<Capability>,
    main: Linked,
    /// Made when the pool is exhausted for the first time.
    fallback: OnceLock<Option<Linked>>,
    component: Component,
    engines: Arc<Engines>,
    /// The interfaces that it imports.
    imports: Vec<String>,
    /// What all its instances draw their memory from.
    account: Arc<Account>,
    /// What the host keeps for each instance.
    overhead: u64,
    symbols: Option<Arc<Symbols>>,
}

impl Plugin {
    #[allow(clippy::too_many_arguments)]
    pub(crate) fn link(
        engines: Arc<Engines>,
        mode: Mode,
        code: Code,
        (digest, size): (Digest, usize),
        manifest: Manifest,
        granted: Vec<Capability>,
        settings: &Settings,
        limits: &Limits,
    ) -> Result<Plugin, LoadError> {
        let (fuel, call_time) = (limits.fuel, limits.call_time);
        let mut limits = limits.lowered(&manifest.limits);
        match mode {
            // The manifest's is for calls that are bounded in time as well.
            Mode::Fueled => limits.fuel = fuel,
            // What its manifest asks for is for machines that nobody has measured; here fuel counts.
            Mode::Deterministic => limits.call_time = call_time,
            Mode::Live | Mode::Unbounded => {}
        }
        let Code {
            component,
            edge,
            overhead,
        } = code;
        preflight::check(&edge, &manifest, &granted).map_err(|source| LoadError::Preflight {
            plugin: manifest.name.clone(),
            source,
        })?;
        let main = linked(&component, &manifest, &granted)?;
        // Last, so that a plugin without its settings is known to be right in all else.
        let values = manifest.resolve(settings)?;
        let masks = manifest
            .subscriptions
            .iter()
            .map(Subscription::mask)
            .collect();
        Ok(Plugin {
            digest,
            size,
            settings: values.into_iter().map(Into::into).collect(),
            manifest: Arc::new(manifest),
            masks,
            mode,
            granted,
            main,
            fallback: OnceLock::new(),
            component,
            account: Account::of_plugin(limits.plugin_memory, &engines.account),
            limits: Arc::new(limits),
            engines,
            imports: edge.imports.into_iter().map(|(name, _)| name).collect(),
            overhead,
            symbols: None,
        })
    }

    /// BLAKE3 of the component, manifest included.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Whether another does the same: the same component with the same settings, limits, mode and
    /// capabilities. One can go on with the other's instances.
    pub fn is_same(&self, other: &Plugin) -> bool {
        self.digest == other.digest
            && self.settings == other.settings
            && self.limits == other.limits
            && self.mode == other.mode
            && self.granted == other.granted
    }

    /// Bytes of the component.
    pub fn size(&self) -> usize {
        self.size
    }

    /// Names functions, files and lines in the backtraces of its faults from now on, by a debug
    /// file. Nothing else changes.
    pub fn set_symbols(&mut self, symbols: Symbols) {
        self.symbols = Some(Arc::new(symbols));
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Arc<Manifest> {
        &self.manifest
    }

    /// The limits that hold for it.
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// By how much its calls may take longer.
    pub fn patience(&self) -> &Arc<Patience> {
        &self.engines.patience
    }

    /// Whether its calls have fuel.
    pub fn mode(&self) -> Mode {
        self.mode
    }

    /// The interfaces that it imports, by full name.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Bytes that all its instances hold together at the moment.
    pub fn memory(&self) -> u64 {
        self.account.used()
    }

    /// Whether its instances, or those of all plugins, hold more than half of what they may, so
    /// that instances which nobody needs should be dropped.
    pub fn is_memory_scarce(&self) -> bool {
        self.account.is_scarce()
    }

    /// Makes an instance and configures it, which may log and use nothing else of what is lent.
    /// Instances come from the pool, or from ordinary memory when the pool has no room left.
    ///
    /// Its calls need what they may use [lent](Instance::with); without it they may use nothing.
    ///
    /// # Errors
    /// When the plugin's start code or `configure` faults, when it refuses its settings, and
    /// when there is no memory.
    pub fn instantiate(
        &self,
        lent: &mut Box<dyn Capabilities>,
    ) -> Result<Instance, InstantiateError> {
        let fits = Engines::fits_pool(&self.limits);
        let linked = if fits { None } else { self.fallback() };
        let failed = match self.instantiate_in(linked.unwrap_or(&self.main), lent) {
            Ok(instance) => return Ok(instance),
            Err(failed) => failed,
        };
        match self.fallback() {
            Some(linked) if failed.full => {
                let made = self.instantiate_in(linked, lent);
                made.map_err(|failed| failed.error)
            }
            _ => Err(failed.error),
        }
    }

    fn fallback(&self) -> Option<&Linked> {
        self.engines.pooled.as_ref()?;
        self.fallback
            .get_or_init(|| {
                let code = self.component.serialize().ok()?;
                let component =
                    crate::runtime::load_own_code(&self.engines.on_demand, &code).ok()?;
                linked(&component, &self.manifest, &self.granted).ok()
            })
            .as_ref()
    }

    fn instantiate_in(
        &self,
        linked: &Linked,
        lent: &mut Box<dyn Capabilities>,
    ) -> Result<Instance, Failed> {
        let state = HostState::new(
            self.digest,
            Arc::clone(&self.manifest),
            Arc::clone(&self.limits),
            Arc::clone(&self.masks),
            Arc::clone(&self.account),
        );
        let mut store = Store::new(&linked.engine, state);
        store.limiter(|state| &mut state.usage);
        store.set_hostcall_fuel(self.limits.lifted_bytes);
        store.set_max_component_handles(64);
        let mut instance = Instance::new(
            store,
            Arc::clone(&self.manifest),
            Arc::clone(&self.limits),
            (self.mode, Arc::clone(&self.engines.patience)),
            self.symbols.clone(),
        );
        let started = contain(|| instance.start(&linked.pre, &linked.exports, self.overhead));
        if let Err(error) = started
            .unwrap_or_else(|panicked| Err(FaultCause::panic("instantiate", &panicked).into()))
        {
            let full = error.is::<PoolConcurrencyLimitError>();
            let plugin = self.manifest.name.clone();
            let error = if full {
                let problem = format!("{error:#}");
                InstantiateError::Room { plugin, problem }
            } else {
                let symbols = self.symbols.as_deref();
                Fault::from_error(&plugin, "instantiate", &self.limits, symbols, &error).into()
            };
            return Err(Failed { full, error });
        }
        let configured = instance.with(lent).configure(&self.settings);
        configured.map_err(|error| Failed { full: false, error })?;
        Ok(instance)
    }
}

impl std::fmt::Debug for Plugin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Plugin")
            .field("name", &self.manifest.name)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

/// An instance that did not come about.
struct Failed {
    /// Because the pool has no room.
    full: bool,
    error: InstantiateError,
}

fn linked(
    component: &Component,
    manifest: &Manifest,
    granted: &[Capability],
) -> Result<Linked, LoadError> {
    let engine = component.engine().clone();
    let error = |e: wasmtime::Error| LoadError::Link {
        plugin: manifest.name.clone(),
        problem: format!("{e:#}"),
    };
    let mut linker = Linker::new(&engine);
    bindings::link(&mut linker, manifest, granted).map_err(error)?;
    let pre = linker.instantiate_pre(component).map_err(error)?;
    let find = |short: &str, function: &str| -> Result<ComponentExportIndex, LoadError> {
        let name = interface(short);
        component
            .get_export_index(None, &name)
            .and_then(|instance| component.get_export_index(Some(&instance), function))
            .ok_or_else(|| LoadError::Link {
                plugin: manifest.name.clone(),
                problem: format!("`{name}` does not export `{function}`"),
            })
    };
    let only = |wanted: bool, short: &str| wanted.then(|| find(short, short)).transpose();
    let exports = Exports {
        configure: find("plugin", "configure")?,
        evaluate: only(manifest.world == World::Detector, "evaluate")?,
        decide: only(manifest.world == World::Policy, "decide")?,
        observe: only(manifest.exports(OptionalExport::Observe), "observe")?,
        on_timer: only(manifest.exports(OptionalExport::OnTimer), "on-timer")?,
        parser: if manifest.world == World::Parser {
            Some([
                find("parse", "probe")?,
                find("parse", "parse")?,
                find("parse", "close")?,
            ])
        } else {
            None
        },
    };
    Ok(Linked {
        engine,
        pre,
        exports,
    })
}

impl From<(String, manifest::SettingValue)> for bindings::types::Setting {
    fn from((name, value): (String, manifest::SettingValue)) -> Self {
        use bindings::types::SettingValue as Wit;
        let value = match value {
            manifest::SettingValue::Text(text) => Wit::Text(text),
            manifest::SettingValue::Integer(i) => Wit::Integer(i),
            manifest::SettingValue::Number(n) => Wit::Number(n),
            manifest::SettingValue::Boolean(b) => Wit::Boolean(b),
            manifest::SettingValue::Texts(texts) => Wit::Texts(texts),
        };
        bindings::types::Setting { name, value }
    }
}
