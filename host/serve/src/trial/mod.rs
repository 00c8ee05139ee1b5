//! Another composition, tried on what the journal has: over the last hours, or from now on beside
//! what runs.
//!
//! The journal has what sources said, epoch by epoch, and what that made be said. So a trial is a
//! process of its own, which reads a snapshot and the journal, changes nothing, and compares what it
//! says with what the journal says was said. It costs the server nothing but processor time that it
//! does not want (it is niced) and memory as much again. It may be behind as far as the journal
//! reaches.

pub(crate) mod asking;
mod children;
mod difference;
mod run;
mod start;

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

pub use children::MAX_REPORT;
pub use difference::{Counts, Difference, MAX_RULES, MAX_SAMPLES, Sample};
pub use run::trial;

use crate::composition::Composition;

/// What is tried.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TrialRequest {
    /// What runs in the trial; all of it is in the server's store.
    pub composition: Composition,
    /// State that may be lost, as `PLUGIN` or `PLUGIN/TABLE`.
    pub discard_state: BTreeSet<String>,
    /// Over how many seconds, up to now; `None`: from now on, until it is stopped.
    pub past_seconds: Option<u64>,
}

/// How a trial stands.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialReport {
    /// `catching-up` where what ran is taken to where the trial begins, `comparing`, or `done`.
    pub state: String,
    /// The record of the snapshot that it began with; 0: with the journal's first.
    pub snapshot: u64,
    /// The first record that was compared, and the latest.
    pub first: u64,
    /// The latest record that was compared.
    pub record: u64,
    /// When those were read, in nanoseconds since 1970.
    pub first_time: u64,
    /// When the latest was read, in nanoseconds since 1970.
    pub time: u64,
    /// Events that were compared.
    pub events: u64,
    /// What differs.
    pub difference: Difference,
    /// What each plugin of the composition cost.
    pub plugins: Vec<TrialPlugin>,
}

/// A plugin in a trial.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TrialPlugin {
    /// Its pack.
    pub pack: String,
    /// Its name.
    pub name: String,
    /// Events that it was shown.
    pub events: u64,
    /// Nanoseconds in its guest.
    pub time_ns: u64,
    /// How often it faulted.
    pub faults: u64,
    /// It faulted too often.
    pub quarantined: bool,
    /// It began with nothing remembered: what it says may differ for that alone until it has seen
    /// so many seconds of events.
    pub warm_up_seconds: Option<u64>,
}
