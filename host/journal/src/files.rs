//! The few operations on files that a journal needs, so that tests can make each of them fail.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{FallocateFlags, FlockOperation, OFlags};

/// How files are opened that others may have put there: through no link, and waiting for no pipe.
pub(crate) const READING: i32 = OFlags::NOFOLLOW.union(OFlags::NONBLOCK).bits() as i32;

/// A folder of segments, or of snapshots.
pub trait Files: Send {
    /// The names of all files, in no order.
    ///
    /// # Errors
    /// When the folder cannot be read.
    fn list(&self) -> io::Result<Vec<String>>;

    /// Makes a new file of so many bytes, all zero, of which the disk has room for every one; one
    /// of none grows as it is written.
    ///
    /// # Errors
    /// When there is one of the name, or no room.
    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn SegmentFile>>;

    /// Opens a file.
    ///
    /// # Errors
    /// When it cannot be opened.
    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>>;

    /// Gives a file another name, under which there may be one that it replaces.
    ///
    /// # Errors
    /// When it cannot be renamed.
    fn rename(&self, from: &str, to: &str) -> io::Result<()>;

    /// When a file was written last.
    ///
    /// # Errors
    /// When it cannot be told.
    fn written(&self, name: &str) -> io::Result<SystemTime>;

    /// Removes a file.
    ///
    /// # Errors
    /// When it cannot be removed.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Makes durable which files there are.
    ///
    /// # Errors
    /// When the disk cannot.
    fn sync(&self) -> io::Result<()>;
}

/// The file of a segment, or of a snapshot.
pub trait SegmentFile: Send {
    /// Writes all bytes at an offset.
    ///
    /// # Errors
    /// When not all were written.
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()>;

    /// Reads as many bytes as there are at an offset, up to the length of the buffer.
    ///
    /// # Errors
    /// When the disk cannot.
    fn read_at(&self, to: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Its length in bytes.
    ///
    /// # Errors
    /// When it cannot be told.
    fn size(&self) -> io::Result<u64>;

    /// Makes durable what was written.
    ///
    /// # Errors
    /// When the disk cannot. What is on it is then not known.
    fn sync(&mut self) -> io::Result<()>;
}

/// A folder of the file system, of which one process at a time is the owner.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    /// Holds the lock for as long as it is open.
    handle: File,
}

impl Folder {
    /// A folder that exists.
    ///
    /// # Errors
    /// When it cannot be opened, or another process has it (`WouldBlock`).
    pub fn new(path: &Path) -> io::Result<Folder> {
        let handle = File::open(path)?;
        rustix::fs::flock(&handle, FlockOperation::NonBlockingLockExclusive)?;
        Ok(Folder {
            path: path.to_owned(),
            handle,
        })
    }
}

impl Files for Folder {
    fn list(&self) -> io::Result<Vec<String>> {
        names(&self.path)
    }

    fn create(&self, name: &str, size: u64) -> io::Result<Box<dyn SegmentFile>> {
        let path = self.path.join(name);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&path)?;
        if size == 0 {
            return Ok(Box::new(file));
        }
        let allocated = rustix::fs::fallocate(&file, FallocateFlags::empty(), 0, size);
        if let Err(error) = allocated {
            // What is left would look like a segment.
            let _ = std::fs::remove_file(&path);
            return Err(error.into());
        }
        Ok(Box::new(file))
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.read(true).write(true);
        options.custom_flags(READING);
        Ok(Box::new(options.open(self.path.join(name))?))
    }

    fn rename(&self, from: &str, to: &str) -> io::Result<()> {
        std::fs::rename(self.path.join(from), self.path.join(to))
    }

    fn written(&self, name: &str) -> io::Result<SystemTime> {
        std::fs::metadata(self.path.join(name))?.modified()
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        std::fs::remove_file(self.path.join(name))
    }

    fn sync(&self) -> io::Result<()> {
        self.handle.sync_all()
    }
}

/// A folder of which nothing is changed and which is not locked: somebody else may be writing in it.
#[derive(Debug)]
pub struct Reading {
    path: PathBuf,
}

impl Reading {
    /// A folder.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn new(path: &Path) -> io::Result<Reading> {
        std::fs::read_dir(path)?;
        let path = path.to_owned();
        Ok(Reading { path })
    }
}

fn only_read<T>() -> io::Result<T> {
    Err(io::Error::new(
        io::ErrorKind::ReadOnlyFilesystem,
        "it is open to be read only",
    ))
}

impl Files for Reading {
    fn list(&self) -> io::Result<Vec<String>> {
        names(&self.path)
    }

    fn create(&self, _: &str, _: u64) -> io::Result<Box<dyn SegmentFile>> {
        only_read()
    }

    fn open(&self, name: &str) -> io::Result<Box<dyn SegmentFile>> {
        let mut options = OpenOptions::new();
        options.read(true);
        options.custom_flags(READING);
        Ok(Box::new(options.open(self.path.join(name))?))
    }

    fn rename(&self, _: &str, _: &str) -> io::Result<()> {
        only_read()
    }

    fn written(&self, name: &str) -> io::Result<SystemTime> {
        std::fs::metadata(self.path.join(name))?.modified()
    }

    fn remove(&self, _: &str) -> io::Result<()> {
        only_read()
    }

    fn sync(&self) -> io::Result<()> {
        only_read()
    }
}

fn names(folder: &Path) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        if let Ok(name) = entry?.file_name().into_string() {
            names.push(name);
        }
    }
    Ok(names)
}

impl SegmentFile for File {
    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        self.write_all_at(bytes, offset)
    }

    fn read_at(&self, mut to: &mut [u8], mut offset: u64) -> io::Result<usize> {
        let mut read = 0;
        while !to.is_empty() {
            match std::os::unix::fs::FileExt::read_at(self, to, offset) {
                Ok(0) => break,
                Ok(more) => {
                    read += more;
                    offset += more as u64;
                    to = &mut to[more..];
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(read)
    }

    fn size(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}
