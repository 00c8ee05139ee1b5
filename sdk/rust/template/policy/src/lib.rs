//! Judges whether a publication may go out.

use palisade_sdk::kinds::{ContentFlag, DisclosureAction, ReportDisclosure};
use palisade_sdk::{Batch, Judgement, Policy, Settings, SettingsError, export_policy};

const RULE: &str = "no-exploit-code";

/// The plugin.
pub struct Plugin;

impl Policy for Plugin {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Self)
    }

    fn decide(&mut self, batch: &Batch) -> Vec<Judgement> {
        let mut judgements = Vec::new();
        // There is one row: the request.
        for request in batch.rows::<ReportDisclosure>(&batch.all()) {
            if request.action != DisclosureAction::Publish {
                continue;
            }
            judgements.push(if request.contains.contains(&ContentFlag::ExploitCode) {
                Judgement::deny(RULE, "the publication contains exploit code; take it out")
            } else {
                Judgement::permit(RULE, "the publication contains no exploit code")
            });
        }
        judgements
    }
}

export_policy!(Plugin);

#[cfg(test)]
mod tests {
    use palisade_sdk::testing::{Harness, json};

    use super::Plugin;

    #[test]
    fn other_acts_than_publishing_are_none_of_its_business() {
        let manifest = include_str!("../plugin.toml");
        let mut plugin = Harness::<Plugin>::policy(manifest, &[]).unwrap();
        let mut judge = |action| {
            let request = json!({ "action": action, "contains": ["exploit-code"] });
            plugin.decide(0, &request).len()
        };
        assert_eq!(judge("publish"), 1);
        assert_eq!(judge("internal-use"), 0);
    }
}
