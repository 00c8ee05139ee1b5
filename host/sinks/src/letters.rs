//! Dead letters in the database: written with everything else, read back while it is written, and
//! let go when there are too many or they are too old.

use std::path::Path;
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use crate::reader;
use crate::said::{LetterPlugin, LetterRow};
use crate::sqlite::SqliteError;

/// How many letters are kept, and for how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LetterLimits {
    /// Bytes of all of them; beyond that the oldest go of the tenants that have the most.
    pub bytes: u64,
    /// How long one is kept.
    pub age: Duration,
}

impl Default for LetterLimits {
    /// 256 MiB, for 30 days.
    fn default() -> LetterLimits {
        LetterLimits {
            bytes: 256 << 20,
            age: Duration::from_secs(30 * 24 * 3600),
        }
    }
}

/// A letter as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptLetter {
    /// The epoch that it is of, and its number there: what it is known by.
    pub id: (u64, u32),
    /// When it was kept, in nanoseconds since 1970.
    pub kept: u64,
    /// The epoch in which it was shown once more.
    pub redriven: Option<u64>,
    /// What it says.
    pub letter: LetterRow,
}

/// Which letters are listed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LetterQuery {
    /// Those after this one.
    pub after: (u64, u32),
    /// Those of the plugin with this name.
    pub plugin: Option<String>,
    /// Those that were not shown once more yet.
    pub open: bool,
}

pub(crate) fn insert(
    transaction: &Transaction<'_>,
    (epoch, number): (i64, u32),
    letter: &LetterRow,
    now: i64,
) -> rusqlite::Result<usize> {
    let none = LetterPlugin::default();
    let plugin = letter.plugin.as_ref().unwrap_or(&none);
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    let insert = "insert into dead_letters values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, \
                  ?12, ?13, ?14, ?15, null)";
    transaction.prepare_cached(insert)?.execute(params![
        epoch,
        number,
        now,
        signed(letter.time),
        letter.tenant,
        letter.source,
        plugin.pack,
        plugin.name,
        plugin.digest,
        plugin.export,
        letter.event_ref.map(signed),
        letter.reason,
        letter.backtrace,
        letter.json,
        letter.whole,
    ])
}

/// Marks a letter as shown once more. One that is gone meanwhile needs no mark.
pub(crate) fn redriven(
    transaction: &Transaction<'_>,
    (of, at): (u64, u32),
    epoch: i64,
) -> rusqlite::Result<usize> {
    let update = "update dead_letters set redriven = ?3 where epoch = ?1 and number = ?2";
    let of = i64::try_from(of).unwrap_or(i64::MAX);
    transaction
        .prepare_cached(update)?
        .execute(params![of, at, epoch])
}

/// Bytes of a letter, in SQL.
const SIZE: &str = "length(json) + length(backtrace) + length(reason) + 256";

/// Bytes of all letters.
pub(crate) fn bytes(connection: &Connection) -> rusqlite::Result<u64> {
    let sum = format!("select coalesce(sum({SIZE}), 0) from dead_letters");
    let bytes: i64 = connection.query_row(&sum, [], |row| row.get(0))?;
    Ok(bytes.try_into().unwrap_or(0))
}

/// How much each tenant may keep, so that all have no more than `most` together: those that have
/// less keep all of it.
fn share(mut held: Vec<u64>, most: u64) -> u64 {
    held.sort_unstable();
    let (mut left, mut others) = (most, held.len() as u64);
    for held in held {
        let share = left / others;
        if held > share {
            return share;
        }
        (left, others) = (left - held, others - 1);
    }
    u64::MAX
}

/// Lets go of letters that are too old, and of the oldest where there are too many; how many.
pub(crate) fn let_go(
    connection: &mut Connection,
    limits: LetterLimits,
    now: i64,
) -> rusqlite::Result<u64> {
    let age = i64::try_from(limits.age.as_nanos()).unwrap_or(i64::MAX);
    let transaction = connection.transaction()?;
    let old = "delete from dead_letters where kept < ?1";
    let mut gone = transaction.execute(old, [now.saturating_sub(age)])? as u64;
    let held = bytes(&transaction)?;
    if held > limits.bytes {
        // An eighth more, so that it is not done again at once.
        let most = limits.bytes - limits.bytes / 8;
        let of_each = format!("select sum({SIZE}) from dead_letters group by tenant");
        let of_each: Vec<u64> = transaction
            .prepare(&of_each)?
            .query_map([], |row| Ok(row.get::<_, i64>(0)?.try_into().unwrap_or(0)))?
            .collect::<rusqlite::Result<_>>()?;
        let share = i64::try_from(share(of_each, most)).unwrap_or(i64::MAX);
        let oldest = format!(
            "delete from dead_letters where (epoch, number) in (select epoch, number from (select \
             epoch, number, sum({SIZE}) over (partition by tenant order by epoch desc, number desc) \
             as newer from dead_letters) where newer > ?1)"
        );
        gone += transaction.execute(&oldest, [share])? as u64;
    }
    transaction.commit()?;
    Ok(gone)
}

/// The letters in a database, which is open for reading.
pub struct Letters {
    file: String,
    connection: Connection,
}

impl Letters {
    /// Opens a database that is there.
    ///
    /// # Errors
    /// When it cannot be opened.
    pub fn open(path: &Path) -> Result<Letters, SqliteError> {
        let (file, connection) = reader::open(path)?;
        Ok(Letters { file, connection })
    }

    fn error(&self) -> impl Fn(rusqlite::Error) -> SqliteError + use<> {
        let file = self.file.clone();
        move |source| SqliteError::Sqlite {
            file: file.clone(),
            source,
        }
    }

    /// At most `limit` letters, in the order of their ids, each without its event and its frames,
    /// which may be a MiB.
    ///
    /// # Errors
    /// When they cannot be read.
    pub fn list(&self, query: &LetterQuery, limit: u32) -> Result<Vec<KeptLetter>, SqliteError> {
        let error = self.error();
        let select = "select epoch, number, kept, time, tenant, source, pack, plugin, digest, export, \
                      event_ref, reason, '' as backtrace, '' as json, whole, redriven from \
                      dead_letters where (epoch, number) > (?1, ?2) and (?3 is null or plugin = ?3) \
                      and (?4 = 0 or redriven is null) order by epoch, number limit ?5";
        let mut select = self.connection.prepare(select).map_err(&error)?;
        let after = i64::try_from(query.after.0).unwrap_or(i64::MAX);
        let given = params![after, query.after.1, query.plugin, query.open, limit];
        let rows = select.query_map(given, letter);
        rows.and_then(Iterator::collect).map_err(&error)
    }

    /// The letter with an id.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn get(&self, (epoch, number): (u64, u32)) -> Result<Option<KeptLetter>, SqliteError> {
        let select = "select * from dead_letters where epoch = ?1 and number = ?2";
        let epoch = i64::try_from(epoch).unwrap_or(i64::MAX);
        let row = self
            .connection
            .query_row(select, params![epoch, number], letter);
        row.optional().map_err(self.error())
    }
}

fn letter(row: &Row<'_>) -> rusqlite::Result<KeptLetter> {
    let number = |column: &str| -> rusqlite::Result<u64> {
        Ok(row.get::<_, i64>(column)?.try_into().unwrap_or(0))
    };
    let optional = |column: &str| -> rusqlite::Result<Option<u64>> {
        let number: Option<i64> = row.get(column)?;
        Ok(number.and_then(|number| number.try_into().ok()))
    };
    let plugin = LetterPlugin {
        pack: row.get("pack")?,
        name: row.get("plugin")?,
        digest: row.get("digest")?,
        export: row.get("export")?,
    };
    Ok(KeptLetter {
        id: (number("epoch")?, row.get("number")?),
        kept: number("kept")?,
        redriven: optional("redriven")?,
        letter: LetterRow {
            time: number("time")?,
            tenant: row.get("tenant")?,
            source: row.get("source")?,
            plugin: Some(plugin).filter(|plugin| !plugin.name.is_empty()),
            event_ref: optional("event_ref")?,
            reason: row.get("reason")?,
            backtrace: row.get("backtrace")?,
            json: row.get("json")?,
            whole: row.get("whole")?,
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Outcome, Said, Sqlite};

    fn letter_of(plugin: Option<&str>, bytes: usize) -> LetterRow {
        LetterRow {
            plugin: plugin.map(|name| LetterPlugin {
                pack: "p".to_owned(),
                name: name.to_owned(),
                ..LetterPlugin::default()
            }),
            event_ref: plugin.map(|_| 7),
            json: "x".repeat(bytes),
            whole: true,
            ..LetterRow::default()
        }
    }

    fn said(epoch: u64, outcome: Outcome) -> Said {
        Said {
            epoch,
            number: 0,
            outcome,
        }
    }

    #[test]
    fn letters_are_listed_found_and_marked() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut sqlite = Sqlite::open(&path).unwrap();
        let letters: Vec<Said> = [Some("a"), None, Some("b"), Some("a")]
            .into_iter()
            .zip(1..)
            .map(|(plugin, epoch)| said(epoch, Outcome::Letter(Box::new(letter_of(plugin, 10)))))
            .collect();
        sqlite.take(&letters, 4).unwrap();
        sqlite.take(&[said(5, Outcome::Redriven(1, 0))], 5).unwrap();
        let letters = Letters::open(&path).unwrap();
        let ids = |query: LetterQuery| -> Vec<u64> {
            let found = letters.list(&query, 10).unwrap();
            found.iter().map(|letter| letter.id.0).collect()
        };
        assert_eq!(ids(LetterQuery::default()), [1, 2, 3, 4]);
        let listed = letters.list(&LetterQuery::default(), 10).unwrap();
        assert!(listed.iter().all(|letter| letter.letter.json.is_empty()));
        let of_a = LetterQuery {
            plugin: Some("a".to_owned()),
            ..LetterQuery::default()
        };
        assert_eq!(ids(of_a.clone()), [1, 4]);
        let open = LetterQuery {
            open: true,
            ..of_a.clone()
        };
        assert_eq!(ids(open), [4]);
        let after = LetterQuery {
            after: (1, 0),
            ..of_a
        };
        assert_eq!(ids(after), [4]);
        let first = letters.get((1, 0)).unwrap().unwrap();
        assert_eq!((first.redriven, first.letter.event_ref), (Some(5), Some(7)));
        assert_eq!(letters.get((2, 0)).unwrap().unwrap().letter.plugin, None);
        assert_eq!(letters.get((9, 0)).unwrap(), None);
    }

    #[test]
    fn the_oldest_go_where_there_are_too_many_and_the_old_in_any_case() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut sqlite = Sqlite::open(&path).unwrap();
        let limits = LetterLimits {
            bytes: 100_000,
            age: Duration::from_secs(3600),
        };
        sqlite.keep_letters(limits).unwrap();
        for epoch in 1..=50 {
            let letter = Box::new(letter_of(Some("a"), 10_000));
            sqlite
                .take(&[said(epoch, Outcome::Letter(letter))], epoch)
                .unwrap();
            let held = bytes(&Connection::open(&path).unwrap()).unwrap();
            assert!(held <= limits.bytes, "{held} after {epoch}");
        }
        let left = Letters::open(&path).unwrap();
        let left = left.list(&LetterQuery::default(), 100).unwrap();
        let last: Vec<u64> = left.iter().map(|letter| letter.id.0).collect();
        assert!(last.len() >= 6 && last.ends_with(&[49, 50]), "{last:?}");
        assert_eq!(sqlite.letters_let_go(), 50 - last.len() as u64);
        let none = LetterLimits {
            age: Duration::ZERO,
            ..limits
        };
        sqlite.keep_letters(none).unwrap();
        assert_eq!(sqlite.letters_let_go(), 50);
    }

    #[test]
    fn a_tenant_that_has_many_does_not_push_out_another() {
        assert_eq!(share(vec![10, 100, 20], 1000), u64::MAX);
        assert_eq!(share(vec![10, 100, 20], 90), 60);
        assert_eq!(share(vec![50, 50], 40), 20);
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("db");
        let mut sqlite = Sqlite::open(&path).unwrap();
        let limits = LetterLimits {
            bytes: 100_000,
            age: Duration::from_secs(3600),
        };
        sqlite.keep_letters(limits).unwrap();
        for epoch in 1..=60 {
            let mut letter = letter_of(Some("a"), 10_000);
            // Two of one, and then many of another.
            letter.tenant = if epoch <= 2 { "few" } else { "many" }.to_owned();
            let letter = Outcome::Letter(Box::new(letter));
            sqlite.take(&[said(epoch, letter)], epoch).unwrap();
        }
        let left = Letters::open(&path).unwrap();
        let left = left.list(&LetterQuery::default(), 100).unwrap();
        let last: Vec<u64> = left.iter().map(|letter| letter.id.0).collect();
        assert!(
            last.starts_with(&[1, 2]) && last.ends_with(&[59, 60]),
            "{last:?}"
        );
    }
}
