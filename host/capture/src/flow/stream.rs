//! One direction of a TCP connection: sequence numbers to stream positions, in order.

use std::sync::Arc;

use super::counts::StreamCounts;
use super::entry::FirstBytes;
use super::info::FlowInfo;
use super::pending::{Budget, Pending};
use super::sink::{Chunk, Direction, FlowSink};

/// Data may begin this far beyond the receiver's window: the capture may have missed the
/// acknowledgement that moved it.
const WINDOW_SLACK: u64 = 64 * 1024;
/// The largest window that TCP can announce (RFC 7323), where none was seen.
const WINDOW_MAX: u64 = 1 << 30;
const NOWHERE: u64 = u64::MAX;

/// Where delivered bytes go, and under which packet.
pub(super) struct Delivery<'a, K: FlowSink> {
    pub(super) sink: &'a mut K,
    pub(super) state: &'a mut K::State,
    pub(super) flow: &'a Arc<FlowInfo>,
    pub(super) first: &'a mut FirstBytes,
    pub(super) counts: &'a mut StreamCounts,
    pub(super) budget: &'a mut Budget,
    pub(super) packet: u64,
    pub(super) time: u64,
}

/// Limits for what waits in one direction.
#[derive(Clone, Copy, Debug)]
pub(super) struct StreamLimits {
    pub(super) bytes: usize,
    pub(super) segments: usize,
    pub(super) gap_on_acknowledgement: bool,
}

/// Payload of a segment: what was captured of it, and its length on the wire.
#[derive(Clone, Copy)]
pub(super) struct Payload<'a> {
    pub(super) bytes: &'a [u8],
    pub(super) length: u64,
}

impl Payload<'_> {
    /// Drops the first `n`.
    fn skip(&mut self, n: u64) {
        let bytes = usize::try_from(n).unwrap_or(usize::MAX);
        self.bytes = self.bytes.get(bytes..).unwrap_or_default();
        self.length = self.length.saturating_sub(n);
    }

    /// Only the first `n`.
    fn limited(mut self, n: u64) -> Self {
        if n < self.length {
            let bytes = usize::try_from(n).unwrap_or(usize::MAX);
            self.bytes = self.bytes.get(..bytes).unwrap_or(self.bytes);
            self.length = n;
        }
        self
    }
}

/// State of one direction. Positions count from the first byte of the stream, or from
/// the first byte seen where the connection was under way; missing bytes count.
#[derive(Debug)]
pub(super) struct Stream {
    direction: Direction,
    /// Sequence number of `offset`.
    next: u32,
    /// Whether `next` means anything yet.
    pub(super) known: bool,
    /// Nothing more is delivered.
    pub(super) ended: bool,
    /// Whether anything was delivered.
    spoke: bool,
    /// Window scale that this side announced; 14 until its SYN is seen.
    pub(super) scale: u8,
    /// Position of the next byte to deliver.
    offset: u64,
    /// Missing bytes before `offset` that no chunk has reported.
    gap: u64,
    /// Position right behind the last byte, once a FIN told.
    fin: u64,
    /// Position up to which the receiver acknowledged.
    acknowledged: u64,
    /// Position up to which the receiver's window reaches; 0 until it is known.
    window: u64,
    pending: Option<Box<Pending>>,
}

impl Stream {
    pub(super) fn new(direction: Direction) -> Self {
        Self {
            direction,
            next: 0,
            known: false,
            ended: false,
            spoke: false,
            scale: 14,
            offset: 0,
            gap: 0,
            fin: NOWHERE,
            acknowledged: 0,
            window: 0,
            pending: None,
        }
    }

    /// The stream begins, or is picked up, at this sequence number.
    pub(super) fn begin(&mut self, sequence: u32) {
        self.next = sequence;
        self.known = true;
    }

    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    pub(super) fn waits(&self) -> bool {
        self.pending.is_some()
    }

    /// Whether its sender said that it has ended.
    pub(super) fn has_fin(&self) -> bool {
        self.fin != NOWHERE
    }

    /// Whether a segment brings bytes behind the end. One byte there is a keep-alive:
    /// the FIN has a sequence number, too.
    pub(super) fn is_news(&self, sequence: u32, length: u64) -> bool {
        let stop = self.position(sequence).saturating_add(length.cast_signed());
        length > 0 && stop > self.offset.cast_signed() + 1 && self.plausible(sequence)
    }

    /// Whether nothing but the SYN is known of this direction.
    pub(super) fn is_fresh(&self) -> bool {
        self.offset == 0 && self.pending.is_none() && self.fin == NOWHERE && !self.ended
    }

    /// Whether a SYN before this sequence number is the one that began the stream.
    pub(super) fn begins_at(&self, sequence: u32) -> bool {
        self.position(sequence) == 0
    }

    /// Position of a sequence number: the one nearest to what is expected, so that wrap
    /// does not matter. Negative for what was before the stream.
    fn position(&self, sequence: u32) -> i64 {
        let delta = sequence.wrapping_sub(self.next).cast_signed();
        // A stream of 2^63 bytes is not of this world.
        self.offset.cast_signed().saturating_add(i64::from(delta))
    }

    /// Whether the receiver would look at something at this sequence number.
    pub(super) fn plausible(&self, sequence: u32) -> bool {
        let position = self.position(sequence);
        // One before: a keep-alive.
        position >= self.offset.cast_signed() - 1 && self.in_window(position.cast_unsigned())
    }

    fn in_window(&self, position: u64) -> bool {
        let edge = if self.window == 0 {
            self.offset + WINDOW_MAX
        } else {
            self.window.max(self.offset) + WINDOW_SLACK
        };
        position <= edge
    }

    /// The receiver acknowledged up to `sequence` and takes `window` bytes more.
    #[inline]
    pub(super) fn acknowledge<K: FlowSink>(
        &mut self,
        sequence: u32,
        window: u64,
        limits: &StreamLimits,
        out: &mut Delivery<'_, K>,
    ) {
        let position = self.position(sequence);
        if position < 0 {
            return;
        }
        let position = position.cast_unsigned();
        self.acknowledged = self.acknowledged.max(position);
        self.window = self.window.max(position + window);
        if position > self.offset && limits.gap_on_acknowledgement && !self.ended {
            self.give_up_acknowledged(out);
        }
    }

    /// A segment's payload; `fin` if it is the last.
    #[inline]
    pub(super) fn segment<K: FlowSink>(
        &mut self,
        sequence: u32,
        payload: Payload<'_>,
        fin: bool,
        limits: &StreamLimits,
        out: &mut Delivery<'_, K>,
    ) {
        if payload.length == 0 && !fin {
            return;
        }
        let in_order = sequence == self.next && self.pending.is_none() && !self.ended;
        if in_order && self.fin == NOWHERE {
            if fin {
                self.fin = self.offset + payload.length;
            }
            self.accept(payload, out);
        } else {
            self.unusual(sequence, payload, fin, limits, out);
        }
    }

    #[cold]
    fn unusual<K: FlowSink>(
        &mut self,
        sequence: u32,
        mut payload: Payload<'_>,
        fin: bool,
        limits: &StreamLimits,
        out: &mut Delivery<'_, K>,
    ) {
        if self.ended {
            out.counts.after_end_bytes += payload.length;
            return;
        }
        let position = self.position(sequence);
        let behind = self.offset.cast_signed().saturating_sub(position).max(0);
        let behind = behind.cast_unsigned();
        if fin && self.fin == NOWHERE && behind <= payload.length {
            let stop = position + payload.length.cast_signed();
            if self.in_window(stop.cast_unsigned()) {
                self.fin = stop.cast_unsigned();
            }
        }
        if behind > 0 {
            out.counts.retransmitted_bytes += behind.min(payload.length);
            payload.skip(behind);
        }
        let start = if behind > 0 {
            self.offset
        } else {
            position.cast_unsigned()
        };
        // Bytes behind the end that a FIN told are not part of the stream.
        let payload = payload.limited(self.fin.saturating_sub(start));
        if start == self.offset {
            self.merge(payload, out);
        } else if payload.length > 0 {
            self.hold(start, payload, limits, out);
        }
        if self.acknowledged > self.offset && limits.gap_on_acknowledgement && !self.ended {
            self.give_up_acknowledged(out);
        }
    }

    /// Keeps what came ahead of order, within the limits.
    fn hold<K: FlowSink>(
        &mut self,
        start: u64,
        payload: Payload<'_>,
        limits: &StreamLimits,
        out: &mut Delivery<'_, K>,
    ) {
        if !self.in_window(start) {
            out.counts.out_of_window += 1;
            return;
        }
        out.counts.out_of_order += 1;
        let pending = self.pending.get_or_insert_default();
        let kept = pending.insert(start, payload.bytes, out.budget);
        out.counts.retransmitted_bytes += (payload.bytes.len() - kept) as u64;
        if pending.segments() == 0 {
            self.pending = None;
        }
        while self
            .pending
            .as_ref()
            .is_some_and(|p| p.cost() > limits.bytes || p.segments() > limits.segments)
        {
            self.give_up_gap(out);
        }
    }

    /// Payload that begins where it is expected, while other data may wait.
    fn merge<K: FlowSink>(&mut self, mut payload: Payload<'_>, out: &mut Delivery<'_, K>) {
        loop {
            let room = match self.pending.as_ref().and_then(|p| p.first()) {
                Some(first) => first.saturating_sub(self.offset),
                None => NOWHERE,
            };
            if payload.length <= room {
                self.accept(payload, out);
                break;
            }
            self.accept(payload.limited(room), out);
            payload.skip(room);
            let before = self.offset;
            self.drain(out);
            let covered = (self.offset - before).min(payload.length);
            out.counts.retransmitted_bytes += covered;
            payload.skip(covered);
            if covered == 0 {
                break;
            }
        }
        self.drain(out);
    }

    /// Delivers what waited and is now in order.
    fn drain<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        while let Some(pending) = &mut self.pending {
            if pending.first().is_some_and(|first| first > self.offset) {
                break;
            }
            let Some((start, bytes)) = pending.pop(out.budget) else {
                self.pending = None;
                break;
            };
            let mut payload = Payload {
                bytes: &bytes,
                length: bytes.len() as u64,
            };
            payload.skip(self.offset - start);
            if payload.length > 0 {
                self.accept(payload, out);
            }
        }
        if self.pending.as_ref().is_some_and(|p| p.segments() == 0) {
            self.pending = None;
        }
    }

    /// Delivers payload that begins at `offset` and overlaps nothing.
    #[inline]
    fn accept<K: FlowSink>(&mut self, payload: Payload<'_>, out: &mut Delivery<'_, K>) {
        let captured = payload.bytes.len() as u64;
        if captured > 0 && !self.ended {
            let end = self.fin == self.offset + captured && captured == payload.length;
            self.deliver(payload.bytes, end, out);
        }
        self.advance(captured);
        let cut = payload.length - captured;
        if cut > 0 {
            self.gap += cut;
            self.advance(cut);
            out.counts.cut_bytes += cut;
        }
        if self.offset >= self.fin && !self.ended {
            self.end(out);
        }
    }

    fn advance(&mut self, by: u64) {
        self.offset += by;
        self.next = self.next.wrapping_add(by as u32);
    }

    #[inline]
    fn deliver<K: FlowSink>(&mut self, bytes: &[u8], end: bool, out: &mut Delivery<'_, K>) {
        out.first.add(self.direction, self.offset, bytes);
        let chunk = Chunk {
            packet: out.packet,
            time: out.time,
            direction: self.direction,
            offset: self.offset,
            gap: self.gap,
            cut: 0,
            end,
            bytes,
        };
        out.counts.delivered_bytes += bytes.len() as u64;
        if self.gap > 0 {
            out.counts.gaps += 1;
            out.counts.gap_bytes += self.gap;
        }
        self.gap = 0;
        self.spoke = true;
        self.ended = end;
        out.sink.chunk(out.flow, &chunk, out.state);
    }

    /// Tells the sink that nothing more comes, if it has heard of this direction at all.
    fn end<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        if self.spoke || self.gap > 0 {
            self.deliver(&[], true, out);
        }
        self.ended = true;
    }

    /// Steps over what is missing before the data that waits.
    fn give_up_gap<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        if let Some(first) = self.pending.as_ref().and_then(|p| p.first()) {
            let gap = first.saturating_sub(self.offset);
            self.gap += gap;
            self.advance(gap);
        }
        self.drain(out);
    }

    /// Gives up those gaps that end before what the receiver acknowledged.
    fn give_up_acknowledged<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        while let Some(first) = self.pending.as_ref().and_then(|p| p.first()) {
            if first > self.acknowledged {
                return;
            }
            self.give_up_gap(out);
        }
        // The FIN counts as one in acknowledgements: this is the whole stream.
        if self.fin != NOWHERE && self.acknowledged > self.fin && self.offset < self.fin {
            let gap = self.fin - self.offset;
            self.gap += gap;
            self.advance(gap);
            self.end(out);
        }
    }

    /// Gives up all gaps, so that nothing waits.
    pub(super) fn flush<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        while self.pending.is_some() {
            self.give_up_gap(out);
        }
    }

    /// Gives up all gaps and ends.
    pub(super) fn finish<K: FlowSink>(&mut self, out: &mut Delivery<'_, K>) {
        self.flush(out);
        if !self.ended {
            self.end(out);
        }
    }
}
