//! What a policy answers.

use crate::bindings::decide::exports::palisade::plugin::decide as wit;
use crate::{ApprovalAsk, Batch, EventRef, Obligation, Settings, SettingsError};

pub use wit::Verdict;

/// Answers one disclosure request at a time. Export it with
/// [`export_policy!`](crate::export_policy).
pub trait Policy: Sized {
    /// Makes the plugin; called once in every new instance, with no batch. What it keeps
    /// is a cache: an instance may be replaced between any two calls.
    ///
    /// # Errors
    /// When a setting's value makes no sense.
    fn configure(settings: &Settings) -> Result<Self, SettingsError>;

    /// Judges the request, the one row of `batch`. Every rule that applies answers once;
    /// none at all permits. A trap is a deny.
    fn decide(&mut self, batch: &Batch) -> Vec<Judgement>;
}

/// What one rule says of the request.
#[derive(Debug, Clone, PartialEq)]
#[must_use = "a judgement that is not returned is lost"]
pub struct Judgement(wit::Judgement);

impl Judgement {
    fn new(rule: impl Into<String>, verdict: Verdict, reason: impl Into<String>) -> Self {
        Judgement(wit::Judgement {
            rule: rule.into(),
            verdict,
            reason: crate::finding::clip(reason, 1024),
            obligations: Vec::new(),
            events: Vec::new(),
        })
    }

    /// The rule has nothing against it. Reasons are cut to 1 KiB, here and below.
    pub fn permit(rule: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Permit, reason)
    }

    /// Not without these items, named as in the request's `items`.
    pub fn redact(
        rule: impl Into<String>,
        items: impl IntoIterator<Item = String>,
        reason: impl Into<String>,
    ) -> Self {
        Self::new(rule, Verdict::Redact(items.into_iter().collect()), reason)
    }

    /// Not before a person in each of these roles has agreed.
    pub fn require_approval(
        rule: impl Into<String>,
        asks: impl IntoIterator<Item = ApprovalAsk>,
        reason: impl Into<String>,
    ) -> Self {
        Self::new(
            rule,
            Verdict::RequireApproval(asks.into_iter().collect()),
            reason,
        )
    }

    /// No.
    pub fn deny(rule: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::new(rule, Verdict::Deny, reason)
    }

    /// Adds a duty that comes with the answer.
    pub fn obligation(mut self, obligation: Obligation) -> Self {
        self.0.obligations.push(obligation);
        self
    }

    /// Cites earlier events, as [`Table::citations`](crate::Table::citations) returned them.
    pub fn events(mut self, events: impl IntoIterator<Item = EventRef>) -> Self {
        self.0.events.extend(events);
        self
    }

    /// The id of the rule.
    pub fn rule(&self) -> &str {
        &self.0.rule
    }

    /// Its answer.
    pub fn verdict(&self) -> &Verdict {
        &self.0.verdict
    }

    /// Why.
    pub fn reason(&self) -> &str {
        &self.0.reason
    }

    /// The duties that come with it.
    pub fn obligations(&self) -> &[Obligation] {
        &self.0.obligations
    }

    pub(crate) fn into_wit(self) -> wit::Judgement {
        self.0
    }
}
