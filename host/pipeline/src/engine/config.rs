//! How a run is set up, and why it may end early.

use std::num::NonZeroU64;
use std::time::Duration;

use palisade_events::{BatchError, MAX_ROWS, MAX_SLOT};

use super::clock::Clock;
use super::failure::OnFault;
use super::graph::MAX_LEVELS;
use super::stop::Stop;
use super::workers::WorkerError;
use palisade_capture::ReadLimits;
use palisade_capture::flow::{FlowConfig, FragmentConfig, ReassemblyConfig};
use palisade_sources::{DeadLetters, Limits};
use palisade_state::partition::PartitionKey;

/// The most worker threads.
pub const MAX_WORKERS: usize = 256;

/// Highest slot of an input; those above are for findings.
pub(crate) const MAX_INPUT_SLOT: u16 = MAX_SLOT - MAX_LEVELS as u16;

/// How a run is set up.
#[derive(Clone, Debug)]
pub struct EngineConfig {
    /// Worker threads; what comes out does not depend on it, save where limits are reached that are
    /// counted and told (see `engine`).
    pub workers: usize,
    /// The most rows of a batch, 1 to 1,024; what comes out depends on it as little as on `workers`.
    pub batch_rows: usize,
    /// The most packets or events of an epoch; what comes out depends on it as little as on
    /// `workers`.
    pub epoch: usize,
    /// Bytes that the host may take; see [`Memory`](crate::memory::Memory) for who gets what,
    /// and for what `None` stands for.
    pub memory: Option<NonZeroU64>,
    /// How much later than newer events an event may come without being late.
    pub lateness: Duration,
    /// How far ahead of the clock an event's time may lie.
    pub max_skew: Duration,
    /// What an event's time is held against.
    pub clock: Clock,
    /// When requests are asked: one that is dated further than `max_skew` before or after it is
    /// denied, and no policy asked. [`Clock::Events`]: when each says.
    pub asked: Clock,
    /// Where the watermark goes to at the end, in nanoseconds, if that is later.
    pub until: Option<u64>,
    /// A new instance of detectors and policies for every call: for tests, which must see the
    /// same output.
    pub fresh: bool,
    /// Whether calls that file something leave [evidence](super::Evidence), by which they can be
    /// executed again. What comes out does not depend on it.
    pub evidence: bool,
    /// The secret that divides keys into parts and flows among workers. What comes out depends
    /// on it where state tables are full, and in estimates of distinct values.
    pub partition_key: PartitionKey,
    /// The flow table's limits; those in bytes, and on the number of flows, are lowered to what
    /// `memory` gives.
    pub flow: FlowConfig,
    /// Limits on reading captures.
    pub read: ReadLimits,
    /// Limits on reading everything else.
    pub limits: Limits,
    /// Takes records that are not understood.
    pub dead_letters: DeadLetters,
    /// What becomes of a plugin that faults.
    pub on_fault: OnFault,
    /// Ends the run early.
    pub stop: Stop,
}

impl Default for EngineConfig {
    fn default() -> Self {
        EngineConfig {
            workers: std::thread::available_parallelism().map_or(1, usize::from),
            batch_rows: MAX_ROWS,
            epoch: 16_384,
            memory: None,
            lateness: Duration::from_secs(10),
            max_skew: Duration::from_secs(300),
            clock: Clock::default(),
            asked: Clock::default(),
            until: None,
            fresh: false,
            evidence: false,
            partition_key: PartitionKey::default(),
            flow: FlowConfig {
                // As many as there is memory for.
                max_flows: usize::MAX,
                reassembly: ReassemblyConfig {
                    total_bytes: usize::MAX,
                    ..ReassemblyConfig::default()
                },
                fragments: FragmentConfig {
                    bytes: usize::MAX,
                    ..FragmentConfig::default()
                },
                ..FlowConfig::default()
            },
            read: ReadLimits::default(),
            limits: Limits::default(),
            dead_letters: DeadLetters::none(),
            on_fault: OnFault::default(),
            stop: Stop::default(),
        }
    }
}

/// Why a run ends before its inputs do.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// A worker is gone.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// A plugin faulted, and the run was to stop then.
    #[error("stopped by a fault: {0}")]
    Fault(String),
    /// A batch could not be made.
    #[error("{0}; this is a defect of Palisade, please report it")]
    Batch(#[from] BatchError),
    /// A capture was to be read as a log.
    #[error("input `{0}` is a capture and no log; this is a defect of Palisade, please report it")]
    Capture(String),
    /// There are more sources than event references can tell apart.
    #[error(
        "more than {MAX_INPUT_SLOT} sources; give inputs that belong together, as rotated files \
         do, one name with --source"
    )]
    Sources,
    /// A thread that reads an input could not be started.
    #[error("cannot start a thread to read an input: {0}")]
    Reader(std::io::Error),
    /// There is too little memory for so many plugins.
    #[error(
        "{plugins} plugins with state cannot share {state} bytes: each needs {each} bytes at \
         least; give more with --memory, or leave some out"
    )]
    Memory {
        /// How many plugins have tables.
        plugins: u64,
        /// What they may take together.
        state: u64,
        /// What each needs.
        each: u64,
    },
    /// A plugin's predicates could not be prepared.
    #[error("plugin `{plugin}`: {problem}")]
    Predicates {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        problem: String,
    },
    /// The predicates of all plugins take too much memory.
    #[error(
        "the values that plugins compare with in `where` take {predicates} bytes, and there are \
         {left} for them beside the datasets: move lists of values into a dataset, give more with \
         --memory, or leave plugins out"
    )]
    PredicateMemory {
        /// What they take.
        predicates: u64,
        /// What they may take.
        left: u64,
    },
    /// A generation was made ready to follow another one than the present.
    #[error("another generation was adopted meanwhile; make this one ready again")]
    Superseded,
    /// Plugins build on each other's findings in a circle.
    #[error(
        "plugins build on each other's findings in a circle: {0}; narrow a `finding` \
         subscription of one of them with `where` on `plugin` or `rule`, or leave one out"
    )]
    Circle(String),
    /// Too many plugins build one on another.
    #[error(
        "at most {MAX_LEVELS} plugins may build on findings one after another, and these are \
         more: {0}; leave one out"
    )]
    Levels(String),
}
