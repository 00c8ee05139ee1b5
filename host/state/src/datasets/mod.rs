//! Datasets: reference sets that the operator loads for plugins and predicates.
//!
//! A [`Dataset`] is read once from NDJSON, is identified by the BLAKE3 digest of its file,
//! and is shared by all shards and plugins that name it. See `datasets.wit` for what matches
//! what.

mod entries;
mod entry;
mod error;
mod index;
mod load;
mod networks;

use palisade_events::{Column, Digest};

pub use entry::{Entry, EntryKind, MAX_SAME_VALUE, MAX_VALUE};
pub use error::{DatasetError, QueryError};
pub use index::Scratch;

use entries::Entries;
use index::Index;

#[cfg(test)]
mod tests;

/// Most matches that one call is told of.
pub const MAX_HITS: usize = 65_536;

/// How large a dataset may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DatasetLimits {
    /// Bytes of the file.
    pub bytes: u64,
    /// Entries; at most `u32::MAX - 1` in any case.
    pub entries: usize,
    /// Bytes that it takes in memory, with its index, however little of it there is.
    pub held: u64,
}

impl Default for DatasetLimits {
    /// 256 MiB, 1,000,000 entries, and 256 MiB as they are held.
    fn default() -> Self {
        DatasetLimits {
            bytes: 256 << 20,
            entries: 1_000_000,
            held: 256 << 20,
        }
    }
}

/// A row that matches an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// The row, as the caller numbers them.
    pub row: u32,
    /// The position of the entry.
    pub entry: u32,
}

/// A dataset. Entries keep the positions that they have in the file.
#[derive(Debug)]
pub struct Dataset {
    name: String,
    digest: Digest,
    entries: Entries,
    index: Index,
}

impl Dataset {
    /// Its name, by which manifests refer to it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The BLAKE3 digest of its file.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// Its entries, in the order of the file.
    pub fn entries(&self) -> impl Iterator<Item = Entry> {
        (0..).map_while(|position| self.entry(position))
    }

    /// The entry at this position, from 0.
    pub fn entry(&self, position: u32) -> Option<Entry> {
        self.entries.get(position)
    }

    /// Bytes that it takes in memory, with its index.
    pub fn held(&self) -> u64 {
        (self.entries.held() + self.index.held()) as u64
    }

    /// Which rows match which entries, by row in the order given, then by entry; each pair
    /// once. `rows` are rows of the column, each with the time of its event.
    ///
    /// # Errors
    /// When there are more than [`MAX_HITS`].
    pub fn matches(
        &self,
        column: &Column,
        rows: impl Iterator<Item = (u32, u64)>,
    ) -> Result<Vec<Hit>, QueryError> {
        let mut hits = Vec::new();
        let mut of_row = Vec::new();
        let mut scratch = Scratch::default();
        for (row, time) in rows {
            of_row.clear();
            for at in column.range(row as usize).filter(|at| column.is_valid(*at)) {
                let found = |entry: u32| {
                    if self.entries.is_valid_at(entry, time) {
                        of_row.push(entry);
                    }
                    of_row.len() <= MAX_HITS
                };
                self.index
                    .matches(&self.entries, &column.values, at, &mut scratch, found);
            }
            of_row.sort_unstable();
            of_row.dedup();
            if hits.len() + of_row.len() > MAX_HITS {
                return Err(QueryError::TooManyHits(MAX_HITS));
            }
            hits.extend(of_row.iter().map(|entry| Hit { row, entry: *entry }));
        }
        Ok(hits)
    }

    /// Whether value `at` of a column matches an entry at this time.
    pub fn contains(&self, column: &Column, at: usize, time: u64, scratch: &mut Scratch) -> bool {
        let mut contains = false;
        let found = |entry: u32| {
            contains = self.entries.is_valid_at(entry, time);
            !contains
        };
        self.index
            .matches(&self.entries, &column.values, at, scratch, found);
        contains
    }

    /// The positions of the entries with this canonical value, whatever the time.
    pub fn lookup(&self, value: &str) -> Vec<u32> {
        self.index.lookup(&self.entries, value)
    }
}
