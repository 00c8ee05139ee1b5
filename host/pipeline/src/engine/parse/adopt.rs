//! Goes over to the parsers of another generation.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_runtime::Plugin;

use super::instance::ParserInstance;
use super::session::State;
use super::worker::{ParseWorker, Queued};
use crate::engine::allowance::Allowance;

/// A parser of the next generation.
pub(crate) struct NewParser {
    pub(crate) plugin: Arc<Plugin>,
    /// The position of the same one so far, if it was there.
    pub(crate) from: Option<usize>,
}

impl ParseWorker {
    /// Has the flows of these parsers recognised afresh, as a change of their versions does.
    /// Between epochs only.
    pub(crate) fn displace_all(&mut self, parsers: &[usize]) {
        for session in self.sessions.values_mut() {
            if let State::Parsing { seat, .. } = session.state
                && parsers.contains(&seat.parser)
            {
                session.displace();
            }
        }
        for parser in parsers {
            // What they remember is of no flow any more.
            self.instances[*parser].clear();
            self.queues[*parser].clear();
        }
    }

    /// Goes over to these parsers. Flows of a parser that is the same are parsed on, those of
    /// others are recognised afresh. Between epochs only. The instances that are left.
    pub(crate) fn adopt(
        &mut self,
        parsers: Vec<NewParser>,
        retired: Arc<[AtomicBool]>,
    ) -> Vec<Vec<ParserInstance>> {
        let mut to: Vec<Option<usize>> = vec![None; self.parsers.len()];
        let mut instances = Vec::with_capacity(parsers.len());
        let mut queues: Vec<Vec<Vec<Queued>>> = Vec::with_capacity(parsers.len());
        for (position, parser) in parsers.iter().enumerate() {
            match parser.from {
                Some(from) => {
                    to[from] = Some(position);
                    instances.push(std::mem::take(&mut self.instances[from]));
                    queues.push(std::mem::take(&mut self.queues[from]));
                }
                None => {
                    instances.push(Vec::new());
                    queues.push(Vec::new());
                }
            }
        }
        for session in self.sessions.values_mut() {
            match &mut session.state {
                State::Parsing { seat, .. } => match to[seat.parser] {
                    Some(position) => seat.parser = position,
                    None => session.displace(),
                },
                State::Probing(probe) => probe.rearrange(&to),
                State::Ignored => {}
            }
        }
        let spent = std::mem::replace(&mut self.instances, instances);
        self.queues = queues;
        self.parsers = parsers.into_iter().map(|parser| parser.plugin).collect();
        let allowance = |parser: &Arc<Plugin>| Allowance::new(parser, u64::MAX);
        self.allowances = self.parsers.iter().map(allowance).collect();
        self.budgets = Vec::new();
        self.retired = retired;
        self.called = None;
        spent
    }
}
