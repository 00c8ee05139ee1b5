//! What bad input gets: what can be read is read, the rest is one clear message with its
//! place; nothing is lost unseen, and nothing stops the run that need not.
//!
//! The program and the plugins are those that `make plugins` has built; without them these
//! tests skip.

mod compression;
mod cut_captures;
mod mutations;
mod nothing;
mod records;
mod refused;

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use palisade_tests::{root, skip};
use serde_json::Value;

/// An event, with the line feed.
const EVENT: &str = "{\"kind\":\"network.dns\",\"time\":\"2025-06-01T10:00:00Z\",\
    \"src\":{\"ip\":\"10.0.0.1\",\"port\":5300},\"dst\":{\"ip\":\"10.0.0.2\",\"port\":53},\
    \"qname\":\"a.example\",\"qtype\":\"A\"}\n";

const ZEEK: &str = "{\"_path\":\"dns\",\"ts\":1735689600.5,\"uid\":\"C1\",\"id.orig_h\":\"10.0.0.1\",\
    \"id.orig_p\":5300,\"id.resp_h\":\"10.0.0.2\",\"id.resp_p\":53,\"proto\":\"udp\",\
    \"query\":\"a.example\",\"qtype_name\":\"A\",\"answers\":[\"10.1.1.1\"],\"TTLs\":[60.0]}\n";

const EVE: &str = "{\"timestamp\":\"2025-01-01T00:00:00.000000+0000\",\"event_type\":\"alert\",\
    \"src_ip\":\"10.0.0.1\",\"src_port\":5300,\"dest_ip\":\"10.0.0.2\",\"dest_port\":53,\
    \"proto\":\"UDP\",\"alert\":{\"signature_id\":1,\"gid\":1,\"severity\":2,\
    \"signature\":\"s\",\"action\":\"allowed\"}}\n";

/// What a run said and did.
struct Ran {
    code: Option<i32>,
    stderr: String,
    summary: Value,
    letters: Vec<Value>,
}

impl Ran {
    fn count(&self, name: &str) -> u64 {
        self.summary[name].as_u64().unwrap_or(0)
    }

    fn events(&self) -> u64 {
        let kinds = self.summary["events"].as_object();
        let kinds = kinds.map(|kinds| kinds.values().filter_map(Value::as_u64).sum());
        kinds.unwrap_or(0)
    }

    fn bad(&self) -> u64 {
        self.count("bad_records")
    }
}

/// A folder of inputs, and the program that reads them.
struct Bench {
    program: PathBuf,
    plugins: PathBuf,
    /// What else is loaded, so that every kind that is read here is one that a plugin looks at.
    beside: Vec<String>,
    folder: tempfile::TempDir,
}

impl Bench {
    fn new() -> Option<Self> {
        let target = std::env::var_os("CARGO_TARGET_DIR");
        let target = target.map_or_else(|| root().join("target"), PathBuf::from);
        let program = target.join("release/palisade");
        let plugins = root().join("target/plugins/iot-protocols");
        let beside = plugins.with_file_name("intel-detect");
        if !program.is_file() || !plugins.is_dir() || !beside.is_dir() {
            skip("`make plugins` has not built the program and the plugins");
            return None;
        }
        let folder = tempfile::tempdir().expect("a temporary folder");
        let list = root().join("tests/demo/indicators.ndjson");
        Some(Self {
            program,
            plugins,
            beside: vec![
                "--plugins".to_owned(),
                beside.display().to_string(),
                "--dataset".to_owned(),
                format!("indicators={}", list.display()),
            ],
            folder,
        })
    }

    fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join(name);
        std::fs::write(&path, bytes).expect("a file can be written");
        path
    }

    /// Runs over the inputs. It must end by itself, without a panic, and say what it says
    /// in lines of bounded length without control characters.
    fn read(&self, inputs: &[&Path]) -> Ran {
        self.read_with(inputs, &[])
    }

    /// The same, with more options.
    fn read_with(&self, inputs: &[&Path], more: &[&str]) -> Ran {
        let summary = self.folder.path().join("summary.json");
        let letters = self.folder.path().join("dead-letters.ndjson");
        for left in [&summary, &letters] {
            // There is none before the first run.
            let _ = std::fs::remove_file(left);
        }
        let output = Command::new(&self.program)
            .args(["--format", "ndjson", "--quiet", "run", "--plugins"])
            .arg(&self.plugins)
            .args(&self.beside)
            .arg("--summary")
            .arg(&summary)
            .arg("--dead-letters")
            .arg(&letters)
            .args(more)
            .args(inputs)
            .output()
            .expect("palisade runs");
        let stderr = String::from_utf8(output.stderr).expect("messages are text");
        assert!(!stderr.contains("panicked"), "{inputs:?}: {stderr}");
        for line in stderr.lines() {
            assert!(
                line.len() < 1500,
                "{inputs:?}: {} bytes: {line}",
                line.len()
            );
            assert!(!line.contains(char::is_control), "{inputs:?}: {line:?}");
        }
        let json = |text: String| -> Value { serde_json::from_str(&text).expect("JSON") };
        let lines = std::fs::read_to_string(&letters).unwrap_or_default();
        Ran {
            code: output.status.code(),
            stderr,
            summary: std::fs::read_to_string(&summary).map_or(Value::Null, json),
            letters: lines.lines().map(|line| json(line.to_owned())).collect(),
        }
    }

    /// Runs over one input of these bytes.
    fn bytes(&self, name: &str, bytes: &[u8]) -> Ran {
        self.read(&[&self.file(name, bytes)])
    }
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("memory can be written");
    encoder.finish().expect("memory can be written")
}

fn zstd(bytes: &[u8]) -> Vec<u8> {
    let level = ruzstd::encoding::CompressionLevel::Fastest;
    ruzstd::encoding::compress_to_vec(bytes, level)
}

/// Numbers that are the same in every run: xorshift by Marsaglia.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).expect("below a usize")
    }
}
