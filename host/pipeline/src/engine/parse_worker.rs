//! The parsing half of a worker: recognises flows and feeds them to parsers.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hashbrown::HashMap;
use palisade_events::{Segment, Transport};
use palisade_runtime::{Chunk, ChunkDirection, Fault, Outcome, Parsed, Plugin, Recognition};

use super::parser_instance::{ParserInstance, SESSIONS};
use super::piece::{Order, Piece, Pieces};
use super::session::{KEPT_BYTES, PROBE_BYTES, Probe, Seat, Session, State, index};
use super::tables::{RowOrigin, table_segment};

/// WIT's limits on one call of `parse`.
const MAX_CHUNKS: usize = 1024;
const MAX_ARENA: usize = 1 << 20;
/// The most instances of one parser in one worker.
const MAX_INSTANCES: usize = 64;

/// A flow whose protocol was told.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recognised {
    /// The flow.
    pub flow: u64,
    /// The piece that told it.
    pub order: Order,
    /// When that was captured.
    pub time: u64,
    /// Position of the parser among the engine's parsers.
    pub parser: usize,
}

/// A flow that is parsed no further.
#[derive(Clone, Debug)]
pub(crate) struct ParseFailure {
    /// The flow.
    pub flow: u64,
    /// Where in the input.
    pub order: Order,
    /// Position of the parser.
    pub parser: usize,
    /// What it expected, or how it faulted.
    pub message: String,
}

/// Events of one kind that parsers made, with their place in the input.
#[derive(Debug)]
pub(crate) struct ParsedRows {
    /// The rows.
    pub segment: Segment,
    /// Row and place of those that count, in the order of the input.
    pub rows: Vec<(Order, u32)>,
}

/// What one epoch's pieces yielded.
#[derive(Debug, Default)]
pub(crate) struct ParseOutput {
    /// Events.
    pub tables: Vec<ParsedRows>,
    /// Flows that were recognised.
    pub recognised: Vec<Recognised>,
    /// Flows that are parsed no further.
    pub failures: Vec<ParseFailure>,
    /// Faults of parsers, with the parser's position.
    pub faults: Vec<(usize, Fault)>,
    /// For each parser: time in the guest, calls, chunks, bytes.
    pub costs: Vec<ParseCost>,
}

/// What a parser cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct ParseCost {
    /// Time in its guest.
    pub time: Duration,
    /// Calls of `probe` and `parse`.
    pub calls: u64,
    /// Chunks that it was given.
    pub chunks: u64,
    /// Bytes that it was given.
    pub bytes: u64,
    /// Events that it made.
    pub events: u64,
}

/// A piece on its way to a parser.
struct Queued {
    piece: Piece,
    /// `None`: the bytes lie in the epoch's arena.
    held: Option<Vec<u8>>,
}

/// Recognises and parses the flows of one shard.
pub(crate) struct ParseWorker {
    parsers: Vec<Arc<Plugin>>,
    sessions: HashMap<u64, Session>,
    instances: Vec<Vec<ParserInstance>>,
    queues: Vec<Vec<Vec<Queued>>>,
    /// Flows with pieces that recognition has not looked at, in order of arrival.
    unknown: Vec<u64>,
    closing: Vec<(Seat, u64)>,
    /// Flows whose end came while recognition was under way.
    ended: Vec<u64>,
    out: ParseOutput,
}

impl ParseWorker {
    /// A worker for these parsers.
    pub(crate) fn new(parsers: Vec<Arc<Plugin>>) -> ParseWorker {
        let count = parsers.len();
        ParseWorker {
            instances: (0..count).map(|_| Vec::new()).collect(),
            queues: (0..count).map(|_| Vec::new()).collect(),
            parsers,
            sessions: HashMap::new(),
            unknown: Vec::new(),
            closing: Vec::new(),
            ended: Vec::new(),
            out: ParseOutput::default(),
        }
    }

    /// Takes an epoch's pieces and returns everything that they yield.
    pub(crate) fn parse(&mut self, pieces: &Pieces) -> ParseOutput {
        self.out.costs = vec![ParseCost::default(); self.parsers.len()];
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
            Some(State::Probing(probe)) => probe.is_full() && probe.looked < probe.held.len(),
            _ => false,
        }
    }

    /// Sends a piece to its parser, or keeps it until there is one.
    fn route(&mut self, piece: &Piece, held: Option<Vec<u8>>, pieces: &Pieces) {
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
                session.ignore();
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

    /// Asks parsers about all flows that are not known yet: in rounds, in each of which every
    /// flow asks one parser, so that a parser is called once for many flows.
    fn recognise(&mut self, pieces: &Pieces) {
        while !self.unknown.is_empty() {
            let mut asks: Vec<Vec<u64>> = vec![Vec::new(); self.parsers.len()];
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
    }

    /// The next parser to ask about a flow. `None`: it waits for more bytes, or is given up.
    fn next_candidate(&mut self, flow: u64) -> Option<usize> {
        let session = self.sessions.get_mut(&flow)?;
        let transport = session.context.transport;
        let port = session.context.dst.port.unwrap_or(0);
        let State::Probing(probe) = &mut session.state else {
            return None;
        };
        loop {
            if probe.asked.is_empty() && !probe.look() {
                return None;
            }
            let direction = index(probe.held[probe.looked - 1].piece.direction);
            let best = (0..self.parsers.len())
                .filter(|p| !probe.refused[direction].contains(p) && !probe.asked.contains(p))
                .filter(|p| speaks(&self.parsers[*p], transport))
                .min_by_key(|p| (!hinted(&self.parsers[*p], port), *p));
            let Some(parser) = best else {
                // Everybody was asked. Whoever said `more` is asked again with more bytes.
                probe.asked.clear();
                if probe.refused.iter().all(|r| {
                    (0..self.parsers.len())
                        .all(|p| r.contains(&p) || !speaks(&self.parsers[p], transport))
                }) {
                    session.ignore();
                    return None;
                }
                if !probe.look() {
                    return None;
                }
                probe.asked.clear();
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
    fn ask(&mut self, parser: usize, flows: &[u64], pieces: &Pieces) {
        let mut arena = Vec::new();
        let mut chunks = Vec::with_capacity(flows.len());
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
        let began = Instant::now();
        let answers = match self.instances[parser][0].get() {
            Ok(instance) => instance.probe(&chunks, &arena),
            Err(error) => Err(instantiation_fault(
                &self.parsers[parser],
                &error.to_string(),
            )),
        };
        self.charge(parser, began, chunks.len(), arena.len());
        match answers {
            Ok(answers) => {
                for (flow, answer) in flows.iter().zip(answers) {
                    self.answer(parser, *flow, answer, pieces);
                }
            }
            Err(fault) => {
                self.out.faults.push((parser, fault));
                self.discard(parser, 0);
                match flows {
                    [] => {}
                    [flow] => self.answer(parser, *flow, Recognition::No, pieces),
                    _ => {
                        let (left, right) = flows.split_at(flows.len() / 2);
                        self.ask(parser, left, pieces);
                        self.ask(parser, right, pieces);
                    }
                }
            }
        }
    }

    fn answer(&mut self, parser: usize, flow: u64, answer: Recognition, pieces: &Pieces) {
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
            Recognition::Yes => self.assign(parser, flow, pieces),
        }
    }

    /// Gives a recognised flow to an instance of its parser, with all that was held.
    fn assign(&mut self, parser: usize, flow: u64, pieces: &Pieces) {
        let free = self.instances[parser]
            .iter()
            .position(|i| i.live < SESSIONS);
        let instance = match free {
            Some(instance) => Some(instance),
            None if self.instances[parser].len() < MAX_INSTANCES => Some(self.add_instance(parser)),
            None => None,
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
        self.out.recognised.push(Recognised {
            flow,
            order,
            time,
            parser,
        });
        let (Some(instance), Some(place)) = (instance, place) else {
            session.ignore();
            self.out.failures.push(ParseFailure {
                flow,
                order,
                parser,
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
        for held in probe.held {
            self.route(&held.piece, Some(held.bytes), pieces);
        }
    }

    fn add_instance(&mut self, parser: usize) -> usize {
        self.instances[parser].push(ParserInstance::new(Arc::clone(&self.parsers[parser])));
        self.queues[parser].push(Vec::new());
        self.instances[parser].len() - 1
    }

    /// Calls every parser that has something to parse.
    fn flush(&mut self, pieces: &Pieces) {
        for parser in 0..self.parsers.len() {
            for instance in 0..self.instances[parser].len() {
                let queue = std::mem::take(&mut self.queues[parser][instance]);
                let mut rest = &queue[..];
                while !rest.is_empty() {
                    let mut bytes = 0;
                    let count = rest
                        .iter()
                        .take(MAX_CHUNKS)
                        .take_while(|queued| {
                            bytes += queued
                                .piece
                                .length
                                .max(queued.held.as_ref().map_or(0, Vec::len))
                                + KEPT_BYTES.min(MAX_ARENA / MAX_CHUNKS);
                            bytes <= MAX_ARENA
                        })
                        .count()
                        .max(1);
                    let (now, later) = rest.split_at(count);
                    let now: Vec<&Queued> = now.iter().collect();
                    self.call(parser, instance, &now, pieces);
                    rest = later;
                }
            }
        }
    }

    /// One call of `parse`; after a fault several, to find the session that is to blame.
    fn call(&mut self, parser: usize, instance: usize, queue: &[&Queued], pieces: &Pieces) {
        let mut arena = Vec::new();
        let mut chunks = Vec::with_capacity(queue.len());
        let mut origins: Vec<Origin> = Vec::with_capacity(queue.len());
        let mut seen = [[false; 2]; SESSIONS];
        for queued in queue {
            let piece = &queued.piece;
            let bytes = queued
                .held
                .as_deref()
                .unwrap_or_else(|| pieces.bytes(piece));
            let Some(session) = self.sessions.get_mut(&piece.flow) else {
                continue;
            };
            let State::Parsing { seat, since } = session.state else {
                // Handed over or failed since it was queued.
                self.route(piece, Some(bytes.to_vec()), pieces);
                continue;
            };
            if (seat.parser, seat.instance) != (parser, instance) {
                self.route(piece, Some(bytes.to_vec()), pieces);
                continue;
            }
            let side = &mut session.sides[index(piece.direction)];
            let first = !std::mem::replace(&mut seen[seat.place][index(piece.direction)], true);
            let start = arena.len();
            let mut offset = piece.offset;
            if first && !side.tail.is_empty() {
                if side.tail.len() + bytes.len() < side.needed && !piece.end && piece.gap == 0 {
                    // Not worth a call yet; the next piece comes as the first again.
                    side.tail.extend_from_slice(bytes);
                    seen[seat.place][index(piece.direction)] = false;
                    continue;
                }
                if piece.gap == 0 {
                    offset = offset.saturating_sub(side.tail.len() as u64);
                    arena.extend_from_slice(&side.tail);
                }
                side.tail.clear();
                side.needed = 0;
            }
            arena.extend_from_slice(bytes);
            let lost = std::mem::take(&mut side.lost);
            chunks.push(Chunk {
                session: self.instances[parser][instance].session(seat.place),
                direction: piece.direction,
                transport: session.context.transport,
                port: session.context.dst.port.unwrap_or(0),
                offset,
                gap: if lost { u32::MAX } else { piece.gap },
                end: piece.end,
                start: start as u32,
                length: (arena.len() - start) as u32,
            });
            origins.push(Origin {
                flow: piece.flow,
                place: seat.place,
                direction: piece.direction,
                order: piece.order.max(since),
                time: piece.time,
                dropped: false,
            });
        }
        if chunks.is_empty() {
            return;
        }
        let began = Instant::now();
        let answer = match self.instances[parser][instance].get() {
            Ok(guest) => guest.parse(&chunks, &arena),
            Err(error) => Err(instantiation_fault(
                &self.parsers[parser],
                &error.to_string(),
            )),
        };
        self.charge(parser, began, chunks.len(), arena.len());
        match answer {
            Ok(parsed) => self.accept(parser, parsed, &chunks, &arena, origins, pieces),
            Err(fault) => self.blame(parser, instance, fault, queue, pieces),
        }
    }

    /// After a fault: the instance is gone, its sessions go on without memory, and those of
    /// this call are tried in halves until the one that faults is alone.
    fn blame(
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

    /// Takes over what a call of `parse` returned.
    fn accept(
        &mut self,
        parser: usize,
        parsed: Parsed,
        chunks: &[Chunk],
        arena: &[u8],
        mut origins: Vec<Origin>,
        pieces: &Pieces,
    ) {
        let mut last = [[usize::MAX; 2]; SESSIONS];
        let mut stopped = [false; SESSIONS];
        let mut handovers = Vec::new();
        for (i, outcome) in parsed.outcomes.iter().enumerate() {
            let origin = &mut origins[i];
            if stopped[origin.place] {
                origin.dropped = true;
                continue;
            }
            last[origin.place][index(origin.direction)] = i;
            match outcome {
                Outcome::Done | Outcome::Incomplete { .. } => {}
                Outcome::Error { offset, message } => {
                    let datagram = chunks[i].transport == Transport::Udp;
                    stopped[origin.place] = !datagram;
                    self.out.failures.push(ParseFailure {
                        flow: origin.flow,
                        order: origin.order,
                        parser,
                        message: format!(
                            "byte {}: {message}",
                            chunks[i].offset + u64::from(*offset)
                        ),
                    });
                    // Datagrams stand alone: a bad one says nothing of the next.
                    if !datagram {
                        let flow = origin.flow;
                        self.give_up(flow);
                    }
                }
                Outcome::Handover { offset } => {
                    stopped[origin.place] = true;
                    handovers.push((i, *offset as usize));
                }
            }
        }
        for (place, sides) in last.iter().enumerate() {
            for i in sides.iter().copied().filter(|i| *i != usize::MAX) {
                if !stopped[place] {
                    self.keep(parser, i, &parsed.outcomes[i], chunks, arena, &origins);
                }
            }
        }
        for table in parsed.tables {
            self.take_table(parser, table, &origins);
        }
        for (i, offset) in handovers {
            self.hand_over(i, offset, chunks, arena, &origins, pieces);
        }
    }

    /// Keeps what the parser left over of a direction.
    fn keep(
        &mut self,
        parser: usize,
        i: usize,
        outcome: &Outcome,
        chunks: &[Chunk],
        arena: &[u8],
        origins: &[Origin],
    ) {
        let Outcome::Incomplete { kept, needed } = outcome else {
            return;
        };
        let origin = &origins[i];
        let mut missing = *kept as usize;
        let mut parts: Vec<&[u8]> = Vec::new();
        for j in (0..=i).rev() {
            if missing == 0 {
                break;
            }
            if (origins[j].place, origins[j].direction) == (origin.place, origin.direction) {
                let bytes = bytes_of(&chunks[j], arena);
                let take = missing.min(bytes.len());
                parts.push(&bytes[bytes.len() - take..]);
                missing -= take;
                if chunks[j].gap > 0 {
                    break;
                }
            }
        }
        if missing > 0 || *kept as usize > KEPT_BYTES {
            self.out.failures.push(ParseFailure {
                flow: origin.flow,
                order: origin.order,
                parser,
                message: format!("keeps {kept} bytes, of which {missing} never came or do not fit"),
            });
            self.give_up(origin.flow);
            return;
        }
        if let Some(session) = self.sessions.get_mut(&origin.flow) {
            let side = session.side(origin.direction);
            side.tail.clear();
            for part in parts.iter().rev() {
                side.tail.extend_from_slice(part);
            }
            side.needed = (side.tail.len() + *needed as usize).min(KEPT_BYTES);
        }
    }

    fn take_table(
        &mut self,
        parser: usize,
        table: palisade_runtime::ParsedTable,
        origins: &[Origin],
    ) {
        let rows: Vec<RowOrigin> = table
            .chunks
            .iter()
            .map(|chunk| {
                let origin = &origins[*chunk as usize];
                RowOrigin {
                    order: origin.order,
                    time: origin.time,
                    dropped: origin.dropped,
                    context: self
                        .sessions
                        .get(&origin.flow)
                        .map(|s| Arc::clone(&s.context)),
                }
            })
            .collect();
        self.out.costs[parser].events += rows.len() as u64;
        if rows.is_empty() {
            return;
        }
        match table_segment(table, &rows) {
            Ok(rows) => self.out.tables.push(rows),
            Err(error) => {
                let fault = Fault {
                    plugin: self.parsers[parser].manifest().name.clone(),
                    export: "parse",
                    cause: palisade_runtime::FaultCause::Result(error.to_string()),
                    backtrace: Vec::new(),
                };
                self.out.faults.push((parser, fault));
            }
        }
    }

    /// Begins recognition of a flow afresh, from within a chunk.
    fn hand_over(
        &mut self,
        i: usize,
        offset: usize,
        chunks: &[Chunk],
        arena: &[u8],
        origins: &[Origin],
        pieces: &Pieces,
    ) {
        let flow = origins[i].flow;
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if let State::Parsing { seat, .. } = session.state {
            let left = self.instances[seat.parser][seat.instance].leave(seat.place);
            self.close_numbers(seat, left.into_iter().collect());
        }
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if !session.restart() {
            return;
        }
        // What comes after the handover in this call was parsed in vain: it comes again.
        for j in i..chunks.len() {
            if origins[j].flow != flow {
                continue;
            }
            let skip = if j == i { offset } else { 0 };
            let bytes = &bytes_of(&chunks[j], arena)[skip..];
            if bytes.is_empty() && !chunks[j].end {
                continue;
            }
            let piece = Piece {
                flow,
                order: origins[j].order,
                time: origins[j].time,
                direction: origins[j].direction,
                context: None,
                offset: chunks[j].offset + skip as u64,
                gap: 0,
                end: chunks[j].end,
                close: false,
                start: 0,
                length: bytes.len(),
            };
            self.route(&piece, Some(bytes.to_vec()), pieces);
        }
    }

    /// Parses a flow no further.
    fn give_up(&mut self, flow: u64) {
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
    }

    fn close_numbers(&mut self, seat: Seat, numbers: Vec<u32>) {
        if let Err(fault) = self.instances[seat.parser][seat.instance].close(&numbers) {
            self.out.faults.push((seat.parser, fault));
            self.discard(seat.parser, seat.instance);
        }
    }

    /// Throws an instance away; the flows that it served go on with a gap.
    fn discard(&mut self, parser: usize, instance: usize) {
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

    fn charge(&mut self, parser: usize, began: Instant, chunks: usize, bytes: usize) {
        let cost = &mut self.out.costs[parser];
        cost.time += began.elapsed();
        cost.calls += 1;
        cost.chunks += chunks as u64;
        cost.bytes += bytes as u64;
    }
}

/// Where a chunk of a call came from.
struct Origin {
    flow: u64,
    place: usize,
    direction: ChunkDirection,
    order: Order,
    time: u64,
    /// Its flow was handed over or given up earlier in the call: its events do not count.
    dropped: bool,
}

impl Probe {
    /// Looks at the next held piece that has bytes. `false`: there is none.
    fn look(&mut self) -> bool {
        while let Some(held) = self.held.get(self.looked) {
            self.looked += 1;
            let seen = &mut self.seen[index(held.piece.direction)];
            let room = PROBE_BYTES.saturating_sub(seen.len());
            if held.bytes.is_empty() || room == 0 {
                continue;
            }
            seen.extend_from_slice(&held.bytes[..room.min(held.bytes.len())]);
            return true;
        }
        false
    }
}

fn bytes_of<'a>(chunk: &Chunk, arena: &'a [u8]) -> &'a [u8] {
    &arena[chunk.start as usize..(chunk.start + chunk.length) as usize]
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

fn instantiation_fault(parser: &Plugin, message: &str) -> Fault {
    Fault {
        plugin: parser.manifest().name.clone(),
        export: "instantiate",
        cause: palisade_runtime::FaultCause::Trap(message.to_owned()),
        backtrace: Vec::new(),
    }
}
