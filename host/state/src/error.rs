//! Why a table refuses a call.

use palisade_events::ColumnType;

use super::spec::Holds;

/// Why a call on a table is refused. It is a fault of the plugin.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// There is no such table.
    #[error("there is no table {0}, counted from 0; plugin.toml declares {1}")]
    NoTable(usize, usize),
    /// The table holds something else.
    #[error("table `{table}` holds {actual:?}, not {wanted:?}")]
    Kind {
        /// The table.
        table: String,
        /// What it holds.
        actual: Holds,
        /// What the call is for.
        wanted: Holds,
    },
    /// Only whole numbers can be added up.
    #[error("table `{table}` adds up columns of u8 to u64, not of {actual}")]
    NotSummable {
        /// The table.
        table: String,
        /// The type of the column.
        actual: ColumnType,
    },
    /// The call writes too much.
    #[error("the call changes tables more than {0} times; pass fewer rows a call")]
    Journal(usize),
    /// The call writes too many bytes.
    #[error("the call puts more than {0} bytes of keys and values")]
    Written(usize),
}
