//! What a fault costs: the instance, and the flow that is to blame, but no other.

use std::time::Instant;

use palisade_runtime::Fault;

use super::feed::packets;
use super::output::ParseFailure;
use super::session::{Seat, State};
use super::worker::{ParseWorker, Queued};
use crate::engine::piece::{Piece, Pieces, SourceFlow};

impl ParseWorker {
    /// After a fault: the instance is gone, its sessions go on without memory, and those of
    /// this call are tried in halves until the one that faults is alone. When that takes too
    /// many calls or too long, all that are left with it are given up.
    pub(super) fn blame(
        &mut self,
        parser: usize,
        instance: usize,
        fault: Fault,
        queue: &[&Queued],
        pieces: &Pieces,
    ) {
        self.discard(parser, instance);
        self.budgets[parser].fault();
        let mut flows: Vec<SourceFlow> = Vec::new();
        for queued in queue {
            if !flows.contains(&queued.piece.flow) {
                flows.push(queued.piece.flow);
            }
        }
        let shown = packets(queue.iter().map(|queued| queued.piece.order));
        if flows.len() == 1 || !self.budgets[parser].is_left() {
            self.fail(parser, queue, &fault.to_string());
            self.fault(parser, fault, shown);
            self.budgets[parser].found();
            return;
        }
        self.fault(parser, fault, shown);
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

    /// Parses the flows of these pieces no further, and says so.
    pub(super) fn fail(&mut self, parser: usize, queue: &[&Queued], message: &str) {
        for queued in queue {
            let Piece { flow, order, .. } = queued.piece;
            let parsed = self.sessions.get(&flow);
            if parsed.is_some_and(|session| matches!(session.state, State::Parsing { .. })) {
                self.failure(ParseFailure {
                    flow,
                    order,
                    parser,
                    ends: true,
                    message: message.to_owned(),
                });
                self.give_up(flow);
            }
        }
    }

    /// Parses a flow no further.
    pub(super) fn give_up(&mut self, flow: SourceFlow) {
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
        match self.may_call(seat.parser, 0) {
            Ok(()) => {}
            // What it keeps of sessions that are over goes with the instance.
            Err(Some(_)) => return self.discard(seat.parser, seat.instance),
            Err(None) => return,
        }
        let spent = &mut self.instances[seat.parser][seat.instance];
        let began = Instant::now();
        let closed = spent.close(&numbers);
        if spent.is_there() {
            self.allowances[seat.parser].took("close", began.elapsed(), spent.fuel());
        }
        let peaks = spent.peaks();
        self.out.costs[seat.parser].peaks.raise(peaks);
        if let Err(fault) = closed {
            self.fault(seat.parser, fault, None);
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
                session.recharge();
            }
        }
    }
}
