//! Fewer rows at a time: to find the event on which a plugin faults, and the row that a
//! finding is about.

use std::time::{Duration, Instant};

use palisade_runtime::Fault;

use super::evaluate::Call;
use super::route::Shown;

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

/// One call with rows: `false` asks for fewer.
type Once<'a> = fn(&mut Call<'a>, &Shown) -> Result<bool, Fault>;

impl Call<'_> {
    /// Shows rows to `evaluate`, in as few calls as it takes.
    pub(crate) fn evaluate(&mut self, shown: &Shown) {
        self.narrow(shown, Call::evaluate_once);
    }

    /// Shows rows to `observe`, in as few calls as it takes.
    pub(crate) fn observe(&mut self, shown: &Shown) {
        self.narrow(shown, Call::observe_once);
    }
}

impl<'a> Call<'a> {
    /// Splits rows until every call returns and says what it is about. The event that is to
    /// blame for a fault is left out; when its budget is used up, so is what is left with it.
    fn narrow(&mut self, shown: &Shown, once: Once<'a>) {
        self.budget.call();
        let fault = match once(self, shown) {
            Ok(true) => return,
            Ok(false) => None,
            Err(fault) => {
                self.budget.fault();
                Some(fault)
            }
        };
        let rows = shown.view.len();
        let fault = match fault {
            Some(fault) if rows == 1 || !self.budget.is_left() => fault,
            _ => {
                let middle = rows / 2;
                self.narrow(&shown.slice(0, middle), once);
                self.narrow(&shown.slice(middle, rows), once);
                return;
            }
        };
        self.budget.found();
        for row in 0..rows as u32 {
            self.poison(shown, row, fault.clone());
        }
    }
}
