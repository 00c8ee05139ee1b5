//! The life of a TCP connection.

use crate::{TcpSegment, Transport};

use super::entry::{Arrival, Flow};
use super::expiry::Class;
use super::sink::{Direction, FlowSink};
use super::stream::{Delivery, Payload};
use super::table::FlowTable;

impl<T> Flow<T> {
    /// Whether a segment shows that the connection is over and another began between the
    /// same ports.
    #[inline]
    pub(super) fn superseded(&self, direction: Direction, tcp: &TcpSegment, length: u64) -> bool {
        if tcp.flags.syn() {
            return match self.other_syn {
                // The answer to a SYN that did not fit: both sides agree.
                Some((asked, sequence)) if tcp.flags.ack() => {
                    asked != direction && tcp.acknowledgement == sequence.wrapping_add(1)
                }
                _ => self.class == Class::TcpClosed && !tcp.flags.ack(),
            };
        }
        let [to_server, to_client] = &self.streams;
        let own = match direction {
            Direction::ToServer => to_server,
            Direction::ToClient => to_client,
        };
        // Who has closed its direction and yet sends new data contradicts itself: the FIN
        // or RST was forged, to blind whoever looks on. What follows is looked at anew.
        own.ended
            && !tcp.flags.rst()
            && (own.has_fin() || self.reset == Some(direction))
            && own.is_news(tcp.sequence, length)
    }
}

impl<T: Default> FlowTable<T> {
    /// Takes a segment of the flow in `slot`.
    #[inline]
    pub(super) fn tcp<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        direction: Direction,
        tcp: &TcpSegment,
        transport: &Transport<'_>,
        arrival: Arrival,
        sink: &mut K,
    ) {
        let Some(Some(flow)) = self.flows.get_mut(slot as usize) else {
            return;
        };
        if flow.class == Class::TcpClosed {
            self.stream_counts.after_end_bytes += transport.payload.len() as u64;
            return;
        }
        let flags = tcp.flags;
        let [to_server, to_client] = &mut flow.streams;
        let (own, peer) = match direction {
            Direction::ToServer => (to_server, to_client),
            Direction::ToClient => (to_client, to_server),
        };
        let mut sequence = tcp.sequence;
        if flags.syn() {
            sequence = sequence.wrapping_add(1);
            let [client, server] = flow.heard;
            if !own.known || own.is_fresh() && !(client && server) {
                // The first SYN, or another try with a new number that nothing answered.
                own.begin(sequence);
            }
            if !own.begins_at(sequence) {
                // Another connection between the same ports, or a forgery: the answer
                // will tell. Hosts ignore it within an open connection (RFC 5961).
                if !flags.ack() {
                    flow.other_syn = Some((direction, tcp.sequence));
                }
                return;
            }
            own.scale = tcp.scale.unwrap_or(0);
        } else if !own.known {
            own.begin(sequence);
        }
        let mut out = Delivery {
            sink,
            state: &mut flow.state,
            flow: &flow.info,
            first: &mut flow.first,
            counts: &mut self.stream_counts,
            budget: &mut self.budget,
            packet: arrival.number,
            time: arrival.time,
        };
        let before = (own.offset(), peer.offset());
        if flags.ack() {
            if !peer.known {
                peer.begin(tcp.acknowledgement);
            }
            // The window of a SYN is never scaled (RFC 7323, section 2.2).
            let scale = if flags.syn() { 0 } else { own.scale };
            let window = u64::from(tcp.window) << scale;
            peer.acknowledge(tcp.acknowledgement, window, &self.limits, &mut out);
        }
        if flags.rst() {
            if own.plausible(sequence) {
                own.finish(&mut out);
                peer.finish(&mut out);
                flow.reset = Some(direction);
            } else {
                out.counts.ignored_resets += 1;
            }
        } else {
            let payload = Payload {
                bytes: transport.payload,
                length: transport.payload.len() as u64 + u64::from(transport.missing),
            };
            own.segment(sequence, payload, flags.fin(), &self.limits, &mut out);
        }
        let closed = own.ended && peer.ended;
        let waits = own.waits() || peer.waits();
        let progress = before != (own.offset(), peer.offset());
        if closed || flow.class == Class::TcpUnanswered {
            let class = match flow.heard {
                _ if closed => Class::TcpClosed,
                [true, true] => Class::Tcp,
                _ if !flags.syn() => Class::Tcp,
                _ => Class::TcpUnanswered,
            };
            self.change_class(slot, class);
        }
        if waits || self.clock.waits_for_order(slot) {
            self.note_waiting(slot, waits, progress);
            self.relieve(arrival, sink);
        }
    }

    #[cold]
    fn change_class(&mut self, slot: u32, class: Class) {
        if let Some(Some(flow)) = self.flows.get_mut(slot as usize)
            && flow.class != class
        {
            self.clock.change(slot, flow.class, class);
            flow.class = class;
            flow.moved = self.clock.now;
        }
    }

    /// Keeps the list of flows whose data waits for order.
    #[cold]
    fn note_waiting(&mut self, slot: u32, waits: bool, progress: bool) {
        if !waits {
            self.clock.in_order(slot);
        } else if (progress || !self.clock.waits_for_order(slot))
            && let Some(Some(flow)) = self.flows.get_mut(slot as usize)
        {
            flow.waits_since = self.clock.now;
            self.clock.wait_for_order(slot);
        }
    }

    /// Gives up the gaps that wait longest until the buffers are within their limit.
    #[cold]
    fn relieve<K: FlowSink<State = T>>(&mut self, arrival: Arrival, sink: &mut K) {
        while self.budget.used > self.config.reassembly.total_bytes {
            let Some(slot) = self.clock.waits_longest() else {
                return;
            };
            self.flush(slot, arrival.time, arrival.number, sink);
        }
    }

    /// Gives up the gaps of a flow, so that nothing waits.
    pub(super) fn flush<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        time: u64,
        packet: u64,
        sink: &mut K,
    ) {
        self.with_streams(slot, time, packet, sink, |flow, out| {
            for stream in flow {
                stream.flush(out);
            }
        });
        self.clock.in_order(slot);
    }

    /// Gives up the gaps of a flow and ends both directions.
    pub(super) fn finish_streams<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        time: u64,
        packet: u64,
        sink: &mut K,
    ) {
        self.with_streams(slot, time, packet, sink, |flow, out| {
            for stream in flow {
                stream.finish(out);
            }
        });
    }

    fn with_streams<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        time: u64,
        packet: u64,
        sink: &mut K,
        act: impl FnOnce(&mut [super::stream::Stream; 2], &mut Delivery<'_, K>),
    ) {
        let Some(Some(flow)) = self.flows.get_mut(slot as usize) else {
            return;
        };
        let Flow {
            state,
            info,
            first,
            streams,
            ..
        } = flow;
        let mut out = Delivery {
            sink,
            state,
            flow: info,
            first,
            counts: &mut self.stream_counts,
            budget: &mut self.budget,
            packet,
            time,
        };
        act(streams, &mut out);
    }
}
