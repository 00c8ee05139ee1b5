use proptest::prelude::*;

use super::*;

/// What is taken of a record, when objects with the key `ok` are good.
fn take(record: &str) -> (Vec<String>, Vec<String>, bool) {
    let mut taken = Vec::new();
    let mut offer = |candidate: Candidate<'_>| {
        let value: serde_json::Value = serde_json::from_str(candidate.text)?;
        if value.get("ok").is_none() {
            return Err(Stop::Bad(Fault::Missing("ok")));
        }
        let path = candidate
            .path
            .map(|path| format!("{path}:"))
            .unwrap_or_default();
        taken.push(format!("{path}{}", candidate.text));
        Ok(())
    };
    let found = recover(record.as_bytes(), &[Sensor::Zeek], &mut offer).unwrap();
    assert_eq!(found.taken, taken.len());
    let bad = found
        .bad
        .iter()
        .map(|(at, fault)| format!("{at:?} {fault}"));
    (taken, bad.collect(), found.mended)
}

#[test]
fn objects_among_other_things() {
    let of = |record: &str| take(record).0;
    let one = r#"{"ok":1}"#;
    for record in [
        one.to_owned(),
        format!("[{one}]"),
        format!(" {one} ,"),
        format!("\u{feff}{one}\r"),
        format!("\u{1e}{one}"),
    ] {
        let (taken, bad, mended) = take(&record);
        assert_eq!(
            (taken, bad.len(), mended),
            (vec![one.to_owned()], 0, false),
            "{record}"
        );
    }
    for record in [format!("\0\0{one}"), format!("x {one}"), format!("{one}}}")] {
        let (taken, bad, mended) = take(&record);
        assert_eq!(
            (taken, bad.len(), mended),
            (vec![one.to_owned()], 0, true),
            "{record}"
        );
    }
    assert_eq!(of(&format!("{one}{one}[{one},{one}]")).len(), 4);
    assert_eq!(of("nothing"), [""; 0]);
}

#[test]
fn a_torn_object_costs_itself_alone() {
    let (taken, bad, _) = take(r#"{"ok":1,"a":"to{"ok":2}{"ok":3,"a":{"ok":4}"#);
    assert_eq!(taken, [r#"{"ok":2}"#, r#"{"ok":4}"#]);
    let why = "the next record begins before this one has ended";
    assert_eq!(bad, [format!("0..15 {why}"), format!("23..35 {why}")]);
    // What a text quotes is no record.
    let (taken, _, _) = take(r#"{"ok":1,"a":"{\"ok\":2}"#);
    assert_eq!(taken, [""; 0]);
}

#[test]
fn after_sixteen_torn_objects_what_follows_is_one_of_them() {
    let torn = |count: usize| {
        let (taken, bad, _) = take(&format!(
            "{}{}",
            r#"{"ok":1,"a":"x"#.repeat(count),
            r#"{"ok":2}"#
        ));
        (taken.len(), bad.len())
    };
    assert_eq!(torn(16), (1, 16));
    assert_eq!(torn(17), (0, 17));
}

#[test]
fn wrappers_lie_four_deep() {
    let wrapped = |deep: usize| {
        let (open, close) = (r#"{"event":"#.repeat(deep), "}".repeat(deep));
        take(&format!(r#"{open}{{"ok":1}}{close}"#)).0.len()
    };
    assert_eq!((wrapped(4), wrapped(5)), (1, 0));
}

#[test]
fn headers_of_lines() {
    let object = r#"{"ok":1}"#;
    for header in [
        "<37>Jun 15 15:06:40 sensor suricata[91043]: ",
        "Jun  5 15:06:40 sensor suricata[91043]: ",
        "Jun 15 2025 15:06:40.123: suricata: ",
        "<13>1 2025-06-15T15:06:40Z suricata suricata - - - ",
        "<13>1 2025-06-15T15:06:40Z h a 1 - [x@1 y=\"a]\\\"\" z=\"\"][b] \u{feff}",
        "312 <13>1 2025-06-15T15:06:40Z h a - - - ",
        "<13>suricata: ",
        "2025-06-15T15:06:40.123456+00:00 sensor suricata[1]: @cee: ",
        "2016-10-06T00:17:09.669794202Z stdout F ",
        "2025-06-15T15:06:40Z ",
        "MESSAGE=",
    ] {
        let (taken, bad, mended) = take(&format!("{header}{object}"));
        assert_eq!(
            (taken, bad.len(), mended),
            (vec![object.to_owned()], 0, false),
            "{header}"
        );
    }
    // Another program's message is not searched: whoever made the request wrote the text.
    for line in [
        "<37>Jun 15 15:06:40 sensor nginx: GET /{\"ok\":1}",
        "<13>1 2025-06-15T15:06:40Z h nginx - - - GET {\"ok\":1}",
        "2025-06-15T15:06:40Z h nginx[1]: [x] {\"ok\":1}",
        "MESSAGE=GET {\"ok\":1}",
        "<13>GET {\"ok\":1}",
        "Jun 15 15:06:40 sensor nginx: error: {\"ok\":1}",
    ] {
        assert_eq!(take(line).0, [""; 0], "{line}");
    }
}

#[test]
fn wrappers_of_shippers() {
    let text = serde_json::to_string(r#"{"ok":1}"#).unwrap();
    let bytes = format!("{:?}", r#"{"ok":1}"#.as_bytes());
    for record in [
        format!(r#"{{"@timestamp":"x","message":{text}}}"#),
        format!(
            r#"{{"log":{},"stream":"stdout"}}"#,
            text.replace("}\"", "}\\n\"")
        ),
        format!(r#"{{"MESSAGE":{text},"_PID":"1"}}"#),
        format!(r#"{{"MESSAGE":{bytes}}}"#),
        format!(r#"{{"event":{{"original":{text}}}}}"#),
        r#"{"hits":{"hits":[{"_source":{"ok":1}}]}}"#.to_owned(),
        r#"{"records":[{"ok":1}]}"#.to_owned(),
        serde_json::json!({"message": format!("<37>Jun 15 15:06:40 h s: {}", r#"{"ok":1}"#)})
            .to_string(),
    ] {
        let (taken, _, mended) = take(&record);
        assert_eq!(
            (taken, mended),
            (vec![r#"{"ok":1}"#.to_owned()], false),
            "{record}"
        );
    }
    let file = format!(r#"{{"message":{text},"log":{{"file":{{"path":"/z/conn.log"}}}}}}"#);
    assert_eq!(take(&file).0, [r#"conn:{"ok":1}"#]);
    // A record wraps none: its texts come from the traffic.
    for keys in [r#""event_type":"alert""#, r#""ts":1"#, r#""_path":"x""#] {
        assert_eq!(take(&format!(r#"{{{keys},"message":{text}}}"#)).0, [""; 0]);
    }
    let deep = format!(
        r#"{}{{"ok":1}}{}"#,
        r#"{"event":"#.repeat(100),
        "}".repeat(100)
    );
    assert_eq!(take(&deep).0, [""; 0]);
}

#[test]
fn text_that_is_no_text() {
    assert_eq!(
        repair::surrogates(r#"{"a":"\ud83d\ude00 \\ud800 \n"}"#),
        None
    );
    for (broken, repaired) in [
        (r"\ud800x", r"\ufffdx"),
        (r"\udfff", r"\ufffd"),
        (r"\ud800\ud800\udc00", r"\ufffd\ud800\udc00"),
        (r"\\\ud800\", r"\\\ufffd\"),
        (r"é\uDbFf\u0041", r"é\ufffd\u0041"),
    ] {
        assert_eq!(
            repair::surrogates(broken).as_deref(),
            Some(repaired),
            "{broken}"
        );
    }
    let (taken, _, mended) = take(r#"{"ok":"\ud800"}"#);
    assert_eq!((taken.len(), mended), (1, true));
}

#[test]
fn other_names() {
    let renamed = |sensor, text: &str| {
        let renamed = names::rename(sensor, text);
        renamed.map(|renamed| (renamed.text, renamed.path))
    };
    let zeek = |text: &str| renamed(Sensor::Zeek, text);
    let plain = r#"{"ts":1,"id.orig_h":"::1","id.resp_p":2}"#.to_owned();
    for separator in ["_", ":", "-", "/", "$"] {
        let other = plain.replace("id.", &format!("id{separator}"));
        assert_eq!(zeek(&other), Some((plain.clone(), None)), "{separator}");
    }
    assert_eq!(zeek(&plain), None);
    assert_eq!(
        zeek(r#"{"zeek_conn_ts":1,"zeek_conn_id_orig_h":"::1","zeek_conn_id_resp_p":2}"#),
        Some((plain.clone(), Some("conn".to_owned())))
    );
    assert_eq!(
        zeek(r#"{"conn":{"ts":1,"id.orig_h":"::1","id.resp_p":2}}"#),
        Some((plain.clone(), Some("conn".to_owned())))
    );
    assert_eq!(
        zeek(r#"{"@timestamp":1,"zeek":{"connection":{"history":"S"},"session_id":"C"},"source":{"ip":"::1","address":"::2"},"event":{"dataset":"zeek.connection"}}"#),
        Some((
            r#"{"ts":1,"history":"S","uid":"C","id.orig_h":"::1","event.dataset":"zeek.connection"}"#
                .to_owned(),
            Some("conn".to_owned())
        ))
    );
    assert_eq!(
        renamed(
            Sensor::Eve,
            r#"{"@timestamp":"t","suricata":{"eve":{"event_type":"dns","dns":{"a":1}}},"source":{"ip":"::1"}}"#
        ),
        Some((
            r#"{"timestamp":"t","event_type":"dns","dns":{"a":1},"src_ip":"::1"}"#.to_owned(),
            None
        ))
    );
    for own in ["id.orig_h", "orig_h", "uid_orig_h", "seen", "voidxorig_h"] {
        assert!(!names::is_other(own), "{own}");
    }
    for other in [
        "id_orig_h",
        "conn.id.orig_h",
        "seen_indicator",
        "certificate:serial",
    ] {
        assert!(names::is_other(other), "{other}");
    }
}

proptest! {
    #[test]
    fn never_panics_and_never_takes_twice(record in r#"[{}\[\]",:\\ok1 \x00éu d8]{0,60}"#) {
        let (taken, _, _) = take(&record);
        let objects = record.matches('{').count();
        prop_assert!(taken.len() <= objects);
    }

    #[test]
    fn headers_never_panic(line in r"[<>0-9 \[\]{A-Za-z:.=-]{0,60}") {
        header::read(line.as_bytes());
    }
}
