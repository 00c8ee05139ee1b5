//! What stays the same under one generation after another.

use std::num::NonZeroU64;
use std::sync::{Arc, OnceLock};

use palisade_runtime::manifest::{Capability, World};
use palisade_state::partition::PartitionKey;
use palisade_state::{DEFAULT_BYTES, LEAST_BYTES};

use super::config::{EngineConfig, EngineError};
use super::evaluate::Terms;
use super::generation::{Generation, Member};
use super::route::Placement;
use super::seat::Provide;
use super::stop::Stop;
use super::workers::Held;
use crate::capabilities::{LogSink, Shard};
use crate::memory::{Memory, bytes};

/// What seats on workers are made of, whatever the generation.
#[derive(Clone)]
pub(crate) struct Ground {
    memory: Option<NonZeroU64>,
    pub(crate) workers: usize,
    pub(crate) key: PartitionKey,
    fresh: bool,
    evidence: bool,
    stop: Stop,
    /// The least and the greatest time of a request that is asked.
    asked: Option<(u64, u64)>,
    /// Why every request is denied from now on.
    pub(crate) denied: Arc<OnceLock<String>>,
    pub(crate) held: Held,
    log: LogSink,
}

impl Ground {
    pub(crate) fn new(config: &EngineConfig, workers: usize, log: &LogSink) -> Ground {
        Ground {
            memory: config.memory,
            workers,
            key: config.partition_key,
            fresh: config.fresh,
            evidence: config.evidence,
            stop: config.stop.clone(),
            asked: config.asked.now().map(|now| {
                let skew = u64::try_from(config.max_skew.as_nanos()).unwrap_or(u64::MAX);
                (now.saturating_sub(skew), now.saturating_add(skew))
            }),
            denied: Arc::default(),
            held: Held::default(),
            log: Arc::clone(log),
        }
    }

    /// Who gets how much beside the datasets and predicates of a generation.
    ///
    /// # Errors
    /// When predicates take more than datasets leave of what both may.
    pub(crate) fn memory(&self, generation: &Generation) -> Result<Memory, EngineError> {
        let datasets = generation.datasets.iter();
        let datasets: u64 = datasets.map(|dataset| dataset.held()).sum();
        let memory = Memory::of(self.memory, self.workers);
        let predicates = generation.filters.held();
        let left = memory.most_datasets().saturating_sub(datasets);
        if predicates > left {
            return Err(EngineError::PredicateMemory { predicates, left });
        }
        Ok(memory.beside(datasets + predicates))
    }

    /// How workers evaluate the plugins of a generation.
    pub(crate) fn terms(&self, generation: &Generation, memory: &Memory) -> Terms {
        let policy = |m: &&Member| m.plugin.manifest().world == World::Policy;
        let policies = generation.plugins.iter().filter(policy).count().max(1);
        Terms {
            fresh: self.fresh,
            evidence: self.evidence,
            output: bytes(memory.output),
            said: Arc::clone(&self.held.said),
            judgements: memory.output / policies as u64,
            stop: self.stop.clone(),
            asked: self.asked,
            denied: Arc::clone(&self.denied),
        }
    }

    /// What makes the capabilities of the plugins of a generation.
    ///
    /// # Errors
    /// When there is too little memory for their state.
    pub(crate) fn provide(
        &self,
        generation: &Generation,
        memory: &Memory,
    ) -> Result<Provide, EngineError> {
        let state = state_share(&generation.plugins, memory)?;
        let timed = |m: &&Member| m.plugin.manifest().asks_for(Capability::Timers);
        let timed = generation.plugins.iter().filter(timed).count().max(1) as u64;
        let (key, timers, workers) = (self.key, memory.timers, self.workers as u64);
        let (datasets, log) = (generation.datasets.clone(), Arc::clone(&self.log));
        Ok(Arc::new(move |member: &Member| {
            let manifest = member.plugin.manifest();
            let (title, to) = (Arc::clone(&member.title), Arc::clone(&log));
            let log: LogSink = Arc::new(move |_, level, text| to(&title, level, text));
            let shards = match Placement::of(manifest, 0) {
                Placement::One(_) => 1,
                Placement::Anywhere | Placement::Partitioned => workers,
            };
            let room = (state, bytes(timers / timed / shards));
            Box::new(Shard::new(manifest, room, key, &datasets, log))
        }))
    }
}

/// Bytes that the tables of each plugin with state may take, on all workers together.
fn state_share(plugins: &[Member], memory: &Memory) -> Result<u64, EngineError> {
    let with_state = plugins
        .iter()
        .filter(|member| !member.plugin.manifest().tables.is_empty());
    let plugins = with_state.count() as u64;
    let share = memory.state / plugins.max(1);
    if share < LEAST_BYTES {
        return Err(EngineError::Memory {
            plugins,
            state: memory.state,
            each: LEAST_BYTES,
        });
    }
    Ok(share.min(DEFAULT_BYTES))
}
