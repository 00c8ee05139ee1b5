//! What columns say is what rows say.

mod common;

use common::{batch, for_every_kind};
use palisade_events::json::{Mode, parse_event};
use palisade_events::{
    Batch, Column, ColumnError, ColumnType, Event, FieldId, FieldType, Kind, Mask, Values, field,
};
use serde_json::Value;

/// The values of a field of an event as JSON, and in a list how many there are.
fn values<'a>(event: &'a Value, dotted: &str) -> Vec<Option<&'a Value>> {
    let mut at = vec![Some(event)];
    for step in dotted.split('.') {
        let name = step.replace('-', "_");
        at = at
            .into_iter()
            .flat_map(|value| match value.and_then(|value| value.get(&name)) {
                Some(Value::Array(items)) => items.iter().map(Some).collect(),
                found => vec![found],
            })
            .collect();
    }
    at
}

/// A value of a column as JSON has it.
fn shown(column: &Column, at: usize, ty: FieldType, names: Option<&[&str]>) -> Value {
    match (&column.values, ty) {
        (Values::U8(values), FieldType::Bool) => Value::Bool(values[at] != 0),
        (Values::U8(values), FieldType::Enum) => {
            names.expect("names")[usize::from(values[at])].into()
        }
        (Values::U8(values), _) => values[at].into(),
        (Values::U16(values), _) => values[at].into(),
        (Values::U32(values), _) => values[at].into(),
        (Values::U64(values), FieldType::Timestamp) => {
            palisade_events::Timestamp(values[at]).to_string().into()
        }
        (Values::U64(values), _) => values[at].into(),
        (Values::F64(values), _) => values[at].into(),
        (Values::Address(bytes), _) => {
            let bytes = bytes[at * 16..at * 16 + 16].try_into().expect("16 bytes");
            palisade_events::IpAddress(bytes).to_string().into()
        }
        (text @ Values::Text { .. }, FieldType::Bytes) => {
            palisade_events::Bytes(text.text(at).to_vec())
                .to_string()
                .into()
        }
        (text @ Values::Text { .. }, _) => {
            std::str::from_utf8(text.text(at)).expect("UTF-8").into()
        }
    }
}

fn is_neutral(values: &Values, at: usize) -> bool {
    match values {
        Values::U8(values) => values[at] == 0,
        Values::U16(values) => values[at] == 0,
        Values::U32(values) => values[at] == 0,
        Values::U64(values) => values[at] == 0,
        Values::F64(values) => values[at] == 0.0,
        Values::Address(bytes) => bytes[at * 16..at * 16 + 16] == [0; 16],
        text @ Values::Text { .. } => text.text(at).is_empty(),
    }
}

fn json(event: &Event) -> Value {
    let mut line = Vec::new();
    palisade_events::json::write_event(&mut line, event).expect("json");
    serde_json::from_slice(&line).expect("json")
}

fn same(column: &Column, rows: &[Value], dotted: &str, ty: FieldType, names: Option<&[&str]>) {
    assert_eq!(column.rows(), rows.len(), "{dotted}");
    for (row, event) in rows.iter().enumerate() {
        let expected = values(event, dotted);
        let range = column.range(row);
        if column.offsets.is_some() {
            let expected: Vec<_> = match expected[..] {
                // The list itself, or a record around it, is not there.
                [None] if range.is_empty() => Vec::new(),
                _ => expected,
            };
            assert_eq!(range.len(), expected.len(), "{dotted} of {event}");
            for (at, expected) in range.zip(expected) {
                one(column, at, expected, ty, names, dotted);
            }
        } else {
            assert_eq!(range.len(), 1);
            one(column, row, expected[0], ty, names, dotted);
        }
    }
}

fn one(
    column: &Column,
    at: usize,
    expected: Option<&Value>,
    ty: FieldType,
    names: Option<&[&str]>,
    dotted: &str,
) {
    match expected {
        Some(expected) => {
            assert!(column.is_valid(at), "{dotted}");
            if ty == FieldType::Record {
                assert_eq!(column.values.text(at), b"");
            } else if let (Some(a), Values::F64(_)) = (expected.as_f64(), &column.values) {
                // Columns widen what was narrowed: JSON has the digits of the narrow number.
                #[expect(clippy::cast_possible_truncation, reason = "as the field's type is")]
                let a = if ty == FieldType::F32 {
                    f64::from(a as f32)
                } else {
                    a
                };
                assert_eq!(shown(column, at, ty, names).as_f64(), Some(a), "{dotted}");
            } else {
                assert_eq!(&shown(column, at, ty, names), expected, "{dotted}");
            }
        }
        None => {
            assert!(!column.is_valid(at), "{dotted}");
            assert!(is_neutral(&column.values, at), "{dotted}");
        }
    }
}

#[test]
fn columns_say_what_rows_say() {
    for_every_kind(|events| {
        let batch = batch(&events);
        let rows: Vec<Value> = events.iter().map(json).collect();
        for info in batch.kind().all_fields() {
            let column = match batch.column(info.id) {
                Err(ColumnError::Nested { .. }) if info.nested => continue,
                Err(ColumnError::Attributes { .. }) if info.ty == FieldType::Attributes => continue,
                column => column.expect("a column"),
            };
            assert_eq!(Some(column.values.column_type()), info.ty.column());
            assert_eq!(column.offsets.is_some(), info.repeated);
            assert!(column.valid.is_none() || info.optional, "{}", info.name);
            assert_eq!(
                batch
                    .column_as(info.id, column.values.column_type())
                    .as_ref(),
                Ok(&column)
            );
            if info.name == "event-ref" {
                let expected: Vec<u64> = events.iter().map(|e| 3 << 40 | e.envelope.seq).collect();
                assert_eq!(column.values, Values::U64(expected.into()));
                continue;
            }
            same(&column, &rows, info.name, info.ty, info.enum_names);
            // Any selection of rows is the same rows.
            let picks: Vec<u32> = (0..).take(rows.len()).flat_map(|row| [row, 0]).collect();
            let picked: Vec<Value> = picks
                .iter()
                .map(|row| rows[*row as usize].clone())
                .collect();
            same(
                &column.gather(&picks),
                &picked,
                info.name,
                info.ty,
                info.enum_names,
            );
        }
    });
}

#[test]
fn rows_that_are_not_there_are_empty() {
    for_every_kind(|events| {
        let batch = batch(&events);
        for info in batch.kind().all_fields() {
            let Ok(column) = batch.column(info.id) else {
                continue;
            };
            let gathered = column.gather(&[u32::MAX, 0]);
            assert_eq!(gathered.rows(), 2);
            assert!(gathered.range(0).all(|at| is_neutral(&gathered.values, at)));
        }
        assert_eq!(batch.body(events.len()), None);
        assert_eq!(batch.event_ref(events.len()), None);
        assert_eq!(batch.event_id(events.len()), None);
    });
}

#[test]
fn attributes_are_columns() {
    let event = |attributes: &str| {
        let line = format!(
            r#"{{"kind":"device.message","time":"2025-01-01T00:00:00Z","src":{{"ip":"10.0.0.1"}},
            "dst":{{"ip":"10.0.0.2"}},"transport":"tcp","protocol":"modbus","operation":"read",
            "direction":"request","attributes":{attributes}}}"#
        );
        parse_event(line.as_bytes(), Mode::Strict).expect("an event")
    };
    let events = [
        event(r#"{"modbus.function":3,"unit":"a"}"#),
        event("{}"),
        event(r#"{"unit":7,"modbus.function":-0.5}"#),
    ];
    let batch = batch(&events);
    let function = FieldId::of("attributes.modbus.function");
    assert_eq!(function, FieldId::of_attribute("modbus.function"));
    let column = batch.column(function).expect("a column");
    assert_eq!(column.values, Values::F64([3.0, 0.0, -0.5].into()));
    assert_eq!(column.valid.as_deref(), Some(&[1, 0, 1][..]));
    // Both as text and as number: each type has its own column, presence is one.
    let unit = FieldId::of("attributes.unit");
    let number = batch.column_as(unit, ColumnType::F64).expect("numbers");
    assert_eq!(number.values, Values::F64([0.0, 0.0, 7.0].into()));
    assert_eq!(number.valid.as_deref(), Some(&[1, 0, 1][..]));
    let text = batch.column_as(unit, ColumnType::Text).expect("texts");
    assert_eq!(text.values.text(0), b"a");
    assert_eq!(text.values.text(2), b"");
    assert_eq!(text.valid, number.valid);
    // A name that no event has.
    let absent = FieldId::of("attributes.absent");
    assert!(matches!(
        batch.column(absent),
        Err(ColumnError::AbsentAttribute { .. })
    ));
    let zeros = batch.column_as(absent, ColumnType::F64).expect("zeros");
    assert_eq!(zeros, Column::absent(ColumnType::F64, 3));
    assert!(matches!(
        batch.column_as(absent, ColumnType::U8),
        Err(ColumnError::AttributeType { .. })
    ));
    assert_eq!(
        batch.attribute_names().collect::<Vec<_>>(),
        ["modbus.function", "unit"]
    );
    assert!(matches!(
        batch.column_as(FieldId::of("dst.port"), ColumnType::U8),
        Err(ColumnError::Type {
            field: "dst.port",
            ..
        })
    ));
    assert_eq!(batch.body(0), Some(events[0].body.clone()));
}

#[test]
fn a_mask_hides_what_it_does_not_name() {
    for_every_kind(|events| {
        let batch = batch(&events);
        let kind = batch.kind();
        for info in kind.fields() {
            let mask = Mask::of(kind, [info.name]).expect("a field");
            for (row, event) in events.iter().enumerate() {
                let seen = batch.body_masked(row, &mask).expect("a row");
                let mut hidden = event.body.clone();
                hidden.hide(&mask);
                assert_eq!(seen, hidden);
                let within = format!("{}.", info.name);
                let mut retained = event.body.clone();
                let attribute = |id| {
                    let mut names = event
                        .body
                        .attributes()
                        .into_iter()
                        .flat_map(|all| all.iter());
                    info.name == "attributes"
                        && names.any(|(name, _)| FieldId::of_attribute(name) == id)
                };
                retained.retain(&|id| {
                    attribute(id)
                        || field(kind, id).is_some_and(|known| {
                            known.id == info.id || known.name.starts_with(&within)
                        })
                });
                assert_eq!(retained, hidden, "{}", info.name);
            }
        }
        for (row, event) in events.iter().enumerate() {
            assert_eq!(batch.body_masked(row, &Mask::ALL), Some(event.body.clone()));
            let nothing = palisade_events::Body::neutral(kind);
            assert_eq!(batch.body_masked(row, &Mask::none()), Some(nothing));
        }
    });
}

#[test]
fn masks_name_fields() {
    let kind = Kind::NetworkFlow;
    let error = Mask::of(kind, ["src.ip", "dst.prot"]).expect_err("no such field");
    assert_eq!(error.suggestion.as_deref(), Some("dst.port"));
    assert!(
        error.to_string().ends_with("did you mean `dst.port`?"),
        "{error}"
    );
    assert!(Mask::of(kind, ["attributes.a"]).is_err());
    assert!(Mask::of(Kind::DeviceMessage, ["attributes.a", "labels", "time"]).is_ok());
}

#[test]
fn clones_share_columns() {
    for_every_kind(|events| {
        let batch: Batch = batch(&events);
        let (a, b) = (
            batch.column(FieldId::of("time")),
            batch.clone().column(FieldId::of("time")),
        );
        if let (Ok(Values::U64(a)), Ok(Values::U64(b))) = (a.map(|c| c.values), b.map(|c| c.values))
        {
            assert!(std::sync::Arc::ptr_eq(&a, &b));
        }
    });
}
