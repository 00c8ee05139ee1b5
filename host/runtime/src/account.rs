//! What instances hold of memory together: of one plugin, and of all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::FaultCause;

/// Bytes that an element of a table takes.
pub(crate) const ELEMENT: u64 = 8;

/// A budget of bytes that many instances draw on, on any number of threads.
#[derive(Debug)]
pub(crate) struct Account {
    limit: u64,
    used: AtomicU64,
    /// The budget of all plugins, of which this is one's.
    all: Option<Arc<Account>>,
}

impl Account {
    /// The budget of all plugins of a runtime.
    pub(crate) fn of_all(limit: u64) -> Arc<Account> {
        Arc::new(Account {
            limit,
            used: AtomicU64::new(0),
            all: None,
        })
    }

    /// The budget of one plugin, within that of all.
    pub(crate) fn of_plugin(limit: u64, all: &Arc<Account>) -> Arc<Account> {
        Arc::new(Account {
            limit,
            used: AtomicU64::new(0),
            all: Some(Arc::clone(all)),
        })
    }

    /// Bytes that are drawn.
    pub(crate) fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    /// Whether more than half is drawn, here or of what all have.
    pub(crate) fn is_scarce(&self) -> bool {
        self.used() > self.limit / 2 || self.all.as_ref().is_some_and(|all| all.is_scarce())
    }

    /// Draws bytes from both budgets, or from neither.
    ///
    /// # Errors
    /// The budget that has not as much left.
    pub(crate) fn draw(&self, bytes: u64) -> Result<(), FaultCause> {
        let within = |used: u64| used.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let drawn = self
            .used
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within);
        let limit = self.limit;
        match (drawn, &self.all) {
            (Err(used), Some(_)) => Err(FaultCause::PluginMemory {
                wanted: used.saturating_add(bytes),
                limit,
            }),
            (Err(used), None) => Err(FaultCause::GuestMemory {
                wanted: used.saturating_add(bytes),
                limit,
            }),
            (Ok(_), None) => Ok(()),
            (Ok(_), Some(all)) => all.draw(bytes).inspect_err(|_| {
                self.used.fetch_sub(bytes, Ordering::Relaxed);
            }),
        }
    }

    /// Gives back what was drawn.
    pub(crate) fn give_back(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
        if let Some(all) = &self.all {
            all.give_back(bytes);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_budgets_are_drawn_on_or_neither() {
        let all = Account::of_all(100);
        let (one, two) = (Account::of_plugin(80, &all), Account::of_plugin(80, &all));
        one.draw(80).unwrap();
        let over = FaultCause::PluginMemory {
            wanted: 81,
            limit: 80,
        };
        assert_eq!(one.draw(1), Err(over));
        let over = FaultCause::GuestMemory {
            wanted: 101,
            limit: 100,
        };
        assert_eq!(two.draw(21), Err(over));
        assert_eq!((one.used(), two.used(), all.used()), (80, 0, 80));
        two.draw(20).unwrap();
        assert!(two.is_scarce());
        one.give_back(80);
        assert_eq!((one.used(), two.used(), all.used()), (0, 20, 20));
        assert!(!one.is_scarce());
        assert!(two.draw(u64::MAX).is_err());
    }
}
