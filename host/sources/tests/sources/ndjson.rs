//! Events as Palisade writes them.

use palisade_events::Kind;
use palisade_sources::{Kinds, SourcePolicy};

use crate::{read, read_with, source};

const DNS: &str = r#"{"kind":"network.dns","time":"2025-06-01T10:00:00+08:00","tenant":"forged","source":"forged","seq":99,"ingest_time":"2030-01-01T00:00:00Z","labels":["embargo:V-1"],"tlp":"red","src":{"ip":"10.0.0.1"},"dst":{"ip":"10.0.0.2","port":53},"qname":"a","qtype":"A"}"#;
const OPS: &str = r#"{"kind":"control.ops","time":"2025-06-01T10:00:00+08:00","op":"block","actor":"a","actor_role":"platform","object":"o","outcome":"success"}"#;

#[test]
fn the_host_stamps_the_envelope() {
    let event = read("-", DNS.as_bytes()).only();
    assert_eq!(event.envelope.source, source());
    assert_eq!(event.envelope.seq, 0);
    assert_eq!(event.envelope.ingest_time, event.envelope.time);
    assert_eq!(event.envelope.labels, ["embargo:V-1"]);
    assert!(event.envelope.tlp.is_some());
}

#[test]
fn nobody_but_the_host_sends_control_events() {
    let text = [DNS, OPS].join("\n");
    let outcome = read("-", text.as_bytes());
    assert_eq!((outcome.counts.events, outcome.counts.bad), (1, 1));
    assert_eq!(
        outcome.reports[0].reason,
        "control.ops events come only from the host, and no input may claim them"
    );
    // Not even a source to which the operator allows every kind.
    let mut generous = SourcePolicy::new(source());
    generous.kinds = Kinds::ALL;
    assert_eq!(read_with("-", text.as_bytes(), generous, 7).counts.bad, 1);
    let outcome = read_with("-", text.as_bytes(), SourcePolicy::vectors(source()), 7);
    assert_eq!((outcome.counts.events, outcome.counts.bad), (2, 0));
    // The host's own source sends them, and no others.
    let outcome = read_with("-", text.as_bytes(), SourcePolicy::host(source()), 7);
    assert_eq!((outcome.counts.events, outcome.counts.bad), (1, 1));
}

#[test]
fn a_source_sends_only_what_it_may() {
    let mut narrow = SourcePolicy::new(source());
    narrow.kinds = [Kind::NetworkHttp].into_iter().collect();
    let outcome = read_with("-", DNS.as_bytes(), narrow.clone(), 7);
    assert_eq!(
        outcome.reports[0].reason,
        "source `sensor` may not send network.dns events; allow the kind where the source is \
         configured"
    );
    // That holds for what becomes of other sensors' records as well.
    for line in [
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"smtp"}"#,
        r#"{"timestamp":"2024-05-01T08:00:00Z","event_type":"alert"}"#,
        r#"{"_path":"files","ts":1}"#,
        r#"{"_path":"ssh","ts":1}"#,
    ] {
        let outcome = read_with("-", line.as_bytes(), narrow.clone(), 7);
        assert_eq!(
            (outcome.counts.events, outcome.counts.bad),
            (0, 1),
            "{line}"
        );
    }
}

#[test]
fn vectors_may_lack_what_a_rule_does_not_read() {
    let line = r#"{"kind":"network.dns","time":"2025-06-01T10:00:00+08:00","qname":"a"}"#;
    assert_eq!(read("-", line.as_bytes()).counts.bad, 1);
    let outcome = read_with("-", line.as_bytes(), SourcePolicy::vectors(source()), 7);
    assert_eq!(outcome.counts.events, 1);
}

#[test]
fn events_in_an_array_over_several_lines() {
    let text = format!(
        "[\n  {},\n  {{\"kind\":\n\"nothing\"}},\n {}\n]\n",
        DNS.replace(',', ",\n "),
        DNS
    );
    let outcome = read("-", text.as_bytes());
    assert_eq!((outcome.counts.events, outcome.counts.bad), (2, 1));
    assert!(outcome.reports[0].line > 10 && outcome.reports[0].reason.contains("no kind of event"));
}
