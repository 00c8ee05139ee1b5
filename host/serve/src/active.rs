//! What runs, and what may be gone back to.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use palisade_pipeline::engine::{Engine, SourcePosition, Stage, Summary, Terms};

use serde::{Deserialize, Serialize};

use crate::act::ActReceipt;
use crate::captures::Captures;
use crate::composition::Composition;
use crate::evidence;
use crate::histogram::Histogram;
use crate::ingest::Network;
use crate::receipt::{Receipt, SwapKind};

/// The most compositions that are remembered to go back to.
pub const MAX_BEFORE: usize = 16;
/// The most receipts that are remembered beside the database: those that may not be in it yet.
const MAX_KEYED: usize = 64;

/// What runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Active {
    /// The number of the generation; the first is 1.
    pub(crate) generation: u64,
    pub(crate) composition: Composition,
    /// What the configuration asked for when it was last heeded.
    pub(crate) configured: Composition,
    /// What ran before, the latest last, to go back to.
    pub(crate) before: Vec<Composition>,
}

impl Active {
    /// The first generation, which the configuration asks for.
    pub(crate) fn first(composition: Composition) -> Active {
        Active {
            generation: 1,
            configured: composition.clone(),
            composition,
            before: Vec::new(),
        }
    }

    /// Another composition runs from here on.
    pub(crate) fn went(&mut self, to: Composition, kind: SwapKind) {
        let before = std::mem::replace(&mut self.composition, to);
        self.generation += 1;
        match kind {
            // What was left is not gone back to.
            SwapKind::Rollback => {
                self.before.pop();
            }
            SwapKind::Swap | SwapKind::Configuration => {
                if self.before.len() == MAX_BEFORE {
                    self.before.remove(0);
                }
                self.before.push(before);
            }
        }
        if kind == SwapKind::Configuration {
            self.configured = self.composition.clone();
        }
    }
}

/// What is known of a server while it runs, for whoever asks.
pub(crate) struct Shared {
    /// Both of one generation.
    now: Mutex<(Active, Stage)>,
    /// Receipts of swaps that have a key and came about, the latest last: they may not be in the database yet.
    keyed: Mutex<VecDeque<Receipt>>,
    /// The same of other acts.
    acts: Mutex<VecDeque<ActReceipt>>,
    terms: Mutex<(u64, Terms)>,
    /// The number of the generation in `terms`.
    generation: AtomicU64,
    figures: Mutex<Figures>,
    /// The last record that is kept, and the last that was evaluated.
    pub(crate) committed: Arc<AtomicU64>,
    pub(crate) evaluated: AtomicU64,
    /// Of each epoch, from when it was read until what came of it was kept.
    pub(crate) kept_after: Arc<Histogram>,
    /// How long each sync of the journal took.
    pub(crate) synced_in: Arc<Histogram>,
    /// What was done about evidence.
    pub(crate) evidence: Arc<evidence::Figures>,
    /// Sources are followed.
    pub(crate) ready: AtomicBool,
    /// What was left out and is kept, and what found no room.
    pub(crate) letters: AtomicU64,
    pub(crate) letters_dropped: AtomicU64,
    /// Letters that were let go for others, or since they were too old.
    pub(crate) letters_let_go: Arc<AtomicU64>,
    /// No room on the disk: nothing more is taken in.
    pub(crate) full: Arc<AtomicBool>,
    pub(crate) began: Instant,
    /// What was read, or is to be done, and waits to be evaluated.
    pub(crate) waiting: Arc<AtomicUsize>,
    /// How network sources stand.
    pub(crate) networks: Vec<Arc<Network>>,
    /// Sources of packets.
    pub(crate) captures: Captures,
}

/// What was done so far, a moment ago.
#[derive(Clone, Debug, Default)]
pub(crate) struct Figures {
    pub(crate) summary: Summary,
    pub(crate) positions: Vec<SourcePosition>,
}

/// What a lock guards, also where whoever held it panicked: it is written at once, or not at all.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Remembers one more, and forgets the oldest where there are too many.
fn push<T>(to: &Mutex<VecDeque<T>>, receipt: T) {
    let mut keyed = lock(to);
    if keyed.len() == MAX_KEYED {
        keyed.pop_front();
    }
    keyed.push_back(receipt);
}

impl Shared {
    pub(crate) fn new(
        engine: &Engine,
        active: Active,
        committed: u64,
        networks: Vec<Arc<Network>>,
    ) -> Shared {
        Shared {
            terms: Mutex::new((active.generation, engine.terms())),
            generation: AtomicU64::new(active.generation),
            now: Mutex::new((active, engine.stage())),
            keyed: Mutex::default(),
            acts: Mutex::default(),
            figures: Mutex::default(),
            committed: Arc::new(AtomicU64::new(committed)),
            evaluated: AtomicU64::new(committed),
            kept_after: Arc::default(),
            synced_in: Arc::default(),
            evidence: Arc::default(),
            ready: AtomicBool::new(false),
            letters: AtomicU64::new(0),
            letters_dropped: AtomicU64::new(0),
            letters_let_go: Arc::default(),
            full: Arc::default(),
            began: Instant::now(),
            waiting: Arc::default(),
            networks,
            captures: Captures::default(),
        }
    }

    /// What runs, and what makes the next generation ready; both of the same generation.
    pub(crate) fn now(&self) -> (Active, Stage) {
        lock(&self.now).clone()
    }

    pub(crate) fn active(&self) -> Active {
        self.now().0
    }

    /// The receipt of a swap with this key that came about lately.
    pub(crate) fn keyed(&self, key: &str) -> Option<Receipt> {
        let keyed = lock(&self.keyed);
        let found = keyed.iter().find(|known| known.key.as_deref() == Some(key));
        found.cloned()
    }

    /// The receipt of another act with this key that was done lately.
    pub(crate) fn keyed_act(&self, key: &str) -> Option<ActReceipt> {
        let acts = lock(&self.acts);
        let found = acts.iter().find(|known| known.key.as_deref() == Some(key));
        found.cloned()
    }

    /// A swap came about.
    pub(crate) fn remember(&self, receipt: &Receipt) {
        if receipt.key.is_some() {
            push(&self.keyed, receipt.clone());
        }
    }

    /// Something else was done.
    pub(crate) fn remember_act(&self, receipt: &ActReceipt) {
        if receipt.key.is_some() {
            push(&self.acts, receipt.clone());
        }
    }

    /// The number of the generation that runs.
    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// The terms of the generation that runs, with its number.
    pub(crate) fn terms(&self) -> (u64, Terms) {
        lock(&self.terms).clone()
    }

    /// Another composition runs from here on.
    pub(crate) fn went(&self, engine: &Engine, to: Composition, kind: SwapKind) {
        let generation = {
            let mut now = lock(&self.now);
            now.0.went(to, kind);
            now.1 = engine.stage();
            now.0.generation
        };
        *lock(&self.terms) = (generation, engine.terms());
        self.generation.store(generation, Ordering::Release);
    }

    pub(crate) fn figures(&self) -> Figures {
        lock(&self.figures).clone()
    }

    pub(crate) fn set_figures(&self, figures: Figures) {
        *lock(&self.figures) = figures;
    }
}
