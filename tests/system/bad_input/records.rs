//! Records of logs that cannot be read.

use std::os::unix::fs::PermissionsExt as _;

use super::{Bench, EVENT, ZEEK, gzip, zstd};

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
        ("dotted", EVENT.replace("\"dst\"", "\"dst.port\"").into(), "field `dst.port`: there is no such field; a dotted name is for plugin.toml, here it is nested: `{\"dst\": {\"port\": …}}`"),
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
        ("nul within", EVENT.replace("a.example", "a\0b").into(), "control character"),
        ("not UTF-8", {
            let mut line = EVENT.as_bytes().to_vec();
            line[30] = 0xff;
            line
        }, "not UTF-8"),
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
    assert!(
        ran.stderr.contains("4980 bad records more"),
        "{}",
        ran.stderr
    );
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

/// One odd detail costs that detail. What was done is counted, and the record is kept as it was.
#[test]
fn odd_details_are_mended_counted_and_kept() {
    let Some(bench) = Bench::new() else { return };
    let surrogate = EVENT.replace("a.example", "\\ud800.example");
    let mut bytes = EVENT.as_bytes().to_vec();
    let name = EVENT.find("a.example").expect("a name");
    bytes[name] = 0xff;
    let wrapped = serde_json::json!({ "message": EVENT }).to_string();
    let content = [
        EVENT.as_bytes(),
        EVENT.trim_end().as_bytes(),
        EVENT.as_bytes(),
        surrogate.as_bytes(),
        &bytes,
        &vec![0; 3 << 20],
        EVENT.as_bytes(),
        wrapped.as_bytes(),
    ]
    .concat();
    let ran = bench.bytes("odd.ndjson", &content);
    assert_eq!(ran.code, Some(0), "{}", ran.stderr);
    assert_eq!((ran.events(), ran.bad()), (7, 0), "{}", ran.stderr);
    assert_eq!(ran.count("mended_records"), 3, "{}", ran.stderr);
    assert_eq!(ran.letters.len(), 2);
    for letter in &ran.letters {
        let reason = letter["reason"].as_str().expect("a reason");
        assert!(
            reason.starts_with("mended, and read all the same: "),
            "{reason}"
        );
    }
}

#[test]
fn text_in_utf16_and_logs_in_columns_are_read() {
    let Some(bench) = Bench::new() else { return };
    let utf16 = |bytes: fn(u16) -> [u8; 2], mark: &str| -> Vec<u8> {
        format!("{mark}{EVENT}")
            .encode_utf16()
            .flat_map(bytes)
            .collect()
    };
    let columns = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n#unset_field\t-\n\
        #path\tdns\n#fields\tts\tuid\tid_orig_h\tid_orig_p\tid_resp_h\tid_resp_p\tquery\n\
        #types\ttime\tstring\taddr\tport\taddr\tport\tstring\n\
        1735689600.500000\tC1\t10.0.0.1\t5300\t10.0.0.2\t53\ta.example\n#close\t2025\n";
    for content in [
        utf16(u16::to_le_bytes, "\u{feff}"),
        utf16(u16::to_be_bytes, "\u{feff}"),
        utf16(u16::to_le_bytes, ""),
        columns.into(),
    ] {
        for content in [content.clone(), gzip(&content), zstd(&content)] {
            let ran = bench.bytes("input", &content);
            assert_eq!((ran.events(), ran.bad()), (1, 0), "{}", ran.stderr);
            assert_eq!(ran.count("endless"), 0, "{}", ran.stderr);
        }
    }
}

#[test]
fn the_exit_code_says_that_nothing_could_be_read_and_with_strict_that_not_all_could() {
    let Some(bench) = Bench::new() else { return };
    let bad = EVENT.replace("qname", "qnam");
    let none = bench.file("none.ndjson", bad.repeat(3).as_bytes());
    let some = bench.file("some.ndjson", [EVENT, &bad].concat().as_bytes());
    let all = bench.file("all.ndjson", EVENT.as_bytes());
    for (inputs, more, code, says) in [
        (
            &[&none][..],
            &[][..],
            2,
            "3 records could not be read, and nothing else",
        ),
        (&[&none, &all], &[], 0, ""),
        (&[&some], &[], 0, ""),
        (
            &[&some],
            &["--strict"],
            2,
            "1 record could not be read, which --strict does not allow",
        ),
        (&[&all], &["--strict"], 0, ""),
    ] {
        let paths: Vec<_> = inputs.iter().map(|path| path.as_path()).collect();
        let ran = bench.read_with(&paths, more);
        assert_eq!(ran.code, Some(code), "{paths:?} {more:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains(says),
            "{paths:?} {more:?}: {}",
            ran.stderr
        );
        assert!(
            ran.summary.is_object(),
            "{paths:?}: the summary is written all the same"
        );
    }
}

#[test]
fn a_run_that_has_no_plugin_left_is_refused_before_it_reads() {
    let Some(mut bench) = Bench::new() else {
        return;
    };
    let input = bench.file("all.ndjson", EVENT.as_bytes());
    // Without its dataset of indicators, the only plugin there is left out.
    let pack = bench.plugins.with_file_name("intel-detect");
    if !pack.is_dir() {
        return palisade_tests::skip("`make plugins` has not built intel-detect");
    }
    bench.plugins = pack;
    bench.beside.clear();
    let ran = bench.read(&[&input]);
    assert_eq!(ran.code, Some(2), "{}", ran.stderr);
    for says in [
        "it needs the dataset",
        "no plugin is left to evaluate anything",
    ] {
        assert!(ran.stderr.contains(says), "{}", ran.stderr);
    }
    assert!(ran.summary.is_null(), "nothing was read");
}
