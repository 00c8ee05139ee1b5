//! Packets through defragmentation, flow table and reassembly, within small limits: counts add
//! up, chunks follow each other, nothing is kept beyond the limits or after the end.

#![no_main]

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use arbitrary::Unstructured;
use palisade_capture::flow::{
    Chunk, Direction, FlowConfig, FlowInfo, FlowSink, FlowTable, FlowUpdate, Phase,
};
use palisade_capture::{LinkType, Packet};
use palisade_fuzz::{MIB, packets};

/// Where the next chunk of each direction must begin, and whether it has ended.
#[derive(Default)]
struct Sides {
    next: [u64; 2],
    ended: [bool; 2],
    started: bool,
    over: bool,
}

#[derive(Default)]
struct Sink {
    packets: u64,
    ids: BTreeMap<u64, u32>,
}

impl FlowSink for Sink {
    type State = Sides;

    fn flow(&mut self, update: &FlowUpdate<'_>, sides: &mut Sides) {
        assert!(!sides.over, "nothing after the end");
        assert_eq!(sides.started, update.phase != Phase::Start, "a start, once");
        sides.started = true;
        sides.over = update.phase == Phase::End;
        assert_eq!(update.end.is_some(), sides.over);
        self.packets += update.to_server.packets + update.to_client.packets;
        *self.ids.entry(update.flow.id).or_default() += 1;
    }

    fn chunk(&mut self, flow: &Arc<FlowInfo>, chunk: &Chunk<'_>, sides: &mut Sides) {
        let side = usize::from(chunk.direction == Direction::ToClient);
        assert!(sides.started && !sides.over && !sides.ended[side]);
        if flow.protocol == 6 {
            assert_eq!(chunk.offset, sides.next[side] + chunk.gap, "offsets add up");
            sides.next[side] = chunk.offset + chunk.bytes.len() as u64;
            sides.ended[side] = chunk.end;
        } else {
            assert_eq!((chunk.offset, chunk.gap, chunk.end), (0, 0, false));
        }
    }
}

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_fuzz::run(32 * MIB, || {
        let _ = drive(&mut Unstructured::new(data));
    });
});

fn drive(u: &mut Unstructured<'_>) -> arbitrary::Result<()> {
    let shape: u8 = u.arbitrary()?;
    let mut config = FlowConfig {
        verify_checksums: shape & 1 != 0,
        vlan_in_key: shape & 2 != 0,
        update_interval: Duration::from_secs(u64::from(shape >> 6)),
        ..FlowConfig::default()
    };
    if shape & 4 != 0 {
        config.max_flows = 3;
        config.reassembly.direction_bytes = 500;
        config.reassembly.direction_segments = 4;
        config.reassembly.total_bytes = 800;
        config.fragments.datagrams = 2;
        config.fragments.bytes = 1_500;
        config.fragments.per_datagram = 4;
    }
    config.reassembly.gap_on_acknowledgement = shape & 8 != 0;
    let flows = config.max_flows;
    let bytes = config.reassembly.total_bytes + config.fragments.bytes;
    let mut table = FlowTable::new(config);
    let mut sink = Sink::default();
    let (mut number, mut time) = (0_u64, 1_000_000_000_000_u64);
    while !u.is_empty() {
        let step: u8 = u.arbitrary()?;
        time = match step {
            0..0xe0 => time + u64::from(step) * 1_000_000,
            0xe0..0xf8 => time + u64::from(step) * 1_000_000_000,
            // Captures may go back in time.
            _ => time.saturating_sub(u64::from(step) * 10_000_000),
        };
        let data = packets::packet(u)?;
        number += 1;
        table.packet(
            &Packet {
                number,
                time,
                link: LinkType::RAW,
                original_length: data.len() as u32 + u32::from(step == 7),
                data: &data,
            },
            &mut sink,
        );
        let counts = table.packet_counts();
        let known = counts.accepted + counts.held + counts.rejected_total();
        assert_eq!(counts.packets, known, "every packet is counted once");
        assert!(table.len() <= flows && table.buffered_bytes() <= bytes);
    }
    table.finish(number, &mut sink);
    assert!(table.is_empty());
    assert_eq!((table.buffered_bytes(), table.packet_counts().held), (0, 0));
    assert_eq!(
        table.packet_counts().accepted,
        sink.packets,
        "all are reported"
    );
    Ok(())
}
