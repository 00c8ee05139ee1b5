//! `findings`: what a detector files, checked against the limits of the interface.

use palisade_events as events;
use wasmtime::component::LinkerInstance;

use super::procedure;
use super::types;
use crate::FaultCause;
use crate::call::{Filed, FiledFinding, HostState};

/// Limits that WIT states for one finding.
const MAX_CITED: usize = 64;
const MAX_SUBJECT: usize = 256;
const MAX_SUMMARY: usize = 1 << 10;
const MAX_DETAILS: usize = 32;
const MAX_DETAIL_BYTES: usize = 4 << 10;
const MAX_ACTIONS: usize = 16;
const MAX_TEXT: usize = 1 << 10;

pub(super) fn link(instance: &mut LinkerInstance<'_, HostState>) -> wasmtime::Result<()> {
    procedure(instance, "emit", |state, (finding,): (types::Finding,)| {
        state.count_finding()?;
        check(&finding).map_err(|problem| FaultCause::Finding {
            rule: printable(&finding.rule),
            problem,
        })?;
        let size = size(&finding);
        state.count_finding_bytes(size)?;
        let held = size + held_beside(&finding);
        state.declared_rule(&finding.rule)?;
        if finding.rows.is_empty() && finding.events.is_empty() && !state.in_timer() {
            return Err(FaultCause::Finding {
                rule: finding.rule,
                problem: "it cites neither a row nor an event".into(),
            });
        }
        let mut events = state.cited(&finding.events)?;
        let mut rows = Vec::with_capacity(finding.rows.len());
        for row in &finding.rows {
            rows.push(state.event_ref(*row)?);
        }
        rows.append(&mut events);
        let mut details = events::Attributes::default();
        for detail in finding.details {
            details
                .insert(&detail.name, events::AttributeValue::from(detail.value))
                .map_err(|e| FaultCause::Finding {
                    rule: finding.rule.clone(),
                    problem: e.to_string(),
                })?;
        }
        let filed = Filed::Finding(FiledFinding {
            rule: finding.rule,
            severity: finding.severity.map(Into::into),
            subject: finding.subject,
            summary: finding.summary,
            events: rows,
            rows: finding.rows,
            details,
            actions: finding.actions.into_iter().map(Into::into).collect(),
        });
        state.file(filed, held);
        Ok(())
    })?;
    procedure(
        instance,
        "retract",
        |state, (rule, subject): (String, String)| {
            state.count_finding()?;
            if subject.len() > MAX_SUBJECT {
                return Err(FaultCause::Finding {
                    rule: printable(&rule),
                    problem: over("subject", subject.len(), MAX_SUBJECT),
                });
            }
            state.declared_rule(&rule)?;
            let held = HELD + rule.len() + subject.len();
            state.file(Filed::Retraction { rule, subject }, held);
            Ok(())
        },
    )
}

/// Bytes of a finding, about as they lie in memory.
fn size(finding: &types::Finding) -> usize {
    let details = finding.details.iter().map(|detail| {
        detail.name.len()
            + match &detail.value {
                types::AttributeValue::Text(text) => text.len(),
                types::AttributeValue::Number(_) => 8,
            }
    });
    let actions = finding.actions.iter().map(|action| match action {
        types::Action::Block(scopes) => scopes.len(),
        types::Action::Quarantine(text)
        | types::Action::Lift(text)
        | types::Action::Escalate(text)
        | types::Action::DischargeObligation(text) => text.len(),
        types::Action::RequireApproval(ask) => ask.approver_role.len() + ask.question.len(),
        types::Action::OpenObligation(o) => {
            o.id.len() + o.key.len() + o.duty.len() + o.on_expiry.len()
        }
        types::Action::HoldEvidence => 0,
    });
    finding.rule.len()
        + finding.subject.len()
        + finding.summary.len()
        + 8 * (finding.rows.len() + finding.events.len())
        + details.sum::<usize>()
        + actions.sum::<usize>()
}

/// Bytes that a finding, judgement or retraction takes beside its texts until it is put out,
/// with its places in lists and the names of its plugin and its requirements.
const HELD: usize = 1 << 10;
/// The same for each detail, action and citation.
const HELD_PART: usize = 128;

/// What a finding takes beside what [`size`] counts.
fn held_beside(finding: &types::Finding) -> usize {
    let parts = finding.details.len() + finding.actions.len();
    HELD + HELD_PART * (parts + finding.rows.len() + finding.events.len())
}

/// Bytes that a judgement takes, about, as the host holds it.
pub(crate) fn judgement_held(judgement: &types::Judgement) -> usize {
    let verdict: usize = match &judgement.verdict {
        types::Verdict::Redact(items) => items.iter().map(|item| HELD_PART + item.len()).sum(),
        types::Verdict::RequireApproval(asks) => asks
            .iter()
            .map(|ask| HELD_PART + ask.approver_role.len() + ask.question.len())
            .sum(),
        types::Verdict::Permit | types::Verdict::Deny => 0,
    };
    let duties = judgement
        .obligations
        .iter()
        .map(|o| HELD_PART + o.id.len() + o.key.len() + o.duty.len() + o.on_expiry.len());
    HELD + judgement.rule.len()
        + judgement.reason.len()
        + 8 * judgement.events.len()
        + verdict
        + duties.sum::<usize>()
}

/// What of a finding breaks a limit of the interface, if anything.
fn check(finding: &types::Finding) -> Result<(), String> {
    let bounds = [
        ("rule", finding.rule.len(), MAX_SUBJECT),
        ("subject", finding.subject.len(), MAX_SUBJECT),
        ("summary", finding.summary.len(), MAX_SUMMARY),
        ("list of rows", finding.rows.len(), MAX_CITED),
        ("list of events", finding.events.len(), MAX_CITED),
        ("list of details", finding.details.len(), MAX_DETAILS),
        ("list of actions", finding.actions.len(), MAX_ACTIONS),
    ];
    for (what, found, limit) in bounds {
        if found > limit {
            return Err(over(what, found, limit));
        }
    }
    let mut bytes = 0;
    for detail in &finding.details {
        bytes += detail.name.len();
        match &detail.value {
            types::AttributeValue::Text(text) => bytes += text.len(),
            types::AttributeValue::Number(number) if number.is_finite() => bytes += 8,
            types::AttributeValue::Number(_) => {
                return Err(format!(
                    "detail `{}` is not a finite number",
                    printable(&detail.name)
                ));
            }
        }
    }
    if bytes > MAX_DETAIL_BYTES {
        return Err(over("details", bytes, MAX_DETAIL_BYTES));
    }
    for action in &finding.actions {
        let length = match action {
            types::Action::Block(scopes) => scopes.len(),
            types::Action::Quarantine(text)
            | types::Action::Lift(text)
            | types::Action::Escalate(text)
            | types::Action::DischargeObligation(text) => text.len(),
            types::Action::RequireApproval(ask) => ask.approver_role.len().max(ask.question.len()),
            types::Action::OpenObligation(o) => obligation_length(o),
            types::Action::HoldEvidence => 0,
        };
        if length > MAX_TEXT {
            return Err(over("action", length, MAX_TEXT));
        }
    }
    Ok(())
}

fn obligation_length(o: &types::Obligation) -> usize {
    o.id.len()
        .max(o.key.len())
        .max(o.duty.len())
        .max(o.on_expiry.len())
}

fn over(what: &str, found: usize, limit: usize) -> String {
    format!("its {what} has a length of {found}; at most {limit} is allowed")
}

/// A guest's text as it may stand in a message: short and without control characters.
pub(crate) fn printable(text: &str) -> String {
    text.chars().take(64).flat_map(char::escape_debug).collect()
}

/// What of a judgement breaks a limit of the interface, if anything.
pub(crate) fn check_judgement(judgement: &types::Judgement) -> Result<(), String> {
    let asks = match &judgement.verdict {
        types::Verdict::Redact(items) => {
            let longest = items.iter().map(String::len).max().unwrap_or(0);
            if items.len() > MAX_CITED || longest > MAX_TEXT {
                return Err(over("list of items", items.len().max(longest), MAX_CITED));
            }
            &[][..]
        }
        types::Verdict::RequireApproval(asks) => &asks[..],
        types::Verdict::Permit | types::Verdict::Deny => &[][..],
    };
    let bounds = [
        ("reason", judgement.reason.len(), MAX_SUMMARY),
        ("list of events", judgement.events.len(), MAX_CITED),
        (
            "list of obligations",
            judgement.obligations.len(),
            MAX_ACTIONS,
        ),
        ("list of approvals", asks.len(), MAX_ACTIONS),
    ];
    for (what, found, limit) in bounds {
        if found > limit {
            return Err(over(what, found, limit));
        }
    }
    let texts = judgement.obligations.iter().map(obligation_length).chain(
        asks.iter()
            .map(|ask| ask.approver_role.len().max(ask.question.len())),
    );
    match texts.max() {
        Some(longest) if longest > MAX_TEXT => Err(over("text", longest, MAX_TEXT)),
        _ => Ok(()),
    }
}

impl From<types::Severity> for events::Severity {
    fn from(severity: types::Severity) -> events::Severity {
        match severity {
            types::Severity::Info => events::Severity::Info,
            types::Severity::Low => events::Severity::Low,
            types::Severity::Medium => events::Severity::Medium,
            types::Severity::High => events::Severity::High,
            types::Severity::Critical => events::Severity::Critical,
        }
    }
}

impl From<types::AttributeValue> for events::AttributeValue {
    fn from(value: types::AttributeValue) -> events::AttributeValue {
        match value {
            types::AttributeValue::Text(text) => events::AttributeValue::Text(text),
            types::AttributeValue::Number(number) => events::AttributeValue::Number(number),
        }
    }
}

impl From<types::Action> for events::Action {
    fn from(action: types::Action) -> events::Action {
        match action {
            types::Action::Block(scopes) => {
                events::Action::Block(scopes.into_iter().map(Into::into).collect())
            }
            types::Action::Quarantine(subject) => events::Action::Quarantine(subject),
            types::Action::Lift(subject) => events::Action::Lift(subject),
            types::Action::RequireApproval(ask) => events::Action::RequireApproval(ask.into()),
            types::Action::Escalate(to) => events::Action::Escalate(to),
            types::Action::OpenObligation(o) => events::Action::OpenObligation(o.into()),
            types::Action::DischargeObligation(id) => events::Action::DischargeObligation(id),
            types::Action::HoldEvidence => events::Action::HoldEvidence,
        }
    }
}

impl From<types::BlockScope> for events::BlockScope {
    fn from(scope: types::BlockScope) -> events::BlockScope {
        match scope {
            types::BlockScope::Source => events::BlockScope::Source,
            types::BlockScope::Destination => events::BlockScope::Destination,
            types::BlockScope::PropagationPath => events::BlockScope::PropagationPath,
            types::BlockScope::Port => events::BlockScope::Port,
            types::BlockScope::Account => events::BlockScope::Account,
            types::BlockScope::Site => events::BlockScope::Site,
            types::BlockScope::Session => events::BlockScope::Session,
        }
    }
}

impl From<types::ApprovalAsk> for events::ApprovalAsk {
    fn from(ask: types::ApprovalAsk) -> events::ApprovalAsk {
        events::ApprovalAsk {
            approver_role: ask.approver_role,
            question: ask.question,
            expires: ask.expires.map(events::Timestamp),
        }
    }
}

impl From<types::Obligation> for events::Obligation {
    fn from(o: types::Obligation) -> events::Obligation {
        events::Obligation {
            id: o.id,
            key: o.key,
            duty: o.duty,
            due: events::Timestamp(o.due),
            on_expiry: o.on_expiry,
        }
    }
}

impl From<types::Verdict> for events::Verdict {
    fn from(verdict: types::Verdict) -> events::Verdict {
        match verdict {
            types::Verdict::Permit => events::Verdict::Permit,
            types::Verdict::Redact(items) => events::Verdict::Redact(items),
            types::Verdict::RequireApproval(asks) => {
                events::Verdict::RequireApproval(asks.into_iter().map(Into::into).collect())
            }
            types::Verdict::Deny => events::Verdict::Deny,
        }
    }
}
