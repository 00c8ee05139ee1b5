//! How a server gets at what it runs.

use std::process::Command;
use std::sync::Arc;

use palisade_pipeline::engine::{Engine, EngineError, Generation};
use palisade_store::Store;

use crate::composition::{Change, Composition};

/// What a configuration asks for.
pub struct Configured {
    /// As it is kept; everything in it is in the store.
    pub composition: Composition,
    /// Ready to run.
    pub generation: Generation,
}

/// Why something cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct LoadError(pub String);

/// Loads what a server runs: the program knows about packs, trust and compilers, and a server
/// does not.
pub trait Loader: Send + Sync {
    /// Loads what the configuration asks for, and keeps all of it in the store.
    ///
    /// # Errors
    /// When a part is not there, is refused, or cannot be loaded.
    fn configured(&self, store: &Arc<Store>) -> Result<Configured, LoadError>;

    /// What is to run when this is changed, all of it in the store. What is new is verified.
    ///
    /// # Errors
    /// When a part is not there or is refused.
    fn changed(
        &self,
        active: &Composition,
        change: &Change,
        store: &Arc<Store>,
    ) -> Result<Composition, LoadError>;

    /// Loads a composition from the store.
    ///
    /// # Errors
    /// When a part of it is not there, or cannot be loaded.
    fn load(&self, composition: &Composition, store: &Arc<Store>) -> Result<Generation, LoadError>;

    /// Whether what ran once may run here and now: trust may have been withdrawn since.
    ///
    /// # Errors
    /// Names what may not, and why.
    fn check(&self, composition: &Composition) -> Result<(), LoadError>;

    /// Runs the vectors that come with what is new; how many passed.
    ///
    /// # Errors
    /// Says which failed and how.
    fn test(&self, change: &Change) -> Result<usize, LoadError>;

    /// A command that tries a composition on the journal of this server: it reads a
    /// [`TrialRequest`](crate::TrialRequest) as a line of JSON, writes a
    /// [`TrialReport`](crate::TrialReport) a line, and ends when its input does.
    ///
    /// # Errors
    /// When there is none.
    fn trial(&self) -> Result<Command, LoadError>;

    /// By how much calls of plugins may take longer from now on; 1: not at all.
    fn patience(&self, times: u32);

    /// An engine for the first generation.
    ///
    /// # Errors
    /// As [`Engine::new`].
    fn engine(&self, generation: Generation) -> Result<Engine, EngineError>;
}
