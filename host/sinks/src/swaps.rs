//! Reading back which swaps there were, while the database is written.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, params};

use crate::sqlite::SqliteError;

/// How long whoever writes is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

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
        let file = path.display().to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = Connection::open_with_flags(path, flags);
        let open = open.and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            Ok(connection)
        });
        match open {
            Ok(connection) => Ok(Swaps { file, connection }),
            Err(source) => Err(SqliteError::Sqlite { file, source }),
        }
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
