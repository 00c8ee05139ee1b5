//! A policy that observes, in the in-memory host.

use palisade_sdk::testing::{Harness, json};
use palisade_sdk::{
    ApprovalAsk, Batch, Judgement, Kind, Obligation, Observe, Policy, Settings, SettingsError,
    Table, Verdict, export_policy, field, kinds, time,
};

const MANIFEST: &str = r#"
[plugin]
name = "sample"
capabilities = ["state"]
exports = ["observe"]

[[subscription]]
kind = "report.disclosure"
role = "decide"
fields = ["subjects", "publisher.id", "planned-at", "items", "audience", "consents"]

[[subscription]]
kind = "report.vulnerability"
role = "observe"
fields = ["vuln", "phase"]

[[rule]]
id = "fixed-first"
[[rule]]
id = "mask"

[[table]]
name = "fixed"
kind = "value"
"#;

struct Sample;

impl Policy for Sample {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(Sample)
    }

    fn decide(&mut self, batch: &Batch) -> Vec<Judgement> {
        assert_eq!(batch.kind(), Kind::ReportDisclosure);
        let request = batch.rows::<kinds::ReportDisclosure>(&[0]).remove(0);
        let unmasked = request
            .items
            .iter()
            .filter(|item| !item.masked)
            .map(|item| item.name.clone());
        let mask = Judgement::redact("mask", unmasked, "personal data is masked");
        let fixed = request
            .subjects
            .iter()
            .all(|vuln| Table(0).get(vuln).is_some());
        let first = if fixed {
            Judgement::permit("fixed-first", "there is a fix")
        } else if request.audience == kinds::Audience::Named {
            let ask = ApprovalAsk {
                approver_role: "operator".into(),
                question: "before the fix?".into(),
                expires: None,
            };
            Judgement::require_approval("fixed-first", [ask], "no fix yet")
        } else {
            Judgement::deny("fixed-first", "no fix yet").obligation(Obligation {
                id: "fix".into(),
                key: request.publisher.id,
                duty: "fix".into(),
                due: request.planned_at + time::DAY,
                on_expiry: "escalate:operator".into(),
            })
        };
        vec![mask, first]
    }
}

impl Observe for Sample {
    fn observe(&mut self, batch: &Batch) {
        let names = batch.enum_names(field!("phase"));
        let phases = batch.u8s(field!("phase"));
        for (vuln, phase) in batch.text(field!("vuln")).iter().zip(phases) {
            if names[phase as usize] == "fix-available" {
                Table(0).put(vuln, b"");
            }
        }
    }
}

export_policy!(Sample, observe);

#[test]
fn what_was_observed_decides() {
    let mut plugin = Harness::<Sample>::policy(MANIFEST, &[]).unwrap();
    let request = |audience: &str| {
        json!({
            "subjects": ["V-1"], "publisher": { "id": "p-1" }, "audience": audience, "planned_at": "2025-01-01T00:00:00Z",
            "items": [{ "name": "phone", "masked": false }, { "name": "mail", "masked": true }],
            "consents": [{ "by": "u", "kind": "user-consent", "ref": "r", "scope": ["a", "b"] }],
        })
    };
    let judged = plugin.decide(0, &request("open"));
    assert_eq!(judged[0].verdict(), &Verdict::Redact(vec!["phone".into()]));
    assert_eq!(judged[1].verdict(), &Verdict::Deny);
    assert_eq!(judged[1].obligations()[0].due, 1_735_776_000 * time::SECOND);
    assert!(matches!(
        plugin.decide(0, &request("named"))[1].verdict(),
        Verdict::RequireApproval(_)
    ));

    plugin.observe(1, &[json!({ "vuln": "V-1", "phase": "fix-available" })]);
    assert_eq!(
        plugin.decide(0, &request("open"))[1].verdict(),
        &Verdict::Permit
    );
}
