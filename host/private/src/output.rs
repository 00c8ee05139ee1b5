//! Files that are written where somebody said, perhaps in a directory of somebody else.
//!
//! A link that was planted there must not send what is written to another file, nor a pipe
//! keep the writer waiting. What lies below `/dev` is the operator's own choice, such as
//! `/dev/stderr`, and opened as it is.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{FileType, Mode, OFlags, Stat, fstat, ftruncate};
use rustix::io::Errno;

use crate::PrivateError;
use crate::file::regular;
use crate::walk::owned;

/// Opens a file for writing, from its beginning; it is made with `mode` if it is missing.
///
/// # Errors
/// When it cannot be opened, is a link, is no regular file, or is that of somebody else, who
/// could read what is written.
pub fn create(path: &Path, mode: u32) -> Result<File, PrivateError> {
    let file = open(path, mode, OFlags::empty())?;
    own(&file, path)?;
    emptied(file, path)
}

/// Opens a file for writing, after what it has.
///
/// # Errors
/// As [`create`].
pub fn append(path: &Path, mode: u32) -> Result<File, PrivateError> {
    let file = open(path, mode, OFlags::APPEND)?;
    own(&file, path)?;
    Ok(file)
}

/// Makes a file that must not be there yet, not even as a link, and writes it.
///
/// # Errors
/// When there is something of this name, or it cannot be written.
pub fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), PrivateError> {
    let mut file = open(path, mode, OFlags::EXCL)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(PrivateError::io("write", path))
}

/// Writes a file, in place of what it has, whoever owns it.
///
/// # Errors
/// When it cannot be written, is a link, or is no regular file.
pub fn write(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), PrivateError> {
    let mut file = emptied(open(path, mode, OFlags::empty())?, path)?;
    file.write_all(bytes)
        .map_err(PrivateError::io("write", path))
}

/// Whether this is a name of the system for a stream that is open, or that keeps nothing. Other
/// places below `/dev` are open to everybody, `/dev/shm` among them.
fn is_stream(path: &Path) -> bool {
    let named = [
        "/dev/null",
        "/dev/full",
        "/dev/tty",
        "/dev/stdout",
        "/dev/stderr",
    ];
    let number = |path: &Path| {
        let name = path.strip_prefix("/dev/fd").ok().and_then(Path::to_str);
        name.is_some_and(|name| !name.is_empty() && name.bytes().all(|b| b.is_ascii_digit()))
    };
    named.iter().any(|name| path == Path::new(name)) || number(path)
}

fn open(path: &Path, mode: u32, more: OFlags) -> Result<File, PrivateError> {
    let device = is_stream(path);
    let mut flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOCTTY | more;
    if device {
        flags.remove(OFlags::CREATE);
    } else {
        // Non-blocking, because opening a planted pipe would otherwise wait for its reader.
        flags |= OFlags::NOFOLLOW | OFlags::NONBLOCK;
    }
    let fd = match rustix::fs::open(path, flags, Mode::from_raw_mode(mode)) {
        Err(Errno::LOOP) => {
            return Err(PrivateError::Kind {
                path: path.to_owned(),
                found: "a symbolic link",
                expected: "a file",
            });
        }
        opened => opened.map_err(PrivateError::io("open", path))?,
    };
    let file = File::from(fd);
    if !device {
        regular(kind(&stat(&file, path)?), path)?;
    }
    Ok(file)
}

fn emptied(file: File, path: &Path) -> Result<File, PrivateError> {
    if kind(&stat(&file, path)?) == FileType::RegularFile {
        ftruncate(&file, 0).map_err(PrivateError::io("empty", path))?;
    }
    Ok(file)
}

/// Whether a regular file belongs to the caller or root.
fn own(file: &File, path: &Path) -> Result<(), PrivateError> {
    let stat = stat(file, path)?;
    match kind(&stat) {
        FileType::RegularFile => owned(&stat, path),
        _ => Ok(()),
    }
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

fn stat(file: &File, path: &Path) -> Result<Stat, PrivateError> {
    fstat(file).map_err(PrivateError::io("look at", path))
}
