//! Packets that somebody else reads, through a flow table of their own.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use palisade_capture::flow::{FlowConfig, FlowTable};
use palisade_capture::{Packet, Reject};
use palisade_events::Source;

use super::{Epoch, Terms};
use crate::engine::ingest::{FlowState, Ingest};

/// What happened on a wire, in order.
#[derive(Clone, Copy, Debug)]
pub enum Seen<'a> {
    /// A packet; its number is given by the feed.
    Packet(Packet<'a>),
    /// Nothing, until then, in nanoseconds since 1970: flows may have become idle.
    Time(u64),
    /// What comes next is of another capture: all flows end.
    End,
}

/// The flows of a source whose packets come from wherever; the same packets make the same of it,
/// however they are cut into epochs.
pub struct PacketFeed {
    source: Arc<Source>,
    table: FlowTable<FlowState>,
    packets: u64,
    bytes: u64,
}

impl PacketFeed {
    /// No flows yet.
    pub(crate) fn new(source: Arc<Source>, flow: FlowConfig) -> PacketFeed {
        PacketFeed {
            source,
            table: FlowTable::new(flow),
            packets: 0,
            bytes: 0,
        }
    }

    /// Takes what was seen into an epoch.
    pub fn fill<'a>(&mut self, epoch: &mut Epoch, seen: impl Iterator<Item = Seen<'a>>) {
        let (table, packets, bytes) = (&mut self.table, &mut self.packets, &mut self.bytes);
        epoch.gather(self.source.slot, |ingest: &mut Ingest<'_>| {
            for seen in seen {
                // What comes without a packet comes after the last of them.
                match seen {
                    Seen::Packet(mut packet) => {
                        *packets += 1;
                        *bytes += packet.data.len() as u64;
                        packet.number = *packets;
                        table.packet(&packet, ingest);
                    }
                    Seen::Time(time) => table.advance(time, *packets, ingest),
                    Seen::End => table.finish(*packets, ingest),
                }
            }
        });
    }

    /// Ends all flows but these into an epoch, as if they had never been there.
    pub fn retain(&mut self, epoch: &mut Epoch, open: &HashSet<u64>) {
        let (table, packets) = (&mut self.table, self.packets);
        epoch.gather(self.source.slot, |ingest| {
            table.retain(|flow| open.contains(&flow.id), packets, ingest);
        });
    }

    /// Goes on in the terms of another generation, or with another share of memory: where fewer
    /// flows fit than there are, the least recent end when the next comes.
    pub fn follow(&mut self, terms: &Terms, share: u64) {
        self.table.reconfigure(terms.flow(share));
    }

    /// Whose packets these are.
    pub fn source(&self) -> &Arc<Source> {
        &self.source
    }

    /// Packets and their captured bytes so far.
    pub fn counts(&self) -> (u64, u64) {
        (self.packets, self.bytes)
    }

    /// Packets so far that were no part of a flow, by reason.
    pub fn skipped(&self) -> BTreeMap<&'static str, u64> {
        let counts = self.table.packet_counts();
        let skipped = Reject::ALL.into_iter();
        let skipped = skipped.map(|reason| (reason.text(), counts.rejected(reason)));
        skipped.filter(|(_, count)| *count > 0).collect()
    }

    /// Flows at the moment, and those that ended so far to make room for newer ones.
    pub fn flows(&self) -> (usize, u64) {
        (self.table.len(), self.table.flow_counts().evicted)
    }
}
