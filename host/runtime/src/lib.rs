//! Runs plugins: the only crate of Palisade that names wasmtime.
//!
//! A [`Runtime`] turns the bytes of a component into a [`Plugin`]: manifest read, imports
//! compared with what is granted, code compiled in a limited child process or taken from an
//! authenticated cache, linked once. A plugin yields [`Instance`]s; each belongs to one thread,
//! is shown [`View`]s of batches, and answers with [`Effects`] or with a [`Fault`], whose
//! effects are discarded.

#![expect(
    clippy::result_large_err,
    reason = "errors here say what and where, and are not on a hot path"
)]

mod account;
mod bindings;
mod call;
mod capability;
pub mod compile;
mod engine;
mod fault;
mod instance;
mod limits;
pub mod manifest;
mod parsing;
mod patience;
mod plugin;
mod preflight;
mod runtime;
mod symbols;
mod view;
mod worked;

pub use call::{ASKED_ELSE, Answers, Asked, AskedEntry, Effects, Filed, FiledFinding, MAX_ASKED};
pub use capability::{Capabilities, DatasetEntry, Hit, LogLevel, NoCapabilities, Refusal, nothing};
pub use engine::{EPOCH, EngineError, Mode};
pub use fault::{Fault, FaultCause, Trace};
pub use instance::{Fired, Instance, Lent, Peaks};
pub use limits::Limits;
pub use parsing::{Chunk, ChunkDirection, Outcome, Parsed, ParsedTable, Recognition};
pub use patience::Patience;
pub use plugin::{InstantiateError, LoadError, Plugin};
pub use preflight::{Inspected, PreflightError, inspect};
pub use runtime::{CodeOrigin, Config, Runtime};
pub use symbols::{MAX_DEBUG_FILE, Symbols};
pub use view::View;
