//! Policies that fault or answer what does not fit: the answer is deny.

use std::time::Duration;

use palisade_events::{Decision, Verdict};
use palisade_runtime::{FaultCause, Limits, Mode};

use crate::stage::{Events, Seen, act_settings, beside_innocent, component, limits, load, none};

fn decide(act: &str, amount: i64, change: impl FnOnce(&mut Limits)) -> Option<Seen> {
    let bytes = component("hostile/hostile/hostile-policy.wasm")?;
    let policy = load(
        &bytes,
        Mode::Live,
        limits(change),
        &act_settings(act, amount),
    )
    .expect("the hostile policy loads");
    let seen = beside_innocent(&policy, Events::Request)?;
    assert_eq!(seen.decisions.len(), 1, "every request is answered");
    Some(seen)
}

fn permitted(act: &str, amount: i64) -> Option<Decision> {
    let seen = decide(act, amount, |_| ())?;
    none(&seen.poison);
    Some(seen.decisions[0].clone())
}

/// A fault of this cause, which denies and is told.
fn denied(act: &str, amount: i64, cause: &FaultCause, change: impl FnOnce(&mut Limits)) {
    let Some(seen) = decide(act, amount, change) else {
        return;
    };
    assert_eq!(seen.poison.len(), 1);
    let (plugin, fault) = &seen.poison[0];
    assert_eq!(plugin, "hostile-policy");
    assert_eq!((fault.export, &fault.cause), ("decide", cause));
    let decision = &seen.decisions[0];
    assert_eq!(decision.verdict, Verdict::Deny);
    assert_eq!(decision.judgements.len(), 1, "nothing of the call remains");
    let reason = &decision.judgements[0].reason;
    assert_eq!(*reason, format!("the policy could not decide: {fault}"));
}

fn refused(problem: &str) -> FaultCause {
    FaultCause::Finding {
        rule: "hostile-p1".into(),
        problem: problem.into(),
    }
}

#[test]
fn a_policy_that_faults_denies() {
    let Some(decision) = permitted("permit", 0) else {
        return;
    };
    assert_eq!(decision.verdict, Verdict::Permit);
    let short = Duration::from_millis(50);
    denied("spin", i64::MAX, &FaultCause::Time(short), |l| {
        l.call_time = short
    });
    let seen = decide("trap", 0, |_| ()).expect("the guest is there");
    let reason = &seen.decisions[0].judgements[0].reason;
    assert_eq!(seen.decisions[0].verdict, Verdict::Deny);
    assert!(
        reason.contains("aborted at policy/src/lib.rs:") && reason.ends_with(": as told"),
        "{reason}"
    );
    // None of its rules applies.
    assert_eq!(permitted("nothing", 0).unwrap().verdict, Verdict::Permit);
}

#[test]
fn judgements_are_counted() {
    let Some(decision) = permitted("judgements", 4_096) else {
        return;
    };
    assert_eq!(decision.judgements.len(), 4_096);
    denied("judgements", 4_097, &FaultCause::Findings(4_096), |_| ());
    denied("judgements", 200_000, &FaultCause::Lifted(4 << 20), |l| {
        l.memory = 256 << 20
    });
}

#[test]
fn judgements_that_contradict_each_other_deny() {
    if let Some(decision) = permitted("contradict", 0) {
        assert_eq!(
            (decision.verdict, decision.judgements.len()),
            (Verdict::Deny, 2)
        );
    }
}

#[test]
fn judgements_that_ask_for_nothing_deny() {
    for act in ["redact", "approvals"] {
        let Some(hollow) = permitted(act, 0) else {
            return;
        };
        assert_eq!(hollow.verdict, Verdict::Deny, "{act}");
        assert_ne!(permitted(act, 1).unwrap().verdict, Verdict::Deny, "{act}");
    }
}

#[test]
fn a_judgement_is_bounded() {
    let over = |what, found, limit| {
        refused(&format!(
            "its {what} has a length of {found}; at most {limit} is allowed"
        ))
    };
    let (items, asks) = ("list of items", "list of approvals");
    if permitted("redact", 64).is_none() {
        return;
    }
    denied("redact", 65, &over(items, 65, 64), |_| ());
    permitted("approvals", 16);
    denied("approvals", 17, &over(asks, 17, 16), |_| ());
}

#[test]
fn a_judgement_names_a_rule_and_cites_what_was_shown() {
    let unknown = FaultCause::UndeclaredRule {
        rule: "hostile-p2".into(),
        meant: "; did you mean `hostile-p1`? There are `hostile-p1`".into(),
    };
    denied("rule", 0, &unknown, |_| ());
    denied("cite-event", 7, &FaultCause::ForgedReference(7), |_| ());
}
