//! Opening a store and keeping the collector away from those who write.

use std::io::{self, Read};

use cap_std::fs::Dir;

use crate::error::{FileError, OpenError};
use crate::file::{self, Opened, Temporary};

/// First line of the file `format`.
const FORMAT: &str = "palisade-store 1";

/// What a store has at its top, for telling it from another directory.
const TOP: [&str; 5] = ["format", "lock", "blobs", "names", "temporary"];

/// A store in an open directory.
///
/// May be shared between threads, and several processes may open the same directory.
#[derive(Debug)]
pub struct Store {
    root: Dir,
    pub(crate) blobs: Dir,
    pub(crate) names: Dir,
    pub(crate) temporary: Dir,
}

/// While it lives nothing is collected, in any process.
///
/// Take one around steps that belong together: putting the blobs of a pack, asking
/// [`Store::has`] for others, and setting the name that makes all of them reachable.
#[derive(Debug)]
pub struct Hold {
    _lock: std::fs::File,
}

impl Store {
    /// Opens the store in `dir`, which becomes one if it is empty.
    ///
    /// # Errors
    /// When the directory holds other things, when another version of the format wrote it,
    /// or when one of its own directories is missing and cannot be made, or is a link.
    pub fn open(dir: Dir) -> Result<Self, OpenError> {
        let known = Self::check_format(&dir)?;
        let open = |name| {
            palisade_private::dir_in(&dir, name)
                .map_err(io::Error::other)
                .map_err(FileError::of("open the directory", name))
        };
        let store = Self {
            blobs: open("blobs")?,
            names: open("names")?,
            temporary: open("temporary")?,
            root: dir,
        };
        if !known {
            store.write_format()?;
        }
        Ok(store)
    }

    /// Keeps the collector away until the hold is dropped. Waits while it runs. Where nobody else
    /// holds the store, what writers left that were killed is removed first.
    ///
    /// # Errors
    /// When the file `lock` cannot be opened or made, or is a link.
    pub fn hold(&self) -> Result<Hold, FileError> {
        let lock = self.open_lock()?;
        if lock.try_lock().is_ok() {
            // What cannot be removed takes room and does no harm else; the collector tells of it.
            let _ = self.remove_leftovers(false);
            lock.unlock().map_err(FileError::of("release", "lock"))?;
        }
        loop {
            match lock.lock_shared() {
                Ok(()) => return Ok(Hold { _lock: lock }),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(FileError::of("take", "lock")(error)),
            }
        }
    }

    /// The lock that excludes all writers, or nothing if somebody holds it.
    pub(crate) fn try_exclusive(&self) -> Result<Option<Hold>, FileError> {
        let lock = self.open_lock()?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Hold { _lock: lock })),
            Err(std::fs::TryLockError::WouldBlock) => Ok(None),
            Err(std::fs::TryLockError::Error(error)) => Err(FileError::of("take", "lock")(error)),
        }
    }

    /// Opens the lock file anew: locks belong to the open file, so each holder needs its own.
    fn open_lock(&self) -> Result<std::fs::File, FileError> {
        palisade_private::create(&self.root, "lock")
            .map_err(io::Error::other)
            .map_err(FileError::of("open", "lock"))
    }

    /// Whether the directory is a store already; an error if it is something else.
    fn check_format(dir: &Dir) -> Result<bool, OpenError> {
        match file::open_regular(dir, "format").map_err(FileError::of("open", "format"))? {
            Opened::Regular(file) => {
                let mut text = Vec::new();
                file.take(64)
                    .read_to_end(&mut text)
                    .map_err(FileError::of("read", "format"))?;
                let text = String::from_utf8_lossy(&text);
                let found = text.lines().next().unwrap_or_default();
                if found == FORMAT {
                    return Ok(true);
                }
                Err(OpenError::Format {
                    found: found.to_owned(),
                    expected: FORMAT,
                })
            }
            Opened::Other(found) => Err(OpenError::Format {
                found: found.to_owned(),
                expected: FORMAT,
            }),
            Opened::Absent => {
                // Another process may be making the same store right now: its parts are fine.
                let mut entries = file::entries(dir, ".")?.into_iter();
                match entries.find(|(name, _)| !TOP.contains(&name.as_str())) {
                    None => Ok(false),
                    Some((found, _)) => Err(OpenError::NotAStore {
                        found: found.escape_default().to_string(),
                    }),
                }
            }
        }
    }

    fn write_format(&self) -> Result<(), FileError> {
        let _hold = self.hold()?;
        let write = || {
            let mut temporary = Temporary::create(&self.temporary)?;
            io::Write::write_all(temporary.file(), format!("{FORMAT}\n").as_bytes())?;
            temporary.sync()?;
            temporary.place(&self.root, "format")
        };
        write().map_err(FileError::of("write", "format"))
    }
}
