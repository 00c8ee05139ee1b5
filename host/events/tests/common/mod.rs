//! Arbitrary events as JSON, from the WIT package itself.

#![allow(dead_code, reason = "every test takes what it needs")]

use std::path::Path;
use std::sync::{Arc, LazyLock};

use palisade_events::json::{Mode, parse_event};
use palisade_events::{Batch, BatchBuilder, Event, IpAddress, Kind, Source, Timestamp};
use palisade_wit_model::{Model, Record, Ty, load, names};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use serde_json::{Map, Value, json};

/// The model of the package that the crate was generated from.
pub(crate) static MODEL: LazyLock<Model> = LazyLock::new(|| {
    load(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit/v0.1")).expect("valid WIT")
});

/// Text with what tends to go wrong: escapes, controls, letters of several bytes.
fn text() -> BoxedStrategy<Value> {
    prop_oneof![
        "[a-z0-9.:/-]{0,12}",
        "[\\PC\u{0}-\u{1f}\u{202e}\"\\\\]{0,8}"
    ]
    .prop_map(Value::from)
    .boxed()
}

fn value(ty: &Ty) -> BoxedStrategy<Value> {
    match ty {
        Ty::Bool => any::<bool>().prop_map(Value::from).boxed(),
        Ty::U8 => ends(any::<u8>(), [0, u8::MAX]),
        Ty::U16 => ends(any::<u16>(), [0, u16::MAX]),
        Ty::U32 => ends(any::<u32>(), [0, u32::MAX]),
        Ty::U64 => ends(any::<u64>(), [0, u64::MAX]),
        Ty::F32 => {
            let edges = [
                f32::MAX,
                f32::MIN,
                f32::MIN_POSITIVE,
                f32::from_bits(1),
                -0.0,
            ];
            let any = any::<f32>().prop_filter("finite", |n| n.is_finite());
            // With the digits that an f32 is written with.
            let digits = |n: f32| serde_json::to_string(&n).expect("a number");
            prop_oneof![4 => any, 1 => proptest::sample::select(edges.to_vec())]
                .prop_map(move |n| serde_json::from_str(&digits(n)).expect("a number"))
                .boxed()
        }
        Ty::F64 => number(),
        Ty::Text => text(),
        Ty::Bytes => vec(any::<u8>(), 0..9)
            .prop_map(|bytes| palisade_events::Bytes(bytes).to_string().into())
            .boxed(),
        Ty::Address => prop_oneof![
            any::<[u8; 16]>().prop_map(IpAddress),
            any::<[u8; 4]>().prop_map(|v4| std::net::IpAddr::from(v4).into()),
        ]
        .prop_map(|address| address.to_string().into())
        .boxed(),
        Ty::Timestamp => prop_oneof![4 => any::<u64>(), 1 => Just(0), 1 => Just(u64::MAX)]
            .prop_map(|t| Timestamp(t).to_string().into())
            .boxed(),
        Ty::Attributes => attributes(),
        Ty::Enum(name) => {
            let cases = &MODEL.enumeration(name).expect("an enum").cases;
            let names: Vec<String> = cases.iter().map(|case| case.name.clone()).collect();
            proptest::sample::select(names)
                .prop_map(Value::from)
                .boxed()
        }
        Ty::Record(name) => record(MODEL.record(name).expect("a record")),
        Ty::List(item) => vec(value(item), 0..4).prop_map(Value::from).boxed(),
        Ty::Option(inner) => {
            let some = value(inner);
            prop_oneof![Just(Value::Null), some].boxed()
        }
        Ty::Variant(name) => panic!("no kind has the variant {name}"),
    }
}

/// Any number of a type, and often the first and the last.
fn ends<T>(any: impl Strategy<Value = T> + 'static, ends: [T; 2]) -> BoxedStrategy<Value>
where
    T: Copy + std::fmt::Debug + Into<Value> + 'static,
{
    prop_oneof![4 => any, 1 => proptest::sample::select(ends.to_vec())]
        .prop_map(Into::into)
        .boxed()
}

/// A finite number, and often one at an end of what there is.
fn number() -> BoxedStrategy<Value> {
    let edges = [
        f64::MAX,
        f64::MIN,
        f64::MIN_POSITIVE,
        f64::from_bits(1),
        -0.0,
        9e15,
        -9e15,
    ];
    let any = any::<f64>().prop_filter("finite", |n| n.is_finite());
    prop_oneof![4 => any, 1 => proptest::sample::select(edges.to_vec())]
        .prop_map(whole)
        .boxed()
}

fn attributes() -> BoxedStrategy<Value> {
    // Few names, so that some hold text here and numbers there.
    let name = prop_oneof!["[ab]\\.[cd]", "[a-z0-9][a-z0-9._-]{0,63}"];
    let whole = any::<i32>().prop_map(Value::from);
    btree_map(name, prop_oneof![text(), number(), whole], 0..6)
        .prop_map(|all| Value::Object(all.into_iter().collect()))
        .boxed()
}

/// Whole numbers are written without a fraction.
fn whole(number: f64) -> Value {
    if number.fract() == 0.0
        && number.abs() <= 9e15
        && !(number == 0.0 && number.is_sign_negative())
    {
        return json!(number as i64);
    }
    json!(number)
}

/// A text in a field that is a digest by its name becomes one; an absent or empty one stays.
fn digest(name: &str, value: Value) -> Value {
    match value.as_str() {
        Some(text) if !text.is_empty() && name.ends_with("sha256") => {
            blake3::hash(text.as_bytes()).to_hex().as_str().into()
        }
        _ => value,
    }
}

fn record(record: &Record) -> BoxedStrategy<Value> {
    let fields = record.fields.iter();
    let fields: Vec<BoxedStrategy<(String, Value)>> = fields
        .map(|field| {
            let name = names::snake(&field.name);
            value(&field.ty)
                .prop_map(move |value| (name.clone(), digest(&name, value)))
                .boxed()
        })
        .collect();
    fields
        .prop_map(|fields| {
            let given = fields.into_iter().filter(|(_, value)| !value.is_null());
            Value::Object(given.collect::<Map<_, _>>())
        })
        .boxed()
}

fn envelope() -> impl Strategy<Value = Map<String, Value>> {
    let time = || value(&Ty::Timestamp);
    let tlp = value(&Ty::Option(Box::new(Ty::Enum("tlp".to_owned()))));
    let texts = || value(&Ty::List(Box::new(Ty::Text)));
    (time(), time(), tlp, texts(), texts()).prop_map(|(time, ingest_time, tlp, labels, refs)| {
        let mut map = Map::new();
        map.insert("time".to_owned(), time);
        map.insert("ingest_time".to_owned(), ingest_time);
        map.insert("tenant".to_owned(), "t-1".into());
        map.insert("source".to_owned(), "sensor-1".into());
        map.insert("seq".to_owned(), 0.into());
        if !tlp.is_null() {
            map.insert("tlp".to_owned(), tlp);
        }
        map.insert("labels".to_owned(), labels);
        map.insert("refs".to_owned(), refs);
        map
    })
}

/// An event of `kind` as JSON, with all that is written.
pub(crate) fn event_json(kind: Kind) -> impl Strategy<Value = Value> {
    let body = &MODEL.kinds[usize::from(kind.code())].body;
    (envelope(), record(body)).prop_map(move |(mut event, body)| {
        event.insert("kind".to_owned(), kind.name().into());
        let Value::Object(body) = body else {
            return Value::Null;
        };
        event.extend(body);
        Value::Object(event)
    })
}

/// Events of `kind` with sequence numbers from 0.
pub(crate) fn events(kind: Kind) -> impl Strategy<Value = Vec<Event>> {
    vec(event_json(kind), 1..6).prop_map(|events| {
        let read = events.into_iter().zip(0..).map(|(json, seq)| {
            let text = json.to_string();
            let mut event = parse_event(text.as_bytes(), Mode::Strict)
                .unwrap_or_else(|error| panic!("{error}\n{text}"));
            event.envelope.seq = seq;
            event.envelope.source = source();
            event
        });
        read.collect()
    })
}

/// Where the events of tests come from.
pub(crate) fn source() -> Arc<Source> {
    Arc::new(Source {
        slot: 3,
        name: "sensor-1".to_owned(),
        tenant: "t-1".to_owned(),
    })
}

/// One batch of `events`.
pub(crate) fn batch(events: &[Event]) -> Batch {
    let mut builder = BatchBuilder::new(events[0].kind(), source());
    for event in events {
        builder.push_event(event).expect("fits");
    }
    builder.finish().expect("columns fit")
}

/// Runs `test` on events of every kind.
pub(crate) fn for_every_kind(test: impl Fn(Vec<Event>)) {
    for kind in Kind::ALL {
        let config = ProptestConfig {
            cases: 16,
            failure_persistence: None,
            ..Default::default()
        };
        let mut runner = proptest::test_runner::TestRunner::new_with_rng(
            config,
            proptest::test_runner::TestRng::deterministic_rng(
                proptest::test_runner::RngAlgorithm::ChaCha,
            ),
        );
        runner
            .run(&events(*kind), |events| {
                test(events);
                Ok(())
            })
            .unwrap_or_else(|error| panic!("{kind}: {error}"));
    }
}
