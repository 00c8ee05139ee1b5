//! A plugin.

use palisade_pipeline::memory::Memory;
use palisade_runtime::{Config, Limits};

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

pub(super) fn fill(t: &mut Table) {
    t.of("plugin");
    let Limits {
        epoch_bytes,
        epoch_time,
        epoch_fuel,
        // These are an instance's.
        memory: _,
        table_elements: _,
        parts: _,
        call_time: _,
        fuel: _,
        lifted_bytes: _,
        findings: _,
        finding_bytes: _,
        host_calls: _,
        log_messages: _,
        stack: _,
        shape: _,
        // Its line says what it is by default.
        plugin_memory: _,
    } = Limits::default();
    let Config {
        // What it comes to is told with the shares of memory.
        guest_memory: _,
        // No limits, or with lines of their own.
        mode: _,
        limits: _,
        pool: _,
        compiler: _,
        cache: _,
    } = Config::default();
    let once = "one fault; the rest of the epoch goes to the dead letters, a policy denies";
    t.value(
        "limits.epoch_bytes",
        Bytes,
        epoch_bytes,
        "handed over of an epoch, on each worker",
        once,
        &[
            "budgets::findings_of_an_epoch_have_a_size",
            "budgets::log_messages_of_an_epoch_have_a_size",
            "budgets::timers_that_file_are_counted",
            "budgets::a_policy_that_used_up_its_budget_denies",
            "budgets::a_parser_has_bytes_and_time_for_an_epoch",
        ],
    );
    t.value(
        "limits.epoch_time",
        Time,
        epoch_time.as_millis(),
        "in the guest in an epoch, on each worker",
        once,
        &[
            "budgets::calls_of_an_epoch_have_a_time",
            "budgets::slow_starts_count",
            "budgets::a_retraction_does_not_show_rows_again_without_end",
        ],
    );
    t.value(
        "limits.epoch_fuel",
        Count,
        epoch_fuel,
        "fuel in an epoch with `--deterministic`, on each worker",
        once,
        &["budgets::calls_of_an_epoch_have_fuel_in_deterministic_mode"],
    );
    t.value(
        "limits.plugin_memory",
        Bytes,
        Memory::of(None, 2).plugin,
        "memories and tables of all its instances, with two workers",
        "a fault; idle instances of parsers are dropped at half of it",
        &[
            "memory::all_instances_of_a_plugin_share_one_budget",
            "memory::tables_count_in_the_budget_too",
            "memory::a_parser_that_hoards_ends_at_its_budget",
        ],
    );
    t.constant(
        "state/src/tables.rs",
        "DEFAULT_BYTES",
        Bytes,
        "state",
        "the key touched longest ago is dropped",
        &[
            "bounds::tables_keep_within_their_bytes",
            "bounds::the_limit_of_bytes_holds_for_every_kind",
        ],
    );
    t.constant(
        "state/src/tables.rs",
        "LEAST_BYTES",
        Bytes,
        "state, at the least",
        "",
        &["bounds::tables_keep_within_their_bytes"],
    );
    t.constant(
        "runtime/src/manifest/validate/table.rs",
        "DEFAULT_MAX_KEYS",
        Count,
        "keys of a table that does not say how many",
        "the key touched longest ago is dropped",
        &["bounds::a_full_table_drops_the_key_touched_longest_ago"],
    );
    t.constant(
        "runtime/src/manifest/validate/table.rs",
        "MAX_KEYS",
        Count,
        "keys that a table may ask for",
        "refused when it is loaded",
        &["tests::keys_of_a_table_and_fields_of_a_subscription_are_counted"],
    );
    t.constant(
        "state/src/series.rs",
        "EXACT_ENTRIES",
        Count,
        "entries of a window that are held one by one",
        "64 buckets",
        &["bounds::beyond_1024_entries_a_window_is_up_to_a_64th_longer"],
    );
    t.constant(
        "state/src/citation.rs",
        "MAX_CITATIONS",
        Count,
        "events that a key cites",
        "the oldest goes",
        &["citation::the_last_sixteen_are_kept_and_a_push_can_be_undone"],
    );
    t.constant(
        "state/src/tables.rs",
        "UNDATED_SORTED",
        Count,
        "undated values before they are searched for duplicates",
        "searched",
        &["bounds::tables_keep_within_their_bytes"],
    );
    t.constant(
        "state/src/timers/mod.rs",
        "MAX_TIMERS",
        Count,
        "pending timers, on each worker",
        "refused",
        &["tests::beyond_65536_a_timer_is_refused_and_moving_one_is_not"],
    );
    t.constant(
        "pipeline/src/engine/parse/worker.rs",
        "MAX_INSTANCES",
        Count,
        "instances of a parser, on each worker",
        "the flow is marked as not parsed",
        &["floods::forged_flows_do_not_blind_a_parser"],
    );
    t.constant(
        "state/src/partition.rs",
        "PARTITIONS",
        Count,
        "parts of keys, each with its share of the limits",
        "",
        &["bounds::what_overflowing_tables_answer_does_not_depend_on_the_number_of_workers"],
    );
}
