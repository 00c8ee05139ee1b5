//! Packs and registries.

use super::REFUSED;
use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

pub(super) fn fill(t: &mut Table) {
    t.of("pack");
    let bomb = &["content::a_decompression_bomb_ends_at_the_limit"];
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_FILES",
        Count,
        "files of a pack",
        REFUSED,
        &["content::files_and_attestations_of_an_archive_are_counted"],
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_FILE_BYTES",
        Bytes,
        "a file of a pack",
        REFUSED,
        bomb,
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_TOTAL_BYTES",
        Bytes,
        "a pack",
        REFUSED,
        bomb,
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_ATTESTATIONS",
        Count,
        "attestations of a pack",
        REFUSED,
        &["content::files_and_attestations_of_an_archive_are_counted"],
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_ATTESTATION_BYTES",
        Bytes,
        "an attestation or document of trust",
        REFUSED,
        &["content::files_and_attestations_of_an_archive_are_counted"],
    );
    t.constant(
        "pack/src/canonical.rs",
        "MAX_TOML_BYTES",
        Bytes,
        "a document of TOML of a pack or of trust",
        REFUSED,
        &["content::a_manifest_has_a_size_beyond_which_nothing_of_it_is_read"],
    );
    t.constant(
        "pack/src/path.rs",
        "MAX_PATH",
        Bytes,
        "a path",
        REFUSED,
        &["path::good_paths_pass_and_tricks_do_not"],
    );
    t.constant(
        "pack/src/path.rs",
        "MAX_DEPTH",
        Count,
        "folders of a path",
        REFUSED,
        &["path::good_paths_pass_and_tricks_do_not"],
    );
    t.constant(
        "pack/src/stored.rs",
        "MAX_LISTING_BYTES",
        Bytes,
        "the listing of a pack",
        REFUSED,
        &["content::the_store_gives_back_the_pack_or_an_error"],
    );
    t.constant(
        "pack/src/dsse.rs",
        "MAX_SIGNATURES",
        Count,
        "signatures of an envelope",
        REFUSED,
        &["dsse::an_envelope_has_32_signatures_and_no_more"],
    );
    let lists = &["origin::lists_that_are_damaged_or_too_much_are_refused"];
    t.constant(
        "pack/src/origin.rs",
        "MAX_LISTS",
        Count,
        "lists of crates in a component",
        REFUSED,
        lists,
    );
    t.constant(
        "pack/src/origin.rs",
        "MAX_CRATES",
        Count,
        "crates of all of them",
        REFUSED,
        lists,
    );
    t.constant(
        "pack/src/origin.rs",
        "MAX_LIST_BYTES",
        Bytes,
        "a list, decompressed",
        REFUSED,
        lists,
    );
    let tools = &["origin::tools_are_named_within_limits"];
    t.constant(
        "pack/src/origin.rs",
        "MAX_TOOLS",
        Count,
        "tools that made a component",
        "left out",
        tools,
    );
    t.constant(
        "pack/src/origin.rs",
        "MAX_TEXT",
        Bytes,
        "the name of one",
        "cut",
        tools,
    );
    t.constant(
        "cli/src/commands/pack/build.rs",
        "MAX_FILE_BYTES",
        Bytes,
        "a file that goes into a pack",
        REFUSED,
        &[],
    );
    t.constant(
        "cli/src/commands/pack/pull.rs",
        "MAX_ARCHIVE",
        Bytes,
        "an archive from a registry",
        REFUSED,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.constant(
        "cli/src/commands/pack/pull.rs",
        "MAX_CONFIG",
        Bytes,
        "the configuration of an artifact",
        REFUSED,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.constant("cli/src/commands/pack/examine.rs", "FUZZ_CASES", Count, "changed inputs of each vector that `pack certify` tries", "it is done", &["pack_changes::a_certificate_states_what_plugins_need_and_there_is_none_above_the_ceiling"]);
    t.constant(
        "cli/src/commands/pack/behaviour.rs",
        "MAX_SAID",
        Count,
        "findings and decisions of a version that `pack diff` compares",
        "it is told that there are more",
        &["behaviour::of_what_is_said_100_000_are_compared_and_more_is_told"],
    );

    let palisade_registry::Limits {
        manifest,
        layers,
        referrers,
        retries,
        answer,
        pace,
    } = palisade_registry::Limits::default();
    let endless = &["hostile::endless_answers_are_not_read_to_their_end"];
    let slow = &["hostile::slow_answers_end_in_time"];
    t.value(
        "registry.manifest",
        Bytes,
        manifest,
        "a manifest or list from a registry",
        REFUSED,
        endless,
    );
    t.value(
        "registry.layers",
        Count,
        layers,
        "layers of an artifact",
        REFUSED,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.value(
        "registry.referrers",
        Count,
        referrers,
        "referrers of an artifact",
        REFUSED,
        &["hostile::an_index_with_too_many_entries_or_none_that_can_be_read"],
    );
    t.value(
        "registry.retries",
        Count,
        retries,
        "times that a transfer is taken up again",
        "it fails",
        &["trouble::a_connection_that_breaks_off_is_taken_up_again"],
    );
    t.value(
        "registry.answer",
        Time,
        answer.as_millis(),
        "a small answer, or until a blob begins",
        "it fails",
        slow,
    );
    t.value(
        "registry.pace",
        Bytes,
        pace,
        "that must come every minute",
        "it fails",
        slow,
    );
    t.constant(
        "registry/src/registry.rs",
        "CONNECT",
        Time,
        "to connect to a registry",
        "it fails",
        &["hostile::a_registry_that_takes_no_connection_is_given_up"],
    );
    t.constant(
        "registry/src/registry.rs",
        "READ",
        Time,
        "for the next bytes",
        "it fails",
        slow,
    );
    t.constant(
        "registry/src/fetch.rs",
        "REDIRECTS",
        Count,
        "redirects",
        "it fails",
        &["hostile::redirects_end"],
    );
    t.constant(
        "registry/src/fetch.rs",
        "MAX_TOKEN",
        Bytes,
        "an answer that gives a token",
        REFUSED,
        endless,
    );
    t.constant(
        "registry/src/fetch.rs",
        "MAX_REASON",
        Bytes,
        "what a registry says went wrong",
        "cut",
        &["hostile::endless_reasons_are_cut"],
    );
    t.constant(
        "registry/src/push.rs",
        "LIST_ATTEMPTS",
        Count,
        "times that a list of referrers is written",
        "it fails",
        &["hostile::a_list_that_somebody_else_keeps_writing_is_written_five_times"],
    );
    t.constant(
        "cli/src/commands/pack/credentials.rs",
        "MAX_FILE",
        Bytes,
        "a file of credentials",
        "not used",
        &["credentials::a_file_of_more_than_4_mib_is_not_used"],
    );
    t.constant(
        "pack/src/component.rs",
        "MAX_IMPORTS",
        Count,
        "imports of a component that are read",
        REFUSED,
        &["component::a_thousand_imports_are_read_and_no_more"],
    );
    t.constant(
        "pack/src/labelled.rs",
        "MAX_WHOLE",
        Bytes,
        "a file of a pack that is read for labels as a whole",
        "not understood, which closes the gate",
        &["large::what_is_read_for_labels_has_a_size"],
    );
    t.constant(
        "pack/src/labelled.rs",
        "MAX_RECORD",
        Bytes,
        "a record on a line that is read for labels",
        "not understood, which closes the gate",
        &["large::what_is_read_for_labels_has_a_size"],
    );
    t.constant(
        "pack/src/labelled.rs",
        "MAX_ENTRY",
        Bytes,
        "a line of a pack's dataset",
        REFUSED,
        &["large::what_is_read_for_labels_has_a_size"],
    );
    t.constant(
        "pack/src/labels/file.rs",
        "MAX_DOCUMENT",
        Bytes,
        "a document that is read for labels",
        "not understood, which closes the gate",
        &["labels::what_is_too_large_to_be_understood_closes"],
    );
    t.constant(
        "pack/src/labels/views.rs",
        "MAX_ROUNDS",
        Count,
        "entities that stand for entities, one within another",
        "not understood, which closes the gate",
        &["readings::what_is_beyond_what_can_be_read_closes"],
    );
    t.constant(
        "pack/src/labels/views.rs",
        "MAX_INNER",
        Count,
        "documents in attributes and comments of one another",
        "not understood, which closes the gate",
        &["readings::what_is_beyond_what_can_be_read_closes"],
    );
    t.constant(
        "pack/src/labels/mod.rs",
        "MAX_READ",
        Bytes,
        "what is read of a pack for labels, each as often as it is read in another way",
        "not understood, which closes the gate",
        &["large::what_is_read_of_a_pack_for_labels_has_a_size"],
    );
    t.constant(
        "pack/src/labels/mod.rs",
        "MAX_ID",
        Bytes,
        "a mark, and an origin",
        "not understood, which closes the gate",
        &["labels::what_is_too_large_to_be_understood_closes"],
    );
    t.constant(
        "pack/src/trust/files.rs",
        "MAX_STATE_BYTES",
        Bytes,
        "what is remembered of trust",
        REFUSED,
        &["documents::what_is_remembered_has_64_mib_and_no_more"],
    );
}
