//! Keys and their values, with an exact order of touches and a journal of the running call.

use hashbrown::HashTable;

use super::cell::Cell;
use super::chain::{Chain, Ends, NIL};
use super::image::{CellImage, ImageError};
use super::key::Id;
use super::ledger::Ledger;
use super::save::SavedKey;
use super::spec::TableSpec;

/// Beyond this many entries a journal gives its space back after the call.
const JOURNAL_KEPT: usize = 16_384;

#[derive(Debug)]
struct Slot<C> {
    id: Id,
    /// The list that it is in; see [`Ledger`].
    list: u32,
    /// Whether the call `call` put it in.
    born: bool,
    /// The walk that has written it, or passes it over; see `save`.
    mark: u8,
    /// The call that touched it last.
    call: u64,
    /// When that was, by the ledger's clock.
    stamp: u64,
    cell: C,
}

/// What a call did to the table, in order. Undone from the last to the first.
#[derive(Debug)]
enum Op<C> {
    /// Touched for the first time in the call: it lay next newer than `older` then. All that
    /// were touched before it are newer than both, so `older` was not touched yet.
    Touched { at: u32, older: u32, stamp: u64 },
    /// Put in.
    Inserted { at: u32 },
    /// Changed, in so many steps of the cell's own journal.
    Changed { at: u32, steps: u32 },
    /// Taken out.
    Removed {
        at: u32,
        older: u32,
        entry: Box<(Slot<C>, Box<[u8]>)>,
        evicted: bool,
    },
}

/// One table. The keys of each tenant in each part form a list in the order of touches.
#[derive(Debug)]
pub(super) struct Table<C: Cell> {
    pub(super) spec: TableSpec,
    slots: Chain<Slot<C>>,
    /// The keys by position, each led by its tenant's number. Apart from the slots, because
    /// a lookup does without them.
    keys: Vec<Box<[u8]>>,
    /// Positions by the ids of their keys. Nothing depends on its order.
    index: HashTable<u32>,
    lists: Vec<Ends>,
    len: u32,
    /// Most keys of a part, and how many each has.
    most: u32,
    by_part: Vec<u32>,
    evicted: u64,
    /// Its position among the tables of the plugin.
    number: u32,
    /// Positions that are still to be walked over: all that there were when the walk began.
    to_walk: std::ops::Range<u32>,
    ops: Vec<Op<C>>,
    steps: Vec<C::Undo>,
}

impl<C: Cell> Table<C> {
    pub(super) fn new(spec: TableSpec, parts: u32, number: u32) -> Table<C> {
        Table {
            most: spec.max_keys.div_ceil(parts),
            by_part: vec![0; parts as usize],
            spec,
            slots: Chain::default(),
            keys: Vec::new(),
            index: HashTable::new(),
            lists: Vec::new(),
            len: 0,
            evicted: 0,
            number,
            to_walk: 0..0,
            ops: Vec::new(),
            steps: Vec::new(),
        }
    }

    /// How many keys are in.
    pub(super) fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn evicted(&self) -> u64 {
        self.evicted
    }

    /// How much the call has written so far.
    pub(super) fn journal_len(&self) -> usize {
        self.ops.len() + self.steps.len()
    }

    /// The position of a key that is in.
    #[inline]
    pub(super) fn find(&self, id: Id) -> Option<u32> {
        let same = |at: &u32| self.slots.get(*at).id == id;
        self.index.find(id[0], same).copied()
    }

    pub(super) fn cell(&self, at: u32) -> &C {
        &self.slots.get(at).cell
    }

    /// Reads what a change will read: see [`Cell::peek`].
    pub(super) fn peek(&self, at: u32, walked: bool) -> u64 {
        let key = match walked {
            true => self.keys[at as usize].last().copied(),
            false => None,
        };
        self.cell(at).peek() ^ u64::from(key.unwrap_or(0))
    }

    /// The position of a key, which is put in if it is not there, and is the one touched last
    /// from now on. `key` writes its bytes, `part` is the part that it belongs to, and `likely`
    /// where it was found earlier in the call. `now` tells whether a key that has to give way
    /// was alive.
    #[inline]
    pub(super) fn touch(
        &mut self,
        ledger: &mut Ledger,
        (id, part): (Id, u32),
        key: impl FnOnce() -> Box<[u8]>,
        likely: Option<u32>,
        now: u64,
    ) -> u32 {
        let is_it = |at: &u32| self.slots.try_get(*at).is_some_and(|slot| slot.id == id);
        match likely.filter(is_it).or_else(|| self.find(id)) {
            Some(at) => {
                debug_assert_eq!(self.keys[at as usize], key());
                self.renew(ledger, at);
                at
            }
            None => self.insert(ledger, (id, part), key(), now),
        }
    }

    /// Makes a key the one touched last.
    #[inline]
    pub(super) fn renew(&mut self, ledger: &mut Ledger, at: u32) {
        self.keep(ledger, at);
        let older = self.slots.older(at);
        let slot = self.slots.get_mut(at);
        if slot.call != ledger.call {
            self.ops.push(Op::Touched {
                at,
                older,
                stamp: slot.stamp,
            });
            slot.call = ledger.call;
            slot.born = false;
        }
        slot.stamp = ledger.tick();
        let list = slot.list as usize;
        self.slots.renew(&mut self.lists[list], at);
    }

    fn insert(
        &mut self,
        ledger: &mut Ledger,
        (id, part): (Id, u32),
        key: Box<[u8]>,
        now: u64,
    ) -> u32 {
        if self.by_part[part as usize] >= self.most
            && let Some(list) = self.fullest(part)
        {
            self.evict(ledger, self.lists[list].oldest, now);
        }
        let list = ledger.list(ledger.tenant, part);
        if self.lists.len() <= list as usize {
            self.lists.resize(list as usize + 1, Ends::default());
        }
        let slot = Slot {
            id,
            list,
            born: true,
            mark: ledger.mark,
            call: ledger.call,
            stamp: ledger.tick(),
            cell: C::default(),
        };
        ledger.change(list, 0, footprint(&slot, &key));
        let ends = &mut self.lists[list as usize];
        let at = self.slots.push(ends, slot);
        self.enter(at, part, key);
        self.ops.push(Op::Inserted { at });
        at
    }

    /// Files the key of a slot that was put in.
    fn enter(&mut self, at: u32, part: u32, key: Box<[u8]>) {
        self.len += 1;
        self.by_part[part as usize] += 1;
        if self.keys.len() <= at as usize {
            self.keys.resize_with(at as usize + 1, Box::default);
        }
        self.keys[at as usize] = key;
        let hash = |at: &u32| self.slots.get(*at).id[0];
        self.index.insert_unique(hash(&at), at, hash);
    }

    /// The list of the tenant with the most keys in a part; of several, the one whose oldest
    /// key was touched longest ago.
    fn fullest(&self, part: u32) -> Option<usize> {
        let lists = self.lists.iter().enumerate().skip(part as usize);
        let held = lists.step_by(self.by_part.len()).filter(|(_, e)| e.len > 0);
        held.max_by_key(|(_, ends)| {
            let stamp = self.slots.get(ends.oldest).stamp;
            (ends.len, std::cmp::Reverse(stamp))
        })
        .map(|(list, _)| list)
    }

    /// The list's key that was touched longest ago, and when that was.
    pub(super) fn oldest(&self, list: u32) -> Option<(u32, u64)> {
        let ends = self.lists.get(list as usize)?;
        (ends.len > 0).then(|| (ends.oldest, self.slots.get(ends.oldest).stamp))
    }

    /// Takes a key out to make room.
    pub(super) fn evict(&mut self, ledger: &mut Ledger, at: u32, now: u64) {
        let latest = self.slots.get(at).cell.latest();
        let alive = now.saturating_sub(latest) < self.spec.span.ttl;
        self.evicted += u64::from(alive);
        self.take_noting(ledger, at, alive);
    }

    /// Takes a key out.
    pub(super) fn remove(&mut self, ledger: &mut Ledger, at: u32) {
        self.take_noting(ledger, at, false);
    }

    fn take_noting(&mut self, ledger: &mut Ledger, at: u32, evicted: bool) {
        let older = self.slots.older(at);
        let entry = Box::new(self.take(ledger, at));
        self.ops.push(Op::Removed {
            at,
            older,
            entry,
            evicted,
        });
    }

    fn take(&mut self, ledger: &mut Ledger, at: u32) -> (Slot<C>, Box<[u8]>) {
        self.keep(ledger, at);
        let Slot { id, list, .. } = *self.slots.get(at);
        if let Ok(entry) = self.index.find_entry(id[0], |other| *other == at) {
            entry.remove();
        }
        self.len -= 1;
        self.by_part[ledger.part(list) as usize] -= 1;
        let slot = self.slots.remove(&mut self.lists[list as usize], at);
        let key = std::mem::take(&mut self.keys[at as usize]);
        ledger.change(list, footprint(&slot, &key), 0);
        (slot, key)
    }

    /// Changes the value of a key that was touched in this call.
    #[inline]
    pub(super) fn update<R>(
        &mut self,
        ledger: &mut Ledger,
        at: u32,
        change: impl FnOnce(&mut C, &mut Vec<C::Undo>) -> R,
    ) -> R {
        let mark = self.steps.len();
        let slot = self.slots.get_mut(at);
        let before = slot.cell.heap();
        let result = change(&mut slot.cell, &mut self.steps);
        ledger.change(slot.list, before, slot.cell.heap());
        if slot.born && slot.call == ledger.call {
            // It goes as a whole.
            self.steps.truncate(mark);
        } else if self.steps.len() > mark {
            let steps = (self.steps.len() - mark) as u32;
            self.ops.push(Op::Changed { at, steps });
        }
        result
    }

    /// Changes a value outside of any call.
    pub(super) fn amend(&mut self, ledger: &mut Ledger, at: u32, change: impl FnOnce(&mut C)) {
        self.keep(ledger, at);
        change(&mut self.slots.get_mut(at).cell);
    }

    /// What the call did stays.
    pub(super) fn commit(&mut self) {
        if C::SETTLES {
            for op in &self.ops {
                if let Op::Touched { at, .. } | Op::Inserted { at } = op
                    && let Some(slot) = self.slots.try_get_mut(*at)
                {
                    slot.cell.settle();
                }
            }
        }
        self.ops.clear();
        self.ops.shrink_to(JOURNAL_KEPT);
        self.steps.clear();
        self.steps.shrink_to(JOURNAL_KEPT);
    }

    /// What the call did is undone: keys, values, their order and their bytes are exactly as
    /// before.
    pub(super) fn rollback(&mut self, ledger: &mut Ledger) {
        while let Some(op) = self.ops.pop() {
            match op {
                Op::Inserted { at } => drop(self.take(ledger, at)),
                Op::Touched { at, older, stamp } => {
                    let slot = self.slots.get_mut(at);
                    slot.stamp = stamp;
                    let list = slot.list as usize;
                    self.slots.relink(&mut self.lists[list], at, older);
                }
                Op::Changed { at, steps } => {
                    let slot = self.slots.get_mut(at);
                    let before = slot.cell.heap();
                    for _ in 0..steps {
                        if let Some(step) = self.steps.pop() {
                            slot.cell.undo(step);
                        }
                    }
                    ledger.change(slot.list, before, slot.cell.heap());
                }
                Op::Removed {
                    at,
                    older,
                    entry,
                    evicted,
                } => {
                    self.evicted -= u64::from(evicted);
                    let (slot, key) = *entry;
                    let list = slot.list;
                    ledger.change(list, 0, footprint(&slot, &key));
                    let ends = &mut self.lists[list as usize];
                    let position = self.slots.insert(ends, older, slot);
                    debug_assert_eq!(position, at);
                    self.enter(position, ledger.part(list), key);
                }
            }
        }
        debug_assert!(self.steps.is_empty());
        self.steps.clear();
    }

    /// Takes out keys that were not seen for the table's ttl, those touched longest ago
    /// first and at most `most` of a list, stopping at one that was.
    pub(super) fn expire(&mut self, ledger: &mut Ledger, watermark: u64, most: usize) {
        for list in 0..self.lists.len() {
            for _ in 0..most {
                let at = self.lists[list].oldest;
                if at == NIL {
                    break;
                }
                let latest = self.slots.get(at).cell.latest();
                if watermark.saturating_sub(latest) < self.spec.span.ttl {
                    break;
                }
                drop(self.take(ledger, at));
            }
        }
    }

    /// May have so many keys from now on, all parts together; more than that go when others come.
    pub(super) fn allow(&mut self, max_keys: u32) {
        self.spec.max_keys = max_keys;
        self.most = max_keys.div_ceil(self.by_part.len() as u32);
    }

    /// Has another number among the tables of its plugin.
    pub(super) fn renumber(&mut self, number: usize) {
        self.number = number as u32;
    }

    /// Takes every key out. Between calls only.
    pub(super) fn clear(&mut self, ledger: &mut Ledger) {
        for list in 0..self.lists.len() {
            while self.lists[list].oldest != NIL {
                drop(self.take(ledger, self.lists[list].oldest));
            }
        }
    }

    /// Writes a slot that is about to change, where a walk has not come to it.
    #[inline]
    fn keep(&mut self, ledger: &mut Ledger, at: u32) {
        if ledger.walk.is_some() {
            self.write(ledger, at);
        }
    }

    fn write(&mut self, ledger: &mut Ledger, at: u32) {
        let (parts, mark) = (ledger.parts, ledger.mark);
        let (Some(walk), Some(slot)) = (&mut ledger.walk, self.slots.try_get_mut(at)) else {
            return;
        };
        if std::mem::replace(&mut slot.mark, mark) == mark {
            return;
        }
        let key = self.keys[at as usize].get(4..).unwrap_or_default();
        walk.write(&SavedKey {
            table: self.number,
            tenant: slot.list / parts,
            // There are 64 at most.
            part: (slot.list & (parts - 1)) as u8,
            stamp: slot.stamp,
            key,
            cell: slot.cell.saved(),
        });
    }

    /// Walks over so many slots at most; how many are left of that.
    pub(super) fn walk(&mut self, ledger: &mut Ledger, most: usize) -> usize {
        let count = self.to_walk.len().min(most);
        for _ in 0..count {
            if let Some(at) = self.to_walk.next() {
                self.write(ledger, at);
            }
        }
        most - count
    }

    /// Begins a walk.
    pub(super) fn begin_walk(&mut self) {
        self.to_walk = 0..self.slots.positions_taken() as u32;
    }

    /// Whether a walk is over all slots.
    pub(super) fn is_walked(&self) -> bool {
        self.to_walk.is_empty()
    }

    /// Makes as if all slots had been written.
    pub(super) fn mark_all(&mut self, mark: u8) {
        for at in 0..self.slots.positions_taken() as u32 {
            if let Some(slot) = self.slots.try_get_mut(at) {
                slot.mark = mark;
            }
        }
    }

    /// Puts a key back that was kept, in no list as yet.
    pub(super) fn put_back(
        &mut self,
        ledger: &mut Ledger,
        (id, list, stamp): (Id, u32, u64),
        key: Box<[u8]>,
        cell: CellImage,
    ) -> Result<(), ImageError> {
        let part = ledger.part(list);
        if self.find(id).is_some() {
            return Err(ImageError::Key);
        }
        if self.by_part[part as usize] >= self.most {
            return Err(ImageError::Room);
        }
        let cell = C::of_image(cell, self.spec.span).ok_or(ImageError::Cell)?;
        let slot = Slot {
            id,
            list,
            born: false,
            mark: ledger.mark,
            call: 0,
            stamp,
            cell,
        };
        ledger.change(list, 0, footprint(&slot, &key));
        ledger.wind(stamp);
        let at = self.slots.place(slot);
        self.enter(at, part, key);
        Ok(())
    }

    /// Puts all keys into the lists that they belong to, in the order of their stamps.
    pub(super) fn put_in_order(&mut self, ledger: &mut Ledger) {
        let mut all: Vec<(u64, u32)> = Vec::with_capacity(self.len as usize);
        for at in 0..self.slots.positions_taken() as u32 {
            if let Some(slot) = self.slots.try_get(at) {
                all.push((slot.stamp, at));
            }
        }
        all.sort_unstable();
        for (_, at) in all {
            let list = self.slots.get(at).list as usize;
            if self.lists.len() <= list {
                self.lists.resize(list + 1, Ends::default());
            }
            self.slots.thread(&mut self.lists[list], at);
        }
        // Calls have numbers from 1, so that none seems to have touched what was put back.
        debug_assert_eq!(ledger.call, 0);
    }

    /// The keys whose values are such.
    pub(super) fn keys_of(&self, such: impl Fn(&C) -> bool) -> impl Iterator<Item = &[u8]> {
        let all = 0..self.slots.positions_taken() as u32;
        let found = all.filter(move |at| self.slots.try_get(*at).is_some_and(|s| such(&s.cell)));
        found.map(|at| &*self.keys[at as usize])
    }

    /// List, rank from the one touched last, key and value of every key.
    pub(super) fn ranked(&self) -> impl Iterator<Item = (u32, u32, &[u8], &C)> {
        (0u32..).zip(&self.lists).flat_map(move |(list, ends)| {
            let ranked = (0u32..).zip(self.slots.positions(ends));
            ranked.map(move |(rank, at)| {
                let slot = self.slots.get(at);
                (list, rank, &*self.keys[at as usize], &slot.cell)
            })
        })
    }

    /// Keys and values of all lists, each list's in the order of touches, newest first.
    #[cfg(test)]
    pub(super) fn contents(&self) -> Vec<(&[u8], &C)> {
        let lists = self.lists.iter();
        lists
            .flat_map(|ends| self.slots.positions(ends))
            .map(|at| (&*self.keys[at as usize], &self.slots.get(at).cell))
            .collect()
    }
}

/// What a key takes in all, in bytes: its slot, links, place in the index, itself and its
/// value.
fn footprint<C: Cell>(slot: &Slot<C>, key: &[u8]) -> usize {
    size_of::<Slot<C>>() + 40 + key.len() + slot.cell.heap()
}
