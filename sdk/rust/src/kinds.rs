//! The body of every kind of event, as [`Batch::rows`](crate::Batch::rows) returns it,
//! and the records and enums in it.

pub use crate::bindings::host::palisade::plugin::types::*;

include!(concat!(env!("OUT_DIR"), "/kinds.rs"));

/// The kind with this code.
#[cfg(not(target_arch = "wasm32"))]
pub(crate) fn from_code(code: u8) -> Option<Kind> {
    CODES.get(code as usize).copied()
}
