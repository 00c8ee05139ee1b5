//! The cache of compiled code.
//!
//! Loading native code is as good as running it, so an entry is loaded only when its MAC proves
//! that this installation wrote it, for this component, for this engine. The key is made once,
//! stays in the cache directory (0600) and never leaves the machine. An entry is read once; the
//! bytes that were verified are the bytes that are loaded.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt};
use wasmtime::Engine;

const MAGIC: &[u8; 8] = b"PALCODE\0";
const FORMAT: u32 = 2;
/// Magic, format, component digest, engine hash, length of the code.
const HEADER: usize = 8 + 4 + 32 + 32 + 8;
const MAC: usize = 32;
const KEY_FILE: &str = "key";
/// Entries that this process has begun to write.
static WRITES: AtomicU64 = AtomicU64::new(0);

/// What compiled code is compiled from and for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CodeKey {
    /// BLAKE3 of the component.
    pub component: [u8; 32],
    /// BLAKE3 over everything of the engine that decides about the code.
    pub engine: [u8; 32],
}

impl CodeKey {
    pub(crate) fn new(component: &[u8; 32], engine: &Engine) -> CodeKey {
        /// Feeds what wasmtime hashes into BLAKE3, whose output is the same everywhere.
        struct Feed(blake3::Hasher);
        impl Hasher for Feed {
            fn finish(&self) -> u64 {
                0
            }
            fn write(&mut self, bytes: &[u8]) {
                self.0.update(&(bytes.len() as u64).to_le_bytes());
                self.0.update(bytes);
            }
        }
        let mut feed = Feed(blake3::Hasher::new());
        engine.precompile_compatibility_hash().hash(&mut feed);
        CodeKey {
            component: *component,
            engine: *feed.0.finalize().as_bytes(),
        }
    }

    fn file(&self) -> String {
        format!(
            "{}-{}",
            hex::encode(self.component),
            hex::encode(&self.engine[..8])
        )
    }
}

/// Why an entry of the cache is not used. None of these is fatal: the component is compiled
/// again and the entry replaced.
#[derive(Debug, thiserror::Error)]
pub enum CacheError {
    /// There is no entry.
    #[error("no entry")]
    Absent,
    /// The directory or a file cannot be read or written.
    #[error("cannot access the code cache: {0}")]
    Io(#[from] std::io::Error),
    /// The entry is shorter than it says, or has no header.
    #[error("the entry is truncated")]
    Truncated,
    /// The MAC does not fit: changed, or written by another installation.
    #[error("the entry was not written by this installation, or was changed since")]
    Forged,
    /// It is from another format, component or engine.
    #[error("the entry is of another {0}")]
    Stale(&'static str),
    /// It is larger than the limit.
    #[error("the entry is larger than {0} bytes")]
    Oversized(usize),
}

/// A directory of compiled code under a MAC.
pub struct CodeCache {
    dir: Dir,
    key: [u8; 32],
    limit: usize,
}

impl CodeCache {
    /// Opens the cache in a directory, and makes its key when there is none. Entries of more
    /// than `limit` bytes are neither written nor read.
    ///
    /// # Errors
    /// When the key can neither be read nor made, or has the wrong length.
    pub fn open(dir: Dir, limit: usize) -> Result<CodeCache, CacheError> {
        let key = match read_key(&dir) {
            Err(CacheError::Absent) => make_key(&dir)?,
            other => other?,
        };
        Ok(CodeCache { dir, key, limit })
    }

    /// The code for this key, verified.
    ///
    /// # Errors
    /// See [`CacheError`]; all mean that the component must be compiled.
    pub fn get(&self, key: &CodeKey) -> Result<Vec<u8>, CacheError> {
        let mut file = match self.dir.open(key.file()) {
            Ok(file) => file,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(CacheError::Absent),
            Err(e) => return Err(e.into()),
        };
        let limit = self.limit + HEADER + MAC;
        let mut entry = Vec::with_capacity(file.metadata()?.len().min(limit as u64) as usize);
        Read::by_ref(&mut file)
            .take(limit as u64 + 1)
            .read_to_end(&mut entry)?;
        if entry.len() > limit {
            return Err(CacheError::Oversized(self.limit));
        }
        let body = entry.len().checked_sub(MAC).ok_or(CacheError::Truncated)?;
        let mac: [u8; MAC] = entry[body..]
            .try_into()
            .map_err(|_| CacheError::Truncated)?;
        if blake3::keyed_hash(&self.key, &entry[..body]) != blake3::Hash::from_bytes(mac) {
            return Err(CacheError::Forged);
        }
        let header = entry.get(..HEADER).ok_or(CacheError::Truncated)?;
        let expected = self.header(key, body - HEADER);
        for (range, what) in [
            (0..8, "format"),
            (8..12, "format"),
            (12..44, "component"),
            (44..76, "engine"),
            (76..84, "length"),
        ] {
            if header[range.clone()] != expected[range] {
                return Err(CacheError::Stale(what));
            }
        }
        entry.truncate(body);
        entry.drain(..HEADER);
        Ok(entry)
    }

    /// Writes an entry, at once or not at all.
    ///
    /// # Errors
    /// When the directory cannot be written or the code is too large; the code is good anyway.
    pub fn put(&self, key: &CodeKey, code: &[u8]) -> Result<(), CacheError> {
        if code.len() > self.limit {
            return Err(CacheError::Oversized(self.limit));
        }
        let header = self.header(key, code.len());
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(&header).update(code);
        // Unique, for another thread may be writing the same entry.
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".{}.{}.{number}", key.file(), std::process::id());
        let mut file = self.dir.open_with(
            &temporary,
            OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600),
        )?;
        file.write_all(&header)?;
        file.write_all(code)?;
        file.write_all(mac.finalize().as_bytes())?;
        self.dir.rename(&temporary, &self.dir, key.file())?;
        Ok(())
    }

    fn header(&self, key: &CodeKey, length: usize) -> [u8; HEADER] {
        let mut header = [0; HEADER];
        header[..8].copy_from_slice(MAGIC);
        header[8..12].copy_from_slice(&FORMAT.to_le_bytes());
        header[12..44].copy_from_slice(&key.component);
        header[44..76].copy_from_slice(&key.engine);
        header[76..].copy_from_slice(&(length as u64).to_le_bytes());
        header
    }
}

fn read_key(dir: &Dir) -> Result<[u8; 32], CacheError> {
    let file = match dir.open(KEY_FILE) {
        Ok(file) => file,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Err(CacheError::Absent),
        Err(e) => return Err(e.into()),
    };
    let mut key = Vec::new();
    file.take(33).read_to_end(&mut key)?;
    key.try_into().map_err(|_| CacheError::Truncated)
}

/// Makes the key under a name of its own and links it into place, so that two processes that
/// start at once agree on one.
fn make_key(dir: &Dir) -> Result<[u8; 32], CacheError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| std::io::Error::other(e.to_string()))?;
    let temporary = format!(".key.{}", std::process::id());
    let mut file = dir.open_with(
        &temporary,
        OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600),
    )?;
    file.write_all(&key)?;
    file.sync_all()?;
    let linked = dir.hard_link(&temporary, dir, KEY_FILE);
    dir.remove_file(&temporary)?;
    match linked {
        Ok(()) => Ok(key),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => read_key(dir),
        Err(e) => Err(e.into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cache() -> (tempfile::TempDir, CodeCache) {
        let temp = tempfile::tempdir().unwrap();
        let cache = reopen(&temp);
        (temp, cache)
    }

    fn reopen(temp: &tempfile::TempDir) -> CodeCache {
        let dir = Dir::open_ambient_dir(temp.path(), cap_std::ambient_authority()).unwrap();
        CodeCache::open(dir, 1000).unwrap()
    }

    fn key(n: u8) -> CodeKey {
        CodeKey {
            component: [n; 32],
            engine: [n; 32],
        }
    }

    #[test]
    fn an_entry_comes_back_after_reopening() {
        let (temp, cache) = cache();
        assert!(matches!(cache.get(&key(1)), Err(CacheError::Absent)));
        cache.put(&key(1), b"code").unwrap();
        assert_eq!(reopen(&temp).get(&key(1)).unwrap(), b"code");
    }

    #[test]
    fn every_changed_byte_and_every_truncation_is_found() {
        let (temp, cache) = cache();
        cache.put(&key(1), b"code").unwrap();
        let path = temp.path().join(key(1).file());
        let good = std::fs::read(&path).unwrap();
        for i in 0..good.len() {
            let mut bad = good.clone();
            bad[i] ^= 1;
            std::fs::write(&path, &bad).unwrap();
            assert!(matches!(cache.get(&key(1)), Err(CacheError::Forged)), "{i}");
            std::fs::write(&path, &good[..i]).unwrap();
            assert!(cache.get(&key(1)).is_err(), "{i}");
        }
    }

    #[test]
    fn foreign_and_moved_entries_are_refused() {
        let (here, cache_here) = cache();
        let (there, cache_there) = cache();
        cache_there.put(&key(1), b"code").unwrap();
        std::fs::copy(
            there.path().join(key(1).file()),
            here.path().join(key(1).file()),
        )
        .unwrap();
        assert!(matches!(cache_here.get(&key(1)), Err(CacheError::Forged)));
        cache_here.put(&key(2), b"code").unwrap();
        std::fs::rename(
            here.path().join(key(2).file()),
            here.path().join(key(3).file()),
        )
        .unwrap();
        assert!(matches!(
            cache_here.get(&key(3)),
            Err(CacheError::Stale("component"))
        ));
    }

    #[test]
    fn size_limits_hold_both_ways() {
        let (temp, cache) = cache();
        cache.put(&key(1), &[0; 1000]).unwrap();
        assert_eq!(cache.get(&key(1)).unwrap().len(), 1000);
        assert!(matches!(
            cache.put(&key(1), &[0; 1001]),
            Err(CacheError::Oversized(1000))
        ));
        std::fs::write(temp.path().join(key(1).file()), [0; 4000]).unwrap();
        assert!(matches!(
            cache.get(&key(1)),
            Err(CacheError::Oversized(1000))
        ));
    }
}
