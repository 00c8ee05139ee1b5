//! What is called like a limit and is none.

/// Constants that are called like limits and are none, with the reason.
pub(in crate::limits) const NO_LIMITS: &[(&str, &str, &str)] = &[
    (
        "cli/src/commands/pack/behaviour.rs",
        "MAX_TOLD",
        "how much is shown",
    ),
    (
        "cli/src/commands/pack/compare.rs",
        "MAX_SHOWN",
        "how much is shown",
    ),
    (
        "cli/src/commands/pack/compare.rs",
        "MAX_VALUES",
        "how much is shown",
    ),
    (
        "cli/src/output/rows.rs",
        "MAX_WIDTH",
        "how wide a column is",
    ),
    (
        "cli/src/vector/compare.rs",
        "MAX_LINES",
        "how much is shown",
    ),
    (
        "events/src/event.rs",
        "MAX_SLOT",
        "the width of a number; MAX_INPUT_SLOT is the limit",
    ),
    (
        "pipeline/src/capture/link.rs",
        "MAX_LENGTH",
        "tells a length from a type, as IEEE 802.3 does",
    ),
    (
        "pipeline/src/flow/stream.rs",
        "WINDOW_MAX",
        "the largest window of TCP",
    ),
    (
        "pipeline/src/state/sketch.rs",
        "MAX_RANK",
        "follows from the sketch's precision",
    ),
];
