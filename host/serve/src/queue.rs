//! The way from whoever has something to be done to the thread that does it, one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{
    Receiver, RecvTimeoutError, SendError, SyncSender, TrySendError, sync_channel,
};
use std::time::Duration;

use crate::taking::Work;

/// Takes work in.
#[derive(Clone)]
pub(crate) struct Queue {
    to: SyncSender<Work>,
    waiting: Arc<AtomicUsize>,
}

/// Gives it out.
pub(crate) struct Works {
    from: Receiver<Work>,
    waiting: Arc<AtomicUsize>,
}

/// A queue in which so much may wait; whoever has more waits with it. `waiting` is how much does,
/// with what is waited with.
pub(crate) fn queue(most: usize, waiting: &Arc<AtomicUsize>) -> (Queue, Works) {
    let (to, from) = sync_channel(most);
    let waiting = Arc::clone(waiting);
    let queue = Queue {
        to,
        waiting: Arc::clone(&waiting),
    };
    (queue, Works { from, waiting })
}

impl Queue {
    /// Waits until there is room.
    ///
    /// # Errors
    /// When nobody does anything any more.
    pub(crate) fn send(&self, work: Work) -> Result<(), SendError<Work>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.to.send(work);
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }

    /// Does not wait.
    ///
    /// # Errors
    /// When there is no room, or nobody does anything any more.
    pub(crate) fn try_send(&self, work: Work) -> Result<(), TrySendError<Work>> {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        let sent = self.to.try_send(work);
        if sent.is_err() {
            self.waiting.fetch_sub(1, Ordering::Relaxed);
        }
        sent
    }
}

impl Works {
    /// The next that there is to be done, if something comes in this time.
    ///
    /// # Errors
    /// When nothing came, or nothing comes any more.
    pub(crate) fn recv_timeout(&self, time: Duration) -> Result<Work, RecvTimeoutError> {
        let work = self.from.recv_timeout(time)?;
        self.waiting.fetch_sub(1, Ordering::Relaxed);
        Ok(work)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_waits_is_counted() {
        let waiting = Arc::default();
        let count = || AtomicUsize::load(&waiting, Ordering::Relaxed);
        let (queue, works) = queue(2, &waiting);
        queue.send(Work::Ended).unwrap();
        queue.try_send(Work::Ended).unwrap();
        assert!(matches!(
            queue.try_send(Work::Ended),
            Err(TrySendError::Full(_))
        ));
        assert_eq!(count(), 2);
        assert!(works.recv_timeout(Duration::ZERO).is_ok());
        assert_eq!(count(), 1);
        assert!(works.recv_timeout(Duration::ZERO).is_ok());
        let none = works.recv_timeout(Duration::ZERO);
        assert!(matches!(none, Err(RecvTimeoutError::Timeout)));
        assert_eq!(count(), 0);
        drop(works);
        assert!(queue.send(Work::Ended).is_err());
        assert_eq!(count(), 0);
    }
}
