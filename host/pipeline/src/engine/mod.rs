//! The engine: takes inputs through parsers, detectors and policies.
//!
//! Input is cut into epochs. Of an epoch, flows are parsed on the worker that their id chooses;
//! what the parsers return is merged with the news of flows by packet number and numbered;
//! batches of one kind are shown to detectors and policies, on all workers; what these say is
//! sorted by the event that it relies on. While an epoch is being evaluated the next is read.
//! Neither the number of workers nor the size of batches or epochs shows in the output.

#![expect(
    clippy::result_large_err,
    reason = "a fault says what and where, and ends a call"
)]

mod evaluate;
mod ingest;
mod merge;
mod output;
mod parse_worker;
mod parser_instance;
mod piece;
mod recorded_flows;
mod route;
mod run;
mod session;
mod summary;
mod tables;
mod watermark;
mod workers;

pub use evaluate::{Cost, Poison};
pub use output::{Notice, Output};
pub use parse_worker::ParseCost;
pub use run::{Engine, EngineConfig, EngineError};
pub use summary::{PluginSummary, Summary};
pub use workers::WorkerError;
