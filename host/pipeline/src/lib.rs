//! Runs events through plugins.

pub mod capabilities;
pub mod engine;
pub mod memory;
pub mod predicates;
pub mod replay;
pub mod sinks;
