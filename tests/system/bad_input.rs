//! What bad input gets: what can be read is read, the rest is one clear message with its
//! place; nothing is lost unseen, and nothing stops the run that need not.
//!
//! The program and the plugins are those that `make plugins` has built; without them these
//! tests skip.

use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_tests::{capture, captures, root, skip};
use serde_json::Value;

/// An event, with the line feed.
const EVENT: &str = "{\"kind\":\"network.dns\",\"time\":\"2025-06-01T10:00:00Z\",\
    \"src\":{\"ip\":\"10.0.0.1\",\"port\":5300},\"dst\":{\"ip\":\"10.0.0.2\",\"port\":53},\
    \"qname\":\"a.example\",\"qtype\":\"A\"}\n";

const ZEEK: &str = "{\"_path\":\"dns\",\"ts\":1735689600.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\
    \"id.orig_p\":5300,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":53,\"proto\":\"udp\",\
    \"query\":\"a.example\",\"qtype_name\":\"A\",\"answers\":[\"10.1.1.1\"],\"TTLs\":[60.0]}\n";

const EVE: &str = "{\"timestamp\":\"2025-01-01T00:00:00.000000+0000\",\"event_type\":\"alert\",\
    \"src_ip\":\"10.0.0.1\",\"src_port\":5300,\"dest_ip\":\"10.0.0.2\",\"dest_port\":53,\
    \"proto\":\"UDP\",\"alert\":{\"signature_id\":1,\"gid\":1,\"severity\":2,\
    \"signature\":\"s\",\"action\":\"allowed\"}}\n";

/// What a run said and did.
struct Ran {
    code: Option<i32>,
    stderr: String,
    summary: Value,
    letters: Vec<Value>,
}

impl Ran {
    fn count(&self, name: &str) -> u64 {
        self.summary[name].as_u64().unwrap_or(0)
    }

    fn events(&self) -> u64 {
        let kinds = self.summary["events"].as_object();
        let kinds = kinds.map(|kinds| kinds.values().filter_map(Value::as_u64).sum());
        kinds.unwrap_or(0)
    }

    fn bad(&self) -> u64 {
        self.count("bad_records")
    }
}

/// A folder of inputs, and the program that reads them.
struct Bench {
    program: PathBuf,
    plugins: PathBuf,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| root().join("target"), PathBuf::from);
        let program = target.join("release/palisade");
        let plugins = root().join("target/plugins/iot-protocols");
        if !program.is_file() || !plugins.is_dir() {
            skip("`make plugins` has not built the program and the plugins");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        Some(Self {
            program,
            plugins,
            folder,
        })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Runs over the inputs. It must end by itself, without a panic, and say what it says
    /// in lines of bounded length without control characters.
    fn read(&self, inputs: &[&Path]) -> Ran {
        let summary = self.folder.path().join("summary.json");
        let letters = self.folder.path().join("dead-letters.ndjson");
        for left in [&summary, &letters] {
            // There is none before the first run.
            let _ = std::fs::remove_file(left);
        }
        let output = Command::new(&self.program)
            .args(["--format", "ndjson", "--quiet", "run", "--plugins"])
            .arg(&self.plugins)
            .arg("--summary")
            .arg(&summary)
            .arg("--dead-letters")
            .arg(&letters)
            .args(inputs)
            .output()
            .expect("palisade runs");
        let stderr = String::from_utf8(output.stderr).expect("messages are text");
        assert!(!stderr.contains("panicked"), "{inputs:?}: {stderr}");
        for line in stderr.lines() {
            assert!(
                line.len() < 1500,
                "{inputs:?}: {} bytes: {line}",
                line.len()
            );
            assert!(!line.contains(char::is_control), "{inputs:?}: {line:?}");
        }
        let json = |text: String| -> Value { serde_json::from_str(&text).expect("JSON") };
        let lines = std::fs::read_to_string(&letters).unwrap_or_default();
        Ran {
            code: output.status.code(),
            stderr,
            summary: std::fs::read_to_string(&summary).map_or(Value::Null, json),
            letters: lines.lines().map(|line| json(line.to_owned())).collect(),
        }
    }

    /// Runs over one input of these bytes.
    fn bytes(&self, name: &str, bytes: &[u8]) -> Ran {
        self.read(&[&self.file(name, bytes)])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(bytes, level)
}

/// Numbers that are the same in every run: xorshift by Marsaglia.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("below a usize")
    }
}

#[test]
fn bad_records_are_counted_reported_with_their_line_and_kept() {
    let Some(bench) = Bench::new() else { return };
    let long = format!(
        "{{\"kind\":\"network.dns\",\"x\":\"{}\"}}\n",
        "a".repeat(3 << 20)
    );
    let deep = format!(
        "{{\"kind\":\"network.app\",\"time\":\"2025-06-01T10:00:00Z\",\"attributes\":{}1{}}}\n",
        "{\"a\":".repeat(100_000),
        "}".repeat(100_000)
    );
    let wordy = EVENT.replace("53}", &format!("\"{}\"}}", "9".repeat(100_000)));
    // The second line of each file, and what is said of it.
    let cases: &[(&str, Vec<u8>, &str)] = &[
        ("field", EVENT.replace("qname", "qnam").into(), "field `qnam`: there is no such field; did you mean `qname`?"),
        ("type", EVENT.replace("53}", "\"x\"}").into(), "field `dst.port`: invalid type: string \"x\", expected a whole number from 0 to 65535"),
        ("range", EVENT.replace("53}", "65536}").into(), "expected a whole number from 0 to 65535"),
        ("wordy", wordy.into(), "expected a whole number from 0 to 65535"),
        ("missing", EVENT.replace(",\"qtype\":\"A\"", "").into(), "field `qtype`: the field is missing, and it is mandatory"),
        ("twice", EVENT.replace("\"qtype\"", "\"qname\":\"b\",\"qtype\"").into(), "field `qname`: the field is given twice"),
        ("kind", EVENT.replace("dns", "dnss").into(), "`network.dnss` is no kind of event; did you mean `network.dns`?"),
        ("address", EVENT.replace("10.0.0.1", "10.0.0.256").into(), "field `src.ip`: `10.0.0.256` is not an IP address"),
        ("time", EVENT.replace("06-01T", "13-01T").into(), "write RFC 3339 such as"),
        ("escape", EVENT.replace("10.0.0.1", "\\u001b[31m\\u202e").into(), "is not an IP address"),
        ("long", long.into(), "bytes long, and at most 1048576 are taken"),
        ("deep", deep.into(), "field `attributes.a`: invalid type: map, expected a text or a number"),
        ("nul", vec![b'\0', b'\0', b'\n'], "column 1: expected value"),
        ("nul within", EVENT.replace("a.example", "a\0b").into(), "control character"),
        ("not UTF-8", {
            let mut line = EVENT.as_bytes().to_vec();
            line[30] = 0xff;
            line
        }, "invalid unicode code point"),
        ("cut", b"{\"kind\":\"network.dns\",\n".to_vec(), "EOF while parsing"),
        ("zeek", ZEEK.into(), "field `kind`: the field is missing, and it is mandatory"),
        ("control", b"{\"kind\":\"control.timer\",\"time\":\"2025-06-01T10:00:00Z\",\"timer\":\"t\",\"key\":\"k\",\"due\":\"2025-06-01T10:00:00Z\",\"fired_at\":\"2025-06-01T10:00:00Z\"}\n".to_vec(),
            "control.timer events come only from the host, and no input may claim them"),
        ("control, half", b"{\"kind\":\"control.ops\",\"time\":\"x\"}\n".to_vec(),
            "control.ops events come only from the host"),
        ("finding", b"{\"kind\":\"finding\",\"time\":\"2025-06-01T10:00:00Z\"}\n".to_vec(),
            "finding events come only from the host"),
    ];
    for (name, line, says) in cases {
        let content = [EVENT.as_bytes(), line, EVENT.as_bytes()].concat();
        let ran = bench.bytes("case.ndjson", &content);
        assert_eq!(ran.code, Some(0), "{name}: {}", ran.stderr);
        assert_eq!((ran.events(), ran.bad()), (2, 1), "{name}: {}", ran.stderr);
        let place = format!("case.ndjson, line 2 (offset {})", EVENT.len());
        assert!(ran.stderr.contains(&place), "{name}: {}", ran.stderr);
        assert!(ran.stderr.contains(says), "{name}: {}", ran.stderr);
        let [letter] = ran.letters.as_slice() else {
            panic!("{name}: one dead letter, not {}", ran.letters.len());
        };
        assert_eq!(letter["line"], 2, "{name}");
        assert_eq!(
            letter["offset"].as_u64(),
            Some(EVENT.len() as u64),
            "{name}"
        );
        let reason = letter["reason"].as_str().expect("a reason");
        assert!(
            reason.contains(says) && reason.len() < 1000,
            "{name}: {reason}"
        );
        if let Some(text) = letter["text"].as_str() {
            assert!(line.starts_with(text.as_bytes()), "{name}");
        } else {
            assert!(letter["base64"].is_string(), "{name}");
        }
    }
    let letters = bench.folder.path().join("dead-letters.ndjson");
    let mode = std::fs::metadata(letters)
        .expect("the file is there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn many_bad_records_are_not_a_flood() {
    let Some(bench) = Bench::new() else { return };
    let bad = "{\"kind\":\"network.dns\",\"time\":1}\n".repeat(5_000);
    let ran = bench.bytes("bad.ndjson", format!("{bad}{EVENT}").as_bytes());
    assert_eq!((ran.events(), ran.bad()), (1, 5_000));
    assert_eq!(ran.letters.len(), 5_000);
    assert!(ran.stderr.lines().count() < 30, "{}", ran.stderr);
    assert!(ran.stderr.contains("4980 more"), "{}", ran.stderr);
}

#[test]
fn odd_text_is_read_as_what_is_meant() {
    let Some(bench) = Bench::new() else { return };
    let two = EVENT.repeat(2);
    let list = |between: &str| format!("[{}]", [EVENT.trim(); 3].join(between));
    for (name, content, events) in [
        ("byte order mark", format!("\u{feff}{two}"), 2),
        ("CRLF", two.replace('\n', "\r\n"), 2),
        ("no last line feed", two.trim_end().to_owned(), 2),
        ("blank lines", format!("\n\n \t\r\n{EVENT}\n\n{EVENT}\n"), 2),
        ("array", list(","), 3),
        ("array over lines", list("\n,\n"), 3),
        (
            "array, byte order mark",
            format!("\u{feff}{}", list(",")),
            3,
        ),
        ("objects over lines", two.replace(",\"", ",\n  \""), 2),
    ] {
        for content in [
            content.clone().into_bytes(),
            gzip(content.as_bytes()),
            zstd(content.as_bytes()),
        ] {
            let ran = bench.bytes("case", &content);
            assert_eq!(
                (ran.events(), ran.bad()),
                (events, 0),
                "{name}: {}",
                ran.stderr
            );
        }
    }
    let ran = bench.bytes(
        "open.json",
        list(",").replace(']', ",{\"kind\":\"net").as_bytes(),
    );
    assert_eq!((ran.events(), ran.bad()), (3, 1), "{}", ran.stderr);
    assert!(
        ran.stderr.contains("the input ends inside the record"),
        "{}",
        ran.stderr
    );
}

#[test]
fn what_is_no_input_is_refused_with_what_would_be() {
    let Some(bench) = Bench::new() else { return };
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}{EVENT}")
            .encode_utf16()
            .flat_map(bytes)
            .collect()
    };
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
        (
            "zeek columns",
            b"#separator \\x09\n".to_vec(),
            "LogAscii::use_json=T",
        ),
        (
            "utf-16",
            utf16(u16::to_le_bytes, "\u{feff}"),
            "it is text in UTF-16; convert it to UTF-8",
        ),
        (
            "utf-16, other order",
            utf16(u16::to_be_bytes, "\u{feff}"),
            "UTF-16",
        ),
        ("utf-16, unmarked", utf16(u16::to_le_bytes, ""), "UTF-16"),
        ("nul", vec![0; 5000], "begins with `\\0\\0"),
    ];
    for (name, content, saw) in unknown {
        for content in [content.clone(), gzip(content), zstd(content)] {
            let ran = bench.bytes("case", &content);
            assert_eq!(ran.code, Some(2), "{name}: {}", ran.stderr);
            for says in [
                *saw,
                "accepted are pcap and pcapng captures, Suricata EVE JSON, Zeek JSON logs and Palisade NDJSON",
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
            "is a folder; name the files in it",
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
fn of_broken_compression_what_came_out_is_read() {
    let Some(bench) = Bench::new() else { return };
    // Lines that differ, so that they do not all fit one block.
    let mut random = Random(7);
    let lines: Vec<String> = (0..4_000)
        .map(|_| {
            EVENT.replace(
                "a.example",
                &format!("{:08x}.example", random.below(1 << 32)),
            )
        })
        .collect();
    let plain = lines.concat();
    for (layer, whole) in [
        ("gzip", gzip(plain.as_bytes())),
        ("zstd", zstd(plain.as_bytes())),
    ] {
        let mut before = 0;
        for tenth in 3..10 {
            let cut = whole.len() * tenth / 10;
            let ran = bench.bytes("cut", &whole[..cut]);
            if ran.code == Some(2) {
                // Nothing came out before the cut.
                assert_eq!((layer, before), ("zstd", 0), "{}", ran.stderr);
                continue;
            }
            assert_eq!(ran.code, Some(0), "{}", ran.stderr);
            let (events, bad) = (ran.events(), ran.bad());
            assert!(
                events >= before && bad <= 1,
                "{events} {bad}: {}",
                ran.stderr
            );
            before = events;
            assert!(
                ran.stderr.contains("cut: breaks off after "),
                "{}",
                ran.stderr
            );
            let says =
                format!("the {layer} data is cut off or damaged within its first {cut} bytes");
            assert!(ran.stderr.contains(&says), "{}", ran.stderr);
            let says = format!("the {} records before that were read", events + bad);
            assert!(ran.stderr.contains(&says), "{}", ran.stderr);
            assert_eq!(ran.count("broken_inputs"), 1);
        }
        assert!(before > 1_000 && before < 4_000, "{layer}: {before}");
        // After the end of the data there is something else.
        let ran = bench.bytes("tail", &[&whole, &b"something else"[..]].concat());
        assert_eq!((ran.events(), ran.bad()), (4_000, 0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("tail: breaks off after "),
            "{}",
            ran.stderr
        );
        // An input after a broken one is read.
        let cut = bench.file("cut", &whole[..whole.len() * 9 / 10]);
        let well = bench.file("well", EVENT.as_bytes());
        let ran = bench.read(&[&cut, &well]);
        assert_eq!((ran.events(), ran.count("broken_inputs")), (before + 1, 1));
    }
}

#[test]
fn bombs_are_stopped() {
    let Some(bench) = Bench::new() else { return };
    let spaces = [EVENT.as_bytes(), &vec![b' '; 256 << 20]].concat();
    let best = flate2::Compression::best();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), best);
    encoder.write_all(&spaces).expect("memory can be written");
    let spaces = encoder.finish().expect("memory can be written");
    // A frame of zstd (RFC 8878) with a window of 128 KiB, a raw block with the event, and
    // blocks of one byte that stand for 128 KiB each: 2.6 GB of 80 KB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut block = |kind: usize, size: usize, last: bool, content: &[u8]| {
        let header = (size << 3) | (kind << 1) | usize::from(last);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(content);
    };
    block(0, EVENT.len(), false, EVENT.as_bytes());
    for _ in 0..20_000 {
        block(1, 128 << 10, false, b" ");
    }
    block(1, 1, true, b"\n");
    for (name, bomb) in [("gzip", spaces), ("zstd", frame)] {
        let ran = bench.bytes("bomb", &bomb);
        // The spaces are one record that is too long.
        assert_eq!((ran.events(), ran.bad()), (1, 1), "{name}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("more than 1000 bytes for each"),
            "{name}: {}",
            ran.stderr
        );
        assert!(ran.count("bytes") < 100 << 20, "{name}: {}", ran.summary);
    }
}

/// Where the packets of a capture in the format of libpcap end.
fn packet_ends(pcap: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(header) = pcap
        .get(ends[ends.len() - 1]..)
        .and_then(|rest| rest.get(..16))
    {
        let len = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
        ends.push(ends[ends.len() - 1] + 16 + len as usize);
    }
    ends
}

#[test]
fn of_a_cut_capture_the_packets_before_the_cut_are_read() {
    let Some(bench) = Bench::new() else { return };
    let whole = std::fs::read(capture("modbus.pcap")).expect("the capture can be read");
    let ends = packet_ends(&whole);
    assert_eq!(ends.last(), Some(&whole.len()));
    let mut random = Random(11);
    let mut cuts: Vec<usize> = (0..25)
        .map(|_| 25 + random.below(whole.len() - 25))
        .collect();
    cuts.extend([
        24,
        25,
        ends[3] - 1,
        ends[3],
        ends[3] + 1,
        ends[3] + 16,
        whole.len() - 1,
    ]);
    for cut in cuts {
        let ran = bench.bytes("cut.pcap", &whole[..cut]);
        assert!(matches!(ran.code, Some(0 | 1)), "{cut}: {}", ran.stderr);
        let packets = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(
            ran.count("packets"),
            packets as u64,
            "{cut}: {}",
            ran.stderr
        );
        let torn = !ends.contains(&cut);
        assert_eq!(
            ran.count("broken_inputs"),
            u64::from(torn),
            "{cut}: {}",
            ran.stderr
        );
        if torn {
            let says = format!("at byte {}: ", ends[packets]);
            assert!(ran.stderr.contains(&says), "{cut}: {}", ran.stderr);
            let says = format!("{packets} packets before it were read");
            assert!(ran.stderr.contains(&says), "{cut}: {}", ran.stderr);
            assert_eq!(ran.stderr.lines().count(), 1, "{cut}: {}", ran.stderr);
        } else {
            assert_eq!(ran.stderr, "", "{cut}");
        }
    }
}

/// Changes a few bytes beyond the first `keep`, without touching line feeds.
fn mutate(bytes: &[u8], keep: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(20) {
        let at = keep + random.below(bytes.len() - keep);
        let to = match random.below(4) {
            0 => 0,
            1 => 0xff,
            2 => bytes[at] ^ (1 << random.below(8)),
            _ => u8::try_from(random.below(256)).unwrap_or(0),
        };
        if bytes[at] != b'\n' && to != b'\n' {
            bytes[at] = to;
        }
    }
    bytes
}

#[test]
fn mutated_captures_run_to_their_end() {
    let Some(bench) = Bench::new() else { return };
    let mut random = Random(13);
    for path in captures() {
        let mut whole = std::fs::read(&path).expect("the capture can be read");
        whole.truncate(200_000);
        let files: Vec<PathBuf> = (0..16)
            .map(|at| bench.file(&format!("mutated-{at}"), &mutate(&whole, 64, &mut random)))
            .collect();
        let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let ran = bench.read(&inputs);
        let name = path.display();
        assert!(matches!(ran.code, Some(0 | 1)), "{name}: {}", ran.stderr);
        assert_eq!(ran.count("faults"), 0, "{name}: {}", ran.stderr);
        assert!(ran.count("broken_inputs") <= 16, "{name}");
        assert!(ran.count("packets") > 0, "{name}");
    }
}

#[test]
fn of_mutated_logs_every_record_is_an_event_or_reported() {
    let Some(bench) = Bench::new() else { return };
    let mut random = Random(17);
    for (name, line) in [("palisade", EVENT), ("zeek", ZEEK), ("eve", EVE)] {
        let whole = line.repeat(50);
        for round in 0..3 {
            let files: Vec<PathBuf> = (0..16)
                .map(|at| {
                    let mutated = mutate(whole.as_bytes(), line.len(), &mut random);
                    bench.file(&format!("{name}-{at}.json"), &mutated)
                })
                .collect();
            let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
            let ran = bench.read(&inputs);
            assert!(
                matches!(ran.code, Some(0 | 1)),
                "{name} {round}: {}",
                ran.stderr
            );
            assert_eq!(
                ran.events() + ran.bad(),
                16 * 50,
                "{name} {round}: {}",
                ran.stderr
            );
            assert_eq!(ran.letters.len() as u64, ran.bad(), "{name} {round}");
            assert!(
                ran.bad() > 0 && ran.events() > 400,
                "{name} {round}: {}",
                ran.bad()
            );
        }
    }
}
