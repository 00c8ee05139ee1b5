//! Records in other forms than those in which sensors write them, and what stands around them.

use std::fmt::Write as _;

use palisade_events::{Body, Kind};

use crate::{json, read, read_in_steps, read_with, source};
use palisade_sources::SourcePolicy;
use proptest::prelude::*;

/// A record of EVE, told apart by its flow.
fn eve(flow: u64) -> String {
    format!(
        r#"{{"timestamp": "2025-06-15T15:06:40.000000+0000", "flow_id": {flow}, "event_type": "dns", "src_ip": "192.0.2.10", "src_port": 50000, "dest_ip": "198.51.100.20", "dest_port": 53, "proto": "UDP", "dns": {{"version": 2, "type": "query", "id": 0, "rrname": "bad.example", "rrtype": "A", "tx_id": 0}}}}"#
    )
}

fn pretty(flow: u64) -> String {
    let value: serde_json::Value = serde_json::from_str(&eve(flow)).unwrap();
    serde_json::to_string_pretty(&value).unwrap()
}

const CONN: &str = r#"{"ts": 1750000000.5, "uid": "C1", "id.orig_h": "192.0.2.10", "id.orig_p": 40000, "id.resp_h": "203.0.113.66", "id.resp_p": 443, "proto": "tcp", "service": "ssl", "duration": 1.5, "orig_bytes": 10, "resp_bytes": 20, "conn_state": "SF", "history": "ShADadFf", "orig_pkts": 5, "orig_ip_bytes": 300, "resp_pkts": 4, "resp_ip_bytes": 400}"#;

/// The flows of the events, and how many records were bad and mended.
fn flows(text: impl AsRef<[u8]>) -> (Vec<u64>, u64, u64) {
    let outcome = read("x.json", text.as_ref());
    let flow = |body: &Body| match body {
        Body::NetworkDns(dns) => dns.flow.as_ref().unwrap().id,
        Body::NetworkFlow(flow) => flow.flow.as_ref().unwrap().id,
        other => panic!("{other:?}"),
    };
    let flows = outcome
        .events()
        .iter()
        .map(|event| flow(&event.body))
        .collect();
    (flows, outcome.counts.bad, outcome.counts.mended)
}

#[test]
fn several_objects_on_a_line() {
    let [a, b, c] = [eve(1), eve(2), eve(3)];
    for text in [
        format!("{a}{b}{c}"),
        format!("{a}\n{b}{c}\n"),
        format!("{a}\n{b} {c}"),
        format!("{a}\n[{b},{c}]\n"),
        format!("{a},\n{b},\n{c}"),
        format!("[{a},{b}][{c}]"),
        format!("[{a}]\n{b}\n{c}"),
        format!("{a}\r\n{b}\r\n{c}\r"),
        format!("\u{feff}{a}\n\u{feff}{b}\n{c}"),
        format!("\u{1e}{a}\n\u{1e}{b}\n\u{1e}{c}\n"),
        format!("{}{}{}", pretty(1), pretty(2), pretty(3)),
        format!("{}\n{b}\n{c}", pretty(1)),
    ] {
        assert_eq!(flows(&text), (vec![1, 2, 3], 0, 0), "{text}");
    }
}

#[test]
fn what_is_torn_costs_itself_alone() {
    let torn = |flow: u64, end: usize| eve(flow)[..end].to_owned();
    let [a, c] = [eve(1), eve(3)];
    for end in [1, 2, 12, 20, 55, 71, 150] {
        let b = torn(2, end);
        let (found, bad, _) = flows(format!("{a}\n{b}{c}\n{}", eve(4)));
        assert_eq!((found, bad), (vec![1, 3, 4], 1), "{b}");
        for text in [format!("[{a},{b},{c}]"), format!("[{a},\n{b}\n,{c}]")] {
            let (found, bad, _) = flows(&text);
            assert!(found == [1, 3] && bad >= 1 || end < 12, "{text}: {found:?}");
        }
    }
    // Over several lines as well, at the beginning, and far before the end.
    let whole = pretty(2);
    for end in (14..whole.len() - 3).step_by(17) {
        let text = format!(
            "{}\n{}\n{}\n{}",
            pretty(1),
            &whole[..end],
            pretty(3),
            pretty(4)
        );
        let (found, bad, _) = flows(&text);
        assert_eq!((found, bad >= 1), (vec![1, 3, 4], true), "{text}");
    }
    let mut long = format!("[{},\n{{\"timestamp\": \"2025\n", eve(0));
    for flow in 1..20_000 {
        writeln!(long, "{},", eve(flow)).unwrap();
    }
    let (found, bad, _) = flows(&long);
    assert_eq!((found.len(), bad), (20_000, 1));
}

#[test]
fn zeros_between_records() {
    let [a, b] = [eve(1), eve(2)];
    let hole = "\0".repeat(3 << 20);
    assert_eq!(flows(format!("{hole}{a}\n{b}\n")), (vec![1, 2], 0, 1));
    assert_eq!(flows(format!("{a}\n{hole}{b}\n{hole}")), (vec![1, 2], 0, 2));
    assert_eq!(flows(format!("{a}\0\0\n{hole}\n{b}")), (vec![1, 2], 0, 2));
    assert_eq!(flows(format!("[{a},\0\0{b}]\0")), (vec![1, 2], 0, 2));
    // Where a record lies counts from the first byte.
    let outcome = read("x", format!("{hole}{a}\nnonsense\n").as_bytes());
    let offset = (hole.len() + a.len() + 1) as u64;
    assert_eq!(outcome.reports[0].offset, offset);
}

#[test]
fn text_that_is_no_text() {
    let one = |from: &str, to: &[u8]| {
        let text = eve(1);
        let (before, after) = text.split_once(from).unwrap();
        [before.as_bytes(), to, after.as_bytes()].concat()
    };
    let lines = [
        one("bad.example", br"bad\ud800.example"),
        one("bad.example", br"\udfff"),
        one("bad.example", b"\xff\xfe"),
        one("\"A\"", b"\"\xc3(\""),
        one("bad.example", b"a\x01\tb"),
        one("\"id\": 0", b"\"id\": 1e400"),
        one("\"id\": 0", b"\"id\": 123456789012345678901234567890"),
        one("\"id\": 0", b"\"id\": NaN"),
        eve(1).into_bytes(),
        one("\"A\"", b"\"A\","),
        one(", \"src_ip\"", b", // comment\n\"src_ip\""),
    ];
    let outcome = read("x", &lines.join(&b'\n'));
    let bad: Vec<u64> = outcome.reports.iter().map(|report| report.line).collect();
    assert_eq!(outcome.counts.events, 7);
    assert_eq!(&bad[..2], [5, 8]);
    assert_eq!(outcome.counts.mended, 4);
    let Body::NetworkDns(dns) = &outcome.events()[0].body else {
        panic!()
    };
    assert_eq!(dns.qname, "bad\u{fffd}.example");
}

#[test]
fn events_of_palisade_too() {
    let event = r#"{"kind":"network.dns","time":"2025-06-01T10:00:00Z","src":{"ip":"10.0.0.1"},"dst":{"ip":"10.0.0.2","port":53},"qname":"a","qtype":"A"}"#;
    let broken = event.replace("\"a\"", r#""\ud800""#);
    let wrapped = serde_json::json!({ "message": event }).to_string();
    let text = format!("{event}{event}\n{broken}\n{wrapped}\nx\n");
    let outcome = read("-", text.as_bytes());
    let counts = &outcome.counts;
    assert_eq!((counts.events, counts.bad, counts.mended), (4, 1, 1));
    // Vectors are held to the letter.
    let vectors = SourcePolicy::vectors(source());
    let outcome = read_with("-", text.as_bytes(), vectors, 10);
    assert_eq!((outcome.counts.events, outcome.counts.bad), (0, 4));
}

#[test]
fn text_in_utf16() {
    let text = format!(
        "\u{feff}{}\n{}\n",
        eve(1),
        eve(2).replace("bad.", "b\u{e9}\u{1f600}.")
    );
    let to =
        |bytes: fn(u16) -> [u8; 2]| -> Vec<u8> { text.encode_utf16().flat_map(bytes).collect() };
    for bytes in [to(u16::to_le_bytes), to(u16::to_be_bytes)] {
        for from in [0, 2] {
            let outcome = read("x", &bytes[from..]);
            assert_eq!((outcome.counts.events, outcome.counts.bad), (2, 0));
            let Body::NetworkDns(dns) = &outcome.events()[1].body else {
                panic!()
            };
            assert_eq!(dns.qname, "b\u{e9}\u{1f600}.example");
        }
    }
}

#[test]
fn eve_in_syslog_and_wrappers() {
    let expect = json(&read("x", eve(1).as_bytes()).only());
    let object = eve(1);
    let text = serde_json::to_string(&object).unwrap();
    let records = [
        format!("<37>Jun 15 15:06:40 sensor suricata[91043]: {object}"),
        format!("Jun 15 15:06:40 sensor suricata[91043]: {object}"),
        format!("<13>1 2025-06-15T15:06:40Z suricata suricata - - - {object}"),
        format!(r#"{{"log":{text},"stream":"stdout","time":"2025-06-15T15:06:40Z"}}"#),
        format!(r#"{{"MESSAGE":{text},"_HOSTNAME":"x"}}"#),
        format!(
            r#"{{"@timestamp":"2025-06-15T15:06:41Z","event":{{"kind":"alert","original":{text}}}}}"#
        ),
        format!(r#"{{"data":{object},"rule":{{"level":3}}}}"#),
        format!(r#"{{"suricata":{{"eve":{object}}}}}"#),
    ];
    for record in &records {
        let outcome = read("-", record.as_bytes());
        assert_eq!(outcome.reports, [], "{record}");
        assert_eq!(json(&outcome.only()), expect, "{record}");
        assert_eq!(outcome.counts.mended, 0, "{record}");
        // Also where the log began otherwise.
        assert_eq!(
            flows(format!("{object}\n{record}\n{object}")),
            (vec![1; 3], 0, 0)
        );
    }
    let other = "Jun 15 15:06:41 sensor sshd[1]: Failed password for root";
    let mixed = format!("{}\n{other}\n{}\n", records[0], records[1]);
    assert_eq!(flows(mixed), (vec![1, 1], 1, 0));
}

#[test]
fn zeek_under_other_names() {
    let expect = json(&read("conn.log", CONN.as_bytes()).only());
    let text = serde_json::to_string(CONN).unwrap();
    let nested = CONN.replace("\"ts\"", "\"@timestamp\"").replace(
        r#""id.orig_h": "192.0.2.10", "id.orig_p": 40000, "id.resp_h": "203.0.113.66", "id.resp_p": 443"#,
        r#""source": {"ip": "192.0.2.10", "port": 40000}, "destination": {"ip": "203.0.113.66", "port": 443}"#,
    );
    for record in [
        CONN.replace("id.", "id_"),
        CONN.replace("id.", "id-"),
        CONN.replace("\"id.", "\"zeek.conn.id.")
            .replace("\"ts\"", "\"zeek.conn.ts\""),
        format!(r#"{{"conn":{CONN}}}"#),
        format!(r#"{{"message":{text}}}"#),
        CONN.replace(
            "{\"ts\"",
            "{\"_path\":\"conn\",\"_system_name\":\"s\",\"_write_ts\":\"x\",\"ts\"",
        ),
        nested.replace(
            "\"uid\"",
            "\"event\": {\"dataset\": \"zeek.connection\"}, \"uid\"",
        ),
    ] {
        let outcome = read("conn.log", record.as_bytes());
        assert_eq!(outcome.reports, [], "{record}");
        assert_eq!(json(&outcome.only()), expect, "{record}");
    }
    let intel = r#"{"_path":"intel","ts":1,"uid":"C1","id_orig_h":"10.0.0.1","id_resp_h":"10.0.0.2","seen_indicator":"evil.example","seen_indicator_type":"Intel::DOMAIN"}"#;
    let Body::NetworkAlert(alert) = read("-", intel.as_bytes()).only().body else {
        panic!()
    };
    assert_eq!(
        (&*alert.signature_id, alert.src.ip.to_string()),
        ("Intel::DOMAIN", "10.0.0.1".to_owned())
    );
}

#[test]
fn a_record_without_addresses_is_never_taken_silently() {
    let bare = CONN.replace("id.orig_h", "a").replace("id.resp_h", "b");
    for (record, name) in [
        (bare.as_str(), "conn.log"),
        (r#"{"_path":"dns","ts":1,"uid":"C","query":"x"}"#, "-"),
        (r#"{"_path":"http","ts":1,"uid":"C"}"#, "-"),
        (
            r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"flow","flow":{}}"#,
            "-",
        ),
        (
            r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"tls","src_ip":"10.0.0.1","dest_ip":"10.0.0.2"}"#,
            "-",
        ),
    ] {
        let outcome = read(name, record.as_bytes());
        assert_eq!(
            (outcome.counts.events, outcome.counts.bad),
            (0, 1),
            "{record}"
        );
        let reason = &outcome.reports[0].reason;
        assert!(reason.contains("the mandatory field `"), "{reason}");
    }
    // Where there may be none, the event stands, and is counted.
    for record in [
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"alert","alert":{"signature_id":1}}"#,
        r#"{"_path":"weird","ts":1,"name":"x"}"#,
        r#"{"_path":"dns","ts":1,"uid":"C","query":"x","id.orig_h":"10.0.0.1"}"#,
    ] {
        let outcome = read("-", record.as_bytes());
        assert_eq!(
            (outcome.counts.events, outcome.counts.endless),
            (1, 1),
            "{record}"
        );
    }
    assert_eq!(read("conn.log", CONN.as_bytes()).counts.endless, 0);
}

#[test]
fn logs_without_a_path_are_told_apart_record_by_record() {
    let dns = r#"{"ts":1,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","qtype_name":"A","query":"x"}"#;
    let smtp = r#"{"ts":1,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","trans_depth":1,"mailfrom":"x"}"#;
    let outcome = read("-", format!("{CONN}\n{dns}\n{smtp}\n").as_bytes());
    let kinds: Vec<Kind> = outcome
        .events()
        .iter()
        .map(palisade_events::Event::kind)
        .collect();
    assert_eq!(
        kinds,
        [Kind::NetworkFlow, Kind::NetworkDns, Kind::NetworkMail]
    );
}

/// Work on a record that cannot be read grows with its size.
#[test]
fn hostile_records_end() {
    for record in [
        "{\"timestamp\"".repeat(80_000),
        "{".repeat(1 << 20),
        "[{".repeat(500_000),
        "{}".repeat(500_000),
        "\0{".repeat(500_000),
        r#"{"message":"#.repeat(80_000),
        format!(r#"{{"message":{}}}"#, "[".repeat(1 << 19)),
        format!(
            r#"{{{}"x":1}}"#,
            r#""zeek":{"id_orig_h":1},"#.repeat(40_000)
        ),
        "<1>".repeat(300_000),
        "\\ud800".repeat(150_000),
    ] {
        for before in ["", "[", "[{\"timestamp\":\"\n"] {
            let text = format!("{before}{}\n{record}\n{}", eve(1), eve(2));
            let outcome = read("x", text.as_bytes());
            assert!(outcome.counts.events >= 1, "{}", &record[..20]);
        }
    }
}

/// Whole records, parts of them, and what may stand between.
fn parts() -> impl Strategy<Value = String> {
    let whole = vec![
        eve(1),
        pretty(2),
        format!("<37>Jun 15 15:06:40 h s[1]: {}", eve(3)),
        serde_json::json!({ "message": eve(4) }).to_string(),
        eve(5).replace("bad.example", "\\ud800"),
    ];
    let between = [
        "\n", "\r\n", "", " ", ",", "[", "]", "\0\0", "\n\0", "x", "\u{feff}", "\"",
    ];
    prop_oneof![
        prop::sample::select(whole.clone()),
        (prop::sample::select(whole), any::<prop::sample::Index>())
            .prop_map(|(whole, at)| whole[..at.index(whole.len())].to_owned()),
        prop::sample::select(between.map(str::to_owned).to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn how_an_input_arrives_does_not_matter(
        parts in prop::collection::vec(parts(), 0..12), documents in any::<bool>(),
        step in 1usize..700,
    ) {
        let begin = if documents { "[" } else { "" };
        let text = format!("{begin}{}\n{}", eve(9), parts.concat());
        let policy = || SourcePolicy::new(source());
        let whole = read_with("x", text.as_bytes(), policy(), 100);
        let pieces = read_in_steps("x", text.as_bytes(), policy(), 100, step);
        prop_assert_eq!(&pieces.counts, &whole.counts);
        prop_assert_eq!(&pieces.reports, &whole.reports);
        prop_assert_eq!(pieces.events(), whole.events());
    }
}
