//! What is said of an event that lacks mandatory fields: all of them, at once.

use std::collections::BTreeSet;

use palisade_events::json::{JsonError, Mode, parse_event, write_event};
use palisade_events::{Body, Envelope, Event, Kind};
use serde_json::{Map, Value, json};

fn refused(event: &Value) -> Option<JsonError> {
    parse_event(event.to_string().as_bytes(), Mode::Strict).err()
}

/// The names that an error says are missing.
fn missing(error: &JsonError) -> Vec<String> {
    let (first, others) = error
        .problem
        .split_once("; so are ")
        .unwrap_or((&error.problem, ""));
    assert_eq!(first, "the field is missing, and it is mandatory");
    let others = others.split(", ").filter(|name| !name.is_empty());
    let others = others.map(|name| name.trim_matches('`').to_owned());
    [error.field.clone()].into_iter().chain(others).collect()
}

/// A whole event of a kind, as an object.
fn whole(kind: Kind) -> Map<String, Value> {
    let event = Event {
        envelope: Envelope::default(),
        body: Body::neutral(kind),
    };
    let mut line = Vec::new();
    write_event(&mut line, &event).expect("it is written");
    match serde_json::from_slice(&line) {
        Ok(Value::Object(fields)) => fields,
        other => panic!("{other:?}"),
    }
}

#[test]
fn all_that_is_missing_of_an_event_is_told_at_once() {
    let mut most = 0;
    for kind in Kind::ALL.iter().copied() {
        let whole = whole(kind);
        assert_eq!(refused(&whole.clone().into()), None, "{kind}");
        // Those without which the rest is refused.
        let mandatory: BTreeSet<String> = whole
            .keys()
            .filter(|name| *name != "kind")
            .filter(|name| {
                let mut without = whole.clone();
                without.remove(*name);
                refused(&without.into()).is_some_and(|error| {
                    assert_eq!(missing(&error), [(*name).clone()]);
                    true
                })
            })
            .cloned()
            .collect();
        let error = refused(&json!({ "kind": kind.name() })).expect("it lacks a time");
        let told = missing(&error);
        assert_eq!(told.len(), mandatory.len(), "{told:?}");
        assert_eq!(told.into_iter().collect::<BTreeSet<_>>(), mandatory);
        most = most.max(mandatory.len());
    }
    assert!(most >= 5, "{most}");
}

#[test]
fn fields_of_records_and_lists_are_told_by_their_path() {
    let mut event = whole(Kind::NetworkDns);
    event.insert("src".to_owned(), json!({}));
    event.insert("answers".to_owned(), json!([{ "name": "a" }, {}]));
    event.remove("qname");
    let error = refused(&event.into()).expect("it is not whole");
    let told: BTreeSet<String> = missing(&error).into_iter().collect();
    for name in ["qname", "src.ip", "answers[0].ttl", "answers[1].name"] {
        assert!(told.contains(name), "{name} in {told:?}");
    }
    assert!(!told.contains("answers[0].name"), "{told:?}");
}

#[test]
fn another_error_is_told_first_where_it_comes_first() {
    let mut event = whole(Kind::NetworkDns);
    event.remove("qname");
    event.insert("src".to_owned(), json!({ "ip": 7 }));
    let error = refused(&event.into()).expect("it is wrong");
    assert_eq!(error.field, "src.ip");
}

#[test]
fn what_is_told_is_bounded() {
    let mut event = whole(Kind::NetworkDns);
    event.insert("answers".to_owned(), vec![json!({}); 10_000].into());
    let error = refused(&event.into()).expect("it is not whole");
    assert!(error.problem.len() < 2000, "{}", error.problem);
    assert!(error.problem.ends_with(", and more"), "{}", error.problem);
}

#[test]
fn of_a_vector_only_what_vectors_need_is_told() {
    for kind in Kind::ALL {
        let line = json!({ "kind": kind.name() }).to_string();
        let error = parse_event(line.as_bytes(), Mode::Vector).expect_err("it lacks a time");
        assert_eq!(missing(&error), ["time"], "{error}");
    }
}
