//! Tests of tables through their public face, and of their parts against plain models.

mod bounds;
mod keys;
mod models;
mod rollback;
mod save;
mod semantics;

use std::sync::Arc;

use palisade_events::{
    Batch, BatchBuilder, Body, Endpoint, FieldId, Kind, NetworkFlow, Source, Stamp, Timestamp,
};

use super::*;

/// An event of a test: time, source address, destination port, application protocol.
#[derive(Clone, Copy, Debug)]
struct Row {
    time: u64,
    src: u32,
    port: Option<u16>,
    proto: Option<&'static str>,
    bytes: u64,
}

fn row(time: u64, src: u32) -> Row {
    Row {
        time,
        src,
        port: Some(443),
        proto: None,
        bytes: 1,
    }
}

fn source(tenant: &str) -> Arc<Source> {
    Arc::new(Source {
        slot: 3,
        name: "tap".into(),
        tenant: tenant.into(),
    })
}

/// A batch of flows whose sequence numbers begin at `seq`.
fn batch_at(tenant: &str, seq: u64, rows: &[Row]) -> Batch {
    let mut builder = BatchBuilder::new(Kind::NetworkFlow, source(tenant));
    for (seq, row) in (seq..).zip(rows) {
        let endpoint = |ip: u32, port| Endpoint {
            ip: std::net::IpAddr::from(ip.to_be_bytes()).into(),
            port,
            ..Endpoint::default()
        };
        let flow = NetworkFlow {
            src: endpoint(row.src, None),
            dst: endpoint(1, row.port),
            app_proto: row.proto.map(str::to_owned),
            bytes_out: row.bytes,
            ..NetworkFlow::default()
        };
        let stamp = Stamp {
            time: Timestamp(row.time),
            ingest_time: Timestamp(row.time),
            seq,
        };
        builder.push(stamp, &Body::NetworkFlow(flow)).unwrap();
    }
    builder.finish().unwrap()
}

fn batch(rows: &[Row]) -> Batch {
    batch_at("acme", 0, rows)
}

fn event(seq: u64) -> u64 {
    source("acme").event_ref(seq)
}

fn spec(holds: Holds, window: u64, ttl: u64) -> TableSpec {
    let key = match holds {
        Holds::Value => Vec::new(),
        _ => vec![FieldId::of("src.ip")],
    };
    TableSpec {
        name: "table".into(),
        holds,
        key,
        span: Span { window, ttl },
        max_keys: 1000,
    }
}

fn tables(spec: TableSpec) -> Tables {
    Tables::new(vec![spec], DEFAULT_BYTES)
}

fn all(batch: &Batch) -> Vec<u32> {
    (0..batch.len() as u32).collect()
}

/// Calls a function of the one table on all rows of a batch, as one call of the plugin.
fn apply(tables: &mut Tables, batch: &Batch) -> Vec<u64> {
    tables.begin(&batch.source().tenant);
    let answers = apply_in_call(tables, batch);
    tables.commit();
    answers
}

fn apply_in_call(tables: &mut Tables, batch: &Batch) -> Vec<u64> {
    let rows = all(batch);
    let rows = Rows {
        batch,
        selection: None,
        rows: &rows,
    };
    let column = |name| batch.column(FieldId::of(name)).unwrap();
    match tables.spec(0).holds {
        Holds::Count => tables.count(0, rows).unwrap(),
        Holds::Sum => tables.sum(0, &column("bytes-out"), rows).unwrap(),
        Holds::Distinct => tables.distinct(0, &column("dst.port"), rows).unwrap(),
        Holds::First => {
            let firsts = tables.first(0, rows).unwrap();
            firsts.into_iter().map(u64::from).collect()
        }
        Holds::Value => Vec::new(),
    }
}
