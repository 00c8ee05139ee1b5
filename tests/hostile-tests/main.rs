//! Hostile guests: each is contained with an error of its own, and an innocent guest beside
//! it finds what it finds without it.
//!
//! Guests in Rust are those of `tests/hostile`, as `palisade plugin build` has built them;
//! without them these tests skip. What Rust cannot express is assembled here.

#![allow(clippy::result_large_err, reason = "a load error says what and where")]

mod assembled;
mod calls;
mod compiling;
mod components;
mod debug_files;
mod failure_modes;
mod findings;
mod mutants;
mod parsers;
mod policies;
mod stage;
mod state;
mod terminal;
