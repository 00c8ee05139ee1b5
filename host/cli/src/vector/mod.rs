//! Vectors: what goes into a plugin, and what must come out.
//!
//! ```text
//! vectors/<name>/
//!   given.ndjson          events of before, whose findings do not count
//!   events.ndjson         events in: detectors and observing policies
//!   request.ndjson        requests in: policies, one decision each
//!   input.pcap            packets in: parsers, and detectors behind parsers
//!   datasets/<name>.ndjson  entries of a dataset that the manifest declares
//!   vector.toml           how it is run: plugins of the same pack that run beside it
//!   settings.toml         settings that differ from the manifest's defaults, see [`settings`]
//!   networks.toml         what addresses belong to whom
//!   expected.ndjson       findings, decisions, or events and errors out, see [`golden`]
//! ```
//!
//! Exactly one of `events.ndjson`, `request.ndjson` and `input.pcap` is there. Mandatory
//! fields that an event lacks are neutral. Any other file is an error: a vector whose
//! input is misspelt would pass by having none.

mod compare;
mod expected;
mod golden;
mod read;
mod settings;

pub(crate) use compare::{changed_lines, difference, first_difference};
pub(crate) use expected::hints;
pub(crate) use golden::{decision, error, event, finding};
pub(crate) use read::{DATASETS, Input, MAX_FILE_BYTES, NETWORKS, Vector, find_all, find_in, line};
pub(crate) use settings::SETTINGS;
