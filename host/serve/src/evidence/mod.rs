//! Evidence: of each call that filed something, everything that it depended on.
//!
//! It lies in `evidence/` of the data directory, in segments as the journal's, a record for each
//! epoch that filed anything. A record is appended after the epoch is durable in the journal and
//! before its findings are in the database, in one transaction with which comes where their
//! evidence is. It is not synced for itself: an epoch that a snapshot does not stand for is
//! evaluated again after a crash, and leaves its evidence again; before a snapshot counts, the
//! evidence of what it stands for is synced. The oldest goes first, by age or where the room is
//! used up; what it named is then no longer held in the store.

mod bundle;
mod case;
mod check;
mod filed;
mod log;
mod look;

pub use bundle::BundleError;
pub use case::{Case, CaseCall, CaseError, Outcome};
pub(crate) use check::Check;
pub(crate) use filed::{Filed, Situation};
pub(crate) use log::{Appended, EvidenceLog, folder};
pub use look::{Id, LookError, Looked, look};

use std::sync::atomic::{AtomicU64, Ordering};

/// What was done about evidence since the start.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Calls whose evidence was kept, and the bytes that it takes.
    pub(crate) calls: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Records that had to go.
    pub(crate) gone: AtomicU64,
    /// Findings and judgements of which there is none, since it would have been too much.
    pub(crate) without: AtomicU64,
    /// Calls that were executed once more, those of them that differed, and those that could
    /// not be, or were passed over.
    pub(crate) checked: AtomicU64,
    pub(crate) differ: AtomicU64,
    pub(crate) unchecked: AtomicU64,
}

impl Figures {
    /// Name, kind, what it is, and how many, as metrics have them.
    pub(crate) fn rows(&self) -> [(&'static str, &'static str, &'static str, u64); 7] {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        [
            (
                "calls_total",
                "counter",
                "Calls whose evidence was kept.",
                of(&self.calls),
            ),
            (
                "bytes",
                "gauge",
                "Bytes of the disk that evidence takes.",
                of(&self.bytes),
            ),
            (
                "gone_total",
                "counter",
                "Epochs whose evidence was let go.",
                of(&self.gone),
            ),
            (
                "without_total",
                "counter",
                "Findings and judgements without evidence, since it was too much or the host judged.",
                of(&self.without),
            ),
            (
                "checked_total",
                "counter",
                "Calls that were executed once more.",
                of(&self.checked),
            ),
            (
                "differ_total",
                "counter",
                "Calls of which something else came then: not reproducible.",
                of(&self.differ),
            ),
            (
                "unchecked_total",
                "counter",
                "Calls that were passed over then.",
                of(&self.unchecked),
            ),
        ]
    }
}
