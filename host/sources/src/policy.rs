//! Who sends, for whom, and what it may send.

use std::sync::Arc;

use palisade_events::{Kind, Source};

/// A set of kinds of event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kinds(u64);

impl Kinds {
    /// No kind.
    pub const NONE: Self = Self(0);

    /// Every kind, those of the host included.
    pub const ALL: Self = Self(u64::MAX);

    /// What a source may send unless the operator says otherwise: every kind but
    /// `control.*` and `finding`, which only the host makes.
    pub fn of_sources() -> Self {
        let all = Kind::ALL.iter().copied();
        all.filter(|kind| !host_only(*kind)).collect()
    }

    /// Whether any of the others is among them.
    pub fn meets(self, others: Kinds) -> bool {
        self.0 & others.0 != 0
    }

    /// Whether `kind` is among them.
    pub fn contains(self, kind: Kind) -> bool {
        self.0 & bit(kind) != 0
    }
}

impl FromIterator<Kind> for Kinds {
    fn from_iter<I: IntoIterator<Item = Kind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |bits, kind| bits | bit(kind)))
    }
}

/// Bit of a kind; there are fewer than 64.
fn bit(kind: Kind) -> u64 {
    1u64.checked_shl(u32::from(kind.code())).unwrap_or(0)
}

/// Whether only the host makes events of `kind`.
pub fn host_only(kind: Kind) -> bool {
    matches!(kind, Kind::ControlTimer | Kind::ControlOps | Kind::Finding)
}

/// What the host knows of a source before it reads the first byte.
#[derive(Clone, Debug)]
pub struct SourcePolicy {
    /// Identity and tenant, which every event is stamped with.
    pub source: Arc<Source>,
    /// The kinds it may send.
    pub kinds: Kinds,
    /// Whether this is a test vector: events may be of any kind and lack mandatory
    /// fields, and what they say of their time of intake holds.
    pub vectors: bool,
    /// Whether this is the host itself, which alone sends what it makes.
    host: bool,
}

impl SourcePolicy {
    /// The policy of a source that may send what sources may send.
    pub fn new(source: Arc<Source>) -> Self {
        Self {
            source,
            kinds: Kinds::of_sources(),
            vectors: false,
            host: false,
        }
    }

    /// The policy of the host's own source, which sends `control.ops` and nothing else.
    pub fn host(source: Arc<Source>) -> Self {
        Self {
            source,
            kinds: [Kind::ControlOps].into_iter().collect(),
            vectors: false,
            host: true,
        }
    }

    /// The policy of test vectors.
    pub fn vectors(source: Arc<Source>) -> Self {
        Self {
            source,
            kinds: Kinds::ALL,
            vectors: true,
            host: false,
        }
    }

    /// Whether it may say of an event that the host made it.
    pub fn sends_of_host(&self) -> bool {
        self.vectors || self.host
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_do_not_send_what_the_host_makes() {
        let kinds = Kinds::of_sources();
        for kind in Kind::ALL.iter().copied() {
            let host = kind.name().starts_with("control.") || kind == Kind::Finding;
            assert_eq!(kinds.contains(kind), !host, "{kind}");
            assert!(Kinds::ALL.contains(kind) && !Kinds::NONE.contains(kind));
        }
    }
}
