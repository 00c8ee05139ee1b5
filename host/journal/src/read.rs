//! Reads records back.

use crate::error::JournalError;
use crate::files::{Files, SegmentFile};
use crate::segment::{self, FRAME, Found, HEADER};

/// A record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Its number.
    pub number: u64,
    /// What it holds.
    pub bytes: Vec<u8>,
}

/// Reads the records of a journal from one on, in order, up to the last that was whole when it
/// was opened.
pub struct Reader<'a> {
    pub(crate) files: &'a dyn Files,
    /// Segments that are still to be read, the last first.
    pub(crate) segments: Vec<u64>,
    pub(crate) open: Option<(String, Box<dyn SegmentFile>, u64)>,
    /// Where the next record lies, and its number.
    pub(crate) at: (u64, u64),
    /// The last record that there is, and the first that is wanted.
    pub(crate) last: u64,
    pub(crate) from: u64,
}

impl Reader<'_> {
    fn record(&mut self) -> Result<Option<Record>, JournalError> {
        loop {
            let (offset, number) = self.at;
            if number > self.last {
                return Ok(None);
            }
            if self.open.is_none() {
                let Some(first) = self.segments.pop() else {
                    return Ok(None);
                };
                let name = segment::name(first);
                let opened = self.files.open(&name);
                let file = opened.map_err(JournalError::io("open", &name))?;
                let size = file.size().map_err(JournalError::io("look at", &name))?;
                self.open = Some((name, file, size));
                self.at = (HEADER, first);
                continue;
            }
            let Some((name, file, size)) = &self.open else {
                continue;
            };
            let found = segment::decode(&**file, *size, offset, number);
            match found.map_err(JournalError::io("read", name))? {
                Found::Record(bytes) => {
                    self.at = (offset + (FRAME + bytes.len()) as u64, number + 1);
                    if number >= self.from {
                        return Ok(Some(Record { number, bytes }));
                    }
                }
                Found::End => self.open = None,
                Found::Broken => {
                    return Err(JournalError::Damaged {
                        number,
                        file: name.clone(),
                        at: offset,
                    });
                }
            }
        }
    }
}

impl Iterator for Reader<'_> {
    type Item = Result<Record, JournalError>;

    fn next(&mut self) -> Option<Self::Item> {
        let record = self.record();
        if record.is_err() {
            // What is damaged is told once.
            (self.last, self.at) = (0, (0, 1));
        }
        record.transpose()
    }
}
