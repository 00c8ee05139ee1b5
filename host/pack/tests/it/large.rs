//! Packs that are large: what is held of them has a limit, and so has what is read for labels.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::stored::{self, StoredError};
use palisade_store::Store;

use crate::labels::build;
use crate::site::*;

#[test]
fn a_pack_is_got_only_where_there_is_room_for_all_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    let store = Store::open(dir).unwrap();
    let note = "x\n".repeat(100_000);
    let pack = attested(build("", &[("docs/note.txt", note.as_bytes())]).unwrap());
    stored::put(&store, &pack).unwrap();
    let size = pack.content().size();
    let files: u64 = pack
        .listing()
        .entries()
        .iter()
        .map(|entry| entry.size)
        .sum();
    assert!(files > 200_000 && size > files, "attestations count too");
    let within = |most| stored::get_within(&store, "acme/guard", most);
    assert_eq!(within(size).unwrap().digest(), pack.digest());
    // What it says of itself is enough to refuse it, and so is what is there.
    for (most, told) in [(files - 1, files), (size - 1, size)] {
        match within(most) {
            Err(StoredError::Room { bytes, .. }) => assert_eq!(bytes, told),
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn what_is_read_for_labels_has_a_size() {
    let record = |bytes: usize| {
        let text = |filled: &str| format!("{{\"kind\":\"text\",\"value\":\"{filled}\"}}");
        text(&"x".repeat(bytes - text("").len()))
    };
    let built = |path: &str, line: String| {
        let text = format!("{}\n{line}\n", record(60));
        build("[labels]\ntlp = \"clear\"\n", &[(path, text.as_bytes())])
    };
    // Where it is loaded, a dataset with a longer line would be refused too.
    built("datasets/bad.ndjson", record(64 << 10)).unwrap();
    let refusal = built("datasets/bad.ndjson", record((64 << 10) + 1)).unwrap_err();
    let told = refusal.to_string();
    assert!(
        told.contains("line 2: it has more than 65536 bytes"),
        "{told}"
    );
    let unread = |path: &str, line: String| {
        let pack = built(path, line).unwrap();
        let unread: Vec<String> = pack.unread().iter().map(|it| it.problem.clone()).collect();
        unread.concat()
    };
    let path = "docs/list.ndjson";
    assert_eq!(unread(path, record(1 << 20)), "");
    let told = unread(path, record((1 << 20) + 1));
    assert!(
        told.contains("line 2 has more than 1048576 bytes"),
        "{told}"
    );
    // Of a document as a whole; 61 bytes and a line feed are there besides.
    let path = "docs/note.txt";
    assert_eq!(unread(path, "x".repeat((8 << 20) - 62)), "");
    let told = unread(path, "x".repeat((8 << 20) - 61));
    assert!(told.contains("it has more than 8388608 bytes"), "{told}");
}
