//! What host functions may do in one call into a guest: the guest's own clock stands still in them.

use std::time::{Duration, Instant};

use super::HostState;
use crate::{FaultCause, Mode};

/// Bytes of work after which the clock is looked at: less than a few milliseconds of any kind.
const LOOK: u64 = 1 << 20;
/// The most bytes that one host call hands over to the guest, as the host holds them meanwhile.
pub(crate) const MAX_SHOWN_BYTES: usize = 16 << 20;
/// What work on a row takes beside its texts, in bytes.
const ROW: usize = 64;
/// The most rows that are worked on before the clock may be looked at.
const PIECE: usize = 16_384;

/// The time of a call, and in the modes with fuel its fuel, of which a byte of work takes a unit.
#[derive(Debug, Default)]
pub(crate) struct Work {
    until: Option<Instant>,
    pub(crate) fueled: bool,
    /// The fuel that the host call at hand may use.
    fuel: u64,
    /// Bytes of the host call at hand.
    spent: u64,
    /// Bytes since the clock was looked at.
    unseen: u64,
}

impl Work {
    /// That of a call that begins now and may take so long.
    pub(crate) fn of(time: Duration, mode: Mode) -> Work {
        let now = Instant::now();
        Work {
            until: match mode.has_deadlines() {
                true => now.checked_add(time),
                false => None,
            },
            fueled: mode.has_fuel(),
            ..Work::default()
        }
    }

    /// A host call begins, with what fuel there is.
    pub(crate) fn begin(&mut self, fuel: u64) {
        (self.fuel, self.spent) = (fuel, 0);
    }

    /// The fuel that is left after the host call.
    pub(crate) fn left(&self) -> u64 {
        self.fuel.saturating_sub(self.spent)
    }
}

impl HostState {
    /// Books work of so many bytes before it is done.
    ///
    /// # Errors
    /// When the call has no time or no fuel left.
    pub(crate) fn work(&mut self, bytes: usize) -> Result<(), FaultCause> {
        let bytes = bytes as u64;
        let work = &mut self.work;
        work.spent = work.spent.saturating_add(bytes);
        work.unseen = work.unseen.saturating_add(bytes);
        if work.fueled && work.spent > work.fuel {
            return Err(FaultCause::Fuel(self.limits.fuel));
        }
        if work.unseen >= LOOK {
            work.unseen = 0;
            if work.until.is_some_and(|until| Instant::now() >= until) {
                return Err(FaultCause::Time(self.limits.call_time));
            }
        }
        Ok(())
    }

    /// Books what is handed over to the guest in one host call: so many bytes, with those before.
    ///
    /// # Errors
    /// As [`work`](Self::work), and when it is more than [`MAX_SHOWN_BYTES`] together.
    pub(crate) fn hand_over(
        &mut self,
        function: &'static str,
        so_far: &mut usize,
        bytes: usize,
    ) -> Result<(), FaultCause> {
        *so_far = so_far.saturating_add(bytes);
        if *so_far > MAX_SHOWN_BYTES {
            return Err(FaultCause::Capability {
                function,
                problem: format!(
                    "what it asked for has more than {MAX_SHOWN_BYTES} bytes, the limit for one host \
                     call: ask for fewer at a time"
                ),
            });
        }
        self.work(bytes)
    }

    /// Does work on rows piece by piece, each booked before: `size` says what a row takes beside
    /// [`ROW`] bytes, and the answers come one after another.
    ///
    /// # Errors
    /// As [`work`](Self::work), and those of `answer`.
    pub(crate) fn on_pieces<A>(
        &mut self,
        rows: &[u32],
        size: impl Fn(u32) -> usize,
        mut answer: impl FnMut(&mut HostState, &[u32]) -> Result<Vec<A>, FaultCause>,
    ) -> Result<Vec<A>, FaultCause> {
        let mut answers = Vec::new();
        let (mut from, mut bytes) = (0, 0_usize);
        for (at, row) in rows.iter().enumerate() {
            bytes = bytes.saturating_add(ROW + size(*row));
            let end = at + 1;
            if bytes as u64 >= LOOK || end - from == PIECE || end == rows.len() {
                self.work(std::mem::take(&mut bytes))?;
                answers.append(&mut answer(self, &rows[from..end])?);
                from = end;
            }
        }
        // What is wrong with the table or the column is told of no rows too.
        if rows.is_empty() {
            answers = answer(self, rows)?;
        }
        Ok(answers)
    }
}

/// Bytes of text that a column holds for a row.
pub(crate) fn text_of(column: &palisade_events::Column) -> impl Fn(u32) -> usize {
    let column = column.clone();
    move |row| match &column.values {
        palisade_events::Values::Text { offsets, .. } => {
            let range = column.range(row as usize);
            let at = |at: usize| offsets.get(at).map_or(0, |end| *end as usize);
            at(range.end).saturating_sub(at(range.start))
        }
        _ => 8 * column.range(row as usize).len(),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::account::Account;
    use crate::limits::Limits;
    use crate::manifest::Manifest;

    fn state(limits: Limits, mode: Mode) -> HostState {
        let manifest = r#"
            [plugin]
            name = "test"
            version = "0.1.0"
            kind = "detector"
            wit = "0.1"
            pack = "tests"
            [[subscription]]
            kind = "network.flow"
            fields = ["dst.port"]
            [[rule]]
            id = "test-1"
            title = "Test"
            severity = "low"
        "#;
        let all = Account::of_all(1 << 20);
        let mut state = HostState::new(
            palisade_events::Digest([0; 32]),
            Arc::new(Manifest::parse(manifest).unwrap()),
            Arc::new(limits.clone()),
            Arc::new([]),
            Account::of_plugin(1 << 19, &all),
        );
        state.work = Work::of(limits.call_time, mode);
        state.work.begin(1 << 20);
        state
    }

    /// How many rows were worked on, of so many of this size, and how that ended.
    fn worked(state: &mut HostState, rows: usize, size: usize) -> (usize, Option<FaultCause>) {
        let mut done = 0;
        let ended = state.on_pieces(
            &vec![0; rows],
            |_| size,
            |_, piece| {
                done += piece.len();
                Ok(vec![(); piece.len()])
            },
        );
        let answers = ended.as_ref().map_or(0, Vec::len);
        assert!(ended.is_err() || answers == rows);
        (done, ended.err())
    }

    #[test]
    fn long_work_of_a_host_call_ends_with_the_time_of_the_call() {
        let over = Limits {
            call_time: Duration::ZERO,
            ..Limits::default()
        };
        let (done, fault) = worked(&mut state(over, Mode::Live), 1_000_000, 900_000);
        assert_eq!((done, fault), (0, Some(FaultCause::Time(Duration::ZERO))));
        // Without work there is no look at the clock.
        let none = Limits {
            call_time: Duration::ZERO,
            ..Limits::default()
        };
        assert_eq!(worked(&mut state(none, Mode::Live), 100, 8), (100, None));
        let long = Limits {
            call_time: Duration::from_secs(600),
            ..Limits::default()
        };
        let mut patient = state(long, Mode::Live);
        assert_eq!(worked(&mut patient, 40_000, 8), (40_000, None));
        assert_eq!(worked(&mut patient, 0, 8), (0, None));
    }

    #[test]
    fn work_of_a_host_call_takes_fuel_in_deterministic_mode() {
        let limits = Limits {
            call_time: Duration::from_secs(600),
            ..Limits::default()
        };
        let mut state = state(limits.clone(), Mode::Deterministic);
        assert_eq!(worked(&mut state, 1_000, 36), (1_000, None));
        assert_eq!(state.work.left(), (1 << 20) - 100_000);
        let (done, fault) = worked(&mut state, 1_000, 1 << 20);
        assert_eq!((done, fault), (0, Some(FaultCause::Fuel(limits.fuel))));
    }

    #[test]
    fn what_a_host_call_hands_over_is_bounded() {
        let mut state = state(Limits::default(), Mode::Live);
        let mut bytes = 0;
        state
            .hand_over("rows", &mut bytes, MAX_SHOWN_BYTES)
            .unwrap();
        let fault = state.hand_over("rows", &mut bytes, 1).unwrap_err();
        assert!(fault.to_string().contains("16777216 bytes"), "{fault}");
    }
}
