//! A set of values, each with when it was last seen.

use std::fmt;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry;

use super::chain::{Chain, Ends, NIL};
use super::citation::Citation;
use super::distinct::{Fingerprint, Undo};

/// Sets of up to this many values are searched one by one.
const UNINDEXED: usize = 16;

/// A value and the last event that had it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Value {
    pub(super) fingerprint: Fingerprint,
    pub(super) seen: Citation,
}

/// Values in the order of the times at which they were last seen.
#[derive(Clone, Default)]
pub(super) struct Values {
    chain: Chain<Value>,
    ends: Ends,
    /// Positions in the chain by fingerprint; empty, or all of them.
    index: HashTable<u32>,
}

impl fmt::Debug for Values {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.newest_first()).finish()
    }
}

impl PartialEq for Values {
    fn eq(&self, other: &Values) -> bool {
        self.newest_first().eq(other.newest_first())
    }
}

impl Values {
    pub(super) fn len(&self) -> usize {
        self.ends.len as usize
    }

    pub(super) fn newest_first(&self) -> impl Iterator<Item = &Value> {
        self.chain
            .positions(&self.ends)
            .map(|at| self.chain.get(at))
    }

    /// The position of a value.
    pub(super) fn find(&self, value: Fingerprint) -> Option<u32> {
        if self.index.is_empty() {
            return self
                .chain
                .positions(&self.ends)
                .find(|at| self.chain.get(*at).fingerprint == value);
        }
        let same = |at: &u32| self.chain.get(*at).fingerprint == value;
        self.index.find(value.hash(), same).copied()
    }

    /// Notes that a value, whose position is `known`, was seen.
    pub(super) fn see(
        &mut self,
        known: Option<u32>,
        value: Fingerprint,
        seen: Citation,
        undo: &mut Vec<Undo>,
    ) {
        let Some(at) = known else {
            let older = self.before(seen.time, NIL);
            let entry = Value {
                fingerprint: value,
                seen,
            };
            let at = self.chain.insert(&mut self.ends, older, entry);
            self.index_insert(at);
            undo.push(Undo::Inserted(at));
            return;
        };
        let was = self.chain.get(at).seen;
        if seen.time < was.time {
            return;
        }
        undo.push(Undo::Seen {
            at,
            older: self.chain.older(at),
            was,
        });
        self.chain.get_mut(at).seen = seen;
        let older = self.before(seen.time, at);
        self.chain.relink(&mut self.ends, at, older);
    }

    /// The newest value, other than `except`, that was seen at `time` or earlier.
    fn before(&self, time: u64, except: u32) -> u32 {
        self.chain
            .positions(&self.ends)
            .find(|at| *at != except && self.chain.get(*at).seen.time <= time)
            .unwrap_or(NIL)
    }

    /// Takes values out, the oldest first, while `expired` says so of their time.
    pub(super) fn expire(&mut self, expired: impl Fn(u64) -> bool, undo: &mut Vec<Undo>) {
        while self.ends.oldest != NIL {
            let at = self.ends.oldest;
            if !expired(self.chain.get(at).seen.time) {
                break;
            }
            undo.push(Undo::Expired(self.take(at)));
        }
    }

    pub(super) fn undo_insert(&mut self, at: u32) {
        self.take(at);
    }

    pub(super) fn unsee(&mut self, at: u32, older: u32, was: Citation) {
        self.chain.get_mut(at).seen = was;
        self.chain.relink(&mut self.ends, at, older);
    }

    pub(super) fn undo_expire(&mut self, value: Value) {
        let at = self.chain.insert(&mut self.ends, NIL, value);
        self.index_insert(at);
    }

    fn take(&mut self, at: u32) -> Value {
        if let Ok(entry) = self
            .index
            .find_entry(self.chain.get(at).fingerprint.hash(), |other| *other == at)
        {
            entry.remove();
        }
        self.chain.remove(&mut self.ends, at)
    }

    fn index_insert(&mut self, at: u32) {
        if self.index.is_empty() {
            if self.len() > UNINDEXED {
                self.reindex();
            }
            return;
        }
        let chain = &self.chain;
        let hash = |at: &u32| chain.get(*at).fingerprint.hash();
        self.index.insert_unique(hash(&at), at, hash);
    }

    fn reindex(&mut self) {
        let chain = &self.chain;
        let hash = |at: &u32| chain.get(*at).fingerprint.hash();
        for at in chain.positions(&self.ends) {
            let same = |other: &u32| chain.get(*other).fingerprint == chain.get(at).fingerprint;
            if let Entry::Vacant(place) = self.index.entry(hash(&at), same, hash) {
                place.insert(at);
            }
        }
    }

    /// The values that were kept, oldest first, each with when it was last seen; `None`: they are
    /// none.
    pub(super) fn of(values: Vec<Value>) -> Option<Values> {
        if !values.is_sorted_by_key(|value| value.seen.time) {
            return None;
        }
        let (mut made, count) = (Values::default(), values.len());
        for value in values {
            made.chain.push(&mut made.ends, value);
        }
        if count > UNINDEXED {
            made.reindex();
            // A value that comes twice has one place in the index.
            return (made.index.len() == count).then_some(made);
        }
        let all: Vec<Fingerprint> = made.newest_first().map(|v| v.fingerprint).collect();
        let twice = (1..all.len()).any(|at| all[..at].contains(&all[at]));
        (!twice).then_some(made)
    }

    /// Events of the values seen last, at most `most`, each once, oldest first.
    pub(super) fn latest_events(&self, most: usize) -> Vec<u64> {
        let mut events = Vec::with_capacity(most);
        for value in self.newest_first() {
            if events.len() == most {
                break;
            }
            // A field that repeats gives several values to one event.
            if !events.contains(&value.seen.event) {
                events.push(value.seen.event);
            }
        }
        events.reverse();
        events
    }

    /// What the values take, in bytes.
    pub(super) fn heap(&self) -> usize {
        match self.len() {
            0 => 0,
            len => len.next_power_of_two().max(4) * (size_of::<Value>() + 24),
        }
    }

    /// Gives back space, if most of it is vacant.
    pub(super) fn settle(&mut self) {
        if self.chain.positions_taken() <= 4 * self.len().max(4) {
            return;
        }
        let mut compact = Values::default();
        let mut next = self.ends.oldest;
        while next != NIL {
            let value = *self.chain.get(next);
            compact.chain.push(&mut compact.ends, value);
            next = self.chain.newer(next);
        }
        if compact.len() > UNINDEXED {
            compact.reindex();
        }
        *self = compact;
    }
}
