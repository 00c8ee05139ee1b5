//! Write Palisade plugins in Rust.
//!
//! A plugin is a type that implements one trait and one line that exports it:
//! [`Detector`] and [`export_detector!`], [`Policy`] and [`export_policy!`], or
//! [`Parser`] and [`export_parser!`]. During a call it reads the columns that it needs
//! from the [`Batch`], picks rows, and says what it found with a [`Finding`]. What it
//! does not call, it does not import, so a plugin is linked with nothing beyond its
//! manifest.
//!
//! ```
//! use palisade_sdk::{Batch, Detector, Finding, Settings, SettingsError, field};
//!
//! struct Telnet;
//!
//! impl Detector for Telnet {
//!     fn configure(_: &Settings) -> Result<Self, SettingsError> {
//!         Ok(Telnet)
//!     }
//!
//!     fn evaluate(&mut self, batch: &Batch) {
//!         for (row, port) in batch.u16s(field!("dst.port")).iter().enumerate() {
//!             if *port == 23 {
//!                 Finding::new("telnet-1").row(row).summary("telnet in use").emit();
//!             }
//!         }
//!     }
//! }
//!
//! palisade_sdk::export_detector!(Telnet);
//! ```
//!
//! On any target but wasm32 the host's functions are answered by the in-memory host of
//! [`testing`], so that `cargo test` runs the same code.

extern crate self as palisade_sdk;

mod batch;
#[doc(hidden)]
pub mod bindings;
mod column;
mod datasets;
mod export;
mod field;
mod finding;
mod host;
pub mod kinds;
pub mod log;
#[cfg(target_arch = "wasm32")]
mod panic;
mod parser;
mod policy;
mod sessions;
mod settings;
mod state;
mod tables;
#[cfg(not(target_arch = "wasm32"))]
pub mod testing;
pub mod time;
pub mod timers;

#[doc(hidden)]
pub use wit_bindgen::rt as __rt;

pub use batch::{Batch, Row, Valid, rows_where};
pub use bindings::host::palisade::plugin::types::{
    ApprovalAsk, Attribute, AttributeValue, Envelope, EventRef, Kind, Obligation, Severity,
    Timestamp,
};
pub use column::{Addresses, Text};
pub use datasets::{Dataset, DatasetEntry, Hit};
#[doc(hidden)]
pub use export::glue;
pub use export::{Detector, Observe, OnTimer};
pub use field::{AttributeName, Field};
pub use finding::{Action, BlockScope, Finding, retract};
pub use parser::{Chunk, Direction, Outcome, Parser, Recognition, Transport};
pub use policy::{Judgement, Policy, Verdict};
pub use settings::{Settings, SettingsError};
pub use state::Table;
pub use tables::{EventRow, Tables};
pub use timers::Fired;

/// The Rust code of the README compiles.
#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;
