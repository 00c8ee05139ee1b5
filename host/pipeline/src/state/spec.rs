//! What a table is, as its manifest declares it.

use palisade_events::FieldId;

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
    /// Most keys, all tenants together; at least 1.
    pub max_keys: u32,
}
