//! An instance, and one call.

use palisade_runtime::Limits;

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

pub(super) fn fill(t: &mut Table) {
    t.of("instance");
    let Limits {
        memory,
        table_elements,
        parts,
        call_time,
        fuel,
        lifted_bytes,
        findings,
        finding_bytes,
        host_calls,
        log_messages,
        stack,
        shape: _,
        plugin_memory: _,
        epoch_bytes: _,
        epoch_time: _,
        epoch_fuel: _,
    } = Limits::default();
    let fault = "a fault";
    t.value(
        "limits.memory",
        Bytes,
        memory,
        "all memories of an instance",
        fault,
        &[
            "calls::a_memory_bomb_ends_at_the_memory_of_all_its_memories",
            "components::all_memories_count_together",
        ],
    );
    t.value(
        "limits.table_elements",
        Count,
        table_elements,
        "elements of all tables of an instance",
        fault,
        &["components::tables_count_together_and_do_not_grow_without_end"],
    );
    t.value(
        "limits.parts",
        Count,
        parts,
        "core instances, memories and tables of an instance, each",
        "refused",
        &["components::parts_are_counted"],
    );
    t.value(
        "limits.call_time",
        Time,
        call_time.as_millis(),
        "a call",
        fault,
        &["calls::an_endless_loop_ends_with_the_time_of_a_call"],
    );
    t.value(
        "limits.fuel",
        Count,
        fuel,
        "fuel of a call with `--deterministic`",
        fault,
        &["calls::fuel_ends_a_call_in_deterministic_mode"],
    );
    t.value(
        "limits.lifted_bytes",
        Bytes,
        lifted_bytes,
        "lifted out of the guest at a time",
        fault,
        &["calls::what_is_lifted_is_bounded"],
    );
    t.value(
        "limits.findings",
        Count,
        findings,
        "findings and retractions of a call",
        fault,
        &["findings::findings_of_a_call_are_counted"],
    );
    t.value(
        "limits.finding_bytes",
        Bytes,
        finding_bytes,
        "findings of a call",
        fault,
        &["findings::findings_of_a_call_have_a_size"],
    );
    t.value(
        "limits.host_calls",
        Count,
        host_calls,
        "host calls of a call",
        fault,
        &["calls::host_calls_are_counted"],
    );
    t.value(
        "limits.log_messages",
        Count,
        log_messages,
        "log messages of a call",
        "counted and dropped",
        &["calls::a_log_flood_is_counted_and_dropped"],
    );
    t.value(
        "limits.stack",
        Bytes,
        stack,
        "stack of a call",
        fault,
        &["calls::deep_recursion_ends_at_the_stack"],
    );
    t.constant(
        "runtime/src/engine.rs",
        "EPOCH",
        Time,
        "between two looks at the clock during a call",
        "",
        &["calls::short_host_calls_do_not_evade_the_time_of_a_call"],
    );
    t.constant(
        "runtime/src/engine.rs",
        "POOLED_MEMORY",
        Bytes,
        "memory of an instance that comes from the pool",
        "ordinary memory",
        &["engine::beyond_the_places_of_the_pool_memory_is_ordinary"],
    );
    t.constant(
        "runtime/src/engine.rs",
        "POOLED_INSTANCES",
        Count,
        "instances that the pool has room for",
        "ordinary memory",
        &["engine::beyond_the_places_of_the_pool_memory_is_ordinary"],
    );
    t.constant(
        "runtime/src/engine.rs",
        "KEPT",
        Bytes,
        "of a place in the pool that stay for its next instance",
        "given back",
        &["engine::what_the_pool_keeps_is_an_eighth_of_what_guests_have_at_most"],
    );
    let giant = &["findings::a_giant_finding_is_refused"];
    for (name, unit, what) in [
        ("MAX_CITED", Count, "events that a finding cites"),
        ("MAX_SUBJECT", Bytes, "the subject of a finding"),
        ("MAX_SUMMARY", Bytes, "the summary of a finding"),
        ("MAX_DETAILS", Count, "details of a finding"),
        ("MAX_DETAIL_BYTES", Bytes, "a detail"),
        ("MAX_ACTIONS", Count, "actions of a finding"),
        ("MAX_TEXT", Bytes, "a text of an action or judgement"),
    ] {
        t.constant(
            "runtime/src/bindings/findings.rs",
            name,
            unit,
            what,
            fault,
            giant,
        );
    }
    t.constant(
        "runtime/src/call/work.rs",
        "MAX_SHOWN_BYTES",
        Bytes,
        "what a host call hands over, as the host holds it",
        fault,
        &[
            "work::what_a_host_call_hands_over_is_bounded",
            "peaks::one_row_that_is_asked_for_again_and_again",
        ],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_HITS",
        Count,
        "matches of a host call, over all its rows",
        fault,
        &["hits::more_matches_than_a_call_may_return_are_refused_over_all_its_rows"],
    );
    t.constant(
        "runtime/src/bindings/rows.rs",
        "MAX_ROWS",
        Count,
        "whole rows of a host call",
        fault,
        &["findings::rows_that_are_not_there_are_not_fetched"],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_KEY",
        Bytes,
        "a key of a `value` table",
        fault,
        &["state::keys_and_values_have_a_largest_size"],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_VALUE",
        Bytes,
        "a value of a `value` table",
        fault,
        &["state::keys_and_values_have_a_largest_size"],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_TIMER",
        Bytes,
        "name and key of a timer",
        fault,
        &["state::timers_are_counted_and_their_names_bounded"],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_MESSAGE",
        Bytes,
        "a log message",
        "cut",
        &["calls::a_log_flood_is_counted_and_dropped"],
    );
    t.constant(
        "runtime/src/bindings/capabilities.rs",
        "MAX_ENTRIES",
        Count,
        "entries of a dataset that a host call returns",
        fault,
        &["entries::a_call_asks_for_1024_entries_at_most"],
    );
    t.constant(
        "state/src/datasets/mod.rs",
        "MAX_HITS",
        Count,
        "matches of a dataset that a host call returns",
        fault,
        &["tests::too_many_matches_in_one_call_are_refused"],
    );
    t.constant(
        "state/src/tables.rs",
        "MAX_CHANGES",
        Count,
        "changes to state in a call",
        fault,
        &[
            "bounds::a_call_that_changes_too_much_is_refused",
            "state::changes_of_one_call_are_counted",
        ],
    );
    t.constant(
        "state/src/table.rs",
        "JOURNAL_KEPT",
        Count,
        "changes whose space is kept for the next call",
        "given back",
        &["bounds::the_bytes_of_an_emptied_table_are_none"],
    );
    t.constant(
        "state/src/timers/mod.rs",
        "MAX_CHANGES",
        Count,
        "timers set and cancelled in a call",
        fault,
        &["tests::a_call_that_changes_too_many_is_refused"],
    );
    t.constant(
        "state/src/timers/mod.rs",
        "MAX_FIRED",
        Count,
        "timers that a call is told of",
        "the next call",
        &["tests::one_call_gets_at_most_1024"],
    );
    t.constant(
        "pipeline/src/engine/parse/instance.rs",
        "SESSIONS",
        Count,
        "sessions of a parser's instance",
        "another instance",
        &["floods::forged_flows_do_not_blind_a_parser"],
    );
    t.constant(
        "pipeline/src/engine/parse/feed.rs",
        "MAX_CHUNKS",
        Count,
        "chunks of a call of `parse`",
        "the next call",
        &["parsers::answers_are_as_many_as_chunks"],
    );
    t.constant(
        "pipeline/src/engine/parse/feed.rs",
        "MAX_ARENA",
        Bytes,
        "bytes of a call of `parse`",
        "the next call",
        &["floods::a_parser_is_given_no_more_than_a_mebibyte_in_a_call"],
    );
    t.constant(
        "runtime/src/parsing.rs",
        "MAX_TABLES",
        Count,
        "tables that `parse` returns",
        fault,
        &["parsers::events_and_tables_are_counted"],
    );
    t.constant(
        "runtime/src/parsing.rs",
        "MAX_PARSED_EVENTS",
        Count,
        "events that `parse` returns",
        fault,
        &["parsers::events_and_tables_are_counted"],
    );
    t.constant(
        "events/src/table.rs",
        "MAX_TABLE_ROWS",
        Count,
        "rows of such a table",
        fault,
        &["tables::hostile_columns_are_refused"],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_FRAMES",
        Count,
        "frames of a guest's backtrace that are kept",
        "cut",
        &["fault::what_a_guest_says_of_its_abort_is_bounded_and_harmless"],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_TEXT",
        Bytes,
        "the message of a fault",
        "cut",
        &["plain::nothing_acts_on_a_terminal_or_is_long"],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_NAME",
        Bytes,
        "the name of a function in it",
        "cut",
        &["plain::nothing_acts_on_a_terminal_or_is_long"],
    );
    t.constant(
        "state/src/tables.rs",
        "MAX_WRITTEN",
        Bytes,
        "values that a call puts into tables",
        "a fault",
        &["budgets::a_call_writes_so_much_and_no_more"],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_MESSAGE",
        Bytes,
        "the message of `fault.abort`",
        "cut",
        &["calls::what_a_guest_says_of_its_abort_is_bounded_and_harmless"],
    );
}
