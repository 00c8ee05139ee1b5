//! A flow.

use crate::limits::Table;
use crate::limits::Unit::{Bytes, Count};

pub(super) fn fill(t: &mut Table) {
    t.of("flow");
    t.constant(
        "capture/src/link.rs",
        "MAX_TAGS",
        Count,
        "VLAN tags of a frame",
        "rejected and counted",
        &["link::link_headers"],
    );
    t.constant(
        "capture/src/flow/defrag.rs",
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
