//! Files that are written where somebody said, perhaps in a directory of somebody else.
//!
//! A link that was planted there, or on the way, must not send what is written to another file,
//! be it symbolic or a second name of that file, nor a pipe keep the writer waiting. What lies below `/dev` is the operator's own choice, such as
//! `/dev/stderr`, and opened as it is.

use std::fs::File;
use std::io::Write as _;
use std::path::Path;

use rustix::fs::{AtFlags, FileType, Mode, OFlags, Stat, fstat, ftruncate, openat, statat};
use rustix::io::Errno;

use crate::PrivateError;
use crate::error::CREATE;
use crate::file::regular;
use crate::walk::{find, owned};

/// Opens a file for writing, from its beginning; it is made with `mode` if it is missing.
///
/// # Errors
/// When it cannot be opened, is a link or a file that has other names too, is no regular file, or
/// is that of somebody else, who could read what is written; when a link of somebody else is on
/// the way to it.
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
/// When there is something of this name, a link of somebody else is on the way to it, or it
/// cannot be written.
pub fn write_new(path: &Path, mode: u32, bytes: &[u8]) -> Result<(), PrivateError> {
    let mut file = open(path, mode, OFlags::EXCL)?;
    let written = file.write_all(bytes).and_then(|()| file.sync_all());
    written.map_err(PrivateError::io("write", path))
}

/// Writes a file, in place of what it has, whoever owns it.
///
/// # Errors
/// As [`create`], but for its owner, and when it cannot be written.
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
    let mode = Mode::from_raw_mode(mode);
    if device {
        let opened = rustix::fs::open(path, flags, mode);
        return Ok(opened.map_err(PrivateError::io("open", path))?.into());
    }
    // Without a name it is a directory.
    let name = path.file_name().ok_or(Errno::ISDIR);
    let name = name.map_err(PrivateError::io(CREATE, path))?;
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    let dir = find(parent.unwrap_or(Path::new("."))).map_err(|error| match error {
        // What is to be written is named, not how far it went.
        error if error.is_absent() => PrivateError::io(CREATE, path)(Errno::NOENT),
        error => error,
    })?;
    let file = match openat(&dir, name, flags, mode) {
        Err(Errno::LOOP) => {
            return Err(PrivateError::Kind {
                path: path.to_owned(),
                found: "a symbolic link",
                expected: "a file",
            });
        }
        opened => File::from(opened.map_err(PrivateError::io(CREATE, path))?),
    };
    let opened = stat(&file, path)?;
    regular(kind(&opened), path)?;
    // A file of somebody's, given a second name here, would be written to there. As its names
    // are counted where it is looked up, whoever takes this one away meanwhile is found out too.
    let named = statat(&dir, name, AtFlags::SYMLINK_NOFOLLOW);
    let named = named.map_err(PrivateError::io("look at", path))?;
    let same = (named.st_dev, named.st_ino) == (opened.st_dev, opened.st_ino);
    if !same || named.st_nlink != 1 {
        return Err(PrivateError::Kind {
            path: path.to_owned(),
            found: "a file that has another name too (a hard link)",
            expected: "a file of its own",
        });
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
