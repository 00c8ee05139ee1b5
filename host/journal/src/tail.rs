//! Reads a journal that somebody else is writing.

use crate::error::JournalError;
use crate::files::{Files, SegmentFile};
use crate::read::Record;
use crate::segment::{self, FRAME, Found, HEADER};

/// Follows the records of a journal from one on, as they are written; nothing is changed or
/// locked. What it reads need not be synced yet.
pub struct Tail {
    files: Box<dyn Files>,
    open: Option<Open>,
    /// The next record.
    number: u64,
}

struct Open {
    name: String,
    file: Box<dyn SegmentFile>,
    /// Where the next record is, or will be.
    at: u64,
}

impl Tail {
    /// Follows a journal from the record with this number on.
    ///
    /// # Errors
    /// When the record was let go, or files cannot be read.
    pub fn from(files: impl Files + 'static, number: u64) -> Result<Tail, JournalError> {
        let mut tail = Tail {
            files: Box::new(files),
            open: None,
            number,
        };
        let firsts = tail.firsts()?;
        let Some(first) = firsts.iter().rfind(|first| **first <= number) else {
            return match firsts.first() {
                None => Ok(tail),
                Some(found) => Err(JournalError::LetGo {
                    wanted: number,
                    first: *found,
                }),
            };
        };
        tail.number = *first;
        while tail.number < number {
            if tail.next()?.is_none() {
                // It is yet to be written.
                break;
            }
        }
        Ok(tail)
    }

    /// The numbers of the first records of all segments, in order.
    fn firsts(&self) -> Result<Vec<u64>, JournalError> {
        let names = self.files.list();
        let names = names.map_err(JournalError::io("list", "its folder"))?;
        let mut firsts: Vec<u64> = names
            .iter()
            .filter_map(|name| segment::first_of(name))
            .collect();
        firsts.sort_unstable();
        Ok(firsts)
    }

    /// The next record; `None`: it is not written, or not whole, yet.
    ///
    /// # Errors
    /// When it was let go meanwhile, or files cannot be read.
    #[expect(
        clippy::should_implement_trait,
        reason = "there may be more after `None`"
    )]
    pub fn next(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            if let Some(open) = &mut self.open {
                let io = |what| JournalError::io(what, &open.name);
                let size = open.file.size().map_err(io("look at"))?;
                let found = segment::decode(&*open.file, size, open.at, self.number);
                if let Found::Record(bytes) = found.map_err(io("read"))? {
                    let number = self.number;
                    open.at += (FRAME + bytes.len()) as u64;
                    self.number += 1;
                    return Ok(Some(Record { number, bytes }));
                }
            }
            // It is in a segment of its own, or nowhere yet.
            let firsts = self.firsts()?;
            match firsts.binary_search(&self.number) {
                Ok(_) => {
                    let name = segment::name(self.number);
                    let opened = self.files.open(&name);
                    let file = opened.map_err(JournalError::io("open", &name))?;
                    let begun = segment::first(&*file).map_err(JournalError::io("read", &name))?;
                    if begun != Some(self.number) || self.is_open(&name) {
                        // Its header is being written, or nothing follows it yet.
                        return Ok(None);
                    }
                    self.open = Some(Open {
                        name,
                        file,
                        at: HEADER,
                    });
                }
                Err(0) if !firsts.is_empty() => {
                    return Err(JournalError::LetGo {
                        wanted: self.number,
                        first: firsts[0],
                    });
                }
                Err(_) => return Ok(None),
            }
        }
    }

    fn is_open(&self, name: &str) -> bool {
        self.open.as_ref().is_some_and(|open| open.name == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Folder, Journal, Limits, Reading};

    #[test]
    fn records_are_seen_as_they_are_written_over_segments() {
        let dir = tempfile::tempdir().unwrap();
        let limits = Limits {
            segment: 1 << 20,
            total: 64 << 20,
        };
        let folder = Folder::new(dir.path()).unwrap();
        let (mut journal, _) = Journal::open(folder, limits, 0, 0).unwrap();
        let reading = || Reading::new(dir.path()).unwrap();
        let mut tail = Tail::from(reading(), 1).unwrap();
        assert_eq!(tail.next().unwrap(), None);
        let mut seen = 0;
        for number in 1..=40u64 {
            let bytes = vec![number as u8; 100_000];
            assert_eq!(journal.append(&bytes).unwrap(), number);
            if number % 3 == 0 {
                while let Some(record) = tail.next().unwrap() {
                    seen += 1;
                    assert_eq!((record.number, record.bytes[0]), (seen, seen as u8));
                }
                assert_eq!(seen, number);
            }
        }
        let mut middle = Tail::from(reading(), 25).unwrap();
        assert_eq!(middle.next().unwrap().map(|record| record.number), Some(25));
        let mut ahead = Tail::from(reading(), 41).unwrap();
        assert_eq!(ahead.next().unwrap(), None);
        journal.append(b"more").unwrap();
        assert_eq!(ahead.next().unwrap().map(|record| record.number), Some(41));
        // What is gone is no end.
        std::fs::remove_file(dir.path().join(segment::name(1))).unwrap();
        assert!(matches!(
            Tail::from(reading(), 2),
            Err(JournalError::LetGo { wanted: 2, .. })
        ));
    }
}
