//! The same datagram behind every link header, and what tshark makes of it.

use std::io::Write as _;

use etherparse::PacketBuilder;
use palisade_capture::flow::FlowConfig;
use palisade_capture::{CaptureReader, ReadLimits};

use crate::build::{CLIENT, Order, SERVER, enhanced, interface, pcap, section, udp};
use crate::record::Run;
use crate::tshark::{captures, fields, lines};

fn v6() -> Vec<u8> {
    let mut out = Vec::new();
    PacketBuilder::ipv6([0xfe; 16], [0xfd; 16], 64)
        .udp(4000, 5000)
        .write(&mut out, b"payload")
        .unwrap();
    out
}

/// Link type, header before IPv4, header before IPv6.
fn headers() -> Vec<(u16, Vec<u8>, Vec<u8>)> {
    let ether = |types: &[u8]| [&[2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2][..], types].concat();
    let cooked = |kind: [u8; 2]| [&[0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0][..], &kind].concat();
    let cooked2 = |kind: [u8; 2]| {
        let rest = [0, 0, 0, 0, 0, 1, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0];
        [&kind[..], &rest].concat()
    };
    vec![
        (1, ether(&[8, 0]), ether(&[0x86, 0xdd])),
        (
            1,
            ether(&[0x81, 0, 0, 7, 8, 0]),
            ether(&[0x81, 0, 0, 7, 0x86, 0xdd]),
        ),
        (
            1,
            ether(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 8, 0]),
            ether(&[0x88, 0xa8, 0, 7, 0x81, 0, 0, 8, 0x86, 0xdd]),
        ),
        (113, cooked([8, 0]), cooked([0x86, 0xdd])),
        (276, cooked2([8, 0]), cooked2([0x86, 0xdd])),
        (0, vec![2, 0, 0, 0], vec![30, 0, 0, 0]),
        (0, vec![0, 0, 0, 2], vec![0, 0, 0, 24]),
        (108, vec![0, 0, 0, 2], vec![0, 0, 0, 28]),
        (101, vec![], vec![]),
        (12, vec![], vec![]),
        (14, vec![], vec![]),
    ]
}

fn check(file: &[u8], packets: u64, at: &str) {
    let mut capture = CaptureReader::new(file, ReadLimits::default()).unwrap();
    let mut run = Run::new(FlowConfig::default());
    while let Some(packet) = capture.next_packet().unwrap() {
        run.packet(&packet);
    }
    run.finish();
    assert_eq!(run.table.packet_counts().accepted, packets, "{at}");
    for sides in run.out.sides.values() {
        assert!(sides[0].bytes.starts_with(b"payload"), "{at}");
    }
    // tshark sees the same datagrams.
    let mut stored = tempfile::NamedTempFile::new().unwrap();
    stored.write_all(file).unwrap();
    let Some(theirs) = fields(stored.path(), &["udp.srcport", "communityid"]) else {
        return;
    };
    assert_eq!(theirs.len() as u64, packets, "{at}");
    let ours: Vec<&str> = run
        .out
        .news
        .iter()
        .filter_map(|n| n.flow.community_id())
        .collect();
    for line in &theirs {
        assert_eq!(line[0], "4000", "{at}");
        assert!(ours.contains(&line[1].as_str()), "{at}");
    }
}

#[test]
fn every_link_type_in_pcap_and_all_in_one_pcapng() {
    let v4 = udp(CLIENT, SERVER, (4000, 5000), b"payload");
    let v6 = v6();
    for order in [Order::Little, Order::Big] {
        let mut file = section(order);
        let mut blocks = Vec::new();
        for (n, (link, before_v4, before_v6)) in (0..).zip(headers()) {
            let packets = [
                [&before_v4[..], &v4].concat(),
                [&before_v6[..], &v6].concat(),
            ];
            file.extend(interface(order, link, 0, &[]));
            for data in &packets {
                blocks.extend(enhanced(order, n, u64::from(n), data));
            }
            if order == Order::Little {
                let [v4, v6] = packets;
                check(&pcap(link, &[(1, v4), (2, v6)]), 2, &format!("{link}"));
            }
        }
        file.extend(blocks);
        check(&file, 2 * headers().len() as u64, "pcapng");
    }
}

#[test]
fn a_capture_is_the_same_in_pcapng_as_tshark_writes_it() {
    let Some(files) = captures() else { return };
    let Some(path) = files.iter().find(|p| p.ends_with("bro.org.pcap")) else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    for (format, name) in [
        ("pcapng", "a.pcapng"),
        ("nsecpcap", "b.pcap"),
        ("modpcap", "c.pcap"),
    ] {
        let copy = folder.path().join(name);
        let arguments = ["-F", format, "-w", copy.to_str().unwrap()];
        if lines(path, &arguments).is_none() {
            return;
        }
        let read = |path: &std::path::Path| {
            let file = std::fs::File::open(path).unwrap();
            let mut capture = CaptureReader::new(file, ReadLimits::default()).unwrap();
            let mut packets = Vec::new();
            while let Some(p) = capture.next_packet().unwrap() {
                packets.push((p.time, p.link, p.original_length, p.data.to_vec()));
            }
            packets
        };
        assert!(read(path) == read(&copy), "{format}");
    }
}
