//! A batch of flows, and the rule of the boundary examples as a Rust programmer would write it
//! without a boundary: the baseline that plugins are compared with.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use palisade_events::{
    Batch, BatchBuilder, BatchError, Body, Column, ColumnError, ColumnType, Endpoint, FieldId,
    Kind, NetworkFlow, Source, Stamp, Timestamp, Values,
};
use palisade_runtime::View;

/// Flows with at most as many bytes are not reported: the default of the examples' setting.
const LIMIT: u64 = 1000;

/// `rows` flows like those of a site: one in eight goes to a port of a cleartext protocol, and
/// none sends enough to be reported, so that what is measured is the reading.
///
/// # Errors
/// When there are more rows than a batch may have, or none.
pub fn quiet(rows: usize) -> Result<Batch, BatchError> {
    let source = Arc::new(Source {
        slot: 0,
        name: "bench".into(),
        tenant: "bench".into(),
    });
    const PORTS: [u16; 8] = [443, 53, 80, 1883, 502, 8080, 123, 49_152];
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, source);
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for seq in 0..rows as u64 {
        // Knuth's constants of a linear congruential generator.
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let random = state >> 33;
        let port = PORTS[(random % 8) as usize];
        let endpoint = |last: u8, port| Endpoint {
            ip: IpAddr::from(Ipv4Addr::new(10, 0, (random >> 8) as u8, last)).into(),
            port: Some(port),
            ..Endpoint::default()
        };
        let flow = NetworkFlow {
            src: endpoint((random >> 16) as u8, 49_153),
            dst: endpoint(1, port),
            app_proto: Some("http".into()),
            bytes_out: match port {
                1883 => random % LIMIT,
                _ => random % 100_000,
            },
            ..NetworkFlow::default()
        };
        let stamp = Stamp {
            time: Timestamp(1_700_000_000_000_000_000 + seq * 1_000_000),
            ingest_time: Timestamp(1_700_000_000_000_000_000 + seq * 1_000_000),
            seq,
        };
        if builder.push(stamp, &Body::NetworkFlow(flow)).is_err() {
            break;
        }
    }
    builder.finish()
}

/// The rule, native, over the same view that a plugin is shown: gets at the same three columns
/// through the same functions, and returns the rows that it would report with their sources.
///
/// # Errors
/// When the batch is not one of flows.
pub fn rule(view: &View) -> Result<Vec<(usize, [u8; 16])>, ColumnError> {
    let column = |name, ty| view.column_as(FieldId::of(name), ty);
    let ports = column("dst.port", ColumnType::U16)?;
    let sent = column("bytes-out", ColumnType::U64)?;
    let sources = column("src.ip", ColumnType::Address)?;
    Ok(look(&ports, &sent, &sources))
}

/// The loop alone.
///
/// By number of row and never inlined, so that every benchmark of every build has it in the one
/// form that was looked at: three compares and a branch a row, all in registers. With the
/// iterators zipped and numbered, the checked count made the compiler hand each row on through
/// the stack, and how fast the processor forwards a store to the load behind it differed by
/// 40 % from build to build.
#[inline(never)]
pub fn look(ports: &Column, sent: &Column, sources: &Column) -> Vec<(usize, [u8; 16])> {
    let mut found = Vec::new();
    let (Values::U16(ports), Values::U64(sent), Values::Address(sources)) =
        (&ports.values, &sent.values, &sources.values)
    else {
        return found;
    };
    let sources = sources.as_chunks::<16>().0;
    let rows = ports.len().min(sent.len()).min(sources.len());
    let (ports, sent, sources) = (&ports[..rows], &sent[..rows], &sources[..rows]);
    for row in 0..rows {
        if matches!(ports[row], 23 | 1883 | 5683) && sent[row] > LIMIT {
            found.push((row, sources[row]));
        }
    }
    found
}
