//! What is called like a limit and is none.

/// Structures that are called like those of limits and hold none, with the reason.
pub(in crate::limits) const NO_LIMIT_STRUCTURES: &[(&str, &str)] = &[
    (
        "RequestedLimits",
        "what a manifest asks for, which only lowers limits",
    ),
    ("SourceConfig", "what a source is and where"),
    ("TokenConfig", "where a token is, and whose"),
];

/// Constants that are called like limits and are none, with the reason.
pub(in crate::limits) const NO_LIMITS: &[(&str, &str, &str)] = &[
    (
        "serve/src/ingest/delivered.rs",
        "MAX_TOLD",
        "how much is told",
    ),
    (
        "serve/src/ingest/delivered.rs",
        "MAX_REASON",
        "how much is told",
    ),
    (
        "serve/src/ingest/mqtt/mod.rs",
        "MAX_NAME",
        "how much is told",
    ),
    (
        "serve/src/ingest/config.rs",
        "MAX_SECONDS",
        "what a number of the configuration can be",
    ),
    (
        "serve/src/ingest/config.rs",
        "MAX_HOURS",
        "what a number of the configuration can be",
    ),
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
        "pipeline/src/engine/feed/log.rs",
        "MAX_WEIGHT",
        "what a request counts for in an epoch that has no end",
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
        "capture/src/link.rs",
        "MAX_LENGTH",
        "tells a length from a type, as IEEE 802.3 does",
    ),
    (
        "capture/src/flow/stream.rs",
        "WINDOW_MAX",
        "the largest window of TCP",
    ),
    (
        "state/src/sketch.rs",
        "MAX_RANK",
        "follows from the sketch's precision",
    ),
    (
        "cli/src/commands/pack/credentials.rs",
        "MAX_SHOWN",
        "how much is shown",
    ),
    (
        "cli/src/commands/replay/explain.rs",
        "MAX_SHOWN",
        "how much is shown",
    ),
    (
        "cli/src/commands/replay/explain.rs",
        "MAX_ANSWERS",
        "how much is shown",
    ),
    (
        "cli/src/commands/plugin/seen.rs",
        "MAX_EVENT",
        "how much is shown",
    ),
    (
        "cli/src/commands/plugin/seen.rs",
        "MAX_FAULTS",
        "how much is shown",
    ),
    (
        "cli/src/commands/plugin/seen.rs",
        "MAX_LOG",
        "how much is shown",
    ),
    (
        "cli/src/partition_key.rs",
        "MAX_LENGTH",
        "the length of a key",
    ),
    (
        "pack/src/labels/near.rs",
        "MAX_VERSION",
        "words of a version of TLP",
    ),
    (
        "pack/src/labels/near.rs",
        "MAX_PART",
        "how long a label may be",
    ),
    (
        "pack/src/labels/handling.rs",
        "MAX_HUES",
        "how much is shown",
    ),
    ("pack/src/labels/mod.rs", "MAX_UNREAD", "how much is shown"),
    ("pack/src/labelled.rs", "MAX_UNREAD", "how much is shown"),
    (
        "sources/src/input/remarks.rs",
        "MAX_REMARKS",
        "how much is shown",
    ),
    ("events/src/contain.rs", "MAX_MESSAGE", "how much is shown"),
    ("events/src/escape.rs", "MAX_MARKS", "how much is shown"),
    ("events/src/toml_words.rs", "MAX_TEXT", "how much is shown"),
    ("events/src/toml_words.rs", "MAX_NAMES", "how much is shown"),
    ("cli/src/told.rs", "MAX_TOLD", "how much is shown"),
];
