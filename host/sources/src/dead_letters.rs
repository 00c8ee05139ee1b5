//! Keeps what did not become an event, so that nothing is lost unseen.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use base64::Engine as _;
use serde::Serialize;

/// Most bytes of a record that are kept.
pub const MAX_LETTER: usize = 64 << 10;

/// A record that did not become an event, or an event that a plugin died of.
#[derive(Clone, Copy, Debug)]
pub struct Letter<'a> {
    /// Where it came from.
    pub source: &'a str,
    /// Where in it.
    pub place: Place,
    /// Why it is here.
    pub reason: &'a str,
    /// Its bytes, as many as are at hand.
    pub bytes: &'a [u8],
    /// How many it had.
    pub len: u64,
}

/// Where in an input a letter comes from. Lines, records and events count from 1 in everything
/// that a person or a program is told; offsets are those of bytes and count from 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// A record that became no event.
    Record {
        /// The line on which it began, from 1.
        line: u64,
        /// The offset of its first byte, from 0, after decompression.
        offset: u64,
    },
    /// An event: which of those that the input became, from 1. In a file without bad records
    /// and empty lines, one event a line, that is the line.
    Event(u64),
}

/// A letter as the file has it: one object a line.
#[derive(Serialize)]
struct Line<'a> {
    source: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    line: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    offset: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    event: Option<u64>,
    reason: &'a str,
    len: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    base64: Option<String>,
}

/// How many letters there were.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LetterCounts {
    /// Letters in the file.
    pub kept: u64,
    /// Letters that found no room, or that could not be written.
    pub dropped: u64,
}

/// A dead-letter file: NDJSON with `source`; `line` (from 1) and `offset` (from 0) of a record, or
/// the number of an `event` (from 1) that a plugin faulted on; `reason`, `len`, and the
/// record as `text`, or as `base64` where it is not UTF-8; hidden characters are `\u` escapes. Of a record beyond
/// [`MAX_LETTER`] bytes the beginning is kept; `len` tells. Clones write to one file.
#[derive(Clone)]
pub struct DeadLetters(Arc<Mutex<Inner>>);

struct Inner {
    to: Option<Box<dyn Write + Send>>,
    room: u64,
    counts: LetterCounts,
}

impl std::fmt::Debug for DeadLetters {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("DeadLetters")
            .field("counts", &self.counts())
            .finish_non_exhaustive()
    }
}

impl DeadLetters {
    /// Keeps none, and counts none; readers count their bad records themselves.
    pub fn none() -> Self {
        Self::with(None, 0)
    }

    /// Writes to `to`, at most `max_bytes`.
    pub fn to_writer(to: impl Write + Send + 'static, max_bytes: u64) -> Self {
        Self::with(Some(Box::new(to)), max_bytes)
    }

    /// Appends to the file at `path`, which only its owner may read, until it has
    /// `max_bytes`. A symbolic link is not followed.
    ///
    /// # Errors
    /// When it cannot be opened, or is no file.
    pub fn open(path: &Path, max_bytes: u64) -> io::Result<Self> {
        let file = palisade_private::output::append(path, 0o600).map_err(io::Error::other)?;
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(io::Error::new(
                io::ErrorKind::InvalidInput,
                "it is not a regular file",
            ));
        }
        file.set_permissions(std::fs::Permissions::from_mode(0o600))?;
        let room = max_bytes.saturating_sub(meta.len());
        Ok(Self::with(Some(Box::new(Whole(file))), room))
    }

    fn with(to: Option<Box<dyn Write + Send>>, room: u64) -> Self {
        let counts = LetterCounts::default();
        Self(Arc::new(Mutex::new(Inner { to, room, counts })))
    }

    /// Whether letters go anywhere.
    pub fn takes(&self) -> bool {
        let inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        inner.to.is_some()
    }

    /// Keeps a letter, or counts that it was dropped.
    pub fn add(&self, letter: &Letter<'_>) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.to.is_none() {
            return;
        }
        match inner.write(letter) {
            Ok(true) => inner.counts.kept += 1,
            // A full disk must not stop the events that are well.
            Ok(false) | Err(_) => inner.counts.dropped += 1,
        }
    }

    /// How many letters there were so far.
    pub fn counts(&self) -> LetterCounts {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).counts
    }
}

impl Inner {
    fn write(&mut self, letter: &Letter<'_>) -> io::Result<bool> {
        let Some(to) = &mut self.to else {
            return Ok(false);
        };
        let bytes = letter.bytes.get(..MAX_LETTER).unwrap_or(letter.bytes);
        let text = match std::str::from_utf8(bytes) {
            Ok(text) => Some(text),
            // The cut may have gone through a character.
            Err(error) if bytes.len() < letter.bytes.len() && error.error_len().is_none() => {
                std::str::from_utf8(bytes.get(..error.valid_up_to()).unwrap_or_default()).ok()
            }
            Err(_) => None,
        };
        let base64 = match text {
            Some(_) => None,
            None => Some(base64::prelude::BASE64_STANDARD.encode(bytes)),
        };
        let &Letter {
            source,
            reason,
            len,
            ..
        } = letter;
        let (line, offset, event) = match letter.place {
            Place::Record { line, offset } => (Some(line), Some(offset), None),
            Place::Event(number) => (None, None, Some(number)),
        };
        let letter = Line {
            source,
            line,
            offset,
            event,
            reason,
            len,
            text,
            base64,
        };
        let mut json = Vec::new();
        palisade_events::json::write_visible(&mut json, &letter)?;
        json.push(b'\n');
        let size = json.len() as u64;
        if size > self.room {
            return Ok(false);
        }
        to.write_all(&json)?;
        self.room -= size;
        Ok(true)
    }
}

/// A file whose lines are written by one call each, so that processes that share it do
/// not mix them.
struct Whole(File);

impl Write for Whole {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn letter<'a>(bytes: &'a [u8]) -> Letter<'a> {
        Letter {
            source: "s",
            place: Place::Record { line: 2, offset: 5 },
            reason: "r",
            bytes,
            len: bytes.len() as u64,
        }
    }

    #[test]
    fn a_file_for_its_owner_with_a_cap() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("dead.ndjson");
        std::fs::write(&path, b"").unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o644)).unwrap();
        let letters = DeadLetters::open(&path, 200).unwrap();
        assert_eq!(
            std::fs::metadata(&path).unwrap().permissions().mode() & 0o777,
            0o600
        );
        letters.add(&letter(b"{bad"));
        letters.add(&letter(b"\xff\x00"));
        letters.add(&letter(&[b'x'; 300]));
        assert_eq!(
            letters.counts(),
            LetterCounts {
                kept: 2,
                dropped: 1
            }
        );
        let text = std::fs::read_to_string(&path).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"source":"s","line":2,"offset":5,"reason":"r","len":4,"text":"{bad"}"#,
                "\n",
                r#"{"source":"s","line":2,"offset":5,"reason":"r","len":2,"base64":"/wA="}"#,
                "\n"
            )
        );
        let again = DeadLetters::open(&path, 200).unwrap();
        again.add(&letter(&[b'x'; 100]));
        assert_eq!(
            again.counts(),
            LetterCounts {
                kept: 0,
                dropped: 1
            }
        );
    }

    #[test]
    fn hidden_characters_are_escaped() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("dead.ndjson");
        let letters = DeadLetters::open(&path, 1000).unwrap();
        letters.add(&Letter {
            source: "a\u{202e}b",
            reason: "c\u{2066}d",
            ..letter("e\u{202e}f\u{feff}".as_bytes())
        });
        let text = std::fs::read_to_string(&path).unwrap();
        let hidden = |c| palisade_events::is_hidden(c) && c != '\n';
        assert!(!text.contains(hidden), "{text}");
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(json["text"], "e\u{202e}f\u{feff}");
        let place = Place::Event(7);
        let shared = tempfile::NamedTempFile::new().unwrap();
        let letters = DeadLetters::open(shared.path(), 1000).unwrap();
        letters.add(&Letter {
            place,
            ..letter(b"{}")
        });
        assert_eq!(
            std::fs::read_to_string(shared.path()).unwrap(),
            "{\"source\":\"s\",\"event\":7,\"reason\":\"r\",\"len\":2,\"text\":\"{}\"}\n"
        );
    }

    #[test]
    fn pipes_are_not_waited_for() {
        let room = tempfile::tempdir().unwrap();
        let path = room.path().join("pipe");
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert!(DeadLetters::open(&path, 1000).is_err());
    }

    #[test]
    fn links_are_not_followed() {
        let room = tempfile::tempdir().unwrap();
        let (target, link) = (room.path().join("target"), room.path().join("link"));
        std::fs::write(&target, b"keep").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        assert!(DeadLetters::open(&link, 1000).is_err());
        assert_eq!(std::fs::read(&target).unwrap(), b"keep");
    }

    #[test]
    fn long_records_are_cut_at_a_character() {
        #[derive(Clone, Default)]
        struct Shared(Arc<Mutex<Vec<u8>>>);
        impl Write for Shared {
            fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
                self.0.lock().unwrap().extend_from_slice(bytes);
                Ok(bytes.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let shared = Shared::default();
        let letters = DeadLetters::to_writer(shared.clone(), u64::MAX);
        let text = format!("x{}", "é".repeat(MAX_LETTER));
        letters.add(&letter(text.as_bytes()));
        let json: serde_json::Value = serde_json::from_slice(&shared.0.lock().unwrap()).unwrap();
        assert_eq!(json["text"].as_str().unwrap().len(), MAX_LETTER - 1);
        assert_eq!(json["len"], text.len());
        let none = DeadLetters::none();
        none.add(&letter(b"x"));
        // Where there is no file, nothing is dropped for want of room in it.
        let nothing = LetterCounts {
            kept: 0,
            dropped: 0,
        };
        assert_eq!(none.counts(), nothing);
    }
}
