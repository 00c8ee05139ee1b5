//! Places for new flows, where a parser's are taken.
//!
//! Anybody can forge datagrams, each a flow of its own, and nothing ends such a flow. So the
//! session of datagrams that was idle longest ends early, and what its parser still waited for
//! comes out. A stream, which takes an answer to open, keeps its place.

use std::collections::BTreeMap;

use palisade_events::Transport;
use palisade_runtime::ChunkDirection;

use super::instance::SESSIONS;
use super::session::{Seat, State};
use super::worker::{MAX_INSTANCES, ParseWorker, Queued};
use crate::engine::piece::{Order, Piece, Pieces};

impl ParseWorker {
    /// An instance with a place that is free, made where it may be and memory is not scarce.
    pub(super) fn free_instance(&mut self, parser: usize) -> Option<usize> {
        let scarce = self.parsers[parser].is_memory_scarce();
        let instances = &self.instances[parser];
        let free = instances
            .iter()
            .position(|i| i.live < SESSIONS && (i.is_there() || !scarce));
        // The first one is needed however scarce memory is.
        let may_grow = instances.len() < MAX_INSTANCES && (!scarce || instances.is_empty());
        free.or_else(|| may_grow.then(|| self.add_instance(parser)))
    }

    /// The same, however scarce memory is.
    pub(super) fn spare_instance(&mut self, parser: usize) -> Option<usize> {
        let instances = &self.instances[parser];
        let free = instances.iter().position(|i| i.live < SESSIONS);
        let may_grow = instances.len() < MAX_INSTANCES;
        free.or_else(|| may_grow.then(|| self.add_instance(parser)))
    }

    /// Makes places for the flows that found none, and gives them to these.
    pub(super) fn make_places(&mut self, pieces: &Pieces) {
        let mut waiting: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for (parser, flow) in std::mem::take(&mut self.placeless) {
            waiting.entry(parser).or_default().push(flow);
        }
        for (parser, flows) in waiting {
            let first = flows.iter().filter_map(|flow| self.first_held(*flow)).min();
            self.displace(parser, flows.len(), first.unwrap_or_default(), pieces);
            for flow in flows {
                self.assign(parser, flow, true, pieces);
            }
        }
    }

    /// Where in the input, and when, what is held of a flow begins.
    fn first_held(&self, flow: u64) -> Option<(Order, u64)> {
        match &self.sessions.get(&flow)?.state {
            State::Probing(probe) => {
                let first = &probe.held.first()?.piece;
                Some((first.order, first.time))
            }
            _ => None,
        }
    }

    /// Ends so many sessions of datagrams, the longest idle first. They end at `now`, or where
    /// their last piece is. Those that still have something to be parsed are left alone.
    fn displace(&mut self, parser: usize, count: usize, now: (Order, u64), pieces: &Pieces) {
        let mut idle: Vec<((Order, u64), u64, Seat)> = Vec::new();
        for (number, instance) in self.instances[parser].iter().enumerate() {
            if !instance.is_there() || !self.queues[parser][number].is_empty() {
                continue;
            }
            for (flow, _) in instance.places.iter().flatten() {
                if let Some(session) = self.sessions.get(flow)
                    && session.context.transport != Transport::Tcp
                    && let State::Parsing { seat, .. } = session.state
                {
                    idle.push((session.last, *flow, seat));
                }
            }
        }
        idle.sort_unstable_by_key(|(last, flow, _)| (*last, *flow));
        idle.truncate(count);
        let mut instances: BTreeMap<usize, Vec<((Order, u64), u64, Seat)>> = BTreeMap::new();
        for session in idle {
            let sessions = instances.entry(session.2.instance).or_default();
            sessions.push(session);
        }
        for (instance, sessions) in instances {
            let mut ends = Vec::new();
            for (last, flow, _) in &sessions {
                ends.extend(self.ends(*flow, (*last).max(now)));
            }
            self.call(parser, instance, &ends.iter().collect::<Vec<_>>(), pieces);
            let mut numbers = Vec::new();
            let Some((_, _, seat)) = sessions.first().copied() else {
                continue;
            };
            for (_, flow, seat) in sessions {
                // It may have been given up over its end.
                if let Some(session) = self.sessions.get_mut(&flow)
                    && matches!(session.state, State::Parsing { seat: now, .. } if now == seat)
                {
                    session.displace();
                    self.probing.push_back(flow);
                    self.out.displaced += 1;
                    numbers.extend(self.instances[parser][instance].leave(seat.place));
                }
            }
            self.close_numbers(seat, numbers);
        }
    }

    /// The ends of a flow's directions that have not ended.
    fn ends(&mut self, flow: u64, (order, time): (Order, u64)) -> Vec<Queued> {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return Vec::new();
        };
        let mut ends = Vec::new();
        for direction in [ChunkDirection::ToServer, ChunkDirection::ToClient] {
            if !std::mem::replace(&mut session.side(direction).ended, true) {
                ends.push(Queued {
                    piece: Piece {
                        flow,
                        order,
                        time,
                        direction,
                        context: None,
                        offset: 0,
                        gap: 0,
                        end: true,
                        close: false,
                        start: 0,
                        length: 0,
                    },
                    held: Some(Vec::new()),
                });
            }
        }
        ends
    }
}
