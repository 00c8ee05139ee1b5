//! Reference sets that the operator loads; needs the capability `datasets`.

use crate::{Field, host};

pub use crate::bindings::host::palisade::plugin::datasets::{Entry as DatasetEntry, Hit};

/// A dataset of the manifest, by its position there, from 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dataset(pub u32);

impl Dataset {
    /// Which rows' `field` matches an entry at the row's time; by row, then by entry.
    /// Addresses match networks that contain them, text matches domains by whole labels
    /// from the right, and everything else in full. Traps for a field or row that is not
    /// in the batch.
    #[track_caller]
    pub fn matches(self, field: Field, rows: &[u32]) -> Vec<Hit> {
        host::datasets::matches(self.0, field.0, rows)
    }

    /// The entries whose canonical value is `value`, whatever the time.
    #[track_caller]
    pub fn lookup(self, value: &str) -> Vec<u32> {
        host::datasets::lookup(self.0, value)
    }

    /// The entries with these numbers; at most 1,024.
    #[track_caller]
    pub fn entries(self, entries: &[u32]) -> Vec<DatasetEntry> {
        host::datasets::entries(self.0, entries)
    }
}
