//! tshark, the independent dissector.

use std::ffi::OsStr;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::skip;

/// What tshark makes of one capture. It looks at no settings of the user, resolves no names
/// and checks no checksums, as it does by default.
#[derive(Debug, Clone)]
pub struct Tshark {
    capture: PathBuf,
    options: Vec<String>,
}

/// The fields of one frame, in the order asked for; each as often as it occurs there.
pub type Row = Vec<Vec<String>>;

/// Separates fields, and occurrences of a field. No text that tshark prints has them.
const FIELD: char = '\u{1e}';
const OCCURRENCE: char = '\u{1f}';

impl Tshark {
    /// For the capture at `path`.
    pub fn new(path: impl AsRef<Path>) -> Self {
        Self {
            capture: path.as_ref().to_owned(),
            options: Vec::new(),
        }
    }

    /// Takes what goes over a port for a protocol, for example `tcp.port==80,tls`: ports are
    /// all that tshark has to go by.
    #[must_use]
    pub fn decode_as(mut self, rule: &str) -> Self {
        self.options.extend(["-d".to_owned(), rule.to_owned()]);
        self
    }

    /// Sets a preference, for example `tcp.desegment_tcp_streams:false`.
    #[must_use]
    pub fn preference(mut self, setting: &str) -> Self {
        self.options.extend(["-o".to_owned(), setting.to_owned()]);
        self
    }

    /// Frames that the display filter takes; the empty filter takes all. A frame counts once,
    /// however many messages it holds. Nothing if there is no tshark here.
    ///
    /// # Panics
    /// When tshark refuses the capture or the filter.
    pub fn count(&self, filter: &str) -> Option<usize> {
        Some(self.fields(filter, &["frame.number"])?.len())
    }

    /// How often `field` occurs in the frames that the filter takes: for fields that every
    /// message has once, the number of messages. Nothing if there is no tshark here.
    ///
    /// # Panics
    /// When tshark refuses the capture, the filter or the field.
    pub fn occurrences(&self, filter: &str, field: &str) -> Option<usize> {
        let rows = self.fields(filter, &[field])?;
        Some(rows.iter().flatten().map(Vec::len).sum())
    }

    /// The fields of every frame that the filter takes, one row a frame. Nothing if there is
    /// no tshark here.
    ///
    /// # Panics
    /// When tshark refuses the capture, the filter or a field.
    pub fn fields(&self, filter: &str, fields: &[&str]) -> Option<Vec<Row>> {
        let mut arguments = self.options.clone();
        arguments.extend(["-T".to_owned(), "fields".to_owned()]);
        for option in [
            format!("separator={FIELD}"),
            "occurrence=a".to_owned(),
            format!("aggregator={OCCURRENCE}"),
        ] {
            arguments.extend(["-E".to_owned(), option]);
        }
        for field in fields {
            arguments.extend(["-e".to_owned(), (*field).to_owned()]);
        }
        if !filter.is_empty() {
            arguments.extend(["-Y".to_owned(), filter.to_owned()]);
        }
        let text = self.run(&arguments)?;
        Some(text.lines().map(|line| row(line, fields.len())).collect())
    }

    /// Frames per protocol, in the order of the protocols' names. A frame counts for every
    /// protocol in it. Nothing if there is no tshark here.
    ///
    /// # Panics
    /// When tshark refuses the capture.
    pub fn protocols(&self) -> Option<std::collections::BTreeMap<String, usize>> {
        let mut counts = std::collections::BTreeMap::new();
        for row in self.fields("", &["frame.protocols"])? {
            let stack = row.into_iter().flatten().next().unwrap_or_default();
            let protocols: std::collections::BTreeSet<_> = stack.split(':').collect();
            for protocol in protocols {
                *counts.entry(protocol.to_owned()).or_default() += 1;
            }
        }
        Some(counts)
    }

    fn run(&self, arguments: &[impl AsRef<OsStr>]) -> Option<String> {
        let output = Command::new("tshark")
            .arg("-n")
            .arg("-r")
            .arg(&self.capture)
            .args(arguments)
            .env("WIRESHARK_CONFIG_DIR", "/nonexistent")
            .env("LC_ALL", "C")
            .env("TZ", "UTC")
            .stdin(Stdio::null())
            .output();
        let output = match output {
            Ok(output) => output,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                skip("no tshark on this machine; `make setup` installs it");
                return None;
            }
            Err(error) => panic!("cannot start tshark: {error}"),
        };
        assert!(
            output.status.success(),
            "tshark refuses {}: {}",
            self.capture.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        Some(String::from_utf8_lossy(&output.stdout).into_owned())
    }
}

fn row(line: &str, fields: usize) -> Row {
    let mut row: Row = line
        .split(FIELD)
        .map(|field| match field {
            "" => Vec::new(),
            field => field.split(OCCURRENCE).map(str::to_owned).collect(),
        })
        .collect();
    row.resize(fields, Vec::new());
    row
}

/// [`Tshark::count`] with the usual ports.
pub fn tshark_count(path: impl AsRef<Path>, filter: &str) -> Option<usize> {
    Tshark::new(path).count(filter)
}

/// [`Tshark::fields`] with the usual ports.
pub fn tshark_fields(path: impl AsRef<Path>, filter: &str, fields: &[&str]) -> Option<Vec<Row>> {
    Tshark::new(path).fields(filter, fields)
}
