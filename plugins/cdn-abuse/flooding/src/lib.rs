//! CDN-3.1b: sending masses of packets that disturb others, and letting machines be used for
//! it, is forbidden; so is scanning, which comes before.
//!
//! Rates are taken over 10 seconds of event time from the counters of flow events, which are
//! what happened since the last event of the flow. A recorded flow that lasted longer than that
//! is counted at its average rate.

use palisade_sdk::{
    Action, Batch, BlockScope, Detector, Finding, Settings, SettingsError, Table, field,
};

const FLOOD: &str = "CDN-3.1b";
const SCAN: &str = "CDN-3.1b/scan";
const PACKETS: Table = Table(0);
const SYNS: Table = Table(1);
const REQUESTED: Table = Table(2);
const ANSWERED: Table = Table(3);
const PORTS: Table = Table(4);
const FLOODS: Table = Table(5);
const REFLECTIONS: Table = Table(6);
const SCANS: Table = Table(7);
/// Seconds of the windows above.
const WINDOW: f64 = 10.0;
const SECOND: f64 = 1e9;
/// Positions in `types.transport` and `types.flow-phase`.
const TCP: u8 = 0;
const UDP: u8 = 1;

/// The plugin.
pub struct Flooding {
    flood: f64,
    syn_share: f64,
    syn_flood: f64,
    amplification: f64,
    reflection: u64,
    scan: u64,
}

impl Detector for Flooding {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Self {
            flood: settings.count("flood-pps")? as f64,
            syn_share: settings.number("syn-only-share")?,
            syn_flood: settings.count("syn-flood-pps")? as f64,
            amplification: settings.number("amplification")?,
            reflection: settings.count("reflection-bytes")?,
            scan: settings.count("scan-ports")?,
        })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let transports = batch.u8s(field!("transport"));
        self.floods(batch, &transports);
        self.reflections(batch, &transports);
        self.scans(batch);
    }
}

/// What only a rule that may report something reads.
struct Columns {
    sources: palisade_sdk::Addresses,
    targets: palisade_sdk::Addresses,
    ports: Vec<u16>,
    started: Vec<u64>,
    ended: Vec<u64>,
    customers: palisade_sdk::Text,
}

impl Columns {
    fn of(batch: &Batch) -> Self {
        Self {
            sources: batch.addresses(field!("src.ip")),
            targets: batch.addresses(field!("dst.ip")),
            ports: batch.u16s(field!("dst.port")),
            started: batch.u64s(field!("started")),
            ended: batch.u64s(field!("ended")),
            customers: batch.text(field!("owner.customer")),
        }
    }

    fn subject(&self, row: usize) -> String {
        match self.customers.get(row) {
            "" => format!("address:{}", self.sources.get(row).to_canonical()),
            customer => format!("customer:{}", customer.chars().take(60).collect::<String>()),
        }
    }

    fn path(&self, row: usize) -> String {
        let source = self.sources.get(row).to_canonical();
        let target = self.targets.get(row).to_canonical();
        format!("{source} to {target} port {}", self.ports[row])
    }

    /// How much of a long flow's counters fell into one window: 1 for a short one.
    fn share(&self, row: usize) -> f64 {
        let lasted = self.ended[row].saturating_sub(self.started[row]) as f64 / SECOND;
        (WINDOW / lasted.max(WINDOW)).min(1.0)
    }
}

/// Rows that a table has not seen within its time, of those that pass.
fn fresh(table: Table, rows: Vec<u32>) -> Vec<usize> {
    if rows.is_empty() {
        return Vec::new();
    }
    let first = table.first(&rows);
    rows.into_iter()
        .zip(first)
        .filter(|(_, first)| *first)
        .map(|(row, _)| row as usize)
        .collect()
}

impl Flooding {
    fn floods(&self, batch: &Batch, transports: &[u8]) {
        let all = batch.all();
        let packets = PACKETS.sum(field!("pkts-out"), &all);
        // Few flows come to a rate that matters, whatever they lasted.
        let least = self.flood.min(self.syn_flood);
        let fast = |row: &u32| packets[*row as usize] as f64 / WINDOW >= least;
        // The others count for the share of SYN only with those that they have.
        let alone = batch.u64s(field!("syn-only-pkts"));
        let counted: Vec<u32> = all
            .iter()
            .copied()
            .filter(|row| alone[*row as usize] > 0 || fast(row))
            .collect();
        if counted.is_empty() {
            return;
        }
        let sums = SYNS.sum(field!("syn-only-pkts"), &counted);
        if !counted.iter().any(fast) {
            return;
        }
        let columns = Columns::of(batch);
        let mut syns = vec![0; all.len()];
        for (row, sum) in counted.iter().zip(sums) {
            syns[*row as usize] = sum;
        }
        let verdict = |row: usize| {
            let rate = packets[row] as f64 / WINDOW * columns.share(row);
            let share = syns[row] as f64 / (packets[row].max(1)) as f64;
            let syn_flood =
                transports[row] == TCP && rate >= self.syn_flood && share >= self.syn_share;
            (rate >= self.flood || syn_flood).then_some((rate, share, syn_flood))
        };
        let over = counted
            .into_iter()
            .filter(|row| verdict(*row as usize).is_some());
        for row in fresh(FLOODS, over.collect()) {
            let Some((rate, share, syn_flood)) = verdict(row) else {
                continue;
            };
            let what = if syn_flood { "SYN flood" } else { "flood" };
            Finding::new(FLOOD)
                .subject(columns.subject(row))
                .summary(format!(
                    "{what} of {rate:.0} packets/s from {}",
                    columns.path(row)
                ))
                .row(row)
                .number("packets-per-second", rate)
                .number("syn-only-share", share)
                .action(Action::Block(vec![BlockScope::Port]))
                .emit();
        }
    }

    fn reflections(&self, batch: &Batch, transports: &[u8]) {
        let udp: Vec<u32> = batch
            .all()
            .into_iter()
            .filter(|row| transports[*row as usize] == UDP)
            .collect();
        if udp.is_empty() {
            return;
        }
        let requested = REQUESTED.sum(field!("bytes-out"), &udp);
        let answered = ANSWERED.sum(field!("bytes-in"), &udp);
        let mut ratios = Vec::new();
        let mut over = Vec::new();
        for ((row, requested), answered) in udp.iter().zip(requested).zip(answered) {
            let ratio = answered as f64 / requested.max(1) as f64;
            if answered >= self.reflection && ratio >= self.amplification {
                over.push(*row);
                ratios.push((*row as usize, ratio));
            }
        }
        if over.is_empty() {
            return;
        }
        let columns = Columns::of(batch);
        for row in fresh(REFLECTIONS, over) {
            let ratio = ratios
                .iter()
                .find(|(r, _)| *r == row)
                .map_or(0.0, |(_, ratio)| *ratio);
            Finding::new(FLOOD)
                .subject(format!(
                    "address:{}",
                    columns.targets.get(row).to_canonical()
                ))
                .summary(format!(
                    "reflection: {ratio:.0} bytes answered for one asked, {}",
                    columns.path(row)
                ))
                .row(row)
                .number("amplification", ratio)
                .action(Action::Block(vec![BlockScope::Port]))
                .emit();
        }
    }

    fn scans(&self, batch: &Batch) {
        let all = batch.all();
        let ports = PORTS.distinct(field!("dst.port"), &all);
        let over: Vec<u32> = all
            .into_iter()
            .filter(|row| ports[*row as usize] >= self.scan)
            .collect();
        if over.is_empty() {
            return;
        }
        let columns = Columns::of(batch);
        for row in fresh(SCANS, over) {
            let source = columns.sources.get(row).to_canonical();
            let target = columns.targets.get(row).to_canonical();
            Finding::new(SCAN)
                .subject(format!("address:{source}"))
                .summary(format!(
                    "{source} tried {} ports of {target} in 60 s",
                    ports[row]
                ))
                .row(row)
                .number("ports", ports[row] as f64)
                .action(Action::Block(vec![BlockScope::Source]))
                .emit();
        }
    }
}

palisade_sdk::export_detector!(Flooding);
