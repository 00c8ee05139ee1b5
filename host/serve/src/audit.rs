//! What operators did, line by line, each bound to the one before.
//!
//! `audit.ndjson` in the data directory has one JSON object a line:
//!
//! | field | is |
//! | --- | --- |
//! | `number` | from 1, without gaps |
//! | `time` | when, in nanoseconds since 1970 |
//! | `by` | who: the user at the other end of the socket, or `server` |
//! | `act` | what: `start`, `stop`, `blob`, `swap`, `rollback`, `redrive`, `release` and so on |
//! | `object` | to what, such as the path of the request |
//! | `request` | BLAKE3 of what was sent, 64 hexadecimal digits |
//! | `outcome` | `asked` before it is done; then `done`, or `refused` with the reason in `detail` |
//! | `detail` | the reason, or the digest of the receipt |
//! | `previous` | the hash of the line before, 64 zeros for the first |
//! | `hash` | BLAKE3, keyed by nothing, of `palisade audit 1`, a zero byte and the line without `hash` |
//!
//! A line is written and synced before what it tells of is begun, or answered: an act that has no
//! outcome was under way when the server ended, and `ctl swaps` and the journal say whether it came
//! about. The hash of the latest line is the head. Whoever keeps a head elsewhere, as the log of the
//! server has them all, can tell later whether what came before it was changed: a chain of
//! hashes by itself only shows what was changed by somebody who did not make it anew.

use std::fs::File;
use std::io::{BufRead, BufReader, Read as _, Seek as _, SeekFrom, Write as _};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use palisade_pipeline::engine::Clock;
use palisade_store::Digest;
use serde::{Deserialize, Serialize};

use crate::often::Often;
use crate::server::{Tell, Told};

/// The file, in the data directory.
pub const AUDIT: &str = "audit.ndjson";
/// The longest line that is read.
pub const MAX_LINE: usize = 64 << 10;
/// The most bytes of an object and of a detail.
const MAX_TEXT: usize = 4 << 10;

/// An entry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Entry {
    /// From 1, without gaps.
    pub number: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// Who.
    pub by: String,
    /// What.
    pub act: String,
    /// To what.
    pub object: String,
    /// The digest of what was sent; empty where nothing was.
    pub request: String,
    /// `asked`, `done` or `refused`.
    pub outcome: String,
    /// The reason, or the digest of the receipt.
    pub detail: String,
    /// The hash of the entry before.
    pub previous: String,
}

/// An entry with its hash, as it stands on a line.
#[derive(Serialize, Deserialize)]
struct Line {
    #[serde(flatten)]
    entry: Entry,
    hash: String,
}

impl Entry {
    /// What binds the next to it.
    fn hash(&self) -> Result<String, serde_json::Error> {
        let mut text = b"palisade audit 1\0".to_vec();
        // Fields come in the order of the struct.
        serde_json::to_writer(&mut text, self)?;
        Ok(Digest::of(&text).to_string())
    }
}

/// What is to be entered.
#[derive(Clone, Debug, Default)]
pub(crate) struct Act<'a> {
    pub(crate) by: &'a str,
    pub(crate) act: &'a str,
    pub(crate) object: &'a str,
    pub(crate) request: &'a str,
    pub(crate) outcome: &'a str,
    pub(crate) detail: &'a str,
}

/// Why entries cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum AuditError {
    /// The file.
    #[error("{path}: {problem}")]
    File {
        /// Its path.
        path: String,
        /// What is wrong.
        problem: String,
    },
    /// A line is not what was written, or one is missing.
    #[error("{path}, line {line}: {problem}")]
    Broken {
        /// The file.
        path: String,
        /// The line, from 1.
        line: u64,
        /// What is wrong.
        problem: String,
    },
    /// The head that somebody kept is not there.
    #[error(
        "{path}: none of its {entries} entries has the hash {head}: it was cut, or made anew since \
         that was the head"
    )]
    Head {
        /// The file.
        path: String,
        /// The head.
        head: String,
        /// How many entries there are.
        entries: u64,
    },
}

/// What a chain of entries comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chain {
    /// How many entries there are.
    pub entries: u64,
    /// The hash of the latest; 64 zeros where there is none.
    pub head: String,
    /// Which entry has the head that was asked for.
    pub known: Option<u64>,
    /// Bytes of whole lines.
    bytes: u64,
}

fn genesis() -> String {
    "0".repeat(64)
}

/// Follows the entries of a file from the first to the last; `head` is one that somebody kept.
///
/// # Errors
/// Names the first line that is not what was written.
pub fn verify(path: &Path, head: Option<&str>) -> Result<Chain, AuditError> {
    let file = palisade_private::open_file(path).map_err(|error| file_error(path, error))?;
    let chain = follow(file, path, head)?;
    match head {
        Some(head) if chain.known.is_none() && head != genesis() => Err(AuditError::Head {
            path: path.display().to_string(),
            head: head.to_owned(),
            entries: chain.entries,
        }),
        _ => Ok(chain),
    }
}

fn file_error(path: &Path, problem: impl std::fmt::Display) -> AuditError {
    AuditError::File {
        path: path.display().to_string(),
        problem: problem.to_string(),
    }
}

fn follow(file: impl std::io::Read, path: &Path, head: Option<&str>) -> Result<Chain, AuditError> {
    let mut lines = BufReader::new(file);
    let mut chain = Chain {
        entries: 0,
        head: genesis(),
        known: None,
        bytes: 0,
    };
    let mut line = Vec::new();
    loop {
        line.clear();
        let mut most = (&mut lines).take(MAX_LINE as u64 + 1);
        let read = most.read_until(b'\n', &mut line);
        if read.map_err(|error| file_error(path, error))? == 0 {
            return Ok(chain);
        }
        let broken = |problem: &str| AuditError::Broken {
            path: path.display().to_string(),
            line: chain.entries + 1,
            problem: problem.to_owned(),
        };
        if line.last() != Some(&b'\n') {
            let problem = match line.len() > MAX_LINE {
                true => "is longer than any that is written",
                false => "does not end: writing it was cut short",
            };
            return Err(broken(problem));
        }
        let read: Line = serde_json::from_slice(&line)
            .map_err(|error| broken(&format!("is no entry: {error}")))?;
        if read.entry.number != chain.entries + 1 {
            let number = read.entry.number;
            return Err(broken(&format!(
                "has the number {number}, so one is missing"
            )));
        }
        if read.entry.previous != chain.head {
            return Err(broken("does not follow from the line before"));
        }
        let hash = read
            .entry
            .hash()
            .map_err(|error| broken(&error.to_string()))?;
        if hash != read.hash {
            return Err(broken("was changed: its hash is another"));
        }
        chain.entries += 1;
        chain.bytes += line.len() as u64;
        if head == Some(&*hash) {
            chain.known = Some(chain.entries);
        }
        chain.head = hash;
    }
}

/// The entries of a data directory, open for more.
pub(crate) struct Audit {
    file: File,
    path: String,
    next: u64,
    head: String,
}

impl Audit {
    /// Opens the entries in a data directory, or begins them. A last line that was cut short was
    /// never answered, and is taken away; also what is told of that.
    ///
    /// # Errors
    /// When they cannot be read, or are not what was written: somebody must look first.
    pub(crate) fn open(data: &Path) -> Result<(Audit, Option<String>), AuditError> {
        let path = data.join(AUDIT);
        let wrong = |error: &dyn std::fmt::Display| file_error(&path, error);
        let mut file =
            palisade_private::output::append(&path, 0o600).map_err(|error| wrong(&error))?;
        let mut text = Vec::new();
        let read = File::open(&path).and_then(|mut file| file.read_to_end(&mut text));
        read.map_err(|error| wrong(&error))?;
        let whole = text
            .iter()
            .rposition(|byte| *byte == b'\n')
            .map_or(0, |at| at + 1);
        let mut told = None;
        if whole < text.len() {
            file.set_len(whole as u64).map_err(|error| wrong(&error))?;
            told = Some(format!(
                "{}: its last line was cut short, as in a crash, and is taken away",
                path.display()
            ));
        }
        let chain = follow(&text[..whole], &path, None)?;
        file.seek(SeekFrom::End(0)).map_err(|error| wrong(&error))?;
        let audit = Audit {
            file,
            path: path.display().to_string(),
            next: chain.entries + 1,
            head: chain.head,
        };
        Ok((audit, told))
    }

    /// Enters an act, synced; the entry's number and the new head.
    ///
    /// # Errors
    /// When it cannot be written; then what it tells of must not be done.
    pub(crate) fn enter(&mut self, act: &Act<'_>, time: u64) -> Result<(u64, String), AuditError> {
        let cut = |text: &str| text[..text.floor_char_boundary(MAX_TEXT)].to_owned();
        let entry = Entry {
            number: self.next,
            time,
            by: cut(act.by),
            act: cut(act.act),
            object: cut(act.object),
            request: act.request.to_owned(),
            outcome: act.outcome.to_owned(),
            detail: cut(act.detail),
            previous: self.head.clone(),
        };
        let path = self.path.clone();
        let wrong = |problem: String| AuditError::File {
            path: path.clone(),
            problem,
        };
        let hash = entry.hash().map_err(|error| wrong(error.to_string()))?;
        let number = entry.number;
        let line = Line { entry, hash };
        let mut text = serde_json::to_vec(&line).map_err(|error| wrong(error.to_string()))?;
        text.push(b'\n');
        let before = self
            .file
            .metadata()
            .map_err(|error| wrong(error.to_string()))?
            .len();
        let written = self
            .file
            .write_all(&text)
            .and_then(|()| self.file.sync_data());
        if let Err(error) = written {
            // What is there of it would be the beginning of no line.
            let _ = self.file.set_len(before);
            return Err(wrong(error.to_string()));
        }
        self.next += 1;
        self.head.clone_from(&line.hash);
        Ok((number, line.hash))
    }
}

/// The entries of a server that runs, which tells each head.
pub(crate) struct Books {
    audit: Mutex<Audit>,
    refused: Mutex<Often>,
    tell: Tell,
}

impl Books {
    pub(crate) fn new(audit: Audit, tell: &Tell) -> Books {
        Books {
            audit: Mutex::new(audit),
            refused: Mutex::default(),
            tell: Arc::clone(tell),
        }
    }

    /// Enters an act, and tells the head.
    ///
    /// # Errors
    /// As [`Audit::enter`].
    pub(crate) fn enter(&self, act: &Act<'_>) -> Result<(), AuditError> {
        let now = Clock::System.now().unwrap_or_default();
        let mut audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        let (number, head) = audit.enter(act, now)?;
        // Under the lock, so that heads are told in their order.
        (self.tell)(Told::Audited {
            number,
            by: act.by.to_owned(),
            act: act.act.to_owned(),
            outcome: act.outcome.to_owned(),
            head,
        });
        Ok(())
    }

    /// Enters that somebody was refused who may change nothing: the first times, and then the less
    /// often the more there are, since they can do it as often as they like.
    pub(crate) fn enter_refused(&self, act: &Act<'_>) -> Result<(), AuditError> {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(count) = refused.tells(act.by) else {
            return Ok(());
        };
        drop(refused);
        let detail = format!("not allowed; the {count}th time since the start");
        self.enter(&Act {
            detail: &detail,
            ..act.clone()
        })
    }

    /// The hash of the latest entry, and how many there are.
    pub(crate) fn head(&self) -> (u64, String) {
        let audit = self.audit.lock().unwrap_or_else(PoisonError::into_inner);
        (audit.next - 1, audit.head.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn three(dir: &Path) -> Vec<String> {
        let (mut audit, told) = Audit::open(dir).unwrap();
        assert_eq!(told, None);
        let enter = |object: &str| {
            let act = Act {
                by: "user 0",
                act: "swap",
                object,
                outcome: "asked",
                ..Act::default()
            };
            audit.enter(&act, 7).unwrap().1
        };
        ["a", "b", "c"].map(enter).to_vec()
    }

    #[test]
    fn what_was_changed_is_found() {
        let dir = tempfile::tempdir().unwrap();
        let heads = three(dir.path());
        let path = dir.path().join(AUDIT);
        let chain = verify(&path, Some(&heads[1])).unwrap();
        assert_eq!((chain.entries, chain.known), (3, Some(2)));
        assert_eq!(chain.head, heads[2]);
        let text = std::fs::read_to_string(&path).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        let says = |text: String, head: Option<&str>| {
            std::fs::write(&path, text).unwrap();
            verify(&path, head).unwrap_err().to_string()
        };
        let changed = says(text.replace("\"b\"", "\"x\""), None);
        assert!(changed.contains("line 2: was changed"), "{changed}");
        let missing = says(format!("{}\n{}\n", lines[0], lines[2]), None);
        assert!(missing.contains("line 2: has the number 3"), "{missing}");
        let cut = says(format!("{}\n{}\n", lines[0], lines[1]), Some(&heads[2]));
        assert!(cut.contains("none of its 2 entries has the hash"), "{cut}");
        let torn = says(text[..text.len() - 5].to_owned(), None);
        assert!(torn.contains("line 3: does not end"), "{torn}");
        let long = says("x".repeat(MAX_LINE + 2), None);
        assert!(long.contains("longer than any"), "{long}");
    }

    #[test]
    fn texts_of_an_entry_are_cut() {
        let dir = tempfile::tempdir().unwrap();
        let (mut audit, _) = Audit::open(dir.path()).unwrap();
        let long = "é".repeat(MAX_TEXT);
        let act = Act {
            object: &long,
            detail: &long,
            ..Act::default()
        };
        audit.enter(&act, 1).unwrap();
        let text = std::fs::read_to_string(dir.path().join(AUDIT)).unwrap();
        assert!(text.len() < 3 * MAX_TEXT);
        assert_eq!(verify(&dir.path().join(AUDIT), None).unwrap().entries, 1);
    }

    #[test]
    fn entries_go_on_after_one_that_was_cut_short() {
        let dir = tempfile::tempdir().unwrap();
        let heads = three(dir.path());
        let path = dir.path().join(AUDIT);
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, &text[..text.len() - 5]).unwrap();
        let (mut audit, told) = Audit::open(dir.path()).unwrap();
        assert!(told.unwrap().contains("was cut short"));
        assert_eq!(audit.head, heads[1]);
        let (number, head) = audit.enter(&Act::default(), 8).unwrap();
        assert_eq!(number, 3);
        assert_eq!(verify(&path, None).unwrap().head, head);
        // What somebody changed is not gone on with.
        let text = std::fs::read_to_string(&path).unwrap();
        std::fs::write(&path, text.replace("\"a\"", "\"x\"")).unwrap();
        assert!(Audit::open(dir.path()).is_err());
    }
}
