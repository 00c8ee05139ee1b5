//! Fewer rows at a time: to find the event on which a plugin faults, and the row that a
//! finding is about.

use std::sync::Arc;
use std::time::{Duration, Instant};

use palisade_runtime::{Effects, Fault, Filed, View};

use super::draft::{Occasion, Traits, is_placed};
use super::evaluate::Call;
use super::evidence::Called;
use super::place::Cause;
use super::route::Shown;
use super::turns::Turn;

/// The most calls that isolating one event may take.
const MAX_CALLS: u32 = 24;
/// The most events, or flows, of an epoch that are isolated for one plugin on one worker. Beyond that,
/// what faults is left out with its neighbours.
const MAX_ISOLATED: u32 = 16;

/// What isolating an event, or a flow, may still take: 24 calls, and twice the time of one call.
pub(crate) struct Budget {
    limit: Duration,
    isolated: u32,
    calls: u32,
    /// Set by the first fault.
    until: Option<Instant>,
}

impl Budget {
    pub(crate) fn new(call_time: Duration) -> Budget {
        Budget {
            limit: call_time * 2,
            isolated: 0,
            calls: MAX_CALLS,
            until: None,
        }
    }

    /// Whether another call may be made.
    pub(crate) fn is_left(&self) -> bool {
        self.isolated < MAX_ISOLATED
            && self.calls > 0
            && self.until.is_none_or(|until| Instant::now() < until)
    }

    /// A call has faulted.
    pub(crate) fn fault(&mut self) {
        self.until
            .get_or_insert_with(|| Instant::now() + self.limit);
    }

    /// A call is made to find out more.
    pub(crate) fn call(&mut self) {
        if self.until.is_some() {
            self.calls = self.calls.saturating_sub(1);
        }
    }

    /// An event was found, or given up: the next has a budget of its own.
    pub(crate) fn found(&mut self) {
        self.isolated += 1;
        self.calls = MAX_CALLS;
        self.until = None;
    }
}

/// Rows that are shown at a time once it is not known what a finding is about: fewer than
/// these are shown one by one.
const ALONE: usize = 64;
/// Bytes that a call may leave behind where it was shown more than one row.
const MANY: usize = 16 << 20;

/// What came of one call.
pub(crate) enum Answer {
    /// It counts.
    Done,
    /// It does not: it is not known what it is about, or it is too much at once.
    Fewer,
    /// It does not, because there is no room left for what it said.
    Over,
}

/// One call with rows.
type Once<'a> = fn(&mut Call<'a>, &Shown) -> Result<Answer, Fault>;

impl Call<'_> {
    /// Shows rows to `evaluate`, in as few calls as it takes.
    pub(crate) fn evaluate(&mut self, shown: &Shown) {
        self.narrow(shown, "evaluate", Call::evaluate_once);
    }

    /// Shows rows to `observe`, in as few calls as it takes.
    pub(crate) fn observe(&mut self, shown: &Shown) {
        self.narrow(shown, "observe", Call::observe_once);
    }

    /// One call of `evaluate`. What it did is taken over only when it returns, and when it is
    /// known what each finding is about.
    fn evaluate_once(&mut self, shown: &Shown) -> Result<Answer, Fault> {
        let view = shown.view.clone();
        let room = self.seat.allowance.room();
        let mut answer = Answer::Done;
        let keep = |effects: &Effects| {
            let held = effects
                .bytes
                .saturating_add(inherited(&effects.filed, &shown.view));
            let several = shown.view.len() > 1;
            if several && (held > MANY || !is_placed(&effects.filed)) {
                answer = Answer::Fewer;
            } else if held as u64 > room {
                answer = Answer::Over;
            }
            matches!(answer, Answer::Done)
        };
        let effects = self.run("evaluate", shown.view.len(), |instance| {
            instance.evaluate_if(shown.subscription as u32, view, keep)
        })?;
        if let Some(mut effects) = effects {
            let cause = Cause::Row(shown.subscription);
            let evidence = self.evidence("evaluate", &mut effects, || Called::Rows {
                subscription: shown.subscription as u32,
                view: shown.view.clone(),
            });
            self.take(effects, &Occasion::Rows(shown), &cause, evidence);
        }
        Ok(answer)
    }

    /// One call of `observe`.
    fn observe_once(&mut self, shown: &Shown) -> Result<Answer, Fault> {
        let view = shown.view.clone();
        self.run("observe", shown.view.len(), |instance| {
            instance.observe(shown.subscription as u32, view).map(Some)
        })?;
        Ok(Answer::Done)
    }
}

impl<'a> Call<'a> {
    /// One call, after which rows of which it is not known what they did go to the front of the
    /// turns in halves: those that must be known to be what a finding is about, until they are
    /// few, then one by one. The event that is to blame for a fault is left out; when its budget
    /// is used up, so is what is left with it.
    fn narrow(&mut self, shown: &Shown, export: &'static str, once: Once<'a>) {
        if self.is_over() {
            self.leave(shown);
            return;
        }
        let rows = shown.view.len();
        self.budget.call();
        let fault = match once(self, shown) {
            Ok(Answer::Done) => return,
            Ok(Answer::Fewer) if rows <= ALONE => {
                for row in (0..rows).rev() {
                    self.turns.put_back(Turn::Show(shown.slice(row, row + 1)));
                }
                return;
            }
            Ok(Answer::Fewer) => None,
            Ok(Answer::Over) => {
                self.seat.keep_log();
                self.seat.allowance.exceed_bytes(export);
                self.leave(shown);
                return;
            }
            Err(fault) => {
                self.budget.fault();
                Some(fault)
            }
        };
        let fault = match fault {
            Some(fault) if rows == 1 || !self.budget.is_left() => Arc::new(fault),
            _ => {
                let middle = rows / 2;
                self.turns.put_back(Turn::Show(shown.slice(middle, rows)));
                self.turns.put_back(Turn::Show(shown.slice(0, middle)));
                return;
            }
        };
        self.seat.keep_log();
        self.budget.found();
        for row in 0..rows as u32 {
            self.poison(shown, row, &fault);
        }
    }
}

/// Bytes of labels that findings take over from the rows that they cite.
fn inherited(filed: &[Filed], view: &View) -> usize {
    let batch = view.batch();
    if filed.is_empty() || !batch.has_handling() {
        return 0;
    }
    let of_row = |row| Traits::of(batch, view.batch_row(row)).size();
    let sizes: Vec<usize> = (0..view.len() as u32).map(of_row).collect();
    let of = |filed: &Filed| match filed {
        Filed::Finding(finding) => {
            let rows = finding.rows.iter();
            rows.filter_map(|row| sizes.get(*row as usize)).sum()
        }
        Filed::Retraction { .. } => 0,
    };
    filed.iter().map(of).sum()
}
