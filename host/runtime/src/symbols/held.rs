//! What the tables of all debug files may hold together, and that one is read at a time.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Bytes that the tables of all debug files may hold together. Frames of a component whose table
/// would go beyond are those of one without a debug file.
pub(super) const MAX_TABLES: usize = 64 << 20;

static HELD: AtomicUsize = AtomicUsize::new(0);
static READING: Mutex<()> = Mutex::new(());

/// Bytes of the common room, until dropped.
#[derive(Debug)]
pub(super) struct Held(usize);

impl Held {
    /// Takes room; `None` when there is not as much.
    pub(super) fn take(bytes: usize) -> Option<Held> {
        let sum = |held: usize| held.checked_add(bytes).filter(|sum| *sum <= MAX_TABLES);
        let taken = HELD.fetch_update(Ordering::Relaxed, Ordering::Relaxed, sum);
        taken.ok().map(|_| Held(bytes))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        HELD.fetch_sub(self.0, Ordering::Relaxed);
    }
}

/// Waits until no other debug file is being read: a file, and what is made of it before it is
/// known how much that is, are held once.
pub(super) fn alone() -> MutexGuard<'static, ()> {
    READING.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn room_is_common_and_given_back() {
        let most = Held::take(MAX_TABLES - 100).expect("there is room");
        assert!(Held::take(101).is_none());
        let rest = Held::take(100).expect("there is room for the rest");
        assert!(Held::take(usize::MAX).is_none());
        drop(most);
        assert!(Held::take(101).is_some());
        drop(rest);
    }
}
