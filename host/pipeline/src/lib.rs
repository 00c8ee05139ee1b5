//! Turns inputs into events and runs them through plugins.

pub mod capture;
pub mod flow;
pub mod state;
