//! What an epoch made the plugins say, as it is kept.

use palisade_events::Finding;
use serde::{Deserialize, Serialize};

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

/// What an operator did besides swaps, as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActRow {
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// What was done, such as `release`.
    pub act: String,
    /// Who asked for it.
    pub by: String,
    /// The key that the request had.
    pub key: Option<String>,
    /// To what it was done.
    pub object: String,
    /// The receipt.
    pub json: String,
}

/// What could not be shown to a plugin, or read at all, as it is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterRow {
    /// Of an event its time, of a record when it was read; in nanoseconds since 1970.
    pub time: u64,
    /// Whose it is.
    pub tenant: String,
    /// The source that it came from.
    pub source: String,
    /// The plugin that was not shown the event; `None` for a record that could not be read.
    pub plugin: Option<LetterPlugin>,
    /// The reference of the event.
    pub event_ref: Option<u64>,
    /// Why: the fault, or what is wrong with the record.
    pub reason: String,
    /// Where the guest was, a frame a line.
    pub backtrace: String,
    /// The event as JSON; of a record an object with `line`, `offset`, `len` and its beginning as
    /// `text` or `base64`.
    pub json: String,
    /// Whether `json` is all of it.
    pub whole: bool,
}

/// The plugin that was not shown an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LetterPlugin {
    /// Its pack.
    pub pack: String,
    /// Its name.
    pub name: String,
    /// BLAKE3 of the component, in hexadecimal digits.
    pub digest: String,
    /// The export that was called.
    pub export: String,
}

/// A finding, a decision, a swap, or what was left out.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// A finding, or the withdrawal of findings.
    Finding(Box<Finding>),
    /// A decision.
    Decision(DecisionRow),
    /// A swap.
    Swap(SwapRow),
    /// Something else that an operator did.
    Act(ActRow),
    /// What could not be shown, or read.
    Letter(Box<LetterRow>),
    /// That letter (epoch and number) was shown to its plugin once more.
    Redriven(u64, u32),
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
