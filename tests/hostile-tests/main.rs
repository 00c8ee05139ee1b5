//! Hostile guests: each is contained with an error of its own, and an innocent guest beside
//! it finds what it finds without it.
//!
//! Guests in Rust are those of `tests/hostile`, as `palisade plugin build` has built them;
//! without them these tests skip. What Rust cannot express is assembled here.

#![allow(clippy::result_large_err, reason = "a load error says what and where")]

mod assembled;
mod budgets;
mod calls;
mod compiling;
mod components;
mod debug_files;
mod failure_modes;
mod findings;
mod memory;
mod mutants;
mod panics;
mod parsers;
mod peaks;
mod policies;
mod process;
mod signals;
mod stage;
mod state;
mod terminal;
