//! How a plugin says what it found.

use crate::bindings::host::palisade::plugin::findings as wit;
use crate::{Attribute, AttributeValue, EventRef, Severity, host};

pub use wit::{Action, BlockScope};

const SUBJECT: usize = 256;
const SUMMARY: usize = 1024;
const DETAILS: usize = 4096;

/// The text, cut between characters to at most `limit` bytes. Text that an adversary
/// controls must not turn a finding into a trap.
pub(crate) fn clip(text: impl Into<String>, limit: usize) -> String {
    let mut text = text.into();
    if text.len() > limit {
        let mut end = limit;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
    }
    text
}

/// A finding in the making; nothing happens before [`emit`](Self::emit).
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a finding that is not emitted is lost"]
pub struct Finding(wit::Finding);

impl Finding {
    /// A finding of the rule with this id, which the manifest declares.
    pub fn new(rule: impl Into<String>) -> Self {
        Finding(wit::Finding {
            rule: rule.into(),
            severity: None,
            subject: String::new(),
            summary: String::new(),
            rows: Vec::new(),
            events: Vec::new(),
            details: Vec::new(),
            actions: Vec::new(),
        })
    }

    /// How bad it is, where that differs from the rule's severity in the manifest.
    pub fn severity(mut self, severity: Severity) -> Self {
        self.0.severity = Some(severity);
        self
    }

    /// What it is about, such as `device:d-9`; with the rule the key for retraction and
    /// suppression. Cut to 256 bytes.
    pub fn subject(mut self, subject: impl Into<String>) -> Self {
        self.0.subject = clip(subject, SUBJECT);
        self
    }

    /// One line for a person, cut to 1 KiB.
    pub fn summary(mut self, summary: impl Into<String>) -> Self {
        self.0.summary = clip(summary, SUMMARY);
        self
    }

    /// Cites a row of the current batch; at most 64 in all.
    pub fn row(mut self, row: usize) -> Self {
        self.0.rows.push(u32::try_from(row).unwrap_or(u32::MAX));
        self
    }

    /// Cites rows of the current batch.
    pub fn rows(mut self, rows: impl IntoIterator<Item = u32>) -> Self {
        self.0.rows.extend(rows);
        self
    }

    /// Cites earlier events, as [`Table::citations`](crate::Table::citations) returned
    /// them during this call; at most 64 in all.
    pub fn events(mut self, events: impl IntoIterator<Item = EventRef>) -> Self {
        self.0.events.extend(events);
        self
    }

    /// Adds a text for a person or a machine; at most 32 details. Cut so that names and
    /// values of all have at most 4 KiB.
    pub fn detail(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        let used: usize = self.0.details.iter().map(size).sum::<usize>() + name.len();
        let value = clip(value, DETAILS.saturating_sub(used));
        self.0.details.push(Attribute {
            name,
            value: AttributeValue::Text(value),
        });
        self
    }

    /// Adds a number; exact up to 2^53.
    pub fn number(mut self, name: impl Into<String>, value: f64) -> Self {
        self.0.details.push(Attribute {
            name: name.into(),
            value: AttributeValue::Number(value),
        });
        self
    }

    /// Asks for an action; at most 16.
    pub fn action(mut self, action: Action) -> Self {
        self.0.actions.push(action);
        self
    }

    /// Files it. It takes effect when the call returns. Traps when it breaks a limit above,
    /// names a rule that the manifest lacks, cites nothing (save from a timer), or is one
    /// too many for the call.
    #[track_caller]
    pub fn emit(self) {
        host::findings::emit(&self.0);
    }
}

/// Bytes of a detail, as the host counts them.
fn size(detail: &Attribute) -> usize {
    let value = match &detail.value {
        AttributeValue::Text(text) => text.len(),
        AttributeValue::Number(_) => 8,
    };
    detail.name.len() + value
}

/// Withdraws this plugin's findings of `rule` about `subject`; counts as a finding.
#[track_caller]
pub fn retract(rule: &str, subject: &str) {
    host::findings::retract(rule, subject);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_text_is_cut_between_characters() {
        assert_eq!(clip("abc", 3), "abc");
        assert_eq!(clip("aé", 2), "a");
        let finding = Finding::new("r")
            .subject("é".repeat(200))
            .summary("x".repeat(2000))
            .detail("a", "y".repeat(5000))
            .detail("b", "z");
        assert_eq!(finding.0.subject.len(), SUBJECT);
        assert_eq!(finding.0.summary.len(), SUMMARY);
        assert!(finding.0.details.iter().map(size).sum::<usize>() <= DETAILS + 1);
    }
}
