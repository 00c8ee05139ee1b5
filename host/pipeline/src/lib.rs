//! Turns inputs into events and runs them through plugins.

pub mod capabilities;
pub mod capture;
pub mod datasets;
pub mod engine;
pub mod enrich;
pub mod flow;
pub mod memory;
pub mod partition;
pub mod predicates;
pub mod sinks;
pub mod sources;
pub mod state;
pub mod timers;
