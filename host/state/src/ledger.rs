//! What the tables of a plugin hold together, and the clock of touches.

use super::save::Walk;

/// Bytes in use, and counters that order touches and calls.
///
/// Keys are in lists, one for each tenant and part of the keys; list `tenant * parts + part`.
/// A part has its own share of the limit, so that what gives way in it depends on it alone.
#[derive(Debug)]
pub(super) struct Ledger {
    /// Most bytes of a part.
    limit: u64,
    /// A power of two.
    pub(super) parts: u32,
    by_part: Vec<u64>,
    by_list: Vec<u64>,
    /// Counts touches of keys; the larger, the later. Never shown.
    clock: u64,
    /// The running call; slots that carry its number were touched in it.
    pub(super) call: u64,
    /// Whose call it is.
    pub(super) tenant: u32,
    /// What writes slots before they change; see `save`.
    pub(super) walk: Option<Box<Walk>>,
    /// What slots carry that need not be written.
    pub(super) mark: u8,
}

impl Ledger {
    pub(super) fn new(limit: u64, parts: u32) -> Ledger {
        Ledger {
            limit: limit / u64::from(parts),
            parts,
            by_part: vec![0; parts as usize],
            by_list: Vec::new(),
            clock: 0,
            call: 0,
            tenant: 0,
            walk: None,
            mark: 0,
        }
    }

    /// What `held` says that is held, within the limit of another, which has as many parts.
    pub(super) fn within(held: Ledger, other: &Ledger) -> Ledger {
        Ledger {
            limit: other.limit,
            ..held
        }
    }

    pub(super) fn begin(&mut self, tenant: u32) {
        self.call += 1;
        self.tenant = tenant;
        self.reserve(tenant);
    }

    /// Makes room for the lists of a tenant.
    pub(super) fn reserve(&mut self, tenant: u32) {
        let lists = self.list(tenant, 0) as usize + self.parts as usize;
        self.by_list.resize(lists.max(self.by_list.len()), 0);
    }

    /// The list of a tenant's keys in a part.
    #[inline]
    pub(super) fn list(&self, tenant: u32, part: u32) -> u32 {
        tenant * self.parts + part
    }

    /// The part of a list.
    #[inline]
    pub(super) fn part(&self, list: u32) -> u32 {
        list & (self.parts - 1)
    }

    /// The time of the next touch.
    #[inline]
    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// The clock is at least here.
    pub(super) fn wind(&mut self, stamp: u64) {
        self.clock = self.clock.max(stamp);
    }

    /// What a list uses goes from `before` to `after` bytes.
    #[inline]
    pub(super) fn change(&mut self, list: u32, before: usize, after: usize) {
        if before == after {
            return;
        }
        let part = self.part(list) as usize;
        for bytes in [
            self.by_part.get_mut(part),
            self.by_list.get_mut(list as usize),
        ]
        .into_iter()
        .flatten()
        {
            *bytes = *bytes + after as u64 - before as u64;
        }
    }

    /// Whether a part uses more than its share.
    #[inline]
    pub(super) fn is_over(&self, part: u32) -> bool {
        self.by_part[part as usize] > self.limit
    }

    pub(super) fn total(&self) -> u64 {
        self.by_part.iter().sum()
    }

    /// The lists of a part with what they use.
    pub(super) fn lists(&self, part: u32) -> impl Iterator<Item = (u32, u64)> {
        let lists = (0u32..).zip(self.by_list.iter().copied());
        lists.skip(part as usize).step_by(self.parts as usize)
    }
}
