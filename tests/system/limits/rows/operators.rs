//! Limits of what operators do with a server, and of what it leaves out.

use palisade_serve::{DeadLetterConfig, LogConfig};
use palisade_sinks::LetterLimits;

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count};

pub(super) fn fill(t: &mut Table) {
    t.of("operators");
    let DeadLetterConfig {
        max_bytes,
        keep_hours: _,
    } = DeadLetterConfig::default();
    let LetterLimits {
        bytes,
        // For how long, not how many.
        age: _,
    } = LetterLimits::default();
    assert_eq!(max_bytes, bytes, "the database keeps to what is configured");
    let LogConfig {
        // No limit.
        format: _,
    } = LogConfig::default();
    t.value(
        "dead_letters.max_bytes",
        Bytes,
        max_bytes,
        "dead letters of a server",
        "the oldest go",
        &["letters::the_oldest_go_where_there_are_too_many_and_the_old_in_any_case"],
    );
    t.constant(
        "serve/src/letters.rs",
        "MAX_LETTERS",
        Count,
        "dead letters of an epoch",
        "others are counted",
        &["letters::records_that_cannot_be_read_are_kept_up_to_a_limit"],
    );
    t.constant(
        "serve/src/letters.rs",
        "MAX_LETTERS_BYTES",
        Bytes,
        "dead letters of an epoch",
        "others are counted",
        &["letters::records_that_cannot_be_read_are_kept_up_to_a_limit"],
    );
    t.constant(
        "serve/src/letters.rs",
        "MAX_EVENT",
        Bytes,
        "an event in a dead letter",
        "its beginning is kept, and it cannot be shown once more",
        &["letters::an_event_that_is_too_large_is_kept_by_its_beginning"],
    );
    t.constant(
        "serve/src/letters.rs",
        "MAX_BACKTRACE",
        Bytes,
        "where the guest was, in a dead letter",
        "it is cut",
        &[],
    );
    t.constant(
        "serve/src/audit.rs",
        "MAX_LINE",
        Bytes,
        "an entry of the audit log",
        "the log is refused: none is written that is longer",
        &["audit::what_was_changed_is_found"],
    );
    t.constant(
        "serve/src/audit.rs",
        "MAX_TEXT",
        Bytes,
        "an object, or a detail, of an entry of the audit log",
        "it is cut",
        &["audit::texts_of_an_entry_are_cut"],
    );
    t.constant(
        "serve/src/trial/difference.rs",
        "MAX_SAMPLES",
        Count,
        "findings that differ which a trial keeps",
        "others are counted",
        &["difference::rules_and_samples_are_bounded"],
    );
    t.constant(
        "serve/src/trial/difference.rs",
        "MAX_RULES",
        Count,
        "rules whose differences a trial counts apart",
        "others count together",
        &["difference::rules_and_samples_are_bounded"],
    );
    t.constant(
        "serve/src/trial/asking.rs",
        "MAX_PAST",
        Count,
        "seconds that a trial goes back",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/trial/children.rs",
        "MAX_REPORT",
        Bytes,
        "a report of a trial",
        "it is read no further",
        &["children::what_a_process_says_is_bounded"],
    );
    t.constant(
        "serve/src/trial/children.rs",
        "MAX_WRONG",
        Bytes,
        "what a trial says is wrong",
        "it is cut",
        &["children::what_a_process_says_is_bounded"],
    );
    t.constant(
        "cli/src/commands/trial.rs",
        "MAX_ASKED",
        Bytes,
        "what a trial is asked for",
        "it is refused",
        &[],
    );
}
