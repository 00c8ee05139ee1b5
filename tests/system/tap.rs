//! Sources of packets: a site that has one, and captures that are cut and put together.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use palisade_tests::{capture, root};
use serde_json::Value;

use crate::site::{PATIENCE, Site};

/// The header of a capture with microseconds, in little endian, of Ethernet.
pub(crate) const HEADER: [u8; 24] = [
    0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 1, 0, 0, 0,
];

/// A packet: its time in microseconds, and its bytes.
pub(crate) type Packet = (u64, Vec<u8>);

/// The packets of a capture of this repository.
pub(crate) fn packets(name: &str) -> Vec<Packet> {
    let bytes = std::fs::read(capture(name)).expect("the capture");
    assert_eq!(bytes[..4], HEADER[..4], "{name}");
    let (mut rest, mut packets) = (&bytes[24..], Vec::new());
    while let Some((header, more)) = rest.split_first_chunk::<16>() {
        let field = |at: usize| {
            let four = header[at..at + 4].try_into().expect("four bytes");
            u64::from(u32::from_le_bytes(four))
        };
        let (data, more) = more.split_at(field(8) as usize);
        packets.push((field(0) * 1_000_000 + field(4), data.to_vec()));
        rest = more;
    }
    packets
}

/// Captures as if they had been recorded at once, from the same moment on.
pub(crate) fn at_once(names: &[&str]) -> Vec<Packet> {
    let begin = 1_764_500_000_000_000;
    let mut all = Vec::new();
    for name in names {
        let packets = packets(name);
        let first = packets[0].0;
        all.extend(
            packets
                .into_iter()
                .map(|(time, data)| (begin + time.saturating_sub(first), data)),
        );
    }
    all.sort_by_key(|(time, _)| *time);
    all
}

/// A question to a name server, between ports that nothing else uses: a flow of its own.
pub(crate) fn datagram(time: u64, port: u16, length: usize) -> Packet {
    let total = (28 + length) as u16;
    let mut data = vec![2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0];
    data.extend([0x45, 0]);
    data.extend(total.to_be_bytes());
    data.extend([0, 0, 0, 0, 64, 17, 0, 0, 10, 9, 9, 1, 10, 9, 9, 2]);
    data.extend(port.to_be_bytes());
    data.extend(40_000_u16.to_be_bytes());
    data.extend((8 + length as u16).to_be_bytes());
    data.extend([0, 0]);
    data.extend(std::iter::repeat_n(b'x', length));
    (time, data)
}

/// An hour later than all of these, so that every flow has ended but one.
pub(crate) fn much_later(packets: &[Packet]) -> Packet {
    let last = packets.last().map_or(0, |(time, _)| *time);
    datagram(last + 3_600_000_000, 40_001, 10)
}

/// A capture file.
pub(crate) fn file(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = HEADER.to_vec();
    bytes.extend(records(packets));
    bytes
}

/// What is appended to one.
pub(crate) fn records(packets: &[Packet]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (time, data) in packets {
        let length = data.len() as u32;
        let fields = [
            (time / 1_000_000) as u32,
            (time % 1_000_000) as u32,
            length,
            length,
        ];
        fields
            .iter()
            .for_each(|field| bytes.extend(field.to_le_bytes()));
        bytes.extend(data);
    }
    bytes
}

/// Plugins that find something in the captures of this repository.
pub(crate) fn plugins() -> [PathBuf; 2] {
    ["iot-protocols", "cdn-abuse"].map(|pack| root().join("target/plugins").join(pack))
}

/// A site with one source of packets, `tap`, which is said to be this, with these plugins and other
/// tables.
pub(crate) fn tap(source: &str, more: &str) -> Option<Site> {
    let site = Site::new(&[])?;
    let data = site.path("data");
    let plugins = plugins().map(|path| format!("\"{}\"", path.display()));
    let text = format!(
        "data = \"{}\"\n[host]\nplugins = [{}]\nworkers = 2\n[journal]\nsegment_bytes = 1048576\n\
         {more}\n[[source]]\nname = \"tap\"\n{source}\n",
        data.display(),
        plugins.join(", ")
    );
    std::fs::write(site.path("palisade.toml"), text).expect("a configuration");
    Some(site)
}

/// A site whose captures arrive in `in`.
pub(crate) fn directory(options: &str, more: &str) -> Option<Site> {
    let site = tap("", "")?;
    let (path, config) = (site.path("in"), site.path("palisade.toml"));
    std::fs::create_dir(&path).expect("a directory");
    let text = std::fs::read_to_string(&config).expect("the configuration");
    let source = format!(
        "kind = \"captures\"\npath = \"{}\"\n{options}\n",
        path.display()
    );
    let (head, tail) = text.split_once("[[source]]").expect("a source");
    std::fs::write(&config, format!("{head}{more}\n[[source]]{tail}{source}"))
        .expect("a configuration");
    Some(site)
}

impl Site {
    /// Lets a capture arrive.
    pub(crate) fn arrives(&self, name: &str, bytes: &[u8]) {
        let hidden = self.path(&format!("in/.{name}"));
        std::fs::write(&hidden, bytes).expect("a capture can be written");
        std::fs::rename(&hidden, self.path(&format!("in/{name}"))).expect("it is renamed");
    }

    /// What one run over these captures finds, as one source.
    pub(crate) fn expected_of(&self, captures: &[PathBuf]) -> Vec<Value> {
        let mut command = Command::new(&self.program);
        command.args(["--quiet", "--format", "ndjson", "run", "--source", "tap"]);
        for path in plugins() {
            command.arg("--plugins").arg(path);
        }
        let output = command.args(captures).output().expect("palisade runs");
        let text = String::from_utf8(output.stdout).expect("findings are text");
        let value = |line: &str| serde_json::from_str(line).expect("JSON");
        text.lines().map(value).collect()
    }

    /// How the source stands, from the status.
    pub(crate) fn tap(&self) -> Value {
        self.asked(&["status"])["captures"][0].clone()
    }

    /// Waits until the source is as wanted.
    pub(crate) fn wait_for_tap(&self, wanted: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        loop {
            let output = self.ctl(&["status", "--format", "json"]);
            let status: Value = serde_json::from_slice(&output.stdout).unwrap_or_default();
            let tap = status["captures"][0].clone();
            if wanted(&tap) {
                return tap;
            }
            assert!(began.elapsed() < PATIENCE, "{status}");
            std::thread::sleep(std::time::Duration::from_millis(30));
        }
    }
}

/// What a finding says but for when, and in which events it was found.
pub(crate) fn gist(finding: &Value) -> String {
    let field = |name: &str| finding[name].to_string();
    ["plugin", "rule", "subject", "summary"]
        .map(field)
        .join(" ")
}

/// These findings in any order.
pub(crate) fn gists(findings: &[Value]) -> Vec<String> {
    let mut gists: Vec<String> = findings.iter().map(gist).collect();
    gists.sort();
    gists
}

/// A file with these bytes, compressed with gzip.
pub(crate) fn gzip(path: &Path, bytes: &[u8]) -> Vec<u8> {
    std::fs::write(path, bytes).expect("a file");
    let output = Command::new("gzip").arg("-c").arg(path).output();
    output.expect("gzip runs").stdout
}
