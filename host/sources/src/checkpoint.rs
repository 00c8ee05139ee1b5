//! Where a reader of a log stands between two records, so that another goes on there.

use serde::{Deserialize, Serialize};

use super::recognise::Dialect;
use super::records::{Framing, RecordsState};
use super::zeek::Header;

/// Where a reader stands between two records: all that the bytes before that place mean to those
/// after it. It does not hold what was counted and reported of them, save how many were bad.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Checkpoint {
    pub(super) name: String,
    pub(super) dialect: Dialect,
    pub(super) framing: Framing,
    pub(super) header: Option<Header>,
    pub(super) records: RecordsState,
    pub(super) events: u64,
    pub(super) bad: u64,
    pub(super) mended: u64,
}

/// Why a checkpoint is none that a reader made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("no reader stands there")]
pub struct CheckpointError;

impl Checkpoint {
    /// What the input is called.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Bytes of the input, decompressed, that are done with.
    pub fn offset(&self) -> u64 {
        self.records.offset
    }
}
