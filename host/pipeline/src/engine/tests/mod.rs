//! Tests of the engine with plugins: those that `make plugins` and `make hostile` have built;
//! without them these tests skip.

mod counts;
mod nets;
mod taps;

use std::path::Path;
use std::sync::Arc;

use palisade_events::{Batch, Decision, Event, Finding, Kind};
use palisade_runtime::compile::Compiler;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Config, Plugin, Runtime};

use super::{Notice, Output, Poison};

/// A capture that holds Modbus, HTTP and much else.
const CAPTURE: &str = "tests/captures/plant.pcap";

/// What an engine has put out.
#[derive(Default)]
struct Seen {
    /// Plugin, rule, subject and summary of each finding.
    findings: Vec<[String; 4]>,
    decisions: Vec<Decision>,
    /// Parser and reason of flows that are parsed no further.
    unparsed: Vec<(String, String)>,
    /// Plugin and message of faults.
    faults: Vec<(String, String)>,
    /// Kinds of the messages that parsers read.
    parsed: Vec<String>,
}

impl Output for Seen {
    fn finding(&mut self, finding: Finding) {
        let by = finding.by;
        let text = [by.plugin, by.rule, finding.subject, finding.summary];
        self.findings.push(text);
    }
    fn decision(&mut self, _: &Event, decision: Decision) {
        self.decisions.push(decision);
    }
    fn poison(&mut self, plugin: &str, poison: &Poison) {
        let text = poison.fault.to_string();
        self.faults.push((plugin.to_owned(), text));
    }
    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Fault {
                plugin, problem, ..
            } => self.faults.push((plugin, problem)),
            Notice::Unparsed {
                parser, problem, ..
            } => self.unparsed.push((parser, problem)),
            _ => {}
        }
    }
    fn parsed(&mut self, batch: &Batch) {
        let kinds = (0..batch.times().len()).map(|_| format!("{:?}", batch.kind()));
        if batch.kind() != Kind::NetworkFlow {
            self.parsed.extend(kinds);
        }
    }
    fn progress(&mut self, _: u64, _: u64) {}
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// Plugins by their path below `target`. `None`: they are not built.
fn plugins(paths: &[&str]) -> Option<Vec<Arc<Plugin>>> {
    let runtime = Runtime::new(Config {
        compiler: Compiler::InProcess,
        ..Config::default()
    })
    .unwrap();
    let mut plugins = Vec::new();
    for path in paths {
        let path = root().join("target").join(path);
        let Ok(bytes) = std::fs::read(&path) else {
            #[allow(clippy::print_stderr, reason = "it says why it does nothing")]
            {
                eprintln!("skipped: `make test` builds {} first", path.display());
            }
            return None;
        };
        let mut settings = Settings::new();
        if path.ends_with("hostile-policy.wasm") {
            settings.insert("act".into(), toml::Value::from("permit"));
            settings.insert("amount".into(), toml::Value::from(0));
        }
        let loaded = runtime.load(&bytes, &Capability::ALL, &settings).unwrap();
        plugins.push(Arc::new(loaded.0));
    }
    Some(plugins)
}
