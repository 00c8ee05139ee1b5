//! A sink that remembers everything.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_capture::flow::{
    Chunk, Direction, DirectionCounts, EndReason, FlowConfig, FlowInfo, FlowSink, FlowTable,
    FlowUpdate, Phase,
};
use palisade_capture::{LinkType, Packet};

use crate::build::{SECOND, Tcp, packet};

/// A flow event, owned.
#[derive(Clone, Debug)]
#[allow(dead_code, reason = "shown when an assertion fails")]
pub(crate) struct News {
    pub(crate) flow: Arc<FlowInfo>,
    pub(crate) phase: Phase,
    pub(crate) time: u64,
    pub(crate) packet: u64,
    pub(crate) ended: u64,
    pub(crate) to_server: DirectionCounts,
    pub(crate) to_client: DirectionCounts,
    pub(crate) syn_only: u64,
    pub(crate) first_bytes: Vec<u8>,
    pub(crate) app_proto: Option<String>,
    pub(crate) end: Option<EndReason>,
}

/// One direction of one flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Side {
    /// All bytes, gaps left out.
    pub(crate) bytes: Vec<u8>,
    /// (offset, bytes missing right before it) of chunks with a gap.
    pub(crate) gaps: Vec<(u64, u64)>,
    pub(crate) cut: u64,
    pub(crate) ended: bool,
    /// Position that the next chunk must have.
    expected: u64,
    pub(crate) chunks: usize,
}

#[derive(Default)]
pub(crate) struct Recorder {
    pub(crate) news: Vec<News>,
    /// By serial of the flow: to server, to client.
    pub(crate) sides: BTreeMap<u64, [Side; 2]>,
}

/// Bound to a flow, to see that state stays with it and goes with it.
#[derive(Default)]
pub(crate) struct Seen {
    flow: Option<u64>,
    phases: Vec<Phase>,
}

impl FlowSink for Recorder {
    type State = Seen;

    fn flow(&mut self, update: &FlowUpdate<'_>, state: &mut Seen) {
        let starts = update.phase == Phase::Start;
        assert_eq!(state.flow.is_none(), starts, "start comes first and once");
        assert!(!state.phases.contains(&Phase::End), "nothing after the end");
        assert_eq!(update.end.is_some(), update.phase == Phase::End);
        state.flow.get_or_insert(update.flow.id);
        assert_eq!(state.flow, Some(update.flow.id));
        state.phases.push(update.phase);
        self.news.push(News {
            flow: update.flow.clone(),
            phase: update.phase,
            time: update.time,
            packet: update.packet,
            ended: update.ended,
            to_server: update.to_server,
            to_client: update.to_client,
            syn_only: update.syn_only,
            first_bytes: update.first_bytes.to_vec(),
            app_proto: update.recognition.map(|r| r.app_proto.to_string()),
            end: update.end,
        });
    }

    fn chunk(&mut self, flow: &Arc<FlowInfo>, chunk: &Chunk<'_>, state: &mut Seen) {
        assert_eq!(state.flow, Some(flow.id), "state of another flow");
        let number = self
            .news
            .iter()
            .filter(|n| n.phase == Phase::Start)
            .position(|n| n.flow.handle == flow.handle && n.flow.id == flow.id);
        let number = number.expect("chunk of a flow that started") as u64;
        let sides = self.sides.entry(number).or_default();
        let side = &mut sides[usize::from(chunk.direction == Direction::ToClient)];
        assert!(!side.ended, "chunk after the end of a direction");
        side.chunks += 1;
        side.bytes.extend_from_slice(chunk.bytes);
        side.cut += u64::from(chunk.cut);
        side.ended = chunk.end;
        if flow.protocol == 6 {
            assert_eq!(chunk.offset, side.expected + chunk.gap, "offsets add up");
            side.expected = chunk.offset + chunk.bytes.len() as u64;
            if chunk.gap > 0 {
                side.gaps.push((chunk.offset, chunk.gap));
            }
        } else {
            assert_eq!((chunk.offset, chunk.gap, chunk.end), (0, 0, false));
        }
    }
}

impl Recorder {
    pub(crate) fn phases(&self) -> Vec<Phase> {
        self.news.iter().map(|n| n.phase).collect()
    }

    pub(crate) fn ends(&self) -> Vec<EndReason> {
        self.news.iter().filter_map(|n| n.end).collect()
    }

    /// What the first flow's client sent.
    pub(crate) fn client(&self) -> Side {
        self.sides.get(&0).map(|s| s[0].clone()).unwrap_or_default()
    }

    /// What the first flow's server sent.
    pub(crate) fn server(&self) -> Side {
        self.sides.get(&0).map(|s| s[1].clone()).unwrap_or_default()
    }
}

/// A table and its recorder, fed raw IP packets.
pub(crate) struct Run {
    pub(crate) table: FlowTable<Seen>,
    pub(crate) out: Recorder,
    pub(crate) number: u64,
    pub(crate) time: u64,
}

impl Run {
    pub(crate) fn new(config: FlowConfig) -> Self {
        Self {
            table: FlowTable::new(config),
            out: Recorder::default(),
            number: 0,
            time: 1000 * SECOND,
        }
    }

    /// A millisecond later, this packet.
    pub(crate) fn raw(&mut self, data: &[u8]) -> &mut Self {
        self.time += 1_000_000;
        self.number += 1;
        let packet = packet(self.number, self.time, LinkType::RAW, data);
        self.table.packet(&packet, &mut self.out);
        self.check();
        self
    }

    pub(crate) fn packet(&mut self, packet: &Packet<'_>) {
        self.number = packet.number;
        self.table.packet(packet, &mut self.out);
    }

    pub(crate) fn tcp(&mut self, segments: &[Tcp]) -> &mut Self {
        for segment in segments {
            self.raw(&segment.bytes());
        }
        self
    }

    pub(crate) fn wait(&mut self, nanoseconds: u64) -> &mut Self {
        self.time += nanoseconds;
        self
    }

    pub(crate) fn finish(&mut self) -> &mut Self {
        self.table.finish(self.number, &mut self.out);
        self.check();
        assert!(self.table.is_empty());
        assert_eq!(self.table.buffered_bytes(), 0);
        assert_eq!(self.table.packet_counts().held, 0);
        self
    }

    /// What must hold at any time.
    pub(crate) fn check(&self) {
        let counts = self.table.packet_counts();
        assert_eq!(
            counts.packets,
            counts.accepted + counts.held + counts.rejected_total(),
            "{counts}"
        );
    }

    /// Packets in the news of all flows, both directions.
    pub(crate) fn reported(&self) -> u64 {
        self.out
            .news
            .iter()
            .map(|n| n.to_server.packets + n.to_client.packets)
            .sum()
    }
}
