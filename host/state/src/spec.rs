//! What a table is, as its manifest declares it.

use palisade_events::{FieldId, Kind};

use crate::partition::PARTITIONS;

/// How long entries count and keys stay, in nanoseconds of event time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// A window at time `t` holds what happened in `(t - window, t]`; at least 1.
    pub window: u64,
    /// A key that was not seen for this long begins anew; at least 1.
    pub ttl: u64,
}

/// What a table holds for a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// Events in a window.
    Count,
    /// The sum of a field in a window.
    Sum,
    /// Distinct values of a field in a window.
    Distinct,
    /// That the key was seen.
    First,
    /// Bytes of the plugin's own.
    Value,
}

/// How the rows of a plugin are divided among workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartitionedBy(Option<Vec<(Kind, Vec<FieldId>)>>);

impl PartitionedBy {
    /// Not at all.
    pub fn nothing() -> PartitionedBy {
        PartitionedBy(None)
    }

    /// By these fields of each kind.
    pub fn fields_of(kinds: Vec<(Kind, Vec<FieldId>)>) -> PartitionedBy {
        PartitionedBy(Some(kinds))
    }

    /// Into how many parts keys are divided, each with its share of what tables may hold.
    pub(super) fn parts(&self) -> u32 {
        match self.0 {
            None => 1,
            Some(_) => u32::from(PARTITIONS),
        }
    }

    /// The fields that choose the part of an event; `None`: there is one part.
    pub(super) fn fields(&self, kind: Kind) -> Option<&[FieldId]> {
        let kinds = self.0.as_ref()?;
        let found = kinds.iter().find(|(of, _)| *of == kind);
        Some(found.map_or(&[], |(_, fields)| fields))
    }
}

/// A table as it is declared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TableSpec {
    /// Its name in the manifest, for messages and for handing tables over to a successor.
    pub name: String,
    /// What it holds.
    pub holds: Holds,
    /// The fields that make a key, in this order; none where the plugin makes the key.
    pub key: Vec<FieldId>,
    /// Windows and lifetimes.
    pub span: Span,
    /// Most keys, all tenants and parts together, each part having the same share; at least 1.
    pub max_keys: u32,
}

impl TableSpec {
    /// Whether what another holds means the same in this one: it differs in `max_keys` at most.
    pub fn goes_on_from(&self, other: &TableSpec) -> bool {
        let TableSpec {
            name,
            holds,
            key,
            span,
            max_keys: _,
        } = self;
        (name, holds, key, span) == (&other.name, &other.holds, &other.key, &other.span)
    }
}
