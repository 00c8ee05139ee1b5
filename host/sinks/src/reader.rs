//! Databases that are open for reading while they are written.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags};

use crate::sqlite::SqliteError;

/// How long whoever writes is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// Opens a database that is there for reading; with its name, for messages.
pub(crate) fn open(path: &Path) -> Result<(String, Connection), SqliteError> {
    let file = path.display().to_string();
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let open = Connection::open_with_flags(path, flags);
    let open = open.and_then(|connection| {
        connection.busy_timeout(PATIENCE)?;
        Ok(connection)
    });
    match open {
        Ok(connection) => Ok((file, connection)),
        Err(source) => Err(SqliteError::Sqlite { file, source }),
    }
}
