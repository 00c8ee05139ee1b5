//! Reading back which swaps there were, while the database is written.

use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};

use crate::reader;
use crate::sqlite::SqliteError;

/// The swaps in a database, which is open for reading.
pub struct Swaps {
    file: String,
    connection: Connection,
}

impl Swaps {
    /// Opens a database that is there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Swaps, SqliteError> {
        let (file, connection) = reader::open(path)?;
        Ok(Swaps { file, connection })
    }

    fn error(&self) -> impl Fn(rusqlite::Error) -> SqliteError + use<> {
        let file = self.file.clone();
        move |source| SqliteError::Sqlite {
            file: file.clone(),
            source,
        }
    }

    /// At most `limit` receipts, as JSON, of the generations after `after`, in their order.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self, after: u64, limit: u32) -> Result<Vec<String>, SqliteError> {
        let error = self.error();
        let select = "select json from swaps where generation > ?1 order by generation limit ?2";
        let mut select = self.connection.prepare(select).map_err(&error)?;
        let after = i64::try_from(after).unwrap_or(i64::MAX);
        let rows = select.query_map(params![after, limit], |row| row.get(0));
        rows.and_then(Iterator::collect).map_err(&error)
    }

    /// The receipt of the act, other than a swap, of the request with this key, as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn act_by_key(&self, key: &str) -> Result<Option<String>, SqliteError> {
        let select = "select json from acts where request_key = ?1 order by epoch limit 1";
        let row = self.connection.query_row(select, [key], |row| row.get(0));
        row.optional().map_err(self.error())
    }

    /// The receipt of the request with this key, as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn by_key(&self, key: &str) -> Result<Option<String>, SqliteError> {
        let select = "select json from swaps where request_key = ?1 order by generation limit 1";
        let row = self.connection.query_row(select, [key], |row| row.get(0));
        row.optional().map_err(self.error())
    }
}
