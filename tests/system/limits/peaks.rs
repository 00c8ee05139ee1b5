//! What attacks on the host's memory take: each reaches its limit, and no more.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Command, Stdio};

use flate2::Compression;
use flate2::write::GzEncoder;

use super::memory::FLOW;
use crate::run::palisade;

/// The most that any attack may take, with default limits and two workers.
const MOST: u64 = 1 << 30;

/// A capture of raw IPv4 packets, in gzip.
struct Capture(GzEncoder<Vec<u8>>);

impl Capture {
    fn new() -> Capture {
        let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
        let mut header = Vec::new();
        header.extend(0xa1b2_c3d4_u32.to_le_bytes());
        header.extend([2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
        header.extend(262_144_u32.to_le_bytes());
        header.extend(101_u32.to_le_bytes());
        gzip.write_all(&header).expect("a Vec takes all");
        Capture(gzip)
    }

    /// A packet from host `from`, with what stands in the fragment field.
    fn packet(&mut self, from: u32, protocol: u8, id: u16, fragment: u16, body: &[u8]) {
        let length = u16::try_from(20 + body.len()).expect("an IPv4 packet");
        let mut packet = vec![0x45, 0];
        packet.extend(length.to_be_bytes());
        packet.extend(id.to_be_bytes());
        packet.extend(fragment.to_be_bytes());
        packet.extend([64, protocol, 0, 0]);
        packet.extend((0x0a00_0000 | from).to_be_bytes());
        packet.extend([192, 0, 2, 1]);
        packet.extend(body);
        let mut record = Vec::new();
        record.extend(1_750_000_000_u32.to_le_bytes());
        record.extend(0_u32.to_le_bytes());
        record.extend(u32::from(length).to_le_bytes());
        record.extend(u32::from(length).to_le_bytes());
        self.0.write_all(&record).expect("a Vec takes all");
        self.0.write_all(&packet).expect("a Vec takes all");
    }

    fn bytes(self) -> Vec<u8> {
        self.0.finish().expect("a Vec takes all")
    }
}

/// A segment to port 502.
fn tcp(sequence: u32, flags: u8, data: &[u8]) -> Vec<u8> {
    let mut segment = Vec::new();
    segment.extend(4000_u16.to_be_bytes());
    segment.extend(502_u16.to_be_bytes());
    segment.extend(sequence.to_be_bytes());
    segment.extend(1_u32.to_be_bytes());
    segment.extend([0x50, flags, 0xff, 0xff, 0, 0, 0, 0]);
    segment.extend(data);
    segment
}

/// The most memory that a run of a capture takes, in bytes, and what it says at its end. `None`:
/// the program is not built.
fn peak(capture: Vec<u8>) -> Option<u64> {
    let (program, plugins) = palisade()?;
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("attack.pcap.gz");
    std::fs::write(&path, capture).expect("a file in a temporary folder");
    let mut child = Command::new(program)
        .args(["--quiet", "run", "--workers", "2", "--plugins"])
        .arg(plugins.join("iot-protocols"))
        .arg(&path)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("palisade runs");
    let errors = BufReader::new(child.stderr.take().expect("stderr is piped"));
    let reader =
        std::thread::spawn(move || errors.lines().map_while(Result::ok).collect::<Vec<_>>());
    let status = format!("/proc/{}/status", child.id());
    let mut peak = 0;
    let ended = loop {
        // The kernel's own high-water mark; looking now and then misses only the very end.
        let text = std::fs::read_to_string(&status).unwrap_or_default();
        let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().strip_suffix(" kB")?.trim().parse::<u64>().ok());
        peak = peak.max(kib.unwrap_or(0) << 10);
        if let Some(ended) = child.try_wait().expect("a child") {
            break ended;
        }
        std::thread::sleep(std::time::Duration::from_millis(2));
    };
    let said = reader.join().expect("a reader").join("\n");
    assert!(matches!(ended.code(), Some(0 | 1)), "{ended}: {said}");
    assert!(peak > 0, "the peak was seen");
    Some(peak)
}

/// The peak of an attack over that of a capture that holds nothing much: it must be at least
/// half of `limit`, or the attack does not reach it, and not much more.
fn takes(attack: Capture, limit: u64) {
    let mut quiet = Capture::new();
    quiet.packet(1, 6, 0, 0, &tcp(1, 2, &[]));
    let (Some(quiet), Some(peak)) = (peak(quiet.bytes()), peak(attack.bytes())) else {
        return;
    };
    let more = peak.saturating_sub(quiet);
    assert!(peak < MOST, "{peak} bytes");
    // Memory that was used for an epoch and given back stays with the allocator.
    let most = limit * 3 / 2 + (64 << 20);
    assert!(
        (limit / 2..most).contains(&more),
        "{more} bytes, where {limit} were expected"
    );
}

#[test]
fn a_flood_of_flows_takes_what_the_table_says() {
    let mut capture = Capture::new();
    let flows = palisade_pipeline::flow::FlowConfig::default().max_flows as u64;
    for from in 0..flows as u32 + 40_000 {
        // DNS's port, and bytes that are nobody's.
        capture.packet(from, 17, 0, 0, &[0x10, 0, 0, 53, 0, 12, 0, 0, 1, 2, 3, 4]);
    }
    takes(capture, flows * FLOW as u64);
}

#[test]
fn data_that_waits_takes_what_the_table_says() {
    let mut capture = Capture::new();
    let limit = palisade_pipeline::flow::ReassemblyConfig::default().total_bytes as u64;
    // Segments of a usual size, so that the epochs that carry them are small beside the limit; their
    // beginning never comes.
    let data = vec![0; 1_400];
    let segments = 700;
    for from in 0..u32::try_from(limit / 1_400).expect("few") * 3 / 2 / segments {
        capture.packet(from, 6, 0, 0, &tcp(1, 2, &[]));
        for at in 0..segments {
            capture.packet(from, 6, 0, 0, &tcp(1_000 + at * 1_400, 0x10, &data));
        }
    }
    takes(capture, limit);
}

#[test]
fn fragments_take_what_the_table_says() {
    let mut capture = Capture::new();
    let limit = palisade_pipeline::flow::FragmentConfig::default().bytes as u64;
    let data = vec![0; 16_000];
    for at in 0..u32::try_from(limit / 16_000).expect("few") * 4 {
        // More fragments follow, and never come.
        capture.packet(at, 17, at as u16, 0x2000, &data);
    }
    takes(capture, limit);
}
