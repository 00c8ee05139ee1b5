//! Capture files: formats, limits, damage.

use std::io::{self, Read};

use palisade_capture::{CaptureError, CaptureReader, LinkType, ReadLimits, is_capture};

use crate::build::{Order, SECOND, block, enhanced, interface, pcap_header, pcap_record, section};

/// (time, link, bytes) of all packets, and the error that ended the reading, if any.
type Contents = (Vec<(u64, u16, Vec<u8>)>, Option<CaptureError>);

fn read_with(input: impl Read, limits: ReadLimits) -> Contents {
    let mut packets = Vec::new();
    let mut capture = match CaptureReader::new(input, limits) {
        Ok(capture) => capture,
        Err(e) => return (packets, Some(e)),
    };
    loop {
        match capture.next_packet() {
            Ok(Some(packet)) => {
                assert_eq!(packet.number, packets.len() as u64 + 1);
                packets.push((packet.time, packet.link.0, packet.data.to_vec()));
            }
            Ok(None) => return (packets, None),
            Err(e) => {
                assert!(matches!(capture.next_packet(), Ok(None)), "one error");
                return (packets, Some(e));
            }
        }
    }
}

fn read(file: &[u8]) -> Contents {
    read_with(file, ReadLimits::default())
}

/// Gives a byte at a time, with interruptions, like a slow pipe.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        match (self.0.split_first(), out.first_mut()) {
            (Some((byte, rest)), Some(to)) => {
                *to = *byte;
                self.0 = rest;
                Ok(1)
            }
            _ => Ok(0),
        }
    }
}

#[test]
fn pcap_in_both_orders_and_resolutions() {
    for order in [Order::Little, Order::Big] {
        for (magic, unit) in [(0xa1b2_c3d4, 1000), (0xa1b2_3c4d, 1)] {
            // The upper bits of the link type say that frame check sequences are there.
            let mut file = pcap_header(order, magic, 1);
            file[20..24].copy_from_slice(&order.u32(0x5400_0001));
            file.extend(pcap_record(order, 7, 5, b"one"));
            file.extend(pcap_record(order, 6, 0, b""));
            assert!(is_capture(&file));
            let expect = vec![
                (7 * SECOND + 5 * unit, 1, b"one".to_vec()),
                (6 * SECOND, 1, Vec::new()),
            ];
            let (packets, error) = read(&file);
            assert_eq!(packets, expect, "{order:?} {magic:x}");
            assert!(error.is_none());
            let (packets, error) = read_with(Trickle(&file, false), ReadLimits::default());
            assert_eq!(packets, expect);
            assert!(error.is_none());
        }
        // The variant with 24 bytes before each packet.
        let mut file = pcap_header(order, 0xa1b2_cd34, 113);
        let mut record = pcap_record(order, 1, 2, b"data");
        record.splice(16..16, [0; 8]);
        file.extend(record);
        let (packets, _) = read(&file);
        assert_eq!(packets, [(SECOND + 2000, 113, b"data".to_vec())]);
    }
}

#[test]
fn pcapng_sections_interfaces_and_packets() {
    let mut file = Vec::new();
    for order in [Order::Little, Order::Big] {
        let offset = match order {
            Order::Little => 10_i64.to_le_bytes(),
            Order::Big => 10_i64.to_be_bytes(),
        };
        file.extend(section(order));
        file.extend(interface(order, 1, 3, &[(1, b"comment")]));
        file.extend(block(order, 0x0bad, b"a block that nobody knows"));
        file.extend(interface(
            order,
            276,
            0,
            &[(9, &[9]), (14, &offset), (0, &[])],
        ));
        file.extend(interface(order, 101, 0, &[(9, &[0x80 | 1])]));
        file.extend(enhanced(order, 1, 1_000_000_007, b"nanoseconds"));
        file.extend(enhanced(order, 0, 2_000_000, b"microseconds"));
        file.extend(enhanced(order, 2, 3, b"half seconds"));
        // Simple packet block: interface 0, snap length 3, no time.
        let simple = [&order.u32(9)[..], b"abc"].concat();
        file.extend(block(order, 3, &simple));
        // Obsolete packet block.
        let obsolete = [
            &order.u16(0)[..],
            &order.u16(77),
            &order.u32(0),
            &order.u32(5),
            &order.u32(3),
            &order.u32(3),
            b"old",
        ]
        .concat();
        file.extend(block(order, 2, &obsolete));
    }
    let section = [
        (11 * SECOND + 7, 276, b"nanoseconds".to_vec()),
        (2 * SECOND, 1, b"microseconds".to_vec()),
        (SECOND * 3 / 2, 101, b"half seconds".to_vec()),
        (SECOND * 3 / 2, 1, b"abc".to_vec()),
        (5_000, 1, b"old".to_vec()),
    ];
    let expect = [&section[..], &section[..]].concat();
    assert!(is_capture(&file));
    for trickle in [false, true] {
        let (packets, error) = if trickle {
            read_with(Trickle(&file, false), ReadLimits::default())
        } else {
            read(&file)
        };
        assert_eq!(packets, expect);
        assert!(error.is_none(), "{error:?}");
    }
}

#[test]
fn what_is_no_capture_says_so() {
    for file in [&b"GIF89a"[..], b"{}", b""] {
        let (_, error) = read(file);
        let text = error.unwrap().to_string();
        assert!(text.starts_with("not a capture: it begins with"), "{text}");
        assert!(!is_capture(file));
    }
    let mut file = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
    file[4] = 9;
    let text = read(&file).1.unwrap().to_string();
    assert!(text.contains("unknown version of pcap"), "{text}");
    let text = read(&file[..10]).1.unwrap().to_string();
    assert!(
        text.contains("cut off in the file header at byte 0"),
        "{text}"
    );
}

#[test]
fn a_cut_file_gives_what_is_whole_and_one_error_with_its_place() {
    let mut pcap = pcap_header(Order::Big, 0xa1b2_c3d4, 1);
    let mut ng = [section(Order::Big), interface(Order::Big, 1, 0, &[])].concat();
    let mut pcap_ends = vec![pcap.len()];
    let mut ng_ends = vec![28, ng.len()];
    for n in 0..3_u8 {
        pcap.extend(pcap_record(Order::Big, 1, 2, &[n; 40]));
        pcap_ends.push(pcap.len());
        ng.extend(enhanced(Order::Big, 0, 3, &[n; 40]));
        ng_ends.push(ng.len());
        ng.extend(block(Order::Big, 0x99, &[n; 20]));
        ng_ends.push(ng.len());
    }
    for (file, ends) in [(pcap, pcap_ends), (ng, ng_ends)] {
        for length in 4..file.len() {
            let (packets, error) = read(&file[..length]);
            let begin = ends.iter().rev().find(|end| **end <= length);
            match error {
                None => assert_eq!(begin, Some(&length)),
                Some(CaptureError::Truncated {
                    offset,
                    have,
                    packets: before,
                    ..
                }) => {
                    assert_eq!(offset as usize, begin.copied().unwrap_or(0));
                    assert_eq!(offset + have, length as u64);
                    assert_eq!(before, packets.len() as u64);
                }
                Some(other) => panic!("{other} at {length}"),
            }
        }
    }
}

#[test]
fn damage_and_excess_are_told_with_their_place() {
    let good = [section(Order::Little), interface(Order::Little, 1, 0, &[])].concat();
    let at = good.len();
    let check = |block: Vec<u8>, expect: &str| {
        let file = [good.clone(), enhanced(Order::Little, 0, 1, b"good"), block].concat();
        let (packets, error) = read(&file);
        assert_eq!(packets.len(), 1);
        let text = error.expect(expect).to_string();
        assert!(text.contains(expect), "{text}");
        assert!(text.contains(&format!("at byte {}", at + 36)), "{text}");
        assert!(text.contains("; read before it: 1 packet"), "{text}");
    };
    let order = Order::Little;
    let mut differs = enhanced(order, 0, 1, b"data");
    *differs.last_mut().unwrap() = 1;
    check(differs, "two lengths differ");
    let mut differs = block(order, 0x99, b"data");
    *differs.last_mut().unwrap() = 1;
    check(differs, "two lengths differ");
    check(enhanced(order, 5, 1, b"data"), "not described");
    let mut long = enhanced(order, 0, 1, b"data");
    long[20] = 9;
    check(long, "longer than its block");
    for length in (0..20).step_by(4) {
        check(block(order, 6, &vec![0; length]), "too short");
    }
    check(block(order, 3, b""), "too short");
    check(block(order, 1, b"four"), "too short");
    let odd = [&6_u32.to_le_bytes()[..], &33_u32.to_le_bytes(), &[0; 4]].concat();
    check(odd, "no multiple of 4");
    let huge = [
        &6_u32.to_le_bytes()[..],
        &0x1000_0000_u32.to_le_bytes(),
        &[0; 4],
    ]
    .concat();
    check(huge, "claims 268435456 bytes, at most 1048576");
    check(
        enhanced(order, 0, 1, &vec![0; 300_000]),
        "claims 300000 bytes",
    );
    let mut magic = section(order);
    magic[8] = 0;
    check(magic, "byte-order magic");

    // Blocks of other kinds are passed over at any length.
    let skipped = block(order, 0x99, &vec![1; 3_000_000]);
    let file = [good.clone(), skipped, enhanced(order, 0, 1, b"good")].concat();
    let (packets, error) = read(&file);
    assert_eq!(packets.len(), 1);
    assert!(error.is_none());

    let limits = ReadLimits {
        interfaces: 2,
        ..ReadLimits::default()
    };
    let file = [&good[..], &good[28..], &good[28..]].concat();
    let (_, error) = read_with(&file[..], limits);
    assert!(error.unwrap().to_string().contains("more interfaces"));

    let mut file = pcap_header(order, 0xa1b2_c3d4, 1);
    file.extend(pcap_record(order, 1, 2, &vec![0; 262_144]));
    file.extend(pcap_record(order, 1, 2, &vec![0; 262_145]));
    let (packets, error) = read(&file);
    assert_eq!(packets.len(), 1);
    let text = error.unwrap().to_string();
    assert!(
        text.contains("at byte 262184 claims 262145 bytes"),
        "{text}"
    );
}

#[test]
fn a_failing_input_says_where() {
    struct Failing<'a>(&'a [u8]);
    impl Read for Failing<'_> {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            match self.0.read(out)? {
                0 => Err(io::Error::other("corrupt gzip stream")),
                n => Ok(n),
            }
        }
    }
    let mut file = pcap_header(Order::Little, 0xa1b2_c3d4, 1);
    file.extend(pcap_record(Order::Little, 1, 2, b"whole"));
    file.extend([0; 7]);
    let (packets, error) = read_with(Failing(&file), ReadLimits::default());
    assert_eq!(packets.len(), 1);
    let text = error.unwrap().to_string();
    assert_eq!(
        text,
        "reading the capture failed at byte 52: corrupt gzip stream"
    );
    assert_eq!(LinkType(113).to_string(), "Linux cooked v1");
}
