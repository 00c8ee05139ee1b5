//! A plugin's place on a worker: its instance, and what outlives it.

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_events::contain;
use palisade_runtime::manifest::World;
use palisade_runtime::{Capabilities, Effects, Fault, Fired, Instance, Peaks, Plugin, nothing};

use super::allowance::Allowance;
use super::evaluate::Terms;
use super::generation::Member;
use super::image::shard;
use super::route::Placement;
use crate::capabilities::Shard;

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
    /// Faults that are told: one for each event that is left out, and one where no event is to
    /// blame. The summary counts the same.
    pub faults: u64,
    /// Those of them that are findings of rules which the manifest does not declare.
    pub undeclared_rules: u64,
    /// Calls that faulted, among them those that were made with fewer rows to find the event to
    /// blame.
    pub faulted_calls: u64,
    /// Log messages that were dropped.
    pub log_dropped: u64,
    /// Events, requests and timers that it was to be shown and was not, because it had used up
    /// what it may of an epoch.
    pub unevaluated: u64,
    /// The same, because the run was ended.
    pub interrupted: u64,
    /// Bytes by which its tables grew; less than 0: by which they shrank.
    pub state: i64,
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
        self.undeclared_rules += other.undeclared_rules;
        self.faulted_calls += other.faulted_calls;
        self.log_dropped += other.log_dropped;
        self.unevaluated += other.unevaluated;
        self.interrupted += other.interrupted;
        self.state += other.state;
        self.peaks.raise(other.peaks);
    }
}

/// Makes the capabilities of a plugin: anew, with nothing in them.
pub(crate) type Provide = Arc<dyn Fn(&Member) -> Box<dyn Capabilities> + Send + Sync>;

/// One plugin on one worker: what it remembers, and its instance.
pub(crate) struct Seat {
    pub(crate) member: Member,
    pub(crate) placement: Placement,
    pub(crate) allowance: Allowance,
    /// State, timers, datasets and log; lent to the instance for each call.
    capabilities: Box<dyn Capabilities>,
    instance: Option<Instance>,
    /// Where others come from when those can no longer be trusted.
    provide: Provide,
    said: u64,
    /// Bytes of its tables when that was told last.
    told: u64,
    /// Not all of what it remembered when saving began is saved.
    pub(crate) saving: bool,
}

impl Seat {
    /// A seat with nothing in it.
    pub(crate) fn of(
        member: &Member,
        placement: Placement,
        provide: &Provide,
        terms: &Terms,
    ) -> Seat {
        let policy = member.plugin.manifest().world == World::Policy;
        let most_bytes = if policy { terms.judgements } else { u64::MAX };
        Seat {
            placement,
            allowance: Allowance::new(&member.plugin, most_bytes),
            capabilities: provide(member),
            member: member.clone(),
            instance: None,
            provide: Arc::clone(provide),
            said: 0,
            told: 0,
            saving: false,
        }
    }

    /// Makes the instance.
    ///
    /// # Errors
    /// As [`Plugin::instantiate`].
    pub(crate) fn warm(&mut self) -> Result<(), Fault> {
        let made = self.member.plugin.instantiate(&mut self.capabilities);
        self.instance = Some(made.map_err(|error| error.into_fault(&self.member.title))?);
        Ok(())
    }

    /// Goes on where another seat of the plugin, or of its version before, ends: with its state, save the tables that are named in
    /// `discard`, and with its instance if `keeps`.
    ///
    /// # Errors
    /// When the host panics over it; the plugin then begins with no state.
    pub(crate) fn inherit(
        &mut self,
        before: &mut Seat,
        keeps: bool,
        discard: &[String],
    ) -> Result<(), Fault> {
        (self.said, self.told) = (before.said, before.told);
        if keeps {
            self.instance = before.instance.take();
        }
        let old = std::mem::replace(&mut before.capabilities, nothing());
        let old: Box<dyn Any> = old;
        let own: &mut dyn Any = &mut *self.capabilities;
        let (Ok(old), Some(own)) = (old.downcast::<Shard>(), own.downcast_mut::<Shard>()) else {
            return Ok(());
        };
        contain(|| own.inherit(*old, discard)).map_err(|panicked| {
            self.begin_anew();
            let name = &self.plugin().manifest().name;
            Fault::of_panic(name, "adopt", &panicked).with_state_lost()
        })
    }

    /// The plugin.
    pub(crate) fn plugin(&self) -> &Arc<Plugin> {
        &self.member.plugin
    }

    /// State and timers, where there are any.
    pub(crate) fn shard(&mut self) -> Option<&mut Shard> {
        shard(&mut *self.capabilities)
    }

    /// Bytes by which its tables have grown since this was asked last.
    pub(crate) fn grown(&mut self) -> i64 {
        let now = self.shard().map_or(0, |shard| shard.state_bytes());
        now.cast_signed() - std::mem::replace(&mut self.told, now).cast_signed()
    }

    /// Capabilities like the seat's, with nothing in them.
    pub(crate) fn anew(&self) -> Box<dyn Capabilities> {
        (self.provide)(&self.member)
    }

    /// Takes other capabilities, before anything was shown to the plugin.
    pub(crate) fn replace(&mut self, capabilities: Box<dyn Capabilities>) {
        self.capabilities = capabilities;
    }

    /// Counts what the plugin says.
    pub(crate) fn part(&mut self) -> u64 {
        self.said += 1;
        self.said
    }

    /// Takes the timers that are due, by tenant.
    ///
    /// # Errors
    /// When the host panics over them; the plugin then has neither timers nor state.
    pub(crate) fn due(&mut self, watermark: u64) -> Result<Vec<(String, Vec<Fired>)>, Fault> {
        contain(|| self.capabilities.fire(watermark)).map_err(|panicked| {
            self.begin_anew();
            let name = &self.plugin().manifest().name;
            Fault::of_panic(name, "on-timer", &panicked).with_state_lost()
        })
    }

    /// Throws the instance away.
    fn drop_instance(&mut self) {
        let spent = self.instance.take();
        // What is dropped may be half written, and is of no use to anybody.
        let _ = contain(|| drop(spent));
    }

    /// Makes everything that the plugin has on this worker anew.
    fn begin_anew(&mut self) {
        self.drop_instance();
        let anew = self.anew();
        let spent = std::mem::replace(&mut self.capabilities, anew);
        let _ = contain(|| drop(spent));
    }

    /// What the call that was undone last has logged stands, as it is not tried again.
    pub(crate) fn keep_log(&mut self) {
        // It writes nothing but its own books, and nothing is lost with them.
        let _ = contain(|| self.capabilities.keep_log());
    }

    /// What remains after a fault: capabilities, if they can be trusted.
    fn after(&mut self, fault: &Fault) {
        match fault.is_state_lost() {
            true => self.begin_anew(),
            false => self.drop_instance(),
        }
    }

    /// Runs one call of `export` about so many events in an instance, which is made when there
    /// is none, or anew for every call (`fresh`), and thrown away after a fault; state, timers
    /// and datasets survive it. `None`: the body undid the call. What it took is booked.
    pub(crate) fn run(
        &mut self,
        terms: &Terms,
        (export, events): (&'static str, usize),
        cost: &mut Cost,
        body: impl FnOnce(&mut Instance) -> Result<Option<Effects>, Fault>,
    ) -> Result<Option<Effects>, Fault> {
        if terms.fresh {
            self.instance = None;
        }
        let began = Instant::now();
        let before = self.instance.as_ref().map_or(0, Instance::fuel);
        let instance = match &mut self.instance {
            Some(instance) => instance,
            None => match self.member.plugin.instantiate(&mut self.capabilities) {
                Ok(instance) => self.instance.insert(instance),
                Err(error) => {
                    cost.faulted_calls += 1;
                    let fuel = self.plugin().limits().fuel;
                    self.allowance.took("instantiate", began.elapsed(), fuel);
                    let fault = error.into_fault(&self.plugin().manifest().name);
                    self.after(&fault);
                    return Err(fault);
                }
            },
        };
        instance.keep_asked(terms.evidence);
        let called = Instant::now();
        let result = body(&mut instance.with(&mut self.capabilities));
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
            Err(fault) => {
                cost.faulted_calls += 1;
                self.after(fault);
            }
        }
        result
    }
}
