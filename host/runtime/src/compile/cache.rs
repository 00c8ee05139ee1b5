//! The cache of compiled code.
//!
//! Loading native code is as good as running it, so an entry is loaded only when its MAC proves
//! that this installation wrote it, for this component, for this engine. The key is made once,
//! stays in the user's state directory (0600), apart from the entries, and never leaves the
//! machine: whoever supplies a directory of entries supplies no key with it. An entry is read
//! once; the bytes that were verified are the bytes that are loaded.
//!
//! The cache is bounded in entries and bytes; the entries that were used least recently make
//! room. Several processes may use one directory: an entry appears complete, room is made under
//! a lock, and an entry that is removed while it is read is read to its end.

use std::hash::{Hash, Hasher};
use std::io::{Read, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_std::fs::Dir;
use palisade_private::PrivateError;
use wasmtime::Engine;

const MAGIC: &[u8; 8] = b"PALCODE\0";
const FORMAT: u32 = 2;
/// Magic, format, component digest, engine hash, length of the code.
const HEADER: usize = 8 + 4 + 32 + 32 + 8;
const MAC: usize = 32;
const KEY_FILE: &str = "code-cache.key";
const LOCK_FILE: &str = "lock";
/// A file that is being written is not older than this.
const LEFT_OVER: Duration = Duration::from_secs(3600);
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
    /// A file is a link, or somebody else may change it.
    #[error("the code cache is not used: {0}")]
    Place(#[from] PrivateError),
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

/// How much the cache keeps.
#[derive(Clone, Copy, Debug)]
pub struct CacheLimits {
    /// Bytes of the code of one entry; larger ones are neither written nor read.
    pub entry: usize,
    /// Entries, at least one.
    pub entries: usize,
    /// Bytes of all entries.
    pub bytes: u64,
}

impl Default for CacheLimits {
    fn default() -> Self {
        CacheLimits {
            entry: 128 << 20,
            entries: 1024,
            bytes: 2 << 30,
        }
    }
}

/// A directory of compiled code under a MAC.
pub struct CodeCache {
    dir: Dir,
    key: [u8; 32],
    limits: CacheLimits,
}

impl CodeCache {
    /// Opens the cache in a directory, with the key in another, which makes it when there is
    /// none. Nobody but the caller and root may change what is in either.
    ///
    /// # Errors
    /// When the key can neither be read nor made.
    pub fn open(dir: Dir, state: &Dir, limits: CacheLimits) -> Result<CodeCache, CacheError> {
        let key = palisade_private::secret(state, KEY_FILE)?;
        Ok(CodeCache { dir, key, limits })
    }

    /// The code for this key, verified.
    ///
    /// # Errors
    /// See [`CacheError`]; all mean that the component must be compiled.
    pub fn get(&self, key: &CodeKey) -> Result<Vec<u8>, CacheError> {
        let mut file = palisade_private::open(&self.dir, &key.file())?.ok_or(CacheError::Absent)?;
        let limit = self.limits.entry + HEADER + MAC;
        let mut entry = Vec::with_capacity(file.metadata()?.len().min(limit as u64) as usize);
        Read::by_ref(&mut file)
            .take(limit as u64 + 1)
            .read_to_end(&mut entry)?;
        if entry.len() > limit {
            return Err(CacheError::Oversized(self.limits.entry));
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
        // What was used last goes last; a cache that only root may write keeps its order.
        let _ = file.set_modified(SystemTime::now());
        entry.truncate(body);
        entry.drain(..HEADER);
        Ok(entry)
    }

    /// Writes an entry, at once or not at all.
    ///
    /// # Errors
    /// When the directory cannot be written or the code is too large; the code is good anyway.
    pub fn put(&self, key: &CodeKey, code: &[u8]) -> Result<(), CacheError> {
        if code.len() > self.limits.entry {
            return Err(CacheError::Oversized(self.limits.entry));
        }
        let header = self.header(key, code.len());
        let mut mac = blake3::Hasher::new_keyed(&self.key);
        mac.update(&header).update(code);
        // Unique, for another thread may be writing the same entry.
        let number = WRITES.fetch_add(1, Ordering::Relaxed);
        let temporary = format!(".{}.{}.{number}", key.file(), std::process::id());
        // A crash may have left one of this name.
        let _ = self.dir.remove_file(&temporary);
        let place = || {
            let mut file = palisade_private::create_new(&self.dir, &temporary)?;
            file.write_all(&header)?;
            file.write_all(code)?;
            file.write_all(mac.finalize().as_bytes())?;
            // Held until the entry is in its place, so that room made is not taken by another.
            let _lock = palisade_private::lock(&self.dir, LOCK_FILE)?;
            self.make_room(&key.file(), (HEADER + code.len() + MAC) as u64)?;
            self.dir.rename(&temporary, &self.dir, key.file())?;
            Ok(())
        };
        let placed = place();
        if placed.is_err() {
            let _ = self.dir.remove_file(&temporary);
        }
        placed
    }

    /// Removes the entries that were used least recently, until one more of `size` bytes finds
    /// room, and what a crash left half written. The caller holds the lock.
    fn make_room(&self, name: &str, size: u64) -> Result<(), CacheError> {
        let mut entries = Vec::new();
        let mut bytes = size;
        for found in self.dir.entries()? {
            let found = found?;
            // Others remove entries only under the lock; whatever cannot be looked at is none.
            let Ok(metadata) = found.metadata() else {
                continue;
            };
            let file = found.file_name().to_string_lossy().into_owned();
            let modified = metadata.modified()?.into_std();
            if is_temporary(&file) {
                let age = SystemTime::now().duration_since(modified);
                if age.is_ok_and(|age| age > LEFT_OVER) {
                    let _ = self.dir.remove_file(&file);
                }
            } else if metadata.is_file() && is_entry(&file) && file != name {
                bytes = bytes.saturating_add(metadata.len());
                entries.push((modified, file, metadata.len()));
            }
        }
        entries.sort();
        let mut count = entries.len() + 1;
        for (_, file, size) in entries {
            if count <= self.limits.entries && bytes <= self.limits.bytes {
                break;
            }
            self.dir.remove_file(&file)?;
            count -= 1;
            bytes -= size;
        }
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

/// Whether a file of the directory is an entry: digest of the component, hash of the engine.
fn is_entry(file: &str) -> bool {
    let hexadecimal = |text: &str| text.bytes().all(|b| b.is_ascii_hexdigit());
    file.split_once('-').is_some_and(|(component, engine)| {
        component.len() == 64 && engine.len() == 16 && hexadecimal(component) && hexadecimal(engine)
    })
}

/// Whether it is an entry that is being written, or was when its writer ended.
fn is_temporary(file: &str) -> bool {
    let inner = file.strip_prefix('.').and_then(|file| file.split_once('.'));
    inner.is_some_and(|(entry, _)| is_entry(entry))
}

#[cfg(test)]
mod tests;
