//! What the flow table puts out.

use std::sync::Arc;

use super::info::{FlowHandle, FlowInfo};

/// Takes what the flow table puts out, in the order of the packets.
pub trait FlowSink {
    /// What the sink keeps for each flow. The table makes it with the flow, hands it to
    /// every call for that flow, and drops it after the flow's end.
    type State: Default;

    /// A flow started, was recognised, has news, or ended. The first call for a flow is
    /// its start, the last its end.
    fn flow(&mut self, update: &FlowUpdate<'_>, state: &mut Self::State);

    /// Payload of TCP or UDP. Between the start and the end of the flow.
    fn chunk(&mut self, flow: &Arc<FlowInfo>, chunk: &Chunk<'_>, state: &mut Self::State);
}

/// Which way, seen from the side that opened the flow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Direction {
    /// From the opener, `src`, to `dst`.
    ToServer,
    /// From `dst` to the opener.
    ToClient,
}

impl Direction {
    /// The opposite.
    pub fn reverse(self) -> Self {
        match self {
            Self::ToServer => Self::ToClient,
            Self::ToClient => Self::ToServer,
        }
    }
}

/// A run of payload bytes of one direction: of TCP in stream order, each byte once; of
/// UDP a datagram.
#[derive(Clone, Copy, Debug)]
pub struct Chunk<'a> {
    /// Number of the packet that made the bytes available. For TCP data that waited this
    /// is the packet that filled the gap before it.
    pub packet: u64,
    /// Time of that packet, nanoseconds since the Unix epoch.
    pub time: u64,
    /// Which way.
    pub direction: Direction,
    /// Position of the first byte in this direction's stream, missing bytes included; 0
    /// for datagrams.
    pub offset: u64,
    /// Bytes missing right before this chunk; 0 for datagrams.
    pub gap: u64,
    /// Bytes that the capture cut off right behind a datagram. For TCP they are the gap
    /// of the next chunk.
    pub cut: u32,
    /// Nothing more comes in this direction. Only for TCP; the chunk may be empty.
    pub end: bool,
    /// The bytes: a slice of the packet, or of what waited.
    pub bytes: &'a [u8],
}

/// Where in its life a flow is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Phase {
    /// With the first packet.
    Start,
    /// When [`FlowTable::recognise`](super::FlowTable::recognise) was called.
    Recognised,
    /// When counts have waited for the update interval.
    Update,
    /// Once, at the end.
    End,
}

/// Why a flow ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum EndReason {
    /// Both sides closed it.
    Finished,
    /// One side reset it.
    Reset,
    /// No packets for the idle time.
    Idle,
    /// It had to make room.
    Evicted,
    /// A new connection between the same ports took its place.
    Replaced,
    /// The input ended.
    InputEnd,
}

/// Packets and bytes of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectionCounts {
    /// Captured frames, fragments each.
    pub packets: u64,
    /// Bytes of IP packets.
    pub bytes: u64,
}

/// What a flow speaks, as a parser found out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recognition {
    /// Protocol, such as `modbus`.
    pub app_proto: Arc<str>,
    /// Whether it is encrypted; `None` if the protocol does not say.
    pub encrypted: Option<bool>,
}

/// News of a flow.
#[derive(Clone, Copy, Debug)]
pub struct FlowUpdate<'a> {
    /// The flow.
    pub flow: &'a Arc<FlowInfo>,
    /// Where in its life it is.
    pub phase: Phase,
    /// Event time of the news, nanoseconds since the Unix epoch: the packet's for a
    /// start, when it fell due for updates and time-outs, the table's clock at the end
    /// of the input.
    pub time: u64,
    /// Number of the packet at which the news came up.
    pub packet: u64,
    /// Time of the latest packet of the flow. The first is `flow.started`.
    pub ended: u64,
    /// From `flow.src`, since the last news.
    pub to_server: DirectionCounts,
    /// From `flow.dst`, since the last news.
    pub to_client: DirectionCounts,
    /// Packets with SYN but not ACK, since the last news.
    pub syn_only: u64,
    /// The first payload bytes, at most 64, of the direction that spoke first: of TCP in
    /// stream order, else of the first packet with payload. More may be known in later
    /// news.
    pub first_bytes: &'a [u8],
    /// What it speaks, once that is known.
    pub recognition: Option<&'a Recognition>,
    /// Why it ended, in phase [`Phase::End`].
    pub end: Option<EndReason>,
}

impl FlowUpdate<'_> {
    /// Names the flow in its table.
    pub fn handle(&self) -> FlowHandle {
        self.flow.handle
    }
}
