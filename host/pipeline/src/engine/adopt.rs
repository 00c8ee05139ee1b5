//! Goes from one generation to the next, between two epochs.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use palisade_events::Source;

use super::config::EngineError;
use super::evaluate::Spent;
use super::generation::{Generation, Member};
use super::merge::Merge;
use super::output::{Notice, Output};
use super::run::Engine;
use super::stage::{Before, Stage, Staged};
use super::summary::{PluginSummary, Summary};

/// What an adoption took.
#[derive(Debug)]
pub struct Adopted {
    /// From when nothing was evaluated until everything could be again: the pause.
    pub pause: Duration,
    /// On each worker, the time that it took to change over.
    pub workers: Vec<Duration>,
    /// What is not needed any more. Dropping it takes time, and is best done in another thread.
    pub spent: Vec<Spent>,
}

impl Engine {
    /// What makes the next generation ready while this one evaluates.
    pub fn stage(&self) -> Stage {
        Stage {
            ground: self.ground.clone(),
            generation: Arc::clone(&self.generation),
        }
    }

    /// The generation that is evaluating.
    pub fn generation(&self) -> &Arc<Generation> {
        &self.generation
    }

    /// How far each source has come that has said something, by slot.
    pub fn positions(&self) -> Vec<SourcePosition> {
        self.merges.values().map(Merge::position).collect()
    }

    /// Goes over to a generation that was made ready: everything up to here comes out as the
    /// one before saw it, everything after is seen by this one, on all workers. Nothing is lost or
    /// shown twice. State goes on; plugins in quarantine stay there if they are the same, and
    /// are released if they are another version.
    ///
    /// Flows that a parser is parsing go on if it is the same; those of another version are
    /// recognised afresh.
    ///
    /// # Errors
    /// When it was made ready for another generation than this, or the engine cannot go on.
    pub fn adopt(&mut self, staged: Staged, out: &mut dyn Output) -> Result<Adopted, EngineError> {
        if !Arc::ptr_eq(&staged.from, &self.generation) {
            return Err(EngineError::Superseded);
        }
        self.collect(out)?;
        let began = Instant::now();
        let Staged {
            generation,
            workers,
            parsers,
            plugins,
            ..
        } = staged;
        let was = |retired: &AtomicBool| retired.load(std::sync::atomic::Ordering::Relaxed);
        let retired: Arc<[AtomicBool]> = parsers
            .iter()
            .map(|before| match before {
                Before::Same(at) => AtomicBool::new(was(&self.retired[*at])),
                _ => AtomicBool::new(false),
            })
            .collect();
        let done = self.workers.adopt(workers, &retired)?;
        self.retired = retired;
        let levels = generation.levels.iter().zip(&plugins);
        self.levels = levels
            .map(|(level, before)| match before {
                // In quarantine.
                Before::Same(at) if self.levels[*at] == 0 => 0,
                _ => *level,
            })
            .collect();
        self.top = self.levels.iter().copied().max().unwrap_or(1).max(1);
        let old_parsers = self.generation.parsers.len();
        let of_plugin = |before: &Before| match before {
            Before::Same(at) => Some(at + old_parsers),
            _ => None,
        };
        let of_parser = |before: &Before| match before {
            Before::Same(at) => Some(*at),
            _ => None,
        };
        let same = parsers.iter().map(of_parser);
        let same: Vec<Option<usize>> = same.chain(plugins.iter().map(of_plugin)).collect();
        self.faults.rearrange(&same);
        self.summary.rearrange(&generation, &same);
        self.config.flow.server_ports.extend(&generation.ports);
        self.generation = generation;
        let pause = began.elapsed();
        let (mut times, mut spent) = (Vec::new(), Vec::new());
        for changed in done {
            times.push(changed.took);
            for (plugin, fault) in changed.lost {
                self.summary.faults += 1;
                let plugin = self.generation.plugins[plugin].title.to_string();
                out.notice(Notice::Fault {
                    plugin,
                    problem: fault.to_string(),
                    backtrace: fault.backtrace.clone(),
                    packets: None,
                });
            }
            spent.push(changed.spent);
        }
        Ok(Adopted {
            pause,
            workers: times,
            spent,
        })
    }
}

/// How far a source has come.
#[derive(Clone, Debug)]
pub struct SourcePosition {
    /// The source.
    pub source: Arc<Source>,
    /// The number of its next event.
    pub next: u64,
}

impl Summary {
    /// Puts the plugins in the order of a generation. `same` says where each was that goes on as
    /// it is; one that was there before under its name goes on with what it did, and those that
    /// are gone are kept among the former.
    fn rearrange(&mut self, generation: &Generation, same: &[Option<usize>]) {
        let mut before: Vec<Option<PluginSummary>> = std::mem::take(&mut self.plugins)
            .into_iter()
            .map(Some)
            .collect();
        let former = std::mem::take(&mut self.former).into_iter().map(Some);
        before.extend(former);
        let mut plugins = Vec::new();
        for (member, same) in generation.members().zip(same) {
            let known = before.iter_mut().find(|known| {
                let known = known.as_ref();
                known.is_some_and(|k| *k.name == *member.key.name && *k.pack == *member.key.pack)
            });
            let mut summary = known
                .and_then(Option::take)
                .unwrap_or_else(|| PluginSummary::of(member));
            summary.title = member.title.to_string();
            summary.quarantined &= same.is_some();
            plugins.push(summary);
        }
        self.former = before.into_iter().flatten().collect();
        self.plugins = plugins;
    }
}

impl PluginSummary {
    /// That of a plugin that has done nothing.
    pub(super) fn of(member: &Member) -> PluginSummary {
        PluginSummary {
            name: member.key.name.to_string(),
            pack: member.key.pack.to_string(),
            title: member.title.to_string(),
            ..PluginSummary::default()
        }
    }
}
