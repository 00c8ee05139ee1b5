//! Looking into a journal while somebody else may be writing it.

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use crate::error::JournalError;
use crate::files::SegmentFile;
use crate::segment::{self, FRAME, Found, HEADER};

fn firsts(folder: &Path) -> io::Result<Vec<u64>> {
    let mut firsts = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let name = entry?.file_name().into_string();
        firsts.extend(name.ok().and_then(|name| segment::first_of(&name)));
    }
    firsts.sort_unstable();
    Ok(firsts)
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = File::options();
    options.read(true);
    options.custom_flags(crate::files::READING);
    options.open(path)
}

/// The record with this number, if it is still there, in a journal that another process may be
/// writing meanwhile. Reads the one segment that it is in up to there.
///
/// # Errors
/// When a file cannot be read, or what lies before the record is damaged.
pub fn look(folder: &Path, number: u64) -> Result<Option<Vec<u8>>, JournalError> {
    let listed = firsts(folder);
    let listed = match listed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        listed => listed.map_err(JournalError::io("list", "its folder"))?,
    };
    let holds = listed.into_iter().rev().find(|first| *first <= number);
    let Some(first) = holds else { return Ok(None) };
    let name = segment::name(first);
    let file = match open(&folder.join(&name)) {
        // It was let go since it was listed.
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.map_err(JournalError::io("open", &name))?,
    };
    let size = SegmentFile::size(&file).map_err(JournalError::io("look at", &name))?;
    if segment::first(&file).map_err(JournalError::io("read", &name))? != Some(first) {
        return Err(JournalError::Foreign(name));
    }
    let (mut at, mut next) = (HEADER, first);
    loop {
        let found = segment::decode(&file, size, at, next);
        match found.map_err(JournalError::io("read", &name))? {
            Found::Record(bytes) if next == number => return Ok(Some(bytes)),
            Found::Record(bytes) => {
                at += (FRAME + bytes.len()) as u64;
                next += 1;
            }
            Found::End => return Ok(None),
            Found::Broken => {
                return Err(JournalError::Damaged {
                    number: next,
                    file: name,
                    at,
                });
            }
        }
    }
}

/// Makes durable what another thread has written to the newest segment of a journal; those before
/// it are.
///
/// # Errors
/// When the disk cannot.
pub fn sync_newest(folder: &Path) -> io::Result<()> {
    match firsts(folder)?.last() {
        Some(first) => open(&folder.join(segment::name(*first)))?.sync_data(),
        None => Ok(()),
    }
}
