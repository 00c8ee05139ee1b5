//! From what a parser returned to rows with a place in the input.

use std::sync::Arc;

use palisade_events::Timestamp;
use palisade_events::table::{FlowContext, HostColumns, TableError, segment};
use palisade_runtime::ParsedTable;

use super::output::ParsedRows;
use crate::engine::piece::Order;

/// Where a row of a table came from.
pub(crate) struct RowOrigin {
    pub(crate) order: Order,
    pub(crate) time: u64,
    /// It does not count.
    pub(crate) dropped: bool,
    /// `None`: its flow is not there any more.
    pub(crate) context: Option<Arc<FlowContext>>,
}

/// Checks a table and stamps its rows.
pub(crate) fn table_segment(
    table: ParsedTable,
    origins: &[RowOrigin],
) -> Result<ParsedRows, TableError> {
    let mut host = HostColumns::default();
    let nobody = FlowContext::default();
    for origin in origins {
        let context = origin.context.as_deref().unwrap_or(&nobody);
        let time = Timestamp(origin.time);
        host.push(time, time, context);
    }
    let segment = segment(table.kind, table.columns, host)?;
    let rows = origins
        .iter()
        .zip(0..)
        .filter(|(origin, _)| !origin.dropped)
        .map(|(origin, row)| (origin.order, row))
        .collect();
    Ok(ParsedRows { segment, rows })
}
