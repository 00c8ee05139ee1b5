//! Connections by which no good token has come, in the order in which they came: where there is no
//! room for another, the first of them goes.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::oneshot;

/// All of a listener.
#[derive(Default)]
pub(super) struct Strangers(Mutex<Queue>);

#[derive(Default)]
struct Queue {
    next: u64,
    /// Who each is told by that it must go.
    waiting: BTreeMap<u64, oneshot::Sender<()>>,
}

impl Strangers {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A connection has come.
    pub(super) fn enter(self: &Arc<Strangers>) -> (Stranger, Sent) {
        let (send, sent) = oneshot::channel();
        let mut queue = self.queue();
        let number = queue.next;
        queue.next += 1;
        queue.waiting.insert(number, send);
        let stranger = Stranger {
            number,
            all: Arc::clone(self),
        };
        (stranger, Sent(sent))
    }

    /// Sends away the one that came first; whether there was one.
    pub(super) fn send_away(&self) -> bool {
        let first = self.queue().waiting.pop_first();
        first.is_some_and(|(_, send)| send.send(()).is_ok())
    }
}

/// A connection, until it is dropped.
pub(super) struct Stranger {
    number: u64,
    all: Arc<Strangers>,
}

impl Stranger {
    /// A good token has come by it: it stays from now on.
    pub(super) fn is_known(&self) {
        self.all.queue().waiting.remove(&self.number);
    }
}

impl Drop for Stranger {
    fn drop(&mut self) {
        self.is_known();
    }
}

/// That a connection is sent away.
pub(super) struct Sent(oneshot::Receiver<()>);

impl Sent {
    /// Comes back when it is, and never if it stays.
    pub(super) async fn away(self) {
        if self.0.await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_goes_and_whoever_is_known_stays() {
        let all = Arc::new(Strangers::default());
        let told = |sent: &mut Sent| sent.0.try_recv().is_ok();
        assert!(!all.send_away());
        let (first, mut away_first) = all.enter();
        let (second, mut away_second) = all.enter();
        let (third, away_third) = all.enter();
        first.is_known();
        assert!(all.send_away());
        assert!(!told(&mut away_first) && told(&mut away_second));
        drop((second, third, away_third));
        assert!(!all.send_away());
    }
}
