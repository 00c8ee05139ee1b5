//! Swaps: stage, verify, load, vectors, warm, and then the switch between two epochs.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{RecvTimeoutError, Sender, TrySendError, channel};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use palisade_pipeline::engine::{Stage, StageError, Staged};
use palisade_sinks::Swaps;
use palisade_store::Store;

use crate::active::{Active, Shared};
use crate::audit::Books;
use crate::composition::{Change, Composition};
use crate::loader::Loader;
use crate::queue::Queue;
use crate::receipt::{Receipt, SwapKind};
use crate::taking::Work;
use crate::trial::asking::Trials;

/// How long the switch is waited for: the epochs before it must be evaluated, and the journal
/// may wait for room.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was swapped; what ran goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {problem}")]
pub(crate) struct SwapError {
    /// What it came to: `busy`, `verify`, `load`, `vectors`, `state`, `warm`, `switch`, `act` for what
    /// is no swap, or `unknown` where it came about and may yet be lost.
    pub(crate) stage: &'static str,
    /// What is wrong, and what to do.
    pub(crate) problem: String,
}

impl SwapError {
    pub(crate) fn at(stage: &'static str) -> impl Fn(String) -> SwapError {
        move |problem| SwapError { stage, problem }
    }
}

/// A generation that is ready, to be switched to.
pub(crate) struct Order {
    pub(crate) staged: Staged,
    pub(crate) composition: Composition,
    /// What is known of it so far.
    pub(crate) receipt: Receipt,
    /// Whether somebody still waits for it.
    pub(crate) claim: Claim,
    /// Told once the swap is in the journal and synced, or why there was none.
    pub(crate) reply: Sender<Result<Receipt, String>>,
}

/// An order is either done or given up, by whoever comes first.
#[derive(Clone, Default)]
pub(crate) struct Claim(Arc<AtomicBool>);

impl Claim {
    /// Takes it; whether nobody did before.
    pub(crate) fn take(&self) -> bool {
        !self.0.swap(true, Ordering::AcqRel)
    }
}

/// Who asks for what.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    /// Who.
    pub(crate) by: String,
    /// A key by which a request that comes again is known, given by whoever asks.
    pub(crate) key: Option<String>,
}

/// Makes swaps, one at a time.
pub(crate) struct Swapper {
    pub(crate) shared: Arc<Shared>,
    pub(crate) loader: Arc<dyn Loader>,
    pub(crate) store: Arc<Store>,
    pub(crate) work: Queue,
    /// Where receipts are.
    pub(crate) database: PathBuf,
    pub(crate) busy: Mutex<()>,
    /// What operators did.
    pub(crate) audit: Arc<Books>,
    /// What is tried beside what runs.
    pub(crate) trials: Trials,
    /// Set when the server is to end.
    pub(crate) stop: Arc<AtomicBool>,
}

impl Swapper {
    /// Changes what runs. Of a dry run the receipt has generation 0.
    ///
    /// # Errors
    /// Says at which stage it ended and why; what ran goes on.
    pub(crate) fn swap(&self, change: &Change, asked: &Asked) -> Result<Receipt, SwapError> {
        let began = Instant::now();
        let _busy = self.alone()?;
        if let Some(known) = self.known(change, SwapKind::Swap, asked)? {
            return Ok(known);
        }
        let (active, stage) = self.shared.now();
        let composition = self
            .loader
            .changed(&active.composition, change, &self.store)
            .map_err(|error| SwapError::at("verify")(error.to_string()))?;
        self.go(
            (active, stage),
            composition,
            change,
            (SwapKind::Swap, asked),
            began,
        )
    }

    /// Goes back to what ran before the latest swap. State stays as it is today.
    ///
    /// # Errors
    /// As [`swap`](Self::swap), and when there is nothing to go back to.
    pub(crate) fn roll_back(&self, change: &Change, asked: &Asked) -> Result<Receipt, SwapError> {
        let began = Instant::now();
        let bare = Change {
            discard_state: change.discard_state.clone(),
            dry_run: change.dry_run,
            ..Change::default()
        };
        if bare != *change {
            let problem = "going back takes nothing but `discard_state` and `dry_run`".to_owned();
            return Err(SwapError::at("verify")(problem));
        }
        let _busy = self.alone()?;
        if let Some(known) = self.known(change, SwapKind::Rollback, asked)? {
            return Ok(known);
        }
        let (active, stage) = self.shared.now();
        let before = active.before.last().cloned().ok_or_else(|| {
            SwapError::at("verify")("nothing ran before what runs now".to_owned())
        })?;
        // It was trusted when it ran; that may have changed.
        let checked = self.loader.check(&before);
        checked.map_err(|error| SwapError::at("verify")(error.to_string()))?;
        self.go(
            (active, stage),
            before,
            change,
            (SwapKind::Rollback, asked),
            began,
        )
    }

    /// The receipt of a request that was done before. Nothing else may be swapped meanwhile, or two
    /// of one key could both find nothing.
    fn known(
        &self,
        change: &Change,
        kind: SwapKind,
        asked: &Asked,
    ) -> Result<Option<Receipt>, SwapError> {
        let Some(key) = &asked.key else {
            return Ok(None);
        };
        let receipt = match self.shared.keyed(key) {
            Some(known) => Some(known),
            None => {
                let json = Swaps::open(&self.database).and_then(|swaps| swaps.by_key(key));
                let json = json.map_err(|error| SwapError::at("busy")(error.to_string()))?;
                let receipt = json.map(|json| serde_json::from_str::<Receipt>(&json));
                let receipt = receipt.transpose();
                receipt.map_err(|error| SwapError::at("busy")(error.to_string()))?
            }
        };
        match receipt {
            Some(receipt) if receipt.request != Receipt::request(change, kind) => {
                Err(SwapError::at("verify")(format!(
                    "the key `{key}` was used for another request, which began generation {}; use a new one",
                    receipt.generation
                )))
            }
            receipt => Ok(receipt),
        }
    }

    pub(crate) fn alone(&self) -> Result<std::sync::MutexGuard<'_, ()>, SwapError> {
        match self.busy.try_lock() {
            Ok(_) | Err(TryLockError::Poisoned(_)) if self.shared.full.load(Ordering::Relaxed) => {
                Err(SwapError::at("busy")(
                    "there is no room on the disk or in the journal, so nothing can be kept"
                        .to_owned(),
                ))
            }
            Ok(alone) => Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(SwapError::at("busy")(
                "another swap is under way; ask again when it is done".to_owned(),
            )),
        }
    }

    fn go(
        &self,
        (active, stage): (Active, Stage),
        composition: Composition,
        change: &Change,
        (kind, asked): (SwapKind, &Asked),
        began: Instant,
    ) -> Result<Receipt, SwapError> {
        if composition.is_same(&active.composition) && change.discard_state.is_empty() {
            let problem = "nothing would change: this is what runs".to_owned();
            return Err(SwapError::at("verify")(problem));
        }
        let generation = self.loader.load(&composition, &self.store);
        let generation = generation.map_err(|error| SwapError::at("load")(error.to_string()))?;
        let tested = match kind {
            // Its vectors passed when it was swapped in.
            SwapKind::Rollback => Ok(0),
            _ => self.loader.test(change),
        };
        let vectors = tested.map_err(|error| SwapError::at("vectors")(error.to_string()))?;
        let staged = stage.prepare(generation, &change.discard_state);
        let staged = staged.map_err(|error| {
            let stage = match &error {
                StageError::Fault(_) => "warm",
                _ => "state",
            };
            SwapError::at(stage)(error.to_string())
        })?;
        let both = (&active.composition, &composition);
        let receipt = Receipt {
            staged_ns: nanoseconds(began.elapsed()),
            ..Receipt::planned(both, kind, (asked, change), vectors)
        };
        if change.dry_run {
            return Ok(receipt);
        }
        self.hand_over(|claim, reply| {
            Work::Swap(Box::new(Order {
                staged,
                composition,
                receipt,
                claim,
                reply,
            }))
        })
    }

    /// Has something done between two epochs, and waits until it is kept.
    ///
    /// # Errors
    /// When it cannot be done, or is not within the time for it.
    pub(crate) fn hand_over<T>(
        &self,
        order: impl FnOnce(Claim, Sender<Result<T, String>>) -> Work,
    ) -> Result<T, SwapError> {
        let (reply, told) = channel();
        let claim = Claim::default();
        let mut order = order(claim.clone(), reply);
        let at = SwapError::at("switch");
        let gone = || at("the server is ending".to_owned());
        let late = || {
            at(
                "it was not done within 60 s, since no epoch ends: is there room on the disk?"
                    .to_owned(),
            )
        };
        let until = Instant::now() + PATIENCE;
        loop {
            order = match self.work.try_send(order) {
                Ok(()) => break,
                Err(TrySendError::Disconnected(_)) => return Err(gone()),
                Err(TrySendError::Full(_)) if Instant::now() >= until => return Err(late()),
                Err(TrySendError::Full(order)) => order,
            };
            std::thread::sleep(Duration::from_millis(1));
        }
        let left = until.saturating_duration_since(Instant::now());
        match told.recv_timeout(left) {
            Ok(done) => done.map_err(&at),
            Err(RecvTimeoutError::Disconnected) => Err(gone()),
            Err(RecvTimeoutError::Timeout) if claim.take() => Err(late()),
            // It was done, and waits for the journal.
            Err(RecvTimeoutError::Timeout) => match told.recv_timeout(PATIENCE) {
                Ok(done) => done.map_err(&at),
                Err(_) => Err(SwapError::at("unknown")(
                    "it was done, and is not in the journal after two minutes: is there room on the \
                     disk? `ctl swaps` lists a swap once it is"
                        .to_owned(),
                )),
            },
        }
    }
}

/// A time in whole nanoseconds.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
