//! Tables as parsers return them: whatever the columns are, they become the events that they say
//! or an error, and every event can be written and read again.

#![no_main]

use std::sync::Arc;

use arbitrary::{Result, Unstructured};
use palisade_events::json::{Mode, parse_event, write_event};
use palisade_events::table::{FlowContext, HostColumns, TableColumn, TableValues, segment};
use palisade_events::{
    Endpoint, FieldId, FieldInfo, FieldType, FlowId, Kind, Source, Timestamp, batches,
};
use palisade_fuzz::MIB;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_fuzz::run(64 * MIB, || {
        let _ = check(&mut Unstructured::new(data));
    });
});

fn check(u: &mut Unstructured<'_>) -> Result<()> {
    let kind = Kind::ALL[usize::from(u.arbitrary::<u8>()?) % Kind::ALL.len()];
    let shape: u8 = u.arbitrary()?;
    let rows = usize::from(shape & 7) + usize::from(shape > 0xfc) * 2_000;
    let mut host = HostColumns::default();
    for at in 0..rows as u64 {
        let context = FlowContext {
            flow: (shape & 8 != 0).then(|| FlowId {
                id: at,
                community_id: "1:x=".to_owned(),
            }),
            src: Endpoint {
                port: Some(1),
                ..Endpoint::default()
            },
            ..FlowContext::default()
        };
        host.push(Timestamp(at), Timestamp(at + 1), &context);
    }
    let mut columns = Vec::new();
    while !u.is_empty() && columns.len() < 300 {
        columns.push(column(u, kind, rows)?);
    }
    let Ok(segment) = segment(kind, columns, host) else {
        return Ok(());
    };
    assert_eq!(segment.len(), rows);
    let source = Arc::new(Source {
        slot: 1,
        name: "s".into(),
        tenant: "t".into(),
    });
    let picks: Vec<(u32, u32)> = (0..rows as u32).rev().map(|row| (0, row)).collect();
    let seqs: Vec<u64> = (0..rows as u64).collect();
    let made = batches(&source, &[segment], &picks, &seqs).expect("a segment makes batches");
    assert_eq!(made.iter().map(|batch| batch.len()).sum::<usize>(), rows);
    for batch in &made {
        for info in kind.fields() {
            let _ = batch.column(info.id);
        }
        for row in 0..batch.len().min(8) {
            let event = batch.event(row).expect("every row is an event");
            let mut line = Vec::new();
            write_event(&mut line, &event).expect("an event can be written");
            let again = parse_event(&line, Mode::Strict).expect("what was written is read");
            assert_eq!(again.body, event.body);
        }
        batch.record_batch().expect("columns fit each other");
    }
    Ok(())
}

/// A column that mostly fits its field.
fn column(u: &mut Unstructured<'_>, kind: Kind, rows: usize) -> Result<TableColumn> {
    let shape: u8 = u.arbitrary()?;
    let fields = kind.fields();
    let info: &FieldInfo = &fields[usize::from(u.arbitrary::<u8>()?) % fields.len()];
    let named = shape & 3 == 0;
    let attribute = match named {
        true => ["a", "b.c", "modbus.unit", "", "\u{202e}", "a b"][usize::from(shape >> 2) % 6],
        false => "",
    };
    let field = match named {
        true => FieldId::of(&format!("attributes.{attribute}")),
        false => info.id,
    };
    let wanted = match (named, info.ty) {
        _ if shape & 0x40 != 0 => u.int_in_range(0..=5_u8)?,
        (true, _) => 4 + (shape >> 4 & 1),
        (_, FieldType::Bool | FieldType::Enum | FieldType::U8 | FieldType::Record) => 0,
        (_, FieldType::U16) => 1,
        (_, FieldType::U32) => 2,
        (_, FieldType::U64 | FieldType::Timestamp) => 3,
        (_, FieldType::F32 | FieldType::F64) => 4,
        _ => 5,
    };
    let mut offsets = Vec::new();
    let mut length = rows;
    if (info.repeated && !named) != (shape > 0xf8) {
        offsets.push(0);
        let mut end = 0u32;
        for _ in 0..rows {
            end += u32::from(u.arbitrary::<u8>()? & 3);
            offsets.push(end);
        }
        length = end as usize;
    }
    if shape == 0x3f {
        length = usize::from(u.arbitrary::<u8>()?);
    }
    let values = values(u, wanted, length)?;
    let valid = match shape >> 3 & 3 {
        0 => (0..length)
            .map(|_| Ok(u.arbitrary::<u8>()? & 1))
            .collect::<Result<_>>()?,
        1 if shape & 0x80 != 0 => u.arbitrary()?,
        _ => Vec::new(),
    };
    Ok(TableColumn {
        field,
        attribute: attribute.to_owned(),
        valid,
        offsets,
        values,
    })
}

fn values(u: &mut Unstructured<'_>, wanted: u8, length: usize) -> Result<TableValues> {
    // One value repeated where there are many rows, so that few bytes make them.
    let many = length > 64;
    macro_rules! numbers {
        ($variant:ident, $ty:ty) => {
            TableValues::$variant(match many {
                true => vec![u.arbitrary::<$ty>()?; length],
                false => (0..length)
                    .map(|_| u.arbitrary::<$ty>())
                    .collect::<Result<_>>()?,
            })
        };
    }
    Ok(match wanted {
        0 => TableValues::U8(match many {
            true => vec![u.arbitrary::<u8>()? & 3; length],
            false => (0..length)
                .map(|_| Ok(u.arbitrary::<u8>()? % 9))
                .collect::<Result<_>>()?,
        }),
        1 => numbers!(U16, u16),
        2 => numbers!(U32, u32),
        3 => numbers!(U64, u64),
        4 => numbers!(F64, f64),
        _ => {
            let mut offsets = vec![0];
            let mut bytes = Vec::new();
            for _ in 0..length {
                let size = if many {
                    1
                } else {
                    usize::from(u.arbitrary::<u8>()? & 15)
                };
                let piece = match u.arbitrary::<bool>()? || many {
                    true => vec![b'x'; size],
                    false => {
                        let size = size.min(u.len());
                        u.bytes(size)?.to_vec()
                    }
                };
                bytes.extend(piece);
                offsets.push(bytes.len() as u32);
            }
            if u.ratio(1, 16)? {
                let at = u.choose_index(offsets.len())?;
                offsets[at] = u.arbitrary()?;
            }
            TableValues::Text { offsets, bytes }
        }
    })
}
