//! Truncated, mutated and malicious inputs: nothing panics, and the counts add up, which
//! `read` checks.

use std::io::Cursor;
use std::sync::{Arc, Mutex};

use palisade_sources::{
    DeadLetters, EventReader as _, EventSink, Limits, LogReader, OpenError, SourcePolicy, open,
};

use crate::{read, source};

const LINES: [&str; 6] = [
    r#"{"timestamp":"2024-05-01T10:00:00.123456+0200","flow_id":77,"event_type":"alert","src_ip":"10.0.0.1","src_port":1,"dest_ip":"10.0.0.2","dest_port":2,"proto":"TCP","alert":{"signature_id":1,"signature":"é","severity":1},"vars":{"flowbits":{"a":true}}}"#,
    r#"{"timestamp":"2024-05-01T10:00:00Z","event_type":"dns","src_ip":"fe80::1%e","dest_ip":"10.0.0.2","proto":"UDP","dns":{"version":3,"type":"response","queries":[{"rrname":"a","rrtype":"A"}],"answers":[{"rrname":"a","ttl":1,"rdata":"b"}]}}"#,
    r#"{"_path":"conn","ts":1700000000.123456789,"uid":"C","id.orig_h":"10.0.0.1","id.orig_p":1,"id.resp_h":"10.0.0.2","id.resp_p":2,"proto":"tcp","duration":0.5,"service":"ssl"}"#,
    r#"{"_path":"modbus","ts":"2018-03-24T17:15:33.511226Z","uid":"C","id.orig_h":"10.0.0.1","func":"READ_COILS","pdu_type":"REQ"}"#,
    r#"{"_path":"notice","ts":1,"note":"A::B","msg":"\ud83d\ude00","actions":["x"]}"#,
    r#"{"kind":"network.dns","time":"2025-06-01T10:00:00+08:00","src":{"ip":"10.0.0.1"},"dst":{"ip":"10.0.0.2"},"qname":"a","qtype":"A"}"#,
];

/// Reads what may not even be recognised; the counts are checked if it is.
fn survive(bytes: &[u8]) {
    if open("x", Cursor::new(bytes.to_vec()), &Limits::default()).is_ok_and(|input| {
        LogReader::new(input, &Limits::default(), None, DeadLetters::none()).is_ok()
    }) {
        read("x", bytes);
    }
}

#[test]
fn inputs_cut_off_at_every_byte() {
    for line in LINES {
        for end in 0..line.len() {
            // The first line is whole, so that the format is known.
            let text = [line.as_bytes(), b"\n", &line.as_bytes()[..end]].concat();
            let outcome = read("x", &text);
            let cut = u64::from(end > 0);
            assert_eq!(
                (outcome.counts.events, outcome.counts.bad),
                (1, cut),
                "{end}"
            );
            survive(&line.as_bytes()[..end]);
            survive(&[b"[", &line.as_bytes()[..end]].concat());
        }
    }
}

#[test]
fn inputs_with_a_byte_changed() {
    for line in LINES {
        for at in 0..line.len() {
            for byte in [b'"', b'}', b'\\', b'\n', 0xff] {
                let mut changed = line.as_bytes().to_vec();
                changed[at] = byte;
                let text = [line.as_bytes(), b"\n", &changed, b"\n", line.as_bytes()].concat();
                let outcome = read("x", &text);
                assert!(outcome.counts.events >= 2, "{byte} at {at} of {line}");
            }
        }
    }
}

#[test]
fn nesting_is_bounded() {
    let whole = LINES[0];
    let deep = format!(
        r#"{{"timestamp":"2024-05-01T10:00:00Z","event_type":"alert","x":{}{}}}"#,
        "[".repeat(200_000),
        "]".repeat(200_000),
    );
    let outcome = read("x", format!("{whole}\n{deep}\n{whole}").as_bytes());
    assert_eq!(outcome.counts.records, 3);
    assert!(outcome.counts.events >= 2);
    let many = format!(
        r#"{{"event_type":"ssh","timestamp":"2024-05-01T10:00:00Z",{}"x":1}}"#,
        r#""k":{"a":{"b":"c"}},"#.repeat(2_000)
    );
    assert_eq!(
        read("x", format!("{whole}\n{many}").as_bytes())
            .counts
            .events,
        2
    );
}

#[test]
fn long_lines_are_skipped_and_kept_in_part() {
    #[derive(Clone, Default)]
    struct Kept(Arc<Mutex<Vec<u8>>>);
    impl std::io::Write for Kept {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0.lock().unwrap().extend_from_slice(bytes);
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let long = format!(r#"{{"timestamp":"{}"}}"#, "x".repeat(3 << 20));
    let text = format!("{}\n{long}\n{}\n\u{1}\n", LINES[0], LINES[1]).into_bytes();
    let limits = Limits {
        max_reports: 1,
        ..Limits::default()
    };
    let input = open(
        "x",
        Cursor::new([text, b"\xff\n".to_vec()].concat()),
        &limits,
    )
    .unwrap();
    let kept = Kept::default();
    let letters = DeadLetters::to_writer(kept.clone(), 1 << 20);
    let mut reader = LogReader::new(input, &limits, None, letters.clone()).unwrap();
    let mut sink = EventSink::new(SourcePolicy::new(source()));
    let progress = reader.read(&mut sink, 100).unwrap();
    assert_eq!(
        (progress.events, progress.bad, progress.ended),
        (2, 3, true)
    );
    assert_eq!(reader.reports().len(), 1);
    assert_eq!(
        reader.reports()[0].reason,
        format!(
            "the record is {} bytes long, and at most 1048576 are taken",
            long.len()
        )
    );
    assert_eq!((letters.counts().kept, letters.counts().dropped), (3, 0));
    let kept = String::from_utf8(kept.0.lock().unwrap().clone()).unwrap();
    let letters: Vec<serde_json::Value> = kept
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(letters[0]["len"], long.len());
    assert_eq!(letters[1]["text"], "\u{1}");
    assert_eq!(letters[2]["base64"], "/w==");
    assert_eq!(letters[2]["line"], 5);
}

#[test]
fn a_broken_stream_says_where() {
    use std::io::Write as _;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    for n in 0..2_000 {
        writeln!(gzip, "{}", LINES[0].replace("77", &(n * 7919).to_string())).unwrap();
    }
    let whole = gzip.finish().unwrap();
    let outcome = read("x.gz", &whole[..whole.len() / 2]);
    let error = outcome.error.unwrap().to_string();
    assert!(outcome.counts.events > 500, "{error}");
    assert!(error.starts_with("breaks off after "), "{error}");
    let taken = whole.len() / 2;
    let says = format!("the gzip data is cut off or damaged within its first {taken} bytes");
    assert!(error.contains(&says), "{error}");
    // The line that was cut off is bad, or the break fell between lines.
    assert!(outcome.counts.bad <= 1);
    assert!(read("x.gz", &whole).error.is_none());
}

#[test]
fn what_is_no_input() {
    let error = |bytes: &[u8]| match open("x", Cursor::new(bytes.to_vec()), &Limits::default()) {
        Err(error) => error,
        Ok(input) => panic!("{input:?}"),
    };
    assert!(matches!(error(b""), OpenError::Empty(_)));
    assert!(matches!(error(b"\x1f\x8b\x08"), OpenError::Read { .. }));
    assert!(matches!(error(&[0; 1000]), OpenError::Unknown { .. }));
    assert!(matches!(error(b"{}"), OpenError::Unknown { .. }));
}

/// What a sensor says once stands in every answer of the event; what is too long for a
/// name must not.
#[test]
fn a_small_record_does_not_become_a_large_event() {
    let name = "a".repeat(400_000);
    let answers = vec![r#"{"rrtype":"A","rdata":"10.0.0.1"}"#; 200].join(",");
    let eve = format!(
        r#"{{"timestamp":"2025-01-01T00:00:00Z","event_type":"dns","src_ip":"10.0.0.1","dest_ip":"10.0.0.2","dns":{{"type":"answer","rrname":"{name}","rrtype":"A","answers":[{answers}]}}}}"#
    );
    let addresses = vec![r#""10.0.0.1""#; 200].join(",");
    let zeek = format!(
        r#"{{"_path":"dns","ts":1,"uid":"C","id.orig_h":"10.0.0.1","id.resp_h":"10.0.0.2","query":"{name}","qtype_name":"A","answers":["{name}",{addresses}]}}"#
    );
    for record in [eve, zeek] {
        let outcome = read("x", record.as_bytes());
        assert_eq!(outcome.counts.events, 1);
        let columns = outcome.batches[0].record_batch().unwrap();
        let size = columns.get_array_memory_size();
        assert!(size < 4 * record.len(), "{size} of {}", record.len());
    }
}
