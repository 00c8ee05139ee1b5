//! Which capture of a directory comes next.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::fs::{File, Metadata};
use std::io;
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::stream::MAX_FILES;
use crate::found;
use crate::record::FilePlace;
use crate::tape::HEAD;

/// A file in the directory that was not read yet.
#[derive(Debug)]
pub(super) struct Arrived {
    pub(super) path: PathBuf,
    pub(super) metadata: Metadata,
}

/// Whether it is none yet: hidden, or called as what is still being written.
fn is_temporary(name: &OsStr) -> bool {
    let name = name.as_encoded_bytes();
    let ends = [
        &b"~"[..],
        b".tmp",
        b".temp",
        b".part",
        b".partial",
        b".crdownload",
        b".swp",
    ];
    name.starts_with(b".") || ends.iter().any(|end| name.ends_with(end))
}

/// The first bytes of a file: how many were looked at, and their CRC-32.
pub(super) fn head(file: &File) -> io::Result<(u32, u32)> {
    let mut bytes = [0; HEAD];
    let mut read = 0;
    while read < HEAD {
        match file.read_at(&mut bytes[read..], read as u64)? {
            0 => break,
            more => read += more,
        }
    }
    Ok((read as u32, crc32fast::hash(&bytes[..read])))
}

/// The captures of a directory that were read to their ends.
#[derive(Debug, Default)]
pub(super) struct Known {
    /// By inode; of such a file `offset` is its length.
    read: HashMap<(u64, u64), FilePlace>,
    /// What is no capture, or an empty one, by inode, with its length: it may become one.
    passed: HashMap<(u64, u64), u64>,
    /// Those that have grown since, as far as that was told.
    grown: HashSet<(u64, u64)>,
    /// When those that were read were written to last, as far as they were looked at.
    written: HashMap<(u64, u64), (i64, i64)>,
}

/// What is in a directory.
#[derive(Debug, Default)]
pub(super) struct Listing {
    /// What was not read, in the order in which it is to be read.
    pub(super) arrived: Vec<Arrived>,
    /// Captures that have grown after they were read, for the first time.
    pub(super) grown: Vec<PathBuf>,
    /// Those that were read, and are still there.
    pub(super) done: Vec<PathBuf>,
    /// There are more files, or names, than are looked at.
    pub(super) cut: bool,
}

fn inode(metadata: &Metadata) -> (u64, u64) {
    (metadata.dev(), metadata.ino())
}

impl Known {
    pub(super) fn new(read: Vec<FilePlace>) -> Known {
        let read = read.into_iter();
        Known {
            read: read
                .map(|place| ((place.device, place.inode), place))
                .collect(),
            ..Known::default()
        }
    }

    /// Remembers a capture that was read to its end.
    pub(super) fn add(&mut self, place: FilePlace) {
        self.read.insert((place.device, place.inode), place);
    }

    /// Remembers what is no capture as long as it does not change.
    pub(super) fn pass_over(&mut self, metadata: &Metadata) {
        self.passed.insert(inode(metadata), metadata.len());
    }

    /// All that were read.
    pub(super) fn read(&self) -> Vec<FilePlace> {
        self.read.values().cloned().collect()
    }

    /// Whether no more can be remembered.
    pub(super) fn is_full(&self) -> bool {
        self.read.len() >= MAX_FILES
    }

    /// Looks at a directory, and forgets what is not there any more.
    ///
    /// # Errors
    /// When it cannot be read.
    pub(super) fn look(&mut self, directory: &Path) -> io::Result<Listing> {
        let mut listing = Listing::default();
        let mut there = HashSet::new();
        for (names, entry) in std::fs::read_dir(directory)?.enumerate() {
            let entry = entry?;
            // So many as can be remembered, and as many that come; and of names that are passed over
            // no more than take a moment.
            if there.len() >= 2 * MAX_FILES || names >= 64 * MAX_FILES {
                listing.cut = true;
                break;
            }
            if is_temporary(&entry.file_name()) {
                continue;
            }
            let path = entry.path();
            // It may have gone since.
            let Ok(metadata) = path.metadata() else {
                continue;
            };
            if !metadata.is_file() {
                continue;
            }
            there.insert(inode(&metadata));
            if self.was_read(&path, &metadata, &mut listing) {
                continue;
            }
            match self.passed.get(&inode(&metadata)) {
                Some(length) if *length == metadata.len() => {}
                _ => listing.arrived.push(Arrived { path, metadata }),
            }
        }
        self.read.retain(|inode, _| there.contains(inode));
        self.passed.retain(|inode, _| there.contains(inode));
        self.grown.retain(|inode| there.contains(inode));
        self.written.retain(|inode, _| there.contains(inode));
        listing.arrived.sort_by_cached_key(|arrived| {
            let metadata = &arrived.metadata;
            (
                metadata.mtime(),
                metadata.mtime_nsec(),
                arrived.path.clone(),
            )
        });
        Ok(listing)
    }

    /// Whether a file is one that was read.
    fn was_read(&mut self, path: &Path, metadata: &Metadata, listing: &mut Listing) -> bool {
        let inode = inode(metadata);
        let Some(place) = self.read.get(&inode) else {
            return false;
        };
        if metadata.len() == place.offset {
            // One that was looked at and was not written to since is not opened each time; an inode
            // may be used again for a capture of the same length.
            let written = (metadata.mtime(), metadata.mtime_nsec());
            if self.written.get(&inode) != Some(&written) {
                if !is_it(path, place) {
                    self.read.remove(&inode);
                    return false;
                }
                self.written.insert(inode, written);
            }
            listing.done.push(path.to_owned());
            return true;
        }
        if metadata.len() < place.offset || !is_it(path, place) {
            // Another file in its place.
            self.read.remove(&inode);
            return false;
        }
        if self.grown.insert(inode) {
            listing.grown.push(path.to_owned());
        }
        true
    }
}

/// Whether a file begins as the one at a place does.
fn is_it(path: &Path, place: &FilePlace) -> bool {
    let Ok((file, metadata)) = found::open(path) else {
        return false;
    };
    found::holds(&file, &metadata, place)
}

/// The file of a place that is being read, under whatever name it has now.
pub(super) fn again(directory: &Path, place: &FilePlace) -> Option<Arrived> {
    let entries = std::fs::read_dir(directory).ok()?;
    entries.take(2 * MAX_FILES).flatten().find_map(|entry| {
        let path = entry.path();
        let metadata = path.metadata().ok()?;
        let same = inode(&metadata) == (place.device, place.inode);
        (same && is_it(&path, place)).then_some(Arrived { path, metadata })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_or_still_written_is_passed_over_and_the_rest_comes_in_order() {
        let dir = tempfile::tempdir().unwrap();
        let names = ["b.pcap", ".c.pcap", "d.pcap.part", "a.pcap", "e.tmp", "f~"];
        let moment = std::time::SystemTime::now();
        for name in names {
            std::fs::write(dir.path().join(name), name).unwrap();
            let file = File::options()
                .write(true)
                .open(dir.path().join(name))
                .unwrap();
            file.set_modified(moment).unwrap();
        }
        std::fs::create_dir(dir.path().join("folder")).unwrap();
        let late = File::options()
            .write(true)
            .open(dir.path().join("a.pcap"))
            .unwrap();
        late.set_modified(moment + std::time::Duration::from_secs(1))
            .unwrap();
        let mut known = Known::default();
        let listed = |known: &mut Known| -> Vec<String> {
            let listing = known.look(dir.path()).unwrap();
            let name = |a: &Arrived| a.path.file_name().unwrap().to_str().unwrap().to_owned();
            listing.arrived.iter().map(name).collect()
        };
        assert_eq!(listed(&mut known), ["b.pcap", "a.pcap"]);
        // What was read does not come again, also under another name; another file does.
        let path = dir.path().join("b.pcap");
        let (file, metadata) = found::open(&path).unwrap();
        let place = FilePlace {
            device: metadata.dev(),
            inode: metadata.ino(),
            offset: metadata.len(),
            head: head(&file).unwrap(),
        };
        known.add(place.clone());
        std::fs::rename(&path, dir.path().join("z.pcap")).unwrap();
        assert_eq!(listed(&mut known), ["a.pcap"]);
        assert!(again(dir.path(), &place).unwrap().path.ends_with("z.pcap"));
        // One that grows is told once, and what is gone is forgotten.
        std::fs::write(dir.path().join("z.pcap"), "b.pcap and more").unwrap();
        assert_eq!(known.look(dir.path()).unwrap().grown.len(), 1);
        assert_eq!(known.look(dir.path()).unwrap().grown.len(), 0);
        std::fs::remove_file(dir.path().join("z.pcap")).unwrap();
        known.look(dir.path()).unwrap();
        assert_eq!(known.read().len(), 0);
    }

    #[test]
    fn names_that_are_passed_over_hide_no_capture() {
        let dir = tempfile::tempdir().unwrap();
        for number in 0..2 * MAX_FILES + 16 {
            File::create(dir.path().join(format!(".{number}"))).unwrap();
        }
        for number in 0..16 {
            std::fs::write(dir.path().join(format!("{number}.pcap")), "x").unwrap();
        }
        let listing = Known::default().look(dir.path()).unwrap();
        assert_eq!((listing.arrived.len(), listing.cut), (16, false));
    }
}
