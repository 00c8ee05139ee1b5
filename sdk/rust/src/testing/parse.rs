//! What a parser answered, with names again.

use std::collections::BTreeMap;

use serde_json::Value;

use super::host;
use super::schema::{self, Ty};
use crate::bindings::parse::exports::palisade::plugin::parse::{Column, Table, Values};

/// One event that a parser handed back.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedEvent {
    /// Name of its kind, such as `device.message`.
    pub kind: String,
    /// Position of the chunk, in the call, that completed it.
    pub chunk: usize,
    /// Its fields by dotted name, such as `attributes.modbus.function`. Enums by name,
    /// bytes as hex, a field that repeats as an array.
    pub fields: BTreeMap<String, Value>,
}

/// What only the host may set.
const STAMPED: [&str; 5] = ["src", "dst", "flow", "owner", "transport"];

/// The events of `tables`, by chunk and then by table.
#[track_caller]
pub(crate) fn events(tables: &[Table]) -> Vec<ParsedEvent> {
    let mut out = Vec::new();
    for table in tables {
        let kind = schema::kind_name(table.kind);
        host::with!(|host| {
            let emits = host
                .manifest
                .parser
                .as_ref()
                .map(|parser| parser.emits.clone())
                .unwrap_or_default();
            assert!(
                emits.iter().any(|other| other == kind),
                "plugin.toml does not list {kind} under `emits`"
            );
        });
        let first = out.len();
        out.extend(table.chunks.iter().map(|chunk| ParsedEvent {
            kind: kind.to_owned(),
            chunk: *chunk as usize,
            fields: BTreeMap::new(),
        }));
        for column in &table.columns {
            fill(kind, column, &mut out[first..]);
        }
    }
    out.sort_by_key(|event| event.chunk);
    out
}

#[track_caller]
fn fill(kind: &str, column: &Column, events: &mut [ParsedEvent]) {
    let attribute = (!column.attribute.is_empty()).then_some(column.attribute.as_str());
    let Some(info) = schema::field(kind, column.field, attribute.into_iter()) else {
        panic!("{kind} has no field with id {:#010x}", column.field)
    };
    let top = info.name.split('.').next().unwrap_or("");
    assert!(
        !info.envelope && !STAMPED.contains(&top),
        "only the host sets `{}`",
        info.name
    );
    assert!(
        info.repeats != column.offsets.is_empty(),
        "`{}` {}; set it with {}",
        info.name,
        if info.repeats {
            "repeats"
        } else {
            "does not repeat"
        },
        if info.repeats {
            "a push_ method"
        } else {
            "a method that does not push"
        }
    );
    for (row, event) in events.iter_mut().enumerate() {
        if info.repeats {
            let values = column.offsets[row] as usize..column.offsets[row + 1] as usize;
            let values: Vec<Value> = values
                .map(|at| value(&info.leaf, &info.name, &column.values, at))
                .collect();
            event.fields.insert(info.name.clone(), values.into());
        } else if column.valid.is_empty() || column.valid[row] != 0 {
            event.fields.insert(
                info.name.clone(),
                value(&info.leaf, &info.name, &column.values, row),
            );
        }
    }
}

fn value(ty: &Ty, name: &str, values: &Values, at: usize) -> Value {
    match (ty, values) {
        (Ty::Bool, Values::U8s(values)) => Value::Bool(values[at] != 0),
        (Ty::Enum(names), Values::U8s(values)) => match names.get(values[at] as usize) {
            Some(name) => (*name).into(),
            None => panic!("`{name}` has {} names, no {}", names.len(), values[at]),
        },
        (Ty::U8, Values::U8s(values)) => values[at].into(),
        (Ty::U16, Values::U16s(values)) => values[at].into(),
        (Ty::U32, Values::U32s(values)) => values[at].into(),
        (Ty::U64 | Ty::Timestamp, Values::U64s(values)) => values[at].into(),
        (Ty::Float | Ty::Attributes, Values::F64s(values)) => values[at].into(),
        (Ty::Text | Ty::Bytes | Ty::Attributes, Values::Text(text)) => {
            let bytes = &text.bytes[text.offsets[at] as usize..text.offsets[at + 1] as usize];
            if *ty == Ty::Bytes {
                return bytes
                    .iter()
                    .map(|byte| format!("{byte:02x}"))
                    .collect::<String>()
                    .into();
            }
            match std::str::from_utf8(bytes) {
                Ok(text) => text.into(),
                Err(error) => panic!("`{name}` is not UTF-8: {error}"),
            }
        }
        _ => panic!("`{name}` is {}; the parser set something else", ty.name()),
    }
}
