//! What a guest asked of the host in a call and what it was told, as it can be kept, and answers
//! from what was kept.

use std::sync::Arc;
use std::vec::IntoIter;

use palisade_events::{AttributeValue, Column};
use serde::{Deserialize, Serialize};

use crate::capability::{Capabilities, DatasetEntry, Hit, LogLevel, Refusal};
use crate::{Fired, View};

/// Bytes that are kept of what one call asks and is told.
pub const MAX_ASKED: usize = 16 << 20;

/// A host call that returned, with what it returned; one on many rows or entries is kept piece by
/// piece, as it was worked on. Fields are ids as the interface has them; tables and
/// datasets are positions in the manifest, rows those of the view.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum Asked {
    /// `state.count`.
    Count {
        /// The table.
        table: u32,
        /// The rows.
        rows: Vec<u32>,
        /// The counts.
        answer: Vec<u64>,
    },
    /// `state.sum`.
    Sum {
        /// The table.
        table: u32,
        /// The field that is summed.
        field: u32,
        /// The rows.
        rows: Vec<u32>,
        /// The sums.
        answer: Vec<u64>,
    },
    /// `state.distinct`.
    Distinct {
        /// The table.
        table: u32,
        /// The field whose values are counted.
        field: u32,
        /// The rows.
        rows: Vec<u32>,
        /// The counts.
        answer: Vec<u64>,
    },
    /// `state.first`.
    First {
        /// The table.
        table: u32,
        /// The rows.
        rows: Vec<u32>,
        /// Of each row 1, if it was the first.
        answer: Vec<u8>,
    },
    /// `state.citations`.
    Citations {
        /// The table.
        table: u32,
        /// The row.
        row: u32,
        /// Event-refs.
        answer: Vec<u64>,
    },
    /// `state.get`.
    Get {
        /// The table.
        table: u32,
        /// The key.
        key: String,
        /// The value, if there was one.
        answer: Option<Vec<u8>>,
    },
    /// `state.put`.
    Put {
        /// The table.
        table: u32,
        /// The key.
        key: String,
        /// The value.
        value: Vec<u8>,
    },
    /// `state.remove`.
    Remove {
        /// The table.
        table: u32,
        /// The key.
        key: String,
    },
    /// `timers.set`.
    SetTimer {
        /// The timer.
        name: String,
        /// Its key.
        key: String,
        /// When, in nanoseconds since the epoch.
        due: u64,
    },
    /// `timers.cancel`.
    CancelTimer {
        /// The timer.
        name: String,
        /// Its key.
        key: String,
    },
    /// `datasets.matches`.
    Matches {
        /// The dataset.
        dataset: u32,
        /// The field whose values are looked up.
        field: u32,
        /// The rows.
        rows: Vec<u32>,
        /// Row and entry of each match.
        answer: Vec<(u32, u32)>,
    },
    /// `datasets.lookup`.
    Lookup {
        /// The dataset.
        dataset: u32,
        /// The value.
        value: String,
        /// Entries.
        answer: Vec<u32>,
    },
    /// `datasets.entries`.
    Entries {
        /// The dataset.
        dataset: u32,
        /// The entries.
        entries: Vec<u32>,
        /// What they say.
        answer: Vec<AskedEntry>,
    },
}

/// An entry of a dataset, as a guest was told it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AskedEntry {
    kind: String,
    value: String,
    valid_from: Option<u64>,
    valid_until: Option<u64>,
    attributes: Vec<(String, AskedValue)>,
}

/// The value of an attribute.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
enum AskedValue {
    Text(String),
    Number(f64),
}

impl From<&DatasetEntry> for AskedEntry {
    fn from(entry: &DatasetEntry) -> AskedEntry {
        let value = |value: &AttributeValue| match value {
            AttributeValue::Text(text) => AskedValue::Text(text.clone()),
            AttributeValue::Number(number) => AskedValue::Number(*number),
        };
        let attributes = entry.attributes.iter();
        AskedEntry {
            kind: entry.kind.clone(),
            value: entry.value.clone(),
            valid_from: entry.valid_from,
            valid_until: entry.valid_until,
            attributes: attributes
                .map(|(name, of)| (name.clone(), value(of)))
                .collect(),
        }
    }
}

impl From<AskedEntry> for DatasetEntry {
    fn from(entry: AskedEntry) -> DatasetEntry {
        let value = |value| match value {
            AskedValue::Text(text) => AttributeValue::Text(text),
            AskedValue::Number(number) => AttributeValue::Number(number),
        };
        let attributes = entry.attributes.into_iter();
        DatasetEntry {
            kind: entry.kind,
            value: entry.value,
            valid_from: entry.valid_from,
            valid_until: entry.valid_until,
            attributes: attributes.map(|(name, of)| (name, value(of))).collect(),
        }
    }
}

impl AskedEntry {
    /// Its kind and value, for a person.
    pub fn shown(&self) -> String {
        format!("{} {}", self.kind, self.value)
    }

    fn size(&self) -> usize {
        let attributes = self.attributes.iter().map(|(name, value)| {
            name.len()
                + match value {
                    AskedValue::Text(text) => text.len(),
                    AskedValue::Number(_) => 8,
                }
        });
        self.kind.len() + self.value.len() + 32 + attributes.sum::<usize>()
    }
}

impl Asked {
    /// The function, as the interface calls it.
    pub fn function(&self) -> &'static str {
        match self {
            Asked::Count { .. } => "state.count",
            Asked::Sum { .. } => "state.sum",
            Asked::Distinct { .. } => "state.distinct",
            Asked::First { .. } => "state.first",
            Asked::Citations { .. } => "state.citations",
            Asked::Get { .. } => "state.get",
            Asked::Put { .. } => "state.put",
            Asked::Remove { .. } => "state.remove",
            Asked::SetTimer { .. } => "timers.set",
            Asked::CancelTimer { .. } => "timers.cancel",
            Asked::Matches { .. } => "datasets.matches",
            Asked::Lookup { .. } => "datasets.lookup",
            Asked::Entries { .. } => "datasets.entries",
        }
    }

    /// Bytes that it takes, about.
    pub fn size(&self) -> usize {
        const BESIDE: usize = 64;
        BESIDE
            + match self {
                Asked::Count { rows, answer, .. }
                | Asked::Sum { rows, answer, .. }
                | Asked::Distinct { rows, answer, .. } => rows.len() * 4 + answer.len() * 8,
                Asked::First { rows, answer, .. } => rows.len() * 4 + answer.len(),
                Asked::Citations { answer, .. } => answer.len() * 8,
                Asked::Get { key, answer, .. } => key.len() + answer.as_ref().map_or(0, Vec::len),
                Asked::Put { key, value, .. } => key.len() + value.len(),
                Asked::Remove { key, .. } => key.len(),
                Asked::SetTimer { name, key, .. } | Asked::CancelTimer { name, key } => {
                    name.len() + key.len()
                }
                Asked::Matches { rows, answer, .. } => rows.len() * 4 + answer.len() * 8,
                Asked::Lookup { value, answer, .. } => value.len() + answer.len() * 4,
                Asked::Entries {
                    entries, answer, ..
                } => entries.len() * 4 + answer.iter().map(AskedEntry::size).sum::<usize>(),
            }
    }
}

/// What a call has asked so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Asking {
    asked: Vec<Asked>,
    bytes: usize,
    /// It was more than is kept.
    over: bool,
}

impl Asking {
    /// Keeps one more.
    pub(crate) fn add(&mut self, asked: Asked) {
        self.bytes = self.bytes.saturating_add(asked.size());
        if self.over || self.bytes > MAX_ASKED {
            (self.over, self.asked) = (true, Vec::new());
            return;
        }
        self.asked.push(asked);
    }

    /// All of it; `None`: it was more than is kept.
    pub(crate) fn done(self) -> Option<Vec<Asked>> {
        (!self.over).then_some(self.asked)
    }
}

/// Answers as was kept, in that order, and refuses whatever was not asked then.
///
/// What is compared at once are function, table, dataset, rows, keys and values; that fields are the
/// same is for whoever compares what was asked at the end.
#[derive(Debug)]
pub struct Answers {
    left: IntoIter<Asked>,
    /// How many were given.
    given: usize,
}

impl Answers {
    /// Answers from these.
    pub fn of(asked: Vec<Asked>) -> Answers {
        Answers {
            left: asked.into_iter(),
            given: 0,
        }
    }

    /// The next answer, which must be one to `function`, if `take` finds that it is what is asked.
    fn next<T>(
        &mut self,
        function: &'static str,
        take: impl FnOnce(Asked) -> Option<T>,
    ) -> Result<T, Refusal> {
        self.given += 1;
        let given = self.given;
        let Some(asked) = self.left.next() else {
            return Err(format!(
                "{ASKED_ELSE} its host call {given} is one of {function}, and it made fewer then"
            ));
        };
        let then = asked.function();
        take(asked).ok_or_else(|| match then == function {
            true => format!("{ASKED_ELSE} its host call {given}, one of {function}, has other arguments than then"),
            false => format!("{ASKED_ELSE} its host call {given} is one of {function}, and then was one of {then}"),
        })
    }
}

/// What a refusal begins with of something that was not asked then.
pub const ASKED_ELSE: &str = "it asks something else than was recorded:";

impl Capabilities for Answers {
    fn begin(&mut self, _: &str) {}
    fn commit(&mut self) {}
    fn rollback(&mut self) -> bool {
        true
    }

    fn count(&mut self, _: &View, table: usize, of: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.next("state.count", |asked| match asked {
            Asked::Count {
                table: t,
                rows,
                answer,
            } if t as usize == table && rows == of => (answer.len() == of.len()).then_some(answer),
            _ => None,
        })
    }

    fn sum(&mut self, _: &View, table: usize, _: &Column, of: &[u32]) -> Result<Vec<u64>, Refusal> {
        self.next("state.sum", |asked| match asked {
            Asked::Sum {
                table: t,
                rows,
                answer,
                ..
            } if t as usize == table && rows == of => (answer.len() == of.len()).then_some(answer),
            _ => None,
        })
    }

    fn distinct(
        &mut self,
        _: &View,
        table: usize,
        _: &Column,
        of: &[u32],
    ) -> Result<Vec<u64>, Refusal> {
        self.next("state.distinct", |asked| match asked {
            Asked::Distinct {
                table: t,
                rows,
                answer,
                ..
            } if t as usize == table && rows == of => (answer.len() == of.len()).then_some(answer),
            _ => None,
        })
    }

    fn first(&mut self, _: &View, table: usize, of: &[u32]) -> Result<Vec<u8>, Refusal> {
        self.next("state.first", |asked| match asked {
            Asked::First {
                table: t,
                rows,
                answer,
            } if t as usize == table && rows == of => (answer.len() == of.len()).then_some(answer),
            _ => None,
        })
    }

    fn citations(&mut self, _: &View, table: usize, of: u32) -> Result<Vec<u64>, Refusal> {
        self.next("state.citations", |asked| match asked {
            Asked::Citations {
                table: t,
                row,
                answer,
            } if t as usize == table && row == of => Some(answer),
            _ => None,
        })
    }

    fn get(&mut self, table: usize, of: &str) -> Result<Option<Arc<[u8]>>, Refusal> {
        self.next("state.get", |asked| match asked {
            Asked::Get {
                table: t,
                key,
                answer,
            } if t as usize == table && key == of => Some(answer.map(Arc::from)),
            _ => None,
        })
    }

    fn put(&mut self, table: usize, of: &str, put: Vec<u8>) -> Result<(), Refusal> {
        self.next("state.put", |asked| match asked {
            Asked::Put {
                table: t,
                key,
                value,
            } if t as usize == table && key == of => (value == put).then_some(()),
            _ => None,
        })
    }

    fn remove(&mut self, table: usize, of: &str) -> Result<(), Refusal> {
        self.next("state.remove", |asked| match asked {
            Asked::Remove { table: t, key } if t as usize == table && key == of => Some(()),
            _ => None,
        })
    }

    fn set_timer(&mut self, of: &str, with: &str, at: u64) -> Result<(), Refusal> {
        self.next("timers.set", |asked| match asked {
            Asked::SetTimer { name, key, due } if (&*name, &*key, due) == (of, with, at) => {
                Some(())
            }
            _ => None,
        })
    }

    fn cancel_timer(&mut self, of: &str, with: &str) -> Result<(), Refusal> {
        self.next("timers.cancel", |asked| match asked {
            Asked::CancelTimer { name, key } if (&*name, &*key) == (of, with) => Some(()),
            _ => None,
        })
    }

    fn fire(&mut self, _: u64) -> Vec<(String, Vec<Fired>)> {
        Vec::new()
    }

    fn matches(
        &mut self,
        _: &View,
        of: usize,
        _: &Column,
        looked_up: &[u32],
    ) -> Result<Vec<Hit>, Refusal> {
        self.next("datasets.matches", |asked| match asked {
            Asked::Matches {
                dataset,
                rows,
                answer,
                ..
            } if dataset as usize == of && rows == looked_up => {
                let hits = answer.into_iter().map(|(row, entry)| Hit { row, entry });
                Some(hits.collect())
            }
            _ => None,
        })
    }

    fn lookup(&mut self, of: usize, looked_up: &str) -> Result<Vec<u32>, Refusal> {
        self.next("datasets.lookup", |asked| match asked {
            Asked::Lookup {
                dataset,
                value,
                answer,
            } if dataset as usize == of && value == looked_up => Some(answer),
            _ => None,
        })
    }

    fn entries(&mut self, of: usize, wanted: &[u32]) -> Result<Vec<DatasetEntry>, Refusal> {
        self.next("datasets.entries", |asked| match asked {
            Asked::Entries {
                dataset,
                entries,
                answer,
            } if dataset as usize == of && entries == wanted => {
                Some(answer.into_iter().map(DatasetEntry::from).collect())
            }
            _ => None,
        })
    }

    fn log(&mut self, _: LogLevel, _: &str) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    fn get(key: &str, bytes: usize) -> Asked {
        Asked::Get {
            table: 1,
            key: key.to_owned(),
            answer: Some(vec![7; bytes]),
        }
    }

    #[test]
    fn answers_come_in_order_and_to_what_was_asked() {
        let mut answers = Answers::of(vec![get("a", 1), get("b", 2), get("c", 3)]);
        assert_eq!(answers.get(1, "a").unwrap().unwrap().len(), 1);
        let other = answers.get(1, "x").unwrap_err();
        assert!(
            other.contains("host call 2") && other.contains("other arguments"),
            "{other}"
        );
        let other = answers.remove(1, "c").unwrap_err();
        assert!(
            other.contains("state.remove") && other.contains("state.get"),
            "{other}"
        );
        let more = answers.lookup(0, "y").unwrap_err();
        assert!(
            more.starts_with(ASKED_ELSE) && more.contains("fewer"),
            "{more}"
        );
    }

    #[test]
    fn sixteen_mebibytes_of_a_call_are_kept() {
        let mut asking = Asking::default();
        let each = (1 << 20) - 64 - 1;
        (0..16).for_each(|_| asking.add(get("k", each)));
        assert_eq!(asking.clone().done().map(|asked| asked.len()), Some(16));
        asking.add(get("k", 0));
        assert_eq!(asking.clone().done(), None);
        // Nothing of it is held on to, and what comes later makes it no whole.
        asking.add(get("k", 0));
        assert_eq!(asking.done(), None);
    }

    #[test]
    fn entries_come_back_as_they_were_told() {
        let entry = DatasetEntry {
            kind: "ipv4".into(),
            value: "1.2.3.4".into(),
            valid_from: Some(1),
            valid_until: None,
            attributes: vec![
                ("source".into(), AttributeValue::Text("s".into())),
                ("score".into(), AttributeValue::Number(0.5)),
            ],
        };
        let asked = AskedEntry::from(&entry);
        assert_eq!(DatasetEntry::from(asked), entry);
    }
}
