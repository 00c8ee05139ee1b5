//! The golden form: what of a result must stay the same, as JSON.
//!
//! Digests, times of intake and the numbering of the run are left out; whatever the rule
//! decides stays. Events are cited by where they stand in the vector: `given:1` is the
//! first event of `given.ndjson`, `input:2` the second of the input (of `events.ndjson` or
//! `request.ndjson`, or made from `input.pcap`), and `finding:3` the third finding of the run, of
//! whichever plugin, what was given counted.
//!
//! ```json
//! {"rule":"IOT-2.3b","severity":"high","subject":"device:d-9","summary":"cleartext CoAP","cites":["input:2"]}
//! {"rule":"IOT-2.3b","subject":"device:d-9","retracted":true}
//! {"request":1,"verdict":"deny","judgements":[{"rule":"RMSV-9.1","verdict":"deny","reason":"no fix yet"}]}
//! ```
//!
//! Events of parsers are as anywhere else, without what the host stamps. Behind them stands what
//! the parser refused: a stream that it parses no further, or the first datagram of a flow that it
//! passed over.
//!
//! ```json
//! {"error":"at byte 12: expected a method","of":"stream"}
//! ```

use palisade_events::json::EventJson;
use palisade_events::{
    Action, Attributes, Decision, Event, Finding, Judgement, Obligation, Severity, Verdict,
};
use serde::Serialize;
use serde_json::{Map, Value};

/// Says where the event of a reference stands in the vector, such as `input:2`.
pub(crate) type Citer<'a> = &'a dyn Fn(u64) -> String;

/// Fields of the envelope that the host stamps, which differ from run to run or say
/// nothing of the parser.
const STAMPED: [&str; 5] = ["id", "ingest_time", "tenant", "source", "seq"];

/// A finding, or the withdrawal of findings, on one line.
pub(crate) fn finding(finding: &Finding, cite: Citer<'_>) -> String {
    #[derive(Serialize)]
    struct Golden<'a> {
        rule: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        severity: Option<Severity>,
        subject: &'a str,
        #[serde(skip_serializing_if = "str::is_empty")]
        summary: &'a str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        cites: Vec<String>,
        #[serde(skip_serializing_if = "Attributes::is_empty")]
        details: &'a Attributes,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        actions: &'a [Action],
        #[serde(skip_serializing_if = "std::ops::Not::not")]
        retracted: bool,
    }
    line(&Golden {
        rule: &finding.by.rule,
        severity: (!finding.retracted).then_some(finding.severity),
        subject: &finding.subject,
        summary: &finding.summary,
        cites: finding
            .cited
            .iter()
            .map(|cited| cite(cited.event_ref))
            .collect(),
        details: &finding.details,
        actions: &finding.actions,
        retracted: finding.retracted,
    })
}

/// The decision on the request with this number, from 1, on one line.
pub(crate) fn decision(request: usize, decision: &Decision, cite: Citer<'_>) -> String {
    #[derive(Serialize)]
    struct Golden<'a> {
        request: usize,
        #[serde(flatten)]
        verdict: &'a Verdict,
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        redactions: &'a [String],
        #[serde(skip_serializing_if = "<[_]>::is_empty")]
        obligations: &'a [Obligation],
        #[serde(skip_serializing_if = "Vec::is_empty")]
        judgements: Vec<GoldenJudgement<'a>>,
    }
    // What is to be redacted is the verdict itself, unless an approval is asked for too.
    let redactions = match decision.verdict {
        Verdict::Redact(_) => &[][..],
        _ => &decision.redactions,
    };
    line(&Golden {
        request,
        verdict: &decision.verdict,
        redactions,
        obligations: &decision.obligations,
        judgements: decision
            .judgements
            .iter()
            .map(|judgement| GoldenJudgement::new(judgement, cite))
            .collect(),
    })
}

#[derive(Serialize)]
struct GoldenJudgement<'a> {
    rule: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    cites: Vec<String>,
}

impl<'a> GoldenJudgement<'a> {
    fn new(judgement: &'a Judgement, cite: Citer<'_>) -> Self {
        Self {
            rule: &judgement.by.rule,
            verdict: &judgement.verdict,
            reason: &judgement.reason,
            cites: judgement.events.iter().map(|event| cite(*event)).collect(),
        }
    }
}

/// An event that a parser made, on one line: its kind, its time, the rest by name.
pub(crate) fn event(event: &Event) -> String {
    #[derive(Serialize)]
    struct Golden {
        kind: Option<Value>,
        time: Option<Value>,
        #[serde(flatten)]
        rest: Map<String, Value>,
    }
    let json = serde_json::to_value(EventJson { event, id: None });
    let mut rest = match json {
        Ok(Value::Object(fields)) => fields,
        _ => Map::new(),
    };
    rest.retain(|name, value| {
        let empty = value.as_array().is_some_and(Vec::is_empty);
        // Labels and references are the host's, and empty as they come from a parser.
        !STAMPED.contains(&name.as_str()) && !(empty && (name == "labels" || name == "refs"))
    });
    // The number of the flow in this run. Its Community ID says which it is.
    if let Some(flow) = rest.get_mut("flow").and_then(Value::as_object_mut) {
        flow.remove("id");
    }
    line(&Golden {
        kind: rest.remove("kind"),
        time: rest.remove("time"),
        rest,
    })
}

/// What a parser refused, on one line: a stream that is parsed no further, or a datagram.
pub(crate) fn error(problem: &str, stream: bool) -> String {
    #[derive(Serialize)]
    struct Golden<'a> {
        error: &'a str,
        of: &'static str,
    }
    line(&Golden {
        error: problem,
        of: if stream { "stream" } else { "datagram" },
    })
}

fn line(golden: &impl Serialize) -> String {
    // These types have text keys and finite numbers only, so this does not fail; if it
    // did, the vector would fail with the reason in place of the result.
    let mut line = Vec::new();
    match palisade_events::json::write_visible(&mut line, golden) {
        Ok(()) => String::from_utf8_lossy(&line).into_owned(),
        Err(error) => format!("\"no JSON: {error}\""),
    }
}

/// Makes numbers that are equal look equal.
pub(super) fn normalise(value: &mut Value) {
    match value {
        Value::Number(number) => {
            // 2^53: whole numbers below are exact in a double.
            const EXACT: f64 = 9_007_199_254_740_992.0;
            if let Some(float) = number.as_f64()
                && number.is_f64()
                && float.fract() == 0.0
                && float.abs() < EXACT
            {
                *value = Value::from(float as i64);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(normalise),
        Value::Object(fields) => fields.values_mut().for_each(normalise),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use palisade_events::json::{Mode, parse_event};
    use palisade_events::{Attribution, BlockScope, Citation, compose};

    use super::*;

    fn cite(event: u64) -> String {
        format!("input:{event}")
    }

    fn by(rule: &str) -> Attribution {
        Attribution {
            rule: rule.into(),
            plugin: "p".into(),
            ..Attribution::default()
        }
    }

    #[test]
    fn hidden_characters_are_escaped() {
        let line = line(&serde_json::json!({ "summary": "exe\u{202e}gpj" }));
        assert!(line.contains("exe\\u202egpj"), "{line}");
    }

    #[test]
    fn a_finding_keeps_what_the_rule_decides() {
        let mut details = Attributes::default();
        details.insert("modbus.function", 6.0).unwrap();
        let found = Finding {
            event_ref: 0,
            by: by("IOT-2.3b"),
            severity: Severity::High,
            subject: "device:d-9".into(),
            summary: "cleartext".into(),
            retracted: false,
            time: Default::default(),
            tenant: "t".into(),
            cited: vec![Citation {
                event_ref: 2,
                id: None,
            }],
            details,
            actions: vec![
                Action::Block(vec![BlockScope::Source]),
                Action::HoldEvidence,
            ],
            tlp: None,
            labels: vec!["x".into()],
        };
        assert_eq!(
            finding(&found, &cite),
            r#"{"rule":"IOT-2.3b","severity":"high","subject":"device:d-9","summary":"cleartext","cites":["input:2"],"details":{"modbus.function":6},"actions":[{"action":"block","of":["source"]},{"action":"hold-evidence"}]}"#
        );
        let withdrawn = Finding {
            event_ref: 0,
            retracted: true,
            summary: String::new(),
            cited: vec![],
            details: Attributes::default(),
            actions: vec![],
            ..found
        };
        assert_eq!(
            finding(&withdrawn, &cite),
            r#"{"rule":"IOT-2.3b","subject":"device:d-9","retracted":true}"#
        );
    }

    #[test]
    fn a_decision_keeps_verdicts_and_reasons() {
        let judgement = |rule: &str, verdict| Judgement {
            by: by(rule),
            verdict,
            reason: "because".into(),
            obligations: vec![],
            events: vec![7],
        };
        let decided = compose(vec![
            judgement("A", Verdict::Redact(vec!["poc".into()])),
            judgement("B", Verdict::Permit),
        ]);
        assert_eq!(
            decision(1, &decided, &cite),
            r#"{"request":1,"verdict":"redact","of":["poc"],"judgements":[{"rule":"A","verdict":"redact","of":["poc"],"reason":"because","cites":["input:7"]},{"rule":"B","verdict":"permit","reason":"because","cites":["input:7"]}]}"#
        );
    }

    #[test]
    fn an_event_loses_what_the_host_stamps() {
        let line = br#"{"kind":"device.message","time":"2025-06-01T10:00:00Z","seq":9,"source":"s","tenant":"t","flow":{"id":7,"community_id":"1:x"},"protocol":"modbus","attributes":{"modbus.unit":3}}"#;
        let made = event(&parse_event(line, Mode::Vector).unwrap());
        assert!(made.starts_with(r#"{"kind":"device.message","time":"2025-06-01T10:00:00Z","#));
        assert!(made.contains(r#""flow":{"community_id":"1:x"}"#), "{made}");
        assert!(made.contains(r#""attributes":{"modbus.unit":3"#), "{made}");
        for name in STAMPED.into_iter().chain(["labels", "refs"]) {
            assert!(!made.contains(&format!("\"{name}\"")), "{made}");
        }
    }
}
