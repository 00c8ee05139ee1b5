//! What manifests choose from by name. Parser and schema both take the names from here.

use palisade_events::{Kind, Transport};

/// What a parser reads, by name in manifests.
pub(super) const TRANSPORTS: [(&str, Transport); 2] =
    [("tcp", Transport::Tcp), ("udp", Transport::Udp)];

/// The tests of a predicate by name, beside `min` and `max`, which make one together.
pub(super) const TESTS: [&str; 8] = [
    "equals",
    "in",
    "cidr",
    "prefix",
    "suffix",
    "contains-any",
    "in-dataset",
    "exists",
];

/// Whether no parser may make events of the kind.
pub(super) fn host_only(kind: Kind) -> bool {
    kind.name().starts_with("control.")
}

/// Which of the three worlds a plugin implements.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum World {
    /// Events in, findings out.
    Detector,
    /// One request in, judgements out.
    Policy,
    /// Bytes in, events out.
    Parser,
}

impl World {
    /// All of them.
    pub const ALL: [World; 3] = [World::Detector, World::Policy, World::Parser];

    /// The name in manifests and in WIT.
    pub fn name(self) -> &'static str {
        match self {
            World::Detector => "detector",
            World::Policy => "policy",
            World::Parser => "parser",
        }
    }
}

/// An interface that a plugin may import beyond what its world gives it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Capability {
    /// Tables that the host keeps.
    State,
    /// Timers by event time.
    Timers,
    /// Reference sets of the operator.
    Datasets,
    /// Messages to the operator.
    Log,
}

impl Capability {
    /// All of them.
    pub const ALL: [Capability; 4] = [
        Capability::State,
        Capability::Timers,
        Capability::Datasets,
        Capability::Log,
    ];

    /// The name in manifests, which is the name of the WIT interface.
    pub fn name(self) -> &'static str {
        match self {
            Capability::State => "state",
            Capability::Timers => "timers",
            Capability::Datasets => "datasets",
            Capability::Log => "log",
        }
    }
}

/// An interface that a plugin may export beyond what its world demands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OptionalExport {
    /// `on-timer`.
    OnTimer,
    /// `observe`, of policies.
    Observe,
}

impl OptionalExport {
    /// All of them.
    pub const ALL: [OptionalExport; 2] = [OptionalExport::OnTimer, OptionalExport::Observe];

    /// The name in manifests, which is the name of the WIT interface.
    pub fn name(self) -> &'static str {
        match self {
            OptionalExport::OnTimer => "on-timer",
            OptionalExport::Observe => "observe",
        }
    }
}

/// How a plugin with several subscriptions sees events of different kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ordering {
    /// Batches are cut at every change of kind.
    Exact,
    /// All events of one kind in an epoch come together.
    PerKind,
}

impl Ordering {
    /// All of them.
    pub const ALL: [Ordering; 2] = [Ordering::Exact, Ordering::PerKind];

    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Ordering::Exact => "exact",
            Ordering::PerKind => "per-kind",
        }
    }
}

/// What a policy does with the events of a subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// They go to `evaluate` of a detector.
    Evaluate,
    /// They go to `decide` of a policy, one at a time.
    Decide,
    /// They go to `observe` of a policy.
    Observe,
}

impl Role {
    /// Those that a manifest can name; events of a detector have no other.
    pub const NAMED: [Role; 2] = [Role::Decide, Role::Observe];

    /// The name in manifests, which is that of the export.
    pub fn name(self) -> &'static str {
        match self {
            Role::Evaluate => "evaluate",
            Role::Decide => "decide",
            Role::Observe => "observe",
        }
    }
}

/// What a state table holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TableKind {
    /// Events in a window.
    Count,
    /// The sum of a field in a window.
    Sum,
    /// Distinct values of a field in a window.
    Distinct,
    /// Whether a key was seen.
    First,
    /// Bytes under a key of the plugin's making.
    Value,
}

impl TableKind {
    /// All of them.
    pub const ALL: [TableKind; 5] = [
        TableKind::Count,
        TableKind::Sum,
        TableKind::Distinct,
        TableKind::First,
        TableKind::Value,
    ];

    /// Whether it looks back over a window.
    pub fn windowed(self) -> bool {
        matches!(
            self,
            TableKind::Count | TableKind::Sum | TableKind::Distinct
        )
    }

    /// The name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            TableKind::Count => "count",
            TableKind::Sum => "sum",
            TableKind::Distinct => "distinct",
            TableKind::First => "first",
            TableKind::Value => "value",
        }
    }
}
