//! What state.wit says, line by line.

use super::*;

#[test]
fn a_window_is_open_at_its_beginning_and_closed_at_its_end() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let times = [100, 100, 105, 109, 110, 115];
    let rows: Vec<Row> = times.iter().map(|t| row(*t, 7)).collect();
    // At 110 the two of 100 are out; at 115 that of 105 is.
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 2, 3, 4, 3, 3]);
}

#[test]
fn keys_are_counted_apart() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let rows = [row(1, 7), row(1, 8), row(2, 7), row(2, 9), row(3, 7)];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 1, 2, 1, 3]);
}

#[test]
fn tenants_are_counted_apart() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let rows = [row(1, 7), row(1, 7)];
    assert_eq!(apply(&mut tables, &batch_at("acme", 0, &rows)), [1, 2]);
    assert_eq!(apply(&mut tables, &batch_at("umbra", 0, &rows)), [1, 2]);
    assert_eq!(apply(&mut tables, &batch_at("acme", 2, &rows)), [3, 4]);
}

#[test]
fn a_late_row_counts_while_it_is_in_the_window_and_answers_the_latest_value() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let rows = [
        row(100, 7),
        row(95, 7),
        row(91, 7),
        row(90, 7),
        row(0, 7),
        row(101, 7),
    ];
    // 90 and 0 are out of (90, 100]; at 101 that of 91 leaves.
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 2, 3, 3, 3, 3]);
}

#[test]
fn a_row_without_a_key_field_is_not_counted() {
    let mut count = spec(Holds::Count, 10, 10);
    count.key.push(FieldId::of("app-proto"));
    let mut tables = tables(count);
    let with = Row {
        proto: Some("http"),
        ..row(1, 7)
    };
    let rows = [with, row(1, 7), with];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 0, 2]);
    assert_eq!(tables.stats()[0].keys, 1);
}

#[test]
fn a_key_field_that_the_kind_lacks_is_lacking_in_every_row() {
    let mut count = spec(Holds::Count, 10, 10);
    count.key.push(FieldId::of("qname"));
    let mut tables = tables(count);
    assert_eq!(apply(&mut tables, &batch(&[row(1, 7)])), [0]);
}

#[test]
fn sums_add_up_and_leave_with_their_window() {
    let mut tables = tables(spec(Holds::Sum, 10, 10));
    let with = |time, bytes| Row {
        bytes,
        ..row(time, 7)
    };
    let rows = [
        with(1, 5),
        with(2, 0),
        with(3, 10),
        with(11, 1),
        with(13, 2),
    ];
    assert_eq!(apply(&mut tables, &batch(&rows)), [5, 5, 15, 11, 3]);
}

#[test]
fn a_sum_saturates_and_recovers() {
    let mut tables = tables(spec(Holds::Sum, 10, 10));
    let with = |time, bytes| Row {
        bytes,
        ..row(time, 7)
    };
    let rows = [
        with(1, u64::MAX),
        with(2, u64::MAX),
        with(3, 1),
        with(12, 1),
    ];
    let max = u64::MAX;
    assert_eq!(apply(&mut tables, &batch(&rows)), [max, max, max, 2]);
}

#[test]
fn a_row_without_the_value_makes_no_key_but_moves_the_window() {
    let mut tables = Tables::new(vec![spec(Holds::Sum, 10, 10)], DEFAULT_BYTES);
    let with = |time, port| Row {
        port,
        ..row(time, 7)
    };
    let batch = batch(&[
        with(1, None),
        with(1, Some(80)),
        with(2, None),
        with(11, None),
        with(12, Some(1)),
    ]);
    let rows = all(&batch);
    let column = batch.column(FieldId::of("dst.port")).unwrap();
    tables.begin("acme");
    let rows = Rows {
        batch: &batch,
        selection: None,
        rows: &rows[..1],
    };
    assert_eq!(tables.sum(0, &column, rows).unwrap(), [0]);
    assert_eq!(tables.stats()[0].keys, 0);
    let rest = [1, 2, 3, 4];
    let rows = Rows {
        rows: &rest,
        ..rows
    };
    assert_eq!(tables.sum(0, &column, rows).unwrap(), [80, 80, 0, 1]);
}

#[test]
fn only_whole_numbers_are_summed() {
    let mut tables = tables(spec(Holds::Sum, 10, 10));
    let batch = batch(&[row(1, 7)]);
    tables.begin("acme");
    let rows = Rows {
        batch: &batch,
        selection: None,
        rows: &[0],
    };
    let column = batch.column(FieldId::of("src.ip")).unwrap();
    let error = tables.sum(0, &column, rows).unwrap_err();
    assert!(error.to_string().contains("u8 to u64"), "{error}");
    let error = tables.count(0, rows).unwrap_err();
    assert!(matches!(error, StateError::Kind { .. }));
    assert_eq!(tables.count(1, rows), Err(StateError::NoTable(1, 1)));
}

#[test]
fn distinct_values_count_once_and_leave_when_last_seen_before_the_window() {
    let mut tables = tables(spec(Holds::Distinct, 10, 10));
    let with = |time, port| Row {
        port,
        ..row(time, 7)
    };
    let rows = [
        with(1, Some(1)),
        with(1, Some(1)),
        with(2, Some(2)),
        with(5, None),
        with(6, Some(1)),
        with(13, Some(3)), // 2 is gone, 1 is not
        with(4, Some(4)),  // late, in (3, 13]
        with(3, Some(5)),  // too late
        with(16, Some(3)),
    ];
    let counts = apply(&mut tables, &batch(&rows));
    assert_eq!(counts, [1, 1, 2, 2, 2, 2, 3, 3, 1]);
}

#[test]
fn a_key_is_first_until_it_was_not_seen_for_the_ttl() {
    let mut tables = tables(spec(Holds::First, 0, 10));
    let times = [100, 105, 114, 50, 123, 134, 143];
    let rows: Vec<Row> = times.iter().map(|t| row(*t, 7)).collect();
    // 134 - 123 and nothing else is 10 or more. The late row at 50 finds the key.
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 0, 0, 0, 0, 1, 0]);
}

#[test]
fn silence_of_the_ttl_begins_a_window_anew() {
    let mut tables = tables(spec(Holds::Count, 100, 5));
    let rows = [row(1, 7), row(3, 7), row(7, 7), row(12, 7)];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 2, 3, 1]);
}

#[test]
fn citations_are_the_last_sixteen_events_in_the_window() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let rows: Vec<Row> = (0..30).map(|n| row(n / 2, 7)).collect();
    let batch = batch(&rows);
    apply(&mut tables, &batch);
    tables.begin("acme");
    let cited = tables.citations(0, &batch, 29).unwrap();
    assert_eq!(cited, (14..30).map(event).collect::<Vec<_>>());
    // Nothing under another key, nor without one.
    let other = batch_at("acme", 99, &[row(1, 8)]);
    assert!(tables.citations(0, &other, 0).unwrap().is_empty());
    assert!(tables.citations(0, &batch, 9999).unwrap().is_empty());
}

#[test]
fn citations_hold_nothing_that_has_left_the_window() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let batch = batch(&[row(1, 7), row(2, 7), row(11, 7)]);
    apply(&mut tables, &batch);
    tables.begin("acme");
    assert_eq!(
        tables.citations(0, &batch, 2).unwrap(),
        [event(1), event(2)]
    );
}

#[test]
fn citations_of_distinct_values_are_the_last_events_of_the_values_seen_last() {
    let mut tables = tables(spec(Holds::Distinct, 100, 100));
    let with = |time, port| Row {
        port: Some(port),
        ..row(time, 7)
    };
    let batch = batch(&[with(1, 1), with(2, 2), with(3, 1), with(4, 3)]);
    apply(&mut tables, &batch);
    tables.begin("acme");
    let cited = tables.citations(0, &batch, 0).unwrap();
    assert_eq!(cited, [event(1), event(2), event(3)]);
}

#[test]
fn the_citation_of_a_sighting_is_the_event_that_put_the_key_in() {
    let mut tables = tables(spec(Holds::First, 0, 10));
    let batch = batch(&[row(1, 7), row(5, 7)]);
    apply(&mut tables, &batch);
    tables.begin("acme");
    assert_eq!(tables.citations(0, &batch, 1).unwrap(), [event(0)]);
}

#[test]
fn values_are_put_got_and_removed_by_tenant() {
    let mut tables = tables(spec(Holds::Value, 0, 10));
    let get = |tables: &mut Tables, key: &str| {
        let value = tables.get(0, key).unwrap();
        value.map(|v| String::from_utf8(v.to_vec()).unwrap())
    };
    tables.begin("acme");
    tables.put(0, "a", b"one".to_vec()).unwrap();
    tables.put(0, "a", b"two".to_vec()).unwrap();
    tables.put(0, "", b"empty key".to_vec()).unwrap();
    assert_eq!(get(&mut tables, "a").as_deref(), Some("two"));
    tables.commit();
    tables.begin("umbra");
    assert_eq!(get(&mut tables, "a"), None);
    tables.commit();
    tables.begin("acme");
    assert_eq!(get(&mut tables, "").as_deref(), Some("empty key"));
    tables.remove(0, "a").unwrap();
    tables.remove(0, "never there").unwrap();
    assert_eq!(get(&mut tables, "a"), None);
}

#[test]
fn a_value_lives_for_its_ttl_from_the_next_watermark_on() {
    let mut tables = tables(spec(Holds::Value, 0, 10));
    tables.advance(1000);
    tables.begin("acme");
    tables.put(0, "a", vec![1]).unwrap();
    tables.commit();
    // The epoch in which it was put lasted until 5000.
    tables.advance(5000);
    tables.begin("acme");
    assert!(tables.get(0, "a").unwrap().is_some());
    tables.commit();
    tables.advance(5009);
    tables.begin("acme");
    assert!(
        tables.get(0, "a").unwrap().is_some(),
        "reading does not prolong"
    );
    tables.commit();
    tables.advance(5010);
    tables.begin("acme");
    assert!(tables.get(0, "a").unwrap().is_none());
    tables.put(0, "a", vec![2]).unwrap();
    tables.put(0, "b", vec![2]).unwrap();
    tables.commit();
    tables.advance(5019);
    tables.begin("acme");
    assert!(tables.get(0, "a").unwrap().is_some());
}

#[test]
fn answers_do_not_depend_on_how_rows_are_cut_into_calls() {
    let rows: Vec<Row> = (0..1000u64)
        .map(|n| Row {
            time: 50 + n * 7919 % 31 + n / 4,
            src: (n * 31 % 11) as u32,
            port: (n % 5 != 0).then_some((n * 17 % 23) as u16),
            proto: None,
            bytes: n,
        })
        .collect();
    for holds in [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First] {
        let mut answers = Vec::new();
        for size in [1, 7, 1000] {
            let mut spec = spec(holds, 40, 30);
            spec.max_keys = 8;
            let mut tables = tables(spec);
            let cut = rows.chunks(size).zip((0u64..).step_by(size));
            let all: Vec<u64> = cut
                .flat_map(|(rows, seq)| apply(&mut tables, &batch_at("acme", seq, rows)))
                .collect();
            answers.push((all, tables.stats()[0].evicted));
        }
        assert_eq!(answers[0], answers[1], "{holds:?}");
        assert_eq!(answers[0], answers[2], "{holds:?}");
    }
}

#[test]
fn only_the_rows_that_are_named_are_applied_in_the_order_given() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let batch = batch(&[row(1, 7), row(2, 7), row(3, 8), row(4, 7)]);
    tables.begin("acme");
    let rows = Rows {
        batch: &batch,
        selection: Some(&[1, 2, 3]),
        rows: &[2, 0, 1, 0, 9],
    };
    // Row 9 is not there; the runtime refuses it before.
    assert_eq!(tables.count(0, rows).unwrap(), [1, 2, 1, 3, 0]);
    let none = Rows { rows: &[], ..rows };
    assert!(tables.count(0, none).unwrap().is_empty());
}
