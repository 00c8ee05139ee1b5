//! Putting blobs, getting them back verified, listing them.

use std::io::{self, Read, Write};
use std::time::SystemTime;

use cap_std::fs::{Dir, File};

use crate::Digest;
use crate::error::{FileError, GetError, PutError};
use crate::file::{self, Opened, Temporary};
use crate::store::Store;

/// Bytes read at a time.
const CHUNK: usize = 64 * 1024;

/// A blob of the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Blob {
    /// BLAKE3 of the content.
    pub digest: Digest,
    /// Size of the content in bytes.
    pub size: u64,
}

/// Path of a blob relative to the store's directory, for messages.
pub(crate) fn path_of(digest: &Digest) -> String {
    let hex = digest.to_string();
    format!("blobs/{}/{hex}", shard_of(&hex))
}

/// The directory of a blob: the first two digits of its digest.
fn shard_of(hex: &str) -> &str {
    hex.get(..2).unwrap_or_default()
}

impl Store {
    /// Stores `content`, read to its end, unless it has more than `limit` bytes.
    ///
    /// When this returns the blob is durable. A blob that was there already is written anew,
    /// which repairs a changed file and makes it recent for [`Store::gc`]. Memory used does
    /// not depend on the size.
    ///
    /// # Errors
    /// When the content is too large or cannot be read, or the store cannot be written. The
    /// store is then as it was.
    pub fn put(&self, mut content: impl Read, limit: u64) -> Result<Blob, PutError> {
        let writing = || FileError::of("write", "temporary");
        // Content may come slowly, so the lock is held only around creation and renaming.
        let mut temporary = {
            let _hold = self.hold()?;
            Temporary::create(&self.temporary).map_err(writing())?
        };
        let mut hasher = blake3::Hasher::new();
        let mut buffer = vec![0; CHUNK];
        let mut size: u64 = 0;
        loop {
            let read = match content.read(&mut buffer) {
                Ok(0) => break,
                Ok(read) => read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(PutError::Read(error)),
            };
            let chunk = buffer.get(..read).unwrap_or(&buffer);
            size = size.saturating_add(chunk.len() as u64);
            if size > limit {
                return Err(PutError::TooLarge { limit });
            }
            hasher.update(chunk);
            temporary.file().write_all(chunk).map_err(writing())?;
        }
        temporary.sync().map_err(writing())?;

        let digest = Digest::from(hasher.finalize());
        let hex = digest.to_string();
        let _hold = self.hold()?;
        file::open_or_create_dir(&self.blobs, shard_of(&hex))
            .and_then(|shard| temporary.place(&shard, &hex))
            .map_err(FileError::of("write", path_of(&digest)))?;
        Ok(Blob { digest, size })
    }

    /// The content of a blob, verified, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// When the store has no such blob, the blob is larger than `limit`, or the file is not
    /// what was stored: changed, cut off, or not a regular file.
    pub fn get(&self, digest: &Digest, limit: u64) -> Result<Vec<u8>, GetError> {
        let (file, size) = self.open_blob(digest)?;
        let reading = || FileError::of("read", path_of(digest));
        if size > limit {
            let digest = *digest;
            return Err(GetError::TooLarge {
                digest,
                size,
                limit,
            });
        }
        let mut content = Vec::with_capacity(usize::try_from(size).unwrap_or(0));
        // One byte more than expected shows that the file grew.
        file.take(size.saturating_add(1))
            .read_to_end(&mut content)
            .map_err(reading())?;
        self.check(digest, Digest::of(&content), content.len() as u64)?;
        Ok(content)
    }

    /// Whether the store has a blob. Its content is not looked at.
    ///
    /// # Errors
    /// When the file system cannot tell, or something else than a file stands in its place.
    pub fn has(&self, digest: &Digest) -> Result<bool, GetError> {
        match self.open_blob(digest) {
            Ok(_) => Ok(true),
            Err(GetError::NotFound { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// All blobs in the order of their digests. Their content is not looked at; files that
    /// are not blobs are left out ([`Store::verify`] reports them).
    ///
    /// # Errors
    /// When a directory of the store cannot be read.
    pub fn list(&self) -> Result<Vec<Blob>, FileError> {
        let mut blobs = Vec::new();
        for shard in self.shards()? {
            for entry in self.shard(&shard)? {
                if let Entry::Blob { digest, size, .. } = entry {
                    blobs.push(Blob { digest, size });
                }
            }
        }
        Ok(blobs)
    }

    /// Reads a blob to its end and compares, in constant memory. Returns its size.
    pub(crate) fn verify_blob(&self, digest: &Digest) -> Result<u64, GetError> {
        let (mut file, _) = self.open_blob(digest)?;
        let mut hasher = blake3::Hasher::new();
        let size =
            io::copy(&mut file, &mut hasher).map_err(FileError::of("read", path_of(digest)))?;
        self.check(digest, Digest::from(hasher.finalize()), size)?;
        Ok(size)
    }

    fn check(&self, digest: &Digest, found: Digest, size: u64) -> Result<(), GetError> {
        if found == *digest {
            return Ok(());
        }
        Err(GetError::Mismatch {
            digest: *digest,
            found,
            size,
            path: path_of(digest),
        })
    }

    fn open_blob(&self, digest: &Digest) -> Result<(File, u64), GetError> {
        let hex = digest.to_string();
        let opening = || FileError::of("open", path_of(digest));
        let Some(shard) = file::open_dir(&self.blobs, shard_of(&hex)).map_err(opening())? else {
            return Err(GetError::NotFound { digest: *digest });
        };
        match file::open_regular(&shard, &hex).map_err(opening())? {
            Opened::Regular(file) => {
                let size = file.metadata().map_err(opening())?.len();
                Ok((file, size))
            }
            Opened::Absent => Err(GetError::NotFound { digest: *digest }),
            Opened::Other(found) => Err(GetError::NotRegular {
                digest: *digest,
                found,
                path: path_of(digest),
            }),
        }
    }

    /// Names of everything in `blobs/`, sorted; not all need be shards.
    pub(crate) fn shards(&self) -> Result<Vec<String>, FileError> {
        let entries = file::entries(&self.blobs, "blobs")?;
        Ok(entries.into_iter().map(|(name, _)| name).collect())
    }

    /// Everything in one entry of `blobs/`, sorted by name.
    pub(crate) fn shard(&self, name: &str) -> Result<Vec<Entry>, FileError> {
        let path = format!("blobs/{}", name.escape_default());
        let is_shard =
            name.len() == 2 && name.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        if !is_shard {
            return Ok(vec![Entry::Foreign { path }]);
        }
        let shard = match self.blobs.symlink_metadata(name) {
            Ok(found) if found.is_dir() => {
                file::open_dir(&self.blobs, name).map_err(FileError::of("open", &path))?
            }
            Ok(_) => return Ok(vec![Entry::Foreign { path }]),
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(FileError::of("look at", path)(error)),
        };
        let Some(shard) = shard else {
            return Ok(Vec::new());
        };
        let mut found = Vec::new();
        for (entry, kind) in file::entries(&shard, &path)? {
            // Only the canonical form counts: upper-case digits would name the blob twice.
            let digest = entry
                .parse::<Digest>()
                .ok()
                .filter(|digest| digest.to_string() == entry && entry.starts_with(name));
            match digest {
                Some(digest) if kind.is_file() => match stat(&shard, &entry) {
                    Ok((size, modified)) => found.push(Entry::Blob {
                        digest,
                        size,
                        modified,
                    }),
                    Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                    Err(error) => return Err(FileError::of("look at", path_of(&digest))(error)),
                },
                Some(digest) => found.push(Entry::Irregular { digest }),
                None => found.push(Entry::Foreign {
                    path: format!("{path}/{}", entry.escape_default()),
                }),
            }
        }
        Ok(found)
    }

    /// Removes a blob's file. The caller holds the exclusive lock.
    pub(crate) fn remove_blob(&self, digest: &Digest) -> Result<(), FileError> {
        let hex = digest.to_string();
        match file::open_dir(&self.blobs, shard_of(&hex)) {
            Ok(Some(shard)) => shard.remove_file(&hex),
            Ok(None) => Ok(()),
            Err(error) => Err(error),
        }
        .map_err(FileError::of("remove", path_of(digest)))
    }
}

fn stat(shard: &Dir, name: &str) -> io::Result<(u64, SystemTime)> {
    let metadata = shard.symlink_metadata(name)?;
    Ok((metadata.len(), metadata.modified()?.into_std()))
}

/// What the directory of blobs holds.
pub(crate) enum Entry {
    /// A regular file with the name of a blob.
    Blob {
        digest: Digest,
        size: u64,
        modified: SystemTime,
    },
    /// Something else with the name of a blob.
    Irregular { digest: Digest },
    /// Anything else, by its escaped path.
    Foreign { path: String },
}
