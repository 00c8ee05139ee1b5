//! Doubly linked lists whose items live in one slab.

/// No item.
pub(super) const NIL: u32 = u32::MAX;

/// The two ends of a list, and how many items it has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ends {
    pub(super) newest: u32,
    pub(super) oldest: u32,
    pub(super) len: u32,
}

impl Default for Ends {
    fn default() -> Self {
        Ends {
            newest: NIL,
            oldest: NIL,
            len: 0,
        }
    }
}

#[derive(Clone, Copy, Debug)]
struct Link {
    newer: u32,
    older: u32,
}

/// A slab of items, each of which belongs to one list that runs from newest to oldest. The
/// lists' [`Ends`] are kept by the owner, so that one slab can serve several.
///
/// Items are named by their position, which stays the same while they are in. Vacant
/// positions are used again last in, first out: undoing insertions and removals in reverse
/// order gives every item the position that it had.
#[derive(Clone, Debug)]
pub(super) struct Chain<T> {
    /// Apart from the items, because moving an item within its list goes to its neighbours,
    /// whose links should be in the processor's cache although they themselves are not.
    links: Vec<Link>,
    items: Vec<Option<T>>,
    vacant: Vec<u32>,
}

impl<T> Default for Chain<T> {
    fn default() -> Self {
        Chain {
            links: Vec::new(),
            items: Vec::new(),
            vacant: Vec::new(),
        }
    }
}

impl<T> Chain<T> {
    /// The item at a position that is taken.
    ///
    /// # Panics
    /// When it is vacant.
    #[inline]
    pub(super) fn get(&self, at: u32) -> &T {
        let item = self.items.get(at as usize).and_then(Option::as_ref);
        item.expect("the position was handed out and is taken")
    }

    /// As [`get`](Chain::get), to change it.
    ///
    /// # Panics
    /// When it is vacant.
    #[inline]
    pub(super) fn get_mut(&mut self, at: u32) -> &mut T {
        let item = self.try_get_mut(at);
        item.expect("the position was handed out and is taken")
    }

    /// As [`get`](Chain::get), for a position that may be vacant.
    #[inline]
    pub(super) fn try_get(&self, at: u32) -> Option<&T> {
        self.items.get(at as usize)?.as_ref()
    }

    /// As [`get_mut`](Chain::get_mut), for a position that may be vacant.
    #[inline]
    pub(super) fn try_get_mut(&mut self, at: u32) -> Option<&mut T> {
        self.items.get_mut(at as usize)?.as_mut()
    }

    /// The next newer item, or [`NIL`].
    #[inline]
    pub(super) fn newer(&self, at: u32) -> u32 {
        self.links[at as usize].newer
    }

    /// The next older item, or [`NIL`].
    #[inline]
    pub(super) fn older(&self, at: u32) -> u32 {
        self.links[at as usize].older
    }

    /// Puts an item in, next newer than `older`; [`NIL`] makes it the oldest.
    pub(super) fn insert(&mut self, ends: &mut Ends, older: u32, item: T) -> u32 {
        let at = match self.vacant.pop() {
            Some(at) => {
                self.items[at as usize] = Some(item);
                at
            }
            None => {
                self.items.push(Some(item));
                self.links.push(Link {
                    newer: NIL,
                    older: NIL,
                });
                self.links.len() as u32 - 1
            }
        };
        self.link(ends, at, older);
        at
    }

    /// Puts an item in that belongs to no list until it is [threaded](Self::thread).
    pub(super) fn place(&mut self, item: T) -> u32 {
        let mut ends = Ends::default();
        self.insert(&mut ends, NIL, item)
    }

    /// Makes an item that belongs to no list the newest of one.
    pub(super) fn thread(&mut self, ends: &mut Ends, at: u32) {
        self.link(ends, at, ends.newest);
    }

    /// Puts an item in as the newest.
    #[inline]
    pub(super) fn push(&mut self, ends: &mut Ends, item: T) -> u32 {
        let newest = ends.newest;
        self.insert(ends, newest, item)
    }

    /// Takes an item out.
    ///
    /// # Panics
    /// When the position is vacant.
    pub(super) fn remove(&mut self, ends: &mut Ends, at: u32) -> T {
        self.unlink(ends, at);
        self.vacant.push(at);
        let item = self.items[at as usize].take();
        item.expect("the position was handed out and is taken")
    }

    /// Moves an item to be next newer than `older`; [`NIL`] makes it the oldest.
    pub(super) fn relink(&mut self, ends: &mut Ends, at: u32, older: u32) {
        debug_assert_ne!(at, older);
        self.unlink(ends, at);
        self.link(ends, at, older);
    }

    /// Makes an item the newest.
    #[inline]
    pub(super) fn renew(&mut self, ends: &mut Ends, at: u32) {
        if ends.newest != at {
            self.relink(ends, at, ends.newest);
        }
    }

    fn link(&mut self, ends: &mut Ends, at: u32, older: u32) {
        let newer = match older {
            NIL => std::mem::replace(&mut ends.oldest, at),
            older => std::mem::replace(&mut self.links[older as usize].newer, at),
        };
        match newer {
            NIL => ends.newest = at,
            newer => self.links[newer as usize].older = at,
        }
        self.links[at as usize] = Link { newer, older };
        ends.len += 1;
    }

    fn unlink(&mut self, ends: &mut Ends, at: u32) {
        let Link { newer, older } = self.links[at as usize];
        match newer {
            NIL => ends.newest = older,
            newer => self.links[newer as usize].older = older,
        }
        match older {
            NIL => ends.oldest = newer,
            older => self.links[older as usize].newer = newer,
        }
        ends.len -= 1;
    }

    /// How many positions there are, vacant ones included.
    pub(super) fn positions_taken(&self) -> usize {
        self.links.len()
    }

    /// The positions of a list from its newest item to its oldest.
    pub(super) fn positions(&self, ends: &Ends) -> impl Iterator<Item = u32> {
        let mut next = ends.newest;
        std::iter::from_fn(move || {
            let at = next;
            (at != NIL).then(|| {
                next = self.older(at);
                at
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(chain: &Chain<char>, ends: &Ends) -> String {
        let forth: String = chain.positions(ends).map(|at| *chain.get(at)).collect();
        let mut back = Vec::new();
        let mut next = ends.oldest;
        while next != NIL {
            back.push(*chain.get(next));
            next = chain.newer(next);
        }
        assert_eq!(forth.chars().rev().collect::<Vec<_>>(), back);
        assert_eq!(ends.len as usize, back.len());
        forth
    }

    #[test]
    fn items_keep_their_position_and_move_within_the_list() {
        let (mut chain, mut ends) = (Chain::default(), Ends::default());
        let a = chain.insert(&mut ends, NIL, 'a');
        let b = chain.push(&mut ends, 'b');
        let c = chain.push(&mut ends, 'c');
        assert_eq!(items(&chain, &ends), "cba");
        chain.renew(&mut ends, a);
        assert_eq!(items(&chain, &ends), "acb");
        chain.relink(&mut ends, a, b);
        assert_eq!(items(&chain, &ends), "cab");
        assert_eq!(chain.remove(&mut ends, a), 'a');
        assert_eq!(items(&chain, &ends), "cb");
        let d = chain.insert(&mut ends, NIL, 'd');
        assert_eq!((d, items(&chain, &ends).as_str()), (a, "cbd"));
        for at in [b, c, d] {
            chain.remove(&mut ends, at);
        }
        assert_eq!(ends, Ends::default());
    }

    #[test]
    fn lists_share_a_slab() {
        let (mut chain, mut one, mut two) = (Chain::default(), Ends::default(), Ends::default());
        chain.insert(&mut one, NIL, 'a');
        chain.insert(&mut two, NIL, 'x');
        chain.push(&mut one, 'b');
        assert_eq!(items(&chain, &one), "ba");
        assert_eq!(items(&chain, &two), "x");
    }
}
