//! Two lists of what was said, and what one has more than the other.

use std::collections::{BTreeSet, HashMap, VecDeque};

use anyhow::Result;
use palisade_events::Digest;
use serde::Serialize;
use serde_json::{Map, Value};

use crate::output::Output;

/// The most values of a finding or decision that are shown to have changed, and the most
/// characters of each.
const MAX_VALUES: usize = 8;
const MAX_SHOWN: usize = 120;

/// One finding or decision.
#[derive(Clone, Debug)]
pub(super) struct Said {
    /// Whether it is the same: rule, subject and cited events, or the request.
    pub(super) key: Digest,
    /// What it says of it.
    pub(super) content: Value,
    /// The same for a person.
    pub(super) line: String,
}

impl Said {
    fn whole(&self) -> (Digest, String) {
        (self.key, self.content.to_string())
    }
}

/// What was gained, lost and changed, with the first of each.
#[derive(Debug, Default, Serialize)]
pub(super) struct Changes {
    same: usize,
    gained: usize,
    lost: usize,
    changed: usize,
    first_gained: Vec<Value>,
    first_lost: Vec<Value>,
    first_changed: Vec<Change>,
    #[serde(skip)]
    lines: [Vec<String>; 3],
}

#[derive(Debug, Serialize)]
struct Change {
    old: Value,
    new: Value,
}

/// Compares what was said, each time in the order of the input; `first` of each are kept.
pub(super) fn compare(old: &[Said], new: &[Said], first: usize) -> Changes {
    // What says exactly the same goes first.
    let mut counts: HashMap<(Digest, String), usize> = HashMap::new();
    for said in new {
        *counts.entry(said.whole()).or_default() += 1;
    }
    let mut take = |said: &&Said| match counts.get_mut(&said.whole()) {
        Some(count) if *count > 0 => {
            *count -= 1;
            true
        }
        _ => false,
    };
    let (same, other): (Vec<&Said>, Vec<&Said>) = old.iter().partition(&mut take);
    let mut changes = Changes {
        same: same.len(),
        ..Changes::default()
    };
    // What is left of the new counts is what the old has not.
    let other_new: Vec<&Said> = new.iter().filter(&mut take).collect();
    // The rest has changed, pair by pair, where the key is the same.
    let mut waiting: HashMap<Digest, VecDeque<&Said>> = HashMap::new();
    for said in other {
        waiting.entry(said.key).or_default().push_back(said);
    }
    let (mut gained, mut changed) = (Vec::new(), Vec::new());
    for said in other_new {
        match waiting.get_mut(&said.key).and_then(VecDeque::pop_front) {
            Some(was) => changed.push((was, said)),
            None => gained.push(said),
        }
    }
    let mut lost = Vec::new();
    for said in old {
        let next = waiting.get_mut(&said.key);
        if let Some(next) = next.filter(|n| n.front().is_some_and(|n| std::ptr::eq(*n, said))) {
            next.pop_front();
            lost.push(said);
        }
    }
    (changes.gained, changes.lost, changes.changed) = (gained.len(), lost.len(), changed.len());
    for (from, to, at) in [
        (&gained, &mut changes.first_gained, 0),
        (&lost, &mut changes.first_lost, 1),
    ] {
        for said in from.iter().take(first) {
            to.push(said.content.clone());
            changes.lines[at].push(said.line.clone());
        }
    }
    for (old, new) in changed.iter().take(first) {
        changes.lines[2].push(changed_line(old, new));
        changes.first_changed.push(Change {
            old: old.content.clone(),
            new: new.content.clone(),
        });
    }
    changes
}

/// What a change is: the new line, and what in it was something else before.
fn changed_line(old: &Said, new: &Said) -> String {
    let mut line = new.line.clone();
    let mut changes = Vec::new();
    differing("", &old.content, &new.content, &mut changes);
    for (place, was, is) in changes {
        line.push_str(&format!("\n    {place}: {was} -> {is}"));
    }
    line
}

/// The values that differ, with their place; at most so many of them.
fn differing(place: &str, was: &Value, is: &Value, into: &mut Vec<(String, String, String)>) {
    if was == is || into.len() >= MAX_VALUES {
        return;
    }
    let inner = |name: &str| match place {
        "" => name.to_owned(),
        place => format!("{place}.{name}"),
    };
    match (was, is) {
        (Value::Object(was), Value::Object(is)) => {
            let names: BTreeSet<&String> = was.keys().chain(is.keys()).collect();
            for name in names {
                let of = |fields: &Map<String, Value>| fields.get(name).cloned();
                let (was, is) = (of(was).unwrap_or_default(), of(is).unwrap_or_default());
                differing(&inner(name), &was, &is, into);
            }
        }
        (Value::Array(was), Value::Array(is)) if was.len() == is.len() => {
            for (at, (was, is)) in was.iter().zip(is).enumerate() {
                differing(&inner(&at.to_string()), was, is, into);
            }
        }
        (was, is) => {
            let shown = |value: &Value| value.to_string().chars().take(MAX_SHOWN).collect();
            into.push((place.to_owned(), shown(was), shown(is)));
        }
    }
}

impl Changes {
    /// Whether nothing differs.
    pub(super) fn is_empty(&self) -> bool {
        self.gained + self.lost + self.changed == 0
    }

    /// Tells a person.
    ///
    /// # Errors
    /// When it cannot be written.
    pub(super) fn tell(&self, out: &mut Output, what: &str) -> Result<()> {
        out.line(&format!(
            "{what}: {} gained, {} lost, {} changed, {} the same",
            self.gained, self.lost, self.changed, self.same
        ))?;
        let counts = [self.gained, self.lost, self.changed];
        for ((sign, lines), count) in ["+", "-", "~"].into_iter().zip(&self.lines).zip(counts) {
            for line in lines {
                let mut lines = line.lines();
                out.line(&format!("{sign} {}", lines.next().unwrap_or_default()))?;
                lines.try_for_each(|line| out.line(line))?;
            }
            if count > lines.len() {
                out.line(&format!("{sign} and {} more", count - lines.len()))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(key: &str, content: u64) -> Said {
        Said {
            key: Digest::of(key.as_bytes()),
            content: serde_json::json!({ "n": content }),
            line: format!("{key} {content}"),
        }
    }

    #[test]
    fn equals_are_paired_first_and_the_rest_is_changed_gained_or_lost() {
        let old = [said("a", 1), said("a", 2), said("b", 1), said("c", 1)];
        let new = [said("d", 1), said("a", 2), said("a", 3), said("c", 1)];
        let changes = compare(&old, &new, 1);
        assert_eq!(
            (changes.same, changes.gained, changes.lost, changes.changed),
            (2, 1, 1, 1)
        );
        assert_eq!(
            changes.lines,
            [
                vec!["d 1".to_owned()],
                vec!["b 1".to_owned()],
                vec!["a 3\n    n: 1 -> 3".to_owned()]
            ]
        );
        assert!(compare(&old, &old, 1).is_empty());
        // Of many, the first are kept.
        let many: Vec<Said> = (0..9).map(|n| said("x", n)).collect();
        let changes = compare(&[], &many, 2);
        assert_eq!((changes.gained, changes.first_gained.len()), (9, 2));
        assert_eq!(changes.lines[0], ["x 0", "x 1"]);
    }
}
