//! Captures as sources: packets from files that arrive in a directory, or from an interface.
//!
//! Whatever they come from, packets become [rows](rows) of the journal, and the same rows make the
//! same epochs, now and when they are done again: a [`CaptureStream`] takes them through the flow
//! table of its source. A [`Directory`] reads files and knows how many packets of which it has
//! read; an [`Interface`] takes what the kernel gives it, and counts what it does not.
//!
//! Flow tables and what parsers remember are in no snapshot. A snapshot says which flows were open,
//! and in which record of the journal the first of them began; after a start their packets are
//! taken from there [once more](rebuild), evaluating nothing.

mod directory;
mod file;
mod interface;
mod listing;
pub(crate) mod options;
mod rebuild;
mod rows;
mod source;
mod state;
mod stream;

pub use options::WhenDone;
pub(crate) use rebuild::rebuild;
pub(crate) use source::{CaptureSource, is_capture, share_anew};
pub(crate) use state::{Captures, Gap};
pub(crate) use stream::{CaptureImage, CaptureStream, Marks, remember_capture};
