//! Packs that are large: what is held of them has a limit, and so has what is read for labels.

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::Tlp;
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

#[test]
fn what_is_read_of_a_pack_for_labels_has_a_size() {
    // Each is taken from what may be read once as it comes and once as it stands.
    let note = "x y\n".repeat((8 << 20) / 4);
    let paths: Vec<String> = (0..6).map(|n| format!("docs/{n}.txt")).collect();
    let files: Vec<(&str, &[u8])> = paths
        .iter()
        .map(|path| (path.as_str(), note.as_bytes()))
        .collect();
    let pack = build("[labels]\ntlp = \"clear\"\n", &files).unwrap();
    let told: Vec<(&str, Option<Tlp>)> = pack
        .unread()
        .iter()
        .map(|it| (it.file.as_str(), it.perhaps))
        .collect();
    let red = Some(Tlp::Red);
    assert_eq!(told[..2], [("docs/4.txt", red), ("docs/5.txt", red)]);
    assert!(told.iter().all(|(_, perhaps)| *perhaps == red), "{told:?}");
    let problem = &pack.unread()[0].problem;
    assert!(
        problem.contains("too large to be read for markings"),
        "{problem}"
    );
}

#[test]
fn a_hundred_thousand_indicators_are_read() {
    let line = |n: u32| {
        format!(
            "{{\"kind\":\"ipv4\",\"value\":\"{}\",\"tlp\":\"TLP:CLEAR\",\"confidence\":90,\"labels\":[\"phishing\"],\
             \"comment\":\"seen by a sensor of ours at the gate of a plant\",\"valid_until\":\"2027-01-01T00:00:00Z\"}}\n",
            std::net::Ipv4Addr::from(n)
        )
    };
    let mut lines: String = (0..100_000).map(line).collect();
    let dataset = |lines: &str| {
        let files = [("datasets/bad.ndjson", lines.as_bytes())];
        build("[labels]\ntlp = \"clear\"\n", &files).unwrap()
    };
    assert_eq!(dataset(&lines).unread(), []);
    // To the last line.
    lines.push_str(&line(1).replace("at the gate", "– TLP – RED –"));
    let unread = dataset(&lines).unread().to_vec();
    assert_eq!((unread.len(), unread[0].line), (1, Some(100_001)));
}
