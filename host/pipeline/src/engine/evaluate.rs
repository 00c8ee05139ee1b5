//! The evaluating half of a worker: shows batches to detectors and policies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_events::{Batch, Judgement, Verdict};
use palisade_runtime::manifest::{OptionalExport, Role, World};
use palisade_runtime::{Effects, Fault, Fired, Panicked, Plugin, contain};

use super::draft::{Draft, Occasion, attribution, draft, is_placed};
use super::isolate::Budget;
use super::place::{Cause, Place, Rank, TimerCause};
use super::route::{Routed, Shown, Tick, Turn};
use super::seat::{Cost, Provide, Seat};
use crate::partition::PartitionKey;

/// An event that a plugin could not be shown.
#[derive(Clone, Debug)]
pub struct Poison {
    /// The event: its batch and row.
    pub batch: Batch,
    /// Row of the batch.
    pub row: usize,
    /// What happened.
    pub fault: Fault,
}

/// What one epoch made the plugins of one worker say.
#[derive(Debug, Default)]
pub(crate) struct EvaluateOutput {
    /// Findings and retractions.
    pub findings: Vec<(Rank, Draft)>,
    /// Judgements on requests, by the place of the request.
    pub judgements: Vec<(Rank, Judgement)>,
    /// Requests that a policy was asked about, judged or not.
    pub requests: Vec<(Place, Batch, usize)>,
    /// Events that had to be left out.
    pub poison: Vec<(Rank, Poison)>,
    /// Faults that no single event is to blame for.
    pub faults: Vec<(Rank, Fault)>,
    /// What each plugin cost, by position.
    pub costs: Vec<Cost>,
    /// Time spent on choosing rows.
    pub routing: Duration,
}

/// Evaluates the shard of one worker.
pub(crate) struct EvaluateWorker {
    /// Its number, and how many there are.
    share: (usize, usize),
    key: PartitionKey,
    seats: Vec<Seat>,
    /// A new instance for every call, which must not change what comes out.
    fresh: bool,
}

impl EvaluateWorker {
    /// A worker for its share of these plugins' events.
    pub(crate) fn new(
        share: (usize, usize),
        key: PartitionKey,
        plugins: &[Arc<Plugin>],
        capabilities: &Provide,
        fresh: bool,
    ) -> EvaluateWorker {
        let seats = plugins
            .iter()
            .enumerate()
            .map(|(index, plugin)| Seat::new(Arc::clone(plugin), index, Arc::clone(capabilities)))
            .collect();
        EvaluateWorker {
            share,
            key,
            seats,
            fresh,
        }
    }

    /// Shows the epoch to every plugin of its level that has a share in it.
    pub(crate) fn evaluate(&mut self, routed: &Routed) -> EvaluateOutput {
        let mut out = EvaluateOutput {
            costs: vec![Cost::default(); self.seats.len()],
            ..EvaluateOutput::default()
        };
        for (index, seat) in self.seats.iter_mut().enumerate() {
            if !routed.is_for(index) {
                continue;
            }
            let began = Instant::now();
            let (plugin, placement) = (Arc::clone(&seat.plugin), seat.placement);
            let (key, share) = (self.key, self.share);
            let turns = contain(|| routed.turns(index, plugin.manifest(), placement, key, share));
            out.routing += began.elapsed();
            let mut call = Call {
                budget: Budget::new(seat.plugin.limits().call_time),
                seat,
                index,
                fresh: self.fresh,
                out: &mut out,
            };
            let turns = match turns {
                Ok(turns) => turns,
                Err(panicked) if plugin.manifest().world == World::Policy => {
                    // It would not be asked, and nobody would deny in its stead.
                    std::panic::resume_unwind(Box::new(panicked.to_string()));
                }
                Err(panicked) => {
                    call.broke(Place::tick(0), &panicked);
                    continue;
                }
            };
            for turn in turns {
                let taken = contain(|| match &turn {
                    Turn::Show(shown) => call.show(shown),
                    Turn::Watermark(tick) => call.fire(*tick),
                });
                if let Err(panicked) = taken {
                    call.broke(turn.place(), &panicked);
                }
            }
        }
        out
    }
}

/// A plugin's turns in an epoch.
pub(crate) struct Call<'a> {
    pub(crate) seat: &'a mut Seat,
    pub(crate) index: usize,
    pub(crate) fresh: bool,
    pub(crate) out: &'a mut EvaluateOutput,
    pub(crate) budget: Budget,
}

impl Call<'_> {
    /// Shows rows to the export that the subscription is for.
    fn show(&mut self, shown: &Shown) {
        match self.seat.plugin.manifest().subscriptions[shown.subscription].role {
            Role::Decide => {
                for row in 0..shown.view.len() {
                    let asked = shown.slice(row, row + 1);
                    let (batch, at) = (asked.view.batch().clone(), asked.view.batch_row(0));
                    self.out.requests.push((asked.place(0), batch, at));
                    if let Err(panicked) = contain(|| self.decide(&asked)) {
                        let name = &self.seat.plugin.manifest().name;
                        self.deny(&asked, Fault::of_panic(name, "decide", &panicked));
                    }
                }
            }
            Role::Evaluate => self.evaluate(shown),
            Role::Observe => self.observe(shown),
        }
    }

    /// One call of `evaluate`. What it did is taken over only when it returns, and when it is
    /// known what each finding is about: `false` asks for fewer rows.
    pub(crate) fn evaluate_once(&mut self, shown: &Shown) -> Result<bool, Fault> {
        let view = shown.view.clone();
        let keep = |effects: &Effects| shown.view.len() == 1 || is_placed(&effects.filed);
        let effects = self.run(shown.view.len(), |instance| {
            instance.evaluate_if(shown.subscription as u32, view, keep)
        })?;
        let Some(effects) = effects else {
            return Ok(false);
        };
        self.take(
            effects,
            &Occasion::Rows(shown),
            &Cause::Row(shown.subscription),
        );
        Ok(true)
    }

    /// One call of `observe`.
    pub(crate) fn observe_once(&mut self, shown: &Shown) -> Result<bool, Fault> {
        let view = shown.view.clone();
        self.run(shown.view.len(), |instance| {
            instance.observe(shown.subscription as u32, view).map(Some)
        })?;
        Ok(true)
    }

    /// Asks a policy about one request. A fault is a deny.
    fn decide(&mut self, shown: &Shown) {
        let place = shown.place(0);
        let view = shown.view.clone();
        let asked = self.run(1, |instance| {
            instance.decide(shown.subscription as u32, view).map(Some)
        });
        let cause = Cause::Row(shown.subscription);
        match asked {
            Ok(effects) => {
                for judgement in effects.unwrap_or_default().judgements {
                    let rank = self.rank(place, &cause);
                    self.out.judgements.push((rank, judgement));
                }
            }
            Err(fault) => self.deny(shown, fault),
        }
    }

    /// Denies a request that the policy could not judge.
    fn deny(&mut self, shown: &Shown, fault: Fault) {
        let judgement = Judgement {
            by: attribution(&self.seat.plugin, ""),
            verdict: Verdict::Deny,
            reason: format!("the policy could not decide: {fault}"),
            obligations: Vec::new(),
            events: Vec::new(),
        };
        let rank = self.rank(shown.place(0), &Cause::Row(shown.subscription));
        self.out.judgements.push((rank, judgement));
        self.poison(shown, 0, fault);
    }

    /// The host has panicked outside of a call, at this place: what was to come of it is lost,
    /// and what follows is shown all the same.
    fn broke(&mut self, place: Place, panicked: &Panicked) {
        let name = &self.seat.plugin.manifest().name;
        let fault = Fault::of_panic(name, "evaluate", panicked);
        let rank = self.rank(place, &Cause::Row(0));
        self.out.faults.push((rank, fault));
    }

    /// Advances the plugin's tables and tells it which of its timers are due.
    fn fire(&mut self, tick: Tick) {
        let due = match self.seat.due(tick.watermark) {
            Ok(due) => due,
            Err(fault) => {
                let rank = self.rank(Place::tick(tick.seq), &Cause::Timer(None));
                self.out.faults.push((rank, fault));
                return;
            }
        };
        // What has no use for timers may have tables.
        if !self.seat.plugin.manifest().exports(OptionalExport::OnTimer) {
            return;
        }
        for (tenant, fired) in due {
            self.timers(tick, &tenant, &fired);
        }
    }

    /// One call of `on-timer`. When it files anything, each timer gets a call of its own, so
    /// that it is known what is about which.
    fn timers(&mut self, tick: Tick, tenant: &str, fired: &[Fired]) {
        let keep = |effects: &Effects| fired.len() == 1 || effects.filed.is_empty();
        let result = self.run(0, |instance| instance.on_timer_if(tenant, fired, keep));
        let cause = Cause::Timer(match fired {
            [timer] => Some(Arc::new(TimerCause {
                tenant: tenant.to_owned(),
                due: timer.due,
                name: timer.name.clone(),
                key: timer.key.clone(),
            })),
            _ => None,
        });
        let place = Place::tick(tick.seq);
        match result {
            Ok(Some(effects)) => {
                let time = fired.first().map_or(tick.watermark, |timer| timer.due);
                let occasion = Occasion::Timer {
                    place,
                    time,
                    tenant,
                };
                self.take(effects, &occasion, &cause);
            }
            Ok(None) => {
                for timer in fired.chunks(1) {
                    self.timers(tick, tenant, timer);
                }
            }
            Err(_) if fired.len() > 1 && self.budget.is_left() => {
                for timer in fired.chunks(1) {
                    self.timers(tick, tenant, timer);
                }
            }
            Err(fault) => {
                self.budget.found();
                let rank = self.rank(place, &cause);
                self.out.faults.push((rank, fault));
            }
        }
    }

    fn run(
        &mut self,
        events: usize,
        body: impl FnOnce(&mut palisade_runtime::Instance) -> Result<Option<Effects>, Fault>,
    ) -> Result<Option<Effects>, Fault> {
        let cost = &mut self.out.costs[self.index];
        self.seat.run(self.fresh, events, cost, body)
    }

    /// An event that is left out.
    pub(crate) fn poison(&mut self, shown: &Shown, row: u32, fault: Fault) {
        let poison = Poison {
            batch: shown.view.batch().clone(),
            row: shown.view.batch_row(row),
            fault,
        };
        let rank = self.rank(shown.place(row as usize), &Cause::Row(shown.subscription));
        self.out.poison.push((rank, poison));
    }

    fn rank(&mut self, place: Place, cause: &Cause) -> Rank {
        Rank {
            place,
            plugin: self.index,
            cause: cause.clone(),
            part: self.seat.part(),
        }
    }

    fn take(&mut self, effects: Effects, occasion: &Occasion<'_>, cause: &Cause) {
        for filed in effects.filed {
            let (place, draft) = draft(&self.seat.plugin, filed, occasion);
            let rank = self.rank(place, cause);
            self.out.findings.push((rank, draft));
        }
    }
}
