//! What the tests of the whole system share: where captures and other people's data lie,
//! and an independent dissector to compare with.
//!
//! What a machine lacks (tshark, the folder of third-party data) a test skips, and says so.

mod tshark;

use std::path::{Path, PathBuf};

pub use tshark::{Row, Tshark, tshark_count, tshark_fields};

/// Root of the repository.
pub fn root() -> PathBuf {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR"));
    tests.parent().unwrap_or(tests).to_owned()
}

/// A capture of this repository, for example `mqtt.pcap`; `tests/captures/README.md` says
/// what each holds.
///
/// # Panics
/// When there is none of that name.
pub fn capture(name: &str) -> PathBuf {
    let path = root().join("tests/captures").join(name);
    assert!(path.is_file(), "no capture {}", path.display());
    path
}

/// All captures of this repository, sorted by name.
///
/// # Panics
/// When their folder cannot be read.
pub fn captures() -> Vec<PathBuf> {
    let folder = root().join("tests/captures");
    let entries = std::fs::read_dir(&folder).expect("tests/captures can be read");
    let mut found: Vec<_> = entries
        .map(|entry| entry.expect("tests/captures can be read").path())
        .filter(|path| {
            let extension = path.extension().and_then(|extension| extension.to_str());
            matches!(extension, Some("pcap" | "pcapng"))
        })
        .collect();
    found.sort();
    found
}

/// A file or folder of the third-party data that lies beside the repository, for example
/// `pcap/zeek`. Without it the test skips.
pub fn shared(path: &str) -> Option<PathBuf> {
    let found = root().join("../shared/data").join(path);
    if found.exists() {
        return Some(found);
    }
    skip(&format!("no third-party data at ../shared/data/{path}"));
    None
}

/// The third-party captures, and folders of them, that tests compare with an independent
/// dissector: those of `tests/captures/sample.txt`. None where the data is not there.
///
/// # Panics
/// When the list cannot be read.
pub fn sample() -> Vec<PathBuf> {
    let Some(folder) = shared("pcap") else {
        return Vec::new();
    };
    let list = root().join("tests/captures/sample.txt");
    let list = std::fs::read_to_string(list).expect("the list of the sample can be read");
    list.lines().map(|name| folder.join(name)).collect()
}

/// Says on standard error why a test, or a part of it, is not run.
#[expect(clippy::print_stderr, reason = "the reader of the tests must know")]
pub fn skip(reason: &str) {
    eprintln!("skipped: {reason}");
}
