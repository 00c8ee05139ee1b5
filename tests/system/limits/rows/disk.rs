//! Caches and files.

use palisade_runtime::compile::CacheLimits;

use super::REFUSED;
use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count};

pub(super) fn fill(t: &mut Table) {
    t.of("disk");
    let CacheLimits {
        entry,
        entries,
        bytes,
    } = CacheLimits::default();
    t.value(
        "cache.entry",
        Bytes,
        entry,
        "an entry of the cache of compiled code",
        "not kept",
        &["tests::size_limits_hold_both_ways"],
    );
    let oldest = "what was used least recently makes room";
    t.value(
        "cache.entries",
        Count,
        entries,
        "entries of it",
        oldest,
        &["tests::entries_and_bytes_are_bounded_and_the_least_recently_used_makes_room"],
    );
    t.value(
        "cache.bytes",
        Bytes,
        bytes,
        "all of them",
        oldest,
        &["tests::entries_and_bytes_are_bounded_and_the_least_recently_used_makes_room"],
    );
    t.constant(
        "cli/src/commands/run.rs",
        "MAX_DEAD_LETTERS",
        Bytes,
        "the dead-letter file",
        "counted",
        &["dead_letters::a_file_for_its_owner_with_a_cap"],
    );
    t.constant(
        "sources/src/dead_letters.rs",
        "MAX_LETTER",
        Bytes,
        "of a record in it",
        "cut",
        &["dead_letters::long_records_are_cut_at_a_character"],
    );
    t.constant(
        "cli/src/commands/store.rs",
        "MAX_BLOB_BYTES",
        Bytes,
        "a file that `store add` takes",
        REFUSED,
        &["blobs::endless_content_ends_at_the_limit"],
    );
    t.constant(
        "store/src/name.rs",
        "MAX_LEN",
        Bytes,
        "a name of the store",
        REFUSED,
        &["text::names_have_a_length"],
    );
    t.constant(
        "cli/src/build/shared.rs",
        "MAX_SHARED_BYTES",
        Bytes,
        "what plugins outside of a checkout have in common when they are built",
        "it is built anew",
        &["shared::only_the_users_folder_is_emptied_and_only_beyond_its_limit"],
    );
    t.constant(
        "private/src/walk.rs",
        "MAX_LINKS",
        Count,
        "links on the way to a directory",
        REFUSED,
        &["places::forty_links_on_the_way_are_followed_and_no_more"],
    );
}
