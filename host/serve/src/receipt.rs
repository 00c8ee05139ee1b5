//! What is kept of a swap.

use palisade_pipeline::engine::{Clock, SourcePosition};
use palisade_sinks::SwapRow;
use palisade_store::Digest;
use serde::{Deserialize, Serialize};

use crate::composition::{Change, Composition};
use crate::swap::Asked;

/// What led to a swap.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SwapKind {
    /// An operator asked for it.
    Swap,
    /// An operator went back.
    Rollback,
    /// The configuration says something else than at the start before.
    Configuration,
}

impl SwapKind {
    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            SwapKind::Swap => "swap",
            SwapKind::Rollback => "rollback",
            SwapKind::Configuration => "configuration",
        }
    }
}

/// A source at a switch: the generation before has seen its events below `next`, and the
/// one after sees those from `next` on. Each event has one number, so none was lost or seen twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceAt {
    /// The source.
    pub source: String,
    /// Whose it is.
    pub tenant: String,
    /// The number of its next event.
    pub next: u64,
}

impl From<SourcePosition> for SourceAt {
    fn from(at: SourcePosition) -> SourceAt {
        SourceAt {
            source: at.source.name.clone(),
            tenant: at.source.tenant.clone(),
            next: at.next,
        }
    }
}

/// What a swap was, and what it took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// The number of the generation that it began; the first is 1.
    pub generation: u64,
    /// When, in nanoseconds since 1970.
    pub time: u64,
    /// What led to it.
    pub kind: SwapKind,
    /// Who asked for it.
    pub by: String,
    /// The key that whoever asked gave the request.
    pub key: Option<String>,
    /// The digest of what was asked for, by which a request that comes again is known to be the same.
    pub request: String,
    /// The digest of the composition before.
    pub from: String,
    /// The digest of the composition since.
    pub to: String,
    /// What changed, a line for each part.
    pub changes: Vec<String>,
    /// State that was to be lost.
    pub discarded: Vec<String>,
    /// Vectors that passed before.
    pub vectors: u64,
    /// From the request until everything was ready to be switched, in nanoseconds.
    pub staged_ns: u64,
    /// From when nothing was evaluated until everything could be again, in nanoseconds.
    pub pause_ns: u64,
    /// Of that, on each worker.
    pub workers_ns: Vec<u64>,
    /// Events that were evaluated before, of all sources since the journal began.
    pub events: u64,
    /// Where each source was.
    pub sources: Vec<SourceAt>,
}

impl Receipt {
    /// That of a swap which has not come about.
    pub(crate) fn planned(
        (from, to): (&Composition, &Composition),
        kind: SwapKind,
        (asked, change): (&Asked, &Change),
        vectors: usize,
    ) -> Receipt {
        Receipt {
            generation: 0,
            time: Clock::System.now().unwrap_or_default(),
            kind,
            by: asked.by.clone(),
            key: asked.key.clone(),
            request: Receipt::request(change, kind),
            from: from.digest(),
            to: to.digest(),
            changes: {
                let discarded = change.discard_state.iter();
                let discarded = discarded.map(|state| format!("state of {state}: discarded"));
                from.changes(to).into_iter().chain(discarded).collect()
            },
            discarded: change.discard_state.iter().cloned().collect(),
            vectors: vectors as u64,
            staged_ns: 0,
            pause_ns: 0,
            workers_ns: Vec::new(),
            events: 0,
            sources: Vec::new(),
        }
    }

    /// The digest of what is asked for.
    pub(crate) fn request(change: &Change, kind: SwapKind) -> String {
        let text = serde_json::to_vec(&(kind, change)).unwrap_or_default();
        Digest::of(&text).to_string()
    }

    /// As the database keeps it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(crate) fn row(&self) -> Result<SwapRow, serde_json::Error> {
        Ok(SwapRow {
            generation: self.generation,
            time: self.time,
            kind: self.kind.name().to_owned(),
            by: self.by.clone(),
            key: self.key.clone(),
            from: self.from.clone(),
            to: self.to.clone(),
            json: serde_json::to_string(self)?,
        })
    }
}
