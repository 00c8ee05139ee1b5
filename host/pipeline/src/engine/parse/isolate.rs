//! What a fault costs: the instance, and the flow that is to blame, but no other.

use palisade_runtime::Fault;

use super::output::ParseFailure;
use super::session::{Seat, State};
use super::worker::{ParseWorker, Queued};
use crate::engine::piece::Pieces;

impl ParseWorker {
    /// After a fault: the instance is gone, its sessions go on without memory, and those of
    /// this call are tried in halves until the one that faults is alone.
    pub(super) fn blame(
        &mut self,
        parser: usize,
        instance: usize,
        fault: Fault,
        queue: &[&Queued],
        pieces: &Pieces,
    ) {
        self.discard(parser, instance);
        let mut flows: Vec<u64> = Vec::new();
        for queued in queue {
            if !flows.contains(&queued.piece.flow) {
                flows.push(queued.piece.flow);
            }
        }
        if let [flow] = flows[..] {
            self.out.failures.push(ParseFailure {
                flow,
                order: queue[0].piece.order,
                parser,
                message: fault.to_string(),
            });
            self.out.faults.push((parser, fault));
            self.give_up(flow);
            return;
        }
        self.out.faults.push((parser, fault));
        let (left, right) = flows.split_at(flows.len() / 2);
        for half in [left, right] {
            let part: Vec<&Queued> = queue
                .iter()
                .copied()
                .filter(|queued| half.contains(&queued.piece.flow))
                .collect();
            self.call(parser, instance, &part, pieces);
        }
    }

    /// Parses a flow no further.
    pub(super) fn give_up(&mut self, flow: u64) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        let state = std::mem::replace(&mut session.state, State::Ignored);
        session.ignore();
        if let State::Parsing { seat, .. } = state {
            let left = self.instances[seat.parser][seat.instance].leave(seat.place);
            self.close_numbers(seat, left.into_iter().collect());
        }
    }

    pub(super) fn close_numbers(&mut self, seat: Seat, numbers: Vec<u32>) {
        let closed = self.instances[seat.parser][seat.instance].close(&numbers);
        let peaks = self.instances[seat.parser][seat.instance].peaks();
        self.out.costs[seat.parser].peaks.raise(peaks);
        if let Err(fault) = closed {
            self.out.faults.push((seat.parser, fault));
            self.discard(seat.parser, seat.instance);
        }
    }

    /// Throws an instance away; the flows that it served go on with a gap.
    pub(super) fn discard(&mut self, parser: usize, instance: usize) {
        let spent = &mut self.instances[parser][instance];
        spent.discard();
        for (flow, _) in spent.places.iter().flatten() {
            if let Some(session) = self.sessions.get_mut(flow) {
                for side in &mut session.sides {
                    side.tail.clear();
                    side.needed = 0;
                    side.lost = true;
                }
            }
        }
    }
}
