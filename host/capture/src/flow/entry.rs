//! One flow.

use std::sync::Arc;

use crate::TcpSegment;

use super::expiry::Class;
use super::info::{FlowInfo, FlowKey};
use super::sink::{
    Direction, DirectionCounts, EndReason, FlowSink, FlowUpdate, Phase, Recognition,
};
use super::stream::Stream;

/// The first payload bytes of a flow.
#[derive(Debug)]
pub(super) struct FirstBytes {
    bytes: [u8; 64],
    length: u8,
    direction: Direction,
}

impl FirstBytes {
    pub(super) fn new() -> Self {
        Self {
            bytes: [0; 64],
            length: 0,
            direction: Direction::ToServer,
        }
    }

    /// Takes what continues the bytes it has, of the direction that spoke first.
    #[inline]
    pub(super) fn add(&mut self, direction: Direction, offset: u64, bytes: &[u8]) {
        let length = usize::from(self.length);
        if length == self.bytes.len() || bytes.is_empty() {
            return;
        }
        if length == 0 && offset == 0 {
            self.direction = direction;
        }
        let Some(known) = (length as u64).checked_sub(offset) else {
            return;
        };
        if direction != self.direction {
            return;
        }
        let new = bytes.get(known as usize..).unwrap_or_default();
        let space = self.bytes.get_mut(length..).unwrap_or_default();
        for (to, from) in space.iter_mut().zip(new) {
            *to = *from;
            self.length += 1;
        }
    }

    /// Takes the bytes of the first datagram that has any.
    #[inline]
    pub(super) fn set_once(&mut self, bytes: &[u8]) {
        if self.length == 0 {
            self.add(Direction::ToServer, 0, bytes);
        }
    }

    fn get(&self) -> &[u8] {
        self.bytes
            .get(..usize::from(self.length))
            .unwrap_or_default()
    }
}

/// A flow.
pub(super) struct Flow<T> {
    pub(super) key: FlowKey,
    /// Whether `src` is the high side of the key.
    pub(super) swapped: bool,
    pub(super) class: Class,
    /// Who reset it.
    pub(super) reset: Option<Direction>,
    /// Whether a packet came from each side.
    pub(super) heard: [bool; 2],
    /// Sequence number and direction of a SYN that does not fit the connection.
    pub(super) other_syn: Option<(Direction, u32)>,
    /// Clock at the last packet.
    pub(super) touched: u64,
    /// Coarse clock when it was last moved to the end of its idle list.
    pub(super) moved: u64,
    pub(super) update_due: u64,
    pub(super) waits_since: u64,
    pub(super) ended: u64,
    pub(super) to_server: DirectionCounts,
    pub(super) to_client: DirectionCounts,
    pub(super) syn_only: u64,
    pub(super) info: Arc<FlowInfo>,
    pub(super) streams: [Stream; 2],
    pub(super) first: FirstBytes,
    pub(super) recognition: Option<Recognition>,
    pub(super) state: T,
}

/// A packet on its way through the table.
#[derive(Clone, Copy)]
pub(super) struct Arrival {
    pub(super) number: u64,
    pub(super) time: u64,
    /// Frames and IP bytes that it counts for: more than one frame for fragments.
    pub(super) frames: u64,
    pub(super) bytes: u64,
}

impl<T> Flow<T> {
    #[inline]
    pub(super) fn direction(&self, swapped: bool) -> Direction {
        if swapped == self.swapped {
            Direction::ToServer
        } else {
            Direction::ToClient
        }
    }

    #[inline]
    pub(super) fn account(
        &mut self,
        direction: Direction,
        tcp: Option<&TcpSegment>,
        arrival: Arrival,
    ) {
        let [server, client] = &mut self.heard;
        let (counts, heard) = match direction {
            Direction::ToServer => (&mut self.to_server, server),
            Direction::ToClient => (&mut self.to_client, client),
        };
        *heard = true;
        counts.packets += arrival.frames;
        counts.bytes += arrival.bytes;
        if tcp.is_some_and(|tcp| tcp.flags.syn() && !tcp.flags.ack()) {
            self.syn_only += arrival.frames;
        }
        self.ended = self.ended.max(arrival.time);
    }

    /// Whether packets came since the last news.
    pub(super) fn has_news(&self) -> bool {
        self.to_server.packets + self.to_client.packets > 0
    }

    pub(super) fn emit<K: FlowSink<State = T>>(
        &mut self,
        phase: Phase,
        time: u64,
        packet: u64,
        end: Option<EndReason>,
        sink: &mut K,
    ) {
        let update = FlowUpdate {
            flow: &self.info,
            phase,
            time,
            packet,
            ended: self.ended,
            to_server: std::mem::take(&mut self.to_server),
            to_client: std::mem::take(&mut self.to_client),
            syn_only: std::mem::take(&mut self.syn_only),
            first_bytes: self.first.get(),
            recognition: self.recognition.as_ref(),
            end,
        };
        sink.flow(&update, &mut self.state);
    }
}
