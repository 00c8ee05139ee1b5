//! What one composition says of the same epochs that another does not.

use std::collections::BTreeMap;

use palisade_pipeline::engine::FIRST_FINDING_SLOT;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::record::SaidRecord;

/// The most findings and decisions that differ which are kept as samples.
pub const MAX_SAMPLES: usize = 100;
/// The most rules whose differences are counted apart; others count together.
pub const MAX_RULES: usize = 4096;

/// How often something was said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// By both, alike.
    pub same: u64,
    /// By the new one alone.
    pub gained: u64,
    /// By the one that runs alone.
    pub lost: u64,
    /// By both about the same, in other words: another severity, summary, action or verdict.
    pub changed: u64,
}

/// One that differs.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// `gained`, `lost` or `changed`.
    pub what: String,
    /// The record of the journal.
    pub record: u64,
    /// As it was said by the one that runs.
    pub before: Option<Value>,
    /// As the new one says it.
    pub after: Option<Value>,
    /// It came while the new one had seen less than it remembers, so that this may be why.
    pub warming_up: bool,
}

/// Differences so far.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Difference {
    /// Of all.
    pub all: Counts,
    /// By `pack/plugin/rule`; of decisions by `decision/KIND`.
    pub rules: BTreeMap<String, Counts>,
    /// Of those that differ, how many came while the new one had seen less than it remembers.
    pub warming_up: u64,
    /// The first of those that differ.
    pub samples: Vec<Sample>,
}

/// What two findings, or decisions, have in common that are about the same.
fn about(said: &Value) -> (String, String) {
    let text = |key: &str| said[key].as_str().unwrap_or_default();
    if said.get("request").is_some() {
        let kind = text("kind");
        return (
            format!("decision/{kind}"),
            format!("{}\n{}", said["request"], said["time"]),
        );
    }
    let rule = format!("{}/{}/{}", text("pack"), text("plugin"), text("rule"));
    // Findings that are cited have other numbers where other findings came before them.
    let cited = said["cited"].as_array().into_iter().flatten();
    let cited: Vec<u64> = cited
        .filter_map(|cited| cited["event_ref"].as_u64())
        .filter(|event| event >> 40 < u64::from(FIRST_FINDING_SLOT))
        .collect();
    let subject = format!(
        "{}\n{}\n{}\n{cited:?}",
        text("tenant"),
        text("subject"),
        said["retracted"]
    );
    (rule, subject)
}

/// What of it must be the same.
fn content(said: &Value) -> Value {
    let mut content = said.clone();
    if let Some(fields) = content.as_object_mut() {
        for key in ["digest", "event_ref", "cited", "id"] {
            fields.remove(key);
        }
        // Judgements name components, and rank them by it.
        if let Some(decision) = fields.get_mut("decision") {
            *decision =
                json!({ "verdict": decision["verdict"], "obligations": decision["obligations"] });
        }
    }
    content
}

fn value(said: &SaidRecord) -> Option<Value> {
    match said {
        SaidRecord::Finding(json) => serde_json::from_str(json).ok(),
        SaidRecord::Decision {
            time,
            kind,
            json: text,
            ..
        } => {
            let mut value: Value = serde_json::from_str(text).ok()?;
            value["kind"] = kind.as_str().into();
            value["time"] = (*time).into();
            Some(value)
        }
        // What is left out is counted among the faults.
        SaidRecord::Letter(_) => None,
    }
}

impl Difference {
    /// Takes what both said of a record of the journal.
    pub(crate) fn take(
        &mut self,
        record: u64,
        before: &[SaidRecord],
        after: &[SaidRecord],
        warming_up: bool,
    ) {
        let mut open: BTreeMap<(String, String), Vec<Value>> = BTreeMap::new();
        for said in before.iter().filter_map(value) {
            open.entry(about(&said)).or_default().push(said);
        }
        let mut unmatched = Vec::new();
        for said in after.iter().filter_map(value) {
            let key = about(&said);
            let same = open.get_mut(&key).and_then(|known| {
                let at = known.iter().position(|k| content(k) == content(&said))?;
                Some(known.remove(at))
            });
            match same {
                Some(_) => self.count(&key.0, |counts| &mut counts.same),
                None => unmatched.push((key, said)),
            }
        }
        for (key, said) in unmatched {
            let other = open.get_mut(&key).and_then(Vec::pop);
            let what = if other.is_some() { "changed" } else { "gained" };
            self.count(&key.0, |counts| match what {
                "changed" => &mut counts.changed,
                _ => &mut counts.gained,
            });
            self.sample((record, what), other, Some(said), warming_up);
        }
        for (key, said) in open {
            for said in said {
                self.count(&key.0, |counts| &mut counts.lost);
                self.sample((record, "lost"), Some(said), None, warming_up);
            }
        }
    }

    fn count(&mut self, rule: &str, which: impl Fn(&mut Counts) -> &mut u64) {
        *which(&mut self.all) += 1;
        let rule = match self.rules.len() < MAX_RULES || self.rules.contains_key(rule) {
            true => rule,
            false => "others",
        };
        *which(self.rules.entry(rule.to_owned()).or_default()) += 1;
    }

    fn sample(
        &mut self,
        (record, what): (u64, &str),
        before: Option<Value>,
        after: Option<Value>,
        warming_up: bool,
    ) {
        self.warming_up += u64::from(warming_up);
        if self.samples.len() < MAX_SAMPLES {
            let what = what.to_owned();
            self.samples.push(Sample {
                what,
                record,
                before,
                after,
                warming_up,
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn finding(rule: &str, subject: &str, summary: &str, cited: u64, number: u64) -> SaidRecord {
        SaidRecord::Finding(
            json!({
                "pack": "p", "plugin": "a", "digest": number.to_string(), "rule": rule,
                "subject": subject, "summary": summary, "event_ref": number,
                "cited": [{ "event_ref": cited }],
            })
            .to_string(),
        )
    }

    #[test]
    fn findings_are_matched_by_what_they_are_about() {
        let before = [
            finding("r", "x", "one", 1, 10),
            finding("r", "x", "one", 2, 11),
            finding("r", "y", "one", 3, 12),
            finding("s", "x", "one", 1, 13),
        ];
        let after = [
            // The same with another number and digest, and in another order.
            finding("r", "x", "one", 2, 20),
            finding("r", "x", "one", 1, 21),
            finding("r", "y", "two", 3, 22),
            finding("r", "z", "one", 4, 23),
        ];
        let mut difference = Difference::default();
        difference.take(7, &before, &after, false);
        let counts = |same, gained, lost, changed| Counts {
            same,
            gained,
            lost,
            changed,
        };
        assert_eq!(difference.all, counts(2, 1, 1, 1));
        assert_eq!(difference.rules["p/a/r"], counts(2, 1, 0, 1));
        assert_eq!(difference.rules["p/a/s"], counts(0, 0, 1, 0));
        let what: Vec<&str> = difference.samples.iter().map(|s| &*s.what).collect();
        assert_eq!(what, ["changed", "gained", "lost"]);
        assert_eq!(
            difference.samples[0].before.as_ref().unwrap()["summary"],
            "one"
        );
        let mut warm = Difference::default();
        warm.take(7, &before, &[], true);
        assert_eq!((warm.all.lost, warm.warming_up), (4, 4));
    }

    #[test]
    fn rules_and_samples_are_bounded() {
        let mut difference = Difference::default();
        for number in 0..MAX_RULES as u64 + 10 {
            let said = finding(&format!("r{number}"), "x", "one", 1, 1);
            difference.take(number, &[], &[said], false);
        }
        assert_eq!(difference.samples.len(), MAX_SAMPLES);
        assert_eq!(difference.rules.len(), MAX_RULES + 1);
        assert_eq!(difference.rules["others"].gained, 10);
        assert_eq!(difference.all.gained, MAX_RULES as u64 + 10);
    }
}
