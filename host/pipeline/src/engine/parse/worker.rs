//! The parsing half of a worker: sends the pieces of flows where they belong.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hashbrown::HashMap;
use palisade_events::Transport;
use palisade_runtime::{ChunkDirection, Fault, Instance, Panicked, Plugin, contain};

use super::instance::ParserInstance;
use super::output::{ParseCost, ParseFailure, ParseOutput};
use super::session::{Seat, Session, State};
use crate::engine::isolate::Budget;
use crate::engine::piece::{Piece, Pieces};

/// The most instances of one parser in one worker.
pub(super) const MAX_INSTANCES: usize = 64;

/// A piece on its way to a parser.
pub(super) struct Queued {
    pub(super) piece: Piece,
    /// `None`: the bytes lie in the epoch's arena.
    pub(super) held: Option<Vec<u8>>,
}

/// Recognises and parses the flows of one shard.
pub(crate) struct ParseWorker {
    pub(super) parsers: Vec<Arc<Plugin>>,
    pub(super) sessions: HashMap<u64, Session>,
    pub(super) instances: Vec<Vec<ParserInstance>>,
    pub(super) queues: Vec<Vec<Vec<Queued>>>,
    /// Flows with pieces that recognition has not looked at, in order of arrival.
    pub(super) unknown: Vec<u64>,
    closing: Vec<(Seat, u64)>,
    /// Flows whose end came while recognition was under way.
    ended: Vec<u64>,
    /// Of each parser, whether it is in quarantine.
    pub(super) retired: Arc<[AtomicBool]>,
    /// Of each parser, what isolating a flow may still take in this epoch.
    pub(super) budgets: Vec<Budget>,
    pub(super) out: ParseOutput,
    /// The parser that was called last, to blame if the host panics over what it returned.
    pub(super) called: Option<usize>,
}

impl ParseWorker {
    /// A worker for these parsers, without those that are retired, which does not change while
    /// it parses.
    pub(crate) fn new(parsers: Vec<Arc<Plugin>>, retired: Arc<[AtomicBool]>) -> ParseWorker {
        let count = parsers.len();
        ParseWorker {
            instances: (0..count).map(|_| Vec::new()).collect(),
            queues: (0..count).map(|_| Vec::new()).collect(),
            parsers,
            sessions: HashMap::new(),
            unknown: Vec::new(),
            closing: Vec::new(),
            ended: Vec::new(),
            retired,
            budgets: Vec::new(),
            out: ParseOutput::default(),
            called: None,
        }
    }

    /// Takes an epoch's pieces and returns everything that they yield.
    ///
    /// If the host panics over what a parser returned, that parser is to blame. What the worker
    /// knows of flows may then be half written, so all that it has are given up.
    pub(crate) fn parse(&mut self, pieces: &Pieces) -> ParseOutput {
        self.called = None;
        let parsed = contain(|| self.parse_all(pieces));
        match (parsed, self.called) {
            (Ok(output), _) => output,
            (Err(panicked), Some(parser)) => self.begin_anew(parser, &panicked),
            (Err(panicked), None) => {
                std::panic::resume_unwind(Box::new(panicked.to_string()));
            }
        }
    }

    /// Gives up every flow, saying so of those that were parsed.
    fn begin_anew(&mut self, parser: usize, panicked: &Panicked) -> ParseOutput {
        let mut out = std::mem::take(&mut self.out);
        let name = &self.parsers[parser].manifest().name;
        let fault = Fault::of_panic(name, "parse", panicked);
        let mut given_up: Vec<ParseFailure> = self
            .sessions
            .iter()
            .filter_map(|(flow, session)| match session.state {
                State::Parsing { seat, since } => Some(ParseFailure {
                    flow: *flow,
                    order: since,
                    parser: seat.parser,
                    message: format!("its worker begins anew: {fault}"),
                }),
                State::Probing(_) | State::Ignored => None,
            })
            .collect();
        given_up.sort_by_key(|failure| (failure.order, failure.flow));
        out.failures.extend(given_up);
        out.faults.push((parser, fault));
        let anew = ParseWorker::new(self.parsers.clone(), Arc::clone(&self.retired));
        let spent = std::mem::replace(self, anew);
        let _ = contain(|| drop(spent));
        out
    }

    fn parse_all(&mut self, pieces: &Pieces) -> ParseOutput {
        self.out.costs = vec![ParseCost::default(); self.parsers.len()];
        let budget = |parser: &Arc<Plugin>| Budget::new(parser.limits().call_time);
        self.budgets = self.parsers.iter().map(budget).collect();
        for piece in &pieces.list {
            // What is held of a flow is bounded, so it must be told what the flow speaks
            // before more of it comes.
            if self.waits(piece.flow) {
                self.recognise(pieces);
            }
            self.route(piece, None, pieces);
        }
        while !self.unknown.is_empty() || self.queues.iter().flatten().any(|q| !q.is_empty()) {
            self.recognise(pieces);
            self.flush(pieces);
        }
        self.close_sessions();
        for flow in std::mem::take(&mut self.ended) {
            self.sessions.remove(&flow);
        }
        std::mem::take(&mut self.out)
    }

    /// Whether as much is held of a flow as may be, part of which nobody has looked at.
    fn waits(&self, flow: u64) -> bool {
        match self.sessions.get(&flow).map(|session| &session.state) {
            Some(State::Probing(probe)) => {
                probe.is_full() && (probe.asking || probe.looked < probe.held.len())
            }
            _ => false,
        }
    }

    /// Sends a piece to its parser, or keeps it until there is one.
    pub(super) fn route(&mut self, piece: &Piece, held: Option<Vec<u8>>, pieces: &Pieces) {
        let flow = piece.flow;
        let session = match self.sessions.entry(flow) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(entry) => match &piece.context {
                Some(context) => entry.insert(Session::new(Arc::clone(context))),
                // A flow that is over, or that never had bytes.
                None => return,
            },
        };
        match &mut session.state {
            State::Ignored if piece.close => {
                self.sessions.remove(&flow);
            }
            State::Ignored => {}
            State::Probing(probe) if piece.close && probe.looked == probe.held.len() => {
                self.sessions.remove(&flow);
            }
            State::Probing(probe) if probe.is_full() && probe.looked == probe.held.len() => {
                let bytes = held.as_deref().unwrap_or_else(|| pieces.bytes(piece));
                let asking = probe.asking;
                if session.context.transport != Transport::Tcp || !probe.append(piece, bytes) {
                    session.ignore();
                } else if !asking {
                    self.unknown.push(flow);
                }
            }
            State::Probing(probe) => {
                let bytes = held.unwrap_or_else(|| pieces.bytes(piece).to_vec());
                if piece.close {
                    self.ended.push(flow);
                }
                probe.hold(piece.clone(), bytes);
                if probe.held.len() == probe.looked + 1 {
                    self.unknown.push(flow);
                }
            }
            State::Parsing { seat, .. } => {
                let seat = *seat;
                let queue = &mut self.queues[seat.parser][seat.instance];
                if piece.close {
                    for direction in [ChunkDirection::ToServer, ChunkDirection::ToClient] {
                        if !std::mem::replace(&mut session.side(direction).ended, true) {
                            queue.push(Queued {
                                piece: Piece {
                                    direction,
                                    end: true,
                                    close: false,
                                    length: 0,
                                    ..piece.clone()
                                },
                                held: Some(Vec::new()),
                            });
                        }
                    }
                    self.closing.push((seat, flow));
                } else {
                    session.side(piece.direction).ended |= piece.end;
                    queue.push(Queued {
                        piece: piece.clone(),
                        held,
                    });
                }
            }
        }
    }

    /// An instance of a parser, made when there is none. Where memory is scarce, instances that
    /// serve no session make room for it.
    pub(super) fn instance(
        &mut self,
        parser: usize,
        instance: usize,
    ) -> Result<&mut Instance, Fault> {
        let name = &self.parsers[parser].manifest().name;
        if let Err(error) = self.instances[parser][instance].get() {
            if !self.parsers[parser].is_memory_scarce() {
                return Err(error.into_fault(name));
            }
            let all = self.instances.iter_mut().flatten();
            all.for_each(ParserInstance::drop_idle);
        }
        let made = self.instances[parser][instance].get();
        made.map_err(|error| error.into_fault(name))
    }

    pub(super) fn add_instance(&mut self, parser: usize) -> usize {
        self.instances[parser].push(ParserInstance::new(Arc::clone(&self.parsers[parser])));
        self.queues[parser].push(Vec::new());
        self.instances[parser].len() - 1
    }

    /// Forgets the flows that are over.
    fn close_sessions(&mut self) {
        let mut numbers: std::collections::BTreeMap<(usize, usize), (Seat, Vec<u32>)> =
            std::collections::BTreeMap::new();
        for (seat, flow) in std::mem::take(&mut self.closing) {
            let Some(session) = self.sessions.remove(&flow) else {
                continue;
            };
            if !matches!(session.state, State::Parsing { seat: now, .. } if now == seat) {
                continue;
            }
            if let Some(number) = self.instances[seat.parser][seat.instance].leave(seat.place) {
                let entry = numbers.entry((seat.parser, seat.instance));
                entry.or_insert((seat, Vec::new())).1.push(number);
            }
        }
        for (seat, numbers) in numbers.into_values() {
            self.close_numbers(seat, numbers);
        }
        for (parser, instances) in self.parsers.iter().zip(&mut self.instances) {
            if parser.is_memory_scarce() {
                // Those that serve nobody remember nothing that counts.
                instances.iter_mut().for_each(ParserInstance::drop_idle);
            }
        }
    }

    pub(super) fn is_retired(&self, parser: usize) -> bool {
        self.retired[parser].load(Ordering::Relaxed)
    }

    /// Books a call of a parser's instance.
    pub(super) fn charge(
        &mut self,
        (parser, instance): (usize, usize),
        began: Instant,
        chunks: usize,
        bytes: usize,
    ) {
        let peaks = self.instances[parser][instance].peaks();
        let cost = &mut self.out.costs[parser];
        cost.time += began.elapsed();
        cost.calls += 1;
        cost.chunks += chunks as u64;
        cost.bytes += bytes as u64;
        cost.peaks.raise(peaks);
    }
}
