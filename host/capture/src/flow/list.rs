//! Doubly linked lists of slots, threaded through one array per purpose, so that a flow
//! is moved or removed in constant time and nothing is allocated per move.

const NONE: u32 = u32::MAX;

/// One slot's neighbours in the one list that it may be in.
#[derive(Clone, Copy, Debug)]
struct Links {
    previous: u32,
    next: u32,
    linked: bool,
}

const UNLINKED: Links = Links {
    previous: NONE,
    next: NONE,
    linked: false,
};

/// The links of all slots for one purpose. A slot is in at most one list of a purpose.
#[derive(Debug, Default)]
pub(super) struct Lanes {
    links: Vec<Links>,
}

/// A list over [`Lanes`]: oldest first.
#[derive(Clone, Copy, Debug)]
pub(super) struct List {
    head: u32,
    tail: u32,
    length: usize,
}

impl Default for List {
    fn default() -> Self {
        Self {
            head: NONE,
            tail: NONE,
            length: 0,
        }
    }
}

impl Lanes {
    /// Makes room for one more slot.
    pub(super) fn grow(&mut self) {
        self.links.push(UNLINKED);
    }

    fn at(&mut self, slot: u32) -> Option<&mut Links> {
        self.links.get_mut(slot as usize)
    }

    /// Whether the slot is in a list.
    pub(super) fn contains(&self, slot: u32) -> bool {
        self.links.get(slot as usize).is_some_and(|l| l.linked)
    }

    /// Puts a slot that is in no list at the end.
    pub(super) fn push(&mut self, list: &mut List, slot: u32) {
        let tail = list.tail;
        let Some(links) = self.at(slot).filter(|l| !l.linked) else {
            return;
        };
        *links = Links {
            previous: tail,
            next: NONE,
            linked: true,
        };
        match self.at(tail) {
            Some(last) => last.next = slot,
            None => list.head = slot,
        }
        list.tail = slot;
        list.length += 1;
    }

    /// Takes a slot out of the list, which must be the one that it is in.
    pub(super) fn remove(&mut self, list: &mut List, slot: u32) {
        let Some(links) = self.at(slot).filter(|l| l.linked) else {
            return;
        };
        let Links { previous, next, .. } = *links;
        *links = UNLINKED;
        match self.at(previous) {
            Some(before) => before.next = next,
            None => list.head = next,
        }
        match self.at(next) {
            Some(after) => after.previous = previous,
            None => list.tail = previous,
        }
        list.length -= 1;
    }
}

impl List {
    pub(super) fn first(&self) -> Option<u32> {
        (self.head != NONE).then_some(self.head)
    }

    pub(super) fn len(&self) -> usize {
        self.length
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_and_removal() {
        let mut lanes = Lanes::default();
        (0..4).for_each(|_| lanes.grow());
        let mut list = List::default();
        for slot in [2, 0, 3, 1] {
            lanes.push(&mut list, slot);
        }
        lanes.push(&mut list, 2);
        assert_eq!(list.len(), 4);
        lanes.remove(&mut list, 3);
        lanes.remove(&mut list, 3);
        lanes.remove(&mut list, 2);
        lanes.push(&mut list, 3);
        let mut order = Vec::new();
        while let Some(slot) = list.first() {
            order.push(slot);
            lanes.remove(&mut list, slot);
        }
        assert_eq!(order, [0, 1, 3]);
        assert_eq!(list.len(), 0);
        assert!(!lanes.contains(0));
        lanes.push(&mut list, 99);
        assert_eq!(list.first(), None);
    }
}
