//! Findings: what `wit/v0.1/findings.wit` says, with what the host adds.

use serde::{Deserialize, Serialize};

use crate::attributes::Attributes;
use crate::digest::Digest;
use crate::scalar::Timestamp;
use crate::types::{ApprovalAsk, BlockScope, Obligation, Severity, Tlp};

/// Which rule of which plugin says something.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Attribution {
    /// The plugin's name.
    pub plugin: String,
    /// The pack that it says it belongs to; two packs may have plugins of one name.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub pack: String,
    /// The digest of its component, manifest included.
    pub digest: Digest,
    /// The rule's id.
    pub rule: String,
    /// The requirements that the manifest gives for the rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requirements: Vec<String>,
}

/// What should be done. An intent: connectors carry it out.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "action", content = "of", rename_all = "kebab-case")]
pub enum Action {
    /// Block these scopes.
    Block(Vec<BlockScope>),
    /// Isolate a subject, such as `device:d-9`.
    Quarantine(String),
    /// End what this rule asked for on a subject.
    Lift(String),
    /// Ask a person before anything is done.
    RequireApproval(ApprovalAsk),
    /// Tell a role.
    Escalate(String),
    /// Open a duty.
    OpenObligation(Obligation),
    /// Close a duty by its id.
    DischargeObligation(String),
    /// Keep the cited events from being purged.
    HoldEvidence,
}

/// An event that a finding relies on.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Citation {
    /// Its reference.
    pub event_ref: u64,
    /// Its id, where the event is still at hand.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<Digest>,
}

/// A finding, or the withdrawal of findings.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The reference of the event of kind `finding` that it is to other plugins.
    #[serde(default)]
    pub event_ref: u64,
    /// Who says so.
    #[serde(flatten)]
    pub by: Attribution,
    /// How bad it is.
    pub severity: Severity,
    /// What it is about, such as `device:d-9`; with the rule the key for retraction and
    /// suppression. At most 256 bytes.
    pub subject: String,
    /// One line for a person; at most 1 KiB.
    pub summary: String,
    /// True: findings of the rule about the subject are withdrawn.
    #[serde(default, skip_serializing_if = "is_false")]
    pub retracted: bool,
    /// The time of the latest event of the batch that is cited, or of the timer.
    pub time: Timestamp,
    /// Whose it is.
    pub tenant: String,
    /// The events that it relies on, by reference.
    pub cited: Vec<Citation>,
    /// Values for a person or a machine.
    #[serde(default, skip_serializing_if = "Attributes::is_empty")]
    pub details: Attributes,
    /// What should be done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub actions: Vec<Action>,
    /// The strictest marking of what is cited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tlp: Option<Tlp>,
    /// The labels of what is cited.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub labels: Vec<String>,
}

#[expect(
    clippy::trivially_copy_pass_by_ref,
    reason = "serde passes a reference"
)]
fn is_false(value: &bool) -> bool {
    !value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trip() {
        let mut details = Attributes::default();
        details.insert("modbus.function", 6.0).unwrap();
        let finding = Finding {
            event_ref: 9,
            by: Attribution {
                plugin: "cleartext".to_owned(),
                pack: "iot".to_owned(),
                digest: Digest::of(b"component"),
                rule: "IOT-2.3b".to_owned(),
                requirements: vec!["IOT-2.3b".to_owned()],
            },
            severity: Severity::High,
            subject: "device:d-9".to_owned(),
            summary: "cleartext HTTP".to_owned(),
            retracted: false,
            time: Timestamp(1_700_000_000_000_000_000),
            tenant: "t1".to_owned(),
            cited: vec![Citation {
                event_ref: 7,
                id: Some(Digest::of(b"event")),
            }],
            details,
            actions: vec![
                Action::Block(vec![BlockScope::Destination, BlockScope::PropagationPath]),
                Action::OpenObligation(Obligation {
                    id: "o".to_owned(),
                    ..Default::default()
                }),
                Action::HoldEvidence,
            ],
            tlp: Some(Tlp::AmberStrict),
            labels: vec!["embargo:V-24".to_owned()],
        };
        let json = serde_json::to_string(&finding).unwrap();
        assert!(json.contains(r#"{"action":"block","of":["destination","propagation-path"]}"#));
        assert!(json.contains(r#"{"action":"hold-evidence"}"#), "{json}");
        assert_eq!(serde_json::from_str::<Finding>(&json).unwrap(), finding);
    }
}
