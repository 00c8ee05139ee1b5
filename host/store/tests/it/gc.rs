use std::collections::HashMap;
use std::io::{self, Read};
use std::time::{Duration, SystemTime};

use palisade_store::{Digest, GcError, GcOptions, GcReport, References};

use crate::{Fixture, LIMIT};

/// A collection a day from now, so that everything put by a test is old.
fn tomorrow() -> GcOptions {
    GcOptions {
        dry_run: false,
        grace: Duration::from_secs(3600),
        now: SystemTime::now() + Duration::from_secs(24 * 3600),
    }
}

fn none(_: &Digest) -> References {
    Ok(Vec::new())
}

fn name(fixture: &Fixture, name: &str, digest: &Digest) {
    fixture
        .store
        .set_name(&name.parse().unwrap(), digest)
        .unwrap();
}

#[test]
fn only_what_no_name_reaches_is_removed() {
    let fixture = Fixture::new();
    let [pack, component, dataset, orphan] =
        [&b"pack"[..], b"component", b"dataset", b"orphan!"].map(|c| fixture.put(c));
    name(&fixture, "pack", &pack);
    let edges = HashMap::from([
        (pack, vec![component, pack]),
        (component, vec![dataset, pack]),
    ]);
    let mut asked = Vec::new();
    let report = fixture
        .store
        .gc(tomorrow(), |digest| {
            asked.push(*digest);
            Ok(edges.get(digest).cloned().unwrap_or_default())
        })
        .unwrap();
    assert_eq!(asked, [pack, component, dataset]);
    assert_eq!(report.removed.len(), 1);
    assert_eq!(report.removed[0].digest, orphan);
    assert_eq!((report.removed_bytes, report.reachable), (7, 3));
    for digest in [pack, component, dataset] {
        fixture.store.get(&digest, LIMIT).unwrap();
    }
    assert!(!fixture.store.has(&orphan).unwrap());
}

#[test]
fn a_dry_run_tells_the_same_and_removes_nothing() {
    let fixture = Fixture::new();
    fixture.put(b"orphan");
    std::fs::write(fixture.path("temporary/1-1"), "half").unwrap();
    let dry = GcOptions {
        dry_run: true,
        ..tomorrow()
    };
    let told = fixture.store.gc(dry, none).unwrap();
    assert_eq!(fixture.store.list().unwrap().len(), 1);
    assert_eq!(fixture.temporaries(), 1);
    assert_eq!(fixture.store.gc(tomorrow(), none).unwrap(), told);
    assert_eq!(fixture.store.list().unwrap(), []);
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn recent_blobs_are_kept_and_putting_again_makes_recent() {
    let fixture = Fixture::new();
    let old = fixture.put(b"old");
    let long_ago = SystemTime::now() - Duration::from_secs(7200);
    let set_time = || {
        let file = std::fs::File::options()
            .write(true)
            .open(fixture.blob_path(&old))
            .unwrap();
        file.set_modified(long_ago).unwrap();
    };
    set_time();
    fixture.put(b"new");
    let now = GcOptions {
        now: SystemTime::now(),
        ..tomorrow()
    };
    fixture.put(b"old");
    let report = fixture.store.gc(now, none).unwrap();
    assert_eq!((report.recent, report.removed.len()), (2, 0));
    set_time();
    let report = fixture.store.gc(now, none).unwrap();
    assert_eq!((report.recent, report.removed.len()), (1, 1));
    // A clock that went back makes blobs of the future, which are kept.
    let before = GcOptions {
        now: long_ago,
        ..tomorrow()
    };
    assert_eq!(fixture.store.gc(before, none).unwrap().recent, 1);
}

#[test]
fn nothing_is_removed_while_the_store_is_held() {
    let fixture = Fixture::new();
    fixture.put(b"orphan");
    let hold = fixture.store.hold().unwrap();
    // Writers are not kept out, not even in the same thread.
    fixture.put(b"another");
    let other = crate::open(fixture.folder.path());
    let error = other.gc(tomorrow(), none).unwrap_err();
    assert!(matches!(error, GcError::Busy), "{error}");
    drop(hold);
    assert_eq!(other.gc(tomorrow(), none).unwrap().removed.len(), 2);
}

#[test]
fn a_second_collection_is_refused_and_writers_wait() {
    let fixture = Fixture::new();
    let root = fixture.put(b"root");
    name(&fixture, "root", &root);
    let (running, ran) = std::sync::mpsc::channel();
    let (finish, finished) = std::sync::mpsc::channel();
    std::thread::scope(|scope| {
        let store = &fixture.store;
        scope.spawn(move || {
            store.gc(tomorrow(), |_| {
                running.send(())?;
                finished.recv()?;
                Ok(Vec::new())
            })
        });
        ran.recv().unwrap();
        let error = store.gc(tomorrow(), none).unwrap_err();
        assert!(matches!(error, GcError::Busy), "{error}");
        // Reading goes on.
        assert_eq!(store.get(&root, LIMIT).unwrap(), b"root");
        let writer = scope.spawn(|| fixture.put(b"late"));
        finish.send(()).unwrap();
        let late = writer.join().unwrap();
        assert!(store.has(&late).unwrap());
    });
}

#[test]
fn what_crashes_left_goes_and_what_is_being_written_stays() {
    let fixture = Fixture::new();

    /// Collects in the middle of being stored.
    struct Slow<'f>(&'f Fixture, Option<GcReport>);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if self.1.is_some() {
                return Ok(0);
            }
            std::fs::write(self.0.path("temporary/4711-0"), "half a blob").unwrap();
            self.1 = Some(self.0.store.gc(tomorrow(), none).unwrap());
            buffer[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }
    let mut slow = Slow(&fixture, None);
    let blob = fixture.store.put(&mut slow, LIMIT).unwrap();
    assert_eq!(slow.1.unwrap().leftovers, 1);
    assert_eq!(fixture.store.get(&blob.digest, LIMIT).unwrap(), b"abc");
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn what_a_process_left_that_was_killed_goes_at_the_next_write() {
    // What a kill leaves: a temporary file without a lock, under the name that the next
    // process with the same id would take first.
    let fixture = Fixture::new();
    let leave = || {
        for n in 0..5 {
            let leftover = format!("temporary/{}-{n}", std::process::id());
            std::fs::write(fixture.path(&leftover), "half").unwrap();
        }
    };
    leave();
    let digest = fixture.put(b"whole");
    assert_eq!(fixture.temporaries(), 0);
    assert_eq!(fixture.store.list().unwrap().len(), 1);
    assert_eq!(fixture.store.get(&digest, LIMIT).unwrap(), b"whole");
    // While somebody else holds the store, what is there may be what that one is writing.
    let hold = fixture.store.hold().unwrap();
    leave();
    let other = fixture.put(b"other");
    assert_eq!(fixture.store.get(&other, LIMIT).unwrap(), b"other");
    assert_eq!(fixture.temporaries(), 5);
    drop(hold);
    name(&fixture, "other", &other);
    assert_eq!(fixture.temporaries(), 0);
    leave();
    assert_eq!(fixture.store.gc(tomorrow(), none).unwrap().leftovers, 5);
}

#[test]
fn what_is_being_written_is_not_taken_for_what_was_left() {
    let fixture = Fixture::new();
    /// Stores something else in the middle of being stored.
    struct Slow<'f>(&'f Fixture, bool);
    impl Read for Slow<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            if std::mem::replace(&mut self.1, true) {
                return Ok(0);
            }
            self.0.put(b"between");
            buffer[..3].copy_from_slice(b"abc");
            Ok(3)
        }
    }
    let blob = fixture
        .store
        .put(&mut Slow(&fixture, false), LIMIT)
        .unwrap();
    assert_eq!(fixture.store.get(&blob.digest, LIMIT).unwrap(), b"abc");
}

#[test]
fn in_doubt_nothing_is_removed() {
    let fixture = Fixture::new();
    let (root, orphan) = (fixture.put(b"root"), fixture.put(b"orphan"));
    name(&fixture, "root", &root);
    let missing = Digest::of(b"missing");

    let error = fixture
        .store
        .gc(tomorrow(), |_| Err("not a manifest".into()))
        .unwrap_err();
    assert!(
        matches!(error, GcError::References { digest, .. } if digest == root),
        "{error}"
    );
    let error = fixture
        .store
        .gc(tomorrow(), |_| Ok(vec![missing]))
        .unwrap_err();
    assert!(
        matches!(error, GcError::Missing { digest, .. } if digest == missing),
        "{error}"
    );
    std::fs::write(fixture.path("names/bad"), "bad").unwrap();
    let error = fixture.store.gc(tomorrow(), none).unwrap_err();
    assert!(matches!(error, GcError::Name(_)), "{error}");

    assert!(fixture.store.has(&orphan).unwrap());
    assert_eq!(fixture.store.list().unwrap().len(), 2);
}

#[test]
fn files_that_no_store_writes_are_left_alone() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"orphan");
    let beside = fixture.blob_path(&digest).with_file_name("notes.txt");
    std::fs::write(&beside, "mine").unwrap();
    assert_eq!(fixture.store.gc(tomorrow(), none).unwrap().removed.len(), 1);
    assert!(beside.exists());
}
