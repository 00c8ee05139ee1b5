//! Attacks on the files of a pack, as archive, folder and in the store.

use std::collections::BTreeMap;
use std::io::Write as _;

use cap_std::ambient_authority;
use cap_std::fs::Dir;
use palisade_pack::{Content, Pack, PackManifest, Refusal, stored};
use palisade_store::{Digest, Store};
use tar::{Builder, EntryType, Header};

use crate::site::*;

fn archive(pack: &Pack) -> Vec<u8> {
    let mut bytes = Vec::new();
    pack.content().write_archive(&mut bytes).unwrap();
    bytes
}

fn entry(builder: &mut Builder<Vec<u8>>, path: &str, kind: EntryType, content: &[u8]) {
    let mut header = Header::new_gnu();
    // Written into the header as it is: `set_path` would refuse what an attacker would not.
    header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
    header.set_entry_type(kind);
    header.set_mode(0o777);
    header.set_mtime(12345);
    header.set_size(content.len() as u64);
    if kind == EntryType::Symlink || kind == EntryType::Link {
        header.set_link_name("/etc/passwd").unwrap();
    }
    header.set_cksum();
    builder.append(&header, content).unwrap();
}

fn read(bytes: &[u8]) -> Result<Pack, Refusal> {
    Pack::open(Content::read_archive(bytes)?)
}

#[test]
fn a_manifest_has_a_size_beyond_which_nothing_of_it_is_read() {
    let most = palisade_pack::MAX_TOML_BYTES;
    for (length, told) in [
        (most, "TOML parse error"),
        (most + 1, "at most 1048576 are read"),
        (64 << 20, "at most 1048576 are read"),
    ] {
        let text = format!("a={}", "[".repeat(length - 2));
        let mut builder = Builder::new(Vec::new());
        entry(
            &mut builder,
            "pack.toml",
            EntryType::Regular,
            text.as_bytes(),
        );
        let archive = builder.into_inner().unwrap();
        let refusal = read(&archive).unwrap_err().to_string();
        let is_read = told.starts_with("TOML");
        assert_eq!(refusal.contains("are read"), !is_read, "{refusal}");
        let source = palisade_pack::PackSource::parse(&text).unwrap_err();
        assert_eq!(
            source.to_string().contains("are read"),
            !is_read,
            "{source}"
        );
        let policy = palisade_pack::trust::Policy::parse(text.as_bytes()).unwrap_err();
        assert_eq!(
            policy.to_string().contains("are read"),
            !is_read,
            "{policy}"
        );
    }
}

#[track_caller]
fn code(result: Result<Pack, Refusal>, wanted: &str) {
    let refusal = result.map(|p| p.digest()).unwrap_err();
    assert_eq!(refusal.code(), wanted, "{refusal}");
}

#[test]
fn one_digest_however_it_is_packed() {
    let pack = attested(bare());
    assert_eq!(pack.digest(), bare().digest());
    assert_eq!(archive(&pack), archive(&attested(bare())));
    let back = read(&archive(&pack)).unwrap();
    assert_eq!(
        (back.digest(), back.content()),
        (pack.digest(), pack.content())
    );
    // Another tool, another order, other times, folders, a compressor.
    let mut builder = Builder::new(Vec::new());
    entry(&mut builder, "./", EntryType::Directory, b"");
    entry(&mut builder, "./docs/", EntryType::Directory, b"");
    let files = files(&pack);
    for (path, bytes) in files.iter().rev() {
        entry(
            &mut builder,
            &format!("./{path}"),
            EntryType::Regular,
            bytes,
        );
    }
    let other = builder.into_inner().unwrap();
    assert_eq!(read(&other).unwrap().digest(), pack.digest());
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    let packed = ruzstd::encoding::compress_to_vec(other.as_slice(), level);
    assert_eq!(read(&packed).unwrap().digest(), pack.digest());
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    pack.content().write_folder(&dir).unwrap();
    let again = Pack::open(Content::read_folder(&dir).unwrap()).unwrap();
    assert_eq!(
        (again.digest(), again.content()),
        (pack.digest(), pack.content())
    );
}

/// An archive of one file with an extended header (PAX) of these fields.
fn extended(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = Builder::new(Vec::new());
    let mut records = String::new();
    for (key, value) in fields {
        let rest = format!(" {key}={value}\n");
        // The length of a record counts its own digits: two of them here.
        records += &format!("{}{rest}", rest.len() + 2);
    }
    entry(&mut builder, "pax", EntryType::XHeader, records.as_bytes());
    entry(&mut builder, "docs/x", EntryType::Regular, b"1");
    builder.into_inner().unwrap()
}

#[test]
fn hostile_archives() {
    let good = archive(&attested(bare()));
    for length in [0, 1, 300, 600, good.len() / 2] {
        assert!(read(&good[..length]).is_err(), "{length}");
    }
    code(read(&good[..good.len() / 2]), "archive");
    code(read(b""), "archive");
    let one = |path: &str, kind| {
        let mut builder = Builder::new(Vec::new());
        entry(&mut builder, path, kind, b"");
        builder.into_inner().unwrap()
    };
    for path in [
        "../evil",
        "/etc/evil",
        "a/../../evil",
        "a\\b",
        "docs/x\u{202e}y",
        "docs/e\u{301}",
    ] {
        code(read(&one(path, EntryType::Regular)), "path");
    }
    code(read(&one("../d/", EntryType::Directory)), "path");
    for kind in [
        EntryType::Symlink,
        EntryType::Link,
        EntryType::Fifo,
        EntryType::Char,
        EntryType::Continuous,
    ] {
        code(read(&one("docs/x", kind)), "link");
    }
    // A file that other tools would fill up from a map, and one whose extended header says a
    // thing twice.
    for fields in [
        &[("GNU.sparse.major", "1"), ("GNU.sparse.name", "docs/x")][..],
        &[("GNU.sparse.map", "0,1"), ("GNU.sparse.size", "9")],
    ] {
        code(read(&extended(fields)), "link");
    }
    let mut header = Header::new_gnu();
    header.set_path("docs/x").unwrap();
    header.set_entry_type(EntryType::GNUSparse);
    header.set_size(0);
    header.as_gnu_mut().unwrap().set_real_size(0);
    header.set_cksum();
    code(read(header.as_bytes()), "link");
    code(
        read(&extended(&[("path", "docs/x"), ("path", "docs/y")])),
        "archive",
    );
    let plain = extended(&[("mtime", "1.5"), ("path", "docs/y")]);
    let plain = Content::read_archive(plain.as_slice()).unwrap();
    assert_eq!(plain.file("docs/y").unwrap(), b"1");
    let mut twice = Builder::new(Vec::new());
    for content in [b"1", b"2"] {
        entry(&mut twice, "docs/x", EntryType::Regular, content);
    }
    code(read(&twice.into_inner().unwrap()), "path-twice");
    // A second archive behind the end of the first.
    code(
        read(&[good.clone(), good.clone()].concat()),
        "archive-trailing",
    );
    // A header that promises more than a pack may have: nothing is set aside for it.
    let mut header = Header::new_gnu();
    header.set_path("docs/x").unwrap();
    header.set_size(1 << 40);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    code(read(header.as_bytes()), "too-large");
}

#[test]
fn a_decompression_bomb_ends_at_the_limit() {
    // 300 MiB of zeros in some kilobytes.
    let mut header = Header::new_gnu();
    header.set_path("docs/x").unwrap();
    header.set_size(300 << 20);
    header.set_entry_type(EntryType::Regular);
    header.set_cksum();
    let bomb = std::io::Read::chain(
        &header.as_bytes()[..],
        std::io::Read::take(std::io::repeat(0), 300 << 20),
    );
    let bomb = ruzstd::encoding::compress_to_vec(bomb, ruzstd::encoding::CompressionLevel::Fastest);
    assert!(bomb.len() < 1 << 20, "{}", bomb.len());
    code(read(&bomb), "too-large");
}

#[test]
fn files_and_attestations_of_an_archive_are_counted() {
    // In the number that is allowed it is read; with one more it is not.
    let content = |files: usize, attestations: usize| {
        let mut builder = Builder::new(Vec::new());
        for at in 0..files {
            entry(&mut builder, &format!("docs/{at}"), EntryType::Regular, b"");
        }
        for at in 0..attestations {
            let path = format!("attestations/{at}.dsse.json");
            entry(&mut builder, &path, EntryType::Regular, b"{}");
        }
        Content::read_archive(builder.into_inner().unwrap().as_slice()).map_err(|e| e.code())
    };
    assert!(content(20_000, 0).is_ok());
    assert_eq!(content(20_001, 0), Err("too-large"));
    assert!(content(1, 64).is_ok());
    assert_eq!(content(1, 65), Err("too-large"));
    let large = |bytes: usize| {
        let mut builder = Builder::new(Vec::new());
        let path = "attestations/a.dsse.json";
        entry(&mut builder, path, EntryType::Regular, &vec![b' '; bytes]);
        Content::read_archive(builder.into_inner().unwrap().as_slice()).map_err(|e| e.code())
    };
    assert!(large(4 << 20).is_ok());
    assert_eq!(large((4 << 20) + 1), Err("too-large"));
}

#[test]
fn links_and_foreign_files_in_folders() {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    bare().content().write_folder(&dir).unwrap();
    std::os::unix::fs::symlink("/etc/passwd", folder.path().join("docs/passwd")).unwrap();
    let error = Content::read_folder(&dir).unwrap_err();
    assert!(error.to_string().contains("symbolic link"), "{error}");
    std::fs::remove_file(folder.path().join("docs/passwd")).unwrap();
    std::fs::write(folder.path().join("run.sh"), "").unwrap();
    code(
        Pack::open(Content::read_folder(&dir).unwrap()),
        "file-unexpected",
    );
}

/// The trusted pack with its files changed, attestations kept.
fn changed(change: impl FnOnce(&mut BTreeMap<String, Vec<u8>>)) -> Result<Pack, Refusal> {
    let pack = attested(bare());
    let mut files = files(&pack);
    change(&mut files);
    Pack::open(content(&files, pack.content().attestations()))
}

#[test]
fn changed_and_added_files_make_another_pack() {
    let site = Site::new();
    for change in [
        (|f| {
            drop(f.insert(
                "vectors/telnet/plain/events.ndjson".into(),
                b"{ }\n".to_vec(),
            ))
        }) as fn(&mut BTreeMap<_, _>),
        |f| drop(f.insert("vectors/telnet/more/events.ndjson".into(), b"{}\n".to_vec())),
        |f| drop(f.remove("vectors/telnet/plain/events.ndjson")),
        |f| drop(f.insert("docs/extra.md".into(), vec![])),
    ] {
        refused(&site.verify(&changed(change).unwrap()), "subject");
    }
}

#[test]
fn content_that_the_manifest_does_not_tell() {
    code(changed(|f| drop(f.remove("pack.toml"))), "file-missing");
    code(changed(|f| drop(f.remove("sbom.cdx.json"))), "file-missing");
    code(
        changed(|f| drop(f.remove("plugins/telnet.wasm"))),
        "file-missing",
    );
    code(
        changed(|f| drop(f.insert("plugins/more.wasm".into(), vec![]))),
        "file-unexpected",
    );
    code(
        changed(|f| drop(f.insert("vectors/nobody/x".into(), vec![]))),
        "file-unexpected",
    );
    code(
        changed(|f| drop(f.insert("x.sh".into(), vec![]))),
        "file-unexpected",
    );
    code(
        changed(|f| drop(f.insert("docs/readme.md".into(), vec![]))),
        "path-collision",
    );
    code(
        changed(|f| drop(f.insert("Docs/other".into(), vec![]))),
        "path-collision",
    );
    code(
        changed(|f| drop(f.insert("docs/README.md/x".into(), vec![]))),
        "path-file-and-folder",
    );
    // Mix and match: the component of another version.
    let other = component("telnet", "0.2.0", &["a"], &[]);
    code(
        changed(|f| drop(f.insert("plugins/telnet.wasm".into(), other))),
        "file-changed",
    );
    code(
        changed(|f| f.get_mut("sbom.cdx.json").unwrap().push(b' ')),
        "overstated",
    );
}

#[test]
fn canonicalisation_tricks_in_the_manifest() {
    let text = String::from_utf8(files(&bare())["pack.toml"].clone()).unwrap();
    assert!(text.contains("vendor = \"acme\""), "{text}");
    let edit = |text: String| changed(|f| drop(f.insert("pack.toml".into(), text.into_bytes())));
    for (from, to, wanted) in [
        (
            "vendor = \"acme\"",
            "vendor = \"acme\"\nvendor = \"acme\"",
            "malformed",
        ),
        (
            "vendor = \"acme\"",
            "vendor = \"\\u0061cme\"",
            "not-canonical",
        ),
        ("vendor = \"acme\"", "vendor = 'acme'", "not-canonical"),
        (
            "vendor = \"acme\"",
            "\"vendor\" = \"acme\"",
            "not-canonical",
        ),
        (
            "vendor = \"acme\"",
            "vendor = \"acme\" # signed",
            "not-canonical",
        ),
        (
            "vendor = \"acme\"",
            "extra = 1\nvendor = \"acme\"",
            "malformed",
        ),
        ("vendor = \"acme\"", "vendor = \"Acme\"", "malformed"),
        ("format = 1", "format = 1.0", "malformed"),
        ("format = 1", "format = +1", "not-canonical"),
        ("format = 1", "format = 0x1", "not-canonical"),
        ("format = 1", "format = 2", "format"),
        ("version = \"1.0.0\"", "version = \"1.0.0+z\"", "malformed"),
        ("version = \"1.0.0\"", "version = \"01.0.0\"", "malformed"),
        (
            "capabilities = []",
            "capabilities = [\"state\"]",
            "overstated",
        ),
        (
            "requirements = [\"IOT-2.3c\"]",
            "requirements = []",
            "overstated",
        ),
        (
            "from = \"0.1\"\nto = \"0.1\"",
            "from = \"0.2\"\nto = \"0.3\"",
            "abi",
        ),
    ] {
        assert!(text.contains(from), "{from}: {text}");
        println!("{to}");
        code(edit(text.replacen(from, to, 1)), wanted);
    }
    code(edit(format!("{text}\n")), "not-canonical");
    code(edit(format!("\u{feff}{text}")), "not-canonical");
    code(edit(text.replace('\n', "\r\n")), "not-canonical");
    PackManifest::read(text.as_bytes()).unwrap();
}

#[test]
fn components_that_are_none_or_hide_their_imports() {
    let build = |bytes: Vec<u8>| {
        let mut content = Content::default();
        content.add("plugins/telnet.wasm", bytes).unwrap();
        Pack::build(&source("1.0.0"), content)
    };
    code(build(b"\0asm\x01\0\0\0".to_vec()), "plugin");
    code(build(vec![]), "plugin");
    code(build(component("other", "0.1.0", &["a"], &[])), "plugin");
    // What it imports counts, whatever its manifest asks for.
    let pack = build(component("telnet", "0.1.0", &["a"], &[STATE])).unwrap();
    assert_eq!(pack.manifest().capabilities, set(&["state"]));
}

fn store() -> (tempfile::TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let dir = Dir::open_ambient_dir(folder.path(), ambient_authority()).unwrap();
    (folder, Store::open(dir).unwrap())
}

#[test]
fn the_store_gives_back_the_pack_or_an_error() {
    let (folder, store) = store();
    let pack = attested(bare());
    stored::put(&store, &pack).unwrap();
    let back = stored::get(&store, "acme/guard").unwrap();
    assert_eq!(
        (back.digest(), back.content()),
        (pack.digest(), pack.content())
    );
    assert_eq!(
        stored::get(&store, "acme/guard@1.0.0").unwrap().digest(),
        pack.digest()
    );
    assert!(matches!(
        stored::get(&store, "acme/other"),
        Err(stored::StoredError::Absent(_))
    ));
    // Everything of it is kept by the collector, and nothing else.
    store.put(&b"stray"[..], 100).unwrap();
    let options = palisade_store::GcOptions {
        dry_run: false,
        grace: std::time::Duration::ZERO,
        now: std::time::SystemTime::now() + std::time::Duration::from_secs(60),
    };
    let report = store
        .gc(options, |d| {
            stored::references(&store, d).map_err(Into::into)
        })
        .unwrap();
    assert_eq!(report.removed.len(), 1);
    stored::get(&store, "acme/guard").unwrap();
    // A tampered blob.
    let digest = pack.plugins()[0].digest.to_string();
    let blob = folder.path().join("blobs").join(&digest[..2]).join(&digest);
    let mut bytes = std::fs::read(&blob).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&blob, bytes).unwrap();
    let error = stored::get(&store, "acme/guard").unwrap_err();
    assert!(matches!(error, stored::StoredError::Get(_)), "{error}");
}

#[test]
fn a_name_of_the_store_that_was_bent_to_another_pack_is_found() {
    let (folder, store) = store();
    stored::put(&store, &attested(bare())).unwrap();
    let newer = attested(Pack::build(&source("2.0.0"), inputs()).unwrap());
    stored::put(&store, &newer).unwrap();
    let names = folder.path().join("names");
    std::fs::copy(
        names.join("pack.acme.guard@1.0.0"),
        names.join("pack.acme.guard@2.0.0"),
    )
    .unwrap();
    let error = stored::get(&store, "acme/guard@2.0.0").unwrap_err();
    assert!(error.to_string().contains("leads to"), "{error}");
    let stray = store.put(&b"no listing"[..], 100).unwrap();
    let mut file = std::fs::File::create(names.join("pack.acme.guard")).unwrap();
    writeln!(file, "{}", stray.digest).unwrap();
    let error = stored::get(&store, "acme/guard").unwrap_err();
    assert!(
        matches!(error, stored::StoredError::Refused(Refusal::Listing { .. })),
        "{error}"
    );
    assert_eq!(Digest::of(b"no listing"), stray.digest);
}
