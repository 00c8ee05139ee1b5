//! From the bytes of a component to code that runs.
//!
//! Compiling is the one step in which hostile input meets a compiler, so it happens in a child
//! process with limits on time, memory and output (see [`Compiler::Child`]). So is everything
//! else that reads its types: the child counts what the component is made of, says what it
//! imports and exports, and compiles. Its answer is cached under a MAC, because loading
//! compiled code is trusting it.

mod artifact;
mod cache;
mod child;
mod shape;

pub use cache::{CacheError, CacheLimits, CodeCache, CodeKey};
pub use child::{ChildLimits, CompilerCommand, child_main};
pub use shape::ShapeLimits;

pub(crate) use artifact::Artifact;

use wasmtime::Engine;

use crate::preflight::Edge;
use crate::{Limits, Mode};
use palisade_events::plain_lines;

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
    /// An artifact for this engine's settings.
    pub(crate) fn compile(
        &self,
        engine: &Engine,
        mode: Mode,
        limits: &Limits,
        component: &[u8],
    ) -> Result<Vec<u8>, CompileError> {
        match self {
            Compiler::InProcess => {
                Artifact::compile(engine, &limits.shape, component).map_err(invalid)
            }
            Compiler::Child(command) => child::compile(command, Some(mode), limits, component),
        }
    }

    /// What a component imports and exports, validated but not compiled.
    pub(crate) fn edge(&self, limits: &Limits, component: &[u8]) -> Result<Edge, CompileError> {
        let artifact = match self {
            Compiler::InProcess => {
                Artifact::without_code(&limits.shape, component).map_err(invalid)?
            }
            Compiler::Child(command) => child::compile(command, None, limits, component)?,
        };
        Ok(Artifact::read(&artifact).map_err(CompileError::Load)?.edge)
    }
}

fn invalid(problem: String) -> CompileError {
    CompileError::Invalid(plain_lines(&problem, MAX_MESSAGE))
}
