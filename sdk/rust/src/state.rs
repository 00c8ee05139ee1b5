//! Tables that the host keeps for the plugin's pack; needs the capability `state`.

use crate::{EventRef, Field, host};

/// A table of the manifest, by its position there, from 0. Rows are applied in the order
/// given, and the answer holds the value after each row; a row that lacks a key field is
/// not counted and answers 0. Every method traps for a table of another kind and for a
/// row that is not in the batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Table(pub u32);

impl Table {
    /// Adds 1 for each row to its key's window (`kind = "count"`): how many it then holds.
    #[track_caller]
    pub fn count(self, rows: &[u32]) -> Vec<u64> {
        host::state::count(self.0, rows)
    }

    /// As [`count`](Self::count), adding the column `field` (`kind = "sum"`), saturating.
    #[track_caller]
    pub fn sum(self, field: Field, rows: &[u32]) -> Vec<u64> {
        host::state::sum(self.0, field.0, rows)
    }

    /// How many distinct values of `field` the key's window holds (`kind = "distinct"`).
    #[track_caller]
    pub fn distinct(self, field: Field, rows: &[u32]) -> Vec<u64> {
        host::state::distinct(self.0, field.0, rows)
    }

    /// For each row whether its key was not in the table (`kind = "first"`), and puts it in.
    #[track_caller]
    pub fn first(self, rows: &[u32]) -> Vec<bool> {
        host::state::first(self.0, rows)
            .into_iter()
            .map(|first| first != 0)
            .collect()
    }

    /// The last 16 events that changed the value of the row's key, oldest first.
    #[track_caller]
    pub fn citations(self, row: u32) -> Vec<EventRef> {
        host::state::citations(self.0, row)
    }

    /// The value under a key that the plugin makes itself (`kind = "value"`).
    #[track_caller]
    pub fn get(self, key: &str) -> Option<Vec<u8>> {
        host::state::get(self.0, key)
    }

    /// Puts a value of at most 64 KiB under a key of at most 256 bytes. Traps beyond.
    #[track_caller]
    pub fn put(self, key: &str, value: &[u8]) {
        host::state::put(self.0, key, value);
    }

    /// Removes a key; nothing happens when it is not there.
    #[track_caller]
    pub fn remove(self, key: &str) {
        host::state::remove(self.0, key);
    }
}
