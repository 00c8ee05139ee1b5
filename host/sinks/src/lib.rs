//! Where findings, decisions and receipts go to stay.

mod evidence;
mod said;
mod sqlite;
mod swaps;

pub use evidence::{EvidenceRow, Reader, SaidRow};
pub use said::{DecisionRow, Outcome, Said, SwapRow};
pub use sqlite::{Sqlite, SqliteError};
pub use swaps::Swaps;
