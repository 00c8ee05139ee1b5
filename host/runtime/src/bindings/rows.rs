//! Rows: every kind's events as typed records, generated from WIT.

use palisade_events::{Attributes, Body, FieldId, Kind};
use wasmtime::component::{ComponentType, Lift, Linker, Lower};

use super::{function, interface};
use crate::FaultCause;
use crate::call::HostState;

/// The most rows of one call, as WIT has it.
const MAX_ROWS: usize = 1024;

/// Links `rows` of a kind: `interface name => kind as record` for all kinds.
macro_rules! rows_of {
    ($($name:literal => $kind:ident as $record:ident,)*) => {
        /// Links the function `rows` of the kind's interface.
        pub(crate) fn link(linker: &mut Linker<HostState>, kind: Kind) -> wasmtime::Result<()> {
            match kind {
                $(Kind::$kind => function(
                    &mut linker.instance(&interface($name))?,
                    "rows",
                    |state, (rows,): (Vec<u32>,)| {
                        let mut out = Vec::with_capacity(rows.len().min(MAX_ROWS));
                        for body in bodies(state, Kind::$kind, &rows)? {
                            if let Body::$kind(body) = body {
                                out.push($record::from(body));
                            }
                        }
                        Ok(out)
                    },
                ),)*
            }
        }
    };
}

/// What is generated; types that no kind holds are there too, for the WIT has them.
#[allow(dead_code, reason = "which types kinds hold is the WIT's business")]
mod generated {
    use super::*;

    include!(concat!(env!("OUT_DIR"), "/rows.rs"));
}

pub(crate) use generated::KindCode;
use generated::Tlp;
pub(super) use generated::link;

/// The bodies of these rows, without what the manifest does not list.
///
/// A row may be named more than once, so that few of them can be many bytes.
fn bodies(state: &mut HostState, kind: Kind, rows: &[u32]) -> Result<Vec<Body>, FaultCause> {
    bounded(rows)?;
    let mask = state.mask();
    let view = state.check_rows(rows, "rows")?.clone();
    if view.batch().kind() != kind {
        return Err(FaultCause::NoBatch("rows"));
    }
    let (mut bodies, mut bytes) = (Vec::with_capacity(rows.len()), 0);
    for row in rows.iter().map(|row| view.batch_row(*row)) {
        // Whatever one of them holds, a record can be read.
        match rows.len() {
            1 => state.work(view.batch().body_size(row))?,
            _ => state.hand_over("rows", &mut bytes, view.batch().body_size(row))?,
        }
        bodies.extend(view.batch().body_masked(row, &mask));
    }
    Ok(bodies)
}

fn bounded(rows: &[u32]) -> Result<(), FaultCause> {
    if rows.len() <= MAX_ROWS {
        return Ok(());
    }
    Err(FaultCause::Capability {
        function: "rows",
        problem: format!(
            "{} rows in one call; at most {MAX_ROWS} are allowed",
            rows.len()
        ),
    })
}

fn attributes(attributes: Attributes) -> Vec<super::types::Attribute> {
    attributes
        .iter()
        .map(|(name, value)| super::types::Attribute {
            name: name.to_owned(),
            value: value.clone().into(),
        })
        .collect()
}

#[derive(ComponentType, Lower, Clone, Debug)]
#[component(record)]
struct Envelope {
    #[component(name = "event-ref")]
    event_ref: u64,
    time: u64,
    #[component(name = "ingest-time")]
    ingest_time: u64,
    tenant: String,
    source: String,
    seq: u64,
    tlp: Option<Tlp>,
    labels: Vec<String>,
    refs: Vec<String>,
}

/// Links `rows` of the envelope.
pub(super) fn link_envelope(linker: &mut Linker<HostState>) -> wasmtime::Result<()> {
    let mut instance = linker.instance(&interface("envelope"))?;
    function(&mut instance, "rows", |state, (rows,): (Vec<u32>,)| {
        bounded(&rows)?;
        let grants = [
            "ingest-time",
            "tenant",
            "source",
            "seq",
            "tlp",
            "labels",
            "refs",
        ]
        .map(|name| state.grants(FieldId::of(name)));
        let [ingest_time, tenant, source, seq, tlp, labels, refs] = grants;
        let view = state.check_rows(&rows, "envelope.rows")?.clone();
        let (mut out, mut bytes) = (Vec::with_capacity(rows.len()), 0);
        for row in rows {
            let row = view.batch_row(row);
            if let Some(e) = view.batch().envelope(row) {
                let texts = e.labels.iter().chain(&e.refs);
                let texts: usize = texts.map(|text| size_of::<String>() + text.len()).sum();
                let named = e.source.tenant.len() + e.source.name.len();
                let held = size_of::<Envelope>() + named + texts;
                state.hand_over("envelope.rows", &mut bytes, held)?;
                out.push(Envelope {
                    event_ref: e.source.event_ref(e.seq),
                    time: e.time.0,
                    ingest_time: if ingest_time { e.ingest_time.0 } else { 0 },
                    tenant: if tenant {
                        e.source.tenant.clone()
                    } else {
                        String::new()
                    },
                    source: if source {
                        e.source.name.clone()
                    } else {
                        String::new()
                    },
                    seq: if seq { e.seq } else { 0 },
                    tlp: e.tlp.filter(|_| tlp).map(Into::into),
                    labels: if labels { e.labels } else { Vec::new() },
                    refs: if refs { e.refs } else { Vec::new() },
                });
            }
        }
        Ok(out)
    })
}
