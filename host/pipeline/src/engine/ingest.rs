//! From packets to pieces for the parsers and news of flows.

use std::sync::Arc;

use palisade_events::table::FlowContext;
use palisade_events::{Endpoint, FlowId, FlowPhase, IpAddress, Transport};
use palisade_runtime::ChunkDirection;

use super::piece::{Order, Piece, Pieces, SourceFlow};
use palisade_capture::flow::{
    Chunk, Direction, FlowInfo, FlowSink, FlowUpdate, Phase, TransportKind,
};
use palisade_sources::enrich::{Networks, Place};
use palisade_state::partition::PartitionKey;

/// News of a flow, with its place in the input; becomes a `network.flow` event.
#[derive(Clone, Debug)]
pub(crate) struct FlowNews {
    /// Place in the input.
    pub order: Order,
    /// The flow's id.
    pub flow: u64,
    /// What events of the flow are stamped with.
    pub context: Arc<FlowContext>,
    /// Where in its life it is.
    pub phase: FlowPhase,
    /// Time of the news.
    pub time: u64,
    /// Time of the flow's first packet.
    pub started: u64,
    /// Time of its latest packet.
    pub ended: u64,
    /// Packets from the opener and to it, since the last news.
    pub packets: [u64; 2],
    /// Bytes of IP packets, likewise.
    pub bytes: [u64; 2],
    /// Packets with SYN but not ACK, since the last news.
    pub syn_only: u64,
    /// The first payload bytes.
    pub first_bytes: Vec<u8>,
}

/// What the flow table keeps for each flow on behalf of the engine.
#[derive(Debug, Default)]
pub(crate) struct FlowState {
    context: Option<Arc<FlowContext>>,
    /// The parser worker that knows it.
    worker: Option<usize>,
}

/// Collects an epoch of packets.
pub(crate) struct Ingest<'a> {
    /// Slot of the source.
    slot: u16,
    /// Tells owner and direction of flows.
    networks: Option<&'a Networks>,
    /// News of flows, in the order of the input.
    pub news: Vec<FlowNews>,
    /// Pieces, one list for each worker.
    pub pieces: Vec<Pieces>,
    /// Whether there is any parser.
    pub parsing: bool,
    /// Chooses the worker of a flow.
    key: PartitionKey,
    packet: u64,
    part: u32,
    /// Bytes that news and pieces hold.
    held: usize,
}

/// Bytes that news of a flow takes, as it is and as a row of a batch.
const NEWS: usize = 768;

impl<'a> Ingest<'a> {
    /// Collects what a source says into these lists, one for each worker.
    pub(crate) fn new(
        slot: u16,
        pieces: Vec<Pieces>,
        parsing: bool,
        key: PartitionKey,
        networks: Option<&'a Networks>,
    ) -> Self {
        Ingest {
            slot,
            networks,
            news: Vec::new(),
            pieces,
            parsing,
            key,
            packet: 0,
            part: 0,
            held: 0,
        }
    }

    /// Bytes that it holds.
    pub(crate) fn held(&self) -> usize {
        self.held
    }

    fn of_source(&self, id: u64) -> SourceFlow {
        SourceFlow {
            slot: self.slot,
            id,
        }
    }

    fn order(&mut self, packet: u64) -> Order {
        if packet != self.packet {
            self.packet = packet;
            self.part = 0;
        }
        self.part += 1;
        Order {
            record: packet,
            part: self.part,
        }
    }
}

impl FlowSink for Ingest<'_> {
    type State = FlowState;

    fn flow(&mut self, update: &FlowUpdate<'_>, state: &mut FlowState) {
        let order = self.order(update.packet);
        let info = update.flow;
        let context = match &state.context {
            Some(context) => Arc::clone(context),
            None => {
                let context = Arc::new(context_of(info, self.networks));
                state.context = Some(Arc::clone(&context));
                context
            }
        };
        self.held += NEWS;
        self.news.push(FlowNews {
            order,
            flow: info.id,
            context,
            phase: match update.phase {
                Phase::Start => FlowPhase::Start,
                Phase::Recognised => FlowPhase::Recognised,
                Phase::Update => FlowPhase::Update,
                Phase::End => FlowPhase::End,
            },
            time: update.time,
            started: info.started,
            ended: update.ended,
            packets: [update.to_server.packets, update.to_client.packets],
            bytes: [update.to_server.bytes, update.to_client.bytes],
            syn_only: update.syn_only,
            first_bytes: update.first_bytes.to_vec(),
        });
        if let (Phase::End, Some(worker)) = (update.phase, state.worker) {
            let order = self.order(update.packet);
            let piece = Piece {
                flow: self.of_source(info.id),
                order,
                time: update.time,
                direction: ChunkDirection::ToServer,
                context: None,
                offset: 0,
                gap: 0,
                end: true,
                close: true,
                start: 0,
                length: 0,
            };
            self.pieces[worker].push(piece, &[]);
        }
    }

    fn chunk(&mut self, flow: &Arc<FlowInfo>, chunk: &Chunk<'_>, state: &mut FlowState) {
        if !self.parsing {
            return;
        }
        let order = self.order(chunk.packet);
        let (worker, context) = match state.worker {
            Some(worker) => (worker, None),
            None => {
                let worker = self.key.worker(flow.id, self.pieces.len());
                state.worker = Some(worker);
                (worker, state.context.clone())
            }
        };
        let piece = Piece {
            flow: self.of_source(flow.id),
            order,
            time: chunk.time,
            direction: match chunk.direction {
                Direction::ToServer => ChunkDirection::ToServer,
                Direction::ToClient => ChunkDirection::ToClient,
            },
            context,
            offset: chunk.offset,
            gap: u32::try_from(chunk.gap).unwrap_or(u32::MAX),
            end: chunk.end,
            close: false,
            start: 0,
            length: 0,
        };
        self.held += size_of::<Piece>() + chunk.bytes.len();
        self.pieces[worker].push(piece, chunk.bytes);
    }
}

/// What a flow's packets and the networks say of it.
fn context_of(info: &FlowInfo, networks: Option<&Networks>) -> FlowContext {
    let resolved = networks.map(|networks| {
        let place = |e: &palisade_capture::flow::Endpoint| Place {
            ip: IpAddress(e.address.0),
            vlan: info.vlans.iter().last(),
            mac: None,
        };
        networks.resolve(&place(&info.src), &place(&info.dst))
    });
    let resolved = resolved.unwrap_or_default();
    let endpoint = |e: &palisade_capture::flow::Endpoint| Endpoint {
        ip: IpAddress(e.address.0),
        port: e.port,
        ..Endpoint::default()
    };
    FlowContext {
        src: endpoint(&info.src),
        dst: endpoint(&info.dst),
        flow: Some(FlowId {
            id: info.id,
            community_id: info.community_id().unwrap_or_default().to_owned(),
        }),
        transport: match info.transport {
            TransportKind::Tcp => Transport::Tcp,
            TransportKind::Udp => Transport::Udp,
            TransportKind::Icmp => Transport::Icmp,
            TransportKind::Other => Transport::Other,
        },
        owner: resolved.owner,
        direction: resolved.direction,
    }
}
