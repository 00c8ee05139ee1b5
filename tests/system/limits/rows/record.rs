//! A record of an input.

use palisade_capture::ReadLimits;
use palisade_sources::Limits as SourceLimits;

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count};

pub(super) fn fill(t: &mut Table) {
    t.of("record");
    let ReadLimits {
        packet_bytes,
        block_bytes,
        interfaces,
    } = ReadLimits::default();
    t.value(
        "read.packet_bytes",
        Bytes,
        packet_bytes,
        "a packet",
        "reading ends, and where is told",
        &["files::damage_and_excess_are_told_with_their_place"],
    );
    t.value(
        "read.block_bytes",
        Bytes,
        block_bytes,
        "a block of pcapng that must be held",
        "reading ends, and where is told",
        &["files::damage_and_excess_are_told_with_their_place"],
    );
    t.value(
        "read.interfaces",
        Count,
        interfaces,
        "interfaces of a section of pcapng",
        "reading ends, and where is told",
        &["files::damage_and_excess_are_told_with_their_place"],
    );
    let SourceLimits {
        max_record,
        max_ratio,
        free_output,
        max_output: _,
        max_window,
        max_reports,
    } = SourceLimits::default();
    t.value(
        "limits.max_record",
        Bytes,
        max_record,
        "a record of a log",
        "reported, its beginning kept, skipped",
        &["adversity::long_lines_are_skipped_and_kept_in_part"],
    );
    t.value(
        "limits.max_ratio",
        Count,
        max_ratio,
        "bytes from one compressed byte",
        "reading stops with an error",
        &["compression::bombs_are_stopped", "tests::a_bomb_is_stopped"],
    );
    t.value(
        "limits.free_output",
        Bytes,
        free_output,
        "from compression at any ratio",
        "the ratio counts",
        &["compression::bombs_are_stopped"],
    );
    t.value(
        "limits.max_reports",
        Count,
        max_reports,
        "bad records that are shown with their reason",
        "counted",
        &["records::many_bad_records_are_not_a_flood"],
    );
    t.constant(
        "sources/src/input.rs",
        "MAX_LAYERS",
        Count,
        "layers of compression",
        "refused",
        &["tests::compression_is_undone_up_to_two_layers"],
    );
    t.constant(
        "sources/src/input.rs",
        "PEEK",
        Bytes,
        "by which an input is recognised",
        "refused",
        &["tests::nothing_and_unknown"],
    );
    t.value(
        "limits.max_window",
        Bytes,
        max_window,
        "of memory that a zstd frame may demand",
        "reading stops with an error",
        &["tests::a_zstd_frame_demands_no_larger_window_than_is_given"],
    );
    t.constant(
        "sources/src/records.rs",
        "MAX_READ",
        Bytes,
        "one read",
        "another read",
        &["tests::the_size_of_reads_does_not_matter"],
    );
    t.constant(
        "sources/src/flow_key.rs",
        "CACHED",
        Count,
        "five-tuples whose community id is remembered",
        "computed again",
        &["flow_key::agrees_with_the_community_id_crate"],
    );
    t.constant(
        "sources/src/recognise.rs",
        "TRIED",
        Count,
        "records that are tried to recognise a log",
        "refused",
        &["recognise::what_is_not_accepted_is_described"],
    );
    t.constant(
        "events/src/attributes.rs",
        "MAX_ATTRIBUTES",
        Count,
        "attributes of an event",
        "left out and counted",
        &["tests::everything_is_bounded_and_what_is_left_out_is_counted"],
    );
    t.constant(
        "events/src/attributes.rs",
        "MAX_ATTRIBUTE_NAME",
        Bytes,
        "the name of one",
        "left out and counted",
        &["tests::everything_is_bounded_and_what_is_left_out_is_counted"],
    );
    t.constant(
        "sources/src/leaves.rs",
        "MAX_TEXT",
        Bytes,
        "a text that becomes an attribute",
        "cut",
        &["tests::everything_is_bounded_and_what_is_left_out_is_counted"],
    );
    t.constant(
        "sources/src/leaves.rs",
        "MAX_DEPTH",
        Count,
        "objects in each other",
        "left out and counted",
        &[
            "tests::everything_is_bounded_and_what_is_left_out_is_counted",
            "adversity::nesting_is_bounded",
        ],
    );
    t.constant(
        "sources/src/leaves.rs",
        "MAX_OBJECTS",
        Count,
        "objects of a list",
        "left out and counted",
        &["tests::lists"],
    );
    t.constant(
        "sources/src/text.rs",
        "MAX_LIST",
        Count,
        "entries of a list",
        "left out",
        &["text::of_a_repeated_key_the_last_counts_and_lists_are_bounded"],
    );
    t.constant(
        "sources/src/names.rs",
        "MAX_DNS_NAME",
        Bytes,
        "a name in DNS that several answers share",
        "cut",
        &["adversity::a_small_record_does_not_become_a_large_event"],
    );
    t.constant(
        "state/src/key.rs",
        "MAX_KEY",
        Bytes,
        "a key of a table that is kept as it is",
        "replaced by its digest",
        &["keys::long_keys_are_short_and_still_differ"],
    );
    t.constant(
        "state/src/datasets/index.rs",
        "MAX_FOLDED",
        Bytes,
        "a text that is compared as domain, digest or e-mail address",
        "matches none",
        &["tests::any_text_is_matched_without_panic"],
    );
    t.constant(
        "state/src/datasets/index.rs",
        "MAX_ADDRESS",
        Bytes,
        "a text that is compared as address",
        "matches none",
        &["tests::any_text_is_matched_without_panic"],
    );
    t.constant(
        "sources/src/fault.rs",
        "MAX_LABELS",
        Count,
        "labels, and references, of an event",
        "reported as bad",
        &["fault::labels_are_few_and_short"],
    );
    t.constant(
        "sources/src/fault.rs",
        "MAX_LABEL",
        Bytes,
        "each of them",
        "reported as bad",
        &["fault::labels_are_few_and_short"],
    );
    t.constant(
        "sources/src/input.rs",
        "MAX_HOLE",
        Bytes,
        "zeros before the first record",
        "refused",
        &["tests::a_hole_of_4_gib_is_passed_over_and_no_larger_one"],
    );
    t.constant(
        "sources/src/records/opening.rs",
        "MAX_OPENING",
        Bytes,
        "a beginning by which records are known again",
        "cut",
        &["opening::a_beginning_of_256_bytes_is_known_again"],
    );
    t.constant(
        "sources/src/recover/mod.rs",
        "MAX_WRAPPERS",
        Count,
        "wrappers of a record within one another",
        "reported as bad",
        &["tests::wrappers_lie_four_deep"],
    );
    t.constant(
        "sources/src/recover/names.rs",
        "MAX_DEPTH",
        Count,
        "objects deep that names are put together",
        "left as they are",
        &["names::names_are_put_together_four_objects_deep"],
    );
    t.constant(
        "sources/src/recover/names.rs",
        "MAX_NAMES",
        Count,
        "names of a record that are put together",
        "left as they are",
        &["names::a_record_of_more_than_1024_names_is_left_as_it_is"],
    );
    t.constant(
        "sources/src/recover/pieces.rs",
        "MAX_TORN",
        Count,
        "times that a record is looked at anew",
        "reported as bad",
        &["tests::after_sixteen_torn_objects_what_follows_is_one_of_them"],
    );
    t.constant(
        "sources/src/zeek/columns.rs",
        "MAX_COLUMNS",
        Count,
        "columns of a log of Zeek",
        "reported as bad",
        &["columns::a_log_has_4096_columns_and_no_more"],
    );
}
