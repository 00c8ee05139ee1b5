//! What an epoch made the plugins say: through all levels, then out in one order.

use std::sync::Arc;

use palisade_events::{Batch, Event, Finding, Judgement, compose};
use palisade_runtime::Fault;
use palisade_runtime::manifest::World;

use super::config::EngineError;
use super::evaluate::{EvaluateOutput, Left, Poison};
use super::evidence::Filing;
use super::failure::{Consequence, OnFault};
use super::output::{Notice, Output, TOLD_DATAGRAMS};
use super::parse::{ParseFault, ParseOutput};
use super::place::{Cause, Place, Rank};
use super::route::{Placed, Routed, Tick};
use super::run::Engine;

/// Something that a plugin said, or that befell it.
enum Said {
    Poison(Box<Poison>),
    Fault(Arc<Fault>),
    Left(Left),
    /// A rule whose finding would rest on too many others.
    TooDeep(String),
    Decision(Batch, usize, Vec<(Judgement, Option<Filing>)>),
    Finding(Box<Finding>, Option<Filing>),
}

/// Where it comes out: at its place; there, what kind of thing it is, and who said it.
type At = (Place, u8, Rank);

/// What an epoch made the plugins say, so far.
#[derive(Default)]
struct Gathered {
    all: Vec<(At, Said)>,
    requests: Vec<(Place, Batch, usize)>,
    judgements: Vec<(Rank, Judgement, Option<Filing>)>,
}

impl Gathered {
    /// Puts together what the policies of all levels say: one decision for a request, whoever
    /// was asked.
    fn decide(&mut self) {
        self.requests.sort_by_key(|(place, ..)| *place);
        self.requests.dedup_by_key(|(place, ..)| *place);
        self.judgements.sort_by(|(a, ..), (b, ..)| a.cmp(b));
        let mut judgements = self.judgements.drain(..).peekable();
        for (place, batch, row) in self.requests.drain(..) {
            let mut of = Vec::new();
            while let Some((_, judgement, filing)) =
                judgements.next_if(|(rank, ..)| rank.place <= place)
            {
                of.push((judgement, filing));
            }
            let at = (place, 3, nobody(place, 0));
            self.all.push((at, Said::Decision(batch, row, of)));
        }
    }
}

/// The rank of something of which there is one at its place.
fn nobody(place: Place, plugin: usize) -> Rank {
    Rank {
        place,
        plugin,
        cause: Cause::Row(0),
        part: 0,
    }
}

impl Engine {
    /// Begins to evaluate an epoch, once the one before is done, and puts that out.
    pub(super) fn begin(
        &mut self,
        batches: Vec<Batch>,
        ticks: Vec<Tick>,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let routed = Arc::new(self.routed(batches, ticks));
        let outputs = self.workers.collect()?;
        let unfinished = |outputs: &Vec<EvaluateOutput>| outputs.iter().any(|o| o.unfinished);
        if self.top > 1 || outputs.as_ref().is_some_and(unfinished) {
            // The workers have more to do for the epoch before.
            self.conclude(outputs, out)?;
            self.workers.evaluate(&routed)?;
            self.epoch = Some(routed);
            return Ok(());
        }
        // The epoch comes out while the next is being evaluated.
        self.workers.evaluate(&routed)?;
        self.conclude(outputs, out)?;
        self.epoch = Some(routed);
        Ok(())
    }

    /// Waits for the epoch that is being evaluated, if there is one, and puts it out.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn collect(&mut self, out: &mut dyn Output) -> Result<(), EngineError> {
        let outputs = self.workers.collect()?;
        self.conclude(outputs, out)
    }

    /// Takes an epoch, of which the plugins of level 1 have said their part, through the other
    /// levels, and puts it out.
    pub(super) fn conclude(
        &mut self,
        outputs: Option<Vec<EvaluateOutput>>,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let (Some(outputs), Some(routed)) = (outputs, self.epoch.take()) else {
            return Ok(());
        };
        self.say(outputs, &routed, false, out)
    }

    /// Takes an epoch through the levels from its own on, and puts it out. Those above are shown
    /// the epoch as well, unless it is said that they are shown findings only.
    pub(super) fn say(
        &mut self,
        outputs: Vec<EvaluateOutput>,
        routed: &Arc<Routed>,
        findings_only: bool,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let mut said = Gathered::default();
        self.level(outputs, routed, findings_only, &mut said, out)?;
        said.decide();
        self.put_out(&mut said, out)
    }

    /// Takes an epoch through a level, whose plugins have said their part, and those above it.
    ///
    /// Where they had more to say than may be held at once, what they have said goes on its way,
    /// and they say the rest after that: the epoch is cut. Decisions wait until it is over. Where
    /// those above were shown the epoch before (`more`), they are shown the findings alone.
    fn level(
        &mut self,
        mut outputs: Vec<EvaluateOutput>,
        routed: &Arc<Routed>,
        mut more: bool,
        said: &mut Gathered,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let level = routed.level();
        loop {
            let unfinished = outputs.iter().any(|output| output.unfinished);
            let findings = self.gather(level, outputs, said)?;
            if level < self.top {
                let next = Arc::new(routed.next(findings, more));
                if !next.is_empty() {
                    self.workers.evaluate(&next)?;
                    let outputs = self.workers.collect()?.unwrap_or_default();
                    self.level(outputs, &next, false, said, out)?;
                }
            }
            if !unfinished {
                return Ok(());
            }
            self.summary.cuts += 1;
            self.put_out(said, out)?;
            more = true;
            self.workers.evaluate(routed)?;
            outputs = self.workers.collect()?.unwrap_or_default();
        }
    }

    /// Puts out what was said so far, in order.
    fn put_out(&mut self, said: &mut Gathered, out: &mut dyn Output) -> Result<(), EngineError> {
        let mut all = std::mem::take(&mut said.all);
        all.sort_by(|(a, _), (b, _)| a.cmp(b));
        for ((.., rank), said) in all {
            self.put(rank.plugin, said, out)?;
        }
        Ok(())
    }

    /// Takes what the plugins of a level said; returns their findings as events for those of
    /// higher levels.
    fn gather(
        &mut self,
        level: u8,
        outputs: Vec<EvaluateOutput>,
        said: &mut Gathered,
    ) -> Result<Vec<Placed>, EngineError> {
        let parsers = self.generation.parsers.len();
        let mut drafts = Vec::new();
        for output in outputs {
            let costs = self.summary.plugins[parsers..].iter_mut();
            for (summary, cost) in costs.zip(&output.costs) {
                summary.cost.add(cost);
                self.summary.unevaluated += cost.unevaluated;
                self.summary.interrupted += cost.interrupted;
            }
            self.summary.routing += output.routing;
            drafts.extend(output.findings);
            said.judgements.extend(output.judgements);
            said.requests.extend(output.requests);
            let poison = output.poison.into_iter();
            said.all.extend(
                poison
                    .map(|(rank, poison)| ((rank.place, 0, rank), Said::Poison(Box::new(poison)))),
            );
            let faults = output.faults.into_iter();
            said.all
                .extend(faults.map(|(rank, fault)| ((rank.place, 1, rank), Said::Fault(fault))));
            let left = output.left.into_iter();
            said.all
                .extend(left.map(|(rank, left)| ((rank.place, 1, rank), Said::Left(left))));
        }
        let (findings, refused) = self.findings.number(level, drafts);
        for refused in refused {
            let at = (refused.place, 2, nobody(refused.place, refused.plugin));
            said.all.push((at, Said::TooDeep(refused.rule)));
        }
        let events = if level < self.top {
            self.findings
                .events(level, &findings, self.config.batch_rows)?
        } else {
            Vec::new()
        };
        said.all.extend(findings.into_iter().map(|numbered| {
            let rank = nobody(numbered.place, numbered.plugin);
            let finding = Said::Finding(numbered.finding, numbered.filing);
            ((numbered.place, 4, rank), finding)
        }));
        Ok(events)
    }

    fn put(&mut self, plugin: usize, said: Said, out: &mut dyn Output) -> Result<(), EngineError> {
        let name = || {
            self.summary.plugins[self.generation.parsers.len() + plugin]
                .title
                .clone()
        };
        match said {
            Said::Poison(mut poison) => {
                self.summary.poison += 1;
                self.summary.faults += 1;
                Arc::make_mut(&mut poison.fault).plugin = name();
                out.poison(&name(), &poison);
                let time = poison.batch.times().get(poison.row).copied();
                self.faulted(
                    self.generation.parsers.len() + plugin,
                    time,
                    &poison.fault,
                    out,
                )?;
            }
            Said::Fault(mut fault) => {
                self.summary.faults += 1;
                Arc::make_mut(&mut fault).plugin = name();
                out.notice(Notice::Fault {
                    plugin: name(),
                    problem: fault.to_string(),
                    backtrace: fault.backtrace.clone(),
                    packets: None,
                });
                self.faulted(self.generation.parsers.len() + plugin, None, &fault, out)?;
            }
            Said::Left(left) => out.left_out(&name(), &left),
            Said::TooDeep(rule) => {
                self.summary.too_deep += 1;
                out.notice(Notice::TooDeep {
                    plugin: name(),
                    rule,
                });
            }
            Said::Decision(batch, row, judgements) => {
                let (judgements, filings): (Vec<_>, Vec<_>) = judgements.into_iter().unzip();
                let decision = compose(judgements);
                self.summary.decisions += 1;
                self.summary.denied += u64::from(!decision.is_permitted());
                let event: Option<Event> = batch.event(row);
                if let Some(event) = event {
                    out.decided(&event, decision, filings);
                }
            }
            Said::Finding(finding, filing) => {
                self.summary.findings += 1;
                self.summary.plugins[self.generation.parsers.len() + plugin].yielded += 1;
                out.found(*finding, filing);
            }
        }
        Ok(())
    }

    /// Does what is to be done after a fault of the plugin at this place of the summary. Where
    /// no event is to blame, its time is that of the latest.
    fn faulted(
        &mut self,
        plugin: usize,
        time: Option<u64>,
        fault: &Fault,
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let time = time.unwrap_or_else(|| self.watermark.latest());
        let evaluated = plugin.checked_sub(self.generation.parsers.len());
        // A policy fails closed, fault by fault; out of the way, it would deny nothing.
        if evaluated
            .is_some_and(|at| self.generation.plugins[at].plugin.manifest().world == World::Policy)
            && self.config.on_fault != OnFault::Stop
        {
            return Ok(());
        }
        match self.faults.book(plugin, time) {
            Consequence::None => {}
            Consequence::Stop => return Err(EngineError::Fault(fault.to_string())),
            Consequence::Quarantine => {
                self.set_quarantine(plugin, true);
                let member = self.generation.members().nth(plugin);
                self.newly_quarantined
                    .extend(member.map(|member| member.key.clone()));
                out.notice(Notice::Quarantined {
                    plugin: self.summary.plugins[plugin].title.clone(),
                });
            }
        }
        Ok(())
    }

    /// Books what the parsers did.
    pub(super) fn account(
        &mut self,
        parsed: &[ParseOutput],
        out: &mut dyn Output,
    ) -> Result<(), EngineError> {
        let mut failures: Vec<_> = parsed.iter().flat_map(|output| &output.failures).collect();
        failures.sort_by_key(|failure| failure.order);
        self.summary.crowded += parsed.iter().map(|output| output.crowded).sum::<u64>();
        self.summary.displaced += parsed.iter().map(|output| output.displaced).sum::<u64>();
        self.summary.unparsed += parsed
            .iter()
            .map(|output| output.more_failures)
            .sum::<u64>();
        self.summary.bad_datagrams += parsed
            .iter()
            .map(|output| output.bad_datagrams)
            .sum::<u64>();
        for failure in failures {
            let parser = self.summary.plugins[failure.parser].title.clone();
            let (flow, problem) = (failure.flow.id, failure.message.clone());
            if failure.ends {
                self.summary.unparsed += 1;
                out.notice(Notice::Unparsed {
                    parser,
                    flow,
                    problem,
                });
            } else if self.told_datagrams < TOLD_DATAGRAMS {
                self.told_datagrams += 1;
                out.notice(Notice::Datagram {
                    parser,
                    flow,
                    problem,
                });
            }
        }
        for output in parsed {
            for (summary, cost) in self.summary.plugins.iter_mut().zip(&output.costs) {
                summary.parse.time += cost.time;
                summary.parse.calls += cost.calls;
                summary.parse.chunks += cost.chunks;
                summary.parse.bytes += cost.bytes;
                summary.parse.events += cost.events;
                summary.cost.unevaluated += cost.unevaluated;
                summary.cost.interrupted += cost.interrupted;
                self.summary.unevaluated += cost.unevaluated;
                self.summary.interrupted += cost.interrupted;
                summary.parse.peaks.raise(cost.peaks);
                summary.yielded += cost.events;
            }
            for ParseFault {
                parser,
                fault,
                packets,
            } in &output.faults
            {
                self.summary.faults += 1;
                self.summary.plugins[*parser].cost.faults += 1;
                let mut fault = fault.clone();
                fault.plugin = self.summary.plugins[*parser].title.clone();
                out.notice(Notice::Fault {
                    plugin: fault.plugin.clone(),
                    problem: fault.to_string(),
                    backtrace: fault.backtrace.clone(),
                    packets: *packets,
                });
                self.faulted(*parser, None, &fault, out)?;
            }
        }
        Ok(())
    }
}
