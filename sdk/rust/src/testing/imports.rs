//! The imports of a guest, off wasm32.

use serde_json::Value;

use super::host::{Host, reference_of, time_of, with};
use super::schema::{self, Ty};
use super::{datasets as sets, value};
use crate::AttributeValue;
use crate::bindings::host::palisade::plugin::findings::Finding;

/// Typed rows of the current batch.
#[track_caller]
pub(crate) fn rows<T: crate::Row + serde::de::DeserializeOwned>(rows: &[u32]) -> Vec<T> {
    with!(|host| {
        let kind = schema::kind_name(T::KIND);
        assert!(
            host.current().kind == kind,
            "the batch is of {}, not of {kind}",
            host.current().kind
        );
        let body = schema::body(kind).unwrap_or(Ty::Record(&[]));
        host.have(rows);
        rows.iter()
            .map(|row| typed(host, host.row(*row), &body))
            .collect()
    })
}

#[track_caller]
fn typed<T: serde::de::DeserializeOwned>(host: &Host, event: &Value, ty: &Ty) -> T {
    let row = value::typed(Some(event), ty, "", &|dotted| host.lists(dotted));
    match row.and_then(|row| serde_json::from_value(row).map_err(|error| error.to_string())) {
        Ok(row) => row,
        Err(error) => panic!("{event}: {error}"),
    }
}

/// The interface `batch`.
pub(crate) mod batch {
    use super::*;
    use crate::bindings::host::palisade::plugin::types::{Kind, TextColumn};

    #[track_caller]
    pub(crate) fn current_kind() -> Kind {
        with!(|host| match schema::kind_code(&host.current().kind) {
            Some(kind) => kind,
            None => panic!("there is no kind `{}`", host.current().kind),
        })
    }

    #[track_caller]
    pub(crate) fn u8s(field: u32) -> Vec<u8> {
        let fits: fn(&Ty) -> bool = |ty| matches!(ty, Ty::U8 | Ty::Bool | Ty::Enum(_));
        with!(|host| host.column(field, "u8s", fits, 0, narrow))
    }

    #[track_caller]
    pub(crate) fn u16s(field: u32) -> Vec<u16> {
        with!(|host| host.column(field, "u16s", |ty| *ty == Ty::U16, 0, narrow))
    }

    #[track_caller]
    pub(crate) fn u32s(field: u32) -> Vec<u32> {
        with!(|host| host.column(field, "u32s", |ty| *ty == Ty::U32, 0, narrow))
    }

    #[track_caller]
    pub(crate) fn u64s(field: u32) -> Vec<u64> {
        with!(|host| {
            let info = host.field(field);
            if info.name == "event-ref" {
                return host.current().events.iter().map(reference_of).collect();
            }
            host.column(
                field,
                "u64s",
                |ty| matches!(ty, Ty::U64 | Ty::Timestamp),
                0,
                narrow,
            )
        })
    }

    #[track_caller]
    pub(crate) fn f64s(field: u32) -> Vec<f64> {
        let fits: fn(&Ty) -> bool = |ty| matches!(ty, Ty::Float | Ty::Attributes);
        let number = |value: &Value, ty: &Ty| {
            value
                .as_f64()
                .ok_or_else(|| format!("{value} is not {}", ty.name()))
        };
        with!(|host| host.column(field, "f64s", fits, 0.0, number))
    }

    #[track_caller]
    pub(crate) fn addresses(field: u32) -> Vec<u8> {
        let address = |found: &Value, _: &Ty| value::address(found);
        with!(|host| {
            host.column(
                field,
                "addresses",
                |ty| *ty == Ty::Address,
                [0; 16],
                address,
            )
        })
        .concat()
    }

    #[track_caller]
    pub(crate) fn text(field: u32) -> TextColumn {
        let fits: fn(&Ty) -> bool = |ty| matches!(ty, Ty::Text | Ty::Bytes | Ty::Attributes);
        let values = with!(|host| host.column(field, "text", fits, Vec::new(), value::bytes));
        let mut column = TextColumn {
            offsets: vec![0],
            bytes: Vec::new(),
        };
        for value in values {
            column.bytes.extend(value);
            column.offsets.push(column.bytes.len() as u32);
        }
        column
    }

    #[track_caller]
    pub(crate) fn valid(field: u32) -> Vec<u8> {
        with!(|host| {
            let info = host.field(field);
            let has = |event: &Value| {
                u8::from(info.name == "event-ref" || !value::at(event, &info.name).is_empty())
            };
            let valid: Vec<u8> = host.current().events.iter().map(has).collect();
            if valid.contains(&0) {
                valid
            } else {
                Vec::new()
            }
        })
    }

    #[track_caller]
    pub(crate) fn offsets(field: u32) -> Vec<u32> {
        with!(|host| {
            let info = host.field(field);
            if !info.repeats {
                return Vec::new();
            }
            let mut offsets = vec![0];
            let mut end = 0;
            for event in &host.current().events {
                end += value::at(event, &info.name).len() as u32;
                offsets.push(end);
            }
            offsets
        })
    }

    #[track_caller]
    pub(crate) fn enum_names(field: u32) -> Vec<String> {
        with!(|host| match host.field(field).leaf {
            Ty::Enum(names) => names.iter().map(|name| (*name).to_owned()).collect(),
            other => panic!("{} has no names: it is {}", field, other.name()),
        })
    }

    fn narrow<T: TryFrom<u64>>(value: &Value, ty: &Ty) -> Result<T, String> {
        let wide = value::integer(value, ty)?;
        T::try_from(wide).map_err(|_| format!("{wide} is too large for {}", ty.name()))
    }
}

/// The interface `envelope`.
pub(crate) mod envelope {
    use super::*;

    #[track_caller]
    pub(crate) fn rows(rows: &[u32]) -> Vec<crate::Envelope> {
        with!(|host| {
            let envelope = crate::testing::generated::ENVELOPE;
            host.have(rows);
            rows.iter()
                .map(|row| {
                    let mut event = host.row(*row).clone();
                    event["event_ref"] = reference_of(&event).into();
                    typed(host, &event, &envelope)
                })
                .collect()
        })
    }
}

/// The interface `findings`.
pub(crate) mod findings {
    use super::*;

    #[track_caller]
    pub(crate) fn emit(finding: &Finding) {
        with!(|host| {
            check_rule(host, &finding.rule);
            assert!(
                finding.subject.len() <= 256,
                "the subject of {} is over 256 bytes",
                finding.rule
            );
            assert!(
                finding.summary.len() <= 1024,
                "the summary of {} is over 1 KiB",
                finding.rule
            );
            assert!(
                finding.rows.len() <= 64 && finding.events.len() <= 64,
                "{} cites over 64 rows or events",
                finding.rule
            );
            assert!(
                finding.details.len() <= 32,
                "{} has over 32 details",
                finding.rule
            );
            assert!(
                finding.actions.len() <= 16,
                "{} has over 16 actions",
                finding.rule
            );
            let bytes = finding.details.iter().map(|detail| match &detail.value {
                AttributeValue::Text(text) => detail.name.len() + text.len(),
                AttributeValue::Number(_) => detail.name.len() + 8,
            });
            assert!(
                bytes.sum::<usize>() <= 4096,
                "the details of {} are over 4 KiB",
                finding.rule
            );
            if host.batch.is_some() {
                assert!(
                    !finding.rows.is_empty() || !finding.events.is_empty(),
                    "{} cites nothing",
                    finding.rule
                );
            }
            host.have(&finding.rows);
            host.findings.push(finding.clone());
        });
    }

    #[track_caller]
    pub(crate) fn retract(rule: &str, subject: &str) {
        with!(|host| {
            check_rule(host, rule);
            host.retracted.push((rule.to_owned(), subject.to_owned()));
        });
    }

    #[track_caller]
    fn check_rule(host: &Host, rule: &str) {
        assert!(
            host.manifest.rule.iter().any(|other| other.id == rule),
            "plugin.toml declares no rule `{rule}`"
        );
    }
}

/// The interface `state`.
pub(crate) mod state {
    use super::*;

    #[track_caller]
    pub(crate) fn count(table: u32, rows: &[u32]) -> Vec<u64> {
        windowed(table, "count", rows, |_, _| (1, Vec::new()))
    }

    #[track_caller]
    pub(crate) fn sum(table: u32, field: u32, rows: &[u32]) -> Vec<u64> {
        with!(|host| drop(host.field(field)));
        windowed(table, "sum", rows, |host, row| {
            let info = host.field(field);
            let values = value::at(host.row(row), &info.name);
            let amounts = values
                .into_iter()
                .map(|value| value::integer(value, &info.leaf).unwrap_or(0));
            (amounts.fold(0, u64::saturating_add), Vec::new())
        })
    }

    #[track_caller]
    pub(crate) fn distinct(table: u32, field: u32, rows: &[u32]) -> Vec<u64> {
        with!(|host| drop(host.field(field)));
        windowed(table, "distinct", rows, |host, row| {
            let info = host.field(field);
            let value = value::at(host.row(row), &info.name)
                .first()
                .map_or(Vec::new(), |value| value.to_string().into_bytes());
            (1, value)
        })
    }

    #[track_caller]
    fn windowed(
        at: u32,
        kind: &str,
        rows: &[u32],
        of: impl Fn(&Host, u32) -> (u64, Vec<u8>),
    ) -> Vec<u64> {
        with!(|host| {
            let table = host.table(at, &[kind]);
            host.have(rows);
            rows.iter()
                .map(|row| {
                    let (amount, value) = of(host, *row);
                    let row = host.keyed(&table, *row);
                    host.tables.window(at, &table, row, amount, value)
                })
                .collect()
        })
    }

    #[track_caller]
    pub(crate) fn first(at: u32, rows: &[u32]) -> Vec<u8> {
        with!(|host| {
            let table = host.table(at, &["first"]);
            host.have(rows);
            rows.iter()
                .map(|row| {
                    let row = host.keyed(&table, *row);
                    u8::from(host.tables.first(at, &table, row))
                })
                .collect()
        })
    }

    #[track_caller]
    pub(crate) fn citations(at: u32, row: u32) -> Vec<u64> {
        with!(|host| {
            let table = host.table(at, &["count", "sum", "distinct", "first"]);
            let row = host.keyed(&table, row);
            host.tables.citations(at, row)
        })
    }

    #[track_caller]
    pub(crate) fn get(at: u32, key: &str) -> Option<Vec<u8>> {
        with!(|host| {
            host.table(at, &["value"]);
            host.tables.get(at, key)
        })
    }

    #[track_caller]
    pub(crate) fn put(at: u32, key: &str, value: &[u8]) {
        assert!(key.len() <= 256, "the key `{key}` is over 256 bytes");
        assert!(
            value.len() <= 64 * 1024,
            "the value of `{key}` is over 64 KiB"
        );
        with!(|host| {
            host.table(at, &["value"]);
            host.tables.put(at, key, value);
        });
    }

    #[track_caller]
    pub(crate) fn remove(at: u32, key: &str) {
        with!(|host| {
            host.table(at, &["value"]);
            host.tables.remove(at, key);
        });
    }
}

/// The interface `timers`.
pub(crate) mod timers {
    use super::*;

    #[track_caller]
    pub(crate) fn set(name: &str, key: &str, due: u64) {
        with!(|host| {
            host.need("timers");
            host.timers.insert((name.to_owned(), key.to_owned()), due);
        });
    }

    #[track_caller]
    pub(crate) fn cancel(name: &str, key: &str) {
        with!(|host| {
            host.need("timers");
            host.timers.remove(&(name.to_owned(), key.to_owned()));
        });
    }
}

/// The interface `datasets`.
pub(crate) mod datasets {
    use super::*;
    use crate::bindings::host::palisade::plugin::datasets::{Entry, Hit};

    #[track_caller]
    fn set(host: &Host, at: u32) -> &[sets::Stored] {
        host.need("datasets");
        let Some(dataset) = host.manifest.dataset.get(at as usize) else {
            panic!("plugin.toml has no dataset {at}")
        };
        host.datasets.get(&dataset.name).map_or(&[], Vec::as_slice)
    }

    #[track_caller]
    pub(crate) fn matches(dataset: u32, field: u32, rows: &[u32]) -> Vec<Hit> {
        with!(|host| {
            let info = host.field(field);
            let mut hits = Vec::new();
            for row in rows {
                let event = host.row(*row);
                for (entry, stored) in (0..).zip(set(host, dataset)) {
                    let values = value::at(event, &info.name);
                    if stored.valid_at(time_of(event))
                        && values.iter().any(|value| stored.matches(value, &info.leaf))
                    {
                        hits.push(Hit { row: *row, entry });
                    }
                }
            }
            hits
        })
    }

    #[track_caller]
    pub(crate) fn lookup(dataset: u32, value: &str) -> Vec<u32> {
        with!(|host| {
            let entries = (0..).zip(set(host, dataset));
            entries
                .filter(|(_, stored)| stored.entry.value == value)
                .map(|(at, _)| at)
                .collect()
        })
    }

    #[track_caller]
    pub(crate) fn entries(dataset: u32, entries: &[u32]) -> Vec<Entry> {
        with!(|host| {
            let all = set(host, dataset);
            let mut found = Vec::with_capacity(entries.len());
            for at in entries {
                match all.get(*at as usize) {
                    Some(stored) => found.push(stored.entry.clone()),
                    None => panic!("dataset {dataset} has no entry {at}"),
                }
            }
            found
        })
    }
}

/// The interface `log`.
pub(crate) mod log {
    use super::*;
    use crate::bindings::host::palisade::plugin::log::Level;

    #[track_caller]
    pub(crate) fn write(level: Level, message: &str) {
        with!(|host| {
            host.need("log");
            host.log.push(
                format!("{level:?}: {message}")
                    .replacen("Level::", "", 1)
                    .to_lowercase(),
            );
        });
    }
}
