//! What becomes of a plugin that faults.

use std::collections::VecDeque;
use std::time::Duration;

/// What is done beyond undoing the call and leaving out what the plugin faulted on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnFault {
    /// Nothing: the plugin goes on with what follows.
    #[default]
    Skip,
    /// A detector or parser that faults this often within this much event time is shown nothing
    /// more for the rest of the run. It takes effect with an epoch, so what it said until then
    /// depends on how the input was cut. A policy goes on: it denies what it cannot decide.
    Quarantine {
        /// How many faults are too many; at least 1.
        faults: u32,
        /// Between the first and the last of them.
        within: Duration,
    },
    /// The first fault ends the run, after everything that comes before it in the output.
    Stop,
}

/// What a fault leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Consequence {
    None,
    Quarantine,
    Stop,
}

/// The faults of all plugins of a run, by position in its summary.
#[derive(Debug)]
pub(crate) struct Faults {
    mode: OnFault,
    /// Whether faults have consequences, or somebody else says what becomes of plugins.
    decides: bool,
    /// Event times of the latest faults of each, in nanoseconds.
    recent: Vec<VecDeque<u64>>,
}

impl Faults {
    pub(crate) fn new(mode: OnFault, plugins: usize) -> Faults {
        Faults {
            mode,
            decides: true,
            recent: vec![VecDeque::new(); plugins],
        }
    }

    /// Puts the plugins in another order: each was where `before` says, or is new.
    pub(crate) fn rearrange(&mut self, before: &[Option<usize>]) {
        let mut recent: Vec<VecDeque<u64>> = before.iter().map(|_| VecDeque::new()).collect();
        for (recent, before) in recent.iter_mut().zip(before) {
            if let Some(known) = before.and_then(|at| self.recent.get_mut(at)) {
                *recent = std::mem::take(known);
            }
        }
        self.recent = recent;
    }

    /// Whether faults have consequences from here on.
    pub(crate) fn decides(&mut self, decides: bool) {
        self.decides = decides;
    }

    /// Counts the faults of a plugin anew.
    pub(crate) fn forget(&mut self, plugin: usize) {
        self.recent[plugin].clear();
    }

    /// Event times of the latest faults of a plugin.
    pub(crate) fn recent(&self, plugin: usize) -> Vec<u64> {
        self.recent[plugin].iter().copied().collect()
    }

    /// Goes on from these faults of a plugin.
    pub(crate) fn restore(&mut self, plugin: usize, recent: Vec<u64>) {
        let most = match self.mode {
            OnFault::Quarantine { faults, .. } => faults.max(1) as usize,
            OnFault::Skip | OnFault::Stop => 0,
        };
        self.recent[plugin] = recent.into_iter().take(most).collect();
    }

    /// Books a fault at an event time. A plugin that is quarantined is told of once.
    pub(crate) fn book(&mut self, plugin: usize, time: u64) -> Consequence {
        let (faults, within) = match self.mode {
            OnFault::Skip => return Consequence::None,
            OnFault::Stop if self.decides => return Consequence::Stop,
            OnFault::Stop => return Consequence::None,
            OnFault::Quarantine { faults, within } => (faults.max(1) as usize, within),
        };
        let recent = &mut self.recent[plugin];
        if recent.len() == faults {
            match self.decides {
                true => return Consequence::None,
                false => drop(recent.pop_front()),
            }
        }
        recent.push_back(time);
        let latest = recent.iter().copied().max().unwrap_or(time);
        let earliest = u128::from(latest).saturating_sub(within.as_nanos());
        recent.retain(|time| u128::from(*time) >= earliest);
        if self.decides && recent.len() == faults {
            Consequence::Quarantine
        } else {
            Consequence::None
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: u64 = 1_000_000_000;

    #[test]
    fn faults_count_within_their_time() {
        let mode = OnFault::Quarantine {
            faults: 3,
            within: Duration::from_secs(60),
        };
        let mut faults = Faults::new(mode, 2);
        for time in [0, 100, 150] {
            assert_eq!(faults.book(0, time * SECOND), Consequence::None);
        }
        assert_eq!(faults.book(1, 151 * SECOND), Consequence::None);
        // Of several workers' faults a later one can come first.
        assert_eq!(faults.book(0, 149 * SECOND), Consequence::Quarantine);
        assert_eq!(faults.book(0, 150 * SECOND), Consequence::None);
        assert_eq!(faults.book(1, 152 * SECOND), Consequence::None);
        assert_eq!(faults.book(1, 153 * SECOND), Consequence::Quarantine);
    }

    #[test]
    fn faults_of_one_that_does_not_decide_count_for_when_it_does() {
        let mode = OnFault::Quarantine {
            faults: 2,
            within: Duration::from_secs(60),
        };
        let mut faults = Faults::new(mode, 1);
        faults.decides(false);
        for time in [1, 2, 3] {
            assert_eq!(faults.book(0, time * SECOND), Consequence::None);
        }
        // What somebody else said of those is forgotten with them.
        faults.forget(0);
        assert_eq!(faults.book(0, 4 * SECOND), Consequence::None);
        faults.decides(true);
        assert_eq!(faults.book(0, 5 * SECOND), Consequence::Quarantine);
        let mut stops = Faults::new(OnFault::Stop, 1);
        stops.decides(false);
        assert_eq!(stops.book(0, 1), Consequence::None);
    }

    #[test]
    fn other_modes_are_not_counted() {
        assert_eq!(Faults::new(OnFault::Skip, 1).book(0, 1), Consequence::None);
        assert_eq!(Faults::new(OnFault::Stop, 1).book(0, 1), Consequence::Stop);
    }
}
