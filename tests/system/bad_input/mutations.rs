//! Inputs of which single bytes were changed.

use std::path::{Path, PathBuf};

use palisade_tests::captures;

use super::{Bench, EVE, EVENT, Random, ZEEK};

/// Changes a few bytes beyond the first `keep`, without touching line feeds.
fn mutate(bytes: &[u8], keep: usize, random: &mut Random) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for _ in 0..=random.below(20) {
        let at = keep + random.below(bytes.len() - keep);
        let to = match random.below(4) {
            0 => 0,
            1 => 0xff,
            2 => bytes[at] ^ (1 << random.below(8)),
            _ => u8::try_from(random.below(256)).unwrap_or(0),
        };
        if bytes[at] != b'\n' && to != b'\n' {
            bytes[at] = to;
        }
    }
    bytes
}

#[test]
fn mutated_captures_run_to_their_end() {
    let Some(bench) = Bench::new() else { return };
    let mut random = Random(13);
    for path in captures() {
        let mut whole = std::fs::read(&path).expect("the capture can be read");
        whole.truncate(200_000);
        let files: Vec<PathBuf> = (0..16)
            .map(|at| bench.file(&format!("mutated-{at}"), &mutate(&whole, 64, &mut random)))
            .collect();
        let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
        let ran = bench.read(&inputs);
        let name = path.display();
        let broken = ran.count("broken_inputs") > 0;
        assert_eq!(ran.code == Some(2), broken, "{name}: {}", ran.stderr);
        assert_eq!(ran.count("faults"), 0, "{name}: {}", ran.stderr);
        assert!(ran.count("broken_inputs") <= 16, "{name}");
        assert!(ran.count("packets") > 0, "{name}");
    }
}

#[test]
fn of_mutated_logs_every_record_is_an_event_or_reported() {
    let Some(bench) = Bench::new() else { return };
    let mut random = Random(17);
    for (name, line) in [("palisade", EVENT), ("zeek", ZEEK), ("eve", EVE)] {
        let whole = line.repeat(50);
        for round in 0..3 {
            let files: Vec<PathBuf> = (0..16)
                .map(|at| {
                    let mutated = mutate(whole.as_bytes(), line.len(), &mut random);
                    bench.file(&format!("{name}-{at}.json"), &mutated)
                })
                .collect();
            let inputs: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
            let ran = bench.read(&inputs);
            // No plugin looks at alerts.
            let expected: &[i32] = if name == "eve" { &[2] } else { &[0, 1] };
            let code = ran.code.unwrap_or(-1);
            assert!(expected.contains(&code), "{name} {round}: {}", ran.stderr);
            assert_eq!(
                ran.events() + ran.bad(),
                16 * 50,
                "{name} {round}: {}",
                ran.stderr
            );
            // What was mended is kept as well, save zeros between records.
            let letters = ran.letters.len() as u64;
            let mended = ran.count("mended_records");
            assert!(
                (ran.bad()..=ran.bad() + mended).contains(&letters),
                "{name} {round}: {letters} of {} and {mended}",
                ran.bad()
            );
            assert!(
                ran.bad() > 0 && ran.events() > 400,
                "{name} {round}: {}",
                ran.bad()
            );
        }
    }
}
