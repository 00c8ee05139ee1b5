//! Makes plugins out of what the Rust, C and JavaScript toolchains leave behind.
//!
//! The steps are the same for every language: a world of only those imports that the
//! manifest asks for ([`world`]), a core module from the language's own compiler
//! ([`build`]), a component of it, and the manifest inside it ([`component`]).

pub mod build;
pub mod component;
pub mod manifest;
pub mod world;
