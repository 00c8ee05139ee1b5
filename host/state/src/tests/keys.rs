//! What makes two keys the same.

use palisade_events::{AttributeValue, NetworkApp};
use proptest::prelude::*;

use super::*;
use crate::key::KeyColumns;

fn keys(batch: &Batch, fields: &[&str]) -> Vec<Option<Vec<u8>>> {
    let fields: Vec<FieldId> = fields.iter().map(|f| FieldId::of(f)).collect();
    let columns = KeyColumns::of(batch, &fields);
    let mut key = Vec::new();
    (0..batch.len())
        .map(|row| {
            key.clear();
            columns.write(1, row, &mut key).then(|| key.clone())
        })
        .collect()
}

fn apps(rows: &[(&str, &str, Option<AttributeValue>)]) -> Batch {
    let mut builder = BatchBuilder::new(Kind::NetworkApp, source("acme"));
    for (seq, (protocol, operation, attribute)) in (0u64..).zip(rows) {
        let mut app = NetworkApp {
            protocol: (*protocol).into(),
            operation: (*operation).into(),
            ..NetworkApp::default()
        };
        if let Some(value) = attribute {
            app.attributes.insert("x", value.clone()).unwrap();
        }
        let stamp = Stamp {
            seq,
            ..Stamp::default()
        };
        builder.push(stamp, &Body::NetworkApp(app)).unwrap();
    }
    builder.finish().unwrap()
}

#[test]
fn the_same_values_make_the_same_key_whatever_the_batch() {
    let one = keys(&batch(&[row(1, 7), row(1, 8)]), &["src.ip", "dst.port"]);
    let two = keys(&batch(&[row(9, 8), row(9, 7)]), &["src.ip", "dst.port"]);
    assert_eq!((&one[0], &one[1]), (&two[1], &two[0]));
    assert_ne!(one[0], one[1]);
}

#[test]
fn an_attribute_may_be_text_here_and_a_number_there() {
    let batch = apps(&[
        ("modbus", "read", Some("1".into())),
        ("modbus", "read", Some(1.0.into())),
        ("modbus", "read", None),
        ("modbus", "read", Some((-0.0).into())),
        ("modbus", "read", Some(0.0.into())),
    ]);
    let keys = keys(&batch, &["attributes.x"]);
    assert!(keys[0].is_some() && keys[1].is_some() && keys[0] != keys[1]);
    assert_eq!(keys[2], None);
    assert_eq!(keys[3], keys[4]);
    // Alone in its batch, text makes the same key.
    let alone = apps(&[("modbus", "read", Some("1".into()))]);
    assert_eq!(self::keys(&alone, &["attributes.x"])[0], keys[0]);
    assert_eq!(self::keys(&alone, &["attributes.y"])[0], None);
}

#[test]
fn long_keys_are_short_and_still_differ() {
    let long = "x".repeat(100_000);
    let other = format!("{long}y");
    let batch = apps(&[(&long, "", None), (&other, "", None), (&long, "", None)]);
    let keys = keys(&batch, &["protocol"]);
    assert!(keys.iter().flatten().all(|key| key.len() < 64));
    assert_ne!(keys[0], keys[1]);
    assert_eq!(keys[0], keys[2]);
}

proptest! {
    #[test]
    fn different_values_make_different_keys(
        rows in prop::collection::vec(("[a-c\0]{0,3}", "[a-c\0]{0,3}"), 1..40),
    ) {
        let events: Vec<_> = rows.iter().map(|(a, b)| (a.as_str(), b.as_str(), None)).collect();
        let keys = keys(&apps(&events), &["protocol", "operation"]);
        for (a, of_a) in rows.iter().zip(&keys) {
            for (b, of_b) in rows.iter().zip(&keys) {
                prop_assert_eq!(a == b, of_a == of_b);
            }
        }
    }
}
