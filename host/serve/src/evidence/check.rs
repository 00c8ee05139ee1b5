//! Executes each recorded call once more: a plugin may keep something in its own memory, or be
//! told something that is not recorded, and then its findings cannot be explained later.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palisade_events::contain;
use palisade_pipeline::replay::{KeptCall, ReplayError, replay};

use super::Figures;
use super::log::KeptNow;

/// The most calls that wait to be executed once more; others are passed over, and counted.
const MAX_UNCHECKED: usize = 64;

/// Bytes of the evidence of a call that is executed once more.
const MAX_CHECKED: usize = 1 << 20;
/// How often a call is executed that uses up what it may, which it did not at first.
const TRIES: usize = 3;
/// How long it is left alone between two tries.
const BETWEEN: Duration = Duration::from_secs(1);

/// What came of a call that was executed once more.
pub(crate) struct Checked {
    pub(crate) epoch: u64,
    pub(crate) call: u32,
    /// Whether it was the same.
    pub(crate) same: bool,
}

/// Hands calls over, and takes what came of them.
pub(crate) struct Check {
    to: Option<SyncSender<KeptNow>>,
    done: Arc<Mutex<Vec<Checked>>>,
    figures: Arc<Figures>,
}

/// Executes them.
pub(crate) struct Checker {
    calls: Receiver<KeptNow>,
    done: Arc<Mutex<Vec<Checked>>>,
    figures: Arc<Figures>,
    /// From one to the next.
    pause: Duration,
    over: Arc<AtomicBool>,
}

impl Check {
    /// Both sides; so many calls a second at most, none at all if 0.
    pub(crate) fn new(
        figures: &Arc<Figures>,
        per_second: u32,
        over: &Arc<AtomicBool>,
    ) -> (Check, Option<Checker>) {
        let done = Arc::<Mutex<Vec<Checked>>>::default();
        let (to, calls) = sync_channel(MAX_UNCHECKED);
        let check = Check {
            to: (per_second > 0).then_some(to),
            done: Arc::clone(&done),
            figures: Arc::clone(figures),
        };
        let checker = (per_second > 0).then(|| Checker {
            calls,
            done,
            figures: Arc::clone(figures),
            pause: Duration::from_secs(1) / per_second.max(1),
            over: Arc::clone(over),
        });
        (check, checker)
    }

    /// Hands calls over, as far as there is room.
    pub(crate) fn hand_over(&self, calls: Vec<KeptNow>) {
        let Some(to) = &self.to else { return };
        for call in calls {
            let small = call.bytes.len() <= MAX_CHECKED;
            if !small || to.try_send(call).is_err() {
                self.figures.unchecked.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    /// What came of calls since this was asked last.
    pub(crate) fn take(&self) -> Vec<Checked> {
        std::mem::take(&mut self.done.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Checker {
    /// Executes calls until nobody hands any over any more, or the server is over.
    pub(crate) fn run(&self) {
        while let Ok(call) = self.calls.recv() {
            if self.over.load(Ordering::Acquire) {
                return;
            }
            let began = Instant::now();
            self.check(&call);
            drop(call);
            // However long one takes, as long is waited for the next: it has half a core at most.
            std::thread::sleep(self.pause.max(began.elapsed()));
        }
    }

    fn check(&self, now: &KeptNow) {
        let figures = &self.figures;
        let once = || {
            contain(|| {
                let call = KeptCall::decode(&now.bytes)?;
                replay(&now.plugin, &call)
            })
        };
        let mut came = once();
        // On a busy machine a call may take longer than it has; where it does each time, that is what
        // is different.
        for _ in 1..TRIES {
            if !matches!(came, Ok(Err(ReplayError::Bounds(_)))) || self.over.load(Ordering::Acquire)
            {
                break;
            }
            std::thread::sleep(BETWEEN);
            came = once();
        }
        let same = match came {
            Ok(Ok(differences)) => differences.is_empty(),
            Ok(Err(ReplayError::Bounds(_))) => false,
            Ok(Err(_)) | Err(_) => {
                figures.unchecked.fetch_add(1, Ordering::Relaxed);
                return;
            }
        };
        figures.checked.fetch_add(1, Ordering::Relaxed);
        if !same {
            figures.differ.fetch_add(1, Ordering::Relaxed);
        }
        let mut done = self.done.lock().unwrap_or_else(PoisonError::into_inner);
        done.push(Checked {
            epoch: now.epoch,
            call: now.call,
            same,
        });
    }
}
