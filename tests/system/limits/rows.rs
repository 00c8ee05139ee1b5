//! Every limit: a line each. What has a default in a structure is taken from there, and a field
//! that is missing here does not compile; what is a constant is read from the source.

use palisade_pipeline::capture::ReadLimits;
use palisade_pipeline::datasets::DatasetLimits;
use palisade_pipeline::engine::EngineConfig;
use palisade_pipeline::flow::{FlowConfig, FragmentConfig, ReassemblyConfig};
use palisade_pipeline::sources::Limits as SourceLimits;
use palisade_runtime::Limits;
use palisade_runtime::compile::ChildLimits;

use super::Table;
use super::Unit::{Bytes, Count, Time};

/// Whom limits hold against.
pub(super) const SCOPES: [(&str, &str); 9] = [
    ("host", "The host, in one run"),
    ("flow", "A flow, and the packets of it"),
    (
        "record",
        "A record of an input, and the event that it becomes",
    ),
    ("epoch", "An epoch"),
    ("plugin", "A plugin, all of its instances together"),
    ("instance", "An instance, and one call into it"),
    (
        "load",
        "What is loaded: components, manifests, datasets, settings",
    ),
    ("pack", "Packs, documents of trust, registries"),
    ("disk", "Caches and files"),
];

pub(super) fn fill(t: &mut Table) {
    host(t);
    flow(t);
    record(t);
    plugin(t);
    instance(t);
    load(t);
    pack(t);
    disk(t);
}

/// The limits of a capture's flows together, and of an epoch.
fn host(t: &mut Table) {
    t.of("host");
    let FlowConfig {
        max_flows,
        tcp_idle,
        tcp_unanswered,
        tcp_closed,
        udp_idle,
        icmp_idle,
        other_idle,
        reassembly:
            ReassemblyConfig {
                direction_bytes,
                direction_segments,
                total_bytes,
                wait,
                ..
            },
        fragments:
            FragmentConfig {
                datagrams,
                bytes,
                per_datagram,
                timeout,
            },
        ..
    } = FlowConfig::default();
    t.value(
        "flow.max_flows",
        Count,
        max_flows,
        "flows at a time",
        "the least recent of the class that holds most is ended",
        &[
            "flows::a_flood_makes_room_at_its_own_cost",
            "peaks::a_flood_of_flows_takes_what_the_table_says",
        ],
    );
    t.value(
        "flow.reassembly.total_bytes",
        Bytes,
        total_bytes,
        "TCP data that waits for order, all flows",
        "the flow that waits longest gives up its gap",
        &[
            "streams::limits_on_what_waits_give_up_the_gap",
            "peaks::data_that_waits_takes_what_the_table_says",
        ],
    );
    t.value(
        "flow.fragments.datagrams",
        Count,
        datagrams,
        "IP datagrams in fragments",
        "the oldest makes room",
        &["fragments::limits_and_times"],
    );
    t.value(
        "flow.fragments.bytes",
        Bytes,
        bytes,
        "the bytes of them",
        "the oldest make room",
        &["fragments::limits_and_times"],
    );
    t.constant(
        "pipeline/src/engine/graph.rs",
        "MAX_LEVELS",
        Count,
        "plugins that build on findings one after another",
        "the run does not start",
        &["graph::a_chain_has_an_end"],
    );
    t.constant(
        "pipeline/src/engine/findings.rs",
        "MAX_DEPTH",
        Count,
        "findings that rest one on another",
        "the finding goes to no further plugin",
        &["findings::findings_are_numbered_by_what_they_are_about_and_go_four_deep"],
    );
    t.constant(
        "pipeline/src/engine/findings.rs",
        "MAX_REMEMBERED",
        Count,
        "events whose markings findings inherit later",
        "the oldest is forgotten",
        &["findings::memory_of_marked_events_is_bounded"],
    );
    t.constant(
        "pipeline/src/sinks/ocsf/mod.rs",
        "MAX_OPEN",
        Count,
        "findings that OCSF output remembers as open",
        "the oldest is forgotten",
        &["tests::what_is_open_is_bounded"],
    );
    t.constant(
        "pipeline/src/engine/config.rs",
        "MAX_INPUT_SLOT",
        Count,
        "inputs of a run",
        "the run ends",
        &[],
    );
    t.constant(
        "events/src/event.rs",
        "MAX_SEQ",
        Count,
        "events of an input",
        "the run ends",
        &[],
    );
    t.constant(
        "pipeline/src/engine/trickle.rs",
        "PIECE",
        Bytes,
        "a piece of a pipe that was read ahead",
        "reading waits",
        &["trickle::what_was_read_does_not_wait_for_more"],
    );
    t.constant(
        "pipeline/src/engine/trickle.rs",
        "PIECES",
        Count,
        "pieces of a pipe that wait",
        "reading waits",
        &["trickle::what_was_read_does_not_wait_for_more"],
    );
    t.constant(
        "cli/src/output/rows.rs",
        "MAX_WAITING",
        Count,
        "rows of output that wait for the widths of columns",
        "they are written",
        &["rows::few_rows_wait"],
    );
    t.constant(
        "pipeline/src/sources/counts.rs",
        "MAX_TYPES",
        Count,
        "types of record that are counted by name",
        "counted together",
        &["counts::names_are_bounded_and_sums_are_right"],
    );
    t.constant(
        "pipeline/src/sources/counts.rs",
        "MAX_NAME",
        Bytes,
        "the name of one",
        "cut",
        &["counts::names_are_bounded_and_sums_are_right"],
    );
    let EngineConfig {
        epoch,
        batch_rows,
        max_skew,
        ..
    } = EngineConfig::default();
    t.value(
        "engine.max_skew",
        Time,
        max_skew.as_millis(),
        "that an event may lie ahead of the clock",
        "it does not move the clock of events",
        &[],
    );

    t.of("epoch");
    t.value(
        "engine.epoch",
        Count,
        epoch,
        "packets or records",
        "the next epoch",
        &["order::nothing_that_is_cut_or_shared_out_shows_in_the_output"],
    );
    t.value(
        "engine.batch_rows",
        Count,
        batch_rows,
        "events in a batch",
        "the next batch",
        &["sink::numbers_run_over_all_kinds_and_batches_close_when_full"],
    );
    t.constant(
        "events/src/batch.rs",
        "MAX_ROWS",
        Count,
        "events in a batch, whoever makes it",
        "the next batch",
        &["sink::numbers_run_over_all_kinds_and_batches_close_when_full"],
    );
    t.constant(
        "events/src/batch.rs",
        "MAX_BATCH_TEXT",
        Bytes,
        "text with which a batch is full",
        "the next batch",
        &["hostile_arrow::a_batch_is_full_of_text"],
    );
    t.constant(
        "events/src/attributes.rs",
        "MAX_BATCH_ATTRIBUTES",
        Count,
        "names of attributes in a batch",
        "the next batch",
        &["tables::batches_never_have_too_many_attributes"],
    );
    t.constant(
        "pipeline/src/sources/sink.rs",
        "MAX_BATCH_BYTES",
        Bytes,
        "input after which a batch is closed",
        "the next batch",
        &["sink::large_records_close_a_batch"],
    );
    t.constant(
        "pipeline/src/engine/isolate.rs",
        "MAX_ISOLATED",
        Count,
        "events, of one plugin and worker, that are isolated after faults",
        "what faults is left out unexamined",
        &["calls::isolation_is_bounded_where_every_event_faults"],
    );
    t.constant(
        "pipeline/src/engine/isolate.rs",
        "MAX_CALLS",
        Count,
        "calls to isolate one of them",
        "what is left is left out together",
        &["calls::isolation_is_bounded_where_every_event_faults"],
    );

    t.of("flow");
    t.value(
        "flow.reassembly.direction_bytes",
        Bytes,
        direction_bytes,
        "that wait for order in a direction",
        "the gap is given up",
        &["streams::limits_on_what_waits_give_up_the_gap"],
    );
    t.value(
        "flow.reassembly.direction_segments",
        Count,
        direction_segments,
        "segments that wait for order in a direction",
        "the gap is given up",
        &["streams::limits_on_what_waits_give_up_the_gap"],
    );
    t.value(
        "flow.reassembly.wait",
        Time,
        wait.as_millis(),
        "that data waits for order",
        "the gap is given up",
        &["streams::what_waits_too_long_is_given_up"],
    );
    t.value(
        "flow.fragments.per_datagram",
        Count,
        per_datagram,
        "fragments of a datagram",
        "it is discarded",
        &["fragments::limits_and_times"],
    );
    t.value(
        "flow.fragments.timeout",
        Time,
        timeout.as_millis(),
        "until a datagram is whole",
        "it is discarded",
        &["fragments::limits_and_times"],
    );
    for (name, time, what) in [
        (
            "flow.tcp_idle",
            tcp_idle,
            "without packets of an open connection",
        ),
        (
            "flow.tcp_unanswered",
            tcp_unanswered,
            "without an answer to a SYN",
        ),
        (
            "flow.tcp_closed",
            tcp_closed,
            "after a connection was closed",
        ),
        ("flow.udp_idle", udp_idle, "without datagrams"),
        ("flow.icmp_idle", icmp_idle, "without ICMP messages"),
        (
            "flow.other_idle",
            other_idle,
            "without packets of another protocol",
        ),
    ] {
        t.value(
            name,
            Time,
            time.as_millis(),
            what,
            "the flow ends",
            &["flows::flows_end_when_idle_each_kind_by_its_own_time"],
        );
    }
}

fn flow(t: &mut Table) {
    t.of("flow");
    t.constant(
        "pipeline/src/capture/link.rs",
        "MAX_TAGS",
        Count,
        "VLAN tags of a frame",
        "rejected and counted",
        &["link::link_headers"],
    );
    t.constant(
        "pipeline/src/flow/defrag.rs",
        "MAX_PAYLOAD",
        Bytes,
        "of a datagram that is put together",
        "rejected and counted",
        &["fragments::senseless_fragments"],
    );
    t.constant(
        "pipeline/src/engine/parse/session.rs",
        "PROBE_BYTES",
        Bytes,
        "by which a flow is recognised",
        "it is left alone",
        &["recognition::first_bytes_that_come_one_by_one_are_recognised_the_same"],
    );
    t.constant(
        "pipeline/src/engine/parse/session.rs",
        "PROBE_PIECES",
        Count,
        "pieces by which a flow is recognised",
        "what follows is added to the last",
        &["recognition::first_bytes_that_come_one_by_one_are_recognised_the_same"],
    );
    t.constant(
        "pipeline/src/engine/parse/session.rs",
        "KEPT_BYTES",
        Bytes,
        "that a parser leaves over in a direction",
        "the flow is marked as not parsed",
        &["parsers::bytes_that_never_came_are_not_kept"],
    );
    t.constant(
        "pipeline/src/engine/parse/session.rs",
        "MAX_HANDOVERS",
        Count,
        "handovers of a flow to another parser",
        "the flow is marked as not parsed",
        &["parsers::handovers_in_a_circle_end"],
    );
}

fn record(t: &mut Table) {
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
        "pipeline/src/sources/input.rs",
        "MAX_LAYERS",
        Count,
        "layers of compression",
        "refused",
        &["tests::compression_is_undone_up_to_two_layers"],
    );
    t.constant(
        "pipeline/src/sources/input.rs",
        "PEEK",
        Bytes,
        "by which an input is recognised",
        "refused",
        &["tests::nothing_and_unknown"],
    );
    t.constant(
        "pipeline/src/sources/input/zstd.rs",
        "MAX_WINDOW",
        Bytes,
        "of memory that a zstd frame may demand",
        "reading stops with an error",
        &[],
    );
    t.constant(
        "pipeline/src/sources/records.rs",
        "MAX_READ",
        Bytes,
        "one read",
        "another read",
        &["tests::the_size_of_reads_does_not_matter"],
    );
    t.constant(
        "pipeline/src/sources/flow_key.rs",
        "CACHED",
        Count,
        "five-tuples whose community id is remembered",
        "computed again",
        &["flow_key::agrees_with_the_community_id_crate"],
    );
    t.constant(
        "pipeline/src/sources/recognise.rs",
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
        "pipeline/src/sources/leaves.rs",
        "MAX_TEXT",
        Bytes,
        "a text that becomes an attribute",
        "cut",
        &["tests::everything_is_bounded_and_what_is_left_out_is_counted"],
    );
    t.constant(
        "pipeline/src/sources/leaves.rs",
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
        "pipeline/src/sources/leaves.rs",
        "MAX_OBJECTS",
        Count,
        "objects of a list",
        "left out and counted",
        &["tests::lists"],
    );
    t.constant(
        "pipeline/src/sources/text.rs",
        "MAX_LIST",
        Count,
        "entries of a list",
        "left out",
        &["text::of_a_repeated_key_the_last_counts_and_lists_are_bounded"],
    );
    t.constant(
        "pipeline/src/sources/names.rs",
        "MAX_DNS_NAME",
        Bytes,
        "a name in DNS that several answers share",
        "cut",
        &["adversity::a_small_record_does_not_become_a_large_event"],
    );
    t.constant(
        "pipeline/src/state/key.rs",
        "MAX_KEY",
        Bytes,
        "a key of a table that is kept as it is",
        "replaced by its digest",
        &["keys::long_keys_are_short_and_still_differ"],
    );
    t.constant(
        "pipeline/src/datasets/index.rs",
        "MAX_FOLDED",
        Bytes,
        "a text that is compared as domain, digest or e-mail address",
        "matches none",
        &["tests::any_text_is_matched_without_panic"],
    );
    t.constant(
        "pipeline/src/datasets/index.rs",
        "MAX_ADDRESS",
        Bytes,
        "a text that is compared as address",
        "matches none",
        &["tests::any_text_is_matched_without_panic"],
    );
}

fn plugin(t: &mut Table) {
    t.of("plugin");
    t.constant(
        "pipeline/src/state/tables.rs",
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
        "pipeline/src/state/tables.rs",
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
        &[],
    );
    t.constant(
        "pipeline/src/state/series.rs",
        "EXACT_ENTRIES",
        Count,
        "entries of a window that are held one by one",
        "64 buckets",
        &["bounds::beyond_1024_entries_a_window_is_up_to_a_64th_longer"],
    );
    t.constant(
        "pipeline/src/state/citation.rs",
        "MAX_CITATIONS",
        Count,
        "events that a key cites",
        "the oldest goes",
        &["citation::the_last_sixteen_are_kept_and_a_push_can_be_undone"],
    );
    t.constant(
        "pipeline/src/state/tables.rs",
        "UNDATED_SORTED",
        Count,
        "undated values before they are searched for duplicates",
        "searched",
        &["bounds::tables_keep_within_their_bytes"],
    );
    t.constant(
        "pipeline/src/timers/mod.rs",
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
        &[],
    );
    t.constant(
        "pipeline/src/partition.rs",
        "PARTITIONS",
        Count,
        "parts of keys, each with its share of the limits",
        "",
        &["bounds::what_overflowing_tables_answer_does_not_depend_on_the_number_of_workers"],
    );
}

fn instance(t: &mut Table) {
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
        &[],
    );
    t.constant(
        "runtime/src/engine.rs",
        "POOLED_INSTANCES",
        Count,
        "instances that the pool has room for",
        "ordinary memory",
        &[],
    );
    t.constant(
        "runtime/src/engine.rs",
        "KEPT",
        Bytes,
        "of a place in the pool that stay for its next instance",
        "given back",
        &[],
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
        &[],
    );
    t.constant(
        "pipeline/src/datasets/mod.rs",
        "MAX_HITS",
        Count,
        "matches of a dataset that a host call returns",
        fault,
        &["tests::too_many_matches_in_one_call_are_refused"],
    );
    t.constant(
        "pipeline/src/state/tables.rs",
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
        "pipeline/src/state/table.rs",
        "JOURNAL_KEPT",
        Count,
        "changes whose space is kept for the next call",
        "given back",
        &["bounds::the_bytes_of_an_emptied_table_are_none"],
    );
    t.constant(
        "pipeline/src/timers/mod.rs",
        "MAX_CHANGES",
        Count,
        "timers set and cancelled in a call",
        fault,
        &["tests::a_call_that_changes_too_many_is_refused"],
    );
    t.constant(
        "pipeline/src/timers/mod.rs",
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
        &[],
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
        &[],
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
        &[],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_TEXT",
        Bytes,
        "the message of a fault",
        "cut",
        &["text::nothing_acts_on_a_terminal_or_is_long"],
    );
    t.constant(
        "runtime/src/fault.rs",
        "MAX_NAME",
        Bytes,
        "the name of a function in it",
        "cut",
        &["text::nothing_acts_on_a_terminal_or_is_long"],
    );
}

fn load(t: &mut Table) {
    t.of("load");
    let refused = "refused";
    let ChildLimits {
        component,
        cpu_seconds,
        wall,
        memory,
        output,
    } = ChildLimits::default();
    t.value(
        "compile.component",
        Bytes,
        component,
        "a component that is compiled",
        refused,
        &["compiling::a_component_is_compiled_within_its_limits"],
    );
    t.value(
        "compile.cpu_seconds",
        Time,
        cpu_seconds * 1000,
        "processor time to compile it, in a child process",
        refused,
        &["compiling::a_compile_bomb_ends_at_processor_time_or_the_clock"],
    );
    t.value(
        "compile.wall",
        Time,
        wall.as_millis(),
        "the same by the clock",
        refused,
        &["compiling::a_compile_bomb_ends_at_processor_time_or_the_clock"],
    );
    t.value(
        "compile.memory",
        Bytes,
        memory,
        "address space of the child",
        refused,
        &["compiling::a_compile_bomb_ends_at_its_memory"],
    );
    t.value(
        "compile.output",
        Bytes,
        output,
        "machine code of a component",
        refused,
        &["compiling::a_component_is_compiled_within_its_limits"],
    );
    t.constant(
        "runtime/src/compile/mod.rs",
        "MAX_MESSAGE",
        Bytes,
        "what a compiler says of it",
        "cut",
        &["components::a_compilers_message_is_harmless"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_COMPONENT",
        Bytes,
        "a component that `run` reads",
        refused,
        &[],
    );
    t.constant(
        "cli/src/commands/plugin/inspect.rs",
        "MAX_COMPONENT_BYTES",
        Bytes,
        "a component that `plugin inspect` reads",
        refused,
        &[],
    );
    t.constant(
        "runtime/src/manifest/section.rs",
        "MAX_SECTION_BYTES",
        Bytes,
        "a manifest",
        refused,
        &["section::the_largest_section_passes_and_one_byte_more_does_not"],
    );
    t.constant(
        "runtime/src/manifest/validate/mod.rs",
        "MAX_ITEMS",
        Count,
        "subscriptions, rules, tables, datasets and settings, each",
        refused,
        &[],
    );
    t.constant(
        "runtime/src/manifest/validate/subscription.rs",
        "MAX_FIELDS",
        Count,
        "fields of a subscription",
        refused,
        &[],
    );
    t.constant(
        "runtime/src/manifest/validate/check.rs",
        "MAX_VALUES",
        Count,
        "values of a predicate",
        refused,
        &[],
    );
    let DatasetLimits { bytes, entries } = DatasetLimits::default();
    t.value(
        "dataset.bytes",
        Bytes,
        bytes,
        "a dataset",
        refused,
        &["tests::sizes_are_bounded"],
    );
    t.value(
        "dataset.entries",
        Count,
        entries,
        "entries of a dataset",
        refused,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "pipeline/src/datasets/load.rs",
        "MAX_LINE",
        Bytes,
        "a line of a dataset",
        refused,
        &["tests::errors_say_line_and_field_and_what_to_write"],
    );
    t.constant(
        "pipeline/src/datasets/load.rs",
        "MAX_FIELDS",
        Count,
        "fields of an entry",
        refused,
        &["tests::errors_say_line_and_field_and_what_to_write"],
    );
    t.constant(
        "pipeline/src/datasets/entry.rs",
        "MAX_VALUE",
        Bytes,
        "the value of an entry",
        refused,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "pipeline/src/datasets/entry.rs",
        "MAX_SAME_VALUE",
        Count,
        "entries with one value",
        refused,
        &["tests::sizes_are_bounded"],
    );
    t.constant(
        "pipeline/src/enrich/file.rs",
        "MAX_BYTES",
        Bytes,
        "a networks file",
        refused,
        &[],
    );
    t.constant(
        "pipeline/src/enrich/file.rs",
        "MAX_PROBLEMS",
        Count,
        "problems of a networks file that are told",
        "counted",
        &["enrichment::wrong_entries_are_told_all_at_once"],
    );
    t.constant(
        "cli/src/host/load.rs",
        "MAX_TEXT",
        Bytes,
        "a settings file",
        refused,
        &[],
    );
    t.constant(
        "cli/src/vector/read.rs",
        "MAX_FILE_BYTES",
        Bytes,
        "a file of a vector",
        refused,
        &[],
    );
    t.constant(
        "cli/src/signer.rs",
        "MAX_KEY_BYTES",
        Bytes,
        "a key file",
        refused,
        &[],
    );
    t.constant(
        "cli/src/build/project.rs",
        "MAX_DEPTH",
        Count,
        "folders in each other that are searched for plugins to build",
        "not searched",
        &[],
    );
    t.constant(
        "cli/src/build/compiler.rs",
        "MAX_SAID_BYTES",
        Bytes,
        "what a compiler of plugins says",
        "cut",
        &[],
    );
    t.constant(
        "cli/src/commands/plugin/bench.rs",
        "MAX_READS",
        Count,
        "readings of an input by `plugin bench`",
        "it ends",
        &[],
    );
}

fn pack(t: &mut Table) {
    t.of("pack");
    let refused = "refused";
    let bomb = &["content::a_decompression_bomb_ends_at_the_limit"];
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_FILES",
        Count,
        "files of a pack",
        refused,
        &[],
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_FILE_BYTES",
        Bytes,
        "a file of a pack",
        refused,
        bomb,
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_TOTAL_BYTES",
        Bytes,
        "a pack",
        refused,
        bomb,
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_ATTESTATIONS",
        Count,
        "attestations of a pack",
        refused,
        &[],
    );
    t.constant(
        "pack/src/content/mod.rs",
        "MAX_ATTESTATION_BYTES",
        Bytes,
        "an attestation or document of trust",
        refused,
        &[],
    );
    t.constant(
        "pack/src/path.rs",
        "MAX_PATH",
        Bytes,
        "a path",
        refused,
        &["path::good_paths_pass_and_tricks_do_not"],
    );
    t.constant(
        "pack/src/path.rs",
        "MAX_DEPTH",
        Count,
        "folders of a path",
        refused,
        &["path::good_paths_pass_and_tricks_do_not"],
    );
    t.constant(
        "pack/src/stored.rs",
        "MAX_LISTING_BYTES",
        Bytes,
        "the listing of a pack",
        refused,
        &["content::the_store_gives_back_the_pack_or_an_error"],
    );
    t.constant(
        "pack/src/dsse.rs",
        "MAX_SIGNATURES",
        Count,
        "signatures of an envelope",
        refused,
        &[],
    );
    let lists = &["origin::lists_that_are_damaged_or_too_much_are_refused"];
    t.constant(
        "pack/src/origin.rs",
        "MAX_LISTS",
        Count,
        "lists of crates in a component",
        refused,
        lists,
    );
    t.constant(
        "pack/src/origin.rs",
        "MAX_CRATES",
        Count,
        "crates of all of them",
        refused,
        lists,
    );
    t.constant(
        "pack/src/origin.rs",
        "MAX_LIST_BYTES",
        Bytes,
        "a list, decompressed",
        refused,
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
        refused,
        &[],
    );
    t.constant(
        "cli/src/commands/pack/pull.rs",
        "MAX_ARCHIVE",
        Bytes,
        "an archive from a registry",
        refused,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.constant(
        "cli/src/commands/pack/pull.rs",
        "MAX_CONFIG",
        Bytes,
        "the configuration of an artifact",
        refused,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.constant("cli/src/commands/pack/examine.rs", "FUZZ_CASES", Count, "changed inputs of each vector that `pack certify` tries", "it is done", &["pack_changes::a_certificate_states_what_plugins_need_and_there_is_none_above_the_ceiling"]);
    t.constant(
        "cli/src/commands/pack/behaviour.rs",
        "MAX_SAID",
        Count,
        "findings and decisions of a version that `pack diff` compares",
        "it is told that there are more",
        &[],
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
        refused,
        endless,
    );
    t.value(
        "registry.layers",
        Count,
        layers,
        "layers of an artifact",
        refused,
        &["trouble::what_is_too_large_is_not_pulled"],
    );
    t.value(
        "registry.referrers",
        Count,
        referrers,
        "referrers of an artifact",
        refused,
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
        &[],
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
        refused,
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
        &[],
    );
}

fn disk(t: &mut Table) {
    t.of("disk");
    t.constant(
        "cli/src/host/mod.rs",
        "MAX_CODE",
        Bytes,
        "an entry of the cache of compiled code",
        "not kept",
        &["cache::size_limits_hold_both_ways"],
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
        "pipeline/src/sources/dead_letters.rs",
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
        refused(),
        &["blobs::endless_content_ends_at_the_limit"],
    );
    t.constant(
        "store/src/name.rs",
        "MAX_LEN",
        Bytes,
        "a name of the store",
        refused(),
        &["text::names_have_a_length"],
    );
}

fn refused() -> &'static str {
    "refused"
}

/// Constants that are called like limits and are none, with the reason.
pub(super) const NO_LIMITS: &[(&str, &str, &str)] = &[
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
