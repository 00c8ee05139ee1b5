//! What an epoch makes be said, gathered until it is over.

use palisade_events::{Decision, Event, Finding, Verdict};
use palisade_pipeline::engine::{Notice, Output, Poison};
use palisade_sinks::{DecisionRow, Outcome};
use serde_json::json;

/// Takes what the engine puts out.
#[derive(Default)]
pub(crate) struct Collect {
    pub(crate) said: Vec<Outcome>,
    pub(crate) notices: Vec<Notice>,
}

impl Output for Collect {
    fn finding(&mut self, finding: Finding) {
        self.said.push(Outcome::Finding(Box::new(finding)));
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
        self.notices.push(Notice::Fault {
            plugin: plugin.to_owned(),
            problem: poison.fault.to_string(),
            backtrace: poison.fault.backtrace.clone(),
            packets: None,
        });
    }

    fn notice(&mut self, notice: Notice) {
        self.notices.push(notice);
    }

    fn progress(&mut self, _: u64, _: u64) {}
}
