//! Regular files within one open directory: no links followed, no pipe waited for, no half
//! file ever visible under its final name.

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_fs_ext::{DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsSyncExt};
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt, File, FileType, OpenOptions};

use crate::error::FileError;

/// A file that was opened for reading, or what stands in its place.
pub(crate) enum Opened {
    /// A regular file.
    Regular(File),
    /// Something else, in words.
    Other(&'static str),
    /// Nothing.
    Absent,
}

/// Opens `name` for reading if it is a regular file.
pub(crate) fn open_regular(dir: &Dir, name: &str) -> io::Result<Opened> {
    let mut options = OpenOptions::new();
    // Non-blocking, because opening a planted pipe would otherwise wait for its writer.
    options.read(true).follow(FollowSymlinks::No).nonblock(true);
    let failed = match dir.open_with(name, &options) {
        Ok(file) => {
            let kind = file.metadata()?.file_type();
            return Ok(if kind.is_file() {
                Opened::Regular(file)
            } else {
                Opened::Other(in_words(kind))
            });
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Opened::Absent),
        Err(error) => error,
    };
    // Links and sockets cannot be opened at all; say what they are rather than ELOOP.
    match dir.symlink_metadata(name) {
        Ok(found) if !found.file_type().is_file() => Ok(Opened::Other(in_words(found.file_type()))),
        _ => Err(failed),
    }
}

/// What a file is, for messages.
pub(crate) fn in_words(kind: FileType) -> &'static str {
    if kind.is_symlink() {
        "a symbolic link"
    } else if kind.is_dir() {
        "a directory"
    } else if kind.is_file() {
        "a file"
    } else {
        "a pipe, socket or device"
    }
}

/// Opens the directory `name`, which must not be a link; makes it, 0700, if it is absent.
pub(crate) fn open_or_create_dir(dir: &Dir, name: &str) -> io::Result<Dir> {
    match dir.open_dir_nofollow(name) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        found => return found,
    }
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    match dir.create_dir_with(name, &builder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error),
        _ => {}
    }
    sync_dir(dir)?;
    dir.open_dir_nofollow(name)
}

/// Opens the directory `name` if there is one.
pub(crate) fn open_dir(dir: &Dir, name: &str) -> io::Result<Option<Dir>> {
    match dir.open_dir_nofollow(name) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes the entries of a directory durable.
pub(crate) fn sync_dir(dir: &Dir) -> io::Result<()> {
    dir.open(".")?.sync_all()
}

/// A private file in the directory for temporary files, removed when dropped unless it was
/// renamed to its place.
///
/// While it lives it holds a lock on the file, so that the collector can tell it from one
/// that a crash left behind.
pub(crate) struct Temporary<'d> {
    dir: &'d Dir,
    name: String,
    file: std::fs::File,
    placed: bool,
}

/// Distinguishes the temporary files of one process.
static NEXT: AtomicU64 = AtomicU64::new(0);

impl<'d> Temporary<'d> {
    /// A new empty file. The caller holds the store's lock (shared), so that no collection
    /// comes between creation and locking.
    pub(crate) fn create(dir: &'d Dir) -> io::Result<Self> {
        // The process id alone is not unique where containers share a volume.
        for _ in 0..1000 {
            let name = format!(
                "{}-{}",
                std::process::id(),
                NEXT.fetch_add(1, Ordering::Relaxed)
            );
            match palisade_private::create_new(dir, &name) {
                Ok(file) => {
                    let temporary = Self {
                        dir,
                        name,
                        file,
                        placed: false,
                    };
                    temporary.file.lock()?;
                    return Ok(temporary);
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
        }
        Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "1000 temporary names are taken; collect garbage",
        ))
    }

    /// The open file.
    pub(crate) fn file(&mut self) -> &mut std::fs::File {
        &mut self.file
    }

    /// Makes the content durable.
    pub(crate) fn sync(&self) -> io::Result<()> {
        self.file.sync_all()
    }

    /// Renames the file to its final name, replacing what is there, and makes that durable.
    pub(crate) fn place(mut self, to: &Dir, name: &str) -> io::Result<()> {
        self.dir.rename(&self.name, to, name)?;
        self.placed = true;
        sync_dir(to)
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.placed {
            // A file that stays is found and removed by the next writer.
            let _ = self.dir.remove_file(&self.name);
        }
    }
}

impl fmt::Debug for Temporary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Temporary").field(&self.name).finish()
    }
}

/// Names in a directory that are text; others are reported by their lossy form.
pub(crate) fn entries(dir: &Dir, path: &str) -> Result<Vec<(String, FileType)>, FileError> {
    let mut found = Vec::new();
    for entry in dir.entries().map_err(FileError::of("list", path))? {
        let entry = entry.map_err(FileError::of("list", path))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        match entry.file_type() {
            Ok(kind) => found.push((name, kind)),
            // It was removed between the listing and the look at it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                return Err(FileError::of(
                    "look at",
                    format_args!("{path}/{}", name.escape_default()),
                )(error));
            }
        }
    }
    found.sort_by(|a, b| a.0.cmp(&b.0));
    Ok(found)
}
