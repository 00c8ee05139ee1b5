//! Pack archives: tar with every type of entry, sizes that lie, extensions, in zstd and plain;
//! whole packs of which a file was changed; and packs as they are built from what an author writes.

#![no_main]

use std::sync::OnceLock;

use arbitrary::{Result, Unstructured};
use palisade_fuzz::splice::Pool;
use palisade_fuzz::{MIB, splice, text, worlds};
use palisade_pack::{Content, Listing, Pack, PackSource};

const SOURCE: &str = include_str!("../seeds/pack.toml");

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let _ = (pack(), everything());
    palisade_fuzz::run(64 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

fn pack() -> &'static Pack {
    static PACK: OnceLock<Pack> = OnceLock::new();
    PACK.get_or_init(worlds::pack)
}

/// The component of a pack with everything.
fn everything() -> &'static [u8] {
    static EVERYTHING: OnceLock<Vec<u8>> = OnceLock::new();
    EVERYTHING.get_or_init(worlds::everything)
}

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let shape: u8 = u.arbitrary()?;
    let archive = match shape % 5 {
        0 => {
            let mut archive = Vec::new();
            pack()
                .content()
                .write_archive(&mut archive)
                .expect("a Vec takes all");
            splice::bytes(u, &archive, 64)?
        }
        1 => changed(u)?,
        2 => match made(u)? {
            Some(archive) => archive,
            None => return Ok(()),
        },
        _ => entries(u)?,
    };
    let archive = match shape >> 6 {
        0 => text::zstd(&archive),
        1 if archive.len() > 12 => {
            let mut zstd = text::zstd(&archive);
            let at = 4 + usize::from(shape) * 11 % (zstd.len() - 4);
            zstd[at] ^= 1 << (shape & 7);
            zstd
        }
        _ => archive,
    };
    let Ok(content) = Content::read_archive(&archive[..]) else {
        return Ok(());
    };
    let mut again = Vec::new();
    content.write_archive(&mut again).expect("a Vec takes all");
    let read = Content::read_archive(&again[..]);
    if content.files().next().is_some() {
        assert_eq!(
            read.as_ref().ok(),
            Some(&content),
            "what was written is read"
        );
    }
    if let Ok(listing) = content.listing() {
        let encoded = listing.encode();
        assert!(Listing::is_listing(&encoded));
        assert_eq!(Listing::decode(&encoded).ok(), Some(listing));
        let _ = Listing::decode(&splice::bytes(u, &encoded, 5)?);
    }
    let _ = Pack::open(content);
    Ok(())
}

/// The pack with one file changed, and another beside it.
fn changed(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    let mut content = Content::default();
    let count = pack().content().files().count();
    let at = usize::from(u.arbitrary::<u8>()?) % count;
    for (number, (path, bytes)) in pack().content().files().enumerate() {
        let bytes = match (number == at, std::str::from_utf8(bytes)) {
            (true, Ok(text)) => splice::text(u, text)?.into_bytes(),
            _ => bytes.to_vec(),
        };
        let _ = content.add(path.as_str(), bytes);
    }
    if u.arbitrary()? {
        let path = path(u)?;
        let _ = content.add(&String::from_utf8_lossy(&path), vec![1]);
    }
    let mut archive = Vec::new();
    content
        .write_archive(&mut archive)
        .expect("a Vec takes all");
    Ok(archive)
}

/// A pack built from changed words of its author, with a dataset and documents; if it can be
/// built, it is opened again and is the same.
fn made(u: &mut Unstructured<'_>) -> Result<Option<Vec<u8>>> {
    static WORDS: OnceLock<Pool> = OnceLock::new();
    const EDGES: [&str; 10] = [
        "red",
        "amber+strict",
        "white",
        "\"2025-06-01T10:00:00Z\"",
        "embargo = ",
        "marks = ",
        "derived_from = ",
        "intel-derived-data",
        "unmarked = true",
        "9999999999",
    ];
    let words = WORDS.get_or_init(|| Pool::new(&[SOURCE], &EDGES));
    let source = splice::mixed(u, SOURCE, words)?;
    let Ok(source) = PackSource::parse(&source) else {
        return Ok(None);
    };
    let mut content = Content::default();
    let _ = content.add("plugins/everything.wasm", everything().to_vec());
    let mut lines = String::new();
    for _ in 0..u.int_in_range(0..=3_u8)? {
        let value = text::json(u, 1)?;
        let label = ["tlp", "embargo", "derived_from", "marking", "a", "labels"];
        let label = label[usize::from(u.arbitrary::<u8>()?) % label.len()];
        lines.push_str(&format!(
            "{{\"kind\":\"domain\",\"value\":\"a.example\",\"{label}\":{value}}}\n"
        ));
    }
    let _ = content.add("datasets/indicators.ndjson", lines.into_bytes());
    for _ in 0..u.int_in_range(0..=2_u8)? {
        let path = path(u)?;
        let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
        let _ = content.add(&String::from_utf8_lossy(&path), u.bytes(length)?.to_vec());
    }
    let Ok(pack) = Pack::build(&source, content) else {
        return Ok(None);
    };
    let again = Pack::open(pack.content().clone()).expect("what was built is opened");
    assert_eq!(again.digest(), pack.digest());
    assert_eq!(again.manifest(), pack.manifest());
    let mut archive = Vec::new();
    pack.content()
        .write_archive(&mut archive)
        .expect("a Vec takes all");
    Ok(Some(archive))
}

fn path(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const PATHS: [&str; 18] = [
        "docs/README.md",
        "vectors/everything/a.ndjson",
        "pack.toml",
        "PACK.toml",
        "docs/a",
        "docs/A",
        "docs",
        "../a",
        "/a",
        "a//b",
        "./a",
        "a/.",
        "attestations/a.dsse.json",
        "attestations/a",
        "docs/\u{e9}",
        "docs/e\u{301}",
        "con.txt",
        "a\\b",
    ];
    let near: u8 = u.arbitrary()?;
    Ok(match near {
        0..0x80 => PATHS[usize::from(near) % PATHS.len()].into(),
        0x80..0xf0 => {
            let length = usize::from(near & 31).min(u.len());
            u.bytes(length)?.to_vec()
        }
        _ => "a/".repeat(usize::from(near & 15) * 9).into_bytes(),
    })
}

/// An archive of entries of every type, each with a header whose checksum fits.
fn entries(u: &mut Unstructured<'_>) -> Result<Vec<u8>> {
    const TYPES: &[u8] = b"000000\x0012345567xgLKSVMDN";
    let mut archive = Vec::new();
    for _ in 0..u.int_in_range(1..=8_u8)? {
        let shape: u8 = u.arbitrary()?;
        let kind = TYPES[usize::from(u.arbitrary::<u8>()?) % TYPES.len()];
        let path = path(u)?;
        let mut header = if shape & 1 == 0 {
            tar::Header::new_ustar()
        } else {
            tar::Header::new_gnu()
        };
        let field = &mut header.as_old_mut().name;
        let length = path.len().min(field.len());
        field[..length].copy_from_slice(&path[..length]);
        header.as_old_mut().linkflag = [kind];
        let data = match kind {
            b'x' | b'g' => extension(u, &path)?,
            b'L' | b'K' => [&path[..], &[0]].concat(),
            _ => {
                let length = usize::from(u.arbitrary::<u8>()?).min(u.len());
                u.bytes(length)?.to_vec()
            }
        };
        header.set_size(match shape >> 5 {
            0 => u.arbitrary::<u16>()?.into(),
            1 => u64::MAX >> (shape & 31),
            _ => data.len() as u64,
        });
        if kind == b'S'
            && let Some(gnu) = header.as_gnu_mut()
        {
            let octal = |field: &mut [u8], value: u8| {
                let text = format!("{value:0width$o}\0", width = field.len() - 1);
                field.copy_from_slice(text.as_bytes());
            };
            octal(&mut gnu.realsize, u.arbitrary()?);
            for sparse in &mut gnu.sparse {
                octal(&mut sparse.offset, u.arbitrary()?);
                octal(&mut sparse.numbytes, u.arbitrary()?);
            }
            gnu.isextended = [shape >> 4 & 1];
        }
        header.set_cksum();
        archive.extend_from_slice(header.as_bytes());
        archive.extend_from_slice(&data);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    if u.arbitrary()? {
        archive.resize(archive.len() + 1024, 0);
        archive.extend(u.bytes(u.len().min(8))?);
    }
    Ok(archive)
}

/// Records of a PAX header.
fn extension(u: &mut Unstructured<'_>, path: &[u8]) -> Result<Vec<u8>> {
    const KEYS: [&str; 8] = [
        "path",
        "size",
        "linkpath",
        "GNU.sparse.major",
        "GNU.sparse.name",
        "GNU.sparse.realsize",
        "GNU.sparse.map",
        "mtime",
    ];
    let mut records = Vec::new();
    for _ in 0..u.int_in_range(1..=3_u8)? {
        let choice: u8 = u.arbitrary()?;
        let key = KEYS[usize::from(choice) % KEYS.len()].as_bytes();
        let value = match choice >> 4 {
            0 => b"99999999999999999999".to_vec(),
            1..6 => u.arbitrary::<u8>()?.to_string().into_bytes(),
            _ => path.to_vec(),
        };
        let body = [b" ", key, b"=", &value, b"\n"].concat();
        let mut length = body.len();
        length += length.to_string().len();
        if length.to_string().len() + body.len() != length {
            length += 1;
        }
        if choice == 0xff {
            length += 3;
        }
        records.extend([length.to_string().as_bytes(), &body].concat());
    }
    Ok(records)
}
