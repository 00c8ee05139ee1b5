//! Which parser a flow belongs to: told by its first bytes, ports only say whom to ask first.

use std::sync::atomic::Ordering;
use std::time::Instant;

use palisade_events::Transport;
use palisade_runtime::{Chunk, Plugin, Recognition};

use super::feed::packets;
use super::instance::SESSIONS;
use super::output::{ParseFailure, Recognised};
use super::session::{Seat, State, index};
use super::worker::{MAX_INSTANCES, ParseWorker};
use crate::engine::piece::{Pieces, SourceFlow};

/// The most flows that are recognised before places are made for them: fewer than a parser has.
const ASKED_TOGETHER: usize = 1024;

impl ParseWorker {
    /// Asks parsers about the flows that are not known yet, so many at a time that those which
    /// are recognised together find places once others make them: in rounds, in each of which every
    /// flow asks one parser, so that a parser is called once for many flows.
    pub(super) fn recognise(&mut self, pieces: &Pieces) {
        let later = self
            .unknown
            .split_off(self.unknown.len().min(ASKED_TOGETHER));
        while !self.unknown.is_empty() {
            let mut asks: Vec<Vec<SourceFlow>> = vec![Vec::new(); self.parsers.len()];
            for flow in std::mem::take(&mut self.unknown) {
                if let Some(parser) = self.next_candidate(flow) {
                    asks[parser].push(flow);
                }
            }
            for (parser, flows) in asks.into_iter().enumerate() {
                for flows in flows.chunks(SESSIONS) {
                    self.ask(parser, flows, pieces);
                }
            }
        }
        self.unknown = later;
    }

    /// The next parser to ask about a flow. `None`: it waits for more bytes, or is given up.
    fn next_candidate(&mut self, flow: SourceFlow) -> Option<usize> {
        let session = self.sessions.get_mut(&flow)?;
        let transport = session.context.transport;
        let port = session.context.dst.port.unwrap_or(0);
        let retired = |p: usize| self.retired[p].load(Ordering::Relaxed);
        let State::Probing(probe) = &mut session.state else {
            return None;
        };
        loop {
            if !probe.asking && !probe.look() {
                return None;
            }
            let direction = index(probe.held[probe.looked - 1].piece.direction);
            let best = (0..self.parsers.len())
                .filter(|p| !probe.refused[direction].contains(p) && !probe.asked.contains(p))
                .filter(|p| speaks(&self.parsers[*p], transport) && !retired(*p))
                .min_by_key(|p| (!hinted(&self.parsers[*p], port), *p));
            let Some(parser) = best else {
                // Everybody was asked. Whoever said `more` is asked again with more bytes.
                probe.asking = false;
                if probe.refused.iter().all(|r| {
                    (0..self.parsers.len()).all(|p| {
                        r.contains(&p) || !speaks(&self.parsers[p], transport) || retired(p)
                    })
                }) {
                    session.ignore();
                    return None;
                }
                continue;
            };
            match signature(&self.parsers[parser], &probe.seen[direction]) {
                Some(true) => {
                    probe.asked.push(parser);
                    return Some(parser);
                }
                Some(false) => probe.refused[direction].push(parser),
                None => probe.asked.push(parser),
            }
        }
    }

    /// Asks one parser about the first bytes of flows.
    fn ask(&mut self, parser: usize, flows: &[SourceFlow], pieces: &Pieces) {
        if self.may_call(parser, flows.len()).is_err() {
            for flow in flows {
                self.answer(parser, *flow, Recognition::No, pieces);
            }
            return;
        }
        let mut arena = Vec::new();
        let mut chunks = Vec::with_capacity(flows.len());
        let mut orders = Vec::with_capacity(flows.len());
        for (number, flow) in flows.iter().enumerate() {
            let Some(session) = self.sessions.get(flow) else {
                continue;
            };
            let State::Probing(probe) = &session.state else {
                continue;
            };
            let Some(held) = probe.held.get(probe.looked - 1) else {
                continue;
            };
            orders.push(held.piece.order);
            let seen = &probe.seen[index(held.piece.direction)];
            chunks.push(Chunk {
                session: number as u32,
                direction: held.piece.direction,
                transport: session.context.transport,
                port: session.context.dst.port.unwrap_or(0),
                offset: 0,
                gap: 0,
                end: false,
                start: arena.len() as u32,
                length: seen.len() as u32,
            });
            arena.extend_from_slice(seen);
        }
        if self.instances[parser].is_empty() {
            self.add_instance(parser);
        }
        self.called = Some(parser);
        self.budgets[parser].call();
        let began = Instant::now();
        let guest = self.instance(parser, 0);
        let answers = guest.and_then(|guest| guest.probe(&chunks, &arena));
        self.charge("probe", (parser, 0), began, chunks.len(), arena.len());
        match answers {
            Ok(answers) => {
                for (flow, answer) in flows.iter().zip(answers) {
                    self.answer(parser, *flow, answer, pieces);
                }
            }
            Err(fault) => {
                self.fault(parser, fault, packets(orders.into_iter()));
                self.discard(parser, 0);
                self.budgets[parser].fault();
                if flows.len() > 1 && self.budgets[parser].is_left() {
                    let (left, right) = flows.split_at(flows.len() / 2);
                    self.ask(parser, left, pieces);
                    self.ask(parser, right, pieces);
                    return;
                }
                self.budgets[parser].found();
                for flow in flows {
                    self.answer(parser, *flow, Recognition::No, pieces);
                }
            }
        }
    }

    fn answer(&mut self, parser: usize, flow: SourceFlow, answer: Recognition, pieces: &Pieces) {
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        let State::Probing(probe) = &mut session.state else {
            return;
        };
        match answer {
            Recognition::No => {
                let direction = index(probe.held[probe.looked - 1].piece.direction);
                probe.refused[direction].push(parser);
                self.unknown.push(flow);
            }
            Recognition::More => self.unknown.push(flow),
            Recognition::Yes => self.assign(parser, flow, false, pieces),
        }
    }

    /// Gives a recognised flow to an instance of its parser, with all that was held. Where none
    /// has a place it waits until places are made; where that is `done`, it is given up.
    pub(super) fn assign(&mut self, parser: usize, flow: SourceFlow, done: bool, pieces: &Pieces) {
        let instance = match self.free_instance(parser) {
            None if !done => return self.placeless.push((parser, flow)),
            None => self.spare_instance(parser),
            free => free,
        };
        let place = instance.and_then(|i| self.instances[parser][i].seat(flow));
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        let State::Probing(probe) = &mut session.state else {
            return;
        };
        let probe = std::mem::take(probe);
        let Some(last) = probe.held.get(probe.looked.saturating_sub(1)) else {
            return;
        };
        let (order, time) = (last.piece.order, last.piece.time);
        self.out.bytes += size_of::<Recognised>();
        self.out.recognised.push(Recognised {
            flow,
            order,
            time,
            parser,
        });
        let (Some(instance), Some(place)) = (instance, place) else {
            session.ignore();
            self.failure(ParseFailure {
                flow,
                order,
                parser,
                ends: true,
                message: format!("{} sessions are open already", SESSIONS * MAX_INSTANCES),
            });
            return;
        };
        session.state = State::Parsing {
            seat: Seat {
                parser,
                instance,
                place,
            },
            since: order,
        };
        session.recharge();
        for held in probe.held {
            self.route(&held.piece, Some(held.bytes), pieces);
        }
    }
}

fn speaks(parser: &Plugin, transport: Transport) -> bool {
    let spec = parser.manifest().parser.as_ref();
    spec.is_some_and(|spec| spec.transports.contains(&transport))
}

fn hinted(parser: &Plugin, port: u16) -> bool {
    let spec = parser.manifest().parser.as_ref();
    spec.is_some_and(|spec| spec.ports.contains(&port))
}

/// Whether a parser's signatures admit these first bytes; `None`: too few to tell.
fn signature(parser: &Plugin, seen: &[u8]) -> Option<bool> {
    let signatures = parser
        .manifest()
        .parser
        .as_ref()
        .map_or(&[][..], |s| &s.signatures[..]);
    if signatures.is_empty() {
        return Some(true);
    }
    let mut undecided = false;
    for signature in signatures {
        match signature.matches(seen) {
            Some(true) => return Some(true),
            Some(false) => {}
            None => undecided = true,
        }
    }
    (!undecided).then_some(false)
}
