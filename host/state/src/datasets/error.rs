//! Why a dataset is refused.

use super::entry::MAX_SAME_VALUE;

/// Why a file is no dataset. Messages name the dataset, the line and the field.
#[derive(Debug, thiserror::Error)]
pub enum DatasetError {
    /// The file cannot be read.
    #[error("dataset `{dataset}` cannot be read: {source}")]
    Read {
        /// The dataset.
        dataset: String,
        /// Why.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("dataset `{dataset}` has more than {limit} bytes; split it or raise the limit")]
    TooLarge {
        /// The dataset.
        dataset: String,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// There are too many entries.
    #[error("dataset `{dataset}` has more than {limit} entries; split it or raise the limit")]
    TooMany {
        /// The dataset.
        dataset: String,
        /// How many entries are allowed.
        limit: usize,
    },
    /// The entries take too much memory.
    #[error(
        "dataset `{dataset}`, line {line}: the entries up to here take more than the {limit} bytes \
         that are left for it of the memory for datasets, a quarter of `--memory`; give more \
         memory, or leave out entries or fields"
    )]
    TooHeavy {
        /// The dataset.
        dataset: String,
        /// The line, from 1.
        line: u64,
        /// How many bytes are allowed.
        limit: u64,
    },
    /// A line is no entry.
    #[error("dataset `{dataset}`, line {line}{}: {problem}", in_field(.field))]
    Line {
        /// The dataset.
        dataset: String,
        /// The line, from 1.
        line: u64,
        /// The field; empty: the line as a whole.
        field: String,
        /// What is wrong, and what to write.
        problem: String,
    },
    /// The host has panicked over it.
    #[error("dataset `{dataset}`: the host panicked while it read it: {source}")]
    Panicked {
        /// The dataset.
        dataset: String,
        /// What the panic said.
        source: palisade_events::Panicked,
    },
    /// Too many entries have one value.
    #[error(
        "dataset `{dataset}`, line {line}, field `value`: more than {MAX_SAME_VALUE} entries \
         have this value; merge them"
    )]
    SameValue {
        /// The dataset.
        dataset: String,
        /// The line of an entry that is one too many, from 1.
        line: u64,
    },
}

fn in_field(field: &str) -> String {
    match field {
        "" => String::new(),
        field => format!(", field `{field}`"),
    }
}

/// Why a dataset refuses a call. It is a fault of the plugin.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueryError {
    /// There is no such dataset.
    #[error("there is no dataset {0}, counted from 0; plugin.toml declares {1}")]
    NoDataset(usize, usize),
    /// There is no such entry.
    #[error("entry {0} is not there; the dataset has {1}")]
    NoEntry(u32, usize),
    /// Too many rows match too many entries.
    #[error("more than {0} matches in one call; ask for fewer rows at a time")]
    TooManyHits(usize),
}
