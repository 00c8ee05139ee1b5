//! The events that a value rests on.

use std::collections::VecDeque;

use serde::Serialize;

/// How many events are cited at most.
pub const MAX_CITATIONS: usize = 16;

/// An event that took part in a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Citation {
    pub(super) time: u64,
    pub(super) event: u64,
}

/// The last [`MAX_CITATIONS`] events, in the order in which they came.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Recent(VecDeque<Citation>);

impl Recent {
    pub(super) fn of(latest: impl IntoIterator<Item = Citation>) -> Recent {
        let mut recent = Recent(VecDeque::with_capacity(MAX_CITATIONS + 1));
        for citation in latest {
            recent.push(citation);
        }
        recent
    }

    /// Time and event of each, in the order in which they came.
    pub(super) fn image(&self) -> Vec<(u64, u64)> {
        self.0.iter().map(|c| (c.time, c.event)).collect()
    }

    /// What was kept of one; `None`: it is none.
    pub(super) fn of_image(image: &[(u64, u64)], latest: u64) -> Option<Recent> {
        let sound = image.len() <= MAX_CITATIONS && image.iter().all(|(time, _)| *time <= latest);
        let citation = |(time, event): &(u64, u64)| Citation {
            time: *time,
            event: *event,
        };
        sound.then(|| Recent::of(image.iter().map(citation)))
    }

    /// Appends one; returns the one that it displaces.
    pub(super) fn push(&mut self, citation: Citation) -> Option<Citation> {
        self.0.push_back(citation);
        if self.0.len() > MAX_CITATIONS {
            return self.0.pop_front();
        }
        None
    }

    /// Undoes a push, given what it displaced.
    pub(super) fn unpush(&mut self, displaced: Option<Citation>) {
        self.0.pop_back();
        if let Some(citation) = displaced {
            self.0.push_front(citation);
        }
    }

    /// The events younger than `window` at `latest`, by time, oldest first.
    pub(super) fn within(&self, window: u64, latest: u64) -> Vec<u64> {
        let mut citations: Vec<Citation> = self.0.iter().copied().collect();
        citations.retain(|c| latest.saturating_sub(c.time) < window);
        // Events of one time stay in the order in which they came.
        citations.sort_by_key(|c| c.time);
        citations.into_iter().map(|c| c.event).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_sixteen_are_kept_and_a_push_can_be_undone() {
        let citation = |n: u64| Citation { time: n, event: n };
        let mut recent = Recent::of((0..16).map(citation));
        let before = recent.clone();
        let displaced = recent.push(citation(16));
        assert_eq!(displaced, Some(citation(0)));
        assert_eq!(recent.within(100, 16), (1..=16).collect::<Vec<_>>());
        assert_eq!(recent.within(4, 16), [13, 14, 15, 16]);
        recent.unpush(displaced);
        assert_eq!(recent, before);
    }
}
