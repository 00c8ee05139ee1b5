//! Secrets are made once, for their owner alone.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use palisade_private::{make_dir, secret};

#[test]
fn a_secret_is_made_once_for_its_owner_alone() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state/palisade");
    let dir = make_dir(&path).unwrap();
    let first: [u8; 16] = secret(&dir, "key").unwrap();
    assert_eq!(secret::<16>(&dir, "key").unwrap(), first);
    let mode = std::fs::metadata(path.join("key")).unwrap().permissions();
    assert_eq!(mode.mode() & 0o777, 0o600);
    assert_eq!(std::fs::read_dir(&path).unwrap().count(), 1);
    // Of another length it is somebody else's.
    assert!(secret::<32>(&dir, "key").is_err());
}

#[test]
fn processes_that_begin_at_once_agree() {
    let temp = tempfile::tempdir().unwrap();
    let made: Vec<[u8; 32]> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                let dir = make_dir(&temp.path().join("state")).unwrap();
                scope.spawn(move || secret(&dir, "key").unwrap())
            })
            .collect();
        threads.into_iter().map(|t| t.join().unwrap()).collect()
    });
    assert!(made.iter().all(|secret| *secret == made[0]));
}

#[test]
fn links_and_what_others_may_write_are_refused() {
    let temp = tempfile::tempdir().unwrap();
    let path = temp.path().join("state");
    let dir = make_dir(&path).unwrap();
    secret::<16>(&dir, "key").unwrap();
    let file = path.join("key");
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o622)).unwrap();
    assert!(secret::<16>(&dir, "key").is_err());
    std::fs::rename(&file, temp.path().join("elsewhere")).unwrap();
    symlink(temp.path().join("elsewhere"), &file).unwrap();
    assert!(secret::<16>(&dir, "key").is_err());
}
