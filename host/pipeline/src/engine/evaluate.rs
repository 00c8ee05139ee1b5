//! The evaluating half of a worker: shows batches to detectors and policies.

use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_events::{Attribution, Batch, Citation, Finding, Judgement, Timestamp, Tlp, Verdict};
use palisade_runtime::manifest::{OptionalExport, Role, Rule};
use palisade_runtime::{Capabilities, Effects, Fault, Filed, FiledFinding, Instance, Plugin, View};

use super::route::{Placement, Routed, Turn};

/// The most calls that isolating one event may take.
const MAX_ISOLATION_CALLS: u32 = 24;

/// Where something that a plugin said belongs in the output: the latest event that it relies
/// on, then the plugin, then the order in which the plugin said it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// Sequence number of the latest row of the batch that is cited.
    pub seq: u64,
    /// Position of the plugin.
    pub plugin: usize,
    /// Position among what the plugin said in the epoch.
    pub part: u64,
}

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
    pub findings: Vec<(Rank, Finding)>,
    /// Judgements on requests, by the sequence number of the request.
    pub judgements: Vec<(Rank, Judgement)>,
    /// Requests that a policy was asked about, judged or not.
    pub requests: Vec<(u64, Batch, usize)>,
    /// Events that had to be left out, by plugin.
    pub poison: Vec<(usize, Poison)>,
    /// Faults that no single event is to blame for, by plugin.
    pub faults: Vec<(usize, Fault)>,
    /// What each plugin cost, by position.
    pub costs: Vec<Cost>,
    /// Time spent on choosing rows.
    pub routing: Duration,
}

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
    }
}

/// One plugin on one worker.
struct Seat {
    plugin: Arc<Plugin>,
    placement: Placement,
    instance: Option<Instance>,
    /// State, timers and datasets while there is no instance to hold them.
    capabilities: Option<Box<dyn Capabilities>>,
    said: u64,
}

/// Evaluates the shard of one worker.
pub(crate) struct EvaluateWorker {
    number: usize,
    workers: usize,
    seats: Vec<Seat>,
    /// A new instance for every call, which must not change what comes out.
    fresh: bool,
}

impl EvaluateWorker {
    /// A worker for its share of these plugins' events.
    pub(crate) fn new(
        number: usize,
        workers: usize,
        plugins: &[Arc<Plugin>],
        mut capabilities: impl FnMut(usize) -> Box<dyn Capabilities>,
        fresh: bool,
    ) -> EvaluateWorker {
        let seats = plugins
            .iter()
            .enumerate()
            .map(|(index, plugin)| Seat {
                placement: Placement::of(plugin.manifest(), index),
                plugin: Arc::clone(plugin),
                instance: None,
                capabilities: Some(capabilities(index)),
                said: 0,
            })
            .collect();
        EvaluateWorker {
            number,
            workers,
            seats,
            fresh,
        }
    }

    /// Shows the epoch to every plugin that has a share in it.
    pub(crate) fn evaluate(&mut self, routed: &Routed) -> EvaluateOutput {
        let mut out = EvaluateOutput {
            costs: vec![Cost::default(); self.seats.len()],
            ..EvaluateOutput::default()
        };
        for index in 0..self.seats.len() {
            let seat = &mut self.seats[index];
            let began = Instant::now();
            let turns = routed.turns(
                index,
                seat.plugin.manifest(),
                seat.placement,
                self.number,
                self.workers,
            );
            out.routing += began.elapsed();
            for turn in turns {
                let mut call = Call {
                    seat: &mut self.seats[index],
                    index,
                    fresh: self.fresh,
                    out: &mut out,
                };
                match turn {
                    Turn::Show(subscription, view) => call.show(subscription, view),
                    Turn::Watermark(watermark) => call.fire(watermark),
                }
            }
        }
        out
    }
}

/// A plugin's turn.
struct Call<'a> {
    seat: &'a mut Seat,
    index: usize,
    fresh: bool,
    out: &'a mut EvaluateOutput,
}

impl Call<'_> {
    /// Shows rows to the export that the subscription is for.
    fn show(&mut self, subscription: usize, view: View) {
        let role = self.seat.plugin.manifest().subscriptions[subscription].role;
        if role == Role::Decide {
            for row in 0..view.len() {
                self.decide(subscription, view.slice(row, row + 1));
            }
            return;
        }
        if let Err(fault) = self.once(role, subscription, &view) {
            let limit = self.seat.plugin.limits().call_time * 2;
            let mut budget = Budget {
                calls: MAX_ISOLATION_CALLS,
                until: Instant::now() + limit,
            };
            self.isolate(role, subscription, &view, fault, &mut budget);
        }
    }

    /// One call. What it did is taken over only when it returns.
    fn once(&mut self, role: Role, subscription: usize, view: &View) -> Result<(), Fault> {
        let effects = self.run(view.len(), |instance| match role {
            Role::Observe => instance.observe(subscription as u32, view.clone()),
            Role::Evaluate | Role::Decide => instance.evaluate(subscription as u32, view.clone()),
        })?;
        self.take(effects, Some(view));
        Ok(())
    }

    /// Splits rows whose call faulted until the event that is to blame is alone, or the
    /// budget is used up and the rest is left out with it.
    fn isolate(
        &mut self,
        role: Role,
        subscription: usize,
        view: &View,
        fault: Fault,
        budget: &mut Budget,
    ) {
        if view.len() == 1 || budget.is_spent() {
            for row in 0..view.len() as u32 {
                self.poison(view, row, fault.clone());
            }
            return;
        }
        let middle = view.len() / 2;
        for half in [view.slice(0, middle), view.slice(middle, view.len())] {
            if budget.is_spent() {
                self.isolate(role, subscription, &half, fault.clone(), budget);
                continue;
            }
            budget.calls -= 1;
            if let Err(fault) = self.once(role, subscription, &half) {
                self.isolate(role, subscription, &half, fault, budget);
            }
        }
    }

    /// Asks a policy about one request. A fault is a deny.
    fn decide(&mut self, subscription: usize, view: View) {
        let row = view.batch_row(0);
        let batch = view.batch().clone();
        let seq = batch.seqs()[row];
        self.out.requests.push((seq, batch, row));
        let asked = view.clone();
        match self.run(1, |instance| instance.decide(subscription as u32, asked)) {
            Ok(mut effects) => {
                for judgement in std::mem::take(&mut effects.judgements) {
                    let rank = self.rank(seq);
                    self.out.judgements.push((rank, judgement));
                }
                self.take(effects, Some(&view));
            }
            Err(fault) => {
                let rank = self.rank(seq);
                let judgement = Judgement {
                    by: self.attribution("", None),
                    verdict: Verdict::Deny,
                    reason: format!("the policy could not decide: {fault}"),
                    obligations: Vec::new(),
                    events: Vec::new(),
                };
                self.out.judgements.push((rank, judgement));
                self.poison(&view, 0, fault);
            }
        }
    }

    /// Tells the plugin which of its timers are due.
    fn fire(&mut self, watermark: u64) {
        if !self.seat.plugin.manifest().exports(OptionalExport::OnTimer) {
            return;
        }
        let due = match (&mut self.seat.instance, &mut self.seat.capabilities) {
            (Some(instance), _) => instance.capabilities().fire(watermark),
            (None, Some(capabilities)) => capabilities.fire(watermark),
            (None, None) => return,
        };
        for (tenant, fired) in due {
            let time = fired
                .iter()
                .map(|timer| timer.due)
                .max()
                .unwrap_or(watermark);
            match self.run(0, |instance| instance.on_timer(&tenant, &fired)) {
                Ok(effects) => self.take_at(effects, None, time, &tenant),
                Err(fault) => self.out.faults.push((self.index, fault)),
            }
        }
    }

    /// Runs one call in an instance, which is made when there is none and thrown away after
    /// a fault; state, timers and datasets survive it.
    fn run(
        &mut self,
        events: usize,
        body: impl FnOnce(&mut Instance) -> Result<Effects, Fault>,
    ) -> Result<Effects, Fault> {
        let seat = &mut *self.seat;
        if self.fresh
            && let Some(instance) = seat.instance.take()
        {
            seat.capabilities = Some(instance.into_capabilities());
        }
        if seat.instance.is_none() {
            // One of the two always holds them.
            let capabilities = seat
                .capabilities
                .take()
                .unwrap_or_else(|| Box::new(palisade_runtime::NoCapabilities));
            match seat.plugin.instantiate(capabilities) {
                Ok(instance) => seat.instance = Some(instance),
                Err((error, capabilities)) => {
                    seat.capabilities = Some(capabilities);
                    self.out.costs[self.index].faults += 1;
                    return Err(error.into_fault(&seat.plugin.manifest().name));
                }
            }
        }
        let began = Instant::now();
        let result = match &mut seat.instance {
            Some(instance) => body(instance),
            None => Ok(Effects::default()),
        };
        let cost = &mut self.out.costs[self.index];
        cost.time += began.elapsed();
        cost.calls += 1;
        match &result {
            Ok(effects) => {
                cost.events += events as u64;
                cost.host_calls += effects.host_calls;
                cost.log_dropped += u64::from(effects.log_dropped);
            }
            Err(_) => {
                cost.faults += 1;
                if let Some(instance) = seat.instance.take() {
                    seat.capabilities = Some(instance.into_capabilities());
                }
            }
        }
        result
    }

    fn poison(&mut self, view: &View, row: u32, fault: Fault) {
        let poison = Poison {
            batch: view.batch().clone(),
            row: view.batch_row(row),
            fault,
        };
        self.out.poison.push((self.index, poison));
    }

    fn rank(&mut self, seq: u64) -> Rank {
        self.seat.said += 1;
        Rank {
            seq,
            plugin: self.index,
            part: self.seat.said,
        }
    }

    fn attribution(&self, id: &str, rule: Option<&Rule>) -> Attribution {
        Attribution {
            plugin: self.seat.plugin.manifest().name.clone(),
            digest: self.seat.plugin.digest(),
            rule: id.to_owned(),
            requirements: rule.map(|r| r.requirements.clone()).unwrap_or_default(),
        }
    }

    fn take(&mut self, effects: Effects, view: Option<&View>) {
        let tenant = view
            .map(|v| v.batch().source().tenant.clone())
            .unwrap_or_default();
        let time = view
            .and_then(|v| v.batch().times().last().copied())
            .unwrap_or(0);
        self.take_at(effects, view, time, &tenant);
    }

    /// Adds to what the guest filed what the host knows.
    fn take_at(&mut self, effects: Effects, view: Option<&View>, time: u64, tenant: &str) {
        let manifest = Arc::clone(self.seat.plugin.manifest());
        for filed in effects.filed {
            let finding = match filed {
                Filed::Finding(filed) => self.finding(filed, &manifest, view, time, tenant),
                Filed::Retraction { rule, subject } => {
                    let last = view.map(|v| v.batch_row(v.len() as u32 - 1));
                    let seq = match (view, last) {
                        (Some(v), Some(row)) => v.batch().seqs()[row],
                        _ => u64::MAX,
                    };
                    let time = match (view, last) {
                        (Some(v), Some(row)) => v.batch().times()[row],
                        _ => time,
                    };
                    let declared = manifest.rule(&rule);
                    let finding = Finding {
                        by: self.attribution(&rule, declared),
                        severity: declared.map(|r| r.severity).unwrap_or_default(),
                        subject,
                        summary: String::new(),
                        retracted: true,
                        time: Timestamp(time),
                        tenant: tenant.to_owned(),
                        cited: Vec::new(),
                        details: Default::default(),
                        actions: Vec::new(),
                        tlp: None,
                        labels: Vec::new(),
                    };
                    (seq, finding)
                }
            };
            let rank = self.rank(finding.0);
            self.out.findings.push((rank, finding.1));
        }
    }

    fn finding(
        &self,
        filed: FiledFinding,
        manifest: &palisade_runtime::manifest::Manifest,
        view: Option<&View>,
        time: u64,
        tenant: &str,
    ) -> (u64, Finding) {
        let rule = manifest.rule(&filed.rule);
        let rows: Vec<usize> = view
            .map(|v| filed.rows.iter().map(|row| v.batch_row(*row)).collect())
            .unwrap_or_default();
        let mut cited = Vec::with_capacity(filed.events.len());
        let (mut tlp, mut labels) = (None::<Tlp>, Vec::new());
        for (position, event_ref) in filed.events.iter().enumerate() {
            let row = rows.get(position);
            let batch = view.map(View::batch);
            let id = row.and_then(|row| batch.and_then(|b| b.event_id(*row)));
            cited.push(Citation {
                event_ref: *event_ref,
                id,
            });
            if let Some(envelope) = row.and_then(|row| batch.and_then(|b| b.envelope(*row))) {
                tlp = match (tlp, envelope.tlp) {
                    (Some(a), Some(b)) => Some(if a as u8 >= b as u8 { a } else { b }),
                    (a, b) => a.or(b),
                };
                labels.extend(envelope.labels);
            }
        }
        labels.sort();
        labels.dedup();
        let latest = view.and_then(|v| {
            let rows = rows.iter().max()?;
            Some((v.batch().seqs()[*rows], v.batch().times()[*rows]))
        });
        // A finding that cites earlier events only belongs to the last row it was shown.
        let fallback = || match view {
            Some(v) if !v.is_empty() => {
                let row = v.batch_row(v.len() as u32 - 1);
                (v.batch().seqs()[row], v.batch().times()[row])
            }
            _ => (u64::MAX, time),
        };
        let (seq, time) = latest.unwrap_or_else(fallback);
        let finding = Finding {
            severity: filed
                .severity
                .or(rule.map(|r| r.severity))
                .unwrap_or_default(),
            by: self.attribution(&filed.rule, rule),
            subject: filed.subject,
            summary: filed.summary,
            retracted: false,
            time: Timestamp(time),
            tenant: tenant.to_owned(),
            cited,
            details: filed.details,
            actions: filed.actions,
            tlp,
            labels,
        };
        (seq, finding)
    }
}

/// What isolating one event may still take.
struct Budget {
    calls: u32,
    until: Instant,
}

impl Budget {
    fn is_spent(&self) -> bool {
        self.calls == 0 || Instant::now() >= self.until
    }
}
