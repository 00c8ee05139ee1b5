//! A call that is undone was never made.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
struct Call {
    tenant: &'static str,
    rows: Vec<Row>,
    puts: Vec<(u8, Option<u16>)>,
    faults: bool,
}

fn calls() -> impl Strategy<Value = Vec<Call>> {
    let row = (0..300u64, 0..12u32, prop::option::of(0..30u16), 0..5000u64);
    let row = row.prop_map(|(time, src, port, bytes)| Row {
        time,
        src,
        port,
        proto: None,
        bytes,
    });
    let call = (
        prop::sample::select(vec!["acme", "umbra"]),
        prop::collection::vec(row, 1..20),
        prop::collection::vec((0..60u8, prop::option::weighted(0.9, 0..65_000u16)), 0..12),
        prop::bool::weighted(0.4),
    );
    let call = call.prop_map(|(tenant, rows, puts, faults)| Call {
        tenant,
        rows,
        puts,
        faults,
    });
    prop::collection::vec(call, 1..30)
}

fn all_kinds() -> Tables {
    let kinds = [
        Holds::Count,
        Holds::Sum,
        Holds::Distinct,
        Holds::First,
        Holds::Value,
    ];
    let specs = kinds.map(|holds| TableSpec {
        max_keys: if holds == Holds::Value { 60 } else { 7 },
        ..spec(holds, 60, 50)
    });
    // The least limit, which the values exceed soon.
    Tables::new(specs.to_vec(), 0)
}

fn run(tables: &mut Tables, call: &Call, seq: u64) -> Vec<Vec<u64>> {
    let batch = batch_at(call.tenant, seq, &call.rows);
    let rows = all(&batch);
    let rows = Rows {
        batch: &batch,
        selection: None,
        rows: &rows,
    };
    let column = |name| batch.column(FieldId::of(name)).unwrap();
    tables.begin(call.tenant);
    let mut answers = vec![
        tables.count(0, rows).unwrap(),
        tables.sum(1, &column("bytes-out"), rows).unwrap(),
        tables.distinct(2, &column("dst.port"), rows).unwrap(),
        tables
            .first(3, rows)
            .unwrap()
            .into_iter()
            .map(u64::from)
            .collect(),
    ];
    for (key, value) in &call.puts {
        let key = key.to_string();
        match value {
            Some(value) => {
                let value = vec![1; usize::from(*value)];
                tables.put(4, &key, value).unwrap();
            }
            None => tables.remove(4, &key).unwrap(),
        }
        let got = tables.get(4, "3").unwrap();
        answers.push(vec![got.map_or(0, |value| 1 + value.len() as u64)]);
    }
    for table in 0..4 {
        answers.push(tables.citations(table, &batch, 0).unwrap());
    }
    answers
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    /// With the calls that fault, and without them.
    #[test]
    fn tables_are_as_if_faulted_calls_had_never_been(calls in calls()) {
        let (mut with, mut without) = (all_kinds(), all_kinds());
        for (n, call) in (0u64..).zip(&calls) {
            let seq = n * 100;
            if call.faults {
                run(&mut with, call, seq);
                with.rollback();
            } else {
                let answers = run(&mut with, call, seq);
                with.commit();
                prop_assert_eq!(answers, run(&mut without, call, seq));
                without.commit();
            }
            // Tenants keep their numbers, so begin both with the same.
            without.begin(call.tenant);
            without.commit();
            prop_assert_eq!(with.bytes(), without.bytes());
            prop_assert_eq!(with.stats(), without.stats());
            prop_assert_eq!(with.contents(), without.contents());
            if n % 5 == 4 {
                with.advance(n * 10);
                without.advance(n * 10);
            }
        }
    }
}

#[test]
fn the_property_is_tried_where_bytes_run_out() {
    let mut tables = all_kinds();
    let puts = (0..60).map(|key| (key, Some(60_000))).collect();
    let call = Call {
        tenant: "acme",
        rows: vec![row(1, 1)],
        puts,
        faults: true,
    };
    run(&mut tables, &call, 0);
    assert!(tables.stats()[4].evicted > 0);
    tables.rollback();
    assert_eq!(tables.stats()[4].evicted, 0);
}

#[test]
fn a_key_put_in_by_an_undone_call_is_gone() {
    let mut tables = tables(spec(Holds::First, 0, 10));
    let batch = batch(&[row(1, 7)]);
    tables.begin("acme");
    assert_eq!(apply_in_call(&mut tables, &batch), [1]);
    tables.rollback();
    assert_eq!((tables.stats()[0].keys, tables.bytes()), (0, 0));
    assert_eq!(apply(&mut tables, &batch), [1]);
    assert_eq!(apply(&mut tables, &batch), [0]);
}
