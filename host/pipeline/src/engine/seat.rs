//! A plugin's place on a worker: its instance, and what outlives it.

use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_runtime::{
    Capabilities, Effects, Fault, Fired, Instance, NoCapabilities, Peaks, Plugin,
};

use super::allowance::Allowance;
use super::route::Placement;

/// What a plugin cost.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cost {
    /// Time in its guest.
    pub time: Duration,
    /// Calls.
    pub calls: u64,
    /// Events that it was shown.
    pub events: u64,
    /// Host calls that it made.
    pub host_calls: u64,
    /// Faults.
    pub faults: u64,
    /// Log messages that were dropped.
    pub log_dropped: u64,
    /// Events, requests and timers that it was to be shown and was not, because it had used up
    /// what it may of an epoch.
    pub unevaluated: u64,
    /// The same, because the run was ended.
    pub interrupted: u64,
    /// The most that a call needed, in any of its instances.
    pub peaks: Peaks,
}

impl Cost {
    /// Adds what another worker's share cost.
    pub fn add(&mut self, other: &Cost) {
        self.time += other.time;
        self.calls += other.calls;
        self.events += other.events;
        self.host_calls += other.host_calls;
        self.faults += other.faults;
        self.log_dropped += other.log_dropped;
        self.unevaluated += other.unevaluated;
        self.interrupted += other.interrupted;
        self.peaks.raise(other.peaks);
    }
}

/// One plugin on one worker.
pub(crate) struct Seat {
    pub(crate) plugin: Arc<Plugin>,
    pub(crate) placement: Placement,
    pub(crate) allowance: Allowance,
    instance: Option<Instance>,
    /// State, timers and datasets while there is no instance to hold them.
    capabilities: Option<Box<dyn Capabilities>>,
    said: u64,
}

impl Seat {
    pub(crate) fn new(
        plugin: Arc<Plugin>,
        index: usize,
        capabilities: Box<dyn Capabilities>,
        most_bytes: u64,
    ) -> Seat {
        Seat {
            placement: Placement::of(plugin.manifest(), index),
            allowance: Allowance::new(&plugin, most_bytes),
            plugin,
            instance: None,
            capabilities: Some(capabilities),
            said: 0,
        }
    }

    /// Counts what the plugin says.
    pub(crate) fn part(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    /// Takes the timers that are due, by tenant.
    pub(crate) fn due(&mut self, watermark: u64) -> Vec<(String, Vec<Fired>)> {
        match (&mut self.instance, &mut self.capabilities) {
            (Some(instance), _) => instance.capabilities().fire(watermark),
            (None, Some(capabilities)) => capabilities.fire(watermark),
            (None, None) => Vec::new(),
        }
    }

    /// Runs one call of `export` about so many events in an instance, which is made when there
    /// is none, or anew for every call (`fresh`), and thrown away after a fault; state, timers
    /// and datasets survive it. `None`: the body undid the call. What it took is booked.
    pub(crate) fn run(
        &mut self,
        fresh: bool,
        (export, events): (&'static str, usize),
        cost: &mut Cost,
        body: impl FnOnce(&mut Instance) -> Result<Option<Effects>, Fault>,
    ) -> Result<Option<Effects>, Fault> {
        if fresh && let Some(instance) = self.instance.take() {
            self.capabilities = Some(instance.into_capabilities());
        }
        let began = Instant::now();
        let before = self.instance.as_ref().map_or(0, Instance::fuel);
        let instance = match &mut self.instance {
            Some(instance) => instance,
            None => {
                // One of the two always holds them.
                let capabilities = self
                    .capabilities
                    .take()
                    .unwrap_or_else(|| Box::new(NoCapabilities));
                match self.plugin.instantiate(capabilities) {
                    Ok(instance) => self.instance.insert(instance),
                    Err((error, capabilities)) => {
                        self.capabilities = Some(capabilities);
                        cost.faults += 1;
                        let fuel = self.plugin.limits().fuel;
                        self.allowance.took("instantiate", began.elapsed(), fuel);
                        return Err(error.into_fault(&self.plugin.manifest().name));
                    }
                }
            }
        };
        let called = Instant::now();
        let result = body(instance);
        let ended = Instant::now();
        cost.time += ended - called;
        cost.calls += 1;
        cost.peaks.raise(instance.peaks());
        let fuel = instance.fuel().saturating_sub(before);
        self.allowance.took(export, ended - began, fuel);
        match &result {
            Ok(Some(effects)) => {
                cost.events += events as u64;
                cost.host_calls += effects.host_calls;
                cost.log_dropped += u64::from(effects.log_dropped);
                self.allowance.gave(export, effects.bytes as u64);
            }
            Ok(None) => {}
            Err(_) => {
                cost.faults += 1;
                if let Some(instance) = self.instance.take() {
                    self.capabilities = Some(instance.into_capabilities());
                }
            }
        }
        result
    }
}
