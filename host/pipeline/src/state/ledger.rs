//! What the tables of a plugin hold together, and the clock of touches.

/// Bytes in use, by tenant, and counters that order touches and calls.
#[derive(Debug)]
pub(super) struct Ledger {
    limit: u64,
    total: u64,
    by_tenant: Vec<u64>,
    /// Counts touches of keys; the larger, the later. Never shown.
    clock: u64,
    /// The running call; slots that carry its number were touched in it.
    pub(super) call: u64,
    /// Whose call it is.
    pub(super) tenant: u32,
}

impl Ledger {
    pub(super) fn new(limit: u64) -> Ledger {
        Ledger {
            limit,
            total: 0,
            by_tenant: Vec::new(),
            clock: 0,
            call: 0,
            tenant: 0,
        }
    }

    pub(super) fn begin(&mut self, tenant: u32) {
        self.call += 1;
        self.tenant = tenant;
        let tenants = (tenant as usize + 1).max(self.by_tenant.len());
        self.by_tenant.resize(tenants, 0);
    }

    /// The time of the next touch.
    #[inline]
    pub(super) fn tick(&mut self) -> u64 {
        self.clock += 1;
        self.clock
    }

    /// A tenant's use goes from `before` to `after` bytes.
    #[inline]
    pub(super) fn change(&mut self, tenant: u32, before: usize, after: usize) {
        if before == after {
            return;
        }
        self.total = self.total + after as u64 - before as u64;
        if let Some(bytes) = self.by_tenant.get_mut(tenant as usize) {
            *bytes = *bytes + after as u64 - before as u64;
        }
    }

    #[inline]
    pub(super) fn is_over(&self) -> bool {
        self.total > self.limit
    }

    pub(super) fn total(&self) -> u64 {
        self.total
    }

    /// Tenants with what they use.
    pub(super) fn by_tenant(&self) -> impl Iterator<Item = (u32, u64)> {
        (0u32..).zip(self.by_tenant.iter().copied())
    }
}
