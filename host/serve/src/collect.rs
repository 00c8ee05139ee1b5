//! What an epoch makes be said, gathered until it is over.

use palisade_events::{Decision, Event, Finding, Verdict};
use palisade_pipeline::engine::{Filing, Left, Notice, Output, Poison};
use palisade_sinks::{DecisionRow, LetterRow, Outcome};
use serde_json::json;

use crate::evidence::Filed;
use crate::letters::Gathered;

/// Takes what the engine puts out.
#[derive(Default)]
pub(crate) struct Collect {
    pub(crate) said: Vec<Outcome>,
    /// The calls that it came from.
    pub(crate) filed: Filed,
    pub(crate) notices: Vec<Notice>,
    /// What was left out; it comes behind what was said.
    pub(crate) letters: Gathered,
}

impl Collect {
    /// What is taken from an epoch that has these letters already.
    pub(crate) fn with(letters: (Vec<LetterRow>, u64)) -> Collect {
        Collect {
            letters: Gathered::from(letters),
            ..Collect::default()
        }
    }

    /// What is kept of it: letters last.
    pub(crate) fn outcomes(&mut self) -> Vec<Outcome> {
        let mut outcomes = std::mem::take(&mut self.said);
        let letters = std::mem::take(&mut self.letters.letters).into_iter();
        outcomes.extend(letters.map(|letter| Outcome::Letter(Box::new(letter))));
        outcomes
    }
}

impl Output for Collect {
    fn finding(&mut self, finding: Finding) {
        self.said.push(Outcome::Finding(Box::new(finding)));
    }

    fn found(&mut self, finding: Finding, filing: Option<Filing>) {
        self.filed.finding(self.said.len() as u32, filing);
        self.finding(finding);
    }

    fn decided(&mut self, request: &Event, decision: Decision, filings: Vec<Option<Filing>>) {
        let number = self.said.len() as u32;
        self.filed.decision(number, &decision.judgements, filings);
        self.decision(request, decision);
    }

    fn decision(&mut self, request: &Event, decision: Decision) {
        let envelope = &request.envelope;
        let name = request.request_name();
        let verdict = match &decision.verdict {
            Verdict::Permit => "permit",
            Verdict::Deny => "deny",
            Verdict::Redact(_) => "redact",
            Verdict::RequireApproval(_) => "require-approval",
        };
        self.said.push(Outcome::Decision(DecisionRow {
            time: envelope.time.0,
            tenant: envelope.source.tenant.clone(),
            kind: request.kind().name().to_owned(),
            verdict: verdict.to_owned(),
            permitted: decision.is_permitted(),
            json: json!({ "request": name, "decision": decision }).to_string(),
            request: name,
        }));
    }

    fn poison(&mut self, plugin: &str, poison: &Poison) {
        self.letters.poison(poison);
        self.notices.push(Notice::Fault {
            plugin: plugin.to_owned(),
            problem: poison.fault.to_string(),
            backtrace: poison.fault.backtrace.clone(),
            packets: None,
        });
    }

    fn left_out(&mut self, _: &str, left: &Left) {
        self.letters.left(left);
    }

    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn progress(&mut self, _: u64, _: u64) {}
}
