//! Files of a checked directory, and files of unknown origin.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::path::{Component, Path};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{DirExt as _, FollowSymlinks, OpenOptionsFollowExt as _, OpenOptionsSyncExt as _};
use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _};
use rustix::fs::{FileType, Mode, OFlags, Stat, fstat};
use rustix::io::Errno;

use crate::PrivateError;
use crate::walk::{in_words, owned, private};

/// How old a file is that a crash left half written, at least: nobody writes that long.
const LEFT_OVER: Duration = Duration::from_secs(3600);

/// Tells the temporary files of this process apart.
static NEXT: AtomicU64 = AtomicU64::new(0);

/// Opens a file of a checked directory for reading, if there is one.
///
/// # Errors
/// When it is no regular file, or somebody else may change it.
pub fn open(dir: &Dir, name: &str) -> Result<Option<File>, PrivateError> {
    let mut options = OpenOptions::new();
    options.read(true);
    match opened(dir, name, &mut options) {
        Err(error) if error.is_absent() => Ok(None),
        opened => opened.map(Some),
    }
}

/// Opens a file of a checked directory for reading and writing; it is made (0600) if it is
/// missing, and keeps what it has.
///
/// # Errors
/// As [`open`], and when it cannot be made.
pub fn create(dir: &Dir, name: &str) -> Result<File, PrivateError> {
    let mut options = OpenOptions::new();
    options
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600);
    opened(dir, name, &mut options)
}

/// Makes a file of a checked directory (0600) for writing, which must not be there yet.
///
/// # Errors
/// Those of the system; of the kind `AlreadyExists` when something has the name, be it a link.
pub fn create_new(dir: &Dir, name: &str) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .follow(FollowSymlinks::No);
    Ok(dir.open_with(name, &options)?.into_std())
}

/// Opens a file as [`create`] and locks it, waiting for whoever holds it.
///
/// # Errors
/// As [`create`], and when it cannot be locked.
pub fn lock(dir: &Dir, name: &str) -> Result<File, PrivateError> {
    let file = create(dir, name)?;
    loop {
        match file.lock() {
            Ok(()) => return Ok(file),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(PrivateError::io("lock", name)(error)),
        }
    }
}

/// Writes a file of a checked directory (0600), complete and durable or not at all. What a crash
/// left half written of it more than an hour ago is removed.
///
/// # Errors
/// When it cannot be written; what was there before is then still there.
pub fn replace(dir: &Dir, name: &str, bytes: &[u8]) -> Result<(), PrivateError> {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{name}.{}.{number}", std::process::id());
    remove_leftovers(dir, name);
    // A crash may have left one of this name.
    let _ = dir.remove_file(&temporary);
    let write = || {
        let mut to = create_new(dir, &temporary)?;
        to.write_all(bytes)?;
        to.sync_all()?;
        dir.rename(&temporary, dir, name)?;
        dir.open(".")?.sync_all()
    };
    write().map_err(|error| {
        let _ = dir.remove_file(&temporary);
        PrivateError::io("write", name)(error)
    })
}

/// Removes what crashes left half written of a file. What cannot be looked at or removed stays: it
/// takes room and does no harm else.
pub(crate) fn remove_leftovers(dir: &Dir, name: &str) {
    let now = SystemTime::now();
    for entry in dir.entries().into_iter().flatten().flatten() {
        let file = entry.file_name().to_string_lossy().into_owned();
        let parts = file
            .strip_prefix('.')
            .and_then(|file| file.strip_prefix(name)?.strip_prefix('.')?.split_once('.'));
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        if !parts.is_some_and(|(process, number)| digits(process) && digits(number)) {
            continue;
        }
        let written = entry.metadata().and_then(|found| found.modified());
        let age = written.map(|written| now.duration_since(written.into_std()));
        if matches!(age, Ok(Ok(age)) if age > LEFT_OVER) {
            let _ = dir.remove_file(&file);
        }
    }
}

fn opened(dir: &Dir, name: &str, options: &mut OpenOptions) -> Result<File, PrivateError> {
    // Non-blocking, because opening a planted pipe would otherwise wait for its other end.
    options.follow(FollowSymlinks::No).nonblock(true);
    let file = match dir.open_with(name, options) {
        Ok(file) => file.into_std(),
        Err(error) => return Err(unopened(dir, name, error)),
    };
    let path = Path::new(name);
    let stat = fstat(&file).map_err(PrivateError::io("look at", path))?;
    regular(FileType::from_raw_mode(stat.st_mode), path)?;
    private(&stat, path)?;
    Ok(file)
}

/// Links and sockets cannot be opened at all: says what they are rather than ELOOP or ENXIO.
fn unopened(dir: &Dir, name: &str, error: io::Error) -> PrivateError {
    match dir.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => PrivateError::Kind {
            path: name.into(),
            found: "a symbolic link",
            expected: "a file",
        },
        Ok(found) if !found.is_file() && !found.is_dir() => PrivateError::Kind {
            path: name.into(),
            found: "a pipe, socket or device",
            expected: "a file",
        },
        _ => PrivateError::io("open", name)(error),
    }
}

pub(crate) fn regular(kind: FileType, path: &Path) -> Result<(), PrivateError> {
    if kind == FileType::RegularFile {
        return Ok(());
    }
    Err(PrivateError::Kind {
        path: path.to_owned(),
        found: in_words(kind),
        expected: "a file",
    })
}

/// Reads a file that somebody named or that was found in a folder: a regular one, of at most
/// `limit` bytes. A link is followed.
///
/// # Errors
/// When it cannot be read, is no regular file, or is larger.
pub fn read(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    contents(open_file(path)?, path, limit)
}

/// Reads a file as [`read`], if it belongs to the caller or root and is no link.
///
/// # Errors
/// As [`read`], and when it is a link or somebody else's.
pub fn read_own(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let (file, stat) = from_path(path, OFlags::NOFOLLOW)?;
    owned(&stat, path)?;
    contents(file, path, limit)
}

/// Reads a file that decides what runs: of the caller or root, and with every folder on the way
/// to it writable by nobody else.
///
/// # Errors
/// As [`read`], and when another user could have written it, or put another in its place.
pub fn read_private(path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let path = &std::path::absolute(path).map_err(PrivateError::io("find", path))?;
    let (Some(parent), Some(name)) = (path.parent(), path.file_name().and_then(|n| n.to_str()))
    else {
        return Err(PrivateError::io("read", path)(io::Error::other(
            "it is no file",
        )));
    };
    let dir = crate::open_dir(parent)?;
    match open(&dir, name)? {
        Some(file) => contents(file, path, limit),
        None => Err(PrivateError::io("open", path)(io::Error::from(
            io::ErrorKind::NotFound,
        ))),
    }
}

/// Opens a file for reading as [`read`] does: a regular one, without waiting for a pipe. A link is
/// followed.
///
/// # Errors
/// When it cannot be opened or is no regular file.
pub fn open_file(path: &Path) -> Result<File, PrivateError> {
    Ok(from_path(path, OFlags::empty())?.0)
}

fn from_path(path: &Path, more: OFlags) -> Result<(File, Stat), PrivateError> {
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOCTTY | OFlags::CLOEXEC | more;
    let fd = match rustix::fs::open(path, flags, Mode::empty()) {
        // What cannot be opened at all is a socket, or a device that nothing is behind.
        Err(Errno::NXIO) => {
            return Err(PrivateError::Kind {
                path: path.to_owned(),
                found: "a socket or device",
                expected: "a file",
            });
        }
        opened => opened.map_err(PrivateError::io("open", path))?,
    };
    let stat = fstat(&fd).map_err(PrivateError::io("look at", path))?;
    regular(FileType::from_raw_mode(stat.st_mode), path)?;
    Ok((File::from(fd), stat))
}

fn contents(file: File, path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(PrivateError::io("read", path))?;
    if bytes.len() as u64 <= limit {
        return Ok(bytes);
    }
    let error = io::Error::other(format!("it has more than {limit} bytes"));
    Err(PrivateError::io("read", path)(error))
}

/// Reads a regular file below a folder, by a relative path of plain names, following no link on
/// the way to it.
///
/// # Errors
/// When the path leaves the folder, a part of it is a link, or the file cannot be read, is no
/// regular file, or has more than `limit` bytes.
pub fn read_within(dir: &Dir, path: &Path, limit: u64) -> Result<Vec<u8>, PrivateError> {
    let plain = |component| matches!(component, Component::Normal(_) | Component::CurDir);
    if !path.components().all(plain) {
        return Err(PrivateError::Kind {
            path: path.to_owned(),
            found: "a path that leaves the folder",
            expected: "one below it",
        });
    }
    let Some(name) = path.file_name() else {
        return Err(PrivateError::io("open", path)(Errno::ISDIR));
    };
    let link = |error: io::Error| match error.raw_os_error() {
        Some(code)
            if code == Errno::LOOP.raw_os_error() || code == Errno::NOTDIR.raw_os_error() =>
        {
            PrivateError::Kind {
                path: path.to_owned(),
                found: "a symbolic link, or below one",
                expected: "a file",
            }
        }
        _ => PrivateError::io("open", path)(error),
    };
    let mut at = dir.try_clone().map_err(PrivateError::io("open", path))?;
    for step in path.parent().into_iter().flat_map(Path::components) {
        if let Component::Normal(step) = step {
            at = at.open_dir_nofollow(step).map_err(link)?;
        }
    }
    let mut options = OpenOptions::new();
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let file = at.open_with(name, &options).map_err(link)?.into_std();
    let stat = fstat(&file).map_err(PrivateError::io("look at", path))?;
    regular(FileType::from_raw_mode(stat.st_mode), path)?;
    contents(file, path, limit)
}
