//! What a run did and what it cost.

use std::collections::BTreeMap;
use std::time::Duration;

use palisade_events::Kind;
use palisade_runtime::Peaks;

use super::parse::ParseCost;
use super::seat::Cost;

/// A plugin's share in a run.
#[derive(Clone, Debug, Default)]
pub struct PluginSummary {
    /// Its name.
    pub name: String,
    /// The pack that it says it belongs to.
    pub pack: String,
    /// What it is called wherever it is spoken of: its name, or `pack/name` where another
    /// plugin of the run has the same.
    pub title: String,
    /// Findings and retractions, or events that it parsed.
    pub yielded: u64,
    /// It faulted too often, and was shown nothing more from then on.
    pub quarantined: bool,
    /// What it cost, of detectors and policies.
    pub cost: Cost,
    /// What it cost, of parsers.
    pub parse: ParseCost,
}

impl PluginSummary {
    /// The most that a call needed, of whichever kind the plugin is.
    pub fn peaks(&self) -> Peaks {
        let mut peaks = self.cost.peaks;
        peaks.raise(self.parse.peaks);
        peaks
    }
}

/// What a run did.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// Which [partition key](palisade_state::partition::PartitionKey::identity) the run had: what runs
    /// must have in common to be compared where state tables are full.
    pub partition_key: String,
    /// Packets of captures.
    pub packets: u64,
    /// Packets that were no part of a flow, by reason.
    pub packets_skipped: BTreeMap<&'static str, u64>,
    /// Records of logs that became no event.
    pub bad_records: u64,
    /// Records of which something was replaced or left out, so that they could be read.
    pub mended_records: u64,
    /// Events of logs of which an end has no address, since the record does not say it.
    pub endless: u64,
    /// Inputs that could not be read to their end.
    pub broken_inputs: u64,
    /// Inputs that were read to their end, and hold no packet and no record.
    pub empty_inputs: u64,
    /// Bytes read.
    pub bytes: u64,
    /// Events by kind.
    pub events: BTreeMap<Kind, u64>,
    /// Findings and retractions.
    pub findings: u64,
    /// Decisions.
    pub decisions: u64,
    /// Decisions that do not permit.
    pub denied: u64,
    /// Events that a plugin could not be shown.
    pub poison: u64,
    /// Faults of plugins.
    pub faults: u64,
    /// Events, requests, timers and pieces of flows that plugins were not shown because they
    /// had used up what they may of an epoch, each counted for every such plugin.
    pub unevaluated: u64,
    /// The same, because the run was ended before.
    pub interrupted: u64,
    /// How often an epoch was cut because plugins said more of it than may be held at once.
    pub cuts: u64,
    /// Findings that were refused because more than four would rest one on another.
    pub too_deep: u64,
    /// Flows that nobody knew yet and that were left alone, because too much was held of all
    /// of them.
    pub crowded: u64,
    /// Flows of captures that ended to make room for newer ones.
    pub evicted: u64,
    /// Sessions of datagrams, and of streams in which one side alone has said something, that ended
    /// before their flows, because their parser had no place for newer ones.
    pub displaced: u64,
    /// Flows that are parsed no further.
    pub unparsed: u64,
    /// Datagrams that were passed over because their parser makes no sense of them.
    pub bad_datagrams: u64,
    /// Events whose time lies too far ahead of the clock.
    pub clamped: u64,
    /// Wall-clock time of the run.
    pub elapsed: Duration,
    /// Time spent on reading, decoding and merging.
    pub ingest: Duration,
    /// Time spent on choosing rows, all workers together.
    pub routing: Duration,
    /// For each plugin.
    pub plugins: Vec<PluginSummary>,
    /// For each plugin that was there and is no more.
    pub former: Vec<PluginSummary>,
}

impl Summary {
    /// Events of all kinds.
    pub fn total_events(&self) -> u64 {
        self.events.values().sum()
    }

    /// Time spent in guests, all workers together.
    pub fn guests(&self) -> Duration {
        self.plugins
            .iter()
            .map(|p| p.cost.time + p.parse.time)
            .sum()
    }
}
