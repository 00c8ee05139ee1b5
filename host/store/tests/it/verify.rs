use std::os::unix::fs::symlink;

use palisade_store::{GetError, NameError, Problem};

use crate::Fixture;

#[test]
fn a_sound_store_has_no_problems() {
    let fixture = Fixture::new();
    let digest = fixture.put(b"12345");
    fixture.put(&[1; 100_000]);
    fixture
        .store
        .set_name(&"a".parse().unwrap(), &digest)
        .unwrap();
    let mut seen = Vec::new();
    let report = fixture.store.verify(|blob| seen.push(blob));
    assert!(report.problems.is_empty(), "{:?}", report.problems);
    assert_eq!((report.good, report.bytes), (2, 100_005));
    assert_eq!(seen, fixture.store.list().unwrap());
}

#[test]
fn every_problem_is_found_and_the_rest_is_still_checked() {
    let fixture = Fixture::new();
    let [good, changed, cut, linked, gone] =
        [&b"good"[..], b"changed", b"cut off", b"linked", b"gone"].map(|c| fixture.put(c));
    let named = "pack.gone".parse().unwrap();
    fixture.store.set_name(&named, &gone).unwrap();

    std::fs::write(fixture.blob_path(&changed), b"Changed").unwrap();
    std::fs::write(fixture.blob_path(&cut), b"cut").unwrap();
    std::fs::remove_file(fixture.blob_path(&linked)).unwrap();
    symlink(fixture.blob_path(&good), fixture.blob_path(&linked)).unwrap();
    std::fs::remove_file(fixture.blob_path(&gone)).unwrap();
    std::fs::write(fixture.path("blobs/README"), "").unwrap();
    let upper = fixture.blob_path(&good).with_file_name("AB".repeat(32));
    std::fs::write(upper, "").unwrap();
    std::fs::write(fixture.path("names/bad"), "bad").unwrap();

    let mut checked = 0;
    let report = fixture.store.verify(|_| checked += 1);
    assert_eq!((report.good, report.bytes), (1, 4));
    assert_eq!(checked, 4);
    let count =
        |test: &dyn Fn(&Problem) -> bool| report.problems.iter().filter(|p| test(p)).count();
    assert_eq!(
        count(
            &|p| matches!(p, Problem::Blob(GetError::Mismatch { digest, .. })
            if *digest == changed || *digest == cut)
        ),
        2
    );
    assert_eq!(
        count(
            &|p| matches!(p, Problem::Blob(GetError::NotRegular { digest, .. })
            if *digest == linked)
        ),
        1
    );
    assert_eq!(
        count(&|p| matches!(p, Problem::Dangling { name, digest }
            if *name == named && *digest == gone)),
        1
    );
    assert_eq!(
        count(&|p| matches!(p, Problem::Name(NameError::Malformed { .. }))),
        1
    );
    assert_eq!(count(&|p| matches!(p, Problem::Foreign { .. })), 2);
    assert_eq!(report.problems.len(), 7, "{:?}", report.problems);
}
