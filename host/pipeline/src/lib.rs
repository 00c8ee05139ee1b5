//! Turns inputs into events and runs them through plugins.

pub mod capture;
pub mod enrich;
pub mod flow;
pub mod sources;
pub mod state;
