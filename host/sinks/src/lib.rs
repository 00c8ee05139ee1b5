//! Where findings, decisions and receipts go to stay.

mod said;
mod sqlite;
mod swaps;

pub use said::{DecisionRow, Outcome, Said, SwapRow};
pub use sqlite::{Sqlite, SqliteError};
pub use swaps::Swaps;
