//! The host, in one run.

use palisade_capture::flow::{FlowConfig, FragmentConfig, ReassemblyConfig};
use palisade_pipeline::engine::EngineConfig;
use palisade_pipeline::memory::Memory;

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count, Time};

/// The limits of a capture's flows together, and of an epoch.
pub(super) fn fill(t: &mut Table) {
    t.of("host");
    let FlowConfig {
        max_flows: _,
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
                total_bytes: _,
                wait,
                gap_on_acknowledgement: _,
            },
        fragments:
            FragmentConfig {
                datagrams,
                bytes: _,
                per_datagram,
                timeout,
            },
        // No limits: when counts are told, and how packets are understood.
        update_interval: _,
        vlan_in_key: _,
        verify_checksums: _,
        server_ports: _,
    } = FlowConfig::default();
    let memory = Memory::of(None, 2);
    t.value(
        "memory.total",
        Bytes,
        memory.total,
        "memory that the host takes (`--memory`), with two workers; shares below",
        "each share has its own answer",
        &["peaks::a_million_names_of_attributes"],
    );
    t.value(
        "memory.max_flows",
        Count,
        memory.max_flows(),
        "flows at a time",
        "the least recent of the class that holds most is ended",
        &[
            "flows::a_flood_makes_room_at_its_own_cost",
            "peaks::a_flood_of_flows_that_nobody_knows",
        ],
    );
    t.value(
        "memory.reassembly",
        Bytes,
        memory.reassembly,
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
        "memory.fragments",
        Bytes,
        memory.fragments,
        "the bytes of them",
        "the oldest make room",
        &[
            "fragments::limits_and_times",
            "peaks::fragments_take_what_the_table_says",
        ],
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
        &["counts::sources_are_as_many_as_references_tell_apart"],
    );
    t.constant(
        "events/src/event.rs",
        "MAX_SEQ",
        Count,
        "events of an input",
        "the run ends",
        &["sink::numbers_end_where_references_have_no_more"],
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
        "pipeline/src/engine/config.rs",
        "MAX_WORKERS",
        Count,
        "worker threads (`--workers`)",
        "refused",
        &["wrong_input::options_and_files_that_are_wrong"],
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
        "sources/src/counts.rs",
        "MAX_TYPES",
        Count,
        "types of record that are counted by name",
        "counted together",
        &["counts::names_are_bounded_and_sums_are_right"],
    );
    t.constant(
        "sources/src/counts.rs",
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
        // Of these the fields have lines of their own.
        memory: _,
        flow: _,
        read: _,
        limits: _,
        // No limits: how a run is set up.
        workers: _,
        lateness: _,
        clock: _,
        asked: _,
        until: _,
        fresh: _,
        evidence: _,
        partition_key: _,
        dead_letters: _,
        on_fault: _,
        stop: _,
    } = EngineConfig::default();
    t.value(
        "engine.max_skew",
        Time,
        max_skew.as_millis(),
        "that an event may lie ahead of the clock",
        "it does not move the clock of events",
        &["watermark::events_up_to_300_s_ahead_of_the_clock_move_it_and_none_beyond"],
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
        "sources/src/sink.rs",
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
    t.constant(
        "pipeline/src/engine/feed/log.rs",
        "MAX_REQUESTS",
        Count,
        "requests of an epoch",
        "the next epoch begins",
        &["counts::requests_of_an_epoch_are_1024_however_small_they_are"],
    );
    t.constant(
        "pipeline/src/engine/parse/worker.rs",
        "MAX_FAILURES",
        Count,
        "flows of an epoch that are told one by one as not parsed",
        "counted",
        &[],
    );
}
