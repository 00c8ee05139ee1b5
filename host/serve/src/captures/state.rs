//! How sources of packets stand, for whoever asks.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use palisade_pipeline::engine::PacketFeed;
use serde_json::{Value, json};

use crate::record::Rows;

/// What a source does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Doing {
    /// There is nothing to be read.
    #[default]
    Waiting,
    /// It reads.
    Reading,
    /// It cannot be read, and is tried again.
    Down,
}

impl Doing {
    fn name(self) -> &'static str {
        match self {
            Doing::Waiting => "waiting",
            Doing::Reading => "reading",
            Doing::Down => "down",
        }
    }
}

/// What a source has done since the start.
#[derive(Debug, Default)]
struct Done {
    doing: Doing,
    /// The file that is read, or the interface, and the packets of the file that were read.
    at: String,
    offset: u64,
    packets: u64,
    bytes: u64,
    files: u64,
    flows: u64,
    /// What was dropped, by cause.
    drops: BTreeMap<&'static str, u64>,
    /// How much of that plugins were told of.
    told: BTreeMap<&'static str, u64>,
    /// Records of the journal in which files have ended and that nobody has asked for.
    ended: VecDeque<u64>,
}

/// A source of packets.
#[derive(Debug)]
pub(crate) struct CaptureState {
    name: String,
    tenant: String,
    done: Mutex<Done>,
    /// The record in which its latest file has ended.
    latest: AtomicU64,
}

impl CaptureState {
    pub(crate) fn new(name: &str, tenant: &str) -> CaptureState {
        CaptureState {
            name: name.to_owned(),
            tenant: tenant.to_owned(),
            done: Mutex::default(),
            latest: AtomicU64::new(0),
        }
    }

    fn done(&self) -> MutexGuard<'_, Done> {
        self.done.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What it does from here on.
    pub(super) fn does(&self, doing: Doing) {
        self.done().doing = doing;
    }

    /// It reads from there.
    pub(super) fn reads(&self, at: &str, offset: u64) {
        let mut done = self.done();
        at.clone_into(&mut done.at);
        (done.doing, done.offset) = (Doing::Reading, offset);
    }

    /// It has read so many more packets and bytes, into these flows.
    pub(super) fn has_read(&self, (packets, bytes): (u64, u64), feed: &PacketFeed) {
        let mut done = self.done();
        done.doing = Doing::Reading;
        done.offset += packets;
        done.packets += packets;
        done.bytes += bytes;
        let (flows, evicted) = feed.flows();
        done.flows = flows as u64;
        if evicted > 0 {
            done.drops.insert("evicted-flow", evicted);
        }
        done.drops.extend(feed.skipped());
    }

    /// A file has ended.
    pub(super) fn has_ended(&self) {
        self.done().files += 1;
    }

    /// So many were dropped for this cause since the start.
    pub(super) fn dropped(&self, cause: &'static str, count: u64) {
        self.done().drops.insert(cause, count);
    }

    /// So many more were dropped for this cause.
    pub(super) fn drops(&self, cause: &'static str, more: u64) {
        *self.done().drops.entry(cause).or_default() += more;
    }

    /// The records in which files have ended since this was asked last, in order.
    pub(super) fn ended(&self) -> Vec<u64> {
        self.done().ended.drain(..).collect()
    }
}

/// Causes for which something is missing that was on a wire.
const GAPS: [&str; 7] = [
    "kernel",
    "interface",
    "interruption",
    "broken-file",
    "grown-file",
    "no-capture",
    "lost-flow",
];

/// Something of a source is missing.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gap {
    pub(crate) source: String,
    pub(crate) tenant: String,
    pub(crate) cause: &'static str,
    /// How many packets, flows, files or times, since it was told last.
    pub(crate) count: u64,
}

/// All sources of packets, by their number in the journal.
#[derive(Debug, Default)]
pub(crate) struct Captures(Mutex<BTreeMap<u32, Arc<CaptureState>>>);

impl Captures {
    fn all(&self) -> MutexGuard<'_, BTreeMap<u32, Arc<CaptureState>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn add(&self, number: u32, state: Arc<CaptureState>) {
        self.all().insert(number, state);
    }

    /// An epoch was evaluated, and becomes this record.
    pub(crate) fn took(&self, rows: &Rows, record: u64) {
        if rows.ended
            && let Some(state) = self.all().get(&rows.source)
        {
            state.latest.store(record, Ordering::Release);
            state.done().ended.push_back(record);
        }
    }

    /// What is missing since this was asked last, by source and cause.
    pub(crate) fn gaps(&self) -> Vec<Gap> {
        let mut gaps = Vec::new();
        for state in self.all().values() {
            let mut done = state.done();
            for cause in GAPS {
                let dropped = done.drops.get(cause).copied().unwrap_or_default();
                let told = done.told.insert(cause, dropped).unwrap_or_default();
                if dropped > told {
                    gaps.push(Gap {
                        source: state.name.clone(),
                        tenant: state.tenant.clone(),
                        cause,
                        count: dropped - told,
                    });
                }
            }
        }
        gaps
    }

    /// A source that cannot be read, if there is one.
    pub(crate) fn down(&self) -> Option<String> {
        let all = self.all();
        let mut all = all.values();
        let down = all.find(|state| state.done().doing == Doing::Down)?;
        Some(down.name.clone())
    }

    /// For people.
    pub(crate) fn json(&self) -> Value {
        let all = self.all();
        let one = |state: &Arc<CaptureState>| {
            let done = state.done();
            json!({
                "name": state.name,
                "tenant": state.tenant,
                "state": done.doing.name(),
                "at": done.at,
                "offset": done.offset,
                "packets": done.packets,
                "bytes": done.bytes,
                "files": done.files,
                "flows": done.flows,
                "drops": done.drops,
            })
        };
        all.values().map(one).collect()
    }

    /// For Prometheus: of each family its name, type, help and rows.
    pub(crate) fn metrics(&self, label: impl Fn(&str) -> String) -> [Family; 5] {
        let (mut packets, mut bytes, mut drops, mut flows, mut up) =
            (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for state in self.all().values() {
            let done = state.done();
            let of = format!(
                "source=\"{}\",tenant=\"{}\"",
                label(&state.name),
                label(&state.tenant)
            );
            let row = |value: u64| (format!("{{{of}}}"), value as f64);
            packets.push(row(done.packets));
            bytes.push(row(done.bytes));
            flows.push(row(done.flows));
            up.push(row(u64::from(done.doing != Doing::Down)));
            for (cause, count) in &done.drops {
                drops.push((
                    format!("{{{of},cause=\"{}\"}}", label(cause)),
                    *count as f64,
                ));
            }
        }
        [
            (
                "capture_packets_total",
                "counter",
                "Packets that were read since the start.",
                packets,
            ),
            (
                "capture_bytes_total",
                "counter",
                "Their captured bytes.",
                bytes,
            ),
            (
                "capture_drops_total",
                "counter",
                "Packets, flows or files of which something is missing, by cause.",
                drops,
            ),
            ("capture_flows", "gauge", "Flows that are open.", flows),
            (
                "capture_up",
                "gauge",
                "Whether a source of packets can be read.",
                up,
            ),
        ]
    }
}

/// Figures of one name: the name, type, help, and labels with values.
pub(crate) type Family = (&'static str, &'static str, &'static str, Vec<(String, f64)>);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_are_told_once_and_what_is_no_gap_is_not() {
        let captures = Captures::default();
        let state = Arc::new(CaptureState::new("tap", "acme"));
        captures.add(1, Arc::clone(&state));
        assert_eq!(captures.gaps(), []);
        state.dropped("kernel", 7);
        state.drops("broken-file", 1);
        state.drops("evicted-flow", 3);
        let gap = |cause, count| Gap {
            source: "tap".to_owned(),
            tenant: "acme".to_owned(),
            cause,
            count,
        };
        assert_eq!(captures.gaps(), [gap("kernel", 7), gap("broken-file", 1)]);
        assert_eq!(captures.gaps(), []);
        state.dropped("kernel", 9);
        assert_eq!(captures.gaps(), [gap("kernel", 2)]);
    }
}
