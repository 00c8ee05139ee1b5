//! The evaluating half of a worker: shows batches to detectors and policies.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use palisade_events::{Batch, Digest, Judgement, Panicked, Timestamp, Verdict, contain};
use palisade_runtime::manifest::{OptionalExport, Role, World};
use palisade_runtime::{Asked, Effects, Fault, Fired, View};

use super::defect::{self, Spot};
use super::draft::{Draft, Occasion, attribution, draft};
use super::evidence::{Called, Evidence, Filing, MAX_EPOCH_ASKED};
use super::generation::{Generation, Member, PluginKey};
use super::graph::MAX_LEVELS;
use super::image::Pending;
use super::isolate::Budget;
use super::place::{Cause, Place, Rank, TimerCause};
use super::route::{Placement, Routed, Shown, Tick};
use super::seat::{Cost, Provide, Seat};
use super::stop::Stop;
use super::turns::{Turn, Turns};
use palisade_state::partition::PartitionKey;

/// Bytes that anything that is said takes until it is put out, beside what it holds.
const HELD: usize = 512;

/// An event that a plugin could not be shown.
#[derive(Clone, Debug)]
pub struct Poison {
    /// The event: its batch and row.
    pub batch: Batch,
    /// Row of the batch.
    pub row: usize,
    /// The plugin.
    pub plugin: PluginKey,
    /// Its component.
    pub digest: Digest,
    /// What happened.
    pub fault: Arc<Fault>,
}

/// Events that a plugin was not shown, because it had used up what it may of their epoch.
#[derive(Clone, Debug)]
pub struct Left {
    /// The events.
    pub view: View,
    /// The plugin.
    pub plugin: PluginKey,
    /// Its component.
    pub digest: Digest,
    /// What it used up.
    pub fault: Arc<Fault>,
}

/// What one epoch, or a part of it, made the plugins of one worker say.
#[derive(Debug, Default)]
pub(crate) struct EvaluateOutput {
    /// Findings and retractions.
    pub findings: Vec<(Rank, Draft)>,
    /// Judgements on requests, by the place of the request.
    pub judgements: Vec<(Rank, Judgement, Option<Filing>)>,
    /// Requests that a policy was asked about, judged or not.
    pub requests: Vec<(Place, Batch, usize)>,
    /// Events that had to be left out.
    pub poison: Vec<(Rank, Poison)>,
    /// Faults that no single event is to blame for.
    pub faults: Vec<(Rank, Arc<Fault>)>,
    /// Events that were left out after a plugin had used up what it may.
    pub left: Vec<(Rank, Left)>,
    /// What each plugin cost, by position.
    pub costs: Vec<Cost>,
    /// Time spent on choosing rows.
    pub routing: Duration,
    /// Bytes of all that was said, about, save what is for decisions.
    pub bytes: usize,
    /// Bytes of what calls asked and were told that left evidence.
    pub asked: usize,
    /// There is more to say than may be held at once: the worker must be asked again.
    pub unfinished: bool,
}

/// How workers evaluate; the same for all.
#[derive(Clone, Debug)]
pub(crate) struct Terms {
    /// A new instance for every call, which must not change what comes out.
    pub(crate) fresh: bool,
    /// Calls that file something leave evidence.
    pub(crate) evidence: bool,
    /// Bytes that all workers may hold of what was said before it is put out.
    pub(crate) output: usize,
    /// Bytes that they hold.
    pub(crate) said: Arc<AtomicUsize>,
    /// Bytes that one policy may say of an epoch; decisions are held until it is over.
    pub(crate) judgements: u64,
    /// Ends the run.
    pub(crate) stop: Stop,
    /// The least and the greatest time of a request that policies are asked about.
    pub(crate) asked: Option<(u64, u64)>,
    /// Why every request is denied, if it is, and no policy asked.
    pub(crate) denied: Arc<OnceLock<String>>,
}

/// A seat for the next generation.
pub(crate) struct NewSeat {
    pub(crate) seat: Seat,
    /// The position of the one that it goes on from.
    pub(crate) from: Option<usize>,
    /// It takes over the instance of that, since it is the same.
    pub(crate) keeps: bool,
    /// Tables that it does not take over.
    pub(crate) discard: Vec<String>,
}

/// What a generation leaves behind: instances and seats that nobody needs. Dropping it gives
/// back their memory, which takes time.
#[derive(Debug)]
pub struct Spent(#[expect(dead_code, reason = "it is there to be dropped")] Box<dyn Leftover>);

/// Something that is there to be dropped.
trait Leftover: Send {}
impl<T: Send> Leftover for T {}

impl std::fmt::Debug for dyn Leftover {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("..")
    }
}

impl Spent {
    pub(crate) fn new(left: impl Send + 'static) -> Spent {
        Spent(Box::new(left))
    }
}

/// Evaluates the shard of one worker.
pub(crate) struct EvaluateWorker {
    /// Its number, and how many there are.
    pub(super) share: (usize, usize),
    key: PartitionKey,
    terms: Terms,
    pub(super) seats: Vec<Seat>,
    /// What is being put back; see `image`.
    pub(super) pending: Pending,
    /// Of each level, where its plugins were interrupted.
    paused: [Option<Paused>; MAX_LEVELS as usize + 1],
}

/// A plugin that has turns left.
struct Paused {
    index: usize,
    turns: Turns,
    budget: Budget,
}

impl EvaluateWorker {
    /// A worker for its share of these plugins' events.
    pub(crate) fn new(
        share: (usize, usize),
        key: PartitionKey,
        terms: Terms,
        generation: &Generation,
        provide: &Provide,
    ) -> EvaluateWorker {
        let seat = |(member, placement): (&Member, &Placement)| {
            Seat::of(member, *placement, provide, &terms)
        };
        let seats = generation.plugins.iter().zip(&generation.placements);
        let seats = seats.map(seat).collect();
        EvaluateWorker {
            share,
            key,
            terms,
            seats,
            pending: Pending::default(),
            paused: Default::default(),
        }
    }

    /// Goes over to other seats, which take what they go on with from those so far. Between
    /// epochs only. What befell plugins, by position, and the seats that are left.
    pub(crate) fn adopt(
        &mut self,
        terms: Terms,
        seats: Vec<NewSeat>,
    ) -> (Vec<(usize, Fault)>, Vec<Seat>) {
        let mut before = std::mem::take(&mut self.seats);
        let mut lost = Vec::new();
        for (position, new) in seats.into_iter().enumerate() {
            let mut seat = new.seat;
            if let Some(before) = new.from.and_then(|at| before.get_mut(at))
                && let Err(fault) = seat.inherit(before, new.keeps, &new.discard)
            {
                lost.push((position, fault));
            }
            self.seats.push(seat);
        }
        self.terms = terms;
        self.paused = Default::default();
        (lost, before)
    }

    /// Shows the epoch to every plugin of its level that has a share in it, or goes on with it
    /// where that was interrupted.
    pub(crate) fn evaluate(&mut self, routed: &Routed) -> EvaluateOutput {
        let mut out = EvaluateOutput {
            costs: vec![Cost::default(); self.seats.len()],
            ..EvaluateOutput::default()
        };
        let level = usize::from(routed.level());
        let mut paused = self.paused[level].take();
        let first = paused.as_ref().map_or(0, |paused| paused.index);
        for (index, seat) in self.seats.iter_mut().enumerate().skip(first) {
            if !routed.is_for(index) {
                continue;
            }
            let (turns, budget) = match paused.take() {
                Some(paused) => (Ok(paused.turns), paused.budget),
                None => {
                    seat.allowance.begin(routed.epoch());
                    let began = Instant::now();
                    let (plugin, placement) = (Arc::clone(seat.plugin()), seat.placement);
                    let (key, share) = (self.key, self.share);
                    let mut effort = seat.allowance.effort();
                    let turns = contain(|| {
                        defect::here(Spot::Turns, &plugin.manifest().name);
                        let manifest = plugin.manifest();
                        routed.turns(index, manifest, placement, key, share, &mut effort)
                    });
                    let took = began.elapsed();
                    seat.allowance.chose(took, &effort);
                    out.routing += took;
                    let time = seat.plugin().limits().call_time;
                    (turns, Budget::new(seat.plugin().patience().of(time)))
                }
            };
            let policy = seat.plugin().manifest().world == World::Policy;
            let (mut turns, panicked) = match turns {
                Ok(turns) => (turns, None),
                // It would not be asked, and nobody would deny in its stead.
                Err(panicked) if policy => {
                    std::panic::resume_unwind(Box::new(panicked.to_string()));
                }
                Err(panicked) => (Turns::of(Vec::new()), Some(panicked)),
            };
            let mut call = Call {
                budget,
                seat,
                index,
                terms: &self.terms,
                turns: &mut turns,
                out: &mut out,
                place: Place::event(0),
            };
            if let Some(panicked) = panicked {
                call.broke(Place::tick(0), &panicked);
            }
            while let Some(turn) = call.turns.next() {
                if self.terms.said.load(Ordering::Relaxed) >= self.terms.output {
                    call.turns.put_back(turn);
                    call.out.unfinished = true;
                    let budget = call.budget;
                    self.paused[level] = Some(Paused {
                        index,
                        turns,
                        budget,
                    });
                    return out;
                }
                let (place, before) = (turn.place(), call.out.bytes);
                let taken = contain(|| {
                    defect::here(Spot::Turn, &call.seat.plugin().manifest().name);
                    match turn {
                        Turn::Show(shown) => call.show(&shown),
                        Turn::Watermark(tick) => call.fire(tick),
                        Turn::Timers {
                            tick,
                            tenant,
                            fired,
                        } => call.timers(tick, tenant, fired),
                    }
                });
                if let Err(panicked) = taken {
                    call.broke(place, &panicked);
                }
                let said = call.out.bytes - before;
                if said > 0 {
                    self.terms.said.fetch_add(said, Ordering::Relaxed);
                }
            }
            // The last call may have been too much.
            call.miss(call.place, 0);
            out.costs[index].state = seat.grown();
        }
        out
    }
}

/// A plugin's turns in an epoch.
pub(crate) struct Call<'a> {
    pub(crate) seat: &'a mut Seat,
    pub(crate) index: usize,
    pub(crate) terms: &'a Terms,
    pub(crate) turns: &'a mut Turns,
    pub(crate) out: &'a mut EvaluateOutput,
    pub(crate) budget: Budget,
    /// What the latest call was about.
    pub(crate) place: Place,
}

impl Call<'_> {
    /// Shows rows to the export that the subscription is for.
    fn show(&mut self, shown: &Shown) {
        self.place = shown.place(0);
        match self.seat.plugin().manifest().subscriptions[shown.subscription].role {
            Role::Decide => {
                for row in 0..shown.view.len() {
                    let asked = shown.slice(row, row + 1);
                    let (batch, at) = (asked.view.batch().clone(), asked.view.batch_row(0));
                    self.out.requests.push((asked.place(0), batch, at));
                    if let Err(panicked) = contain(|| self.decide(&asked)) {
                        let name = &self.seat.plugin().manifest().name;
                        let fault = Fault::of_panic(name, "decide", &panicked);
                        self.deny(&asked, &fault.to_string());
                        self.poison(&asked, 0, &Arc::new(fault));
                    }
                }
            }
            Role::Evaluate => self.evaluate(shown),
            Role::Observe => self.observe(shown),
        }
    }

    /// Whether the plugin may not be called any more in this epoch, or in this run.
    pub(crate) fn is_over(&self) -> bool {
        self.seat.allowance.over().is_some() || self.terms.stop.is_over()
    }

    /// Asks a policy about one request. A fault is a deny.
    fn decide(&mut self, shown: &Shown) {
        let place = shown.place(0);
        let cause = Cause::Row(shown.subscription);
        if let Some(reason) = self.terms.denied.get().cloned() {
            self.deny(shown, &reason);
            return;
        }
        let time = shown.view.batch().times()[shown.view.batch_row(0)];
        if let Some((from, to)) = self
            .terms
            .asked
            .filter(|(from, to)| time < *from || time > *to)
        {
            // Whoever asks would choose what is in force, and what has happened by then.
            self.deny(
                shown,
                &format!(
                    "the request is dated {}, and those are judged that are dated from {} to {}",
                    Timestamp(time),
                    Timestamp(from),
                    Timestamp(to)
                ),
            );
            return;
        }
        if !self.is_over() {
            let view = shown.view.clone();
            let room = self.seat.allowance.room();
            let asked = self.run("decide", 1, |instance| {
                let keep = |effects: &Effects| effects.bytes as u64 <= room;
                instance.decide_if(shown.subscription as u32, view, keep)
            });
            match asked {
                Ok(Some(mut effects)) => {
                    let evidence = self.evidence("decide", &mut effects, || Called::Rows {
                        subscription: shown.subscription as u32,
                        view: shown.view.clone(),
                    });
                    for (judgement, nth) in effects.judgements.into_iter().zip(0..) {
                        let rank = self.rank(place, &cause);
                        let filing = evidence.clone().map(|evidence| Filing { evidence, nth });
                        self.out.judgements.push((rank, judgement, filing));
                    }
                    return;
                }
                Ok(None) => {
                    self.seat.keep_log();
                    self.seat.allowance.exceed_bytes("decide");
                }
                Err(fault) => {
                    self.seat.keep_log();
                    self.deny(shown, &fault.to_string());
                    self.poison(shown, 0, &Arc::new(fault));
                    return;
                }
            }
        }
        let reason = match self.seat.allowance.over() {
            Some(fault) => fault.to_string(),
            None => "the run was ended before".to_owned(),
        };
        self.deny(shown, &reason);
        self.leave(shown);
    }

    /// Denies a request that the policy could not judge.
    fn deny(&mut self, shown: &Shown, reason: &str) {
        let judgement = Judgement {
            by: attribution(self.seat.plugin(), ""),
            verdict: Verdict::Deny,
            reason: format!("the policy could not decide: {reason}"),
            obligations: Vec::new(),
            events: Vec::new(),
        };
        let rank = self.rank(shown.place(0), &Cause::Row(shown.subscription));
        self.out.judgements.push((rank, judgement, None));
    }

    /// The host has panicked outside of a call, at this place: what was to come of it is lost,
    /// and what follows is shown all the same.
    fn broke(&mut self, place: Place, panicked: &Panicked) {
        let name = &self.seat.plugin().manifest().name;
        let fault = Fault::of_panic(name, "evaluate", panicked);
        let rank = self.rank(place, &Cause::Row(0));
        self.fault(rank, Arc::new(fault));
    }

    /// Advances the plugin's tables and tells it which of its timers are due.
    fn fire(&mut self, tick: Tick) {
        let due = match self.seat.due(tick.watermark) {
            Ok(due) => due,
            Err(fault) => {
                let rank = self.rank(Place::tick(tick.seq), &Cause::Timer(None));
                self.fault(rank, Arc::new(fault));
                return;
            }
        };
        // What has no use for timers may have tables.
        if !self
            .seat
            .plugin()
            .manifest()
            .exports(OptionalExport::OnTimer)
        {
            return;
        }
        for (tenant, fired) in due.into_iter().rev() {
            self.turns.put_back(Turn::Timers {
                tick,
                tenant,
                fired,
            });
        }
    }

    /// One call of `on-timer`. When it files anything, each timer gets a call of its own, so
    /// that it is known what is about which.
    fn timers(&mut self, tick: Tick, tenant: String, fired: Vec<Fired>) {
        let place = Place::tick(tick.seq);
        self.place = place;
        if self.is_over() {
            self.miss(place, fired.len());
            return;
        }
        let room = self.seat.allowance.room();
        let (mut several, mut heavy) = (false, false);
        let keep = |effects: &Effects| {
            several = fired.len() > 1 && !effects.filed.is_empty();
            heavy = effects.bytes as u64 > room;
            !several && !heavy
        };
        let result = self.run("on-timer", 0, |instance| {
            instance.on_timer_if(&tenant, &fired, keep)
        });
        let alone = match (&result, several) {
            (Ok(None), several) => several,
            (Err(_), _) => fired.len() > 1 && self.budget.is_left(),
            _ => false,
        };
        if alone {
            for timer in fired.into_iter().rev() {
                self.turns.put_back(Turn::Timers {
                    tick,
                    tenant: tenant.clone(),
                    fired: vec![timer],
                });
            }
            return;
        }
        let cause = Cause::Timer(match &fired[..] {
            [timer] => Some(Arc::new(TimerCause {
                tenant: tenant.clone(),
                due: timer.due,
                name: timer.name.clone(),
                key: timer.key.clone(),
            })),
            _ => None,
        });
        match result {
            Ok(Some(mut effects)) => {
                let evidence = self.evidence("on-timer", &mut effects, || Called::Timers {
                    tenant: tenant.clone(),
                    fired: fired.clone(),
                });
                let time = fired.first().map_or(tick.watermark, |timer| timer.due);
                let occasion = Occasion::Timer {
                    place,
                    time,
                    tenant: &tenant,
                };
                self.take(effects, &occasion, &cause, evidence);
            }
            Ok(None) => {
                self.seat.keep_log();
                self.seat.allowance.exceed_bytes("on-timer");
                self.miss(place, fired.len());
            }
            Err(fault) => {
                self.seat.keep_log();
                self.budget.found();
                let rank = self.rank(place, &cause);
                self.fault(rank, Arc::new(fault));
            }
        }
    }

    pub(crate) fn run(
        &mut self,
        export: &'static str,
        events: usize,
        body: impl FnOnce(&mut palisade_runtime::Instance) -> Result<Option<Effects>, Fault>,
    ) -> Result<Option<Effects>, Fault> {
        let cost = &mut self.out.costs[self.index];
        let terms = self.terms;
        self.seat.run(terms, (export, events), cost, body)
    }

    /// An event that is left out.
    pub(crate) fn poison(&mut self, shown: &Shown, row: u32, fault: &Arc<Fault>) {
        let poison = Poison {
            batch: shown.view.batch().clone(),
            row: shown.view.batch_row(row),
            plugin: self.seat.member.key.clone(),
            digest: self.seat.plugin().digest(),
            fault: Arc::clone(fault),
        };
        self.book(fault);
        let rank = self.rank(shown.place(row as usize), &Cause::Row(shown.subscription));
        self.out.poison.push((rank, poison));
    }

    /// Leaves out rows that the plugin may not be shown any more, counts them, and says once
    /// why.
    pub(crate) fn leave(&mut self, shown: &Shown) {
        let place = shown.place(0);
        let Some(fault) = self.seat.allowance.over().cloned() else {
            self.out.costs[self.index].interrupted += shown.view.len() as u64;
            return;
        };
        self.miss(place, shown.view.len());
        let rank = self.rank(place, &Cause::Row(shown.subscription));
        self.out.bytes += HELD;
        let view = shown.view.clone();
        let left = Left {
            view,
            plugin: self.seat.member.key.clone(),
            digest: self.seat.plugin().digest(),
            fault,
        };
        self.out.left.push((rank, left));
    }

    /// Counts what the plugin is not shown, and says once why.
    fn miss(&mut self, place: Place, count: usize) {
        let cost = &mut self.out.costs[self.index];
        if self.seat.allowance.over().is_none() {
            cost.interrupted += count as u64;
            return;
        }
        cost.unevaluated += count as u64;
        if let Some(fault) = self.seat.allowance.tell() {
            let rank = self.rank(place, &Cause::Timer(None));
            self.fault(rank, fault);
        }
    }

    fn fault(&mut self, rank: Rank, fault: Arc<Fault>) {
        self.book(&fault);
        self.out.faults.push((rank, fault));
    }

    /// Counts a fault that is told.
    fn book(&mut self, fault: &Fault) {
        let cost = &mut self.out.costs[self.index];
        cost.faults += 1;
        cost.undeclared_rules += u64::from(fault.cause.is_undeclared_rule());
        self.out.bytes += HELD + fault.size();
    }

    fn rank(&mut self, place: Place, cause: &Cause) -> Rank {
        Rank {
            place,
            plugin: self.index,
            cause: cause.clone(),
            part: self.seat.part(),
        }
    }

    /// What is kept of a call that filed something, as far as there is room for it.
    pub(crate) fn evidence(
        &mut self,
        export: &'static str,
        effects: &mut Effects,
        occasion: impl FnOnce() -> Called,
    ) -> Option<Arc<Evidence>> {
        let filed = effects.filed.len() + effects.judgements.len();
        let asked = effects.asked.take().filter(|_| filed > 0)?;
        let bytes = self.out.asked + asked.iter().map(Asked::size).sum::<usize>();
        if bytes > MAX_EPOCH_ASKED {
            return None;
        }
        self.out.asked = bytes;
        Some(Arc::new(Evidence {
            plugin: Arc::clone(self.seat.plugin()),
            export,
            occasion: occasion(),
            asked,
            filed: filed as u32,
        }))
    }

    pub(crate) fn take(
        &mut self,
        effects: Effects,
        occasion: &Occasion<'_>,
        cause: &Cause,
        evidence: Option<Arc<Evidence>>,
    ) {
        self.out.bytes += effects.bytes;
        for (filed, nth) in effects.filed.into_iter().zip(0..) {
            let (place, mut draft) = draft(self.seat.plugin(), filed, occasion);
            draft.filing = evidence.clone().map(|evidence| Filing { evidence, nth });
            let labels = draft.traits.size();
            self.seat.allowance.gave("evaluate", labels as u64);
            self.out.bytes += labels;
            let rank = self.rank(place, cause);
            self.out.findings.push((rank, draft));
        }
    }
}
