//! Files of a log that is rotated: which is the one that was read, and which comes after it.

use std::ffi::OsStr;
use std::fs::{File, Metadata, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

use crate::record::FilePlace;
use crate::tape::HEAD;

/// The most names in a folder that are looked at.
const MAX_NAMES: usize = 65_536;

/// Whether a file is the one that a place is in: an inode may have been used again.
pub(crate) fn holds(file: &File, metadata: &Metadata, place: &FilePlace) -> bool {
    let (count, checksum) = place.head;
    let mut head = vec![0; (count as usize).min(HEAD)];
    metadata.is_file()
        && (metadata.dev(), metadata.ino()) == (place.device, place.inode)
        && file.read_exact_at(&mut head, 0).is_ok()
        && crc32fast::hash(&head) == checksum
}

/// Opens a file; a pipe that comes in its place is not waited for.
///
/// # Errors
/// When it cannot be opened, is no file, or a link of another user.
pub(crate) fn open(path: &Path) -> io::Result<(File, Metadata)> {
    let link = path.symlink_metadata()?;
    let ours = [0, rustix::process::geteuid().as_raw()];
    if link.is_symlink() && !ours.contains(&link.uid()) {
        return Err(io::Error::other(
            "it is a link of another user, who would choose what is read",
        ));
    }
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("it is no regular file"));
    }
    let mut options = OpenOptions::new();
    let file = options
        .read(true)
        .custom_flags(OFlags::NONBLOCK.bits() as i32)
        .open(path)?;
    let metadata = file.metadata()?;
    Ok((file, metadata))
}

fn regular(path: &Path) -> Option<(File, Metadata)> {
    open(path).ok().filter(|(_, metadata)| metadata.is_file())
}

/// The files beside a log that have its name with a number or a date behind it: `.1`, `-20261130`,
/// `.2026-11-30-12`.
fn rotated(path: &Path) -> Vec<PathBuf> {
    let (Some(folder), Some(name)) = (path.parent(), path.file_name()) else {
        return Vec::new();
    };
    let folder = match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    };
    let Ok(entries) = std::fs::read_dir(folder) else {
        return Vec::new();
    };
    let is_one = |other: &OsStr| {
        let rest = other
            .as_encoded_bytes()
            .strip_prefix(name.as_encoded_bytes());
        rest.is_some_and(is_number)
    };
    let names = entries.take(MAX_NAMES).flatten();
    names
        .filter(|entry| is_one(&entry.file_name()))
        .map(|entry| entry.path())
        .collect()
}

/// Whether this is what is put behind the name of a log that is rotated.
fn is_number(rest: &[u8]) -> bool {
    match rest {
        [b'.' | b'-', first, rest @ ..] => {
            let more = |byte: &u8| byte.is_ascii_digit() || b".-_:T".contains(byte);
            first.is_ascii_digit() && rest.iter().all(more)
        }
        _ => false,
    }
}

/// The file that a place is in, under whatever name it has now, if it is still as long.
pub(crate) fn again(path: &Path, place: &FilePlace) -> Option<File> {
    let is_it = |path: &Path| {
        let (file, metadata) = regular(path)?;
        let whole = metadata.len() >= place.offset;
        (whole && holds(&file, &metadata, place)).then_some(file)
    };
    is_it(path).or_else(|| rotated(path).iter().find_map(|path| is_it(path)))
}

/// The file that was written next after those that were read, the latest of them last, and has
/// been renamed since: more may have been rotated than one while nobody looked. `None`: the next
/// is the log itself.
///
/// # Errors
/// When the latest is gone, so that it cannot be told what came after it.
pub(crate) fn next(path: &Path, read: &[FilePlace]) -> Result<Option<PathBuf>, Gone> {
    let Some(last) = read.last() else {
        return Ok(None);
    };
    // Each is later than the one before it, so that there is an end however many there are.
    let written = |metadata: &Metadata| (metadata.mtime(), metadata.mtime_nsec(), metadata.ino());
    let last = again(
        path,
        &FilePlace {
            offset: 0,
            ..last.clone()
        },
    );
    let last = last.and_then(|file| file.metadata().ok()).ok_or(Gone)?;
    let mut later: Vec<_> = rotated(path)
        .into_iter()
        .filter_map(|path| {
            let (file, metadata) = regular(&path)?;
            let was_read = read.iter().any(|place| holds(&file, &metadata, place));
            let later = written(&metadata) > written(&last);
            (later && !was_read).then(|| (written(&metadata), path))
        })
        .collect();
    later.sort();
    Ok(later.into_iter().next().map(|(_, path)| path))
}

/// The file that was read last is not there any more.
#[derive(Debug)]
pub(crate) struct Gone;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rotated_files_have_a_number_or_a_date_behind_the_name() {
        for rest in [
            ".1",
            "-20261130",
            ".2026-11-30-12",
            ".1.2",
            "-2026-11-30T12:00",
        ] {
            assert!(is_number(rest.as_bytes()), "{rest}");
        }
        for rest in ["", "2", ".bak", ".1.gz", ".", "-", "_1", ".x1", ".1~"] {
            assert!(!is_number(rest.as_bytes()), "{rest}");
        }
    }

    #[test]
    fn of_a_folder_of_many_names_65_536_are_looked_at() {
        let dir = tempfile::tempdir().unwrap();
        let count = || rotated(&dir.path().join("log")).len();
        for (number, there) in [(65_536, 65_536), (65_540, 65_536)] {
            for number in count()..number {
                File::create(dir.path().join(format!("log.{number}"))).unwrap();
            }
            assert_eq!(count(), there);
        }
    }

    #[test]
    fn each_file_comes_once_in_the_order_of_its_last_line_and_there_is_an_end() {
        let dir = tempfile::tempdir().unwrap();
        let log = dir.path().join("log");
        let place = |path: &Path| {
            let (file, metadata) = regular(path).unwrap();
            let mut head = vec![0; 5];
            file.read_exact_at(&mut head, 0).unwrap();
            FilePlace {
                device: metadata.dev(),
                inode: metadata.ino(),
                offset: 5,
                head: (5, crc32fast::hash(&head)),
            }
        };
        let write = |name: &str| {
            let path = dir.path().join(name);
            std::fs::write(&path, "line\n").unwrap();
            path
        };
        let first = write("log.9");
        // All of the same moment, as after a restore; others are no logs of ours.
        let moment = std::time::SystemTime::now() + std::time::Duration::from_secs(60);
        for name in (1..9)
            .map(|number| format!("log.{number}"))
            .chain(["log2".into(), "log.bak".into()])
        {
            let file = File::options().write(true).open(write(&name)).unwrap();
            file.set_modified(moment).unwrap();
        }
        let mut read = vec![place(&first)];
        let mut names = Vec::new();
        while let Some(next) = next(&log, &read).unwrap() {
            names.push(next.file_name().unwrap().to_owned());
            // As if it were forgotten which were read before the last.
            read = vec![place(&next)];
            assert!(names.len() <= 8, "{names:?}");
        }
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 8, "{names:?}");
        std::fs::remove_file(dir.path().join(names.last().unwrap())).unwrap();
        for number in 1..9 {
            let _ = std::fs::remove_file(dir.path().join(format!("log.{number}")));
        }
        assert!(next(&log, &read).is_err());
    }
}
