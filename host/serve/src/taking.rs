//! The thread that takes epochs through the engine, and goes from one generation to the next
//! between two of them.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use palisade_pipeline::engine::{Clock, Engine, EngineError, Notice};

use crate::act::{self, ActError, ActRecord};
use crate::active::{Figures, Shared};
use crate::collect::Collect;
use crate::commit::{Calls, Commit, Kept, Reply};
use crate::composition::Change;
use crate::evidence::Situation;
use crate::follow::Filled;
use crate::ingest::Waiting;
use crate::loader::Configured;
use crate::often::Often;
use crate::own::{Op, Own};
use crate::queue::Works;
use crate::receipt::{Receipt, SourceAt, SwapKind};
use crate::record::{EpochRecord, Rows, SwapRecord};
use crate::server::{ServeError, Tell, Told};
use crate::snapshot::Saver;
use crate::swap::{Asked, Claim, Order, nanoseconds};

/// How long nobody speaks before it is looked whether time has passed.
const IDLE: Duration = Duration::from_millis(200);
/// The same while a snapshot is being made, which goes on meanwhile.
const BETWEEN: Duration = Duration::from_millis(2);
/// How often it is shown what was done.
const SHOWN: Duration = Duration::from_millis(200);

/// What there is to be done, in this order.
pub(crate) enum Work {
    /// A source has read something.
    Filled(Box<Filled>),
    /// A source has ended, and is followed no further.
    Ended,
    /// Another generation is to run.
    Swap(Box<Order>),
    /// Something else is to be done between two epochs.
    Act(Box<act::Order>),
}

/// Takes epochs through the engine.
pub(crate) struct Taking {
    pub(crate) engine: Engine,
    /// The number of the next record.
    pub(crate) next: u64,
    pub(crate) commit: Option<SyncSender<Commit>>,
    pub(crate) saver: Saver,
    pub(crate) tell: Tell,
    pub(crate) often: Often,
    pub(crate) shared: Arc<Shared>,
    /// How many sources are followed.
    pub(crate) sources: usize,
    /// When it was last shown what was done.
    pub(crate) shown: Instant,
    /// The server's own events, and what is to be told by them.
    pub(crate) own: Own,
    pub(crate) ops: VecDeque<Op>,
    /// What runs, for evidence.
    pub(crate) situation: Arc<Situation>,
}

/// What notices are alike.
fn kind_of(notice: &Notice) -> String {
    match notice {
        Notice::Fault { plugin, .. } => format!("fault {plugin}"),
        Notice::Unparsed { parser, .. } => format!("unparsed {parser}"),
        Notice::Datagram { parser, .. } => format!("datagram {parser}"),
        Notice::TooDeep { plugin, .. } => format!("deep {plugin}"),
        Notice::Quarantined { plugin } => format!("quarantined {plugin}"),
        Notice::Input { .. } => "input".to_owned(),
        Notice::Record { .. } => "record".to_owned(),
    }
}

impl Taking {
    /// Takes what is read until all sources have ended, or it is to stop; whether everything
    /// that was read was taken.
    pub(crate) fn run(
        &mut self,
        work: &Works,
        stop: &AtomicBool,
        drain: Duration,
        committing: &JoinHandle<Result<(), ServeError>>,
    ) -> Result<bool, ServeError> {
        let mut stopped: Option<Instant> = None;
        // Sources that end when the server stops are drained like any others.
        while self.sources > 0 {
            if stop.load(Ordering::Relaxed) {
                let since = *stopped.get_or_insert_with(Instant::now);
                if since.elapsed() >= drain {
                    return Ok(false);
                }
            }
            let idle = match self.saver.is_saving() {
                true => BETWEEN,
                false => IDLE,
            };
            let more = match work.recv_timeout(idle) {
                Ok(Work::Filled(filled)) => {
                    let Filled {
                        epoch,
                        now,
                        generation,
                        rows,
                        letters,
                        stream,
                        waiting,
                    } = *filled;
                    let mut collect = Collect::with(letters);
                    self.engine.step(epoch.kept_as(self.next), &mut collect)?;
                    self.saver.follow(&rows, stream);
                    self.saver.mark(&rows, self.next);
                    self.shared.captures.took(&rows, self.next);
                    let more = self.put((now, generation), Some(rows), collect, waiting)?;
                    self.saver.step(&mut self.engine, self.next - 1)?;
                    more
                }
                Ok(Work::Ended) => {
                    self.sources -= 1;
                    true
                }
                Ok(Work::Swap(order)) => self.swap(*order)?,
                Ok(Work::Act(order)) => self.act(*order)?,
                Err(RecvTimeoutError::Timeout) if committing.is_finished() => false,
                Err(RecvTimeoutError::Timeout) if stopped.is_none() => {
                    let now = Clock::System.now().unwrap_or_default();
                    let mut collect = Collect::default();
                    let moved = self.engine.follow(now, &mut collect)?;
                    let generation = self.shared.generation();
                    let more = !moved || self.put((now, generation), None, collect, None)?;
                    if idle == IDLE {
                        self.saver.settle();
                    }
                    self.saver.step(&mut self.engine, self.next - 1)?;
                    more
                }
                Err(RecvTimeoutError::Timeout) => true,
                Err(RecvTimeoutError::Disconnected) => false,
            };
            if self.is_to_show() {
                let gaps = self.shared.captures.gaps();
                self.ops.extend(gaps.iter().map(Op::gap));
            }
            if !more || !self.tell_plugins()? {
                return Ok(true);
            }
            self.show(false);
        }
        Ok(true)
    }

    fn is_to_show(&self) -> bool {
        self.shown.elapsed() >= SHOWN
    }

    /// Shows what was done, not more often than somebody can look at it.
    pub(crate) fn show(&mut self, at_once: bool) {
        if at_once || self.is_to_show() {
            self.shown = Instant::now();
            self.shared.set_figures(Figures {
                summary: self.engine.summary().clone(),
                positions: self.engine.positions(),
            });
        }
    }

    /// Waits for what was begun and hands it to the commit thread; `false`: that has ended.
    fn put(
        &mut self,
        (now, generation): (u64, u64),
        rows: Option<Rows>,
        mut collect: Collect,
        waiting: Option<Waiting>,
    ) -> Result<bool, ServeError> {
        self.engine.collect(&mut collect)?;
        self.tell(std::mem::take(&mut collect.notices));
        let quarantined = self.engine.take_quarantined();
        self.ops.extend(quarantined.iter().map(Op::quarantined));
        let named = quarantined.iter();
        let record = EpochRecord {
            now,
            generation,
            rows,
            said: Vec::new(),
            quarantined: named
                .map(|key| (key.pack.to_string(), key.name.to_string()))
                .collect(),
        };
        self.count(&collect);
        let calls = self.calls(collect);
        Ok(self.send(Kept::Epoch(Box::new(record), calls, waiting)))
    }

    /// What was said, with what is needed for evidence of it.
    fn calls(&self, mut collect: Collect) -> Calls {
        Calls {
            filed: std::mem::take(&mut collect.filed),
            said: collect.outcomes(),
            situation: Arc::clone(&self.situation),
        }
    }

    /// Counts what was left out.
    fn count(&self, collect: &Collect) {
        let letters = &collect.letters;
        let count = |counter: &AtomicU64, by| {
            counter.fetch_add(by, Ordering::Relaxed);
        };
        count(&self.shared.letters, letters.letters.len() as u64);
        count(&self.shared.letters_dropped, letters.dropped);
    }

    /// Tells plugins what was done, by events of the server; `false`: the commit thread has ended.
    fn tell_plugins(&mut self) -> Result<bool, ServeError> {
        while let Some(op) = self.ops.pop_front() {
            if self.own.stream.generation != self.shared.generation() {
                self.own.stream.follow(self.shared.terms());
            }
            let Some(own) = self.own.epoch(&op, self.engine.generation())? else {
                continue;
            };
            let mut collect = Collect::with(own.letters);
            self.engine.step(own.epoch, &mut collect)?;
            self.saver.follow(&own.rows, own.stream);
            let generation = self.own.stream.generation;
            if !self.put((own.now, generation), Some(own.rows), collect, None)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Does something between two epochs; `false`: the commit thread has ended.
    fn act(&mut self, order: act::Order) -> Result<bool, ServeError> {
        if !order.claim.take() {
            return Ok(true);
        }
        let (what, asked) = (order.what, order.asked);
        let mut collect = Collect::default();
        let now = Clock::System.now().unwrap_or_default();
        let done = act::apply(&mut self.engine, &what, (&asked, now), &mut collect);
        let mut receipt = match done {
            Ok(receipt) => receipt,
            Err(ActError::Refused(problem)) => {
                let _ = order.reply.send(Err(problem));
                return Ok(true);
            }
            Err(ActError::Engine(error)) => return Err(error.into()),
        };
        receipt.record = self.next;
        self.tell(std::mem::take(&mut collect.notices));
        let quarantined = self.engine.take_quarantined();
        self.ops.extend(quarantined.iter().map(Op::quarantined));
        self.ops
            .push_back(Op::act(&receipt.act, &receipt.by, &receipt.object));
        self.shared.remember_act(&receipt);
        (self.tell)(Told::Acted(receipt.clone()));
        self.count(&collect);
        let record = ActRecord {
            what,
            receipt,
            said: Vec::new(),
            quarantined: quarantined
                .iter()
                .map(|key| (key.pack.to_string(), key.name.to_string()))
                .collect(),
        };
        let calls = self.calls(collect);
        let kept = Kept::Act(Box::new(record), calls, Reply(Some(order.reply)));
        let sent = self.send(kept);
        self.saver.step(&mut self.engine, self.next - 1)?;
        self.show(true);
        Ok(sent)
    }

    fn tell(&mut self, notices: Vec<Notice>) {
        for notice in notices {
            match self.often.tells(&kind_of(&notice)) {
                Some(count) if count > 16 => (self.tell)(Told::Alike { notice, count }),
                Some(_) => (self.tell)(Told::Notice(notice)),
                None => {}
            }
        }
    }

    fn send(&mut self, kept: Kept) -> bool {
        let commit = Commit {
            number: self.next,
            kept,
        };
        self.shared.evaluated.store(self.next, Ordering::Release);
        self.next += 1;
        let sent = self.commit.as_ref().map(|to| to.send(commit).is_ok());
        sent.unwrap_or(false)
    }

    /// Goes over to what the configuration wants now.
    ///
    /// # Errors
    /// When state would be lost, an instance cannot be made, or the engine cannot go on.
    pub(crate) fn configure(
        &mut self,
        wanted: Configured,
        discard: &BTreeSet<String>,
    ) -> Result<(), ServeError> {
        let began = Instant::now();
        let active = self.shared.active();
        let stage = self.engine.stage();
        let discard = &stage.known(discard);
        let staged = stage.prepare(wanted.generation, discard)?;
        let asked = Asked {
            by: "configuration".to_owned(),
            key: None,
        };
        let change = Change {
            discard_state: discard.clone(),
            ..Change::default()
        };
        let kind = SwapKind::Configuration;
        let to = &wanted.composition;
        let receipt = Receipt::planned((&active.composition, to), kind, (&asked, &change), 0);
        let order = Order {
            staged,
            composition: wanted.composition,
            receipt: Receipt {
                staged_ns: nanoseconds(began.elapsed()),
                ..receipt
            },
            claim: Claim::default(),
            // Nobody waits for it.
            reply: channel().0,
        };
        self.swap(order)?;
        Ok(())
    }

    /// Switches to a generation that is ready; `false`: the commit thread has ended.
    fn swap(&mut self, order: Order) -> Result<bool, ServeError> {
        let Order {
            staged,
            composition,
            mut receipt,
            claim,
            reply,
        } = order;
        if !claim.take() {
            // Whoever asked has given it up.
            return Ok(true);
        }
        let mut collect = Collect::default();
        self.saver.unsettle(&mut self.engine)?;
        let adopted = match self.engine.adopt(staged, &mut collect) {
            Ok(adopted) => adopted,
            Err(error @ EngineError::Superseded) => {
                let _ = reply.send(Err(error.to_string()));
                return Ok(true);
            }
            Err(error) => return Err(error.into()),
        };
        self.shared
            .went(&self.engine, composition.clone(), receipt.kind);
        receipt.generation = self.shared.generation();
        self.situation = Arc::new(Situation::of(receipt.generation, &composition));
        receipt.pause_ns = nanoseconds(adopted.pause);
        receipt.workers_ns = adopted.workers.iter().copied().map(nanoseconds).collect();
        receipt.events = self.engine.summary().total_events();
        let positions = self.engine.positions();
        receipt.sources = positions.into_iter().map(SourceAt::from).collect();
        self.tell(collect.notices);
        self.shared.remember(&receipt);
        (self.tell)(Told::Swapped(receipt.clone()));
        self.ops.push_back(Op::swapped(&receipt));
        let record = SwapRecord {
            composition,
            receipt,
        };
        let sent = self.send(Kept::Swap(Box::new(record), Reply(Some(reply))));
        self.show(true);
        // Off this thread, where it would hold up the next epoch.
        drop_aside(adopted.spent);
        Ok(sent)
    }
}

/// Drops something in a thread of its own, or here where there can be none.
fn drop_aside(spent: impl Send + 'static) {
    let name = "palisade-drop".to_owned();
    let _ = std::thread::Builder::new()
        .name(name)
        .spawn(move || drop(spent));
}
