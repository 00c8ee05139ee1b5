//! What a plugin gets of an epoch on a worker, one turn after another.
//!
//! Turns are made as they are taken, so that a plugin with many subscriptions to interleaved
//! events costs neither memory nor time before its calls. What a turn could not do at once (rows
//! that must be shown fewer at a time) goes back to the front, so that evaluation can pause
//! after any call.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use palisade_runtime::Fired;

use super::place::Place;
use super::route::{Shown, Tick};

/// What a plugin gets next.
#[derive(Debug)]
pub(crate) enum Turn {
    /// Rows for a subscription.
    Show(Shown),
    /// The watermark has come to here.
    Watermark(Tick),
    /// These timers of a tenant are due.
    Timers {
        tick: Tick,
        tenant: String,
        fired: Vec<Fired>,
    },
}

impl Turn {
    /// Where it stands.
    pub(crate) fn place(&self) -> Place {
        match self {
            Turn::Show(shown) => shown.place(0),
            Turn::Watermark(tick) | Turn::Timers { tick, .. } => tick.place(),
        }
    }
}

/// The turns of a plugin, in order.
pub(crate) struct Turns {
    /// What comes before the rest, the next last.
    front: Vec<Turn>,
    rest: Rest,
}

enum Rest {
    InAnyOrder(std::vec::IntoIter<Shown>),
    Interleaved(Box<Interleave>),
}

impl Turns {
    /// These views, one after another.
    pub(crate) fn of(shows: Vec<Shown>) -> Turns {
        Turns {
            front: Vec::new(),
            rest: Rest::InAnyOrder(shows.into_iter()),
        }
    }

    /// These views, cut so that events come in the order of their places, and ticks of the
    /// watermark at theirs among them. Of the same event for two subscriptions the earlier
    /// comes first.
    pub(crate) fn interleaved(shows: Vec<Shown>, ticks: Vec<Tick>) -> Turns {
        Turns {
            front: Vec::new(),
            rest: Rest::Interleaved(Box::new(Interleave::new(shows, ticks))),
        }
    }

    /// The next turn.
    pub(crate) fn next(&mut self) -> Option<Turn> {
        if let Some(turn) = self.front.pop() {
            return Some(turn);
        }
        match &mut self.rest {
            Rest::InAnyOrder(shows) => shows.next().map(Turn::Show),
            Rest::Interleaved(all) => all.next(),
        }
    }

    /// Puts a turn before all others.
    pub(crate) fn put_back(&mut self, turn: Turn) {
        self.front.push(turn);
    }
}

/// Where a view comes in the order, and which it is.
type At = Reverse<(Place, usize, usize)>;

struct Interleave {
    shows: Vec<Shown>,
    cursors: Vec<usize>,
    /// The next row of every view that has one.
    order: BinaryHeap<At>,
    ticks: std::iter::Peekable<std::vec::IntoIter<Tick>>,
}

impl Interleave {
    fn new(shows: Vec<Shown>, ticks: Vec<Tick>) -> Interleave {
        let at = |(number, show): (usize, &Shown)| {
            (!show.view.is_empty()).then(|| Reverse((show.place(0), show.subscription, number)))
        };
        Interleave {
            order: shows.iter().enumerate().filter_map(at).collect(),
            cursors: vec![0; shows.len()],
            shows,
            ticks: ticks.into_iter().peekable(),
        }
    }

    fn next(&mut self) -> Option<Turn> {
        let Some(Reverse((first, subscription, number))) = self.order.peek().copied() else {
            return self.ticks.next().map(Turn::Watermark);
        };
        if let Some(tick) = self.ticks.next_if(|tick| tick.place() <= first) {
            return Some(Turn::Watermark(tick));
        }
        self.order.pop();
        // Up to where another view, or a tick, has its turn.
        let other = self
            .order
            .peek()
            .map(|Reverse((place, subscription, _))| (*place, *subscription));
        let tick = self.ticks.peek().map(|tick| (tick.place(), 0));
        let until = other.into_iter().chain(tick).min();
        let (show, cursor) = (&self.shows[number], &mut self.cursors[number]);
        let from = *cursor;
        let mut to = from + 1;
        while to < show.view.len()
            && until.is_none_or(|until| (show.place(to), subscription) < until)
        {
            to += 1;
        }
        *cursor = to;
        if to < show.view.len() {
            self.order
                .push(Reverse((show.place(to), subscription, number)));
        }
        Some(Turn::Show(show.slice(from, to)))
    }
}
