//! The parsing half of a worker: sends the pieces of flows where they belong.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Instant;

use hashbrown::HashMap;
use palisade_events::Transport;
use palisade_events::{Panicked, contain};
use palisade_runtime::{ChunkDirection, Fault, Instance, Plugin};

use super::instance::ParserInstance;
use super::output::{ParseCost, ParseFailure, ParseFault, ParseOutput};
use super::session::{Seat, Session, State};
use crate::engine::allowance::Allowance;
use crate::engine::isolate::Budget;
use crate::engine::piece::{Order, Piece, Pieces, SourceFlow};
use crate::engine::stop::Stop;

/// The most instances of one parser in one worker.
pub(super) const MAX_INSTANCES: usize = 64;

/// The most failures of an epoch, on one worker, that are told one by one.
pub(super) const MAX_FAILURES: usize = 1024;

/// How workers parse; the same for all.
#[derive(Clone, Debug)]
pub(crate) struct ParseTerms {
    /// Bytes that all workers may hold of what parsers returned before it goes on its way.
    pub(crate) output: usize,
    /// Bytes that they hold.
    pub(crate) parsed: Arc<AtomicUsize>,
    /// Bytes that all workers may hold of flows until they are recognised, and that parsers may
    /// leave over.
    pub(crate) sessions: usize,
    /// Bytes that they hold.
    pub(crate) held: Arc<AtomicUsize>,
    /// Ends the run.
    pub(crate) stop: Stop,
}

/// A piece on its way to a parser.
pub(super) struct Queued {
    pub(super) piece: Piece,
    /// `None`: the bytes lie in the epoch's arena.
    pub(super) held: Option<Vec<u8>>,
}

/// Recognises and parses the flows of one shard.
pub(crate) struct ParseWorker {
    pub(super) parsers: Vec<Arc<Plugin>>,
    pub(super) sessions: HashMap<SourceFlow, Session>,
    pub(super) instances: Vec<Vec<ParserInstance>>,
    pub(super) queues: Vec<Vec<Vec<Queued>>>,
    /// Flows with pieces that recognition has not looked at, in order of arrival.
    pub(super) unknown: Vec<SourceFlow>,
    /// Recognised flows for which their parser, named by its position, had no place free.
    pub(super) placeless: Vec<(usize, SourceFlow)>,
    closing: Vec<(Seat, SourceFlow)>,
    /// Flows whose end came while recognition was under way.
    ended: Vec<SourceFlow>,
    /// Of each parser, whether it is in quarantine.
    pub(super) retired: Arc<[AtomicBool]>,
    /// Of each parser, what isolating a flow may still take in this epoch.
    pub(super) budgets: Vec<Budget>,
    /// Of each parser, what it may still use in this epoch.
    pub(super) allowances: Vec<Allowance>,
    pub(super) terms: ParseTerms,
    /// Bytes of `out` that count among those that all workers hold.
    booked: usize,
    /// Flows of which something was held, in the order in which they came; not all are still
    /// unknown.
    pub(super) probing: VecDeque<SourceFlow>,
    epoch: u64,
    /// Whether pieces of the epoch before are still to be parsed.
    unfinished: bool,
    /// How many pieces of the epoch were routed.
    routed: usize,
    pub(super) out: ParseOutput,
    /// The parser that was called last, to blame if the host panics over what it returned.
    pub(super) called: Option<usize>,
}

impl ParseWorker {
    /// A worker for these parsers, without those that are retired, which does not change while
    /// it parses.
    pub(crate) fn new(
        parsers: Vec<Arc<Plugin>>,
        retired: Arc<[AtomicBool]>,
        terms: ParseTerms,
    ) -> ParseWorker {
        let count = parsers.len();
        let allowance = |parser: &Arc<Plugin>| Allowance::new(parser, u64::MAX);
        ParseWorker {
            allowances: parsers.iter().map(allowance).collect(),
            terms,
            booked: 0,
            probing: VecDeque::new(),
            epoch: 0,
            unfinished: false,
            routed: 0,
            instances: (0..count).map(|_| Vec::new()).collect(),
            queues: (0..count).map(|_| Vec::new()).collect(),
            parsers,
            sessions: HashMap::new(),
            unknown: Vec::new(),
            placeless: Vec::new(),
            closing: Vec::new(),
            ended: Vec::new(),
            retired,
            budgets: Vec::new(),
            out: ParseOutput::default(),
            called: None,
        }
    }

    /// Takes an epoch's pieces and returns what they yield: everything, or as much as may be
    /// held at once; then the same pieces must come again.
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
                    ends: true,
                    message: format!("its worker begins anew: {fault}"),
                }),
                State::Probing(_) | State::Ignored => None,
            })
            .collect();
        given_up.sort_by_key(|failure| (failure.order, failure.flow));
        let told = MAX_FAILURES
            .saturating_sub(out.failures.len())
            .min(given_up.len());
        out.more_failures += (given_up.len() - told) as u64;
        out.failures.extend(given_up.into_iter().take(told));
        out.faults.push(ParseFault {
            parser,
            fault,
            packets: None,
        });
        let retired = Arc::clone(&self.retired);
        let mut anew = ParseWorker::new(self.parsers.clone(), retired, self.terms.clone());
        anew.epoch = self.epoch;
        let spent = std::mem::replace(self, anew);
        let _ = contain(|| drop(spent));
        out
    }

    fn parse_all(&mut self, pieces: &Pieces) -> ParseOutput {
        self.out.costs = vec![ParseCost::default(); self.parsers.len()];
        if !std::mem::take(&mut self.unfinished) {
            self.epoch += 1;
            self.routed = 0;
            for allowance in &mut self.allowances {
                allowance.begin(self.epoch);
            }
            let budget =
                |parser: &Arc<Plugin>| Budget::new(parser.patience().of(parser.limits().call_time));
            self.budgets = self.parsers.iter().map(budget).collect();
        }
        while let Some(piece) = pieces.list.get(self.routed) {
            if !self.take(piece, None, pieces, true) {
                // What is held of a flow is bounded, so it must be told what the flow speaks
                // before more of it comes.
                while !self.unknown.is_empty() || !self.placeless.is_empty() {
                    self.recognise(pieces);
                    if !self.placeless.is_empty() {
                        self.flush(pieces);
                        // Sessions that still have something to be parsed make no places; what
                        // parsers returned goes on its way first, and then they are parsed.
                        if self.is_full() {
                            let waiting = self.first_waiting();
                            return self.pause(waiting.into_iter().chain([piece.order]).min());
                        }
                        self.make_places(pieces);
                    }
                }
                self.route(piece, None, pieces);
            }
            self.routed += 1;
        }
        while !self.unknown.is_empty()
            || !self.placeless.is_empty()
            || self.queues.iter().flatten().any(|q| !q.is_empty())
        {
            self.recognise(pieces);
            self.flush(pieces);
            if self.is_full()
                && let Some(waiting) = self.first_waiting()
            {
                return self.pause(Some(waiting));
            }
            self.make_places(pieces);
        }
        self.close_sessions();
        // The last call of a parser may have been too much.
        for parser in 0..self.parsers.len() {
            let _ = self.may_call(parser, 0);
        }
        for flow in std::mem::take(&mut self.ended) {
            self.sessions.remove(&flow);
        }
        if self.probing.len() > 1024 + 2 * self.sessions.len() {
            let sessions = &self.sessions;
            self.probing.retain(|flow| {
                let session = sessions.get(flow);
                session.is_some_and(|s| matches!(s.state, State::Probing(_)))
            });
        }
        self.hand_out()
    }

    /// Whether no more may be held of what parsers return.
    pub(super) fn is_full(&mut self) -> bool {
        let more = self.out.bytes - std::mem::replace(&mut self.booked, self.out.bytes);
        let before = self.terms.parsed.fetch_add(more, Ordering::Relaxed);
        before + more >= self.terms.output
    }

    /// What there is to hand over before the rest, which begins there.
    fn pause(&mut self, rest: Option<Order>) -> ParseOutput {
        self.out.rest = rest;
        self.unfinished = true;
        self.hand_out()
    }

    /// What there is to hand over.
    fn hand_out(&mut self) -> ParseOutput {
        self.booked = 0;
        std::mem::take(&mut self.out)
    }

    /// The place of the first piece that waits for a parser, or for recognition.
    fn first_waiting(&self) -> Option<Order> {
        let queued = self
            .queues
            .iter()
            .flatten()
            .flatten()
            .map(|q| q.piece.order);
        let placeless = self.placeless.iter().map(|(_, flow)| flow);
        let unknown = self.unknown.iter().chain(placeless).filter_map(|flow| {
            match &self.sessions.get(flow)?.state {
                State::Probing(probe) => Some(probe.held.first()?.piece.order),
                _ => None,
            }
        });
        queued.chain(unknown).min()
    }

    /// Makes room for what is held of flows that nobody knows: those that came first go.
    fn make_room(&mut self) {
        while self.terms.held.load(Ordering::Relaxed) > self.terms.sessions
            && let Some(flow) = self.probing.pop_front()
        {
            if let Some(session) = self.sessions.get_mut(&flow)
                && matches!(session.state, State::Probing(_))
            {
                session.ignore();
                self.out.crowded += 1;
            }
        }
    }

    /// Whether a parser may be called; else so many pieces are counted as not given to it, with
    /// the reason where it is not the end of the run.
    pub(super) fn may_call(&mut self, parser: usize, count: usize) -> Result<(), Option<String>> {
        let cost = &mut self.out.costs[parser];
        let allowance = &mut self.allowances[parser];
        if let Some(fault) = allowance.over() {
            cost.unevaluated += count as u64;
            let reason = fault.to_string();
            if let Some(fault) = allowance.tell() {
                self.fault(parser, Fault::clone(&fault), None);
            }
            return Err(Some(reason));
        }
        if self.terms.stop.is_over() {
            cost.interrupted += count as u64;
            return Err(None);
        }
        Ok(())
    }

    /// Notes a fault of a parser.
    pub(super) fn fault(&mut self, parser: usize, fault: Fault, packets: Option<(u64, u64)>) {
        self.out.bytes += fault.size();
        self.out.faults.push(ParseFault {
            parser,
            fault,
            packets,
        });
    }

    /// Notes that a flow is parsed no further.
    pub(super) fn failure(&mut self, failure: ParseFailure) {
        if self.out.failures.len() < MAX_FAILURES {
            self.out.bytes += size_of::<ParseFailure>() + failure.message.len();
            self.out.failures.push(failure);
        } else {
            self.out.more_failures += 1;
        }
    }

    /// Sends a piece to its parser, or keeps it until there is one.
    pub(super) fn route(&mut self, piece: &Piece, held: Option<Vec<u8>>, pieces: &Pieces) {
        self.take(piece, held, pieces, false);
    }

    /// Routes a piece, with one look-up of its flow, save where it is to `wait`: as much is held
    /// of the flow as may be, and part of that nobody has looked at. Whether it was routed.
    fn take(&mut self, piece: &Piece, held: Option<Vec<u8>>, pieces: &Pieces, wait: bool) -> bool {
        let flow = piece.flow;
        let session = match self.sessions.entry(flow) {
            hashbrown::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            hashbrown::hash_map::Entry::Vacant(entry) => match &piece.context {
                Some(context) => entry.insert(Session::new(Arc::clone(context), &self.terms.held)),
                // A flow that is over, or that never had bytes.
                None => return true,
            },
        };
        match &mut session.state {
            State::Probing(probe) if wait && probe.waits() => return false,
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
                session.recharge();
            }
            State::Probing(probe) => {
                let bytes = held.unwrap_or_else(|| pieces.bytes(piece).to_vec());
                if piece.close {
                    self.ended.push(flow);
                }
                if probe.held.is_empty() {
                    self.probing.push_back(flow);
                }
                probe.hold(piece.clone(), bytes);
                if probe.held.len() == probe.looked + 1 {
                    self.unknown.push(flow);
                }
                session.recharge();
                self.make_room();
            }
            State::Parsing { seat, .. } => {
                let seat = *seat;
                session.last = session.last.max((piece.order, piece.time));
                session.side(piece.direction).heard |= piece.length > 0;
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
        true
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
        export: &'static str,
        (parser, instance): (usize, usize),
        began: Instant,
        chunks: usize,
        bytes: usize,
    ) {
        let elapsed = began.elapsed();
        let fuel = self.instances[parser][instance].fuel();
        self.allowances[parser].took(export, elapsed, fuel);
        let peaks = self.instances[parser][instance].peaks();
        let cost = &mut self.out.costs[parser];
        cost.time += elapsed;
        cost.calls += 1;
        cost.chunks += chunks as u64;
        cost.bytes += bytes as u64;
        cost.peaks.raise(peaks);
    }
}
