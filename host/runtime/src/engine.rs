//! The wasmtime engines and the clock that their deadlines run on.

use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::{
    Config, Enabled, Engine, EngineWeak, InstanceAllocationStrategy, PoolingAllocationConfig,
};

use crate::Limits;
use crate::Patience;
use crate::account::Account;

/// Length of an epoch: a call's deadline is kept to within one of these.
pub const EPOCH: Duration = Duration::from_millis(5);

/// The most memory that a pooled slot holds; plugins with a larger limit get on-demand memory.
const POOLED_MEMORY: usize = 64 << 20;
const POOLED_INSTANCES: u32 = 256;
/// Tables for each instance of the pool.
const TABLES: u32 = 2;
/// Bytes of a slot's memory, and of each of its tables, that stay in place for its next
/// instance: they never go back to the kernel.
const KEPT_MEMORY: usize = 128 << 10;
const KEPT_TABLE: usize = 16 << 10;
/// What the pool keeps of an instance that is gone.
const KEPT: u64 = (KEPT_MEMORY + TABLES as usize * KEPT_TABLE) as u64;

/// How many instances the pool has room for, so that what it keeps is at most an eighth of what
/// guests may have in all.
fn pooled_instances(guest_memory: u64) -> u32 {
    let afforded = guest_memory / 8 / KEPT;
    u32::try_from(afforded).map_or(POOLED_INSTANCES, |n| n.min(POOLED_INSTANCES))
}

/// Whether calls are bounded by time alone or by fuel as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Mode {
    /// Epoch deadlines.
    #[default]
    Live,
    /// Epoch deadlines and fuel: the same input ends at the same instruction on every machine.
    Deterministic,
    /// Fuel alone, and that of the operator's limits whatever the manifest asks for: for executing
    /// again what was executed before, on a machine of whatever speed.
    Fueled,
    /// Neither, so a call that does not end never ends: for measuring what deadlines cost.
    Unbounded,
}

impl Mode {
    /// Whether calls have fuel.
    pub fn has_fuel(self) -> bool {
        matches!(self, Mode::Deterministic | Mode::Fueled)
    }

    /// Whether calls have deadlines.
    pub fn has_deadlines(self) -> bool {
        matches!(self, Mode::Live | Mode::Deterministic)
    }
}

/// What cannot be done with an engine.
#[derive(Debug, thiserror::Error)]
#[error("cannot set up the WebAssembly engine: {0:#}")]
pub struct EngineError(wasmtime::Error);

/// The settings that decide what code is compiled; the same for every allocation strategy.
pub(crate) fn config(mode: Mode, limits: &Limits) -> Config {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .epoch_interruption(mode.has_deadlines())
        .consume_fuel(mode.has_fuel())
        .cranelift_nan_canonicalization(true)
        .relaxed_simd_deterministic(true)
        .wasm_memory64(false)
        .max_wasm_stack(limits.stack)
        .wasm_backtrace_max_frames(std::num::NonZeroUsize::new(32));
    config
}

/// Two engines that share compiled code: one that takes instances from a pool, and one that
/// allocates them on demand when the pool is exhausted or a plugin does not fit it.
pub(crate) struct Engines {
    pub(crate) pooled: Option<Engine>,
    pub(crate) on_demand: Engine,
    /// What the instances of all plugins draw their memory from.
    pub(crate) account: Arc<Account>,
    pub(crate) patience: Arc<Patience>,
    _clock: Clock,
}

impl Engines {
    pub(crate) fn new(
        mode: Mode,
        limits: &Limits,
        guest_memory: u64,
        pool: bool,
    ) -> Result<Engines, EngineError> {
        let on_demand = Engine::new(&config(mode, limits)).map_err(EngineError)?;
        // A machine that refuses the pool's address space still runs, a little slower.
        let instances = pooled_instances(guest_memory);
        let pooled = (pool && instances > 0)
            .then(|| Self::pooled(mode, limits, instances).ok())
            .flatten();
        let kept = pooled.as_ref().map_or(0, |_| u64::from(instances) * KEPT);
        let mut weak = vec![on_demand.weak()];
        weak.extend(pooled.as_ref().map(Engine::weak));
        Ok(Engines {
            pooled,
            on_demand,
            account: Account::of_all(guest_memory - kept),
            patience: Arc::default(),
            _clock: Clock::start(weak),
        })
    }

    fn pooled(mode: Mode, limits: &Limits, instances: u32) -> wasmtime::Result<Engine> {
        let mut pool = PoolingAllocationConfig::default();
        pool.total_component_instances(instances)
            .total_core_instances(instances * 4)
            .total_memories(instances)
            .total_tables(instances * TABLES)
            .max_core_instances_per_component(limits.parts)
            .max_memories_per_component(limits.parts)
            .max_tables_per_component(limits.parts)
            .max_memory_size(POOLED_MEMORY)
            .table_elements(limits.table_elements as usize)
            .max_unused_warm_slots(16)
            .table_keep_resident(KEPT_TABLE);
        if PoolingAllocationConfig::is_pagemap_scan_available() {
            // Of a slot's pages only those that were written are cleared for the next
            // instance; without this, giving them back to the kernel is cheaper.
            pool.pagemap_scan(Enabled::Yes)
                .linear_memory_keep_resident(KEPT_MEMORY);
        }
        let mut config = config(mode, limits);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool));
        Engine::new(&config)
    }

    /// The engine that compiles and that most instances live in.
    pub(crate) fn main(&self) -> &Engine {
        self.pooled.as_ref().unwrap_or(&self.on_demand)
    }

    /// Whether an instance of this many bytes fits the pool.
    pub(crate) fn fits_pool(limits: &Limits) -> bool {
        limits.memory <= POOLED_MEMORY as u64
    }
}

/// Advances the epoch of its engines until it is dropped.
struct Clock {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Clock {
    fn start(engines: Vec<EngineWeak>) -> Clock {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("palisade-epoch".into())
            .spawn(move || {
                while let Err(RecvTimeoutError::Timeout) = stopped.recv_timeout(EPOCH) {
                    for engine in engines.iter().filter_map(EngineWeak::upgrade) {
                        engine.increment_epoch();
                    }
                }
            })
            .ok();
        Clock {
            stop: Some(stop),
            thread,
        }
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // The thread has nothing that could panic, and its end is all that matters here.
            let _ = thread.join();
        }
    }
}

/// How many epochs a call may see; one more than its time needs, because the current one is
/// already running.
pub(crate) fn epochs(time: Duration) -> u64 {
    (time.as_nanos().div_ceil(EPOCH.as_nanos()) as u64).saturating_add(1)
}

#[cfg(test)]
mod tests {
    use wasmtime::{Instance, Module, PoolConcurrencyLimitError, Store};

    use super::*;

    #[test]
    fn what_the_pool_keeps_is_an_eighth_of_what_guests_have_at_most() {
        let places = |bytes: u64| pooled_instances(bytes);
        assert_eq!((places(u64::MAX), places(8 * 256 * KEPT)), (256, 256));
        assert_eq!(places(8 * 256 * KEPT - 1), 255);
        assert_eq!((places(8 * KEPT), places(8 * KEPT - 1)), (1, 0));
        let all = 10 * 8 * KEPT;
        let engines = Engines::new(Mode::Live, &Limits::default(), all, true).unwrap();
        let kept = engines.pooled.as_ref().map_or(0, |_| 10 * KEPT);
        assert!(engines.account.draw(all - kept + 1).is_err());
        engines.account.draw(all - kept).unwrap();
    }

    #[test]
    fn beyond_the_places_of_the_pool_memory_is_ordinary() {
        let limits = |memory| Limits {
            memory,
            ..Limits::default()
        };
        assert!(Engines::fits_pool(&limits(64 << 20)));
        assert!(!Engines::fits_pool(&limits((64 << 20) + 1)));
        let engines = Engines::new(Mode::Live, &Limits::default(), 1 << 30, true).unwrap();
        let Some(pooled) = &engines.pooled else {
            // A machine without the room for it.
            return;
        };
        let code = wat::parse_str("(module (memory 1))").unwrap();
        let instance = |engine: &Engine| {
            let module = Module::new(engine, &code).unwrap();
            let mut store = Store::new(engine, ());
            Instance::new(&mut store, &module, &[]).map(|_| store)
        };
        let held: Vec<_> = (0..256).map(|_| instance(pooled).unwrap()).collect();
        let error = instance(pooled).err().unwrap();
        assert!(error.is::<PoolConcurrencyLimitError>(), "{error:#}");
        instance(&engines.on_demand).unwrap();
        drop(held);
        instance(pooled).unwrap();
        // One page beyond the largest memory of a place.
        let code = wat::parse_str("(module (memory 1025))").unwrap();
        assert!(Module::new(pooled, &code).is_err());
        assert!(Module::new(&engines.on_demand, &code).is_ok());
    }
}
