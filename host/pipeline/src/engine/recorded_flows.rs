//! Flows that come as records, with their first bytes but without a protocol.
//!
//! A flow that a sensor recorded is recognised as a captured one is: its first bytes go through
//! the same parsers (requirements IOT-2.3b and IOT-2.3c). The verdict becomes `app-proto` and
//! `encrypted` of the record, and what the parser yields comes right after it.

use std::sync::Arc;

use hashbrown::HashMap;
use palisade_events::table::FlowContext;
use palisade_events::{
    Batch, BatchBuilder, BatchError, Body, FieldId, Kind, NetworkFlow, Segment, Stamp, Timestamp,
};
use palisade_runtime::ChunkDirection;

use super::merge::Protocol;
use super::parse::{ParseOutput, ParsedRows};
use super::piece::{Order, Piece, Pieces, SourceFlow};

/// Whether the batch has recorded flows whose protocol is to be told.
pub(crate) fn has_unknown(batch: &Batch) -> bool {
    batch.kind() == Kind::NetworkFlow && (0..batch.len()).any(|row| is_unknown(batch, row))
}

fn is_unknown(batch: &Batch, row: usize) -> bool {
    let (Ok(first), Ok(protocol)) = (
        batch.column(FieldId::of("first-bytes")),
        batch.column(FieldId::of("app-proto")),
    ) else {
        return false;
    };
    !first.values.text(row).is_empty() && !protocol.is_valid(row)
}

/// The first bytes of unknown flows as pieces, each flow over at once.
pub(crate) fn pieces(batches: &[Batch], lists: &mut [Pieces]) {
    let workers = lists.len() as u64;
    for batch in batches.iter().filter(|b| b.kind() == Kind::NetworkFlow) {
        for row in (0..batch.len()).filter(|row| is_unknown(batch, *row)) {
            let Some(Body::NetworkFlow(flow)) = batch.body(row) else {
                continue;
            };
            let seq = batch.seqs()[row];
            let piece = Piece {
                flow: SourceFlow {
                    slot: batch.source().slot,
                    id: seq,
                },
                order: Order {
                    record: seq,
                    part: 1,
                },
                time: batch.times()[row],
                direction: ChunkDirection::ToServer,
                context: Some(Arc::new(context(&flow))),
                offset: 0,
                gap: 0,
                end: false,
                close: false,
                start: 0,
                length: 0,
            };
            let list = &mut lists[(seq % workers) as usize];
            let close = Piece {
                order: Order {
                    record: seq,
                    part: 2,
                },
                context: None,
                close: true,
                ..piece.clone()
            };
            list.push(piece, &flow.first_bytes.0);
            list.push(close, &[]);
        }
    }
}

fn context(flow: &NetworkFlow) -> FlowContext {
    FlowContext {
        owner: flow.owner.clone(),
        src: flow.src.clone(),
        dst: flow.dst.clone(),
        flow: flow.flow.clone(),
        transport: flow.transport,
        direction: flow.direction,
    }
}

/// The batches' rows with their place in the input, and with the protocols that were told.
pub(crate) fn rows(
    batches: &[Batch],
    parsed: &[ParseOutput],
    protocols: &[Protocol],
) -> Result<Vec<ParsedRows>, BatchError> {
    let told: HashMap<u64, usize> = parsed
        .iter()
        .flat_map(|output| output.recognised.iter().map(|r| (r.flow.id, r.parser)))
        .collect();
    let mut out = Vec::with_capacity(batches.len());
    for batch in batches {
        let changed = batch.kind() == Kind::NetworkFlow
            && batch.seqs().iter().any(|seq| told.contains_key(seq));
        let segment = if changed {
            Segment::from(&with_protocols(batch, &told, protocols)?)
        } else {
            Segment::from(batch)
        };
        let places = batch.seqs().iter().zip(0..);
        out.push(ParsedRows {
            segment,
            rows: places.map(|(seq, row)| (Order::of(*seq), row)).collect(),
        });
    }
    Ok(out)
}

fn with_protocols(
    batch: &Batch,
    told: &HashMap<u64, usize>,
    protocols: &[Protocol],
) -> Result<Batch, BatchError> {
    let mut builder = BatchBuilder::new(batch.kind(), Arc::clone(batch.source()));
    for row in 0..batch.len() {
        let (Some(mut body), Some(envelope)) = (batch.body(row), batch.envelope(row)) else {
            continue;
        };
        let protocol = told
            .get(&envelope.seq)
            .and_then(|parser| protocols.get(*parser));
        if let (Body::NetworkFlow(flow), Some(protocol)) = (&mut body, protocol) {
            flow.app_proto = Some(protocol.name.to_string());
            flow.encrypted = flow.encrypted.or(protocol.encrypted);
        }
        let stamp = Stamp {
            time: envelope.time,
            ingest_time: Timestamp(batch.ingest_times()[row]),
            seq: envelope.seq,
        };
        builder
            .push(stamp, &body)
            .map_err(|e| BatchError::Columns {
                kind: batch.kind(),
                problem: e.to_string(),
            })?;
        builder.handle(envelope.tlp, &envelope.labels, &envelope.refs);
    }
    builder.finish()
}
