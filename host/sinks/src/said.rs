//! What an epoch made the plugins say, as it is kept.

use palisade_events::Finding;

/// A decision as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DecisionRow {
    /// Time of the request, in nanoseconds since 1970.
    pub time: u64,
    /// Whose it is.
    pub tenant: String,
    /// The request's id.
    pub request: String,
    /// Its kind, such as `disclosure.request`.
    pub kind: String,
    /// `permit`, `deny`, `redact` or `require-approval`.
    pub verdict: String,
    /// Whether the request may go ahead now.
    pub permitted: bool,
    /// The decision as `palisade run --format ndjson` writes it.
    pub json: String,
}

/// A swap of what decides, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapRow {
    /// The number of the generation that it began.
    pub generation: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// `swap`, `rollback` or `configuration`.
    pub kind: String,
    /// Who asked for it.
    pub by: String,
    /// The key that the request had.
    pub key: Option<String>,
    /// Digest of what ran before.
    pub from: String,
    /// Digest of what ran since.
    pub to: String,
    /// The receipt.
    pub json: String,
}

/// A finding, a decision or a swap.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A finding, or the withdrawal of findings.
    Finding(Box<Finding>),
    /// A decision.
    Decision(DecisionRow),
    /// A swap.
    Swap(SwapRow),
}

/// Something that was said.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// The epoch that made it be said.
    pub epoch: u64,
    /// Its place among what that epoch made be said, from 0.
    pub number: u32,
    /// What it is.
    pub outcome: Outcome,
}
