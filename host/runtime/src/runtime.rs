//! The runtime: engines, limits and cache, and how components become plugins.

use std::sync::Arc;

use palisade_events::Digest;
use wasmtime::Engine;
use wasmtime::component::Component;

use crate::compile::{Artifact, CodeCache, CodeKey, CompileError, Compiler};
use crate::engine::{EngineError, Engines};
use crate::limits::Limits;
use crate::manifest::{Capability, Manifest, Settings, extract};
use crate::patience::Patience;
use crate::plugin::{LoadError, Plugin};
use crate::preflight::Edge;
use palisade_events::contain;

use crate::Mode;

/// How a runtime is set up.
pub struct Config {
    /// Time alone, or fuel as well.
    pub mode: Mode,
    /// The operator's limits; a manifest can only lower them.
    pub limits: Limits,
    /// Bytes of memories and tables that all instances of all plugins may have together, with
    /// what the pool keeps for the next instances. Growing beyond is a fault.
    pub guest_memory: u64,
    /// Whether instances come from a pool of memory that is set aside, as far as it goes.
    pub pool: bool,
    /// Who compiles what is not in the cache.
    pub compiler: Compiler,
    /// Where compiled code is kept; `None`: nowhere.
    pub cache: Option<CodeCache>,
}

impl Default for Config {
    /// Live, with default limits, compiling in this process without a cache: for tests.
    fn default() -> Self {
        Config {
            mode: Mode::Live,
            limits: Limits::default(),
            guest_memory: 384 << 20,
            pool: true,
            compiler: Compiler::InProcess,
            cache: None,
        }
    }
}

/// Where the code of a plugin came from when it was loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CodeOrigin {
    /// The cache.
    Cached,
    /// Compiled, because of this (`no entry`, or what is wrong with the one there is).
    Compiled(String),
}

/// Loads components. One is enough for a process; it can be shared between threads.
pub struct Runtime {
    engines: Arc<Engines>,
    config: Config,
}

impl Runtime {
    /// Sets up the engines.
    ///
    /// # Errors
    /// When wasmtime cannot run on this machine.
    pub fn new(config: Config) -> Result<Runtime, EngineError> {
        Ok(Runtime {
            engines: Arc::new(Engines::new(
                config.mode,
                &config.limits,
                config.guest_memory,
                config.pool,
            )?),
            config,
        })
    }

    /// By how much calls of all its plugins may take longer.
    pub fn patience(&self) -> &Patience {
        &self.engines.patience
    }

    /// Whether calls have fuel.
    pub fn mode(&self) -> Mode {
        self.config.mode
    }

    /// Loads a component: reads its manifest, compiles it or takes its code from the cache,
    /// compares its imports with what the manifest asks for and `grants` contains, resolves its
    /// settings, and links it.
    ///
    /// # Errors
    /// See [`LoadError`]; nothing of the component has run then.
    pub fn load(
        &self,
        component: &[u8],
        grants: &[Capability],
        settings: &Settings,
    ) -> Result<(Plugin, CodeOrigin), LoadError> {
        contain(|| self.load_component(component, grants, settings))
            .unwrap_or_else(|panicked| Err(LoadError::Panicked(panicked)))
    }

    fn load_component(
        &self,
        component: &[u8],
        grants: &[Capability],
        settings: &Settings,
    ) -> Result<(Plugin, CodeOrigin), LoadError> {
        let manifest = Manifest::parse(extract(component)?)?;
        let compile_error = |source| LoadError::Compile {
            plugin: manifest.name.clone(),
            source,
        };
        let digest = Digest::of(component);
        let (code, origin) = self.code(component, &digest).map_err(compile_error)?;
        let granted = manifest
            .capabilities
            .iter()
            .copied()
            .filter(|capability| grants.contains(capability))
            .collect();
        let plugin = Plugin::link(
            Arc::clone(&self.engines),
            self.config.mode,
            code,
            (digest, component.len()),
            manifest,
            granted,
            settings,
            &self.config.limits,
        )?;
        Ok((plugin, origin))
    }

    fn code(&self, component: &[u8], digest: &Digest) -> Result<(Code, CodeOrigin), CompileError> {
        let engine = self.engines.main();
        let key = CodeKey::new(&digest.0, engine);
        let reason = match &self.config.cache {
            None => "no cache".to_owned(),
            Some(cache) => match cache.get(&key) {
                Err(error) => error.to_string(),
                Ok(artifact) => match self.own(&artifact) {
                    Ok(code) => return Ok((code, CodeOrigin::Cached)),
                    Err(error) => error.to_string(),
                },
            },
        };
        let artifact = self.config.compiler.compile(
            engine,
            self.config.mode,
            &self.config.limits,
            component,
        )?;
        let loaded = self.own(&artifact)?;
        if let Some(cache) = &self.config.cache {
            // A cache that cannot be written costs time at the next start and nothing else.
            let _ = cache.put(&key, &artifact);
        }
        Ok((loaded, CodeOrigin::Compiled(reason)))
    }

    /// Loads code for the pool, or for ordinary memory where the component is too large for
    /// a place in the pool: what it may have is for its limits to say, at instantiation.
    fn own(&self, artifact: &[u8]) -> Result<Code, CompileError> {
        let artifact = Artifact::read(artifact).map_err(CompileError::Load)?;
        let load = |engine| load_own_code(engine, artifact.code);
        let component = load(self.engines.main())
            .or_else(|refused| load(&self.engines.on_demand).map_err(|_| refused))?;
        Ok(Code {
            component,
            edge: artifact.edge,
            overhead: artifact.overhead,
        })
    }
}

/// Code that is loaded, and what is known of it.
pub(crate) struct Code {
    pub(crate) component: Component,
    pub(crate) edge: Edge,
    /// Bytes that the host keeps for each instance.
    pub(crate) overhead: u64,
}

/// Loads machine code that this host compiled.
///
/// wasmtime checks the engine's compatibility by itself, but trusts the code.
#[allow(unsafe_code)]
pub(crate) fn load_own_code(engine: &Engine, code: &[u8]) -> Result<Component, CompileError> {
    // SAFETY: `deserialize` demands bytes that `precompile_component` or `serialize` of the same
    // wasmtime version produced and that nobody changed since. There are three callers: code
    // that this process or its compiler child (the same executable) has just compiled; code from
    // the cache, whose MAC (keyed with a secret of this installation) was verified over this very
    // buffer; and code that `Component::serialize` has just returned. The tests in
    // `compile/cache/tests.rs` show that a changed, truncated, moved or foreign entry gets no further.
    unsafe { Component::deserialize(engine, code) }
        .map_err(|e| CompileError::Load(format!("{e:#}")))
}
