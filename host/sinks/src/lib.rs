//! Where findings, decisions and receipts go to stay.

mod evidence;
mod letters;
mod reader;
mod said;
mod sqlite;
mod swaps;

pub use evidence::{EvidenceRow, Reader, SaidRow};
pub use letters::{KeptLetter, LetterLimits, LetterQuery, Letters};
pub use said::{ActRow, DecisionRow, LetterPlugin, LetterRow, Outcome, Said, SwapRow};
pub use sqlite::{Sqlite, SqliteError};
pub use swaps::Swaps;
