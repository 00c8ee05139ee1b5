use std::io::{self, Read};
use std::os::unix::fs::symlink;

use palisade_store::{Digest, GetError, PutError};

use crate::{Fixture, LIMIT};

#[test]
fn what_was_put_comes_back_under_its_blake3() {
    let fixture = Fixture::new();
    for content in [&b""[..], b"a", &[0x5a; 200_000]] {
        let blob = fixture.store.put(content, LIMIT).unwrap();
        assert_eq!(blob.digest, Digest::of(content));
        assert_eq!(blob.size, content.len() as u64);
        assert_eq!(fixture.store.get(&blob.digest, LIMIT).unwrap(), content);
        assert!(fixture.store.has(&blob.digest).unwrap());
    }
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn an_unknown_blob_is_not_found() {
    let fixture = Fixture::new();
    let digest = Digest::of(b"never put");
    assert!(!fixture.store.has(&digest).unwrap());
    let error = fixture.store.get(&digest, LIMIT).unwrap_err();
    assert!(matches!(error, GetError::NotFound { digest: d } if d == digest));
    assert!(error.to_string().contains(&digest.to_string()), "{error}");
}

#[test]
fn content_at_the_limit_is_stored_and_one_byte_more_is_not() {
    let fixture = Fixture::new();
    fixture.store.put(&[7; 1000][..], 1000).unwrap();
    let error = fixture.store.put(&[8; 1001][..], 1000).unwrap_err();
    assert!(
        matches!(error, PutError::TooLarge { limit: 1000 }),
        "{error}"
    );
    assert!(!fixture.store.has(&Digest::of(&[8; 1001])).unwrap());
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn endless_content_ends_at_the_limit() {
    let fixture = Fixture::new();
    let error = fixture.store.put(io::repeat(1), 1 << 20).unwrap_err();
    assert!(matches!(error, PutError::TooLarge { .. }), "{error}");
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn content_that_cannot_be_read_leaves_nothing() {
    struct Broken(usize);
    impl Read for Broken {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Ok(buffer.len().min(10)),
                // Interruptions are no failures.
                2 => Err(io::ErrorKind::Interrupted.into()),
                _ => Err(io::Error::other("cable pulled")),
            }
        }
    }
    let fixture = Fixture::new();
    let error = fixture.store.put(Broken(0), LIMIT).unwrap_err();
    assert!(error.to_string().contains("cable pulled"), "{error}");
    assert_eq!(fixture.temporaries(), 0);
    assert_eq!(fixture.store.list().unwrap(), []);
}

#[test]
fn a_reader_says_how_much_it_takes() {
    let fixture = Fixture::new();
    let digest = fixture.put(&[1; 1000]);
    assert_eq!(fixture.store.get(&digest, 1000).unwrap().len(), 1000);
    let error = fixture.store.get(&digest, 999).unwrap_err();
    assert!(
        matches!(
            error,
            GetError::TooLarge {
                size: 1000,
                limit: 999,
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn every_change_of_a_file_is_noticed() {
    let content = b"(component)".repeat(100);
    let mut flipped = content.clone();
    flipped[500] ^= 1;
    let mut longer = content.clone();
    longer.push(0);
    for changed in [&flipped[..], &longer, &content[..content.len() - 1], b""] {
        let fixture = Fixture::new();
        let digest = fixture.put(&content);
        std::fs::write(fixture.blob_path(&digest), changed).unwrap();
        let error = fixture.store.get(&digest, LIMIT).unwrap_err();
        assert!(
            matches!(error, GetError::Mismatch { found, size, .. }
                if found == Digest::of(changed) && size == changed.len() as u64),
            "{error}"
        );
        let text = error.to_string();
        let path = format!("blobs/{}/{digest}", &digest.to_string()[..2]);
        assert!(text.contains(&path) && text.contains("put"), "{text}");

        // Putting the content again repairs the store.
        assert_eq!(fixture.put(&content), digest);
        assert_eq!(fixture.store.get(&digest, LIMIT).unwrap(), content);
    }
}

#[test]
fn a_blob_in_place_of_another_is_noticed() {
    let fixture = Fixture::new();
    let (good, bad) = (fixture.put(b"good"), fixture.put(b"bad"));
    std::fs::copy(fixture.blob_path(&bad), fixture.blob_path(&good)).unwrap();
    let error = fixture.store.get(&good, LIMIT).unwrap_err();
    assert!(
        matches!(error, GetError::Mismatch { found, .. } if found == bad),
        "{error}"
    );
}

#[test]
fn links_pipes_and_directories_are_not_blobs() {
    type Plant = fn(&std::path::Path, &std::path::Path);
    let plants: [(&str, Plant); 3] = [
        ("a symbolic link", |at, to| symlink(to, at).unwrap()),
        ("a directory", |at, _| std::fs::create_dir(at).unwrap()),
        ("a pipe, socket or device", |at, _| {
            rustix::fs::mkfifoat(rustix::fs::CWD, at, rustix::fs::Mode::RUSR).unwrap();
        }),
    ];
    for (kind, plant) in plants {
        let fixture = Fixture::new();
        let digest = fixture.put(b"content");
        let blob = fixture.blob_path(&digest);
        // The link points to the very same content, and still is not followed.
        let aside = fixture.folder.path().join("aside");
        std::fs::rename(&blob, &aside).unwrap();
        plant(&blob, &aside);
        for error in [
            fixture.store.get(&digest, LIMIT).unwrap_err(),
            fixture.store.has(&digest).unwrap_err(),
        ] {
            assert!(
                matches!(error, GetError::NotRegular { found, .. } if found == kind),
                "{kind}: {error}"
            );
        }
        assert_eq!(fixture.store.list().unwrap(), []);
    }
}

#[test]
fn a_planted_link_is_replaced_and_its_target_untouched() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"content");
    let blob = fixture.blob_path(&digest);
    let victim = fixture.path("names/victim");
    std::fs::write(&victim, "do not touch").unwrap();
    std::fs::remove_file(&blob).unwrap();
    symlink("../../names/victim", &blob).unwrap();
    assert_eq!(fixture.put(b"content"), digest);
    assert_eq!(fixture.store.get(&digest, LIMIT).unwrap(), b"content");
    assert_eq!(std::fs::read(&victim).unwrap(), b"do not touch");
}

#[test]
fn a_shard_that_is_a_link_is_neither_read_nor_written() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"content");
    let shard = fixture.blob_path(&digest).parent().unwrap().to_owned();
    let elsewhere = tempfile::tempdir().unwrap();
    let moved = elsewhere.path().join("shard");
    std::fs::rename(&shard, &moved).unwrap();
    symlink(&moved, &shard).unwrap();
    let error = fixture.store.get(&digest, LIMIT).unwrap_err();
    assert!(matches!(error, GetError::File(_)), "{error}");
    let error = fixture.store.put(&b"content"[..], LIMIT).unwrap_err();
    assert!(matches!(error, PutError::File(_)), "{error}");
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn writers_of_the_same_blob_do_not_disturb_each_other() {
    let fixture = Fixture::new();
    let content = vec![0xab; 300_000];
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                for _ in 0..10 {
                    let digest = fixture.put(&content);
                    assert_eq!(fixture.store.get(&digest, LIMIT).unwrap(), content);
                }
            });
        }
    });
    assert_eq!(fixture.store.list().unwrap().len(), 1);
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn a_listing_is_sorted_and_shows_sizes() {
    let fixture = Fixture::in_memory();
    for size in 0..300 {
        fixture.put(&vec![9; size]);
    }
    let blobs = fixture.store.list().unwrap();
    assert!(blobs.is_sorted_by_key(|blob| blob.digest));
    let mut sizes: Vec<_> = blobs.iter().map(|blob| blob.size).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, (0..300).collect::<Vec<_>>());
}
