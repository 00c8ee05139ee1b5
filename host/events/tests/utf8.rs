//! What is said of an event that is not UTF-8: in which field, and at which byte.

use palisade_events::json::{Mode, parse_event};

#[test]
fn bytes_that_are_no_text_are_told_with_their_field_wherever_they_are() {
    let line = |event: &str| -> Vec<u8> {
        let marked = event.bytes().map(|b| if b == b'~' { 0xff } else { b });
        marked.collect()
    };
    for (event, field, told) in [
        (
            r#"{"kind":"network.dns","time":"2026-01-01T00:00:00Z","qname":"a~"}"#,
            "qname",
            "UTF-8",
        ),
        (
            r#"{"kind":"network.dns","answers":[{"name":"~"}]}"#,
            "answers[0].name",
            "UTF-8",
        ),
        // Where nobody reads it, too.
        (
            r#"{"kind":"network.dns","id":"~","qname":"a"}"#,
            "",
            "UTF-8",
        ),
        (r#"{"kind":"network.dns"~}"#, "", "UTF-8"),
        // What is wrong before it comes first.
        (
            r#"{"kind":"network.dns","seq":"one","qname":"~"}"#,
            "seq",
            "whole number",
        ),
    ] {
        let bytes = line(event);
        for mode in [Mode::Strict, Mode::Vector] {
            let error = parse_event(&bytes, mode).expect_err(event);
            assert_eq!(error.field, field, "{event}: {error}");
            assert!(error.problem.contains(told), "{event}: {error}");
            if told == "UTF-8" {
                let at = bytes.iter().position(|byte| *byte == 0xff);
                assert_eq!(Some(error.column), at.map(|at| at + 1), "{error}");
            }
        }
    }
}
