//! The one order that everything in a run has.
//!
//! What comes out is sorted by what it is about, never by when it was computed, so that
//! neither the number of workers nor the size of batches or epochs shows.
//!
//! - An event has the place of its sequence number. A tick of the watermark stands right
//!   before the event that causes it.
//! - A finding is about one row: the latest of the current batch that it cites. Where it cites
//!   none, and of a retraction, it is the row that was being judged: to know it, the rows are
//!   shown one at a time. From a timer it is about the tick, and within it about the timer.
//! - As an event, a finding stands after what it is about, and after the findings of plugins
//!   at lower levels about the same.

use std::sync::Arc;

/// Where an event, a tick or a finding stands among all others of a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Place {
    /// Sequence number of the event; of a tick, that of the first event after it.
    seq: u64,
    /// Whether it is a tick (false), or the event itself.
    event: bool,
    /// 0, or the level of the plugin whose finding it is.
    level: u8,
    /// Number among the findings of the level.
    number: u64,
}

impl Place {
    /// The place of an event.
    pub(crate) fn event(seq: u64) -> Place {
        Place {
            seq,
            event: true,
            level: 0,
            number: 0,
        }
    }

    /// The place of a tick of the watermark, right before the event with this number.
    pub(crate) fn tick(seq: u64) -> Place {
        Place {
            event: false,
            ..Place::event(seq)
        }
    }

    /// The place of a finding that a plugin at `level` filed about what stands here.
    pub(crate) fn finding(self, level: u8, number: u64) -> Place {
        Place {
            level,
            number,
            ..self
        }
    }
}

/// A timer that fired.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TimerCause {
    pub(crate) tenant: String,
    pub(crate) due: u64,
    pub(crate) name: String,
    pub(crate) key: String,
}

/// What made a plugin say something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Cause {
    /// This timer; `None`: several, none of which is to blame alone.
    Timer(Option<Arc<TimerCause>>),
    /// A row, by this subscription.
    Row(usize),
}

/// The order in which plugins speak: by what it is about, then the plugin, then what made it
/// speak, then the order in which it spoke.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Rank {
    /// What it is about.
    pub(crate) place: Place,
    /// Position of the plugin.
    pub(crate) plugin: usize,
    /// One worker has all rows of a subscription that have the same place.
    pub(crate) cause: Cause,
    /// Position among what the plugin said on the worker.
    pub(crate) part: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tick_stands_before_its_event_and_findings_after_what_they_are_about() {
        let places = [
            Place::event(6),
            Place::tick(7),
            Place::tick(7).finding(1, 0),
            Place::event(7),
            Place::event(7).finding(1, 9),
            Place::event(7).finding(1, 10),
            Place::event(7).finding(1, 9).finding(2, 0),
            Place::tick(8),
            Place::event(8),
            Place::tick(u64::MAX),
        ];
        assert!(places.is_sorted());
    }
}
