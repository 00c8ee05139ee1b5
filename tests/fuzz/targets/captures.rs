//! Capture files of both formats, whole and in pieces, compressed and plain, down to the
//! transport of each packet.

#![no_main]

use std::io::Cursor;

use arbitrary::Unstructured;
use palisade_capture::{CaptureReader, ReadLimits, decode_network, decode_transport};
use palisade_fuzz::{MIB, packets, text};
use palisade_sources::{Limits, open};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    palisade_fuzz::run(64 * MIB, || {
        let mut u = Unstructured::new(data);
        let wrap: u8 = u.arbitrary().unwrap_or(0);
        let Ok(file) = packets::capture(&mut u) else {
            return;
        };
        let whole = read(Cursor::new(file.clone()));
        let pieces = read(text::Trickle(
            Cursor::new(file.clone()),
            1 + usize::from(wrap),
        ));
        assert_eq!(whole, pieces, "a pipe gives what a file gives");
        let wrapped = match wrap % 8 {
            0 => text::gzip(&file),
            1 => text::zstd(&file),
            _ => file,
        };
        if let Ok(input) = open("fuzz", Cursor::new(wrapped), &Limits::default()) {
            read(input.stream);
        }
    });
});

/// Packets and what they hold, up to the error at the end.
fn read(input: impl std::io::Read) -> (Vec<String>, Option<String>) {
    let mut seen = Vec::new();
    let mut capture = match CaptureReader::new(input, ReadLimits::default()) {
        Ok(capture) => capture,
        Err(error) => return (seen, Some(error.to_string())),
    };
    loop {
        match capture.next_packet() {
            Ok(None) => return (seen, None),
            Err(error) => {
                let error = error.to_string();
                assert!(
                    matches!(capture.next_packet(), Ok(None)),
                    "one error, then the end"
                );
                return (seen, Some(error));
            }
            Ok(Some(packet)) => {
                assert_eq!(packet.number, seen.len() as u64 + 1);
                let network = decode_network(packet.link, packet.data);
                let transport = network.as_ref().ok().map(|network| {
                    assert!(network.payload.len() <= packet.data.len());
                    decode_transport(network)
                });
                if let Some(Ok(transport)) = &transport {
                    assert!(transport.payload.len() <= packet.data.len());
                }
                seen.push(format!(
                    "{} {} {network:?} {transport:?}",
                    packet.number, packet.time
                ));
            }
        }
    }
}
