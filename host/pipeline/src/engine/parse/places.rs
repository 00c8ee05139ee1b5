//! Places for new flows, where a parser's are taken.
//!
//! Anybody can forge datagrams, each a flow of its own, and nothing ends such a flow; nor does it
//! take more than a packet to look like one side of a stream. So of the sessions of datagrams, or
//! of those of streams in which one side alone has said something, whichever are more, the one
//! that was idle longest ends early, and what its parser still waited for comes out. A stream in
//! which the other side has answered keeps its place.

use std::collections::BTreeMap;

use palisade_events::Transport;
use palisade_runtime::ChunkDirection;

use super::instance::SESSIONS;
use super::session::{Seat, State};
use super::worker::{MAX_INSTANCES, ParseWorker, Queued};
use crate::engine::piece::{Order, Piece, Pieces, SourceFlow};

/// A session that may give way, and has nothing to be parsed.
struct Idle {
    /// Where in the input, and when, something of it last went to its parser.
    last: (Order, u64),
    flow: SourceFlow,
    seat: Seat,
}

/// So many of both, each time of those that are more then, so that a flood costs its like.
fn of_the_more(mut datagrams: Vec<Idle>, mut streams: Vec<Idle>, count: usize) -> Vec<Idle> {
    for alike in [&mut datagrams, &mut streams] {
        // The longest idle last.
        alike.sort_unstable_by_key(|idle| std::cmp::Reverse((idle.last, idle.flow)));
    }
    let next = |_| match streams.len() > datagrams.len() {
        true => streams.pop(),
        false => datagrams.pop(),
    };
    (0..count).map_while(next).collect()
}

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
        let mut waiting: BTreeMap<usize, Vec<SourceFlow>> = BTreeMap::new();
        for (parser, flow) in std::mem::take(&mut self.placeless) {
            waiting.entry(parser).or_default().push(flow);
        }
        for (parser, flows) in waiting {
            let first = flows.iter().filter_map(|flow| self.first_held(*flow)).min();
            let slot = flows.first().map_or(0, |flow| flow.slot);
            self.displace(
                (parser, slot),
                flows.len(),
                first.unwrap_or_default(),
                pieces,
            );
            for flow in flows {
                self.assign(parser, flow, true, pieces);
            }
        }
    }

    /// Where in the input, and when, what is held of a flow begins.
    fn first_held(&self, flow: SourceFlow) -> Option<(Order, u64)> {
        match &self.sessions.get(&flow)?.state {
            State::Probing(probe) => {
                let first = &probe.held.first()?.piece;
                Some((first.order, first.time))
            }
            _ => None,
        }
    }

    /// Ends so many sessions of one source of those that may give way, the longest idle first. They end at `now`,
    /// or where their last piece is. Those that still have something to be parsed are left alone.
    fn displace(
        &mut self,
        (parser, slot): (usize, u16),
        count: usize,
        now: (Order, u64),
        pieces: &Pieces,
    ) {
        let [mut datagrams, mut streams] = [Vec::new(), Vec::new()];
        for (number, instance) in self.instances[parser].iter().enumerate() {
            if !instance.is_there() || !self.queues[parser][number].is_empty() {
                continue;
            }
            for (flow, _) in instance.places.iter().flatten() {
                // What ends comes out among the events of the source that is being read.
                if flow.slot != slot {
                    continue;
                }
                if let Some(session) = self.sessions.get(flow)
                    && let State::Parsing { seat, .. } = session.state
                {
                    let alike = match session.context.transport {
                        Transport::Tcp if session.is_answered() => continue,
                        Transport::Tcp => &mut streams,
                        _ => &mut datagrams,
                    };
                    alike.push(Idle {
                        last: session.last,
                        flow: *flow,
                        seat,
                    });
                }
            }
        }
        let mut idle = of_the_more(datagrams, streams, count);
        idle.sort_by_key(|idle| idle.seat.instance);
        for idle in idle.chunk_by(|a, b| a.seat.instance == b.seat.instance) {
            let seat = idle[0].seat;
            let mut ends = Vec::new();
            for Idle { last, flow, .. } in idle {
                ends.extend(self.ends(*flow, (*last).max(now)));
            }
            let ends: Vec<&Queued> = ends.iter().collect();
            self.call(parser, seat.instance, &ends, pieces);
            let mut numbers = Vec::new();
            for Idle { flow, seat, .. } in idle {
                // It may have been given up over its end.
                if let Some(session) = self.sessions.get_mut(flow)
                    && matches!(session.state, State::Parsing { seat: now, .. } if now == *seat)
                {
                    session.displace();
                    self.out.displaced += 1;
                    numbers.extend(self.instances[parser][seat.instance].leave(seat.place));
                }
            }
            self.close_numbers(seat, numbers);
        }
    }

    /// The ends of a flow's directions that have not ended.
    fn ends(&mut self, flow: SourceFlow, (order, time): (Order, u64)) -> Vec<Queued> {
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
