//! The engine: takes what sources say through parsers, detectors and policies.
//!
//! A [`Feed`] reads an input into epochs, each of one source, and [`Engine::step`] takes an epoch
//! through the plugins of a [`Generation`]. [`Engine::read`] does both for one input after
//! another. Of an epoch, flows are parsed on the worker that their id chooses;
//! what the parsers return is merged with the news of flows by packet number and numbered;
//! batches of one kind are shown to detectors and policies, on all workers; what these say is
//! sorted by the event that it is about (see `place`). While an epoch is being evaluated the
//! next is read. Neither the number of workers nor the size of batches or epochs shows in the
//! output.
//!
//! An epoch ends early where what was read of it takes much memory, which does not show either.
//! What a plugin may use of an epoch (see `allowance`) is limited, and where plugins say more
//! of one than may be held it is cut, and sessions of parsers end early for want of places: beyond
//! those limits, which are there for attacks, both show; `host/README.md` lists them. `crate::memory` says how much everything may take.
//!
//! Findings are events too. Plugins have levels: those that are shown findings of others stand
//! above them (see `graph`), and an epoch passes through the levels one after another. Where
//! nobody subscribes to findings there is one level.

#![expect(
    clippy::result_large_err,
    reason = "a fault says what and where, and ends a call"
)]

mod adopt;
mod allowance;
mod clock;
mod config;
mod defect;
mod deliver;
mod draft;
mod drive;
mod evaluate;
mod evidence;
mod failure;
mod feed;
mod findings;
mod generation;
mod graph;
mod ground;
mod image;
mod ingest;
mod isolate;
mod merge;
mod output;
mod overlay;
mod parse;
mod piece;
mod place;
mod recorded_flows;
mod redrive;
mod route;
mod run;
mod seat;
mod stage;
mod step;
mod stop;
mod succession;
mod summary;
#[cfg(test)]
mod tests;
mod trickle;
mod turns;
mod watermark;
mod workers;

pub use adopt::{Adopted, SourcePosition};
pub use clock::Clock;
pub use config::{EngineConfig, EngineError, MAX_WORKERS};
pub use evaluate::{Left, Poison, Spent};
pub use evidence::{Called, Evidence, Filing};
pub use failure::OnFault;
pub use feed::{Epoch, Feed, Intake, LogFeed, PacketFeed, Progress, Seen, Terms};
pub use findings::FIRST_FINDING_SLOT;
pub use generation::{Generation, PluginKey};
pub use image::{RestoreError, Saving, WALKED_AT_ONCE};
pub use merge::OpenFlows;
pub use output::{Notice, Output, TOLD_DATAGRAMS};
pub use parse::ParseCost;
pub use redrive::RedriveError;
pub use run::Engine;
pub use seat::Cost;
pub use stage::{Stage, StageError, Staged};
pub use stop::Stop;
pub use succession::StateLoss;
pub use summary::{PluginSummary, Summary};
pub use workers::WorkerError;
