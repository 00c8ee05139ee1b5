//! The embedded sink: one SQLite file, which any tool that reads SQLite can query while it is
//! written.
//!
//! | table | a row is | columns |
//! | --- | --- | --- |
//! | `findings` | a finding, or the withdrawal of findings (`retracted` = 1) | `epoch` and `number` (where it comes in the order of everything), `time` (nanoseconds since 1970), `tenant`, `severity` (0 info to 4 critical), `pack`, `plugin`, `digest` (of the component), `rule`, `subject`, `summary`, `retracted`, `event_ref`, `json` (all of it, as `palisade run --format ndjson` writes it) |
//! | `decisions` | the answer to a request | `epoch`, `number`, `time`, `tenant`, `request` (its id), `kind`, `verdict`, `permitted` (0 or 1), `json` |
//! | `swaps` | a swap of what decides | `generation` (the number of the one that it began), `epoch`, `time`, `kind` (`swap`, `rollback` or `configuration`), `asked_by`, `request_key` (of whoever asked, if any), `before` and `after` (digests of the compositions), `json` (the receipt) |
//! | `acts` | what else an operator did | `epoch`, `time`, `act` (`release` or `redrive`), `asked_by`, `request_key`, `object` (a plugin, or a letter), `json` (the receipt) |
//! | `dead_letters` | an event that a plugin could not be shown, or a record that could not be read | `epoch` and `number` (together its id, written `EPOCH-NUMBER`), `kept` (when, in nanoseconds since 1970), `time`, `tenant`, `source`, `pack`, `plugin`, `digest` (of the component) and `export` (all four empty for a record), `event_ref`, `reason`, `backtrace`, `json` (the event, or where the record stood and how it begins), `whole` (1: `json` is all of it), `redriven` (the epoch in which it was shown once more) |
//! | `evidence` (a view) | where a finding, or a policy's part of a decision, has its evidence | `epoch` and `number` (of the finding or decision), `call` (of the epoch's calls that have evidence), `record` (of the folder `evidence`), `bytes`, `digest` (BLAKE3 of the call's evidence), `component` (its digest), `reproduced` (1: the same came of it when it was executed once more; 0: not reproducible; null: not checked) |
//! | `evidence_calls`, `evidence_of` | the same apart: a call, and what came out of it | |
//! | `progress` | one row | `epoch`: everything up to it is here |
//!
//! Indexes: findings by `time`; by `rule`, `subject`, `tenant` and `severity`, each with `time`;
//! decisions by `time`, by `tenant` and `time`, and by `request`; letters by `plugin` and `pack`. What an epoch made be said comes
//! in one transaction with `progress`, so that nothing is there twice or by halves; rows are
//! inserted and never replaced, so that a repeat would be an error and not be hidden. Texts are as
//! plugins wrote them: whoever shows them escapes them.

use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use palisade_events::{Finding, Severity};
use rusqlite::{Connection, Transaction, params};

use crate::evidence::{self, EvidenceRow};
use crate::letters::{self, LetterLimits};
use crate::said::{ActRow, DecisionRow, Outcome, Said, SwapRow};

/// The version of the schema, as `PRAGMA user_version` gives it.
const SCHEMA: i64 = 3;

const TABLES: &str = "
create table findings (
    epoch integer not null,
    number integer not null,
    time integer not null,
    tenant text not null,
    severity integer not null,
    pack text not null,
    plugin text not null,
    digest text not null,
    rule text not null,
    subject text not null,
    summary text not null,
    retracted integer not null,
    event_ref integer not null,
    json text not null,
    primary key (epoch, number)
) strict;
create index findings_by_time on findings (time);
create index findings_by_rule on findings (rule, time);
create index findings_by_subject on findings (subject, time);
create index findings_by_tenant on findings (tenant, time);
create index findings_by_severity on findings (severity, time);
create table decisions (
    epoch integer not null,
    number integer not null,
    time integer not null,
    tenant text not null,
    request text not null,
    kind text not null,
    verdict text not null,
    permitted integer not null,
    json text not null,
    primary key (epoch, number)
) strict;
create index decisions_by_time on decisions (time);
create index decisions_by_tenant on decisions (tenant, time);
create index decisions_by_request on decisions (request);
create table swaps (
    generation integer primary key,
    epoch integer not null,
    time integer not null,
    kind text not null,
    asked_by text not null,
    request_key text,
    before text not null,
    after text not null,
    json text not null
) strict;
create index swaps_by_key on swaps (request_key);
create table progress (epoch integer not null) strict;
insert into progress values (0);
";

/// What operators did besides swaps, and what was left out.
const OPERATION: &str = "
create table acts (
    epoch integer primary key,
    time integer not null,
    act text not null,
    asked_by text not null,
    request_key text,
    object text not null,
    json text not null
) strict;
create index acts_by_key on acts (request_key);
create table dead_letters (
    epoch integer not null,
    number integer not null,
    kept integer not null,
    time integer not null,
    tenant text not null,
    source text not null,
    pack text not null,
    plugin text not null,
    digest text not null,
    export text not null,
    event_ref integer,
    reason text not null,
    backtrace text not null,
    json text not null,
    whole integer not null,
    redriven integer,
    primary key (epoch, number)
) strict;
create index dead_letters_by_plugin on dead_letters (plugin, pack);
";

/// Why the database cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SqliteError {
    /// SQLite says so.
    #[error("{file}: {source}")]
    Sqlite {
        /// The database.
        file: String,
        /// What SQLite says.
        source: rusqlite::Error,
    },
    /// The file cannot be made or opened.
    #[error("cannot open {file}: {source}")]
    File {
        /// The database.
        file: String,
        /// What the system says.
        source: std::io::Error,
    },
    /// The database is of another version.
    #[error(
        "{file} has schema {found} and this version of Palisade writes schema {SCHEMA}; move it \
         away, and it is made anew from the journal"
    )]
    Schema {
        /// The database.
        file: String,
        /// Its schema.
        found: i64,
    },
    /// A finding cannot be written as JSON, which is a defect of Palisade.
    #[error("a finding cannot be written: {0}; this is a defect of Palisade, please report it")]
    Json(#[from] serde_json::Error),
}

/// A database that is open for writing.
pub struct Sqlite {
    file: String,
    pub(crate) connection: Connection,
    letters: LetterLimits,
    /// Bytes of letters that were taken since it was looked how many there are, which is done once
    /// there may be too many.
    letter_bytes: u64,
    /// When old letters were last looked for, in nanoseconds since 1970.
    looked: i64,
    letters_let_go: u64,
}

impl Sqlite {
    /// Opens a database, or makes one where there is none.
    ///
    /// # Errors
    /// When it cannot be opened, is no database, or is one of another version.
    pub fn open(path: &Path) -> Result<Sqlite, SqliteError> {
        let file = path.display().to_string();
        // SQLite gives its other files the mode of this one.
        let mut options = std::fs::OpenOptions::new();
        options.append(true).create(true).mode(0o600);
        options.open(path).map_err(|source| SqliteError::File {
            file: file.clone(),
            source,
        })?;
        let connection = Connection::open(path).map_err(|source| SqliteError::Sqlite {
            file: file.clone(),
            source,
        })?;
        let mut sqlite = Sqlite {
            file,
            connection,
            letters: LetterLimits::default(),
            letter_bytes: 0,
            looked: 0,
            letters_let_go: 0,
        };
        // What a power failure takes from it the journal gives back.
        let settings = "pragma journal_mode = wal; pragma synchronous = normal;";
        sqlite
            .connection
            .execute_batch(settings)
            .map_err(sqlite.error())?;
        let version = "pragma user_version";
        let found: i64 = sqlite
            .connection
            .query_row(version, [], |row| row.get(0))
            .map_err(sqlite.error())?;
        match found {
            0 => sqlite.make(&format!("{TABLES}{OPERATION}{}", evidence::TABLES))?,
            // The one before had no evidence, dead letters and acts.
            2 => sqlite.make(&format!("{OPERATION}{}", evidence::TABLES))?,
            SCHEMA => {}
            found => {
                let file = sqlite.file;
                return Err(SqliteError::Schema { file, found });
            }
        }
        Ok(sqlite)
    }

    pub(crate) fn error(&self) -> impl Fn(rusqlite::Error) -> SqliteError + use<> {
        let file = self.file.clone();
        move |source| SqliteError::Sqlite {
            file: file.clone(),
            source,
        }
    }

    fn make(&mut self, tables: &str) -> Result<(), SqliteError> {
        let error = self.error();
        let transaction = self.connection.transaction().map_err(&error)?;
        transaction.execute_batch(tables).map_err(&error)?;
        let version = format!("pragma user_version = {SCHEMA}");
        transaction.execute_batch(&version).map_err(&error)?;
        transaction.commit().map_err(&error)
    }

    /// The epoch up to which everything is here; 0 where nothing is.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn epoch(&self) -> Result<u64, SqliteError> {
        let epoch = self
            .connection
            .query_row("select epoch from progress", [], |row| row.get::<_, i64>(0));
        Ok(epoch.map_err(self.error())?.try_into().unwrap_or(0))
    }

    /// Makes everything that was taken durable in the database itself. `false`: somebody reads it,
    /// so that it cannot be done now.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn checkpoint(&mut self) -> Result<bool, SqliteError> {
        let checkpoint = "pragma wal_checkpoint(truncate)";
        let busy = self
            .connection
            .query_row(checkpoint, [], |row| row.get::<_, i64>(0));
        Ok(busy.map_err(self.error())? == 0)
    }

    /// Takes everything that was said up to an epoch and is not here yet, in one transaction.
    ///
    /// # Errors
    /// When it cannot be written, or is here already; then nothing of it is taken.
    pub fn take(&mut self, said: &[Said], epoch: u64) -> Result<(), SqliteError> {
        self.take_with(said, epoch, &[])
    }

    /// As [`take`](Self::take), with where its evidence is.
    ///
    /// # Errors
    /// When it cannot be written, or is here already; then nothing of it is taken.
    pub fn take_with(
        &mut self,
        said: &[Said],
        epoch: u64,
        evidence: &[EvidenceRow],
    ) -> Result<(), SqliteError> {
        let error = self.error();
        let now = now();
        let mut letter_bytes = 0;
        let transaction = self.connection.transaction().map_err(&error)?;
        for said in said {
            let (epoch, number) = (signed(said.epoch), said.number);
            match &said.outcome {
                Outcome::Finding(finding) => {
                    let json = serde_json::to_string(finding)?;
                    self::finding(&transaction, (epoch, number), finding, &json)
                }
                Outcome::Decision(decision) => {
                    self::decision(&transaction, (epoch, number), decision)
                }
                Outcome::Swap(swap) => self::swap(&transaction, epoch, swap),
                Outcome::Act(row) => act(&transaction, epoch, row),
                Outcome::Letter(letter) => {
                    let text = letter.json.len() + letter.backtrace.len() + letter.reason.len();
                    letter_bytes += text as u64 + 256;
                    letters::insert(&transaction, (epoch, number), letter, now)
                }
                Outcome::Redriven(of, at) => letters::redriven(&transaction, (*of, *at), epoch),
            }
            .map_err(&error)?;
        }
        evidence::insert(&transaction, evidence).map_err(&error)?;
        transaction
            .execute("update progress set epoch = ?1", [signed(epoch)])
            .map_err(&error)?;
        transaction.commit().map_err(&error)?;
        self.letter_bytes += letter_bytes;
        if self.letter_bytes > self.letters.bytes || now.saturating_sub(self.looked) > LOOK {
            self.let_letters_go(now)?;
        }
        Ok(())
    }

    /// Keeps letters within these limits from here on.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn keep_letters(&mut self, limits: LetterLimits) -> Result<(), SqliteError> {
        self.letters = limits;
        self.let_letters_go(now())
    }

    /// How many letters were let go because they were too many or too old.
    pub fn letters_let_go(&self) -> u64 {
        self.letters_let_go
    }

    fn let_letters_go(&mut self, now: i64) -> Result<(), SqliteError> {
        let error = self.error();
        let gone = letters::let_go(&mut self.connection, self.letters, now);
        self.letters_let_go += gone.map_err(&error)?;
        self.letter_bytes = letters::bytes(&self.connection).map_err(&error)?;
        self.looked = now;
        Ok(())
    }
}

/// How often letters are looked for that are too old, in nanoseconds.
const LOOK: i64 = 60 * 1_000_000_000;

/// The time, in nanoseconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH);
    now.map_or(0, |now| i64::try_from(now.as_nanos()).unwrap_or(i64::MAX))
}

/// SQLite's integers have a sign; times and numbers beyond that are as large as can be.
pub(crate) fn signed(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn finding(
    transaction: &Transaction<'_>,
    (epoch, number): (i64, u32),
    finding: &Finding,
    json: &str,
) -> rusqlite::Result<usize> {
    let severity = match finding.severity {
        Severity::Info => 0,
        Severity::Low => 1,
        Severity::Medium => 2,
        Severity::High => 3,
        Severity::Critical => 4,
    };
    let insert = "insert into findings values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, \
                  ?13, ?14)";
    transaction.prepare_cached(insert)?.execute(params![
        epoch,
        number,
        signed(finding.time.0),
        finding.tenant,
        severity,
        finding.by.pack,
        finding.by.plugin,
        finding.by.digest.to_string(),
        finding.by.rule,
        finding.subject,
        finding.summary,
        finding.retracted,
        signed(finding.event_ref),
        json,
    ])
}

fn swap(transaction: &Transaction<'_>, epoch: i64, swap: &SwapRow) -> rusqlite::Result<usize> {
    let insert = "insert into swaps values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    transaction.prepare_cached(insert)?.execute(params![
        signed(swap.generation),
        epoch,
        signed(swap.time),
        swap.kind,
        swap.by,
        swap.key,
        swap.from,
        swap.to,
        swap.json,
    ])
}

fn act(transaction: &Transaction<'_>, epoch: i64, act: &ActRow) -> rusqlite::Result<usize> {
    let insert = "insert into acts values (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
    transaction.prepare_cached(insert)?.execute(params![
        epoch,
        signed(act.time),
        act.act,
        act.by,
        act.key,
        act.object,
        act.json,
    ])
}

fn decision(
    transaction: &Transaction<'_>,
    (epoch, number): (i64, u32),
    decision: &DecisionRow,
) -> rusqlite::Result<usize> {
    let insert = "insert into decisions values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";
    transaction.prepare_cached(insert)?.execute(params![
        epoch,
        number,
        signed(decision.time),
        decision.tenant,
        decision.request,
        decision.kind,
        decision.verdict,
        decision.permitted,
        decision.json,
    ])
}

#[cfg(test)]
mod tests {
    use palisade_events::{Attribution, Digest, Timestamp};

    use super::*;

    fn said(epoch: u64, number: u32, subject: &str) -> Said {
        let finding = Finding {
            event_ref: 9,
            by: Attribution {
                plugin: "p".into(),
                pack: "k".into(),
                digest: Digest::of(b"component"),
                rule: "r".into(),
                requirements: Vec::new(),
            },
            severity: Severity::High,
            subject: subject.into(),
            summary: "it is so".into(),
            retracted: false,
            time: Timestamp(u64::MAX),
            tenant: "t".into(),
            cited: Vec::new(),
            details: Default::default(),
            actions: Vec::new(),
            tlp: None,
            labels: Vec::new(),
        };
        Said {
            epoch,
            number,
            outcome: Outcome::Finding(Box::new(finding)),
        }
    }

    #[test]
    fn what_is_taken_is_there_once_and_whole() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("findings.sqlite");
        let mut sqlite = Sqlite::open(&path).unwrap();
        assert_eq!(sqlite.epoch().unwrap(), 0);
        let decision = Outcome::Decision(DecisionRow {
            time: 5,
            tenant: "t".into(),
            request: "id".into(),
            kind: "disclosure.request".into(),
            verdict: "deny".into(),
            permitted: false,
            json: "{}".into(),
        });
        let decision = Said {
            epoch: 1,
            number: 1,
            outcome: decision,
        };
        sqlite.take(&[said(1, 0, "a"), decision], 1).unwrap();
        sqlite.take(&[], 7).unwrap();
        // A repeat is an error, and nothing of what came with it is taken.
        let error = sqlite.take(&[said(8, 0, "b"), said(1, 0, "a")], 8);
        assert!(error.unwrap_err().to_string().contains("findings.sqlite"));
        drop(sqlite);
        let sqlite = Sqlite::open(&path).unwrap();
        assert_eq!(sqlite.epoch().unwrap(), 7);
        let row = |sql: &str| -> String {
            sqlite
                .connection
                .query_row(sql, [], |row| row.get(0))
                .unwrap()
        };
        assert_eq!(
            row("select group_concat(subject) from findings where rule = 'r'"),
            "a"
        );
        assert_eq!(
            row("select verdict from decisions where request = 'id'"),
            "deny"
        );
        let json: Finding =
            serde_json::from_str(&row("select json from findings where severity = 3")).unwrap();
        assert_eq!(json.by.digest, Digest::of(b"component"));
    }

    #[test]
    fn what_is_no_database_of_ours_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other");
        std::fs::write(
            &path,
            "this is a text and no database, however long it may be",
        )
        .unwrap();
        let Err(error) = Sqlite::open(&path) else {
            panic!("it is opened");
        };
        assert!(error.to_string().contains("not a database"), "{error}");
        let path = dir.path().join("later");
        let later = Connection::open(&path).unwrap();
        later.execute_batch("pragma user_version = 9").unwrap();
        let Err(error) = Sqlite::open(&path) else {
            panic!("it is opened");
        };
        assert!(error.to_string().contains("schema 9"), "{error}");
    }
}
