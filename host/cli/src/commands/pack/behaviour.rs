//! What two versions of a pack say about the same input.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_events::{Batch, Decision, Digest, Event, Finding, Timestamp, event_id};
use palisade_pack::Pack;
use palisade_pipeline::engine::{Clock, EngineConfig, Notice, Output as Yield, Poison, Summary};
use palisade_pipeline::memory::Memory;
use palisade_runtime::Runtime;
use serde::Serialize;
use serde_json::Value;

use super::compare::{Changes, Said, compare};
use crate::host::{Given, GivenOptions, Loaded, Session, components, log_to_stderr, runtime};
use crate::output::{Output, warn};
use crate::packs;
use crate::summary;

/// The most findings and decisions of a version that are compared.
const MAX_SAID: usize = 100_000;
/// The most problems of a run that are told; the rest is in the counts.
const MAX_TOLD: usize = 20;

/// Options of comparing two versions on inputs.
#[derive(Debug, Args)]
pub(super) struct BehaviourOptions {
    /// Run both versions over these captures or logs and compare what they say
    #[arg(long, value_name = "INPUT", num_args = 1..)]
    capture: Vec<PathBuf>,

    /// Components that run beside both versions, such as the parsers of another pack
    #[arg(long, short = 'p', value_name = "PATH", requires = "capture")]
    plugins: Vec<PathBuf>,

    #[command(flatten)]
    given: GivenOptions,

    /// Let timers fire up to this time (RFC 3339) when the input has ended
    #[arg(long, value_name = "TIME", requires = "capture")]
    until: Option<Timestamp>,

    /// How many of the gained, lost and changed findings are shown
    #[arg(long, value_name = "N", default_value_t = 10, requires = "capture")]
    first: usize,
}

/// What differs in what two versions say.
#[derive(Debug, Serialize)]
pub(super) struct Behaviour {
    inputs: Vec<String>,
    old: Ran,
    new: Ran,
    findings: Changes,
    decisions: Changes,
}

/// What a run of one version came to.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Ran {
    plugins: usize,
    left_out: Vec<String>,
    /// By kind.
    events: BTreeMap<&'static str, u64>,
    findings: u64,
    decisions: u64,
    faults: u64,
    unparsed: u64,
    bad_datagrams: u64,
    bad_records: u64,
    broken_inputs: u64,
}

impl BehaviourOptions {
    /// Runs both versions; nothing where no input is named.
    ///
    /// # Errors
    /// When an input cannot be read, a plugin cannot be loaded, or a version says too much.
    pub(super) fn compare(&self, old: &Pack, new: &Pack) -> Result<Option<Behaviour>> {
        if self.capture.is_empty() {
            ensure!(
                self.given.is_empty(),
                "--dataset, --settings and --networks are for what runs; name an input with --capture"
            );
            return Ok(None);
        }
        // Each is read twice, and before any work is done it is seen whether it can be.
        for path in &self.capture {
            crate::named::open(path)
                .context("both versions read what --capture names, so it must be a file")?;
        }
        let memory = Memory::of(None, EngineConfig::default().workers);
        let given = self.given.read(&memory)?;
        let runtime = runtime(false, false)?;
        let loaded = [
            self.load(&runtime, old, &given)?,
            self.load(&runtime, new, &given)?,
        ];
        for name in given.settings.keys() {
            let known = |l: &Loaded| l.plugins.iter().any(|p| &p.manifest().name == name);
            ensure!(
                loaded.iter().any(known),
                "the settings have a table `{name}`, but neither version has such a plugin"
            );
        }
        // Both are told the same.
        let clock = Clock::System.now().map_or(Clock::Events, Clock::At);
        let [before, after] = loaded;
        let (old_said, old) = self.run(&before, old, clock)?;
        let (new_said, new) = self.run(&after, new, clock)?;
        Ok(Some(Behaviour {
            inputs: self
                .capture
                .iter()
                .map(|p| p.display().to_string())
                .collect(),
            findings: compare(&old_said.findings, &new_said.findings, self.first),
            decisions: compare(&old_said.decisions, &new_said.decisions, self.first),
            old,
            new,
        }))
    }

    fn load(&self, runtime: &Runtime, pack: &Pack, given: &Given) -> Result<Loaded> {
        let title = pack.manifest().full_title();
        let mut loaded = Loaded::new(given.clone());
        let granted = packs::named(&pack.manifest().capabilities);
        packs::add(runtime, pack, &granted, &mut loaded)
            .with_context(|| format!("load {title}"))?;
        let mut files = Vec::new();
        for path in &self.plugins {
            components(path, &mut files)?;
        }
        loaded.add_files(runtime, &files)?;
        loaded
            .sort()
            .with_context(|| format!("run {title} beside --plugins"))?;
        for left_out in &loaded.left_out {
            warn(&format!("{title}: {left_out}"));
        }
        Ok(loaded)
    }

    fn run(&self, loaded: &Loaded, pack: &Pack, clock: Clock) -> Result<(Collect, Ran)> {
        let title = pack.manifest().full_title();
        let config = EngineConfig {
            until: self.until.map(|until| until.0),
            clock,
            ..EngineConfig::default()
        };
        let engine = loaded.engine(config, &log_to_stderr())?;
        let mut session = Session::new(engine, "default");
        let mut collect = Collect {
            title: title.clone(),
            ..Collect::default()
        };
        for path in &self.capture {
            session.file(path, &mut collect)?;
        }
        let done = session.finish(&mut collect)?;
        ensure!(
            !collect.full,
            "{title} says more than {MAX_SAID} things about the input; compare on a shorter one"
        );
        Ok((collect, Ran::new(&done, loaded)))
    }
}

impl Ran {
    fn new(done: &Summary, loaded: &Loaded) -> Ran {
        Ran {
            plugins: loaded.plugins.len(),
            left_out: loaded.left_out.iter().map(ToString::to_string).collect(),
            events: done.events.iter().map(|(k, n)| (k.name(), *n)).collect(),
            findings: done.findings,
            decisions: done.decisions,
            faults: done.faults,
            unparsed: done.unparsed,
            bad_datagrams: done.bad_datagrams,
            bad_records: done.bad_records,
            broken_inputs: done.broken_inputs,
        }
    }

    /// What is counted, by name.
    fn counts(&self) -> BTreeMap<String, u64> {
        let mut counts: BTreeMap<String, u64> = self
            .events
            .iter()
            .map(|(kind, n)| (format!("events of kind {kind}"), *n))
            .collect();
        for (name, n) in [
            ("faults of plugins", self.faults),
            ("flows that are parsed no further", self.unparsed),
            ("datagrams that were passed over", self.bad_datagrams),
            ("records that became no event", self.bad_records),
            (
                "inputs that could not be read to their end",
                self.broken_inputs,
            ),
        ] {
            counts.insert(name.to_owned(), n);
        }
        counts
    }
}

impl Behaviour {
    /// Whether the two versions say the same, and yield and fault the same.
    pub(super) fn is_same(&self) -> bool {
        self.findings.is_empty() && self.decisions.is_empty() && self.old == self.new
    }

    /// Tells a person.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn tell(&self, out: &mut Output) -> Result<()> {
        out.line(&format!("on {}:", self.inputs.join(", ")))?;
        let (old, new) = (self.old.counts(), self.new.counts());
        let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
        for name in names {
            let count = |of: &BTreeMap<String, u64>| of.get(name).copied().unwrap_or_default();
            if count(&old) != count(&new) {
                out.line(&format!("~ {name}: {} -> {}", count(&old), count(&new)))?;
            }
        }
        self.findings.tell(out, "findings")?;
        if self.old.decisions + self.new.decisions > 0 {
            self.decisions.tell(out, "decisions")?;
        }
        Ok(())
    }
}

/// Collects what a version says.
#[derive(Default)]
struct Collect {
    title: String,
    findings: Vec<Said>,
    decisions: Vec<Said>,
    /// What stands for an event: its id, so that a parser that yields one event more does not
    /// change what is cited after it.
    ids: HashMap<u64, Digest>,
    told: usize,
    full: bool,
}

impl Collect {
    fn room(&mut self) -> bool {
        self.full |= self.findings.len() + self.decisions.len() >= MAX_SAID;
        !self.full
    }

    fn problem(&mut self, text: &str) {
        if self.told < MAX_TOLD {
            warn(&format!("{}: {text}", self.title));
        }
        self.told += 1;
    }
}

impl Yield for Collect {
    fn finding(&mut self, finding: Finding) {
        if !self.room() {
            return;
        }
        let mut cited: Vec<String> = finding
            .cited
            .iter()
            .map(
                |cited| match self.ids.get(&cited.event_ref).or(cited.id.as_ref()) {
                    Some(id) => id.to_string(),
                    None => format!("{:x}", cited.event_ref),
                },
            )
            .collect();
        cited.sort();
        let key = serde_json::json!([
            finding.by.rule,
            finding.subject,
            finding.tenant,
            finding.retracted,
            cited
        ]);
        let key = Digest::of(key.to_string().as_bytes());
        self.ids.insert(finding.event_ref, key);
        let mut content = serde_json::to_value(&finding).unwrap_or_default();
        if let Value::Object(fields) = &mut content {
            // They say which version speaks, or are in the key.
            for field in ["event_ref", "digest", "cited"] {
                fields.remove(field);
            }
        }
        let line = format!(
            "{}{}  {}  {}  {}",
            if finding.retracted { "withdrawn " } else { "" },
            finding.severity.name(),
            finding.by.rule,
            finding.subject,
            finding.summary
        );
        self.findings.push(Said { key, content, line });
    }

    fn decision(&mut self, request: &Event, decision: Decision) {
        if !self.room() {
            return;
        }
        let key = event_id("", request.envelope.time, &request.body);
        let mut content = summary::decision_json(request, &decision);
        without_digests(&mut content);
        let line = summary::decision_lines(request, &decision).join(";");
        self.decisions.push(Said { key, content, line });
    }

    fn poison(&mut self, _: &str, poison: &Poison) {
        self.problem(&poison.fault.to_string());
    }

    fn notice(&mut self, notice: Notice) {
        self.problem(&summary::notice(notice));
    }

    fn parsed(&mut self, batch: &Batch) {
        for row in 0..batch.len() {
            if let (Some(event_ref), Some(id)) = (batch.event_ref(row), batch.event_id(row)) {
                self.ids.insert(event_ref, id);
            }
        }
    }

    fn progress(&mut self, _: u64, _: u64) {}
}

/// Takes out which components speak, at any depth.
fn without_digests(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("digest");
            fields.values_mut().for_each(without_digests);
        }
        Value::Array(items) => items.iter_mut().for_each(without_digests),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_is_said_100_000_are_compared_and_more_is_told() {
        let finding: Finding = serde_json::from_value(serde_json::json!({
            "plugin": "p", "pack": "a", "digest": Digest::of(b""), "rule": "r", "requirements": [],
            "severity": "low", "subject": "s", "summary": "t", "time": "2026-01-01T00:00:00Z",
            "tenant": "t", "cited": [],
        }))
        .unwrap();
        let mut collect = Collect::default();
        for _ in 0..100_000 {
            collect.finding(finding.clone());
        }
        assert_eq!((collect.findings.len(), collect.full), (100_000, false));
        collect.finding(finding);
        assert_eq!((collect.findings.len(), collect.full), (100_000, true));
    }
}
