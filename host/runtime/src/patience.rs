//! By how much calls may take longer than they may, for a while.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

/// A factor for the time of calls and epochs of all plugins of a runtime; 1 unless it is set.
///
/// What has been executed once is executed again with more of it: that it came about says that it
/// ends, and the machine may be busier than it was.
#[derive(Debug)]
pub struct Patience(AtomicU32);

impl Default for Patience {
    fn default() -> Patience {
        Patience(AtomicU32::new(1))
    }
}

impl Patience {
    /// Holds for calls that begin from now on; less than 1 counts as 1.
    pub fn set(&self, times: u32) {
        self.0.store(times.max(1), Ordering::Relaxed);
    }

    /// A time, with patience.
    pub fn of(&self, time: Duration) -> Duration {
        time.saturating_mul(self.0.load(Ordering::Relaxed))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_as_they_are_unless_it_is_set() {
        let patience = Patience::default();
        let second = Duration::from_secs(1);
        assert_eq!(patience.of(second), second);
        patience.set(16);
        assert_eq!(patience.of(second), 16 * second);
        assert_eq!(patience.of(Duration::MAX), Duration::MAX);
        patience.set(0);
        assert_eq!(patience.of(second), second);
    }
}
