//! What other tools may put into Arrow columns, and how much a batch may hold.

mod common;

use std::sync::Arc;

use arrow_array::cast::AsArray as _;
use arrow_array::{
    Array, ArrayRef, Float32Array, Float64Array, RecordBatch, StringArray, StructArray,
};
use arrow_buffer::NullBuffer;
use arrow_schema::{DataType, Field, Fields, Schema};
use common::{batch, event_json, for_every_kind, source};
use palisade_events::json::{Mode, parse_event};
use palisade_events::{
    AttributeError, AttributeValue, Attributes, Batch, BatchBuilder, BatchError, Body, FieldId,
    Kind, MAX_BATCH_TEXT, MAX_SLOT, Segment, Source, Stamp, batches,
};
use proptest::strategy::{Strategy as _, ValueTree as _};
use proptest::test_runner::TestRunner;

/// The record batch with another column in the place of `at`.
fn with_column(arrow: &RecordBatch, at: usize, column: ArrayRef) -> RecordBatch {
    let mut fields = arrow.schema().fields().to_vec();
    let field = Field::new(
        fields[at].name(),
        column.data_type().clone(),
        fields[at].is_nullable(),
    );
    fields[at] = Arc::new(field);
    let mut columns = arrow.columns().to_vec();
    columns[at] = column;
    RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).expect("columns fit")
}

#[test]
fn lists_under_an_absent_record_are_not_seen() {
    let mut hidden = 0;
    for_every_kind(|events| {
        let batch = batch(&events);
        let arrow = batch.record_batch().expect("columns fit");
        for (at, column) in arrow.columns().iter().enumerate() {
            let schema = arrow.schema();
            let field = schema.field(at);
            let (true, Some(record)) = (field.is_nullable(), column.as_struct_opt()) else {
                continue;
            };
            let gone = StructArray::new(
                record.fields().clone(),
                record.columns().to_vec(),
                Some(NullBuffer::new_null(record.len())),
            );
            let arrow = with_column(&arrow, at, Arc::new(gone));
            let again = Batch::from_record_batch(batch.kind(), source(), &arrow).expect("a batch");
            for child in record.fields() {
                let name = format!("{}.{}", field.name(), child.name());
                let Ok(column) = again.column(FieldId::of(&name)) else {
                    continue;
                };
                assert_eq!(column.rows(), events.len(), "{name}");
                let rows: Vec<u32> = (0..).take(events.len()).collect();
                for column in [column.clone(), column.gather(&rows)] {
                    for row in 0..events.len() {
                        let range = column.range(row);
                        assert!(
                            range.into_iter().all(|value| !column.is_valid(value)),
                            "{name} has a value under an absent record"
                        );
                    }
                }
                if matches!(child.data_type(), DataType::List(_)) {
                    assert_eq!(column.values.len(), 0, "{name}");
                }
            }
        }
    });
    // There are such lists at all.
    for kind in Kind::ALL {
        for field in kind.arrow_fields() {
            if let DataType::Struct(fields) = field.data_type() {
                let list = |f: &Arc<Field>| matches!(f.data_type(), DataType::List(_));
                hidden += usize::from(field.is_nullable() && fields.iter().any(list));
            }
        }
    }
    assert!(hidden > 0);
}

fn app(attributes: &[(&str, AttributeValue)]) -> Body {
    let mut body = Body::neutral(Kind::NetworkApp);
    if let Body::NetworkApp(app) = &mut body {
        for (name, value) in attributes {
            app.attributes.insert(*name, value.clone()).expect("fits");
        }
    }
    body
}

fn app_batch(rows: &[&[(&str, AttributeValue)]]) -> Batch {
    let mut builder = BatchBuilder::new(Kind::NetworkApp, source());
    for (seq, row) in (0..).zip(rows) {
        let stamp = Stamp {
            seq,
            ..Stamp::default()
        };
        builder.push(stamp, &app(row)).expect("fits");
    }
    builder.finish().expect("columns fit")
}

fn attribute_columns(columns: Vec<(&str, ArrayRef)>, rows: usize) -> ArrayRef {
    let fields: Fields = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, array)| array).collect();
    Arc::new(StructArray::try_new_with_length(fields, arrays, None, rows).expect("fits"))
}

#[test]
fn columns_of_attributes_must_be_as_a_batch_has_them() {
    let both = [("a", AttributeValue::from("x"))];
    let arrow = app_batch(&[&both, &[("a", 1.0.into()), ("b", 2.0.into())]]);
    let arrow = arrow.record_batch().expect("columns fit");
    let at = arrow.schema().index_of("attributes").expect("attributes");
    let refusal = |columns: Vec<(&str, ArrayRef)>| {
        let arrow = with_column(&arrow, at, attribute_columns(columns, 2));
        match Batch::from_record_batch(Kind::NetworkApp, source(), &arrow) {
            Ok(_) => None,
            Err(error) => Some(error.to_string()),
        }
    };
    let numbers =
        |values: [Option<f64>; 2]| -> ArrayRef { Arc::new(Float64Array::from_iter(values)) };
    let texts =
        |values: [Option<&str>; 2]| -> ArrayRef { Arc::new(StringArray::from_iter(values)) };
    let one = || numbers([Some(1.0), None]);
    let text = || texts([None, Some("x")]);
    assert_eq!(
        refusal(vec![("a", one()), ("a:text", text()), ("b", text())]),
        None
    );
    for (columns, problem) in [
        (
            vec![("b", one()), ("a", one())],
            "not in the order of names",
        ),
        (
            vec![("a", one()), ("a", one())],
            "not in the order of names",
        ),
        (vec![("a:text", text()), ("a", one())], "named wrongly"),
        (vec![("a:text", text())], "named wrongly"),
        (vec![("a", one()), ("a", text())], "named wrongly"),
        (vec![("a:text", one())], "named wrongly"),
        (vec![("a", numbers([None, None]))], "no event has"),
        (
            vec![("a", numbers([Some(f64::NAN), None]))],
            "not a finite number",
        ),
        (
            vec![("a", one()), ("a:text", texts([Some("x"), None]))],
            "row 0 has an attribute twice",
        ),
        (vec![("A\u{1b}", one())], r"`A\u{1b}` is no name"),
    ] {
        let refused = refusal(columns).expect("refused");
        assert!(refused.contains(problem), "{refused}");
        assert!(!refused.contains('\u{1b}'));
    }
    let many: Vec<(String, ArrayRef)> = (0..65).map(|n| (format!("k{n:02}"), one())).collect();
    let many = many
        .iter()
        .map(|(n, a)| (n.as_str(), Arc::clone(a)))
        .collect();
    assert!(
        refusal(many)
            .expect("refused")
            .contains("row 0 has more than 64")
    );
}

#[test]
fn numbers_that_are_not_finite_are_refused() {
    let mut runner = TestRunner::deterministic();
    let mut seen = 0;
    for kind in Kind::ALL {
        let json = event_json(*kind)
            .new_tree(&mut runner)
            .expect("a value")
            .current();
        let event = parse_event(json.to_string().as_bytes(), Mode::Strict).expect("an event");
        let arrow = batch(&[event]).record_batch().expect("columns fit");
        for at in 0..arrow.num_columns() {
            if *arrow.column(at).data_type() != DataType::Float32 {
                continue;
            }
            seen += 1;
            let endless = Arc::new(Float32Array::from(vec![f32::INFINITY]));
            let arrow = with_column(&arrow, at, endless);
            let error = Batch::from_record_batch(*kind, source(), &arrow).expect_err("refused");
            assert!(error.to_string().contains("not finite"), "{error}");
        }
    }
    assert!(seen > 0, "some kind has a number with a fraction");
}

#[test]
fn a_batch_is_full_of_text() {
    let long = "x".repeat(MAX_BATCH_TEXT / 4);
    let mut builder = BatchBuilder::new(Kind::NetworkApp, source());
    let mut rows = 0;
    while !builder.is_full() {
        let stamp = Stamp {
            seq: rows,
            ..Stamp::default()
        };
        let body = app(&[("a", long.as_str().into())]);
        builder.push(stamp, &body).expect("fits");
        rows += 1;
    }
    assert_eq!(rows, 4);
    assert!(builder.push(Stamp::default(), &app(&[])).is_err());
    let full = builder.finish().expect("columns fit");
    assert!(!builder.is_full());
    // Labels count as well.
    builder.push(Stamp::default(), &app(&[])).expect("fits");
    builder.handle(None, &vec![long.clone(); 4], &[]);
    assert!(builder.is_full());
    builder.finish().expect("columns fit");
    assert!(!builder.is_full());
    // It comes back from Arrow, and a larger one is refused.
    let arrow = full.record_batch().expect("columns fit");
    let again = Batch::from_record_batch(Kind::NetworkApp, source(), &arrow).expect("a batch");
    assert_eq!(again.len(), 4);
    let five = arrow_select::concat::concat_batches(&arrow.schema(), [&arrow, &arrow.slice(0, 2)])
        .expect("columns fit");
    let error = Batch::from_record_batch(Kind::NetworkApp, source(), &five).expect_err("refused");
    assert!(
        error.to_string().contains("more than 4194304 bytes"),
        "{error}"
    );
    // Rows of several batches are cut so that each keeps within it.
    let segments = [Segment::from(&full), Segment::from(&again)];
    let picks: Vec<_> = (0..4).flat_map(|row| [(0, row), (1, row)]).collect();
    let seqs: Vec<u64> = (0..8).collect();
    let cut = batches(&source(), &segments, &picks, &seqs).expect("batches");
    assert_eq!(cut.iter().map(Batch::len).collect::<Vec<_>>(), [4, 4]);
}

#[test]
fn a_source_beyond_the_last_slot_makes_no_batch() {
    for (slot, fits) in [(MAX_SLOT, true), (MAX_SLOT + 1, false)] {
        let source = Source {
            slot,
            name: "s".to_owned(),
            tenant: "t".to_owned(),
        };
        let mut builder = BatchBuilder::new(Kind::NetworkApp, Arc::new(source));
        builder.push(Stamp::default(), &app(&[])).expect("fits");
        match builder.finish() {
            Ok(batch) => assert!(fits && batch.event_ref(0).is_some_and(|at| at < 1 << 52)),
            Err(error) => {
                assert!(!fits);
                let slot = BatchError::Slot {
                    source_name: "s".to_owned(),
                    slot,
                };
                assert_eq!(error, slot);
            }
        }
    }
}

#[test]
fn names_of_attributes_are_checked_whole() {
    let event = |name: &str| {
        let json = format!(
            r#"{{"kind":"network.app","time":"2025-01-01T00:00:00Z","attributes":{{"{name}":1}}}}"#
        );
        parse_event(json.as_bytes(), Mode::Vector)
    };
    let longest = "n".repeat(64);
    let read = event(&longest).expect("an event");
    let names = read.body.attributes().expect("attributes");
    assert_eq!(
        names.iter().map(|(name, _)| name).collect::<Vec<_>>(),
        [longest.as_str()]
    );
    // One byte more is refused, and does not become the name that it begins with.
    let error = event(&format!("{longest}n")).expect_err("refused");
    assert_eq!(error.field, "attributes");
    assert!(
        error.problem.contains("is no name for an attribute"),
        "{error}"
    );
    let error = event(r"\u001b[31mred").expect_err("refused");
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
    let error = Attributes::default()
        .insert("\u{1b}", 1.0)
        .expect_err("refused");
    assert_eq!(error, AttributeError::Name(r"\u{1b}".to_owned()));
}
