//! Swaps: stage, verify, load, vectors, warm, and then the switch between two epochs.

use std::path::PathBuf;
use std::sync::mpsc::{Sender, SyncSender, channel};
use std::sync::{Arc, Mutex, TryLockError};
use std::time::{Duration, Instant};

use palisade_pipeline::engine::{StageError, Staged};
use palisade_sinks::Swaps;
use palisade_store::Store;

use crate::active::Shared;
use crate::composition::{Change, Composition};
use crate::loader::Loader;
use crate::receipt::{Receipt, SwapKind};
use crate::taking::Work;

/// How long the switch is waited for: the epochs before it must be evaluated, and the journal
/// may wait for room.
const PATIENCE: Duration = Duration::from_secs(60);

/// Why nothing was swapped; what ran goes on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{stage}: {problem}")]
pub(crate) struct SwapError {
    /// What it came to: `busy`, `verify`, `load`, `vectors`, `state`, `warm` or `switch`.
    pub(crate) stage: &'static str,
    /// What is wrong, and what to do.
    pub(crate) problem: String,
}

impl SwapError {
    fn at(stage: &'static str) -> impl Fn(String) -> SwapError {
        move |problem| SwapError { stage, problem }
    }
}

/// A generation that is ready, to be switched to.
pub(crate) struct Order {
    pub(crate) staged: Staged,
    pub(crate) composition: Composition,
    /// What is known of it so far.
    pub(crate) receipt: Receipt,
    /// Told once the swap is in the journal and synced, or why there was none.
    pub(crate) reply: Sender<Result<Receipt, String>>,
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
    pub(crate) work: SyncSender<Work>,
    /// Where receipts are.
    pub(crate) database: PathBuf,
    pub(crate) busy: Mutex<()>,
}

impl Swapper {
    /// Changes what runs. Of a dry run the receipt has generation 0.
    ///
    /// # Errors
    /// Says at which stage it ended and why; what ran goes on.
    pub(crate) fn swap(&self, change: &Change, asked: &Asked) -> Result<Receipt, SwapError> {
        let began = Instant::now();
        let _busy = self.alone()?;
        if let Some(known) = self.known(asked)? {
            return Ok(known);
        }
        let active = self.shared.active();
        let composition = self
            .loader
            .changed(&active.composition, change, &self.store)
            .map_err(|error| SwapError::at("verify")(error.to_string()))?;
        self.go(composition, change, SwapKind::Swap, asked, began)
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
        if let Some(known) = self.known(asked)? {
            return Ok(known);
        }
        let mut active = self.shared.active();
        let before = active.before.pop().ok_or_else(|| {
            SwapError::at("verify")("nothing ran before what runs now".to_owned())
        })?;
        self.go(before, change, SwapKind::Rollback, asked, began)
    }

    /// The receipt of a request that was done before. Nothing else may be swapped meanwhile, or two
    /// of one key could both find nothing.
    fn known(&self, asked: &Asked) -> Result<Option<Receipt>, SwapError> {
        let Some(key) = &asked.key else {
            return Ok(None);
        };
        let json = Swaps::open(&self.database).and_then(|swaps| swaps.by_key(key));
        let json = json.map_err(|error| SwapError::at("busy")(error.to_string()))?;
        let receipt = json.map(|json| serde_json::from_str(&json)).transpose();
        receipt.map_err(|error| SwapError::at("busy")(error.to_string()))
    }

    fn alone(&self) -> Result<std::sync::MutexGuard<'_, ()>, SwapError> {
        match self.busy.try_lock() {
            Ok(alone) => Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(SwapError::at("busy")(
                "another swap is under way; ask again when it is done".to_owned(),
            )),
        }
    }

    fn go(
        &self,
        composition: Composition,
        change: &Change,
        kind: SwapKind,
        asked: &Asked,
        began: Instant,
    ) -> Result<Receipt, SwapError> {
        let active = self.shared.active();
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
        let stage = self.shared.stage();
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
        let (reply, told) = channel();
        let order = Order {
            staged,
            composition,
            receipt,
            reply,
        };
        let gone = || SwapError::at("switch")("the server is ending".to_owned());
        let sent = self.work.send(Work::Swap(Box::new(order)));
        sent.map_err(|_| gone())?;
        match told.recv_timeout(PATIENCE) {
            Ok(done) => done.map_err(SwapError::at("switch")),
            Err(std::sync::mpsc::RecvTimeoutError::Disconnected) => Err(gone()),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) => Err(SwapError::at("switch")(
                "it is not in the journal after 60 s; look at the status to see whether it came about"
                    .to_owned(),
            )),
        }
    }
}

/// A time in whole nanoseconds.
pub(crate) fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
