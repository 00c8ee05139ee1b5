//! What is no input at all.

use std::path::PathBuf;

use palisade_tests::capture;

use super::{Bench, EVENT, gzip, zstd};

#[test]
fn what_is_no_input_is_refused_with_what_would_be() {
    let Some(bench) = Bench::new() else { return };
    let pcap = std::fs::read(capture("modbus.pcap")).expect("the capture can be read");
    let version = |major: u8| {
        let mut wrong = pcap.clone();
        wrong[4] = major;
        wrong
    };
    let unknown: &[(&str, Vec<u8>, &str)] = &[
        (
            "text",
            b"Jan 1 hello\n".to_vec(),
            "begins with `Jan 1 hello\\n`",
        ),
        ("csv", b"a,b\n1,2\n".to_vec(), "begins with `a,b"),
        (
            "picture",
            b"\x89PNG\r\n\x1a\n\0\0".to_vec(),
            "begins with the bytes 89504e47",
        ),
        ("program", b"\x7fELF\x02".to_vec(), "it is a program"),
        (
            "colours",
            b"\x1b[31mred\n".to_vec(),
            "begins with `\\u{1b}[31mred",
        ),
        (
            "json",
            b"{\"a\":1}\n".to_vec(),
            "no object in it has `event_type`",
        ),
        ("deep", vec![b'['; 1 << 20], "it is JSON, but no object"),
        ("scalars", b"[1,2,3]".to_vec(), "it is JSON, but no object"),
        ("nul", vec![0; 5000], "begins with `\\0\\0"),
    ];
    for (name, content, saw) in unknown {
        for content in [content.clone(), gzip(content), zstd(content)] {
            let ran = bench.bytes("case", &content);
            assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
            for says in [
                *saw,
                "accepted are pcap and pcapng captures, Suricata EVE JSON, Zeek logs in JSON or in columns and Palisade NDJSON",
                "gzip or zstd",
            ] {
                assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
            }
            assert_eq!(ran.stderr.lines().count(), 1, "{name}: {}", ran.stderr);
        }
    }
    let unreadable: &[(&str, Vec<u8>, &str)] = &[
        ("empty", Vec::new(), "is empty; there is nothing to read"),
        (
            "blank",
            b" \n\n\t\n".to_vec(),
            "is empty; there is nothing to read",
        ),
        (
            "empty gzip",
            gzip(b""),
            "is empty; there is nothing to read",
        ),
        (
            "gzip, header only",
            gzip(EVENT.as_bytes())[..11].to_vec(),
            "the gzip data is cut off or damaged",
        ),
        (
            "zstd, header only",
            zstd(EVENT.as_bytes())[..6].to_vec(),
            "the zstd data is cut off or damaged",
        ),
        (
            "gzip, three times",
            gzip(&gzip(&gzip(EVENT.as_bytes()))),
            "at most 2 are undone",
        ),
        ("pcap, version 1", version(1), "version"),
        ("pcap, version 3", version(3), "version"),
        (
            "pcap, half a header",
            pcap[..20].to_vec(),
            "24 bytes needed, 20 there",
        ),
        (
            "pcap, magic only",
            pcap[..4].to_vec(),
            "24 bytes needed, 4 there",
        ),
    ];
    for (name, content, says) in unreadable {
        let ran = bench.bytes("case", content);
        assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("`") && ran.stderr.contains("case"),
            "{name}: {}",
            ran.stderr
        );
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
    }
    for (path, says) in [
        (
            bench.folder.path().to_owned(),
            "it is a folder; name a file in it",
        ),
        (bench.folder.path().join("missing"), "No such file"),
        // Address 0 of the process is not mapped: the file opens, and reading it fails.
        (PathBuf::from("/proc/self/mem"), "Input/output error"),
    ] {
        let ran = bench.read(&[&path]);
        assert_eq!(ran.code, Some(2), "{}: {}", path.display(), ran.stderr);
        assert!(
            ran.stderr.contains(says),
            "{}: {}",
            path.display(),
            ran.stderr
        );
    }
}

#[test]
fn settings_for_no_plugin_are_told_with_the_file_and_what_may_be_meant() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let input = bench.file("all.ndjson", EVENT.as_bytes());
    let intel = bench.plugins.with_file_name("intel-detect");
    if !intel.is_dir() {
        return palisade_tests::skip("`make plugins` has not built intel-detect");
    }
    bench.beside.clear();
    let protocols = std::mem::replace(&mut bench.plugins, intel);
    let settings = bench.file("settings.toml", b"[indicators]\na = 1\n");
    let file = settings.display().to_string();
    let options = ["--settings", file.as_str()];
    let ran = bench.read_with(&[&input], &options);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for says in [&file, "not loaded", "needs the dataset `indicators`"] {
        assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
    }
    bench.plugins = protocols;
    for (table, says) in [("mqqt", "did you mean `mqtt`?"), ("zebra", "coap, dns")] {
        bench.file("settings.toml", format!("[{table}]\na = 1\n").as_bytes());
        let ran = bench.read_with(&[&input], &options);
        assert_eq!(ran.code, Some(2), "{}", ran.stderr);
        let table = format!("the table `{table}` is for no plugin");
        for says in [file.as_str(), &table, says] {
            assert!(ran.stderr.contains(says), "{says}: {}", ran.stderr);
        }
    }
}
