//! Article 9(1) and 9(5): publication waits for the fix, and comes with a remedy.

use palisade_sdk::kinds::{
    Audience, Consent, ConsentKind, DisclosureAction, RemediationCategory, ReportDisclosure,
    SubjectKind,
};
use palisade_sdk::{ApprovalAsk, Judgement};

use crate::known::Known;

const BEFORE: &str = "RMSV-9.1";
const WITH: &str = "RMSV-9.5";

fn publishes(request: &ReportDisclosure) -> bool {
    request.action == DisclosureAction::Publish
        && request.subject_kind == SubjectKind::Vulnerability
}

/// RMSV-9.1: the provider's fix (修補措施) must be there at or before the planned time; a
/// workaround is none. The early route needs a joint assessment with the provider, a report to
/// both ministries, and their release.
pub fn before_the_fix(
    request: &ReportDisclosure,
    known: &[Option<Known>],
    now: u64,
    authorities: &[String],
) -> Option<Judgement> {
    if !publishes(request) || request.audience != Audience::Open {
        return None;
    }
    let planned = request.planned_at;
    let offered = request.remediations.iter().any(|r| {
        r.category == RemediationCategory::VendorFix
            && r.available_at.is_some_and(|at| at <= planned)
    });
    let fixed = |known: &Option<Known>| {
        known
            .as_ref()
            .and_then(|k| k.fixed)
            .is_some_and(|at| at <= planned)
    };
    if offered || (!known.is_empty() && known.iter().all(fixed)) {
        return Some(Judgement::permit(
            BEFORE,
            "the provider's fix is available by the planned time",
        ));
    }
    let valid = |consent: &&Consent| {
        consent.at <= now && consent.expires.is_none_or(|expires| planned <= expires)
    };
    let given = |kind: ConsentKind, by: Option<&str>| {
        request.consents.iter().filter(valid).any(|consent| {
            consent.kind == kind && by.is_none_or(|by| consent.by.eq_ignore_ascii_case(by))
        })
    };
    let mut missing = Vec::new();
    if !given(ConsentKind::JointAssessment, None) {
        missing.push("a joint assessment with the provider".to_owned());
    }
    for authority in authorities {
        if !given(ConsentKind::RegulatorReport, Some(authority)) {
            missing.push(format!("a report to {authority}"));
        }
        if !given(ConsentKind::RegulatorConsent, Some(authority)) {
            missing.push(format!("the release by {authority}"));
        }
    }
    let steps = 1 + 2 * authorities.len();
    Some(if missing.is_empty() {
        Judgement::permit(BEFORE, "assessed with the provider, reported and released")
    } else if missing.len() == steps {
        Judgement::deny(
            BEFORE,
            "no fix of the provider is available by the planned time; a workaround is not the fix",
        )
    } else {
        let question = format!("Early release still needs {}.", missing.join(", "));
        let asks = [ApprovalAsk {
            approver_role: "disclosure-officer".to_owned(),
            question: question.clone(),
            expires: None,
        }];
        Judgement::require_approval(BEFORE, asks, question)
    })
}

/// RMSV-9.5: a publication carries a fix or preventive measures (修補或者防范措施).
pub fn without_remedy(request: &ReportDisclosure) -> Option<Judgement> {
    if !publishes(request) {
        return None;
    }
    let usable = request.remediations.iter().any(|r| {
        matches!(
            r.category,
            RemediationCategory::VendorFix
                | RemediationCategory::Mitigation
                | RemediationCategory::Workaround
        )
    });
    Some(if usable {
        Judgement::permit(WITH, "a fix or precautions are part of the publication")
    } else {
        Judgement::deny(WITH, "the publication names neither a fix nor precautions")
    })
}
