//! The policy against the in-memory host: the requirements' examples, and what they leave open.

use article_9::Article9;
use palisade_sdk::testing::{Harness, json};
use palisade_sdk::{Judgement, Verdict};
use serde_json::Value;

const MANIFEST: &str = include_str!("../plugin.toml");

fn request(more: Value) -> Value {
    let mut request = json!({
        "kind": "report.disclosure",
        "time": "2025-05-01T10:00:00+08:00",
        "request": "D-1",
        "action": "publish",
        "subject_kind": "vulnerability",
        "subjects": ["V-1"],
        "publisher": { "id": "lab-x", "kind": "organisation", "country": "CN", "verified": true },
        "audience": "open",
        "planned_at": "2025-05-01T10:00:00+08:00",
    });
    for (key, value) in more.as_object().unwrap() {
        request[key] = value.clone();
    }
    request
}

fn party(id: &str, country: &str, role: &str, verified: bool) -> Value {
    json!({ "id": id, "kind": "organisation", "country": country, "roles": [role], "verified": verified })
}

/// What the policy says of a request, by rule: `permit`, `deny`, `approval` or `redact`.
fn decide(given: &[Value], request: Value) -> Vec<(String, &'static str)> {
    let mut policy = Harness::<Article9>::policy(MANIFEST, &[]).unwrap();
    policy.observe(1, given);
    let said = policy.decide(0, &request);
    let name = |judgement: &Judgement| match judgement.verdict() {
        Verdict::Permit => "permit",
        Verdict::Deny => "deny",
        Verdict::RequireApproval(_) => "approval",
        Verdict::Redact(_) => "redact",
    };
    said.iter()
        .map(|j| (j.rule().to_owned(), name(j)))
        .collect()
}

fn says(rule: &str, verdict: &'static str) -> (String, &'static str) {
    (rule.to_owned(), verdict)
}

#[test]
fn a_workaround_is_not_the_fix_but_is_a_precaution() {
    let remedy = json!({ "remediations": [{ "category": "workaround", "available_at": "2025-04-20T00:00:00+08:00" }] });
    assert_eq!(
        decide(&[], request(remedy)),
        [says("RMSV-9.1", "deny"), says("RMSV-9.5", "permit")]
    );
}

#[test]
fn the_fix_must_be_there_by_the_planned_time() {
    let fix =
        |at: &str| json!({ "remediations": [{ "category": "vendor-fix", "available_at": at }] });
    let exactly = decide(&[], request(fix("2025-05-01T10:00:00+08:00")));
    assert_eq!(exactly[0], says("RMSV-9.1", "permit"));
    let late = decide(&[], request(fix("2025-05-01T10:00:00.000000001+08:00")));
    assert_eq!(late[0], says("RMSV-9.1", "deny"));
    let undated = json!({ "remediations": [{ "category": "vendor-fix" }] });
    assert_eq!(decide(&[], request(undated))[0], says("RMSV-9.1", "deny"));
}

#[test]
fn a_fix_that_was_reported_counts_for_every_subject() {
    let reported = |vuln: &str| json!({ "kind": "report.vulnerability", "time": "2025-04-28T00:00:00+08:00", "vuln": vuln, "phase": "fix-available" });
    let both =
        json!({ "subjects": ["V-1", "V-2"], "remediations": [{ "category": "mitigation" }] });
    assert_eq!(
        decide(&[reported("V-1")], request(both.clone()))[0],
        says("RMSV-9.1", "deny")
    );
    assert_eq!(
        decide(&[reported("V-1"), reported("V-2")], request(both)),
        [says("RMSV-9.1", "permit"), says("RMSV-9.5", "permit")]
    );
}

#[test]
fn the_early_route_needs_all_steps() {
    let consent = |kind: &str, by: &str| json!({ "by": by, "kind": kind, "ref": "R", "at": "2025-04-30T00:00:00+08:00" });
    let all = [
        consent("joint-assessment", "dev-corp"),
        consent("regulator-report", "MIIT"),
        consent("regulator-report", "MPS"),
        consent("regulator-consent", "MIIT"),
        consent("regulator-consent", "MPS"),
    ];
    let with = |consents: &[Value]| decide(&[], request(json!({ "consents": consents })))[0].1;
    assert_eq!(with(&all), "permit");
    for left_out in 0..all.len() {
        let mut some = all.to_vec();
        some.remove(left_out);
        assert_eq!(with(&some), "approval", "{left_out}");
    }
    let later: Vec<Value> = all
        .iter()
        .map(|c| {
            let mut c = c.clone();
            c["at"] = json!("2025-05-02T00:00:00+08:00");
            c
        })
        .collect();
    assert_eq!(
        with(&later),
        "deny",
        "no approval is dated after the request"
    );
}

#[test]
fn a_publication_needs_a_remedy() {
    let none = json!({ "remediations": [{ "category": "none-available" }] });
    assert_eq!(decide(&[], request(none))[1], says("RMSV-9.5", "deny"));
}

fn shared(subject: &str, recipients: Value) -> Value {
    request(
        json!({ "action": "share", "audience": "named", "subjects": [subject], "recipients": recipients }),
    )
}

fn known(vuln: &str, product: &str, public: bool) -> Value {
    json!({
        "kind": "report.vulnerability", "time": "2025-04-01T00:00:00+08:00", "vuln": vuln,
        "phase": "verified", "public": public,
        "products": [{ "vendor": "v", "name": product }],
    })
}

#[test]
fn nothing_unpublished_leaves_but_to_the_provider() {
    let given = [
        known("V-22", "OverseasOS", false),
        known("V-23", "CAM", true),
    ];
    let to =
        |subject: &str, recipient: Value| decide(&given, shared(subject, json!([recipient])))[0].1;
    let provider = party("overseas-os", "US", "provider-of:OverseasOS", true);
    assert_eq!(to("V-22", provider.clone()), "permit");
    assert_eq!(to("V-23", provider.clone()), "permit", "public");
    assert_eq!(to("V-99", provider), "deny", "nothing is known of it");
    assert_eq!(
        to("V-22", party("coordinator", "US", "coordinator", true)),
        "deny"
    );
    assert_eq!(
        to("V-22", party("x", "US", "provider-of:OverseasOS", false)),
        "deny"
    );
    assert_eq!(
        to("V-22", party("x", "US", "provider-of:Other", true)),
        "deny"
    );
    for (country, verdict) in [
        ("CN", "permit"),
        ("HK", "deny"),
        ("TW", "deny"),
        ("", "deny"),
    ] {
        assert_eq!(
            to("V-22", party("x", country, "finder", true)),
            verdict,
            "{country}"
        );
    }
    assert_eq!(
        to("V-22", party("x", "CN", "finder", false)),
        "deny",
        "an unverified seat"
    );
    assert_eq!(
        decide(&given, shared("V-22", json!([])))[0].1,
        "deny",
        "nobody named"
    );
}

#[test]
fn before_the_regulation_it_says_nothing() {
    let early = request(json!({ "time": "2021-08-31T23:59:59+08:00" }));
    assert!(decide(&[], early).is_empty());
}
