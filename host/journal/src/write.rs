//! Writes records, and finds where they end.

use std::time::SystemTime;

use crate::error::JournalError;
use crate::files::{Files, SegmentFile};
use crate::read::Reader;
use crate::segment::{self, FRAME, Found, HEADER, MAX_RECORD};

/// How large a journal may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of a segment; a record that is larger has one of its own.
    pub segment: u64,
    /// Bytes of all segments together.
    pub total: u64,
}

impl Default for Limits {
    /// Segments of 64 MiB, and 16 GiB of them.
    fn default() -> Limits {
        Limits {
            segment: 64 << 20,
            total: 16 << 30,
        }
    }
}

/// What was found when a journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recovered {
    /// The number of the last record, 0 where there is none.
    pub last: u64,
    /// What was not whole at the end, and is cut off: nobody was told that it is kept.
    pub cut: Option<Cut>,
}

/// What was cut off the end of a journal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The file.
    pub file: String,
    /// Where in it.
    pub at: u64,
}

/// A journal that is open for writing.
pub struct Journal {
    files: Box<dyn Files>,
    limits: Limits,
    /// Each segment's first record and size, in order.
    segments: Vec<(u64, u64)>,
    current: Option<Current>,
    /// Number of the last record that was appended.
    last: u64,
    spent: bool,
}

/// The segment that is being written.
struct Current {
    name: String,
    file: Box<dyn SegmentFile>,
    size: u64,
    /// Where the next record goes.
    end: u64,
    dirty: bool,
}

impl Journal {
    /// Whether there is a segment in these files: a journal that was begun and not moved away.
    ///
    /// # Errors
    /// When they cannot be listed.
    pub fn is_begun(files: &impl Files) -> Result<bool, JournalError> {
        let names = files
            .list()
            .map_err(JournalError::io("list", "its folder"))?;
        Ok(names.iter().any(|name| segment::first_of(name).is_some()))
    }

    /// Opens a journal, or begins one where there is none. `known` is the last record of which
    /// somebody was told that it is kept, 0 where that is not known: up to it nothing is cut off.
    /// Records up to `covered` are not needed: where they are gone, that is no loss.
    ///
    /// # Errors
    /// When files cannot be read, are none of a journal, or records are missing or damaged that
    /// were whole once. Nothing is changed then.
    pub fn open(
        files: impl Files + 'static,
        limits: Limits,
        known: u64,
        covered: u64,
    ) -> Result<(Journal, Recovered), JournalError> {
        let files: Box<dyn Files> = Box::new(files);
        let names = files
            .list()
            .map_err(JournalError::io("list", "its folder"))?;
        let mut firsts: Vec<u64> = names.iter().filter_map(|n| segment::first_of(n)).collect();
        firsts.sort_unstable();
        let mut journal = Journal {
            files,
            limits,
            segments: Vec::new(),
            current: None,
            // Where earlier segments were let go, the first that is there tells.
            last: firsts
                .first()
                .map_or(0, |first| (first.saturating_sub(1)).min(covered)),
            spent: false,
        };
        let mut cut = None;
        for (at, first) in firsts.iter().enumerate() {
            let newest = at + 1 == firsts.len();
            cut = journal.recover(*first, newest, known)?;
        }
        let last = journal.last;
        Ok((journal, Recovered { last, cut }))
    }

    /// Looks through a segment; `newest`: its end may be torn.
    fn recover(
        &mut self,
        first: u64,
        newest: bool,
        known: u64,
    ) -> Result<Option<Cut>, JournalError> {
        let name = segment::name(first);
        let io = |what| JournalError::io(what, &name);
        let mut file = self.files.open(&name).map_err(io("open"))?;
        let size = file.size().map_err(io("look at"))?;
        match segment::first(&*file).map_err(io("read"))? {
            Some(found) if found == first => {}
            // A segment whose header was never whole holds no record.
            _ if newest && is_unbegun(&*file, first).map_err(io("read"))? => {
                self.files.remove(&name).map_err(io("remove"))?;
                return Ok(None);
            }
            _ => return Err(JournalError::Foreign(name)),
        }
        if first != self.last + 1 {
            return Err(JournalError::Gap {
                wanted: self.last + 1,
                file: name,
                found: first,
            });
        }
        let (mut end, mut cut) = (HEADER, None);
        loop {
            let number = self.last + 1;
            match segment::decode(&*file, size, end, number).map_err(io("read"))? {
                Found::Record(bytes) => {
                    end += (FRAME + bytes.len()) as u64;
                    self.last = number;
                }
                Found::End if number > known || !newest => break,
                Found::Broken if newest && number > known => {
                    cut = Some(Cut {
                        file: name.clone(),
                        at: end,
                    });
                    break;
                }
                Found::Broken | Found::End => {
                    return Err(JournalError::Damaged {
                        number,
                        file: name,
                        at: end,
                    });
                }
            }
        }
        if newest {
            // Whatever lies behind the end must never be taken for a record.
            blank(&mut *file, end, size).map_err(io("cut off the end of"))?;
            file.sync().map_err(io("sync"))?;
            self.current = Some(Current {
                name,
                file,
                size,
                end,
                dirty: false,
            });
        }
        self.segments.push((first, size));
        Ok(cut)
    }

    /// The number of the first record that is still there, or of the next where there is none.
    pub fn first(&self) -> u64 {
        self.segments
            .first()
            .map_or(self.last + 1, |(first, _)| *first)
    }

    /// Removes segments whose records are all up to `covered` and were written before `before`,
    /// the oldest first; never the one that is being written. How many.
    ///
    /// # Errors
    /// When one cannot be removed; what is there then is a journal all the same.
    pub fn let_go(&mut self, covered: u64, before: SystemTime) -> Result<usize, JournalError> {
        let mut gone = 0;
        while let [(first, _), (next, _), ..] = self.segments[..] {
            let name = segment::name(first);
            let written = self.files.written(&name);
            let written = written.map_err(JournalError::io("look at", &name))?;
            if next > covered + 1 || written >= before {
                break;
            }
            let removed = self.files.remove(&name).and_then(|()| self.files.sync());
            removed.map_err(JournalError::io("remove", &name))?;
            self.segments.remove(0);
            gone += 1;
        }
        Ok(gone)
    }

    /// Removes the oldest segment, unless it is the one that is being written. Whether there was
    /// one.
    ///
    /// # Errors
    /// As [`let_go`](Self::let_go).
    pub fn let_go_oldest(&mut self) -> Result<bool, JournalError> {
        let [(first, _), _, ..] = self.segments[..] else {
            return Ok(false);
        };
        let name = segment::name(first);
        let removed = self.files.remove(&name).and_then(|()| self.files.sync());
        removed.map_err(JournalError::io("remove", &name))?;
        self.segments.remove(0);
        Ok(true)
    }

    /// The number of the last record.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Bytes that it takes on disk.
    pub fn held(&self) -> u64 {
        self.segments.iter().map(|(_, size)| size).sum()
    }

    /// Writes a record and returns its number. It is durable after the next
    /// [`sync`](Self::sync).
    ///
    /// # Errors
    /// When there is no room for it, after which nothing has changed; when it cannot be written,
    /// after which the journal is of no use.
    pub fn append(&mut self, bytes: &[u8]) -> Result<u64, JournalError> {
        if self.spent {
            return Err(JournalError::Spent);
        }
        if bytes.len() > MAX_RECORD {
            return Err(JournalError::TooLarge(bytes.len(), MAX_RECORD));
        }
        let number = self.last + 1;
        let needed = (FRAME + bytes.len()) as u64;
        let fits = |current: &Current| current.end + needed <= current.size;
        if !self.current.as_ref().is_some_and(fits) {
            self.begin(number, needed)?;
        }
        let Some(current) = &mut self.current else {
            return Err(JournalError::Spent);
        };
        let mut record = Vec::with_capacity(FRAME + bytes.len());
        segment::encode(number, bytes, &mut record);
        if let Err(error) = current.file.write_at(&record, current.end) {
            self.spent = true;
            return Err(JournalError::io("write", &current.name)(error));
        }
        current.end += needed;
        current.dirty = true;
        self.last = number;
        Ok(number)
    }

    /// Begins a segment that has room for so many bytes.
    fn begin(&mut self, first: u64, needed: u64) -> Result<(), JournalError> {
        let size = self.limits.segment.max(HEADER + needed);
        let (held, most) = (self.held(), self.limits.total);
        if held + size > most {
            return Err(JournalError::Full { held, most });
        }
        // What is in the old one must be durable before a new one says that it is whole.
        self.sync()?;
        let name = segment::name(first);
        let created = self.files.create(&name, size);
        let mut file = created.map_err(JournalError::io("make room for", &name))?;
        let begun = file
            .write_at(&segment::header(first), 0)
            .and_then(|()| file.sync())
            .and_then(|()| self.files.sync());
        if let Err(error) = begun {
            self.spent = true;
            return Err(JournalError::io("begin", &name)(error));
        }
        self.segments.push((first, size));
        self.current = Some(Current {
            name,
            file,
            size,
            end: HEADER,
            dirty: false,
        });
        Ok(())
    }

    /// Makes everything durable that was appended.
    ///
    /// # Errors
    /// When the disk cannot; the journal is of no use then, and a second attempt would prove
    /// nothing.
    pub fn sync(&mut self) -> Result<(), JournalError> {
        if self.spent {
            return Err(JournalError::Spent);
        }
        let Some(current) = self.current.as_mut().filter(|current| current.dirty) else {
            return Ok(());
        };
        if let Err(error) = current.file.sync() {
            self.spent = true;
            return Err(JournalError::io("sync", &current.name)(error));
        }
        current.dirty = false;
        Ok(())
    }

    /// Reads the records from this number on, up to the last.
    ///
    /// # Errors
    /// As the iterator's: when a file cannot be read, or a record is damaged.
    pub fn read(&self, from: u64) -> Result<Reader<'_>, JournalError> {
        let firsts = self.segments.iter().map(|(first, _)| *first);
        // The segment that holds it, and those after it.
        let mut segments: Vec<u64> = firsts.collect();
        let holds = segments
            .iter()
            .rposition(|first| *first <= from)
            .unwrap_or(0);
        segments.drain(..holds);
        let first = segments.first().copied().unwrap_or(self.last + 1);
        segments.reverse();
        Ok(Reader {
            files: &*self.files,
            segments,
            open: None,
            at: (HEADER, first),
            last: self.last,
            from,
        })
    }
}

/// How much is looked at, or overwritten, at a time.
const BLOCK: usize = 1 << 20;

/// Whether a file has a part of its header, and nothing but zeros after that: its header is
/// synced before a record is written.
fn is_unbegun(file: &dyn SegmentFile, first: u64) -> std::io::Result<bool> {
    let mut bytes = vec![0; BLOCK];
    let read = file.read_at(&mut bytes, 0)?;
    let (begun, rest) = bytes[..read].split_at(read.min(HEADER as usize));
    let header = segment::header(first);
    let mut both = begun.iter().zip(&header);
    Ok(both.all(|(byte, of)| *byte == 0 || byte == of) && rest.iter().all(|byte| *byte == 0))
}

/// Overwrites with zeros what is not zero from an offset on.
fn blank(file: &mut dyn SegmentFile, from: u64, size: u64) -> std::io::Result<()> {
    let (mut at, zeros) = (from, vec![0; BLOCK]);
    let mut bytes = vec![0; BLOCK];
    while at < size {
        let wanted = BLOCK.min(usize::try_from(size - at).unwrap_or(BLOCK));
        let read = file.read_at(&mut bytes[..wanted], at)?;
        if read == 0 {
            break;
        }
        if bytes[..read].iter().any(|byte| *byte != 0) {
            file.write_at(&zeros[..read], at)?;
        }
        at += read as u64;
    }
    Ok(())
}
