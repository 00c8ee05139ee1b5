//! Where findings and decisions go to stay.

mod said;
mod sqlite;

pub use said::{DecisionRow, Outcome, Said};
pub use sqlite::{Sqlite, SqliteError};
