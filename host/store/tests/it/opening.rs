use std::os::unix::fs::{PermissionsExt, symlink};

use palisade_store::{OpenError, Store};

use crate::{Fixture, LIMIT, dir, open};

fn mode(path: &std::path::Path) -> u32 {
    std::fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[test]
fn an_empty_directory_becomes_a_store_and_stays_one() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"kept");
    let again = open(fixture.folder.path());
    assert_eq!(again.get(&digest, LIMIT).unwrap(), b"kept");
}

#[test]
fn files_and_directories_are_private() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"secret settings");
    let name = "plugin.x".parse().unwrap();
    fixture.store.set_name(&name, &digest).unwrap();
    let blob = fixture.blob_path(&digest);
    for folder in [
        blob.parent().unwrap(),
        &fixture.path("blobs"),
        &fixture.path("names"),
        &fixture.path("temporary"),
    ] {
        assert_eq!(mode(folder), 0o700, "{}", folder.display());
    }
    for file in [
        blob.as_path(),
        &fixture.path("names/plugin.x"),
        &fixture.path("lock"),
        &fixture.path("format"),
    ] {
        assert_eq!(mode(file), 0o600, "{}", file.display());
    }
}

#[test]
fn another_directory_is_not_taken_over() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("thesis.tex"), "…").unwrap();
    let error = Store::open(dir(folder.path())).unwrap_err();
    assert!(
        matches!(&error, OpenError::NotAStore { found } if found == "thesis.tex"),
        "{error}"
    );
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
}

#[test]
fn another_format_is_refused() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("format"), "palisade-store 2\n").unwrap();
    let error = Store::open(dir(fixture.folder.path())).unwrap_err();
    assert!(error.to_string().contains("palisade-store 2"), "{error}");
}

#[test]
fn a_store_half_made_by_another_process_is_completed() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("blobs")).unwrap();
    std::fs::write(folder.path().join("lock"), "").unwrap();
    open(folder.path());
    assert!(folder.path().join("format").exists());
}

#[test]
fn a_directory_of_the_store_that_is_a_link_is_refused() {
    for part in ["blobs", "names", "temporary"] {
        let fixture = Fixture::new();
        let elsewhere = tempfile::tempdir().unwrap();
        std::fs::remove_dir(fixture.path(part)).unwrap();
        symlink(elsewhere.path(), fixture.path(part)).unwrap();
        let error = Store::open(dir(fixture.folder.path())).unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[test]
fn many_can_make_the_same_store_at_once() {
    for _ in 0..20 {
        let folder = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| open(folder.path()));
            }
        });
    }
}
