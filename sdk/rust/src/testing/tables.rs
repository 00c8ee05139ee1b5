//! The tables of `state`, exact and in memory.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::manifest::{Table, span};
use crate::EventRef;

/// What one key of a windowed table, or of a `first` table, holds.
#[derive(Debug, Default)]
struct Entry {
    /// Time, amount and value of what was counted.
    counted: Vec<(u64, u64, Vec<u8>)>,
    latest: u64,
    cited: VecDeque<EventRef>,
}

/// All tables of a manifest.
#[derive(Debug, Default)]
pub(crate) struct Tables {
    entries: BTreeMap<(u32, Vec<Vec<u8>>), Entry>,
    values: BTreeMap<(u32, String), Vec<u8>>,
}

/// A row as a table sees it.
pub(crate) struct RowOf {
    /// The tenant and the key fields; `None` when the row lacks one.
    pub(crate) key: Option<Vec<Vec<u8>>>,
    pub(crate) time: u64,
    pub(crate) event: EventRef,
}

impl Tables {
    /// Adds `amount` or `value` to the row's window and says how much it then holds.
    pub(crate) fn window(
        &mut self,
        at: u32,
        table: &Table,
        row: RowOf,
        amount: u64,
        value: Vec<u8>,
    ) -> u64 {
        let Some(key) = row.key else { return 0 };
        let Some(window) = table.window.as_deref().map(span) else {
            panic!("table `{}` has no window in plugin.toml", table.name)
        };
        let entry = self.entries.entry((at, key)).or_default();
        entry.latest = entry.latest.max(row.time);
        let latest = entry.latest;
        let alive = |time: u64| time.saturating_add(window) > latest;
        if alive(row.time) {
            entry.counted.push((row.time, amount, value));
            cite(&mut entry.cited, row.event);
        }
        entry.counted.retain(|(time, _, _)| alive(*time));
        if table.kind == "distinct" {
            let values: BTreeSet<&[u8]> = entry
                .counted
                .iter()
                .map(|(_, _, value)| value.as_slice())
                .collect();
            values.len() as u64
        } else {
            entry
                .counted
                .iter()
                .fold(0, |sum, (_, amount, _)| sum.saturating_add(*amount))
        }
    }

    /// Whether the row's key was not there, or not seen for the table's `ttl`.
    pub(crate) fn first(&mut self, at: u32, table: &Table, row: RowOf) -> bool {
        let Some(key) = row.key else { return false };
        let ttl = table.ttl.as_deref().map_or(u64::MAX, span);
        let known = self
            .entries
            .get(&(at, key.clone()))
            .is_some_and(|entry| row.time.saturating_sub(entry.latest) < ttl);
        let entry = self.entries.entry((at, key)).or_default();
        entry.latest = entry.latest.max(row.time);
        if !known {
            cite(&mut entry.cited, row.event);
        }
        !known
    }

    /// The last events that changed the row's key.
    pub(crate) fn citations(&self, at: u32, row: RowOf) -> Vec<EventRef> {
        let entry = row.key.and_then(|key| self.entries.get(&(at, key)));
        entry.map_or_else(Vec::new, |entry| entry.cited.iter().copied().collect())
    }

    pub(crate) fn get(&self, at: u32, key: &str) -> Option<Vec<u8>> {
        self.values.get(&(at, key.to_owned())).cloned()
    }

    pub(crate) fn put(&mut self, at: u32, key: &str, value: &[u8]) {
        self.values.insert((at, key.to_owned()), value.to_vec());
    }

    pub(crate) fn remove(&mut self, at: u32, key: &str) {
        self.values.remove(&(at, key.to_owned()));
    }
}

fn cite(cited: &mut VecDeque<EventRef>, event: EventRef) {
    cited.push_back(event);
    if cited.len() > 16 {
        cited.pop_front();
    }
}
