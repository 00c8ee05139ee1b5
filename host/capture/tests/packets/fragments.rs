//! IP fragments.

use std::time::Duration;

use palisade_capture::Reject;
use palisade_capture::flow::{FlowConfig, FragmentConfig};

use crate::build::{CLIENT, SECOND, SERVER, udp};
use crate::record::Run;

/// IPv4 fragments of a UDP datagram, as (offset, bytes of IP payload, more).
fn v4(id: u16, offset: usize, payload: &[u8], more: bool) -> Vec<u8> {
    let mut packet = vec![0x45, 0];
    packet.extend((20 + payload.len() as u16).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(((offset / 8) as u16 | if more { 0x2000 } else { 0 }).to_be_bytes());
    packet.extend([64, 17, 0, 0]);
    packet.extend(CLIENT);
    packet.extend(SERVER);
    packet.extend(payload);
    packet
}

fn v6(id: u32, offset: usize, next: u8, payload: &[u8], more: bool) -> Vec<u8> {
    let mut packet = vec![0x60, 0, 0, 0];
    packet.extend((8 + payload.len() as u16).to_be_bytes());
    packet.extend([44, 64]);
    packet.extend([[1; 16], [2; 16]].concat());
    packet.extend([next, 0]);
    packet.extend((offset as u16 | u16::from(more)).to_be_bytes());
    packet.extend(id.to_be_bytes());
    packet.extend(payload);
    packet
}

/// UDP header and payload of 40 bytes.
fn datagram() -> Vec<u8> {
    let payload: Vec<u8> = (0..32).collect();
    udp(CLIENT, SERVER, (1000, 2000), &payload)[20..].to_vec()
}

fn whole() -> Vec<u8> {
    (0..32).collect()
}

#[test]
fn fragments_in_any_order_with_repetitions() {
    let d = datagram();
    let parts = [
        v4(7, 0, &d[..16], true),
        v4(7, 16, &d[16..32], true),
        v4(7, 32, &d[32..], false),
    ];
    for order in [[0, 1, 2], [2, 1, 0], [1, 2, 0], [1, 0, 2]] {
        let mut run = Run::new(FlowConfig::default());
        run.raw(&parts[order[0]]);
        run.raw(&parts[order[0]]);
        run.raw(&parts[order[1]]);
        assert_eq!(run.table.packet_counts().held, 3);
        run.raw(&parts[order[2]]);
        assert_eq!(run.table.packet_counts().accepted, 4);
        run.finish();
        assert_eq!(run.out.client().bytes, whole(), "{order:?}");
        let start = &run.out.news[0];
        assert_eq!(start.packet, 4);
        assert_eq!(start.to_server.packets, 4);
        assert_eq!(start.flow.dst.port, Some(2000));
    }
}

#[test]
fn ipv6_fragments_with_headers_inside() {
    // Destination options stand in the fragmented part.
    let mut d = vec![17, 0, 1, 4, 0, 0, 0, 0];
    d.extend(datagram());
    let mut run = Run::new(FlowConfig::default());
    run.raw(&v6(9, 24, 99, &d[24..], false));
    run.raw(&v6(9, 0, 60, &d[..24], true)).finish();
    assert_eq!(run.out.client().bytes, whole());
    assert_eq!(run.table.packet_counts().accepted, 2);

    // A fragment header inside of fragments is refused.
    let mut d = vec![17, 0, 0, 9, 0, 0, 0, 1];
    d.extend(datagram());
    let mut run = Run::new(FlowConfig::default());
    run.raw(&v6(9, 0, 44, &d[..24], true));
    run.raw(&v6(9, 24, 44, &d[24..], false)).finish();
    assert_eq!(run.table.packet_counts().rejected(Reject::BadFragment), 2);
}

#[test]
fn overlaps_discard_the_datagram_and_what_follows_of_it() {
    let d = datagram();
    let overlaps = [
        v4(7, 8, &d[8..24], true),
        v4(7, 8, &d[8..32], true),
        v4(7, 16, b"longer than the original", true),
    ];
    for overlap in overlaps {
        let mut run = Run::new(FlowConfig::default());
        run.raw(&v4(7, 16, &d[16..32], true));
        run.raw(&overlap);
        run.raw(&v4(7, 0, &d[..16], true));
        run.raw(&v4(7, 32, &d[32..], false)).finish();
        let counts = run.table.packet_counts();
        assert_eq!(counts.rejected(Reject::OverlappingFragment), 4);
        assert!(run.out.news.is_empty());
    }
    // Two different ends, and data behind the end.
    for second in [v4(7, 16, &d[..16], false), v4(7, 48, &d[..8], true)] {
        for swap in [false, true] {
            let mut parts = [v4(7, 32, &d[32..], false), second.clone()];
            if swap {
                parts.reverse();
            }
            let mut run = Run::new(FlowConfig::default());
            run.raw(&parts[0]).raw(&parts[1]).finish();
            let counts = run.table.packet_counts();
            let bad = counts.rejected(Reject::OverlappingFragment);
            assert_eq!(bad, 2, "{counts}");
        }
    }
}

#[test]
fn limits_and_times() {
    let d = datagram();
    let config = |fragments| FlowConfig {
        fragments,
        ..FlowConfig::default()
    };
    // Number of datagrams: the oldest makes room.
    let mut run = Run::new(config(FragmentConfig {
        datagrams: 2,
        ..FragmentConfig::default()
    }));
    for id in 0..3 {
        run.raw(&v4(id, 0, &d[..16], true));
    }
    run.raw(&v4(0, 16, &d[16..], false));
    run.raw(&v4(2, 16, &d[16..], false));
    assert_eq!(run.out.client().bytes, whole());
    let counts = run.table.packet_counts();
    assert_eq!(counts.rejected(Reject::FragmentLimit), 2);
    run.finish();
    let counts = run.table.packet_counts();
    assert_eq!(counts.rejected(Reject::IncompleteFragment), 1);

    // Bytes.
    let mut run = Run::new(config(FragmentConfig {
        bytes: 2 * (16 + 64),
        ..FragmentConfig::default()
    }));
    for id in 0..10 {
        run.raw(&v4(id, 0, &d[..16], true));
        assert!(run.table.buffered_bytes() <= 2 * (16 + 64));
    }
    assert_eq!(run.table.packet_counts().rejected(Reject::FragmentLimit), 8);

    // Fragments of one datagram.
    let mut run = Run::new(config(FragmentConfig {
        per_datagram: 3,
        ..FragmentConfig::default()
    }));
    for n in 0..5 {
        run.raw(&v4(1, n * 8, &d[n * 8..n * 8 + 8], true));
    }
    assert_eq!(run.table.packet_counts().rejected(Reject::FragmentLimit), 5);
    assert_eq!(run.table.buffered_bytes(), 0);

    // Time.
    let mut run = Run::new(config(FragmentConfig {
        timeout: Duration::from_secs(5),
        ..FragmentConfig::default()
    }));
    run.raw(&v4(1, 0, &d[..16], true));
    run.wait(6 * SECOND).raw(&v4(1, 16, &d[16..], false));
    let counts = run.table.packet_counts();
    assert_eq!(counts.rejected(Reject::IncompleteFragment), 1);
    assert_eq!(counts.held, 1);
}

#[test]
fn senseless_fragments() {
    let d = datagram();
    let mut run = Run::new(FlowConfig::default());
    run.raw(&v4(1, 0, &d[..15], true));
    run.raw(&v4(1, 0, b"", true));
    run.raw(&v4(1, 65_528, &d, false));
    assert_eq!(run.table.packet_counts().rejected(Reject::BadFragment), 3);
    run.raw(&v4(1, 0, &d[..16], true)[..30]);
    assert_eq!(
        run.table.packet_counts().rejected(Reject::TruncatedNetwork),
        1
    );
    // IPv4 datagrams of different protocols do not mix.
    let mut other = v4(1, 16, &d[16..], false);
    other[9] = 6;
    run.raw(&v4(1, 0, &d[..16], true)).raw(&other);
    assert_eq!(run.table.packet_counts().held, 2);
}

#[test]
fn many_whole_datagrams_leave_nothing_behind() {
    let d = datagram();
    let mut run = Run::new(FlowConfig::default());
    for id in 0..2000 {
        run.raw(&v4(id, 0, &d[..16], true));
        run.raw(&v4(id, 16, &d[16..], false));
    }
    assert_eq!(run.table.buffered_bytes(), 0);
    assert_eq!(run.table.packet_counts().accepted, 4000);
}
