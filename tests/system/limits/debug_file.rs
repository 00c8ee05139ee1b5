//! How large a debug file may be.

use std::process::Command;

use palisade_tests::{capture, skip};

use crate::run::palisade;

#[test]
fn a_debug_file_has_32_mib_and_no_more() {
    let Some((program, plugins)) = palisade() else {
        return;
    };
    let hostile = plugins.with_file_name("hostile").join("hostile");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = |name: &str| folder.path().join(name);
    if std::fs::copy(hostile.join("hostile.wasm"), path("hostile.wasm")).is_err() {
        return skip("`make hostile` has not built the hostile detector");
    }
    let debug = std::fs::read(hostile.join("hostile.debug.wasm")).expect("its debug file");
    std::fs::write(path("settings.toml"), "[hostile]\nact = \"trap\"\n").expect("a file");
    let frames = |bytes: usize| {
        // One more custom section, whose length takes four bytes and whose name is empty.
        let length = bytes - debug.len() - 5;
        let mut padded = debug.clone();
        padded.push(0);
        let part = |shift: usize| (length >> shift & 0x7f) as u8;
        padded.extend([part(0) | 0x80, part(7) | 0x80, part(14) | 0x80, part(21)]);
        padded.resize(bytes, 0);
        std::fs::write(path("hostile.debug.wasm"), padded).expect("a file");
        let status = Command::new(&program)
            .args(["--quiet", "run", "--plugins"])
            .arg(path("hostile.wasm"))
            .arg("--settings")
            .arg(path("settings.toml"))
            .arg("--dead-letters")
            .arg(path("letters.ndjson"))
            .arg(capture("dns.pcap"))
            .output()
            .expect("palisade runs")
            .status;
        assert_eq!(status.code(), Some(2), "it faults on everything");
        let letters = std::fs::read_to_string(path("letters.ndjson")).expect("letters");
        std::fs::remove_file(path("letters.ndjson")).expect("letters");
        letters.contains("in hostile_detector::Hostile::act at ")
    };
    assert_eq!([32 << 20, (32 << 20) + 1].map(frames), [true, false]);
}
