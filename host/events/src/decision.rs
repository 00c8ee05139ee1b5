//! Decisions on disclosure requests: what `wit/v0.1/decide.wit` says, and how the host
//! composes the answers of rules and policies.

use serde::{Deserialize, Serialize};

use crate::finding::Attribution;
use crate::types::{ApprovalAsk, Obligation};

/// The answer of one rule, from the mildest to the strictest.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "verdict", content = "of", rename_all = "kebab-case")]
pub enum Verdict {
    /// The rule has nothing against it.
    #[default]
    Permit,
    /// Not without these items (names from the request's `items`).
    Redact(Vec<String>),
    /// Not before a person in each of these roles has agreed.
    RequireApproval(Vec<ApprovalAsk>),
    /// No.
    Deny,
}

impl Verdict {
    const fn strictness(&self) -> u8 {
        match self {
            Self::Permit => 0,
            Self::Redact(_) => 1,
            Self::RequireApproval(_) => 2,
            Self::Deny => 3,
        }
    }
}

/// What one rule says of a request.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Judgement {
    /// The rule.
    #[serde(flatten)]
    pub by: Attribution,
    /// Its answer.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Why, in one sentence for the person who asked; at most 1 KiB.
    pub reason: String,
    /// Duties that come with the answer.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// References of earlier events that it relies on.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub events: Vec<u64>,
}

/// The answer to a request.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Decision {
    /// What follows from all judgements.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// Items that must be left out in any case, even where the verdict asks for an
    /// approval: once it is given they still must. Sorted, without repetition.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub redactions: Vec<String>,
    /// Duties of the judgements that the verdict does not overrule, by id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub obligations: Vec<Obligation>,
    /// Every judgement, in the order given.
    pub judgements: Vec<Judgement>,
}

impl Decision {
    /// Whether the request may go ahead now, if need be without the redacted items.
    pub fn is_permitted(&self) -> bool {
        matches!(self.verdict, Verdict::Permit | Verdict::Redact(_))
    }
}

/// Composes judgements: deny beats require-approval beats redact beats permit.
///
/// - Items to redact and approvals to ask for add up over all judgements. An approval
///   does not undo a redaction.
/// - Several asks for one role and one question become one, with the earliest expiry.
/// - `redact` of nothing and `require-approval` of nobody come from a fault of the
///   policy. They answer deny, since a policy fails closed.
/// - Duties come from all judgements, the first of each id, but after a deny only from
///   those that deny.
/// - No judgement at all permits: no rule applies.
pub fn compose(judgements: Vec<Judgement>) -> Decision {
    let hollow = |verdict: &Verdict| match verdict {
        Verdict::Redact(items) => items.is_empty(),
        Verdict::RequireApproval(asks) => asks.is_empty(),
        Verdict::Permit | Verdict::Deny => false,
    };
    let strictness = |judgement: &Judgement| match &judgement.verdict {
        verdict if hollow(verdict) => Verdict::Deny.strictness(),
        verdict => verdict.strictness(),
    };
    let strictest = judgements.iter().map(strictness).max().unwrap_or(0);
    let mut redactions = Vec::new();
    let mut asks: Vec<ApprovalAsk> = Vec::new();
    let mut obligations: Vec<Obligation> = Vec::new();
    for judgement in &judgements {
        match &judgement.verdict {
            Verdict::Redact(items) => redactions.extend(items.iter().cloned()),
            Verdict::RequireApproval(wanted) => wanted.iter().for_each(|ask| add(&mut asks, ask)),
            Verdict::Permit | Verdict::Deny => {}
        }
        if strictest == Verdict::Deny.strictness() && strictness(judgement) < strictest {
            continue;
        }
        for obligation in &judgement.obligations {
            if obligations.iter().all(|known| known.id != obligation.id) {
                obligations.push(obligation.clone());
            }
        }
    }
    redactions.sort();
    redactions.dedup();
    let verdict = match strictest {
        0 => Verdict::Permit,
        1 => Verdict::Redact(redactions.clone()),
        2 => Verdict::RequireApproval(asks),
        _ => Verdict::Deny,
    };
    Decision {
        verdict,
        redactions,
        obligations,
        judgements,
    }
}

fn add(asks: &mut Vec<ApprovalAsk>, ask: &ApprovalAsk) {
    let same = |known: &&mut ApprovalAsk| {
        known.approver_role == ask.approver_role && known.question == ask.question
    };
    match asks.iter_mut().find(same) {
        Some(known) => {
            known.expires = match (known.expires, ask.expires) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
        }
        None => asks.push(ask.clone()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scalar::Timestamp;

    fn judgement(rule: &str, verdict: Verdict) -> Judgement {
        let by = Attribution {
            rule: rule.to_owned(),
            ..Attribution::default()
        };
        Judgement {
            by,
            verdict,
            reason: String::new(),
            obligations: vec![],
            events: vec![],
        }
    }

    fn ask(role: &str, expires: Option<u64>) -> ApprovalAsk {
        ApprovalAsk {
            approver_role: role.to_owned(),
            question: "Go ahead?".to_owned(),
            expires: expires.map(Timestamp),
        }
    }

    fn duty(id: &str) -> Obligation {
        Obligation {
            id: id.to_owned(),
            ..Obligation::default()
        }
    }

    #[test]
    fn nothing_said_permits() {
        assert_eq!(compose(vec![]).verdict, Verdict::Permit);
    }

    #[test]
    fn the_strictest_wins_in_any_order() {
        let verdicts = [
            Verdict::Permit,
            Verdict::Redact(vec!["a".to_owned()]),
            Verdict::RequireApproval(vec![ask("legal", None)]),
            Verdict::Deny,
        ];
        for (i, a) in verdicts.iter().enumerate() {
            for (j, b) in verdicts.iter().enumerate() {
                let decision = compose(vec![judgement("A", a.clone()), judgement("B", b.clone())]);
                assert_eq!(decision.verdict, verdicts[i.max(j)]);
            }
        }
    }

    #[test]
    fn redactions_and_asks_add_up() {
        let decision = compose(vec![
            judgement("A", Verdict::Redact(vec!["b".to_owned(), "a".to_owned()])),
            judgement("B", Verdict::RequireApproval(vec![ask("legal", Some(9))])),
            judgement("C", Verdict::Redact(vec!["b".to_owned()])),
            judgement(
                "D",
                Verdict::RequireApproval(vec![ask("legal", Some(5)), ask("dpo", None)]),
            ),
        ]);
        let asks = vec![ask("legal", Some(5)), ask("dpo", None)];
        assert_eq!(decision.verdict, Verdict::RequireApproval(asks));
        assert_eq!(decision.redactions, ["a", "b"]);
        assert!(!decision.is_permitted());
    }

    #[test]
    fn hollow_answers_deny() {
        for hollow in [Verdict::Redact(vec![]), Verdict::RequireApproval(vec![])] {
            assert_eq!(compose(vec![judgement("A", hollow)]).verdict, Verdict::Deny);
        }
    }

    #[test]
    fn after_a_deny_only_its_own_duties_remain() {
        let mut permit = judgement("A", Verdict::Permit);
        permit.obligations = vec![duty("one")];
        let mut deny = judgement("B", Verdict::Deny);
        deny.obligations = vec![duty("two"), duty("two")];
        let ids = |decision: Decision| -> Vec<String> {
            decision.obligations.into_iter().map(|o| o.id).collect()
        };
        assert_eq!(ids(compose(vec![permit.clone(), deny])), ["two"]);
        assert_eq!(ids(compose(vec![permit.clone(), permit])), ["one"]);
    }

    #[test]
    fn json_is_flat() {
        let decision = compose(vec![judgement("A", Verdict::Redact(vec!["a".to_owned()]))]);
        let json = serde_json::to_string(&decision).unwrap();
        assert!(
            json.starts_with(r#"{"verdict":"redact","of":["a"],"redactions":["a"]"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Decision>(&json).unwrap(), decision);
    }
}
