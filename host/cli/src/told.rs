//! What a run tells a person one by one, and what it only counts.

use std::collections::BTreeMap;

/// The most that is told of one kind and plugin: flows that are not parsed on, and faults that
/// differ. Who makes a plugin fault on every event, or sends what no parser reads, shall not fill
/// a terminal.
const MAX_TOLD: u64 = 20;
/// The most characters of a fault where it is told again with its number.
const AGAIN: usize = 300;

/// What was told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    /// By kind and plugin.
    counts: BTreeMap<(&'static str, String), u64>,
    /// By plugin and words.
    faults: BTreeMap<(String, String), u64>,
    /// How to see all faults, which stands behind the number of those that were not told.
    advice: &'static str,
}

/// Faults beyond those that are told by their words.
const OTHER_FAULTS: &str = "faults";

impl Told {
    /// Nothing yet; `advice` says how to see all faults.
    pub(crate) fn with_advice(advice: &'static str) -> Told {
        Told {
            advice,
            ..Told::default()
        }
    }

    /// Counts one more of a kind; whether it is to be told.
    pub(crate) fn tells(&mut self, what: &'static str, plugin: &str) -> bool {
        let count = self.counts.entry((what, plugin.to_owned())).or_default();
        *count += 1;
        *count <= MAX_TOLD
    }

    /// Counts a fault; whether it is to be told, which the first of those that are alike is.
    pub(crate) fn tells_fault(&mut self, plugin: &str, problem: &str) -> bool {
        let key = (plugin.to_owned(), problem.to_owned());
        if let Some(count) = self.faults.get_mut(&key) {
            *count += 1;
            return false;
        }
        let tells = self.tells(OTHER_FAULTS, plugin);
        if tells {
            self.faults.insert(key, 1);
        }
        tells
    }

    /// A line for each fault that there was more than once, and for each kind and plugin of which
    /// there was more than was told.
    pub(crate) fn rest(&self) -> Vec<String> {
        let alike = self.faults.iter().filter(|(_, count)| **count > 1);
        let alike = alike.map(|((_, problem), count)| {
            let mut short: String = problem.chars().take(AGAIN).collect();
            if short.len() < problem.len() {
                short.push('…');
            }
            format!("and {} alike: {short}{}", count - 1, self.advice)
        });
        let more = self.counts.iter().filter(|(_, count)| **count > MAX_TOLD);
        let more = more.map(|((what, plugin), count)| {
            let advice = match *what {
                OTHER_FAULTS => self.advice,
                _ => "",
            };
            format!(
                "plugin `{plugin}`: {} more {what}, told no more one by one{advice}",
                count - MAX_TOLD
            )
        });
        alike.chain(more).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_that_are_alike_are_told_once_and_counted() {
        let mut told = Told::with_advice("; keep them");
        let tells: Vec<bool> = (0..20).map(|_| told.tells_fault("p", "p: no")).collect();
        assert_eq!(tells.iter().filter(|told| **told).count(), 1);
        assert!(tells[0]);
        assert!(told.tells_fault("q", "q: no"));
        assert_eq!(told.rest(), ["and 19 alike: p: no; keep them"]);
    }

    #[test]
    fn faults_that_differ_are_told_up_to_a_limit() {
        let mut told = Told::default();
        let tells = (0..MAX_TOLD + 7).map(|at| told.tells_fault("p", &format!("no {at}")));
        assert_eq!(tells.filter(|told| *told).count() as u64, MAX_TOLD);
        let rest = ["plugin `p`: 7 more faults, told no more one by one"];
        assert_eq!(told.rest(), rest);
    }
}
