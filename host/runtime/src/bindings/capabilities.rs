//! `state`, `timers`, `datasets` and `log`: checked here, done by the pipeline.

use palisade_events::FieldId;
use wasmtime::component::LinkerInstance;

use super::types::{Attribute, AttributeValue, Entry, Hit, Level};
use super::{function, procedure};
use crate::FaultCause;
use crate::call::work::text_of;
use crate::call::{Asked, AskedEntry, HostState};
use crate::capability::{DatasetEntry, LogLevel, refused};
use crate::manifest::TableKind;

/// The largest key and value of a `value` table.
const MAX_KEY: usize = 256;
const MAX_VALUE: usize = 64 << 10;
/// The longest name and key of a timer together.
const MAX_TIMER: usize = 512;
/// The longest log message.
const MAX_MESSAGE: usize = 4 << 10;
/// The most entries that one call of `datasets.entries` returns.
const MAX_ENTRIES: usize = 1024;
/// The most matches that one call of `datasets.matches` returns.
const MAX_HITS: usize = 65_536;

pub(super) fn link_state(i: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    function(i, "count", |state, (number, rows): (u32, Vec<u32>)| {
        let table = state.table(number, TableKind::Count, "state.count")?;
        state.check_rows(&rows, "state.count")?;
        state.on_pieces(
            &rows,
            |_| 0,
            |state, rows| {
                let (view, capabilities) = state.on_rows(rows, "state.count")?;
                let counts = capabilities.count(view, table, rows);
                let counts = counts.map_err(refused("state.count"))?;
                state.asked(|| Asked::Count {
                    table: number,
                    rows: rows.to_vec(),
                    answer: counts.clone(),
                });
                Ok(counts)
            },
        )
    })?;
    function(
        i,
        "sum",
        |state, (number, field, rows): (u32, u32, Vec<u32>)| {
            let table = state.table(number, TableKind::Sum, "state.sum")?;
            let column = state.column(FieldId(field), "state.sum")?;
            state.check_rows(&rows, "state.sum")?;
            state.on_pieces(&rows, text_of(&column), |state, rows| {
                let (view, capabilities) = state.on_rows(rows, "state.sum")?;
                let sums = capabilities.sum(view, table, &column, rows);
                let sums = sums.map_err(refused("state.sum"))?;
                state.asked(|| Asked::Sum {
                    table: number,
                    field,
                    rows: rows.to_vec(),
                    answer: sums.clone(),
                });
                Ok(sums)
            })
        },
    )?;
    function(
        i,
        "distinct",
        |state, (number, field, rows): (u32, u32, Vec<u32>)| {
            let table = state.table(number, TableKind::Distinct, "state.distinct")?;
            let column = state.column(FieldId(field), "state.distinct")?;
            state.check_rows(&rows, "state.distinct")?;
            state.on_pieces(&rows, text_of(&column), |state, rows| {
                let (view, capabilities) = state.on_rows(rows, "state.distinct")?;
                let counts = capabilities.distinct(view, table, &column, rows);
                let counts = counts.map_err(refused("state.distinct"))?;
                state.asked(|| Asked::Distinct {
                    table: number,
                    field,
                    rows: rows.to_vec(),
                    answer: counts.clone(),
                });
                Ok(counts)
            })
        },
    )?;
    function(i, "first", |state, (number, rows): (u32, Vec<u32>)| {
        let table = state.table(number, TableKind::First, "state.first")?;
        state.check_rows(&rows, "state.first")?;
        state.on_pieces(
            &rows,
            |_| 0,
            |state, rows| {
                let (view, capabilities) = state.on_rows(rows, "state.first")?;
                let first = capabilities.first(view, table, rows);
                let first = first.map_err(refused("state.first"))?;
                state.asked(|| Asked::First {
                    table: number,
                    rows: rows.to_vec(),
                    answer: first.clone(),
                });
                Ok(first)
            },
        )
    })?;
    function(i, "citations", |state, (number, row): (u32, u32)| {
        let table = state.any_table(number, "state.citations")?;
        let (view, capabilities) = state.on_rows(&[row], "state.citations")?;
        let refs = capabilities
            .citations(view, table, row)
            .map_err(refused("state.citations"))?;
        state.show(&refs);
        state.asked(|| Asked::Citations {
            table: number,
            row,
            answer: refs.clone(),
        });
        Ok(refs)
    })?;
    function(i, "get", |state, (number, key): (u32, String)| {
        let table = state.table(number, TableKind::Value, "state.get")?;
        let value = state.capabilities().get(table, &key);
        let value = value.map_err(refused("state.get"))?;
        state.asked(|| Asked::Get {
            table: number,
            key,
            answer: value.as_ref().map(|value| value.to_vec()),
        });
        Ok(value)
    })?;
    procedure(
        i,
        "put",
        |state, (number, key, value): (u32, String, Vec<u8>)| {
            let table = state.table(number, TableKind::Value, "state.put")?;
            within("state.put", "key", key.len(), MAX_KEY)?;
            within("state.put", "value", value.len(), MAX_VALUE)?;
            let kept = state.keeps_asked.then(|| value.clone());
            let done = state.capabilities().put(table, &key, value);
            done.map_err(refused("state.put"))?;
            if let Some(value) = kept {
                state.asked(|| Asked::Put {
                    table: number,
                    key,
                    value,
                });
            }
            Ok(())
        },
    )?;
    procedure(i, "remove", |state, (number, key): (u32, String)| {
        let table = state.table(number, TableKind::Value, "state.remove")?;
        let done = state.capabilities().remove(table, &key);
        done.map_err(refused("state.remove"))?;
        state.asked(|| Asked::Remove { table: number, key });
        Ok(())
    })
}

pub(super) fn link_timers(i: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    procedure(
        i,
        "set",
        |state, (name, key, due): (String, String, u64)| {
            within(
                "timers.set",
                "name and key",
                name.len() + key.len(),
                MAX_TIMER,
            )?;
            state.in_call("timers.set")?;
            let done = state.capabilities().set_timer(&name, &key, due);
            done.map_err(refused("timers.set"))?;
            state.asked(|| Asked::SetTimer { name, key, due });
            Ok(())
        },
    )?;
    procedure(i, "cancel", |state, (name, key): (String, String)| {
        state.in_call("timers.cancel")?;
        let done = state.capabilities().cancel_timer(&name, &key);
        done.map_err(refused("timers.cancel"))?;
        state.asked(|| Asked::CancelTimer { name, key });
        Ok(())
    })
}

pub(super) fn link_datasets(i: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    function(
        i,
        "matches",
        |state, (number, field, rows): (u32, u32, Vec<u32>)| {
            let dataset = state.dataset(number, "datasets.matches")?;
            let column = state.column(FieldId(field), "datasets.matches")?;
            state.check_rows(&rows, "datasets.matches")?;
            let mut found = 0;
            state.on_pieces(&rows, text_of(&column), |state, rows| {
                let (view, capabilities) = state.on_rows(rows, "datasets.matches")?;
                let hits = capabilities
                    .matches(view, dataset, &column, rows)
                    .map_err(refused("datasets.matches"))?;
                state.asked(|| Asked::Matches {
                    dataset: number,
                    field,
                    rows: rows.to_vec(),
                    answer: hits.iter().map(|hit| (hit.row, hit.entry)).collect(),
                });
                let hits = hits.into_iter().map(|hit| Hit {
                    row: hit.row,
                    entry: hit.entry,
                });
                let hits: Vec<Hit> = hits.collect();
                found += hits.len();
                if found > MAX_HITS {
                    return Err(FaultCause::Capability {
                        function: "datasets.matches",
                        problem: format!(
                            "more than {MAX_HITS} matches in one call; ask for fewer rows at a time"
                        ),
                    });
                }
                Ok(hits)
            })
        },
    )?;
    function(i, "lookup", |state, (number, value): (u32, String)| {
        let dataset = state.dataset(number, "datasets.lookup")?;
        let found = state.capabilities().lookup(dataset, &value);
        let found = found.map_err(refused("datasets.lookup"))?;
        state.asked(|| Asked::Lookup {
            dataset: number,
            value,
            answer: found.clone(),
        });
        Ok(found)
    })?;
    function(i, "entries", |state, (number, entries): (u32, Vec<u32>)| {
        let dataset = state.dataset(number, "datasets.entries")?;
        within("datasets.entries", "list", entries.len(), MAX_ENTRIES)?;
        let (mut all, mut bytes) = (Vec::with_capacity(entries.len()), 0);
        for entry in entries {
            let found = state
                .capabilities()
                .entries(dataset, &[entry])
                .map_err(refused("datasets.entries"))?;
            state.asked(|| Asked::Entries {
                dataset: number,
                entries: vec![entry],
                answer: found.iter().map(AskedEntry::from).collect(),
            });
            for entry in found {
                state.hand_over("datasets.entries", &mut bytes, held(&entry))?;
                all.push(Entry {
                    kind: entry.kind,
                    value: entry.value,
                    valid_from: entry.valid_from,
                    valid_until: entry.valid_until,
                    attributes: entry
                        .attributes
                        .into_iter()
                        .map(|(name, value)| Attribute {
                            name,
                            value: AttributeValue::from(value),
                        })
                        .collect(),
                });
            }
        }
        Ok(all)
    })
}

/// Bytes that an entry takes, about.
fn held(entry: &DatasetEntry) -> usize {
    let attributes = entry.attributes.iter().map(|(name, value)| {
        let value = match value {
            palisade_events::AttributeValue::Text(text) => text.len(),
            palisade_events::AttributeValue::Number(_) => 8,
        };
        size_of::<Attribute>() + name.len() + value
    });
    size_of::<Entry>() + entry.kind.len() + entry.value.len() + attributes.sum::<usize>()
}

pub(super) fn link_log(i: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    procedure(i, "write", |state, (level, message): (Level, String)| {
        let level = match level {
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error => LogLevel::Error,
        };
        if state.admits_log(message.len(), MAX_MESSAGE) {
            state.capabilities().log(level, &message);
        }
        Ok(())
    })
}

fn within(
    function: &'static str,
    what: &str,
    found: usize,
    limit: usize,
) -> Result<(), FaultCause> {
    if found <= limit {
        return Ok(());
    }
    Err(FaultCause::Capability {
        function,
        problem: format!("its {what} has a length of {found}; at most {limit} is allowed"),
    })
}

impl From<palisade_events::AttributeValue> for AttributeValue {
    fn from(value: palisade_events::AttributeValue) -> AttributeValue {
        match value {
            palisade_events::AttributeValue::Text(text) => AttributeValue::Text(text),
            palisade_events::AttributeValue::Number(number) => AttributeValue::Number(number),
        }
    }
}
