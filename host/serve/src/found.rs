//! Files of a log that is rotated: which is the one that was read, and which comes after it.

use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use crate::record::FilePlace;
use crate::tape::HEAD;

/// The most names in a folder that are looked at.
const MAX_NAMES: usize = 65_536;

/// Whether a file is the one that a place is in: an inode may have been used again.
fn holds(file: &File, metadata: &Metadata, place: &FilePlace) -> bool {
    let (count, checksum) = place.head;
    let mut head = vec![0; (count as usize).min(HEAD)];
    metadata.is_file()
        && (metadata.dev(), metadata.ino()) == (place.device, place.inode)
        && file.read_exact_at(&mut head, 0).is_ok()
        && crc32fast::hash(&head) == checksum
}

/// `O_NONBLOCK` of Linux.
const NONBLOCK: i32 = 0o4000;

/// Opens what is at a path, whatever it is: a pipe that nobody writes to is not waited for.
///
/// # Errors
/// When it cannot be opened.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let mut options = OpenOptions::new();
    let file = options.read(true).custom_flags(NONBLOCK).open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn regular(path: &Path) -> Option<(File, Metadata)> {
    path.metadata().ok().filter(Metadata::is_file)?;
    open(path).ok().filter(|(_, metadata)| metadata.is_file())
}

/// The files beside a log, the log itself among them, that have its name or begin with it.
fn family(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let name = name.as_encoded_bytes();
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let names = entries.take(MAX_NAMES).flatten();
    names
        .filter(|entry| entry.file_name().as_encoded_bytes().starts_with(name))
        .map(|entry| entry.path())
        .collect()
}

/// The file that a place is in, under whatever name it has now, if it is still as long.
pub(crate) fn again(path: &Path, place: &FilePlace) -> Option<File> {
    let is_it = |path: &Path| {
        let (file, metadata) = regular(path)?;
        let whole = metadata.len() >= place.offset;
        (whole && holds(&file, &metadata, place)).then_some(file)
    };
    is_it(path).or_else(|| family(path).iter().find_map(|path| is_it(path)))
}

/// The file that was written next after those that were read, the latest of them last, and has
/// been renamed since: more may have been rotated than one while nobody looked. `None`: the next
/// is the log itself.
pub(crate) fn next(path: &Path, read: &[FilePlace]) -> Option<PathBuf> {
    let last = again(path, read.last()?)?.metadata().ok()?;
    let written = |metadata: &Metadata| (metadata.mtime(), metadata.mtime_nsec());
    let mut later: Vec<_> = family(path)
        .into_iter()
        .filter(|other| other != path)
        .filter_map(|path| {
            let (file, metadata) = regular(&path)?;
            let was_read = read.iter().any(|place| holds(&file, &metadata, place));
            let later = written(&metadata) >= written(&last);
            (later && !was_read).then(|| (written(&metadata), path))
        })
        .collect();
    later.sort();
    later.into_iter().next().map(|(_, path)| path)
}
