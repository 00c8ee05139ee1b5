//! Where the evidence of what was said is, and reading back what was said.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OpenFlags, OptionalExtension as _, Row, Transaction, params};

use crate::sqlite::{Sqlite, SqliteError, signed};

/// How long whoever writes is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// The tables, which schema 3 has added, and the view that joins them.
pub(crate) const TABLES: &str = "
create table evidence_calls (
    epoch integer not null,
    call integer not null,
    record integer not null,
    bytes integer not null,
    digest text not null,
    component text not null,
    reproduced integer,
    primary key (epoch, call)
) strict;
create index evidence_calls_by_record on evidence_calls (record);
create index evidence_calls_by_component on evidence_calls (component);
create index evidence_calls_by_reproduced on evidence_calls (reproduced) where reproduced = 0;
create table evidence_of (
    epoch integer not null,
    number integer not null,
    call integer not null,
    primary key (epoch, number, call)
) strict, without rowid;
create view evidence as
    select epoch, number, call, record, bytes, digest, component, reproduced
    from evidence_of join evidence_calls using (epoch, call);
";

/// Where a call, and what came out of it, has its evidence.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvidenceRow {
    /// The epoch.
    pub epoch: u64,
    /// The numbers of the findings and decisions in it that came of the call.
    pub numbers: Vec<u32>,
    /// The number of the call among those of the epoch that have evidence.
    pub call: u32,
    /// The record that has the evidence of the epoch.
    pub record: u64,
    /// Bytes of the call's evidence.
    pub bytes: u64,
    /// BLAKE3 of these, as 64 hexadecimal digits.
    pub digest: String,
    /// The digest of the component.
    pub component: String,
    /// Whether the same came of the call when it was executed once more; `None`: it was not.
    pub reproduced: Option<bool>,
}

impl EvidenceRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<EvidenceRow> {
        let number = |at: usize| -> rusqlite::Result<u64> {
            Ok(u64::try_from(row.get::<_, i64>(at)?).unwrap_or(0))
        };
        Ok(EvidenceRow {
            epoch: number(0)?,
            numbers: vec![row.get(1)?],
            call: row.get(2)?,
            record: number(3)?,
            bytes: number(4)?,
            digest: row.get(5)?,
            component: row.get(6)?,
            reproduced: row.get(7)?,
        })
    }
}

/// Inserts rows, in place of what is there for the same.
pub(crate) fn insert(transaction: &Transaction<'_>, rows: &[EvidenceRow]) -> rusqlite::Result<()> {
    let call = "insert or replace into evidence_calls values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    let mut call = transaction.prepare_cached(call)?;
    let of = "insert or replace into evidence_of values (?1, ?2, ?3)";
    let mut of = transaction.prepare_cached(of)?;
    for row in rows {
        call.execute(params![
            signed(row.epoch),
            row.call,
            signed(row.record),
            signed(row.bytes),
            row.digest,
            row.component,
            row.reproduced,
        ])?;
        for number in &row.numbers {
            of.execute(params![signed(row.epoch), number, row.call])?;
        }
    }
    Ok(())
}

impl Sqlite {
    /// The last record of evidence that the database knows of, 0 where there is none.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn last_evidence(&self) -> Result<u64, SqliteError> {
        let select = "select coalesce(max(record), 0) from evidence_calls";
        let last = self
            .connection
            .query_row(select, [], |row| row.get::<_, i64>(0));
        Ok(last.map_err(self.error())?.try_into().unwrap_or(0))
    }

    /// Takes where evidence is of what was said before, and forgets records before `first`.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn take_evidence(&mut self, rows: &[EvidenceRow], first: u64) -> Result<(), SqliteError> {
        let error = self.error();
        let transaction = self.connection.transaction().map_err(&error)?;
        insert(&transaction, rows).map_err(&error)?;
        let of = "delete from evidence_of where epoch in \
                  (select epoch from evidence_calls where record < ?1)";
        let calls = "delete from evidence_calls where record < ?1";
        for remove in [of, calls] {
            transaction
                .execute(remove, [signed(first)])
                .map_err(&error)?;
        }
        transaction.commit().map_err(&error)
    }

    /// Marks calls, by epoch and number of the call, by whether the same came of them when they
    /// were executed once more.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn mark_reproduced(&mut self, calls: &[(u64, u32, bool)]) -> Result<(), SqliteError> {
        let error = self.error();
        let transaction = self.connection.transaction().map_err(&error)?;
        let update = "update evidence_calls set reproduced = ?3 where epoch = ?1 and call = ?2";
        for (epoch, call, same) in calls {
            let done = transaction
                .prepare_cached(update)
                .and_then(|mut update| update.execute(params![signed(*epoch), call, same]));
            done.map_err(&error)?;
        }
        transaction.commit().map_err(&error)
    }

    /// The components that evidence names.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn evidence_components(&self) -> Result<BTreeSet<String>, SqliteError> {
        let error = self.error();
        let select = "select distinct component from evidence_calls";
        let mut select = self.connection.prepare_cached(select).map_err(&error)?;
        let rows = select.query_map([], |row| row.get(0));
        rows.and_then(Iterator::collect).map_err(&error)
    }
}

/// A finding or a decision, as the database has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SaidRow {
    /// A finding, as JSON.
    Finding(String),
    /// A decision, as JSON.
    Decision(String),
}

/// A database that is open for reading, while another process may write it.
pub struct Reader {
    file: String,
    connection: Connection,
}

impl Reader {
    /// Opens a database that is there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Reader, SqliteError> {
        let file = path.display().to_string();
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let open = Connection::open_with_flags(path, flags);
        let open = open.and_then(|connection| {
            connection.busy_timeout(PATIENCE)?;
            Ok(connection)
        });
        match open {
            Ok(connection) => Ok(Reader { file, connection }),
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

    /// What came out with this number of an epoch.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn said(&self, epoch: u64, number: u32) -> Result<Option<SaidRow>, SqliteError> {
        let find = |table: &str| {
            let select = format!("select json from {table} where epoch = ?1 and number = ?2");
            self.connection
                .query_row(&select, params![signed(epoch), number], |row| row.get(0))
                .optional()
                .map_err(self.error())
        };
        if let Some(json) = find("findings")? {
            return Ok(Some(SaidRow::Finding(json)));
        }
        Ok(find("decisions")?.map(SaidRow::Decision))
    }

    /// Where the evidence of it is, call by call.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn evidence(&self, epoch: u64, number: u32) -> Result<Vec<EvidenceRow>, SqliteError> {
        let error = self.error();
        let select = "select epoch, number, call, record, bytes, digest, component, reproduced \
                      from evidence where epoch = ?1 and number = ?2 order by call";
        let mut select = self.connection.prepare(select).map_err(&error)?;
        let rows = select.query_map(params![signed(epoch), number], EvidenceRow::read);
        rows.and_then(Iterator::collect).map_err(&error)
    }

    /// The receipt of the swap that began a generation, as JSON.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn receipt(&self, generation: u64) -> Result<Option<String>, SqliteError> {
        let select = "select json from swaps where generation = ?1";
        let row = self
            .connection
            .query_row(select, [signed(generation)], |row| row.get(0));
        row.optional().map_err(self.error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(epoch: u64, numbers: &[u32], record: u64) -> EvidenceRow {
        EvidenceRow {
            epoch,
            numbers: numbers.to_vec(),
            call: 0,
            record,
            bytes: 9,
            digest: "d".into(),
            component: format!("c{epoch}"),
            reproduced: None,
        }
    }

    #[test]
    fn evidence_is_found_marked_replaced_and_forgotten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.sqlite");
        let mut sqlite = Sqlite::open(&path).unwrap();
        assert_eq!(sqlite.last_evidence().unwrap(), 0);
        sqlite
            .take_evidence(&[row(5, &[0, 1], 1), row(6, &[0], 2)], 1)
            .unwrap();
        sqlite.mark_reproduced(&[(5, 0, false)]).unwrap();
        let reader = Reader::open(&path).unwrap();
        for number in [0, 1] {
            let found = reader.evidence(5, number).unwrap();
            assert_eq!(found[0].reproduced, Some(false));
        }
        // Made again after a crash, under another number.
        sqlite.take_evidence(&[row(6, &[0], 3)], 1).unwrap();
        assert_eq!(reader.evidence(6, 0).unwrap(), [row(6, &[0], 3)]);
        assert_eq!(sqlite.last_evidence().unwrap(), 3);
        assert_eq!(sqlite.evidence_components().unwrap().len(), 2);
        sqlite.take_evidence(&[], 2).unwrap();
        assert!(reader.evidence(5, 0).unwrap().is_empty());
        assert_eq!(sqlite.evidence_components().unwrap().len(), 1);
        assert_eq!(reader.said(6, 0).unwrap(), None);
        assert_eq!(reader.receipt(2).unwrap(), None);
    }

    #[test]
    fn a_database_of_schema_2_gets_the_table() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.sqlite");
        drop(Sqlite::open(&path).unwrap());
        let before = Connection::open(&path).unwrap();
        before
            .execute_batch(
                "drop view evidence; drop table evidence_calls; drop table evidence_of; \
                 drop table acts; drop table dead_letters; \
                 pragma user_version = 2",
            )
            .unwrap();
        drop(before);
        let mut sqlite = Sqlite::open(&path).unwrap();
        sqlite.take_evidence(&[row(1, &[0], 1)], 1).unwrap();
        drop(sqlite);
        assert_eq!(Sqlite::open(&path).unwrap().last_evidence().unwrap(), 1);
    }
}
