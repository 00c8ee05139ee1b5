//! What choosing rows for a plugin may take.

use std::time::Instant;

/// Bytes after which the clock is looked at: less than a few milliseconds of any predicate.
const STEP: u64 = 1 << 20;

/// Time until an instant, or bytes that may be read, and how many were.
///
/// Each row and each byte of a text that a predicate looks at counts as one.
#[derive(Debug)]
pub struct Effort {
    until: Option<Instant>,
    most: u64,
    spent: u64,
    /// The clock is looked at beyond this.
    look: u64,
    over: bool,
}

impl Effort {
    /// As much as it takes.
    pub fn unlimited() -> Effort {
        Effort::within(None, u64::MAX)
    }

    /// Until an instant, if there is one, and at most so many bytes.
    pub fn within(until: Option<Instant>, most: u64) -> Effort {
        Effort {
            until,
            most,
            spent: 0,
            look: 0,
            over: false,
        }
    }

    /// Counts what is about to be read.
    pub(super) fn spend(&mut self, bytes: usize) {
        self.charge(bytes as u64);
    }

    /// Counts what it took, whoever did it.
    pub fn charge(&mut self, bytes: u64) {
        self.spent = self.spent.saturating_add(bytes);
        if self.spent >= self.look {
            self.look = self.spent.saturating_add(STEP);
            self.over |= self.until.is_some_and(|until| Instant::now() >= until);
        }
        self.over |= self.spent > self.most;
    }

    /// What it took so far.
    pub fn spent(&self) -> u64 {
        self.spent
    }

    /// Whether it took more than it may.
    pub fn is_over(&self) -> bool {
        self.over
    }

    /// What was to be found out was given up before, by whoever had the same limit.
    pub(crate) fn give_up(&mut self) {
        self.over = true;
    }
}
