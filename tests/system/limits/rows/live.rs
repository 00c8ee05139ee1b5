//! Limits of live operation.

use palisade_serve::{EvidenceConfig, JournalConfig, SnapshotConfig};

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count};

pub(super) fn fill(t: &mut Table) {
    t.of("live");
    t.constant(
        "serve/src/config.rs",
        "MAX_SOURCES",
        Count,
        "sources of a server",
        "the server does not start",
        &["config::what_is_wrong_is_told_with_line_or_field"],
    );
    let JournalConfig {
        segment_bytes,
        max_bytes,
        keep_hours: _,
    } = JournalConfig::default();
    let SnapshotConfig {
        every_seconds: _,
        every_bytes,
        capture_bytes,
    } = SnapshotConfig::default();
    t.value(
        "snapshot.capture_bytes",
        Bytes,
        capture_bytes,
        "packets of a source of captures that are taken once more at a start, so that flows are known that were open",
        "flows that began before go on after a gap, counted and told",
        &["serve_captures::flows_that_began_too_long_ago_go_on_after_a_gap"],
    );
    t.constant(
        "serve/src/captures/stream.rs",
        "MAX_FILES",
        Count,
        "captures in a directory that were read and are still there",
        "nothing more of the directory is read until some are moved away",
        &["stream::of_captures_that_were_read_131072_are_remembered_until_the_directory_is_looked_at"],
    );
    t.value(
        "snapshot.every_bytes",
        Bytes,
        every_bytes,
        "what sources say from one snapshot to the next, and a start has to do again",
        "the state is saved",
        &[],
    );
    t.value(
        "journal.max_bytes",
        Bytes,
        max_bytes,
        "the journal",
        "segments that snapshots cover go; where there are none nothing more is taken in, until there is room",
        &["crashes::a_full_disk_is_told_before_a_record_is_begun_and_can_be_mended"],
    );
    t.value(
        "journal.segment_bytes",
        Bytes,
        segment_bytes,
        "a segment of the journal",
        "the next segment; a larger record has one of its own",
        &["crashes::on_a_real_disk_records_come_back_and_nobody_else_may_write"],
    );
    t.constant(
        "cli/src/commands/config.rs",
        "MAX_CONFIG",
        Bytes,
        "a server's configuration",
        "the server does not start",
        &["config::a_configuration_has_a_mebibyte_at_most"],
    );
    t.constant(
        "serve/src/commit.rs",
        "MAX_AHEAD",
        Count,
        "epochs that evaluation is ahead of the journal",
        "evaluation waits, and then the sources",
        &["serve::a_full_disk_stops_the_intake_and_nothing_is_lost"],
    );
    t.constant(
        "serve/src/commit.rs",
        "MAX_GROUP",
        Count,
        "epochs that are synced together",
        "the next are synced after them",
        &["commit::at_most_64_epochs_are_synced_together_and_none_is_lost"],
    );
    t.constant(
        "serve/src/redo.rs",
        "MAX_TAKEN",
        Count,
        "epochs of the journal that the database is given at a time",
        "the next are given after them",
        &["redo::a_database_that_lacks_more_epochs_than_it_is_given_at_a_time_gets_all"],
    );
    t.constant(
        "serve/src/follow.rs",
        "MAX_READ",
        Count,
        "files of a rotated log that are known to have been read",
        "the one read first is forgotten",
        &["follow::of_files_that_were_read_the_latest_4096_are_remembered"],
    );
    t.constant(
        "serve/src/often.rs",
        "MAX_APART",
        Count,
        "things that are told the less often the more there are of them, apart",
        "they count as one",
        &["often::the_first_are_told_and_then_each_time_they_are_twice_as_many"],
    );
    t.constant(
        "serve/src/found.rs",
        "MAX_NAMES",
        Count,
        "names in the folder of a log that are looked at for rotated files",
        "what comes later is not looked at",
        &["found::of_a_folder_of_many_names_65_536_are_looked_at"],
    );
    t.constant(
        "journal/src/segment.rs",
        "MAX_RECORD",
        Bytes,
        "a record of the journal",
        "the server ends",
        &["crashes::a_record_has_an_end"],
    );
    t.constant(
        "journal/src/snapshots.rs",
        "MAX_PIECE",
        Bytes,
        "a piece of a snapshot",
        "the snapshot is not written, or not taken; those before are kept",
        &["snapshots::a_piece_has_an_end"],
    );
    t.constant(
        "serve/src/snapshot.rs",
        "MAX_WAITING",
        Count,
        "pieces of a snapshot that wait for the disk before the walk over the tables stands still",
        "what is touched meanwhile waits in memory, at most once what state may take",
        &[],
    );
    t.constant(
        "serve/src/active.rs",
        "MAX_BEFORE",
        Count,
        "compositions that can be gone back to",
        "the oldest cannot any more",
        &[],
    );
    t.constant(
        "serve/src/active.rs",
        "MAX_KEYED",
        Count,
        "receipts with a key that are in memory beside the database",
        "the oldest is looked up there",
        &[],
    );
    t.constant(
        "serve/src/redo.rs",
        "MAX_TERMS",
        Count,
        "generations in whose terms epochs of a journal may have been read",
        "an epoch of an earlier one is read in those of its source",
        &[],
    );
    t.constant(
        "serve/src/control/connection.rs",
        "MAX_CONNECTIONS",
        Count,
        "connections of the control interface",
        "more are closed at once",
        &[],
    );
    t.constant(
        "serve/src/control/connection.rs",
        "MAX_OTHERS",
        Count,
        "of those, connections of users who may only look",
        "more are closed at once",
        &[],
    );
    t.constant(
        "serve/src/control/routes.rs",
        "MAX_BLOB",
        Bytes,
        "a component, dataset or networks file that is sent",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/control/routes.rs",
        "MAX_REQUEST",
        Bytes,
        "another request",
        "it is refused",
        &["swaps::the_control_interface_takes_nothing_but_requests"],
    );
    t.constant(
        "serve/src/control/routes.rs",
        "MAX_PAGE",
        Count,
        "receipts of an answer",
        "the rest is asked for with `after`",
        &[],
    );
    t.constant(
        "serve/src/control/routes.rs",
        "MAX_KEY",
        Bytes,
        "the key of a request",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/control/routes.rs",
        "MAX_LAG",
        Count,
        "records that are evaluated and not kept",
        "the server is not ready",
        &[],
    );
    t.constant(
        "cli/src/commands/serve/loader.rs",
        "MAX_COMPILED",
        Count,
        "plugins, beside those that run, that stay compiled to be gone back to",
        "those that do not run are loaded again when they are wanted",
        &[],
    );
    t.constant(
        "cli/src/commands/serve/loader.rs",
        "MAX_DATASETS",
        Count,
        "datasets, beside those in use, that stay in memory to be gone back to",
        "those that are not in use are read again when they are wanted",
        &[],
    );
    t.constant(
        "cli/src/commands/serve/loader.rs",
        "MAX_SAID",
        Bytes,
        "what is told of what the vectors of a pack say",
        "the rest is not told",
        &[],
    );
    t.constant(
        "cli/src/host/given.rs",
        "MAX_DATASET",
        Bytes,
        "a dataset of a server, as a file",
        "it is refused",
        &[],
    );
    t.constant(
        "cli/src/commands/ctl/swap.rs",
        "MAX_SENT",
        Bytes,
        "a dataset that is sent to a server",
        "it is refused; the configuration can name a larger one",
        &[],
    );
    t.constant(
        "cli/src/commands/ctl/client.rs",
        "MAX_ANSWER",
        Bytes,
        "an answer of a server that is read",
        "the command fails",
        &[],
    );
    t.constant(
        "runtime/src/call/asked.rs",
        "MAX_ASKED",
        Bytes,
        "what is kept of what a call asks of the host and is told",
        "the call leaves no evidence",
        &["asked::sixteen_mebibytes_of_a_call_are_kept"],
    );
    t.constant(
        "pipeline/src/engine/evidence.rs",
        "MAX_EPOCH_ASKED",
        Bytes,
        "the same of all calls of a worker's share of an epoch",
        "further calls leave no evidence, which is counted",
        &[],
    );
    t.constant(
        "pipeline/src/replay/kept.rs",
        "MAX_CALL",
        Bytes,
        "a call's evidence before it is compressed",
        "the call leaves none, which is counted; what is read is refused",
        &["tests::what_is_no_kept_call_is_refused_and_what_it_stands_for_is_bounded"],
    );
    t.constant(
        "pipeline/src/replay/kept.rs",
        "MAX_LIST",
        Count,
        "entries of each list of a call's evidence, and of all lists of a bundle",
        "the call leaves none, which is counted; what is read is refused",
        &[
            "tests::what_is_no_kept_call_is_refused_and_what_it_stands_for_is_bounded",
            "bundle::a_bundle_of_lists_without_end_is_refused",
        ],
    );
    t.constant(
        "serve/src/evidence/log.rs",
        "MAX_EPOCH",
        Bytes,
        "the evidence of an epoch",
        "further calls leave none, which is counted",
        &[],
    );
    t.constant(
        "serve/src/evidence/log.rs",
        "MAX_ROWS",
        Count,
        "rows about evidence that the database is given at a time after a crash",
        "the next are given after them",
        &[],
    );
    t.constant(
        "serve/src/evidence/check.rs",
        "MAX_CHECKED",
        Bytes,
        "the evidence of a call that is executed once more",
        "it is passed over, which is counted",
        &[],
    );
    t.constant(
        "serve/src/commit.rs",
        "MAX_GROUP_BYTES",
        Bytes,
        "evidence of epochs that are synced together",
        "the next are synced after them",
        &["commit::at_most_64_epochs_are_synced_together_and_none_is_lost"],
    );
    t.constant(
        "serve/src/evidence/check.rs",
        "MAX_UNCHECKED",
        Count,
        "calls that wait to be executed once more",
        "more are passed over, which is counted",
        &[],
    );
    t.constant(
        "serve/src/evidence/case.rs",
        "MAX_COMPONENT",
        Bytes,
        "a component that is executed again",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/evidence/bundle.rs",
        "MAX_ENTRIES",
        Count,
        "entries of a bundle",
        "it is refused",
        &["bundle::a_bundle_has_an_end"],
    );
    t.constant(
        "serve/src/evidence/bundle.rs",
        "MAX_CALLS",
        Count,
        "calls of a bundle",
        "it is refused",
        &["bundle::what_is_no_part_of_a_bundle_is_refused"],
    );
    t.constant(
        "serve/src/evidence/bundle.rs",
        "MAX_BUNDLE",
        Bytes,
        "a bundle",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/evidence/bundle.rs",
        "MAX_EVIDENCE",
        Bytes,
        "a call's evidence in a bundle",
        "it is refused",
        &[],
    );
    t.constant(
        "serve/src/evidence/bundle.rs",
        "MAX_TEXT",
        Bytes,
        "any other text of a bundle",
        "it is refused",
        &["bundle::what_is_no_part_of_a_bundle_is_refused"],
    );
    t.constant(
        "cli/src/host/mod.rs",
        "MAX_FUEL",
        Count,
        "units of fuel of a call that is executed again",
        "it cannot be executed",
        &[],
    );
    let EvidenceConfig {
        enabled: _,
        max_bytes,
        segment_bytes,
        keep_days: _,
        check_per_second: _,
    } = EvidenceConfig::default();
    t.value(
        "evidence.max_bytes",
        Bytes,
        max_bytes,
        "evidence",
        "the oldest segments go, which is counted",
        &["replay::evidence_outlives_the_journal_and_goes_when_it_is_too_much"],
    );
    t.value(
        "evidence.segment_bytes",
        Bytes,
        segment_bytes,
        "a segment of evidence",
        "the next segment; a larger record has one of its own",
        &[],
    );
}
