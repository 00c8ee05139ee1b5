//! What a plugin may use of one epoch on one worker, over all its calls.

use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_runtime::{Fault, FaultCause, Limits, Mode, Patience, Plugin, Trace};

use crate::predicates::Effort;

/// Bytes, and time or fuel. What is used up beyond it is a fault, once an epoch; what the
/// plugin would have been shown after that is left out and counted.
pub(crate) struct Allowance {
    plugin: String,
    limits: Limits,
    patience: Arc<Patience>,
    /// Whether calls have fuel, which counts then instead of time.
    fueled: bool,
    /// Whether nothing is timed.
    untimed: bool,
    epoch: u64,
    bytes: u64,
    time: Duration,
    fuel: u64,
    over: Option<Arc<Fault>>,
    told: bool,
}

impl Allowance {
    /// What the limits of a plugin say, but at most so many bytes.
    pub(crate) fn new(plugin: &Plugin, most_bytes: u64) -> Allowance {
        let mut limits = plugin.limits().clone();
        limits.epoch_bytes = limits.epoch_bytes.min(most_bytes);
        Allowance {
            plugin: plugin.manifest().name.clone(),
            limits,
            patience: Arc::clone(plugin.patience()),
            fueled: plugin.mode().has_fuel(),
            untimed: plugin.mode() == Mode::Unbounded,
            epoch: 0,
            bytes: 0,
            time: Duration::ZERO,
            fuel: 0,
            over: None,
            told: false,
        }
    }

    /// An epoch begins, unless it has already.
    pub(crate) fn begin(&mut self, epoch: u64) {
        if epoch == self.epoch {
            return;
        }
        self.epoch = epoch;
        (self.bytes, self.time, self.fuel) = (0, Duration::ZERO, 0);
        (self.over, self.told) = (None, false);
    }

    /// Bytes that may still be handed over.
    pub(crate) fn room(&self) -> u64 {
        self.limits.epoch_bytes.saturating_sub(self.bytes)
    }

    /// A call of `export` took so much time and fuel.
    pub(crate) fn took(&mut self, export: &'static str, time: Duration, fuel: u64) {
        self.time = self.time.saturating_add(time);
        self.fuel = self.fuel.saturating_add(fuel);
        if self.fueled {
            if self.fuel > self.limits.epoch_fuel {
                self.exceed(export, FaultCause::EpochFuel(self.limits.epoch_fuel));
            }
        } else if self.time > self.patience.of(self.limits.epoch_time) && !self.untimed {
            self.exceed(export, FaultCause::EpochTime(self.limits.epoch_time));
        }
    }

    /// What choosing rows for it may take of the rest: time, or bytes at a unit of fuel each.
    pub(crate) fn effort(&self) -> Effort {
        if self.untimed {
            return Effort::unlimited();
        }
        if self.fueled {
            return Effort::within(None, self.limits.epoch_fuel.saturating_sub(self.fuel));
        }
        let left = self.patience.of(self.limits.epoch_time);
        let left = left.saturating_sub(self.time);
        Effort::within(Instant::now().checked_add(left), u64::MAX)
    }

    /// Choosing rows for it took so much time, and this effort.
    pub(crate) fn chose(&mut self, time: Duration, effort: &Effort) {
        self.took("evaluate", time, effort.spent());
        if effort.is_over() && self.over.is_none() {
            self.exceed(
                "evaluate",
                match self.fueled {
                    true => FaultCause::EpochFuel(self.limits.epoch_fuel),
                    false => FaultCause::EpochTime(self.limits.epoch_time),
                },
            );
        }
    }

    /// A call of `export` handed over so many bytes, which count.
    pub(crate) fn gave(&mut self, export: &'static str, bytes: u64) {
        self.bytes = self.bytes.saturating_add(bytes);
        if self.bytes > self.limits.epoch_bytes {
            self.exceed_bytes(export);
        }
    }

    /// A call of `export` would hand over more than there is room for.
    pub(crate) fn exceed_bytes(&mut self, export: &'static str) {
        self.exceed(export, FaultCause::EpochBytes(self.limits.epoch_bytes));
    }

    fn exceed(&mut self, export: &'static str, cause: FaultCause) {
        self.over.get_or_insert_with(|| {
            Arc::new(Fault {
                plugin: self.plugin.clone(),
                export,
                cause,
                backtrace: Trace::default(),
            })
        });
    }

    /// The fault, once it is used up.
    pub(crate) fn over(&self) -> Option<&Arc<Fault>> {
        self.over.as_ref()
    }

    /// The fault, once an epoch.
    pub(crate) fn tell(&mut self) -> Option<Arc<Fault>> {
        let over = self.over.as_ref()?;
        (!std::mem::replace(&mut self.told, true)).then(|| Arc::clone(over))
    }
}
