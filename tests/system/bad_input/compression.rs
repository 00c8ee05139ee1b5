//! Compressed data that is broken, cut off, or a bomb.

use std::io::Write as _;

use palisade_events::counted;

use super::{Bench, EVENT, Random, gzip, zstd};

#[test]
fn of_broken_compression_what_came_out_is_read() {
    let Some(bench) = Bench::new() else { return };
    // Lines that differ, so that they do not all fit one block.
    let mut random = Random(7);
    let lines: Vec<String> = (0..4_000)
        .map(|_| {
            EVENT.replace(
                "a.example",
                &format!("{:08x}.example", random.below(1 << 32)),
            )
        })
        .collect();
    let plain = lines.concat();
    for (layer, whole) in [
        ("gzip", gzip(plain.as_bytes())),
        ("zstd", zstd(plain.as_bytes())),
    ] {
        let mut before = 0;
        for tenth in 3..10 {
            let cut = whole.len() * tenth / 10;
            let ran = bench.bytes("cut", &whole[..cut]);
            assert_eq!(ran.code, Some(2), "{}", ran.stderr);
            if ran.summary.is_null() {
                // Nothing came out before the cut.
                assert_eq!((layer, before), ("zstd", 0), "{}", ran.stderr);
                continue;
            }
            let (events, bad) = (ran.events(), ran.bad());
            assert!(
                events >= before && bad <= 1,
                "{events} {bad}: {}",
                ran.stderr
            );
            before = events;
            assert!(
                ran.stderr.contains("cut: breaks off after "),
                "{}",
                ran.stderr
            );
            let says =
                format!("the {layer} data is cut off or damaged within its first {cut} bytes");
            assert!(ran.stderr.contains(&says), "{}", ran.stderr);
            let says = format!("read before that: {}", counted(events + bad, "record"));
            assert!(ran.stderr.contains(&says), "{}", ran.stderr);
            assert_eq!(ran.count("broken_inputs"), 1);
        }
        assert!(before > 1_000 && before < 4_000, "{layer}: {before}");
        // After the end of the data there is something else.
        let ran = bench.bytes("tail", &[&whole, &b"something else"[..]].concat());
        assert_eq!((ran.events(), ran.bad()), (4_000, 0), "{}", ran.stderr);
        assert!(
            ran.stderr.contains("tail: the bytes behind the last ")
                && ran.stderr.contains("they are left out"),
            "{}",
            ran.stderr
        );
        assert_eq!(ran.count("broken_inputs"), 0);
        // Zeros are padding.
        let ran = bench.bytes("padded", &[&whole, &[0; 5_000][..]].concat());
        assert_eq!((ran.events(), ran.bad()), (4_000, 0), "{}", ran.stderr);
        assert!(!ran.stderr.contains("padded"), "{}", ran.stderr);
        // An input after a broken one is read.
        let cut = bench.file("cut", &whole[..whole.len() * 9 / 10]);
        let well = bench.file("well", EVENT.as_bytes());
        let ran = bench.read(&[&cut, &well]);
        assert_eq!((ran.events(), ran.count("broken_inputs")), (before + 1, 1));
    }
}

#[test]
fn bombs_are_stopped() {
    let Some(bench) = Bench::new() else { return };
    let spaces = [EVENT.as_bytes(), &vec![b' '; 256 << 20]].concat();
    let best = flate2::Compression::best();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), best);
    encoder.write_all(&spaces).expect("memory can be written");
    let spaces = encoder.finish().expect("memory can be written");
    // A frame of zstd (RFC 8878) with a window of 128 KiB, a raw block with the event, and
    // blocks of one byte that stand for 128 KiB each: 2.6 GB of 80 KB.
    let mut frame = vec![0x28, 0xb5, 0x2f, 0xfd, 0x00, 0x38];
    let mut block = |kind: usize, size: usize, last: bool, content: &[u8]| {
        let header = (size << 3) | (kind << 1) | usize::from(last);
        frame.extend_from_slice(&header.to_le_bytes()[..3]);
        frame.extend_from_slice(content);
    };
    block(0, EVENT.len(), false, EVENT.as_bytes());
    for _ in 0..20_000 {
        block(1, 128 << 10, false, b" ");
    }
    block(1, 1, true, b"\n");
    for (name, bomb) in [("gzip", spaces), ("zstd", frame)] {
        let ran = bench.bytes("bomb", &bomb);
        // The spaces are one record that is too long.
        assert_eq!((ran.events(), ran.bad()), (1, 1), "{name}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("more than 1000 bytes for each"),
            "{name}: {}",
            ran.stderr
        );
        assert!(ran.count("bytes") < 100 << 20, "{name}: {}", ran.summary);
    }
}
