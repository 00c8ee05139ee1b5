//! Reads the WIT package of Palisade into a [`Model`] and generates the code that
//! follows from it. Build scripts call this; WIT stays the single source of kinds,
//! fields and their documentation.

mod emit_guest;
mod emit_types;
mod freeze;
mod load;
mod model;
pub mod names;
pub mod nodes;

pub use emit_guest::{c_header, typescript};
pub use emit_types::event_types;
pub use freeze::{FROZEN, package_digest};
pub use load::load;
pub use model::{Case, Enum, Field, Kind, Model, Record, Ty, Variant};

/// Why a WIT package cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum ModelError {
    /// The text is not WIT.
    #[error("cannot read the WIT package in {0}: {1}")]
    Parse(String, String),
    /// Something that the host relies on is not there.
    #[error("the WIT package has no {0} `{1}`, which the host relies on")]
    Missing(&'static str, String),
    /// A type that the event model does not know.
    #[error("`{0}` is of a type that events cannot hold: {1}")]
    Type(String, String),
    /// Two names that would be one in JSON, in Rust, or by field id.
    #[error("in `{0}` the name `{1}` is taken; rename the field")]
    Collision(String, String),
    /// More fields than the host has bits for.
    #[error("`{0}` has {1} fields; with the envelope at most 128 are possible")]
    TooManyFields(String, usize),
}
