use palisade_events::{Action, Attribution, BlockScope, Citation, Timestamp, Tlp};
use serde_json::{Value, json};

use super::*;

const MANIFEST: &str = r#"
[plugin]
name = "cleartext"
version = "0.3.0"
kind = "detector"
wit = "0.1"
pack = "iot"

[[subscription]]
kind = "network.flow"
fields = ["src.ip"]

[[rule]]
id = "IOT-2.3b"
title = "Cleartext protocol"
severity = "high"
attack = ["T1040", "T1071.001"]
references = ["https://example.org/a"]
"#;

fn mapper() -> Mapper {
    let manifest = Arc::new(Manifest::parse(MANIFEST).unwrap());
    Mapper::with([(Digest::of(b"component"), manifest)])
}

fn finding(subject: &str, seconds: u64) -> Finding {
    let mut details = palisade_events::Attributes::default();
    details.insert("modbus.function", 6.0).unwrap();
    Finding {
        event_ref: 1,
        by: Attribution {
            plugin: "cleartext".to_owned(),
            pack: "iot-protocols".to_owned(),
            digest: Digest::of(b"component"),
            rule: "IOT-2.3b".to_owned(),
            requirements: vec!["IOT-2.3b".to_owned()],
        },
        severity: Severity::High,
        subject: subject.to_owned(),
        summary: "cleartext HTTP".to_owned(),
        retracted: false,
        time: Timestamp(seconds * 1_000_000_000 + 1_234_567),
        tenant: "t1".to_owned(),
        cited: vec![
            Citation {
                event_ref: 7,
                id: Some(Digest::of(b"event")),
            },
            Citation {
                event_ref: 8,
                id: None,
            },
        ],
        details,
        actions: vec![Action::Block(vec![BlockScope::Destination])],
        tlp: Some(Tlp::Amber),
        labels: vec!["embargo:V-24".to_owned()],
    }
}

fn mapped(mapper: &mut Mapper, finding: &Finding) -> Value {
    serde_json::to_value(mapper.map(finding)).unwrap()
}

#[test]
fn everything_that_a_finding_says_is_there() {
    let said = mapped(&mut mapper(), &finding("address:192.0.2.1", 1_700_000_000));
    let digest = Digest::of(b"component").to_string();
    let uid = said["finding_info"]["uid"].as_str().unwrap().to_owned();
    let instance = said["metadata"]["uid"].as_str().unwrap().to_owned();
    assert_eq!(uid.len(), 64);
    assert_eq!(instance.len(), 64);
    let expected = json!({
        "category_uid": 2, "category_name": "Findings",
        "class_uid": 2004, "class_name": "Detection Finding",
        "activity_id": 1, "activity_name": "Create",
        "type_uid": 200_401, "type_name": "Detection Finding: Create",
        "time": 1_700_000_000_001_u64,
        "severity_id": 4, "severity": "High",
        "status_id": 1, "status": "New",
        "is_alert": true,
        "message": "cleartext HTTP",
        "metadata": {
            "version": "1.8.0",
            "product": {"name": "Palisade", "vendor_name": "Palisade", "version": env!("CARGO_PKG_VERSION")},
            "uid": instance, "tenant_uid": "t1", "labels": ["embargo:V-24"],
            "original_time": "2023-11-14T22:13:20.001234567Z",
            "event_code": "IOT-2.3b",
        },
        "finding_info": {
            "uid": uid, "title": "Cleartext protocol", "desc": "cleartext HTTP",
            "types": ["IOT-2.3b"],
            "analytic": {"uid": "IOT-2.3b", "name": "Cleartext protocol", "version": "0.3.0", "type_id": 1, "type": "Rule"},
            "attacks": [
                {"technique": {"uid": "T1040"}},
                {"technique": {"uid": "T1071"}, "sub_technique": {"uid": "T1071.001"}},
            ],
            "first_seen_time": 1_700_000_000_001_u64, "last_seen_time": 1_700_000_000_001_u64,
            "related_events_count": 2,
            "related_events": [
                {"uid": Digest::of(b"event").to_string()},
                {"uid": "event-ref:0000000000000008"},
            ],
        },
        "evidences": [{"data": {"modbus.function": 6}}],
        "observables": [{"name": "resources[0].uid", "type_id": 2, "type": "IP Address", "value": "192.0.2.1"}],
        "resources": [{"uid": "192.0.2.1", "type": "address", "ip": "192.0.2.1"}],
        "unmapped": {"palisade": {
            "plugin": "cleartext", "pack": "iot", "digest": digest, "rule": "IOT-2.3b",
            "subject": "address:192.0.2.1",
            "references": ["https://example.org/a"],
            "actions": [{"action": "block", "of": ["destination"]}],
            "tlp": "amber",
        }},
    });
    assert_eq!(said, expected);
}

#[test]
fn the_same_rule_about_the_same_subject_is_one_finding_until_it_is_withdrawn() {
    let mut mapper = mapper();
    let mut withdrawn = finding("device:a", 30);
    withdrawn.retracted = true;
    let steps = [
        (finding("device:a", 10), 1, 10_001),
        (finding("device:b", 10), 1, 10_001),
        (finding("device:a", 20), 2, 10_001),
        (withdrawn.clone(), 3, 10_001),
        (finding("device:a", 40), 1, 40_001),
    ];
    let mut uids = Vec::new();
    for (finding, activity, first) in &steps {
        let said = mapped(&mut mapper, finding);
        assert_eq!(said["activity_id"], *activity);
        assert_eq!(said["type_uid"], 200_400 + activity);
        assert_eq!(said["finding_info"]["first_seen_time"], *first);
        let closed = *activity == 3;
        assert_eq!(said["is_alert"], !closed);
        assert_eq!(said["status_id"], if closed { 4 } else { 1 });
        uids.push(said["finding_info"]["uid"].clone());
    }
    assert!(uids[0] == uids[2] && uids[2] == uids[3] && uids[3] == uids[4]);
    assert_ne!(uids[0], uids[1]);
    // Another tenant's is another's, and a withdrawal of what nobody reported is one too.
    withdrawn.tenant = "t2".to_owned();
    let said = mapped(&mut mapper, &withdrawn);
    assert_eq!(said["activity_id"], 3);
    assert_ne!(said["finding_info"]["uid"], uids[0]);
}

#[test]
fn a_finding_has_one_identity_in_every_run() {
    let mut mapper = mapper();
    let mut identity = |finding: &Finding| mapped(&mut mapper, finding)["metadata"]["uid"].clone();
    let first = finding("device:a", 10);
    let mut again = first.clone();
    // References are numbers of the run.
    again.cited[0].event_ref = 99;
    assert_eq!(identity(&first), identity(&again));
    again.summary.push('!');
    assert_ne!(identity(&first), identity(&again));
}

#[test]
fn what_is_open_is_bounded() {
    let mut lifecycle = Lifecycle::default();
    let mut uid = [0; 32];
    for i in 0..(5 * MAX_OPEN as u32) {
        uid[..4].copy_from_slice(&i.to_le_bytes());
        assert_eq!(lifecycle.next(Digest(uid), 1, false).0, Activity::Create);
        assert!(lifecycle.len() <= 2 * MAX_OPEN);
    }
    assert_eq!(lifecycle.next(Digest(uid), 1, false).0, Activity::Update);
}

#[test]
fn a_component_that_is_not_known_keeps_what_the_finding_says() {
    let mut mapper = Mapper::with([]);
    let said = mapped(&mut mapper, &finding("device:a", 10));
    assert_eq!(said["finding_info"]["title"], "IOT-2.3b");
    assert_eq!(said["finding_info"].get("attacks"), None);
    assert_eq!(said["unmapped"]["palisade"]["plugin"], "cleartext");
}
