//! Whether a pack may leave: labels, embargo, and the disclosure policies (TI-7.2, RMSV-9.4,
//! RMSV-9.7, H-10).

use std::io::Cursor;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::{Decision, Event, Finding, without_mark};
use palisade_pack::{Labels, Pack, Restriction, Tlp, Unread};
use palisade_pipeline::engine::{Notice, Output as Yield, Poison};
use serde_json::{Map, Value, json};

use crate::host::{HostOptions, MAX_TEXT, Session};
use crate::output::Output;
use crate::signer::now;
use crate::summary;
use crate::vector::MAX_FILE_BYTES;

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

/// The most places that are told of what keeps a pack.
const PLACES: usize = 8;

/// Who asks that a pack may leave, and who decides.
#[derive(Debug, Args)]
pub(super) struct Guard {
    /// Who wants to push, and who would receive it: a JSON object with fields of
    /// `report.disclosure` such as publisher, audience, recipients, purpose. What follows from the
    /// pack is filled in. Needed for a pack with labels, and for one with data that names no colour
    /// of TLP
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
    /// When a pack that needs a request comes without one, and when policies cannot be asked.
    pub(super) fn permits(&self, pack: &Pack, out: &mut Output) -> Result<bool> {
        let labels = &pack.manifest().labels;
        // It may be more secret than anything that is known.
        for unread in pack.unread() {
            out.line(&unread.to_string())?;
        }
        let stays = |unread: &Unread| unread.perhaps.is_none();
        if pack.unread().iter().any(stays) {
            out.line(
                "what is not understood may be secret, so it stays here: write it as the lines above \
                 say, and build the pack again",
            )?;
            return Ok(false);
        }
        if let Some(until) = labels.embargo.filter(|until| *until > now()) {
            out.line(&format!("it is under embargo until {until}"))?;
            let of_embargo = |restriction| restriction == Restriction::Embargo;
            for place in places(pack, of_embargo) {
                out.line(&place)?;
            }
            return Ok(false);
        }
        let Some(path) = &self.request else {
            let may =
                (!pack.unread().is_empty()).then_some("may hold markings, as the lines above say");
            let Some(because) = restricted(labels).or(may) else {
                return Ok(true);
            };
            let places = places(pack, |_| true);
            bail!(
                "{} {because}, so somebody has to answer for passing it on: name publisher \
                 and recipients with --request FILE, and the policies with --plugins{}{}",
                pack.manifest().full_title(),
                if places.is_empty() { "" } else { "\n" },
                places.join("\n")
            );
        };
        let text = crate::named::read(path, MAX_TEXT)?;
        let asked: Map<String, Value> = serde_json::from_slice(without_mark(&text))
            .with_context(|| format!("{} is not one JSON object", path.display()))?;
        let request =
            request(pack, asked).with_context(|| format!("{} is no request", path.display()))?;
        if let Some(problem) = beyond_tlp(labels.tlp, &request) {
            out.line(&problem)?;
            let of_colour = |restriction| matches!(restriction, Restriction::Colour(_));
            for place in places(pack, of_colour) {
                out.line(&place)?;
            }
            out.line(
                "if a colour is not meant there, write it otherwise or leave it out, and build the \
                 pack again",
            )?;
            return Ok(false);
        }
        self.ask(&request, out)
    }

    fn ask(&self, request: &Value, out: &mut Output) -> Result<bool> {
        let loaded = self.host.load_policies("push")?;
        let config = self.host.config()?;
        let engine = loaded.engine(config, &crate::host::log_to_stderr())?;
        let mut session = Session::new(engine, "default").with_vectors(true);
        let mut decided = Decided::default();
        let mut inputs = Vec::new();
        if let Some(path) = &self.given {
            let name = path.display().to_string();
            let bytes = crate::named::read(path, MAX_FILE_BYTES)?;
            inputs.push((name, bytes));
        }
        inputs.push(("request".to_owned(), serde_json::to_vec(request)?));
        for (name, bytes) in inputs {
            // What was given has happened before: timers that were due by then have fired.
            session.settle(&mut decided)?;
            session.read(&name, Cursor::new(bytes), &mut decided)?;
        }
        session.finish(&mut decided)?;
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

/// Where in a pack stands what restricts it so, on lines of their own.
fn places(pack: &Pack, is_meant: impl Fn(Restriction) -> bool) -> Vec<String> {
    let grounds = pack.grounds().iter();
    let meant: Vec<_> = grounds.filter(|g| is_meant(g.restriction)).collect();
    let mut lines = once_each(meant.iter().map(|ground| format!("  {ground}")));
    if let Some(more) = lines.len().checked_sub(PLACES).filter(|more| *more > 0) {
        lines.truncate(PLACES);
        lines.push(format!(
            "  and {more} more; `palisade pack inspect` shows them"
        ));
    }
    lines
}

/// Lines, each of them once, with how often it came.
pub(super) fn once_each(lines: impl Iterator<Item = String>) -> Vec<String> {
    let mut seen: Vec<(String, usize)> = Vec::new();
    for line in lines {
        match seen.iter_mut().find(|(known, _)| *known == line) {
            Some((_, times)) => *times += 1,
            None => seen.push((line, 1)),
        }
    }
    let told = seen.into_iter().map(|(line, times)| match times {
        1 => line,
        _ => format!("{line} ({times} times)"),
    });
    told.collect()
}

/// Why a pack does not leave without a request.
fn restricted(labels: &Labels) -> Option<&'static str> {
    let labelled = !labels.marks.is_empty()
        || !labels.derived_from.is_empty()
        || labels.tlp.is_some_and(|tlp| tlp > Tlp::Clear);
    match labels.unmarked {
        _ if labelled => Some("carries labels"),
        // Nobody has said is not the same as CLEAR.
        true => Some(
            "holds data that names no colour of TLP (`tlp = \"clear\"` under [labels] of \
             pack.toml states one for all of it)",
        ),
        false => None,
    }
}

/// The request with what follows from the pack. What the operator wrote cannot take away from
/// that, and nothing of it is lost.
///
/// # Errors
/// When a list that is added to is none.
fn request(pack: &Pack, mut asked: Map<String, Value>) -> Result<Value> {
    let mut list = |name: &str| match asked.remove(name) {
        None | Some(Value::Null) => Ok(Vec::new()),
        Some(Value::Array(said)) => Ok(said),
        Some(other) => bail!("`{name}` is {other}; write a list, such as [\"…\"]"),
    };
    let mut contains = list("contains")?;
    let mut subjects = list("subjects")?;
    let labels = &pack.manifest().labels;
    let time = now().to_string();
    // By name and digest, as earlier events may say what it was made of.
    let (title, digest) = (pack.manifest().full_title(), pack.digest().to_string());
    subjects.extend(labels.derived_from.iter().map(|id| json!(id)));
    subjects.extend([json!(title), json!(digest)]);
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
        ("subjects", Value::Array(subjects)),
        ("contains", Value::Array(contains)),
    ] {
        asked.insert(name.to_owned(), value);
    }
    asked
        .entry("request")
        .or_insert_with(|| json!(format!("push {title}")));
    asked.entry("action").or_insert_with(|| json!("publish"));
    asked.entry("audience").or_insert_with(|| json!("open"));
    Ok(Value::Object(asked))
}

/// What the Traffic Light Protocol itself forbids (FIRST, TLP 2.0).
fn beyond_tlp(tlp: Option<Tlp>, request: &Value) -> Option<String> {
    let tlp = tlp.filter(|tlp| *tlp > Tlp::Clear)?;
    if tlp == Tlp::Red {
        return Some("TLP:RED is for the persons who were told, and for no registry".to_owned());
    }
    let internal = request["audience"] == "internal";
    if !internal && request["audience"] != "named" {
        return Some(format!(
            "{tlp} does not go to everybody: the audience of the request must be named or internal"
        ));
    }
    let own = &request["publisher"]["id"];
    let outside = |party: &Value| own.as_str().is_none_or(str::is_empty) || party["id"] != *own;
    let leaves = match &request["recipients"] {
        Value::Null => false,
        Value::Array(recipients) => recipients.iter().any(outside),
        _ => true,
    };
    if tlp == Tlp::AmberStrict && (!internal || leaves) {
        return Some(format!(
            "{tlp} stays in the own organisation: the audience of the request must be internal, \
             and no recipient may be another than the publisher"
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

#[cfg(test)]
mod tests {
    use super::once_each;

    #[test]
    fn what_is_the_same_is_told_once() {
        let lines = ["a", "b", "a", "c", "a"].map(str::to_owned).into_iter();
        assert_eq!(once_each(lines), ["a (3 times)", "b", "c"]);
    }
}
