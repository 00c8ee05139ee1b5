//! The flow table.

use std::hash::BuildHasher;
use std::sync::Arc;

use hashbrown::{DefaultHashBuilder, HashTable};

use crate::{
    Network, Packet, PacketCounts, Reject, Transport, checksum_fits, decode_network,
    decode_transport, protocol, skip_extensions,
};

use super::config::FlowConfig;
use super::counts::{FlowCounts, StreamCounts};
use super::defrag::{Defragmenter, Outcome};
use super::entry::{Arrival, FirstBytes, Flow};
use super::expiry::{Class, Clock};
use super::info::{FlowHandle, FlowInfo, FlowKey, Tuple};
use super::pending::Budget;
use super::sink::{Chunk, Direction, DirectionCounts, EndReason, FlowSink, Phase, Recognition};
use super::stream::{Stream, StreamLimits};

/// All flows of one input.
///
/// `T` is what the sink keeps for each flow, see [`FlowSink::State`].
pub struct FlowTable<T> {
    pub(super) flows: Vec<Option<Flow<T>>>,
    generations: Vec<u32>,
    free: Vec<u32>,
    index: HashTable<u32>,
    hasher: DefaultHashBuilder,
    serial: u64,
    pub(super) clock: Clock,
    pub(super) config: FlowConfig,
    pub(super) limits: StreamLimits,
    pub(super) budget: Budget,
    defrag: Defragmenter,
    packet_counts: PacketCounts,
    pub(super) stream_counts: StreamCounts,
    flow_counts: FlowCounts,
}

impl<T: Default> FlowTable<T> {
    /// An empty table.
    pub fn new(config: FlowConfig) -> Self {
        Self {
            flows: Vec::new(),
            generations: Vec::new(),
            free: Vec::new(),
            index: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            serial: 0,
            clock: Clock::new(&config),
            limits: StreamLimits {
                bytes: config.reassembly.direction_bytes,
                segments: config.reassembly.direction_segments,
                gap_on_acknowledgement: config.reassembly.gap_on_acknowledgement,
            },
            budget: Budget::default(),
            defrag: Defragmenter::new(config.fragments.clone()),
            packet_counts: PacketCounts::default(),
            stream_counts: StreamCounts::default(),
            flow_counts: FlowCounts::default(),
            config,
        }
    }

    /// Takes a packet. What falls due before its time comes out first.
    pub fn packet<K: FlowSink<State = T>>(&mut self, packet: &Packet<'_>, sink: &mut K) {
        self.packet_counts.packets += 1;
        self.packet_counts.bytes += packet.data.len() as u64;
        if packet.time > self.clock.now {
            self.advance(packet.time, packet.number, sink);
        }
        match decode_network(packet.link, packet.data) {
            Ok(network) if network.fragment.is_none() => {
                let arrival = Arrival {
                    number: packet.number,
                    time: packet.time,
                    frames: 1,
                    bytes: u64::from(network.length),
                };
                self.datagram(&network, arrival, sink);
            }
            Ok(network) => self.fragment(&network, packet, sink),
            Err(reject) => self.packet_counts.reject(reject, 1),
        }
    }

    #[cold]
    fn fragment<K: FlowSink<State = T>>(
        &mut self,
        network: &Network<'_>,
        packet: &Packet<'_>,
        sink: &mut K,
    ) {
        let Some(fragment) = network.fragment else {
            return;
        };
        let counts = &mut self.packet_counts;
        counts.held += 1;
        let mut dropped = |reason, packets| {
            counts.held -= packets;
            counts.reject(reason, packets);
        };
        match self
            .defrag
            .fragment(network, fragment, self.clock.now, &mut dropped)
        {
            Outcome::Held => self.clock.due_at(self.defrag.due().unwrap_or(u64::MAX)),
            Outcome::Dropped(reason, packets) => dropped(reason, packets),
            Outcome::Whole(whole) => {
                self.packet_counts.held -= whole.packets;
                let arrival = Arrival {
                    number: packet.number,
                    time: packet.time,
                    frames: whole.packets,
                    bytes: whole.length,
                };
                match skip_extensions(whole.network()) {
                    Ok(network) if network.fragment.is_none() => {
                        self.datagram(&network, arrival, sink);
                    }
                    // Fragments of fragments do not exist (RFC 8200, section 4.5).
                    Ok(_) => self
                        .packet_counts
                        .reject(Reject::BadFragment, whole.packets),
                    Err(reason) => self.packet_counts.reject(reason, whole.packets),
                }
            }
        }
    }

    #[inline]
    fn datagram<K: FlowSink<State = T>>(
        &mut self,
        network: &Network<'_>,
        arrival: Arrival,
        sink: &mut K,
    ) {
        let transport = match decode_transport(network) {
            Ok(transport) => transport,
            Err(reason) => {
                self.packet_counts.reject(reason, arrival.frames);
                return;
            }
        };
        if self.config.verify_checksums && !checksum_fits(network) {
            self.packet_counts
                .reject(Reject::BadChecksum, arrival.frames);
            return;
        }
        self.packet_counts.accepted += arrival.frames;
        let (key, swapped) = FlowKey::of(network, &transport, self.config.vlan_in_key);
        let hash = self.hasher.hash_one(key);
        let flows = &self.flows;
        let found = self.index.find(
            hash,
            |slot| matches!(flows.get(*slot as usize), Some(Some(flow)) if flow.key == key),
        );
        if let Some(slot) = found.copied() {
            match self.outlived(slot, swapped, &transport) {
                None => return self.continues(slot, swapped, &transport, arrival, sink),
                Some(reason) => {
                    let time = self.clock.end_time(self.flow(slot), reason);
                    self.end(slot, reason, time, arrival.number, sink);
                }
            }
        }
        self.starts(key, hash, swapped, network, &transport, arrival, sink);
    }

    fn flow(&self, slot: u32) -> Option<&Flow<T>> {
        self.flows.get(slot as usize)?.as_ref()
    }

    /// Why the flow that a packet would belong to is over, if it is.
    #[inline]
    fn outlived(&self, slot: u32, swapped: bool, transport: &Transport<'_>) -> Option<EndReason> {
        let flow = self.flow(slot)?;
        if self.clock.is_idle(flow.class, flow.touched) {
            return Some(EndReason::Idle);
        }
        let tcp = transport.tcp.as_ref()?;
        let length = transport.payload.len() as u64 + u64::from(transport.missing);
        let superseded = flow.superseded(flow.direction(swapped), tcp, length);
        superseded.then_some(EndReason::Replaced)
    }

    #[inline]
    fn continues<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        swapped: bool,
        transport: &Transport<'_>,
        arrival: Arrival,
        sink: &mut K,
    ) {
        let Some(Some(flow)) = self.flows.get_mut(slot as usize) else {
            return;
        };
        let direction = flow.direction(swapped);
        flow.account(direction, transport.tcp.as_ref(), arrival);
        flow.touched = self.clock.now;
        if self.clock.coarse(flow.moved) {
            flow.moved = self.clock.now;
            self.clock.move_to_end(slot, flow.class);
        }
        if !self.clock.update_waits(slot) {
            flow.update_due = self.clock.wait_for_update(slot);
        }
        self.payload(slot, direction, transport, arrival, sink);
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "one caller, which has them at hand"
    )]
    fn starts<K: FlowSink<State = T>>(
        &mut self,
        key: FlowKey,
        hash: u64,
        swapped: bool,
        network: &Network<'_>,
        transport: &Transport<'_>,
        arrival: Arrival,
        sink: &mut K,
    ) {
        let most = self.config.max_flows.max(1);
        let more = (self.index.len() + 1).saturating_sub(most);
        (0..more).for_each(|_| self.evict(arrival.number, sink));
        let mut tuple = Tuple {
            src: network.src,
            dst: network.dst,
            ports: transport.ports,
        };
        // Who answers a SYN did not open the connection. Of one that was there before the
        // capture the ports tell, where they do.
        let answer = transport.tcp.is_some_and(|tcp| match tcp.flags.syn() {
            true => tcp.flags.ack(),
            false => transport.ports.is_some_and(|(src, dst)| {
                self.config.is_server_port(src) && !self.config.is_server_port(dst)
            }),
        });
        if answer {
            tuple = tuple.reversed();
        }
        let class = Class::of_first(network.protocol, transport.tcp.as_ref());
        let slot = self.vacancy();
        let generation = self.generations.get(slot as usize).copied().unwrap_or(0);
        self.serial += 1;
        let mut flow = Flow {
            key,
            swapped: swapped != answer,
            class,
            reset: None,
            heard: [false; 2],
            other_syn: None,
            touched: self.clock.now,
            moved: self.clock.now,
            update_due: 0,
            waits_since: 0,
            ended: arrival.time,
            to_server: DirectionCounts::default(),
            to_client: DirectionCounts::default(),
            syn_only: 0,
            info: Arc::new(FlowInfo::new(
                &tuple,
                network.protocol,
                network.vlans,
                arrival.time,
                FlowHandle { slot, generation },
                self.serial,
            )),
            streams: [
                Stream::new(Direction::ToServer),
                Stream::new(Direction::ToClient),
            ],
            first: FirstBytes::new(),
            recognition: None,
            state: T::default(),
        };
        let direction = flow.direction(swapped);
        flow.account(direction, transport.tcp.as_ref(), arrival);
        // So that the start has them, too; the bytes are delivered after it.
        if transport.tcp.is_some() {
            flow.first.add(direction, 0, transport.payload);
        } else {
            flow.first.set_once(transport.payload);
        }
        flow.emit(Phase::Start, arrival.time, arrival.number, None, sink);
        self.flow_counts.started += 1;
        self.clock.admit(slot, class);
        if let Some(place) = self.flows.get_mut(slot as usize) {
            *place = Some(flow);
        }
        let flows = &self.flows;
        let hasher = &self.hasher;
        self.index
            .insert_unique(hash, slot, |slot| match flows.get(*slot as usize) {
                Some(Some(flow)) => hasher.hash_one(flow.key),
                _ => 0,
            });
        self.payload(slot, direction, transport, arrival, sink);
    }

    /// A slot without a flow.
    fn vacancy(&mut self) -> u32 {
        if let Some(slot) = self.free.pop() {
            return slot;
        }
        // Bounded by `max_flows`, which memory keeps far below 2^32.
        let slot = self.flows.len() as u32;
        self.flows.push(None);
        self.generations.push(0);
        self.clock.grow();
        slot
    }

    #[inline]
    fn payload<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        direction: Direction,
        transport: &Transport<'_>,
        arrival: Arrival,
        sink: &mut K,
    ) {
        if let Some(tcp) = &transport.tcp {
            return self.tcp(slot, direction, tcp, transport, arrival, sink);
        }
        let Some(Some(flow)) = self.flows.get_mut(slot as usize) else {
            return;
        };
        flow.first.set_once(transport.payload);
        if flow.info.protocol == protocol::UDP && !transport.payload.is_empty() {
            let counts = &mut self.stream_counts;
            counts.delivered_bytes += transport.payload.len() as u64;
            counts.cut_bytes += u64::from(transport.missing);
            let chunk = Chunk {
                packet: arrival.number,
                time: arrival.time,
                direction,
                offset: 0,
                gap: 0,
                cut: transport.missing,
                end: false,
                bytes: transport.payload,
            };
            sink.chunk(&flow.info, &chunk, &mut flow.state);
        }
    }

    /// Ends a flow: what waits is delivered, then the end is told. A connection that was
    /// closed says so, whatever brought the matter up.
    pub(super) fn end<K: FlowSink<State = T>>(
        &mut self,
        slot: u32,
        reason: EndReason,
        time: u64,
        packet: u64,
        sink: &mut K,
    ) {
        self.finish_streams(slot, time, packet, sink);
        let Some(mut flow) = self.flows.get_mut(slot as usize).and_then(Option::take) else {
            return;
        };
        let hash = self.hasher.hash_one(flow.key);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == slot) {
            entry.remove();
        }
        self.clock.dismiss(slot, flow.class);
        if let Some(generation) = self.generations.get_mut(slot as usize) {
            *generation = generation.wrapping_add(1);
        }
        self.free.push(slot);
        self.flow_counts.ended += 1;
        if reason == EndReason::Evicted {
            self.flow_counts.evicted += 1;
        }
        let reason = match flow.class {
            Class::TcpClosed if flow.reset.is_some() => EndReason::Reset,
            Class::TcpClosed => EndReason::Finished,
            _ => reason,
        };
        flow.emit(Phase::End, time, packet, Some(reason), sink);
    }

    /// Drops fragments that timed out.
    pub(super) fn expire_fragments(&mut self) {
        let counts = &mut self.packet_counts;
        self.defrag.expire(self.clock.now, &mut |reason, packets| {
            counts.held -= packets;
            counts.reject(reason, packets);
        });
        self.clock.due_at(self.defrag.due().unwrap_or(u64::MAX));
    }

    /// The input ended: ends all flows, in the order of their start. The table can go
    /// on with another input.
    pub fn finish<K: FlowSink<State = T>>(&mut self, packet: u64, sink: &mut K) {
        let counts = &mut self.packet_counts;
        self.defrag.finish(&mut |reason, packets| {
            counts.held -= packets;
            counts.reject(reason, packets);
        });
        let mut open: Vec<(u64, u32)> = self
            .flows
            .iter()
            .zip(0_u32..)
            .filter_map(|(flow, slot)| Some((flow.as_ref()?.info.serial, slot)))
            .collect();
        open.sort_unstable();
        for (_, slot) in open {
            self.end(slot, EndReason::InputEnd, self.clock.now, packet, sink);
        }
    }

    /// Ends the flows that are not to be kept, in the order of their start.
    pub fn retain<K: FlowSink<State = T>>(
        &mut self,
        keep: impl Fn(&FlowInfo) -> bool,
        packet: u64,
        sink: &mut K,
    ) {
        let flows = self.flows.iter().zip(0_u32..);
        let mut ended: Vec<(u64, u32)> = flows
            .filter_map(|(flow, slot)| Some((&flow.as_ref()?.info, slot)))
            .filter(|(info, _)| !keep(info))
            .map(|(info, slot)| (info.serial, slot))
            .collect();
        ended.sort_unstable();
        for (_, slot) in ended {
            self.end(slot, EndReason::InputEnd, self.clock.now, packet, sink);
        }
    }

    /// Goes on with other limits on flows, bytes and fragments, and other ports of servers; times
    /// stay as they are. Where fewer flows fit than there are, the least recent end when the next
    /// begins.
    pub fn reconfigure(&mut self, config: FlowConfig) {
        self.config.max_flows = config.max_flows;
        self.config.server_ports = config.server_ports;
        self.config.reassembly.total_bytes = config.reassembly.total_bytes;
        self.defrag.limit(config.fragments.bytes);
    }

    /// Notes what a flow speaks, and tells the sink in phase [`Phase::Recognised`] with
    /// `time` and `packet`, those of the chunk that showed it; all later news carry it.
    /// Returns false if the flow has ended, or if it is known already to be just that.
    ///
    /// Parsers that work behind the table, on batches of chunks, may know only after a
    /// short flow has ended: a sink that wants it on the end of such flows must keep
    /// back their news until the parsers have seen the chunks before.
    pub fn recognise<K: FlowSink<State = T>>(
        &mut self,
        handle: FlowHandle,
        recognition: Recognition,
        time: u64,
        packet: u64,
        sink: &mut K,
    ) -> bool {
        let Some(flow) = self.by_handle(handle) else {
            return false;
        };
        if flow.recognition.as_ref() == Some(&recognition) {
            return false;
        }
        flow.recognition = Some(recognition);
        flow.emit(Phase::Recognised, time, packet, None, sink);
        true
    }

    fn by_handle(&mut self, handle: FlowHandle) -> Option<&mut Flow<T>> {
        let flow = self.flows.get_mut(handle.slot as usize)?.as_mut()?;
        (flow.info.handle == handle).then_some(flow)
    }

    /// What the sink keeps for a flow, while it lasts.
    pub fn state_mut(&mut self, handle: FlowHandle) -> Option<&mut T> {
        Some(&mut self.by_handle(handle)?.state)
    }

    /// Flows at the moment.
    pub fn len(&self) -> usize {
        self.index.len()
    }

    /// Whether there is no flow at the moment.
    pub fn is_empty(&self) -> bool {
        self.index.is_empty()
    }

    /// Event time: the latest packet time, nanoseconds since the Unix epoch.
    pub fn now(&self) -> u64 {
        self.clock.now
    }

    /// Bytes that wait for order or for fragments, with what it costs to hold them.
    pub fn buffered_bytes(&self) -> usize {
        self.budget.used + self.defrag.bytes()
    }

    /// What became of the packets.
    pub fn packet_counts(&self) -> &PacketCounts {
        &self.packet_counts
    }

    /// What happened in the streams.
    pub fn stream_counts(&self) -> &StreamCounts {
        &self.stream_counts
    }

    /// How many flows there were.
    pub fn flow_counts(&self) -> &FlowCounts {
        &self.flow_counts
    }
}
