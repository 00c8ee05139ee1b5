//! Captures that end in the middle.

use palisade_events::counted;
use palisade_tests::capture;

use super::{Bench, Random};

/// Where the packets of a capture in the format of libpcap end.
fn packet_ends(pcap: &[u8]) -> Vec<usize> {
    let mut ends = vec![24];
    while let Some(header) = pcap
        .get(ends[ends.len() - 1]..)
        .and_then(|rest| rest.get(..16))
    {
        let len = u32::from_le_bytes(header[8..12].try_into().expect("four bytes"));
        ends.push(ends[ends.len() - 1] + 16 + len as usize);
    }
    ends
}

#[test]
fn of_a_cut_capture_the_packets_before_the_cut_are_read() {
    let Some(bench) = Bench::new() else { return };
    let whole = std::fs::read(capture("modbus.pcap")).expect("the capture can be read");
    let ends = packet_ends(&whole);
    assert_eq!(ends.last(), Some(&whole.len()));
    let mut random = Random(11);
    let mut cuts: Vec<usize> = (0..25)
        .map(|_| 25 + random.below(whole.len() - 25))
        .collect();
    cuts.extend([
        24,
        25,
        ends[3] - 1,
        ends[3],
        ends[3] + 1,
        ends[3] + 16,
        whole.len() - 1,
    ]);
    for cut in cuts {
        let ran = bench.bytes("cut.pcap", &whole[..cut]);
        let torn = !ends.contains(&cut);
        assert_eq!(ran.code == Some(2), torn, "{cut}: {}", ran.stderr);
        let packets = ends.iter().filter(|end| **end <= cut).count() - 1;
        assert_eq!(
            ran.count("packets"),
            packets as u64,
            "{cut}: {}",
            ran.stderr
        );
        assert_eq!(
            ran.count("broken_inputs"),
            u64::from(torn),
            "{cut}: {}",
            ran.stderr
        );
        // Its first packets are of ARP.
        let flowless = packets > 0 && ran.events() == 0;
        let says = "none of the";
        assert_eq!(ran.stderr.contains(says), flowless, "{cut}: {}", ran.stderr);
        if torn {
            let says = format!("at byte {}: ", ends[packets]);
            assert!(ran.stderr.contains(&says), "{cut}: {}", ran.stderr);
            let says = format!("read before it: {}", counted(packets, "packet"));
            assert!(ran.stderr.contains(&says), "{cut}: {}", ran.stderr);
            assert!(
                ran.stderr.contains("1 of the inputs broke off"),
                "{cut}: {}",
                ran.stderr
            );
            let lines = 2 + usize::from(flowless);
            assert_eq!(ran.stderr.lines().count(), lines, "{cut}: {}", ran.stderr);
        } else if flowless {
            assert_eq!(ran.stderr.lines().count(), 1, "{cut}: {}", ran.stderr);
        } else if packets == 0 {
            let says = "cut.pcap: it holds no packet";
            assert!(ran.stderr.contains(says), "{cut}: {}", ran.stderr);
        } else {
            assert_eq!(ran.stderr, "", "{cut}");
        }
    }
}
