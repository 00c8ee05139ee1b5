//! What is kept, what is not, and what is never loaded.

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
