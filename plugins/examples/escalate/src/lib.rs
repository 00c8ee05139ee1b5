//! A rule on rules: findings that a rule repeats about one subject within ten minutes become
//! one finding that cites them.

use palisade_sdk::{
    Action, Batch, Detector, Finding, Settings, SettingsError, Table, export_detector, field,
    retract,
};

const RULE: &str = "repeated";
const REPEATS: Table = Table(0);
const ESCALATED: Table = Table(1);
/// Positions of the subscriptions.
const FOUND: u32 = 0;

/// The plugin.
pub struct Escalate {
    repeats: u64,
}

impl Detector for Escalate {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let repeats = settings.count("repeats")?;
        Ok(Escalate { repeats })
    }

    fn evaluate(&mut self, batch: &Batch) {
        let (rules, subjects) = (batch.text(field!("rule")), batch.text(field!("subject")));
        if batch.subscription() != FOUND {
            for row in 0..batch.len() {
                retract(RULE, subjects.get(row));
            }
            return;
        }
        // Findings are few, and what a count rests on is asked for right after it: after a
        // count of all rows it would rest on later rows too.
        for row in 0..batch.len() {
            let at = row as u32;
            let count = REPEATS.count(&[at])[0];
            if count < self.repeats || !ESCALATED.first(&[at])[0] {
                continue;
            }
            let (rule, subject) = (rules.get(row), subjects.get(row));
            // The latest of those that are counted is the row itself.
            let mut earlier = REPEATS.citations(at);
            earlier.pop();
            Finding::new(RULE)
                .subject(subject)
                .summary(format!("{rule} was found {count} times in 10 minutes"))
                .row(row)
                .events(earlier)
                .action(Action::Escalate("operator".to_owned()))
                .emit();
        }
    }
}

export_detector!(Escalate);
