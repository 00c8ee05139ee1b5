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

use cap_fs_ext::{FollowSymlinks, OpenOptionsFollowExt as _};
use cap_std::fs::{Dir, File, OpenOptions, OpenOptionsExt};
use palisade_private::PrivateError;
use wasmtime::Engine;

const MAGIC: &[u8; 8] = b"PALCODE\0";
const FORMAT: u32 = 1;
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
            entry: 512 << 20,
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
    /// When the key can neither be read nor made, or has the wrong length.
    pub fn open(dir: Dir, state: &Dir, limits: CacheLimits) -> Result<CodeCache, CacheError> {
        let key = match read_key(state) {
            Err(CacheError::Absent) => make_key(state)?,
            other => other?,
        };
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
            let mut file = new_file(&self.dir, &temporary)?;
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

/// A private file that must not exist yet.
fn new_file(dir: &Dir, name: &str) -> std::io::Result<File> {
    let mut options = OpenOptions::new();
    options
        .write(true)
        .create_new(true)
        .mode(0o600)
        .follow(FollowSymlinks::No);
    dir.open_with(name, &options)
}

fn read_key(dir: &Dir) -> Result<[u8; 32], CacheError> {
    let file = palisade_private::open(dir, KEY_FILE)?.ok_or(CacheError::Absent)?;
    let mut key = Vec::new();
    file.take(33).read_to_end(&mut key)?;
    key.try_into().map_err(|_| CacheError::Truncated)
}

/// Makes the key under a name of its own and links it into place, so that two processes that
/// start at once agree on one.
fn make_key(dir: &Dir) -> Result<[u8; 32], CacheError> {
    let mut key = [0; 32];
    getrandom::fill(&mut key).map_err(|e| std::io::Error::other(e.to_string()))?;
    let number = WRITES.fetch_add(1, Ordering::Relaxed);
    let temporary = format!(".{KEY_FILE}.{}.{number}", std::process::id());
    // A crash may have left one of this name.
    let _ = dir.remove_file(&temporary);
    let mut file = new_file(dir, &temporary)?;
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
        let state = dir.try_clone().unwrap();
        let limits = CacheLimits {
            entry: 1000,
            entries: 4,
            bytes: 3000,
        };
        CodeCache::open(dir, &state, limits).unwrap()
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

    fn entries(temp: &tempfile::TempDir) -> (usize, u64) {
        let files = std::fs::read_dir(temp.path()).unwrap();
        let files = files.map(|file| file.unwrap()).filter(|file| {
            let name = file.file_name().into_string().unwrap();
            is_entry(&name) || is_temporary(&name)
        });
        files.fold((0, 0), |(count, bytes), file| {
            (count + 1, bytes + file.metadata().unwrap().len())
        })
    }

    #[test]
    fn entries_and_bytes_are_bounded_and_the_least_recently_used_makes_room() {
        let (temp, cache) = cache();
        let age = |n: u8, seconds| {
            let file = std::fs::File::open(temp.path().join(key(n).file())).unwrap();
            let then = SystemTime::now() - Duration::from_secs(seconds);
            file.set_modified(then).unwrap();
        };
        for n in 1..=4 {
            cache.put(&key(n), b"code").unwrap();
            age(n, 100 - u64::from(n));
        }
        assert_eq!(cache.get(&key(1)).unwrap(), b"code");
        cache.put(&key(5), b"code").unwrap();
        assert_eq!(entries(&temp).0, 4);
        assert!(matches!(cache.get(&key(2)), Err(CacheError::Absent)));
        cache.get(&key(1)).unwrap();
        // By bytes: three of these are more than 3,000.
        for n in 6..9 {
            cache.put(&key(n), &[0; 1000]).unwrap();
            assert!(entries(&temp).1 <= 3000, "{:?}", entries(&temp));
        }
        assert_eq!(cache.get(&key(8)).unwrap().len(), 1000);
    }

    #[test]
    fn what_a_crash_left_is_removed_and_what_is_being_written_is_not() {
        let (temp, cache) = cache();
        let half = |n: u8| temp.path().join(format!(".{}.1.1", key(n).file()));
        for n in [1, 2] {
            std::fs::write(half(n), [0; 5000]).unwrap();
        }
        let old = SystemTime::now() - 2 * LEFT_OVER;
        let file = std::fs::File::open(half(1)).unwrap();
        file.set_modified(old).unwrap();
        cache.put(&key(3), b"code").unwrap();
        assert!(!half(1).exists() && half(2).exists());
    }

    #[test]
    fn several_at_once_keep_within_the_bounds_and_lose_nothing_but_time() {
        let (temp, _) = cache();
        std::thread::scope(|scope| {
            for worker in 0..4u8 {
                let cache = reopen(&temp);
                scope.spawn(move || {
                    for n in 0..50u8 {
                        let key = key(worker.wrapping_mul(50).wrapping_add(n) % 60);
                        cache.put(&key, &[n; 700]).unwrap();
                        match cache.get(&key) {
                            Ok(code) => assert_eq!(code.len(), 700),
                            Err(error) => assert!(matches!(error, CacheError::Absent), "{error}"),
                        }
                    }
                });
            }
        });
        let (count, bytes) = entries(&temp);
        assert!(count <= 4 && bytes <= 3000, "{count} {bytes}");
    }

    #[test]
    fn links_pipes_and_what_others_may_write_are_neither_entries_nor_keys() {
        use std::os::unix::fs::PermissionsExt as _;
        let (temp, cache) = cache();
        cache.put(&key(1), b"code").unwrap();
        let path = temp.path().join(key(1).file());
        let good = temp.path().join("good");
        std::fs::rename(&path, &good).unwrap();
        std::os::unix::fs::symlink(&good, &path).unwrap();
        assert!(matches!(cache.get(&key(1)), Err(CacheError::Place(_))));
        std::fs::remove_file(&path).unwrap();
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rustix::fs::Mode::RWXU,
            0,
        )
        .unwrap();
        assert!(matches!(cache.get(&key(1)), Err(CacheError::Place(_))));
        std::fs::rename(&good, &path).unwrap();
        assert_eq!(cache.get(&key(1)).unwrap(), b"code");
        let all = std::fs::Permissions::from_mode(0o666);
        std::fs::set_permissions(&path, all.clone()).unwrap();
        assert!(matches!(cache.get(&key(1)), Err(CacheError::Place(_))));
        std::fs::set_permissions(temp.path().join(KEY_FILE), all).unwrap();
        let dir = Dir::open_ambient_dir(temp.path(), cap_std::ambient_authority()).unwrap();
        let state = dir.try_clone().unwrap();
        let opened = CodeCache::open(dir, &state, CacheLimits::default());
        assert!(matches!(opened, Err(CacheError::Place(_))));
    }
}
