//! Damaged captures: whatever the bytes, no panic, and every packet is accounted for.

use palisade_capture::flow::FlowConfig;
use palisade_capture::{CaptureReader, ReadLimits};
use proptest::prelude::*;

use crate::build::{
    CLIENT, Order, SECOND, SERVER, client, enhanced, interface, pcap, section, server, udp,
};
use crate::record::Run;
use crate::tshark::captures;

/// Reads what is readable and runs it through a table; the time it takes is bounded by
/// the length of the input.
fn survive(file: &[u8]) {
    let Ok(mut capture) = CaptureReader::new(file, ReadLimits::default()) else {
        return;
    };
    let mut run = Run::new(FlowConfig {
        max_flows: 64,
        ..FlowConfig::default()
    });
    while let Ok(Some(packet)) = capture.next_packet() {
        run.packet(&packet);
    }
    run.finish();
    assert_eq!(run.table.packet_counts().packets, capture.packets());
    assert_eq!(run.reported(), run.table.packet_counts().accepted);
}

/// A little of everything: TCP in and out of order, UDP, fragments, extension headers.
fn packets() -> Vec<(u64, Vec<u8>)> {
    let mut fragment = udp(CLIENT, SERVER, (1, 2), &[7; 16]);
    fragment[6] = 0x20;
    let mut last = fragment.clone();
    last[6] = 0;
    last[7] = 3;
    let mut v6 = vec![0x60, 0, 0, 0, 0, 24, 0, 64];
    v6.extend([[1; 16], [2; 16]].concat());
    v6.extend([44, 0, 1, 4, 0, 0, 0, 0]);
    v6.extend([17, 0, 0, 1, 0, 0, 0, 5]);
    v6.extend([0, 1, 0, 2, 0, 8, 0, 0]);
    let all = vec![
        client(999, "S", b"").bytes(),
        server(4999, "S", b"").ack(1000).bytes(),
        client(1008, "", b"later data").ack(5000).bytes(),
        client(1000, "", b"data now").ack(5000).bytes(),
        fragment,
        last,
        v6,
        server(5000, "F", b"bye").ack(1018).bytes(),
        client(1018, "R", b"").ack(5004).bytes(),
    ];
    (1..).map(|n| n * SECOND).zip(all).collect()
}

fn pcapng() -> Vec<u8> {
    let mut file = Vec::new();
    for order in [Order::Little, Order::Big] {
        file.extend(section(order));
        file.extend(interface(order, 101, 0, &[(9, &[6]), (0, &[])]));
        for (time, data) in packets() {
            file.extend(enhanced(order, 0, time / 1000, &data));
        }
    }
    file
}

#[test]
fn every_truncation_and_every_bit_of_small_files() {
    for file in [pcap(101, &packets()), pcapng()] {
        for length in 0..file.len() {
            survive(&file[..length]);
        }
        for byte in 0..file.len() {
            for flip in [0x01, 0x10, 0x80, 0xff] {
                let mut damaged = file.clone();
                damaged[byte] ^= flip;
                survive(&damaged);
            }
        }
    }
}

#[test]
fn every_link_type_on_the_same_bytes() {
    for link in 0..=300 {
        survive(&pcap(link, &packets()));
    }
}

proptest! {
    #[test]
    fn many_damages_at_once(
        damages in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..40),
        ng in any::<bool>(),
    ) {
        let mut file = if ng { pcapng() } else { pcap(101, &packets()) };
        for (place, value) in damages {
            let place = place.index(file.len());
            file[place] = value;
        }
        survive(&file);
    }

    #[test]
    fn noise_as_packets(noise in prop::collection::vec(
        (any::<u32>(), prop::collection::vec(any::<u8>(), 0..120)), 1..30), link in 0..10_usize)
    {
        let link = [0, 1, 12, 14, 101, 108, 113, 228, 229, 276][link];
        let packets: Vec<_> = noise
            .into_iter()
            .map(|(time, mut data)| {
                // Let some of it look like IP.
                if let Some(first) = data.first_mut() {
                    *first = if *first & 1 == 0 { 0x45 } else { 0x60 };
                }
                (u64::from(time) * SECOND, data)
            })
            .collect();
        survive(&pcap(link, &packets));
    }
}

#[test]
fn damaged_real_captures() {
    let Some(files) = captures() else { return };
    // A fixed sequence (Knuth's MMIX generator), so that a failure comes back.
    let mut state = 0x5eed_u64;
    let mut random = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for path in files {
        let mut file = std::fs::read(&path).unwrap();
        file.truncate(100_000);
        for _ in 0..4 {
            let mut damaged = file.clone();
            for _ in 0..1 + file.len() / 400 {
                let place = random() % damaged.len();
                damaged[place] = random() as u8;
            }
            // Keep the file header, or little is read.
            damaged[..24].copy_from_slice(&file[..24]);
            survive(&damaged);
        }
    }
}
