//! What happens often is told seldom.

use std::collections::HashMap;

/// How many times something is told of each time.
const EACH: u64 = 16;
/// The most things that are told apart; others count as one.
const MAX_APART: usize = 1024;

/// Counts things that happen, so that a log that somebody else writes does not fill the operator's.
#[derive(Debug, Default)]
pub(crate) struct Often {
    counts: HashMap<String, u64>,
}

impl Often {
    /// Counts one more of a kind; the count where it is to be told of: the first 16, then each time
    /// that they are twice as many.
    pub(crate) fn tells(&mut self, kind: &str) -> Option<u64> {
        let kind = match self.counts.len() < MAX_APART || self.counts.contains_key(kind) {
            true => kind,
            false => "",
        };
        let count = self.counts.entry(kind.to_owned()).or_default();
        *count += 1;
        (*count <= EACH || count.is_power_of_two()).then_some(*count)
    }

    /// A text with how often the like of it has happened, if it is to be told.
    pub(crate) fn told(&mut self, kind: &str, text: impl FnOnce() -> String) -> Option<String> {
        let count = self.tells(kind)?;
        let text = text();
        Some(match count {
            ..EACH => text,
            EACH => format!(
                "{text} (of the like of this only every second, fourth, eighth … is told from here on)"
            ),
            more => format!("{text} (the {more}th of its kind)"),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_are_told_and_then_each_time_they_are_twice_as_many() {
        let mut often = Often::default();
        let told: Vec<u64> = (0..1000).filter_map(|_| often.tells("a")).collect();
        let expected: Vec<u64> = (1..=16).chain([32, 64, 128, 256, 512]).collect();
        assert_eq!(told, expected);
        for kind in 0..2 * MAX_APART {
            often.tells(&kind.to_string());
        }
        assert!(often.counts.len() <= MAX_APART + 1);
    }
}
