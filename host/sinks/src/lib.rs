//! Where findings, decisions and receipts go to stay.

mod letters;
mod reader;
mod said;
mod sqlite;
mod swaps;

pub use letters::{KeptLetter, LetterLimits, LetterQuery, Letters};
pub use said::{ActRow, DecisionRow, LetterPlugin, LetterRow, Outcome, Said, SwapRow};
pub use sqlite::{Sqlite, SqliteError};
pub use swaps::Swaps;
