//! Shows recognised flows to their parsers, many in a call, and keeps what these leave over.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use palisade_events::{Transport, contain};
use palisade_runtime::{Chunk, ChunkDirection, Fault, FaultCause, Outcome, Parsed, ParsedTable};

use super::instance::SESSIONS;
use super::output::ParseFailure;
use super::session::{KEPT_BYTES, State, index};
use super::tables::{RowOrigin, table_segment};
use super::worker::{MAX_FAILURES, ParseWorker, Queued};
use crate::engine::defect::{self, Spot};
use crate::engine::piece::{Order, Pieces, SourceFlow};

/// WIT's limits on one call of `parse`.
const MAX_CHUNKS: usize = 1024;
const MAX_ARENA: usize = 1 << 20;

/// Where a chunk of a call came from.
pub(super) struct Origin {
    pub(super) flow: SourceFlow,
    pub(super) place: usize,
    pub(super) direction: ChunkDirection,
    pub(super) order: Order,
    pub(super) time: u64,
    /// Its flow was handed over or given up earlier in the call: its events do not count.
    dropped: bool,
}

/// A call of `parse` and its answer.
pub(super) struct Call<'a> {
    pub(super) chunks: &'a [Chunk],
    pub(super) arena: &'a [u8],
    pub(super) origins: &'a [Origin],
    pub(super) outcomes: &'a [Outcome],
}

impl ParseWorker {
    /// Calls every parser that has something to parse.
    pub(super) fn flush(&mut self, pieces: &Pieces) {
        for parser in 0..self.parsers.len() {
            for instance in 0..self.instances[parser].len() {
                let mut queue = std::mem::take(&mut self.queues[parser][instance]);
                let mut done = 0;
                while done < queue.len() && !self.is_full() {
                    let mut bytes = 0;
                    let count = queue[done..]
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
                    let now: Vec<&Queued> = queue[done..done + count].iter().collect();
                    self.call(parser, instance, &now, pieces);
                    done += count;
                }
                if done < queue.len() {
                    queue.drain(..done);
                    queue.append(&mut self.queues[parser][instance]);
                    self.queues[parser][instance] = queue;
                }
            }
        }
    }

    /// One call of `parse`; after a fault several, to find the session that is to blame.
    pub(super) fn call(
        &mut self,
        parser: usize,
        instance: usize,
        queue: &[&Queued],
        pieces: &Pieces,
    ) {
        if self.is_retired(parser) {
            self.fail(parser, queue, "its parser faulted too often");
            return;
        }
        if let Err(reason) = self.may_call(parser, queue.len()) {
            if let Some(reason) = reason {
                self.fail(parser, queue, &reason);
            }
            return;
        }
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
            let had_tail = first && !side.tail.is_empty();
            if had_tail {
                if side.tail.len() + bytes.len() < side.needed && !piece.end && piece.gap == 0 {
                    // Not worth a call yet; the next piece comes as the first again.
                    side.tail.extend_from_slice(bytes);
                    side.tail_end = piece.offset + bytes.len() as u64;
                    seen[seat.place][index(piece.direction)] = false;
                    session.recharge();
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
            if had_tail {
                session.recharge();
            }
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
        self.called = Some(parser);
        self.budgets[parser].call();
        let began = Instant::now();
        let guest = self.instance(parser, instance);
        let answer = guest.and_then(|guest| guest.parse(&chunks, &arena));
        defect::here(Spot::Parse, &self.parsers[parser].manifest().name);
        self.charge(
            "parse",
            (parser, instance),
            began,
            chunks.len(),
            arena.len(),
        );
        match answer {
            Ok(parsed) if parsed.bytes as u64 > self.allowances[parser].room() => {
                self.allowances[parser].exceed_bytes("parse");
                self.discard(parser, instance);
                if let Err(Some(reason)) = self.may_call(parser, queue.len()) {
                    self.fail(parser, queue, &reason);
                }
            }
            Ok(parsed) => {
                self.allowances[parser].gave("parse", parsed.bytes as u64);
                self.out.bytes += parsed.bytes;
                let accepted = contain(|| {
                    defect::here(Spot::Accept, &self.parsers[parser].manifest().name);
                    self.accept((parser, instance), parsed, &chunks, &arena, origins, pieces);
                });
                if let Err(panicked) = accepted {
                    // Its flows of this call may be half dealt with: they are given up.
                    let name = &self.parsers[parser].manifest().name;
                    let fault = Fault::of_panic(name, "parse", &panicked);
                    self.discard(parser, instance);
                    self.fail(parser, queue, &fault.to_string());
                    self.fault(
                        parser,
                        fault,
                        packets(queue.iter().map(|it| it.piece.order)),
                    );
                }
            }
            Err(fault) => self.blame(parser, instance, fault, queue, pieces),
        }
    }

    /// Takes over what a call of `parse` returned.
    fn accept(
        &mut self,
        (parser, instance): (usize, usize),
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
            let (flow, order) = (origin.flow, origin.order);
            let datagram = is_datagram(&chunks[i]);
            match outcome {
                Outcome::Done => {}
                // No more comes of it; behind the end of a flow there is nothing to miss.
                Outcome::Incomplete { .. } if datagram && chunks[i].length > 0 => {
                    self.bad_datagram(parser, flow, order, "it ends within a message".to_owned());
                }
                Outcome::Incomplete { .. } => {}
                Outcome::Error { offset, message } => {
                    let at = chunks[i].offset.saturating_add_signed(*offset);
                    let message = format!("byte {at}: {message}");
                    if datagram {
                        self.bad_datagram(parser, flow, order, message);
                        continue;
                    }
                    stopped[origin.place] = true;
                    self.failure(ParseFailure {
                        flow,
                        order,
                        parser,
                        ends: true,
                        message,
                    });
                    self.give_up(flow);
                }
                Outcome::Handover { offset } => {
                    stopped[origin.place] = true;
                    handovers.push((i, *offset));
                }
            }
        }
        for (place, sides) in last.iter().enumerate() {
            for i in sides.iter().copied().filter(|i| *i != usize::MAX) {
                if !stopped[place] && !is_datagram(&chunks[i]) {
                    self.keep(parser, i, &parsed.outcomes[i], chunks, arena, &origins);
                }
            }
        }
        for table in parsed.tables {
            self.take_table(parser, instance, table, &origins);
        }
        for (i, offset) in handovers {
            let call = Call {
                chunks,
                arena,
                origins: &origins,
                outcomes: &parsed.outcomes,
            };
            self.hand_over(i, offset, &call, pieces);
        }
    }

    /// Counts a datagram that makes no sense. The flow goes on, and the first of it is told:
    /// who forges datagrams by the thousand shall not fill what a person reads.
    fn bad_datagram(&mut self, parser: usize, flow: SourceFlow, order: Order, message: String) {
        self.out.bad_datagrams += 1;
        let Some(session) = self.sessions.get_mut(&flow) else {
            return;
        };
        if !std::mem::replace(&mut session.told, true) && self.out.failures.len() < MAX_FAILURES {
            self.failure(ParseFailure {
                flow,
                order,
                parser,
                ends: false,
                message,
            });
        }
    }

    /// Keeps what the parser left over of a direction.
    pub(super) fn keep(
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
        let (parts, missing) = left_over(i, *kept as usize, chunks, arena, origins);
        if missing > 0 || *kept as usize > KEPT_BYTES {
            self.failure(ParseFailure {
                flow: origin.flow,
                order: origin.order,
                parser,
                ends: true,
                message: format!("keeps {kept} bytes, of which {missing} never came or do not fit"),
            });
            self.give_up(origin.flow);
            return;
        }
        let held = self.terms.held.load(Ordering::Relaxed);
        if held + *kept as usize > self.terms.sessions {
            self.failure(ParseFailure {
                flow: origin.flow,
                order: origin.order,
                parser,
                ends: true,
                message: format!(
                    "keeps {kept} bytes, for which there is no room beside what other flows keep"
                ),
            });
            self.give_up(origin.flow);
            return;
        }
        if let Some(session) = self.sessions.get_mut(&origin.flow) {
            let side = session.side(origin.direction);
            side.tail.clear();
            for part in parts {
                side.tail.extend_from_slice(part);
            }
            side.tail_end = chunks[i].offset + u64::from(chunks[i].length);
            side.needed = (side.tail.len() + *needed as usize).min(KEPT_BYTES);
            session.recharge();
        }
    }

    fn take_table(
        &mut self,
        parser: usize,
        instance: usize,
        table: ParsedTable,
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
                    cause: FaultCause::Result(error.to_string()),
                    backtrace: palisade_runtime::Trace::default(),
                };
                let rows = rows.iter().map(|row| row.order);
                self.fault(parser, fault, packets(rows));
                self.discard(parser, instance);
            }
        }
    }
}

/// Numbers of the first and the last packet of what stands at these places.
pub(super) fn packets(orders: impl Iterator<Item = Order>) -> Option<(u64, u64)> {
    orders.map(|order| order.record).fold(None, |so_far, at| {
        let (first, last) = so_far.unwrap_or((at, at));
        Some((first.min(at), last.max(at)))
    })
}

pub(super) fn bytes_of<'a>(chunk: &Chunk, arena: &'a [u8]) -> &'a [u8] {
    &arena[chunk.start as usize..(chunk.start + chunk.length) as usize]
}

/// Whether a chunk is no part of a stream: nothing of it comes again, and none ends its session
/// by being bad.
pub(super) fn is_datagram(chunk: &Chunk) -> bool {
    chunk.transport != Transport::Tcp
}

/// The last `kept` bytes of a direction up to chunk `i`, in order, and how many of them this
/// call does not have.
pub(super) fn left_over<'a>(
    i: usize,
    kept: usize,
    chunks: &[Chunk],
    arena: &'a [u8],
    origins: &[Origin],
) -> (Vec<&'a [u8]>, usize) {
    let mut missing = kept;
    let mut parts: Vec<&[u8]> = Vec::new();
    let side = |j: usize| (origins[j].place, origins[j].direction);
    for j in (0..=i).rev().filter(|j| side(*j) == side(i)) {
        if missing == 0 {
            break;
        }
        let bytes = bytes_of(&chunks[j], arena);
        let take = missing.min(bytes.len());
        parts.push(&bytes[bytes.len() - take..]);
        missing -= take;
        if chunks[j].gap > 0 {
            break;
        }
    }
    parts.reverse();
    (parts, missing)
}
