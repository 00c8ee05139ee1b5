use std::os::unix::fs::symlink;

use palisade_store::{Digest, Name, NameError};

use crate::Fixture;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

#[test]
fn a_name_points_where_it_was_last_set() {
    let fixture = Fixture::new();
    let (old, new) = (fixture.put(b"old"), fixture.put(b"new"));
    let name = name("pack.iot-protocols@0.1.0+3");
    assert_eq!(fixture.store.name(&name).unwrap(), None);
    fixture.store.set_name(&name, &old).unwrap();
    fixture.store.set_name(&name, &new).unwrap();
    assert_eq!(fixture.store.name(&name).unwrap(), Some(new));
    assert_eq!(fixture.store.names().unwrap(), [(name.clone(), new)]);
    assert!(fixture.store.remove_name(&name).unwrap());
    assert!(!fixture.store.remove_name(&name).unwrap());
    assert_eq!(fixture.store.names().unwrap(), []);
    assert_eq!(fixture.temporaries(), 0);
}

#[test]
fn a_name_cannot_point_to_nothing() {
    let fixture = Fixture::new();
    let missing = Digest::of(b"missing");
    let error = fixture.store.set_name(&name("a"), &missing).unwrap_err();
    assert!(
        matches!(error, NameError::NoBlob { digest, .. } if digest == missing),
        "{error}"
    );
    assert_eq!(fixture.store.names().unwrap(), []);
}

#[test]
fn a_reader_sees_one_digest_or_the_other() {
    let fixture = Fixture::new();
    let digests = [fixture.put(b"one"), fixture.put(b"two")];
    let name = name("generation.active");
    fixture.store.set_name(&name, &digests[0]).unwrap();
    std::thread::scope(|scope| {
        let writers = [0, 1].map(|which| {
            let (store, name, digest) = (&fixture.store, &name, digests[which]);
            scope.spawn(move || {
                for _ in 0..50 {
                    store.set_name(name, &digest).unwrap();
                }
            })
        });
        while writers.iter().any(|writer| !writer.is_finished()) {
            let seen = fixture.store.name(&name).unwrap().unwrap();
            assert!(digests.contains(&seen));
        }
    });
}

#[test]
fn damaged_files_of_names_are_errors_that_name_the_file() {
    let digest = Digest::of(b"x");
    for content in [
        String::new(),
        "junk\n".to_owned(),
        digest.to_string(),
        format!("{digest}\n\n"),
        format!("{digest}\n{digest}\n"),
        "f".repeat(100_000),
    ] {
        let fixture = Fixture::new();
        std::fs::write(fixture.path("names/a"), &content).unwrap();
        let error = fixture.store.name(&name("a")).unwrap_err();
        assert!(matches!(error, NameError::Malformed { .. }), "{error}");
        assert!(error.to_string().contains("names/a"), "{error}");
    }
    let fixture = Fixture::new();
    std::fs::write(fixture.path("names/a"), [0xff; 65]).unwrap();
    let error = fixture.store.name(&name("a")).unwrap_err();
    assert!(matches!(error, NameError::Malformed { .. }), "{error}");
}

#[test]
fn a_name_that_is_a_link_is_not_followed_but_replaced() {
    let fixture = Fixture::new();
    let (digest, other) = (fixture.put(b"x"), fixture.put(b"y"));
    fixture.store.set_name(&name("real"), &digest).unwrap();
    symlink("real", fixture.path("names/linked")).unwrap();
    let error = fixture.store.name(&name("linked")).unwrap_err();
    assert!(matches!(error, NameError::Foreign { .. }), "{error}");
    fixture.store.set_name(&name("linked"), &other).unwrap();
    assert_eq!(fixture.store.name(&name("real")).unwrap(), Some(digest));
    assert_eq!(fixture.store.name(&name("linked")).unwrap(), Some(other));
}

#[test]
fn a_file_that_no_name_could_have_is_reported_escaped() {
    let fixture = Fixture::new();
    std::fs::write(fixture.path("names/\u{1b}[31mRed"), "x").unwrap();
    let error = fixture.store.names().unwrap_err();
    assert!(matches!(error, NameError::Foreign { .. }), "{error}");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}
