//! Zeek's logs in columns become the same events as those in JSON.

use std::collections::BTreeMap;

use palisade_events::{Body, Event, Kind};
use serde_json::{Map, Value};

use crate::{attribute, data, read};

/// Writes text as Zeek's writer of columns does: what is not printable, the separators, and
/// what would read as unset or empty, in hexadecimal.
fn escape(text: &str, of_set: bool) -> String {
    match text {
        "" => return "(empty)".to_owned(),
        "-" => return r"\x2d".to_owned(),
        "(empty)" => return r"\x28empty)".to_owned(),
        _ => {}
    }
    let mut written = String::new();
    for byte in text.bytes() {
        match byte {
            b'\\' => written.push_str(r"\\"),
            b',' if of_set => written.push_str(r"\x2c"),
            b' '..=b'~' => written.push(char::from(byte)),
            _ => written.push_str(&format!("\\x{byte:02x}")),
        }
    }
    written
}

fn cell(value: &Value, of_set: bool) -> String {
    match value {
        Value::String(text) => escape(text, of_set),
        Value::Bool(flag) => if *flag { "T" } else { "F" }.to_owned(),
        Value::Array(items) if items.is_empty() => "(empty)".to_owned(),
        Value::Array(items) => {
            let cells: Vec<String> = items.iter().map(|item| cell(item, true)).collect();
            cells.join(",")
        }
        Value::Number(number) => number.to_string(),
        Value::Null => "-".to_owned(),
        Value::Object(_) => panic!("no field of Zeek's is an object"),
    }
}

fn type_of(name: &str, value: &Value) -> String {
    match value {
        Value::Bool(_) => "bool".to_owned(),
        Value::Number(number) if number.is_f64() => "interval".to_owned(),
        Value::Number(_) if name.ends_with("_p") => "port".to_owned(),
        Value::Number(_) => "count".to_owned(),
        Value::Array(items) => {
            let inner = items
                .first()
                .map_or("string".to_owned(), |item| type_of("", item));
            format!("vector[{inner}]")
        }
        _ => "string".to_owned(),
    }
}

/// The log `path` of these lines in columns, as Zeek writes it: a header, a row for each line
/// with the fields of all of them, and the end.
fn to_columns(path: &str, lines: &[Map<String, Value>], separator: &str) -> String {
    let mut fields: BTreeMap<&str, String> = BTreeMap::new();
    for (name, value) in lines.iter().flatten() {
        let of = type_of(name, value);
        let empty = matches!(value, Value::Array(items) if items.is_empty());
        let known = fields.entry(name).or_insert_with(|| of.clone());
        if !empty && (known.contains("string") || of == "interval") {
            *known = of;
        }
    }
    fields.remove("_path");
    fields.remove("_write_ts");
    if let Some(of) = fields.get_mut("ts") {
        *of = "time".to_owned();
    }
    let in_hex: String = separator
        .bytes()
        .map(|byte| format!("\\x{byte:02x}"))
        .collect();
    let join =
        |what: &str, parts: Vec<&str>| format!("{what}{separator}{}\n", parts.join(separator));
    let mut log = format!(
        "#separator {in_hex}\n#set_separator{separator},\n#empty_field{separator}(empty)\n\
         #unset_field{separator}-\n#path{separator}{path}\n\
         #open{separator}2018-03-24-17-15-20\n"
    );
    log += &join("#fields", fields.keys().copied().collect());
    log += &join("#types", fields.values().map(|of| &**of).collect());
    for line in lines {
        let cells: Vec<String> = fields
            .keys()
            .map(|name| match line.get(*name) {
                None => "-".to_owned(),
                Some(Value::String(text)) if *name == "ts" => epoch(text),
                Some(value) => cell(value, false),
            })
            .collect();
        log += &cells.join(separator);
        log.push('\n');
    }
    log + &format!("#close{separator}2018-03-24-18-00-00\n")
}

/// A time of these logs as Zeek writes it in columns.
fn epoch(text: &str) -> String {
    let time: palisade_events::Timestamp = text.parse().unwrap();
    format!(
        "{}.{:06}",
        time.0 / 1_000_000_000,
        time.0 / 1_000 % 1_000_000
    )
}

/// The lines of a log of the real data.
fn lines(log: &str) -> Option<Vec<Map<String, Value>>> {
    use std::io::Read as _;
    let bytes = data(&format!("zeek-json/{log}.json.gz"))?;
    let mut text = String::new();
    flate2::read::MultiGzDecoder::new(&*bytes)
        .read_to_string(&mut text)
        .unwrap();
    let lines = text.lines().map(|line| serde_json::from_str(line).unwrap());
    Some(lines.collect())
}

/// JSON lines with the same fields, and the path that the header has.
fn to_json(path: &str, lines: &[Map<String, Value>]) -> String {
    let mut log = String::new();
    for line in lines {
        let mut line = line.clone();
        line.insert("_path".to_owned(), path.into());
        log += &format!("{}\n", Value::Object(line));
    }
    log
}

/// Events without what depends on how numbers are written, and on the order of fields.
fn comparable(events: Vec<Event>) -> Vec<Value> {
    events.iter().map(crate::json).collect()
}

#[test]
fn the_same_events_from_both_forms() {
    for log in ["dns", "ssl", "modbus", "notice"] {
        let Some(mut lines) = lines(log) else { return };
        lines.truncate(5_000);
        let json = comparable(read("-", to_json(log, &lines).as_bytes()).events());
        for separator in ["\t", "|*|"] {
            let log = read("-", to_columns(log, &lines, separator).as_bytes());
            assert_eq!(log.reports, []);
            assert_eq!(log.counts.events, lines.len() as u64);
            let columns = comparable(log.events());
            for (columns, json) in columns.iter().zip(&json) {
                assert_eq!(columns, json);
            }
        }
    }
}

const CONN: &str = "#separator \\x09\n#set_separator\t,\n#empty_field\t(empty)\n\
    #unset_field\t-\n#path\tconn\n#open\t2025-06-15-15-00-00\n\
    #fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tproto\tservice\tduration\torig_bytes\tresp_bytes\tconn_state\thistory\torig_pkts\torig_ip_bytes\tresp_pkts\tresp_ip_bytes\ttunnel_parents\n\
    #types\ttime\tstring\taddr\tport\taddr\tport\tenum\tstring\tinterval\tcount\tcount\tstring\tstring\tcount\tcount\tcount\tcount\tset[string]\n\
    1750000000.500000\tC1\t192.0.2.10\t40000\t203.0.113.66\t443\ttcp\tssl\t1.500000\t10\t20\tSF\tShADadFf\t5\t300\t4\t400\t(empty)\n\
    #close\t2025-06-15-16-00-00\n";

const SSH: &str = "#separator \\x09\n#path\tssh\n#fields\tts\tuid\tid.orig_h\tid.orig_p\tid.resp_h\tid.resp_p\tauth_success\tclient\n\
    #types\ttime\tstring\taddr\tport\taddr\tport\tbool\tstring\n\
    1750000001.250000\tC2\t192.0.2.10\t40001\t203.0.113.66\t22\tF\tSSH-2.0-a\\x09\\xff\n";

fn kinds(events: &[Event]) -> Vec<Kind> {
    events.iter().map(Event::kind).collect()
}

#[test]
fn several_logs_in_one_stream() {
    let json = r#"{"_path":"conn","ts":1750000000.5,"uid":"C1","id.orig_h":"192.0.2.10","id.orig_p":40000,"id.resp_h":"203.0.113.66","id.resp_p":443,"proto":"tcp","service":"ssl","duration":1.5,"orig_bytes":10,"resp_bytes":20,"history":"ShADadFf","orig_pkts":5,"orig_ip_bytes":300,"resp_pkts":4,"resp_ip_bytes":400}"#;
    // Rotated, with comments around, lines of Windows, and JSON in between.
    let all = format!(
        "### a comment\n{CONN}{SSH}{json}\n{}",
        CONN.replace('\n', "\r\n")
    );
    let outcome = read("-", all.as_bytes());
    assert_eq!((outcome.counts.bad, outcome.counts.endless), (0, 0));
    let events = outcome.events();
    let flow = Kind::NetworkFlow;
    assert_eq!(kinds(&events), [flow, Kind::NetworkApp, flow, flow]);
    let all = comparable(events.clone());
    assert!(all[0] == all[2] && all[2] == all[3], "{all:#?}");
    let Body::NetworkApp(ssh) = &events[1].body else {
        panic!()
    };
    assert_eq!(ssh.status.as_deref(), Some("false"));
    // As Zeek's JSON has it.
    assert_eq!(
        ssh.original.as_deref(),
        Some(
            r#"{"ts":1750000001.25,"uid":"C2","id.orig_h":"192.0.2.10","id.orig_p":40001,"id.resp_h":"203.0.113.66","id.resp_p":22,"auth_success":false,"client":"SSH-2.0-a\t\\xff"}"#
        )
    );
    assert_eq!(
        attribute(&events[1], "ssh.client"),
        Some("SSH-2.0-a\t\\xff".into())
    );
}

#[test]
fn other_separators_of_scope() {
    let plain = comparable(read("-", CONN.as_bytes()).events());
    for scope in ["_", ":", "/"] {
        let log = CONN
            .replace("id.orig", &format!("id{scope}orig"))
            .replace("id.resp", &format!("id{scope}resp"));
        assert_eq!(
            comparable(read("-", log.as_bytes()).events()),
            plain,
            "{scope}"
        );
    }
}

#[test]
fn rows_that_cannot_be_read_are_told() {
    let row = CONN.lines().nth(8).unwrap();
    let forged =
        r#"{"_path":"conn","ts":1,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2"}"#;
    let log = format!("{CONN}{}\nx {forged}\n{row}\textra\n{row}\n", &row[..60]);
    let outcome = read("conn.log", log.as_bytes());
    assert_eq!((outcome.counts.events, outcome.counts.bad), (2, 3));
    assert!(outcome.reasons()[0].contains("the header above it names 18 fields"));
    let no_types = CONN.replace("#types", "#nothing");
    let outcome = read("conn.log", no_types.as_bytes());
    assert_eq!((outcome.counts.events, outcome.counts.bad), (0, 1));
    assert!(outcome.reasons()[0].contains("before the header"));
    let bytes = CONN.replace("C1", "C\u{1}").into_bytes();
    let bytes: Vec<u8> = bytes
        .iter()
        .map(|b| if *b == 1 { 0xff } else { *b })
        .collect();
    let outcome = read("conn.log", &bytes);
    assert_eq!((outcome.counts.events, outcome.counts.mended), (1, 1));
}

/// Logs of Zeek and ICSNPP, as they wrote them. Those without a header are left out.
#[test]
#[expect(clippy::print_stderr, reason = "says that a test was skipped")]
fn zeeks_own_logs() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/pcap");
    if !root.is_dir() {
        eprintln!("skipped: no ../shared/data/pcap");
        return;
    }
    let mut folders = vec![root];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            if path.extension().is_none_or(|end| end != "log") {
                continue;
            }
            let text = String::from_utf8_lossy(&std::fs::read(&path).unwrap()).into_owned();
            if !text.contains("\n#fields\t") {
                continue;
            }
            // Their times, which come first, are masked.
            let unmask = |line: &str| match line.split_once('\t') {
                Some((time, rest)) if time.ends_with("X.XXXXXX") => {
                    format!("1750000000.5\t{rest}\n")
                }
                _ => format!("{line}\n"),
            };
            let text: String = text.lines().map(unmask).collect();
            let rows = text.lines().filter(|line| !line.starts_with('#')).count();
            let outcome = read("-", text.as_bytes());
            assert_eq!(outcome.reports, [], "{}", path.display());
            assert_eq!(outcome.counts.events, rows as u64, "{}", path.display());
            assert_eq!(outcome.counts.endless, 0, "{}", path.display());
            seen += 1;
        }
    }
    assert!(seen > 50, "{seen}");
}
