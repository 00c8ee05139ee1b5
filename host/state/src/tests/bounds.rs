//! Full tables, and input at the edges.

use super::*;
use crate::partition::{PartitionKey, part_of};

fn small(holds: Holds, max_keys: u32) -> TableSpec {
    TableSpec {
        max_keys,
        ..spec(holds, 1000, 1000)
    }
}

#[test]
fn a_full_table_drops_the_key_touched_longest_ago() {
    let mut tables = tables(small(Holds::Count, 2));
    let rows = [1, 2, 1, 3, 2, 1, 3].map(|src| row(5, src));
    // 3 drops 2, then 2 drops 1, then 1 drops 3, then 3 drops 2.
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 1, 2, 1, 1, 1, 1]);
    let stats = &tables.stats()[0];
    assert_eq!((stats.keys, stats.evicted), (2, 4));
}

#[test]
fn a_key_whose_time_is_over_is_not_counted_as_dropped() {
    let mut tables = tables(small(Holds::Count, 1));
    apply(&mut tables, &batch(&[row(5, 1), row(1005, 2)]));
    assert_eq!(tables.stats()[0].evicted, 0);
    apply(&mut tables, &batch(&[row(1006, 3)]));
    assert_eq!(tables.stats()[0].evicted, 1);
}

#[test]
fn of_several_tenants_the_one_with_most_keys_gives_way() {
    let mut tables = tables(small(Holds::Count, 4));
    apply(&mut tables, &batch_at("quiet", 0, &[row(1, 1)]));
    let flood: Vec<Row> = (0..500).map(|src| row(2, src)).collect();
    apply(&mut tables, &batch_at("loud", 0, &flood));
    assert_eq!(apply(&mut tables, &batch_at("quiet", 1, &[row(3, 1)])), [2]);
    assert_eq!(tables.stats()[0].keys, 4);
}

#[test]
fn tables_keep_within_their_bytes() {
    let specs = vec![spec(Holds::Value, 0, 1000), spec(Holds::Value, 0, 1000)];
    let mut tables = Tables::new(specs, 1 << 20);
    tables.begin("quiet");
    tables.put(0, "mine", vec![7; 1000]).unwrap();
    tables.commit();
    for n in 0..100 {
        tables.begin("loud");
        let table = n % 2;
        tables
            .put(table, &format!("key-{n}"), vec![0; 65_536])
            .unwrap();
        assert!(tables.get(table, &format!("key-{n}")).unwrap().is_some());
        tables.commit();
        assert!(tables.bytes() <= 1 << 20);
    }
    let stats = tables.stats();
    assert_eq!(stats[0].keys + stats[1].keys, 15 + 1);
    assert_eq!(stats[0].evicted + stats[1].evicted, 85);
    tables.begin("quiet");
    assert!(tables.get(0, "mine").unwrap().is_some());
    tables.begin("loud");
    assert!(
        tables.get(0, "key-84").unwrap().is_none(),
        "touched longest ago"
    );
    assert!(tables.get(1, "key-85").unwrap().is_some());
}

#[test]
fn the_limit_of_bytes_holds_for_every_kind() {
    for holds in [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First] {
        let mut table = spec(holds, 1 << 40, 1 << 40);
        table.max_keys = u32::MAX;
        let mut tables = Tables::new(vec![table], 1 << 20);
        for n in 0..40u64 {
            let rows: Vec<Row> = (0..1000)
                .map(|i| Row {
                    port: Some((n * 1000 + i) as u16),
                    // Many keys, and some with many entries.
                    src: if i % 2 == 0 {
                        (n * 1000 + i) as u32
                    } else {
                        (i % 10) as u32
                    },
                    ..row(n * 1000 + i, 0)
                })
                .collect();
            apply(&mut tables, &batch(&rows));
            assert!(tables.bytes() <= 1 << 20, "{holds:?}");
        }
        assert!(tables.stats()[0].evicted > 0, "{holds:?}");
    }
}

#[test]
fn the_bytes_of_an_emptied_table_are_none() {
    for holds in [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First] {
        let mut tables = tables(spec(holds, 10, 10));
        let rows: Vec<Row> = (0..1000).map(|n| row(n / 100, n as u32 % 50)).collect();
        apply(&mut tables, &batch(&rows));
        assert!(tables.bytes() > 0);
        tables.advance(18);
        assert_eq!(tables.stats()[0].keys, 50, "{holds:?}");
        tables.advance(19);
        assert_eq!(
            (tables.stats()[0].keys, tables.bytes()),
            (0, 0),
            "{holds:?}"
        );
    }
}

#[test]
fn times_at_the_ends_of_u64_are_times_like_others() {
    let max = u64::MAX;
    for holds in [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First] {
        for window in [1, 10, max / 2, max] {
            let mut tables = tables(spec(holds, window, window));
            let rows = [
                row(0, 7),
                row(max, 7),
                row(0, 7),
                row(max - 1, 7),
                row(max, 7),
            ];
            let answers = apply(&mut tables, &batch(&rows));
            assert_eq!(answers[0], 1);
            tables.advance(max);
            tables.advance(0);
        }
    }
    let mut tables = tables(spec(Holds::Count, max, max));
    let rows = [row(1, 7), row(max, 7), row(0, 7)];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 2, 2]);
}

#[test]
fn times_that_go_backwards_change_nothing_beyond_the_window() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let rows: Vec<Row> = (0..1000).rev().map(|time| row(time, 7)).collect();
    let answers = apply(&mut tables, &batch(&rows));
    assert_eq!(&answers[..11], [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 10]);
    assert_eq!(answers[999], 10);
}

#[test]
fn beyond_1024_entries_a_window_is_up_to_a_64th_longer() {
    // One entry a tick; the window holds 64,000 ticks, a bucket 1,000.
    let mut tables = tables(spec(Holds::Count, 64_000, 64_000));
    let mut answers = Vec::new();
    for n in 0..200u64 {
        let rows: Vec<Row> = (0..1000).map(|i| row(n * 1000 + i, 7)).collect();
        answers.extend(apply(&mut tables, &batch(&rows)));
    }
    for (time, answer) in (0u64..).zip(&answers) {
        let exact = (time + 1).min(64_000);
        assert!((exact..exact + 1000).contains(answer), "{time}: {answer}");
    }
    assert!(tables.bytes() < 4096);
    // Empty again, exact again.
    let rows = [row(1_000_000, 7), row(1_000_001, 7)];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 2]);
}

#[test]
fn beyond_1024_distinct_values_the_count_is_an_estimate() {
    let mut tables = tables(spec(Holds::Distinct, 1 << 20, 1 << 20));
    for n in 0..60u64 {
        let rows: Vec<Row> = (0..1000)
            .map(|i| Row {
                port: Some((n * 1000 + i) as u16),
                ..row(n * 1000 + i, 7)
            })
            .collect();
        let seen = (n + 1) * 1000;
        let answers = apply(&mut tables, &batch(&rows));
        let error = answers[999] as f64 / seen as f64 - 1.0;
        assert!(error.abs() < 0.12, "{seen}: {error}");
        // The same again changes nothing.
        assert_eq!(apply(&mut tables, &batch(&rows))[999], answers[999]);
    }
    assert!(tables.bytes() < 64 << 10);
    let rows = [row(1 << 30, 7), row(1 << 30, 7)];
    assert_eq!(apply(&mut tables, &batch(&rows)), [1, 1]);
}

#[test]
fn a_call_that_changes_too_much_is_refused() {
    let mut tables = tables(spec(Holds::Count, 10, 10));
    let batch = batch(&[row(1, 7)]);
    apply(&mut tables, &batch);
    tables.begin("acme");
    let rows = vec![0; 65_536];
    let rows = Rows {
        batch: &batch,
        selection: None,
        rows: &rows,
    };
    let refused = (0..64).find_map(|_| tables.count(0, rows).err());
    assert!(matches!(refused, Some(StateError::Journal(_))));
    tables.rollback();
    assert_eq!(apply(&mut tables, &batch), [2]);
}

/// Answers and keys of tables that overflow, on so many workers.
fn on_workers(workers: usize, specs: &[TableSpec], batches: &[Batch]) -> (Vec<Vec<u64>>, Vec<u32>) {
    let by = vec![(Kind::NetworkFlow, vec![FieldId::of("src.ip")])];
    let tables = |_| {
        let by = PartitionedBy::fields_of(by.clone());
        // Little enough for bytes to run out as well.
        Tables::partitioned(specs.to_vec(), 2 << 20, by, PartitionKey::default())
    };
    let mut shards: Vec<Tables> = (0..workers).map(tables).collect();
    let mut answers = Vec::new();
    for batch in batches {
        let mut merged = vec![vec![u64::MAX; batch.len()]; specs.len()];
        let sources = [batch.column(FieldId::of("src.ip")).unwrap()];
        for (worker, tables) in shards.iter_mut().enumerate() {
            let part =
                |row: u32| usize::from(part_of(PartitionKey::default(), &sources, row as usize));
            let mine: Vec<u32> = (0..batch.len() as u32)
                .filter(|row| part(*row) % workers == worker)
                .collect();
            tables.begin(&batch.source().tenant);
            let rows = Rows {
                batch,
                selection: None,
                rows: &mine,
            };
            let counts = tables.count(0, rows).unwrap();
            let values = batch.column(FieldId::of("dst.port")).unwrap();
            let ports = tables.distinct(1, &values, rows).unwrap();
            let first = tables.first(2, rows).unwrap();
            tables.commit();
            let all = [counts, ports, first.into_iter().map(u64::from).collect()];
            for (merged, answers) in merged.iter_mut().zip(all) {
                for (row, answer) in mine.iter().zip(answers) {
                    merged[*row as usize] = answer;
                }
            }
        }
        answers.extend(merged);
    }
    let kept = (0..specs.len()).map(|n| shards.iter().map(|s| s.stats()[n].keys).sum());
    (answers, kept.collect())
}

#[test]
fn what_overflowing_tables_answer_does_not_depend_on_the_number_of_workers() {
    let mut specs = vec![
        spec(Holds::Count, 1 << 40, 1 << 40),
        spec(Holds::Distinct, 1 << 40, 1 << 40),
        spec(Holds::First, 1 << 40, 1 << 40),
    ];
    specs.iter_mut().for_each(|spec| spec.max_keys = 4096);
    let mut state = 1u32;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state >> 8
    };
    let batches: Vec<Batch> = (0..60)
        .map(|n| {
            let rows: Vec<Row> = (0..1000)
                .map(|i| Row {
                    port: Some(random() as u16 % 200),
                    ..row(n * 1000 + i, random() % 12_000)
                })
                .collect();
            batch_at(["acme", "umbra"][n as usize % 3 / 2], n * 1000, &rows)
        })
        .collect();
    let alone = on_workers(1, &specs, &batches);
    assert!(alone.0.iter().flatten().all(|answer| *answer < u64::MAX));
    assert!(alone.1.iter().all(|keys| *keys > 1000 && *keys <= 4096));
    for workers in [2, 5, 64] {
        assert!(
            on_workers(workers, &specs, &batches) == alone,
            "{workers} workers"
        );
    }
}
