//! From the bytes of a component to code that runs.
//!
//! Compiling is the one step in which hostile input meets a compiler, so it happens in a child
//! process with limits on time, memory and output (see [`Compiler::Child`]). Compiled code is
//! cached under a MAC, because loading it is trusting it.

mod cache;
mod child;

pub use cache::{CacheError, CacheLimits, CodeCache, CodeKey};
pub use child::{ChildLimits, CompilerCommand, child_main};

use wasmtime::Engine;

use crate::text::plain_lines;
use crate::{Limits, Mode};

/// The most characters of a compiler's message, which may quote what the component says.
const MAX_MESSAGE: usize = 4096;

/// Who compiles.
#[derive(Clone, Debug)]
pub enum Compiler {
    /// This process: for components that are trusted already, such as one's own in tests.
    InProcess,
    /// A child process with limits.
    Child(CompilerCommand),
}

/// Why a component could not be compiled.
#[derive(Debug, thiserror::Error)]
pub enum CompileError {
    /// It is larger than the limit.
    #[error("the component has {found} bytes; at most {limit} are compiled")]
    TooLarge {
        /// Its size.
        found: usize,
        /// The limit.
        limit: usize,
    },
    /// It is not a valid component, or uses a feature that is off.
    #[error("the component does not compile: {0}")]
    Invalid(String),
    /// The child could not be run.
    #[error("cannot run the compiler process `{program}`: {source}")]
    Spawn {
        /// What was to be run.
        program: String,
        /// Why not.
        source: std::io::Error,
    },
    /// The child hit one of its limits.
    #[error("compiling was stopped: {0}")]
    Limit(String),
    /// Compiled code does not load; it is never loaded from elsewhere than this host.
    #[error("compiled code does not load: {0}")]
    Load(String),
}

impl Compiler {
    /// Compiled code for this engine's settings.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        mode: Mode,
        limits: &Limits,
        component: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        match self {
            Compiler::InProcess => engine
                .precompile_component(component)
                .map_err(|e| CompileError::Invalid(plain_lines(&format!("{e:#}"), MAX_MESSAGE))),
            Compiler::Child(command) => child::compile(command, mode, limits, component),
        }
    }
}
