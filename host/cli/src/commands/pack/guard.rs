//! Whether a pack may leave: labels, embargo, and the disclosure policies (TI-7.2, RMSV-9.4,
//! RMSV-9.7, H-10).

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::{Decision, Event, Finding};
use palisade_pack::{Pack, Tlp};
use palisade_pipeline::engine::{Notice, Output as Yield, Poison};
use palisade_pipeline::sources::{Limits, SourcePolicy, open};
use serde_json::{Map, Value, json};

use crate::host::HostOptions;
use crate::output::Output;
use crate::signer::now;
use crate::summary;

/// Marks of a pack that a request must declare as content; each is a case of the WIT enum
/// `content-flag`.
const FLAGS: [&str; 7] = [
    "exploit-code",
    "proof-of-concept",
    "detection-signature",
    "operator-in-use-detail",
    "payment-demand",
    "counterpart-environment",
    "intel-derived-data",
];

/// Who asks that a pack may leave, and who decides.
#[derive(Debug, Args)]
pub(super) struct Guard {
    /// Who wants to push, and who would receive it: a JSON object with fields of
    /// `report.disclosure` such as publisher, audience, recipients, purpose. What follows from the
    /// pack is filled in. Needed for a pack with labels
    #[arg(long, value_name = "FILE")]
    request: Option<PathBuf>,
    /// What happened before, for the policies: events, one a line
    #[arg(long, value_name = "FILE", requires = "request")]
    given: Option<PathBuf>,
    #[command(flatten)]
    host: HostOptions,
}

impl Guard {
    /// Whether the pack may leave; says why not.
    ///
    /// # Errors
    /// When a labelled pack comes without a request, and when policies cannot be asked.
    pub(super) fn permits(&self, pack: &Pack, out: &mut Output) -> Result<bool> {
        let labels = &pack.manifest().labels;
        if let Some(until) = labels.embargo.filter(|until| *until > now()) {
            out.line(&format!("it is under embargo until {until}"))?;
            return Ok(false);
        }
        let open = labels.marks.is_empty()
            && labels.derived_from.is_empty()
            && labels.tlp.is_none_or(|tlp| tlp == Tlp::Clear);
        let Some(path) = &self.request else {
            if open {
                return Ok(true);
            }
            bail!(
                "{} carries labels, so somebody has to answer for passing it on: name publisher \
                 and recipients with --request FILE, and the policies with --plugins",
                pack.manifest().full_title()
            );
        };
        let text = std::fs::read(path).with_context(|| format!("read {}", path.display()))?;
        let asked: Map<String, Value> = serde_json::from_slice(&text)
            .with_context(|| format!("{} is not one JSON object", path.display()))?;
        let request = request(pack, asked);
        if let Some(problem) = beyond_tlp(labels.tlp, &request) {
            out.line(&problem)?;
            return Ok(false);
        }
        self.ask(&request, out)
    }

    fn ask(&self, request: &Value, out: &mut Output) -> Result<bool> {
        let loaded = self.host.load_policies("push")?;
        let config = self.host.config(&loaded.given)?;
        let mut engine = loaded.engine(config, &crate::host::log_to_stderr())?;
        let mut decided = Decided::default();
        let mut inputs = Vec::new();
        if let Some(path) = &self.given {
            let name = path.display().to_string();
            let bytes = std::fs::read(path).with_context(|| format!("read {name}"))?;
            inputs.push((name, bytes));
        }
        inputs.push(("request".to_owned(), serde_json::to_vec(request)?));
        for (name, bytes) in inputs {
            // What was given has happened before: timers that were due by then have fired.
            engine.settle(&mut decided)?;
            let input = open(&name, Cursor::new(bytes), &Limits::default())?;
            let source = engine.source(&name, "default")?;
            engine.read(input, SourcePolicy::vectors(source), &mut decided)?;
        }
        engine.finish(&mut decided)?;
        if let Some(problem) = decided.problems.first() {
            bail!("the policies cannot be asked: {problem}");
        }
        for line in &decided.lines {
            out.line(line)?;
        }
        ensure!(
            decided.permitted + decided.refused > 0,
            "no policy judges requests about rule packs; name some with --plugins"
        );
        Ok(decided.refused == 0)
    }
}

/// The request with what follows from the pack. What the operator wrote cannot take away from
/// that.
fn request(pack: &Pack, mut asked: Map<String, Value>) -> Value {
    let labels = &pack.manifest().labels;
    let time = now().to_string();
    let mut subjects: Vec<&str> = labels.derived_from.iter().map(String::as_str).collect();
    // By name and digest, as earlier events may say what it was made of.
    let (title, digest) = (pack.manifest().full_title(), pack.digest().to_string());
    subjects.extend([title.as_str(), digest.as_str()]);
    let mut contains: Vec<Value> = match asked.remove("contains") {
        Some(Value::Array(said)) => said,
        _ => Vec::new(),
    };
    let marked = FLAGS.iter().filter(|flag| labels.marks.contains(**flag));
    contains.extend(marked.map(|flag| json!(flag)));
    // Rules recognise attacks and perform none (RMSV-9.4); plugins cannot reach out at all.
    contains.push(json!("detection-signature"));
    contains.sort_by_key(Value::to_string);
    contains.dedup();
    for (name, value) in [
        ("kind", json!("report.disclosure")),
        ("time", json!(time)),
        ("planned_at", json!(time)),
        ("subject_kind", json!("rule-pack")),
        ("subjects", json!(subjects)),
        ("contains", Value::Array(contains)),
    ] {
        asked.insert(name.to_owned(), value);
    }
    asked
        .entry("request")
        .or_insert_with(|| json!(format!("push {title}")));
    asked.entry("action").or_insert_with(|| json!("publish"));
    asked.entry("audience").or_insert_with(|| json!("open"));
    Value::Object(asked)
}

/// What the Traffic Light Protocol itself forbids (FIRST, TLP 2.0).
fn beyond_tlp(tlp: Option<Tlp>, request: &Value) -> Option<String> {
    let tlp = tlp.filter(|tlp| *tlp > Tlp::Clear)?;
    if tlp == Tlp::Red {
        return Some("TLP:RED is for the persons who were told, and for no registry".to_owned());
    }
    if request["audience"] == "open" {
        return Some(format!(
            "{tlp} does not go to everybody: the audience of the request must be named or internal"
        ));
    }
    None
}

/// Takes what the policies say.
#[derive(Default)]
struct Decided {
    lines: Vec<String>,
    permitted: usize,
    refused: usize,
    problems: Vec<String>,
}

impl Yield for Decided {
    fn finding(&mut self, _: Finding) {}

    fn decision(&mut self, request: &Event, decision: Decision) {
        if decision.is_permitted() {
            self.permitted += 1;
        } else {
            self.refused += 1;
        }
        self.lines
            .extend(summary::decision_lines(request, &decision));
    }

    fn poison(&mut self, _: &str, poison: &Poison) {
        // The decision that it led to is a deny.
        self.lines.push(poison.fault.to_string());
    }

    fn notice(&mut self, notice: Notice) {
        match notice {
            Notice::Input { name, problem } | Notice::Record { name, problem } => {
                self.problems.push(format!("{name}: {problem}"));
            }
            Notice::Fault { problem, .. } => self.lines.push(problem),
            _ => {}
        }
    }

    fn progress(&mut self, _: u64, _: u64) {}
}
