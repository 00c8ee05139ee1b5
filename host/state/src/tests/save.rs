//! What is saved of tables while they go on is what they held when that began, and tables that it
//! is put back into go on as the first would have.

use palisade_events::FieldId;
use proptest::prelude::*;

use super::*;
use crate::image::{Bytes, CellImage, FingerprintImage, ImageError, KeyImage, TablesImage};
use crate::partition::PartitionKey;

const KINDS: [Holds; 4] = [Holds::Count, Holds::Sum, Holds::Distinct, Holds::First];

/// A table of each kind, with room for few keys and windows that go by.
fn specs() -> Vec<TableSpec> {
    let one = |holds| TableSpec {
        name: format!("{holds:?}"),
        max_keys: 128,
        ..spec(holds, 50, 90)
    };
    KINDS.into_iter().chain([Holds::Value]).map(one).collect()
}

fn by_address() -> PartitionedBy {
    PartitionedBy::fields_of(vec![(Kind::NetworkFlow, vec![FieldId::of("src.ip")])])
}

fn made(divided: bool) -> Tables {
    let by = if divided {
        by_address()
    } else {
        PartitionedBy::nothing()
    };
    Tables::partitioned(specs(), LEAST_BYTES, by, PartitionKey::default())
}

/// One call: rows, a value of the plugin's own, and whether it is undone.
#[derive(Clone, Debug)]
struct Step {
    tenant: bool,
    rows: Vec<(u32, u16)>,
    own: u8,
    fails: bool,
    advance: bool,
    /// How far a walk goes after it.
    walk: usize,
}

fn step() -> impl Strategy<Value = Step> {
    (
        any::<bool>(),
        proptest::collection::vec((0u32..200, 0u16..5), 1..12),
        0u8..20,
        prop::bool::weighted(0.2),
        prop::bool::weighted(0.2),
        0usize..60,
    )
        .prop_map(|(tenant, rows, own, fails, advance, walk)| Step {
            tenant,
            rows,
            own,
            fails,
            advance,
            walk,
        })
}

fn take(tables: &mut Tables, at: u64, step: &Step) -> Vec<u64> {
    let tenant = if step.tenant { "acme" } else { "plant" };
    let rows: Vec<Row> = step
        .rows
        .iter()
        .zip(0..)
        .map(|((src, port), n)| Row {
            port: Some(*port),
            bytes: u64::from(*port) + 1,
            ..row(at * 10 + n, *src)
        })
        .collect();
    let batch = batch_at(tenant, at * 100, &rows);
    let all = all(&batch);
    let rows = Rows {
        batch: &batch,
        selection: None,
        rows: &all,
    };
    let column = |name| batch.column(FieldId::of(name)).unwrap();
    tables.begin(tenant);
    let mut answers = tables.count(0, rows).unwrap();
    answers.extend(tables.sum(1, &column("bytes-out"), rows).unwrap());
    answers.extend(tables.distinct(2, &column("dst.port"), rows).unwrap());
    answers.extend(tables.first(3, rows).unwrap().into_iter().map(u64::from));
    let own = format!("own {}", step.own);
    let length = tables.get(4, &own).unwrap().map_or(0, |v| v.len());
    answers.push(length as u64);
    match step.own % 4 {
        0 => tables.remove(4, &own).unwrap(),
        _ => tables.put(4, &own, vec![1; length + 1]).unwrap(),
    }
    match step.fails {
        true => tables.rollback(),
        false => tables.commit(),
    }
    if step.advance {
        tables.advance(at * 10);
    }
    answers
}

/// Tables that were put together again from pieces, as those of so many workers.
fn restored(divided: bool, images: &[TablesImage]) -> Tables {
    let mut tables = made(divided);
    for image in images {
        // As they are written to disk.
        let bytes = postcard::to_stdvec(image).unwrap();
        let image: TablesImage = postcard::from_bytes(&bytes).unwrap();
        tables.restore(&image, |_| true).unwrap();
    }
    tables.restored();
    tables
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn what_is_saved_is_what_there_was(
        before in proptest::collection::vec(step(), 0..40),
        during in proptest::collection::vec(step(), 0..40),
        divided in any::<bool>(),
        given_up in any::<bool>(),
    ) {
        // Values that a plugin keeps itself are never divided; the host sees to it.
        let mut tables = made(divided);
        for (step, at) in before.iter().zip(10..) {
            take(&mut tables, at, step);
        }
        if given_up {
            tables.begin_walk();
            tables.walk(&mut { 7 });
        }
        let was = tables.export();
        let mut images = Vec::new();
        tables.begin_walk();
        let mut first = Vec::new();
        for (step, at) in during.iter().zip(100..) {
            first.push(take(&mut tables, at, step));
            if let Some((more, _)) = tables.walk(&mut { step.walk }) {
                images.extend(more);
            }
        }
        while let Some((more, _)) = tables.walk(&mut { 50 }) {
            images.extend(more);
        }
        let mut again = restored(divided, &images);
        prop_assert_eq!(again.export(), was);
        for (step, at) in during.iter().zip(100..) {
            prop_assert_eq!(take(&mut again, at, step), first.remove(0));
        }
        prop_assert_eq!(again.export(), tables.export());
        prop_assert_eq!(again.bytes(), tables.bytes());
    }
}

#[test]
fn windows_in_buckets_and_sketches_come_back() {
    let mut tables = made(false);
    for at in 0..1100u64 {
        // All of one key, within one window.
        let rows = [Row {
            port: Some(at as u16),
            ..row(1000 + at / 40, 1)
        }];
        apply_all(&mut tables, &batch_at("acme", at, &rows));
    }
    let was = tables.export();
    let coarse = |key: &&crate::image::KeyExport| {
        let value = &key.value;
        matches!(value, CellImage::Buckets { .. } | CellImage::Sketch { .. })
    };
    assert_eq!(was.iter().filter(coarse).count(), 3);
    tables.begin_walk();
    let (images, done) = tables.walk(&mut { 100 }).unwrap();
    assert!(done);
    let mut again = restored(false, &images);
    assert_eq!(again.export(), was);
    let more = batch_at("acme", 5000, &[row(1040, 1), row(1100, 1)]);
    assert_eq!(apply_all(&mut again, &more), apply_all(&mut tables, &more));
}

fn apply_all(tables: &mut Tables, batch: &Batch) -> Vec<u64> {
    let all = all(batch);
    let rows = Rows {
        batch,
        selection: None,
        rows: &all,
    };
    let column = |name| batch.column(FieldId::of(name)).unwrap();
    tables.begin("acme");
    let mut answers = tables.count(0, rows).unwrap();
    answers.extend(tables.sum(1, &column("bytes-out"), rows).unwrap());
    answers.extend(tables.distinct(2, &column("dst.port"), rows).unwrap());
    tables.commit();
    answers
}

#[test]
fn what_no_table_can_hold_is_refused() {
    let key = |table: u32, cell: CellImage| KeyImage {
        table,
        tenant: 0,
        part: 0,
        stamp: 1,
        key: Bytes(vec![7; 8]),
        cell,
    };
    let image = |keys: &[KeyImage]| TablesImage {
        watermark: 0,
        tables: specs().into_iter().map(|spec| spec.name).collect(),
        tenants: vec!["acme".to_owned()],
        count: keys.len() as u64,
        keys: Bytes(
            keys.iter()
                .flat_map(|key| postcard::to_stdvec(key).unwrap())
                .collect(),
        ),
    };
    let refused = |keys: &[KeyImage]| {
        let mut tables = made(false);
        tables.restore(&image(keys), |_| true).err()
    };
    let entries = |latest, entries: Vec<(u64, u64, u64)>| CellImage::Entries { latest, entries };
    let sound = key(0, entries(9, vec![(3, 1, 1), (9, 2, 1)]));
    assert_eq!(refused(std::slice::from_ref(&sound)), None);
    let registers = |rank| Bytes(vec![rank; 1024]);
    let sketch = |parts| CellImage::Sketch {
        latest: 900,
        parts,
        recent: Vec::new(),
    };
    let distinct = |values: Vec<(u64, u64)>| CellImage::Distinct {
        latest: 9,
        values: values
            .into_iter()
            .map(|(number, time)| (FingerprintImage::Number(number), time, 1))
            .collect(),
    };
    assert_eq!(refused(&[key(2, sketch(vec![(1, registers(55))]))]), None);
    for cell in [
        // Of another kind, out of order, in the future, of another weight, too many.
        (0, CellImage::Seen(None)),
        (0, entries(9, vec![(9, 1, 1), (3, 2, 1)])),
        (0, entries(9, vec![(10, 1, 1)])),
        (0, entries(9, vec![(9, 1, 2)])),
        (0, entries(9, vec![(9, 1, 1); 1025])),
        (2, distinct(vec![(1, 10)])),
        (2, distinct(vec![(1, 3), (1, 4)])),
        (2, distinct((0..40).map(|at| (at / 2, 3)).collect())),
        (2, distinct((0..1025).map(|at| (at, 3)).collect())),
        (2, sketch(vec![(1, registers(56))])),
        (2, sketch(vec![(1, Bytes(vec![1; 1000]))])),
        (2, sketch(vec![(2, registers(1)), (1, registers(1))])),
        (2, sketch(Vec::new())),
        (2, sketch(vec![(u64::MAX, registers(1))])),
        (
            1,
            CellImage::Buckets {
                latest: 900,
                buckets: vec![(1, 1)],
                recent: vec![(1, 1); 17],
            },
        ),
    ] {
        let (table, cell) = cell;
        assert_eq!(
            refused(&[key(table, cell.clone())]),
            Some(ImageError::Cell),
            "{cell:?}"
        );
    }
    assert_eq!(
        refused(&[sound.clone(), sound.clone()]),
        Some(ImageError::Key)
    );
    let long = KeyImage {
        key: Bytes(vec![0; 1000]),
        ..sound.clone()
    };
    assert_eq!(refused(&[long]), Some(ImageError::Key));
    for (owner, part, table) in [(1, 0, 0), (0, 1, 0)] {
        let other = KeyImage {
            tenant: owner,
            part,
            table,
            ..sound.clone()
        };
        assert_eq!(refused(&[other]), Some(ImageError::Owner));
    }
    let other = KeyImage {
        table: 9,
        ..sound.clone()
    };
    assert_eq!(refused(&[other]), Some(ImageError::Table));
    let many: Vec<KeyImage> = (0..129u32)
        .map(|at| KeyImage {
            key: Bytes(at.to_le_bytes().to_vec()),
            ..sound.clone()
        })
        .collect();
    assert_eq!(refused(&many[..128]), None);
    assert_eq!(refused(&many), Some(ImageError::Room));
    let stored = |at: u32| KeyImage {
        table: 4,
        key: Bytes(at.to_le_bytes().to_vec()),
        cell: CellImage::Stored {
            value: Bytes(vec![0; 100_000]),
            put: Some(1),
        },
        ..sound.clone()
    };
    let much: Vec<KeyImage> = (0..11).map(stored).collect();
    assert_eq!(refused(&much), Some(ImageError::Room));
    // Bytes that are none, or are not as many as is said.
    let mut cut = image(std::slice::from_ref(&sound));
    cut.keys.0.pop();
    assert!(made(false).restore(&cut, |_| true).is_err());
    let mut fewer = image(&[sound.clone(), key(1, entries(9, Vec::new()))]);
    fewer.count = 1;
    assert_eq!(
        made(false).restore(&fewer, |_| true),
        Err(ImageError::Malformed)
    );
    fewer.count = 3;
    assert_eq!(
        made(false).restore(&fewer, |_| true),
        Err(ImageError::Malformed)
    );
}
