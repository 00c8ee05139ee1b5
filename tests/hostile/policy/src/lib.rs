//! A policy that judges as its settings say: the same code within a limit and over it.

use core::hint::black_box;

use palisade_sdk::{ApprovalAsk, Batch, Judgement, Policy, Settings, SettingsError, log};

const RULE: &str = "hostile-p1";

struct Hostile {
    act: String,
    amount: u64,
}

impl Policy for Hostile {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        Ok(Hostile {
            act: settings.text("act")?.to_owned(),
            amount: settings.count("amount")?,
        })
    }

    fn decide(&mut self, _: &Batch) -> Vec<Judgement> {
        let permit = || Judgement::permit(RULE, "as told");
        let size = self.amount as usize;
        match self.act.as_str() {
            "permit" => vec![permit()],
            "trap" => panic!("as told"),
            "log" => {
                log::info("as told");
                vec![permit()]
            }
            "spin" => {
                (0..self.amount).for_each(|i| {
                    black_box(i);
                });
                vec![permit()]
            }
            "bulky-judgements" => {
                let reason = "x".repeat(1000);
                let bulky = || Judgement::permit(RULE, &reason);
                (0..self.amount).map(|_| bulky()).collect()
            }
            "judgements" => (0..self.amount).map(|_| permit()).collect(),
            "contradict" => vec![permit(), Judgement::deny(RULE, "and not")],
            "rule" => vec![Judgement::permit("hostile-p2", "of nobody")],
            "redact" => {
                let items = (0..self.amount).map(|i| i.to_string());
                vec![Judgement::redact(RULE, items, "these")]
            }
            "approvals" => {
                let ask = ApprovalAsk {
                    approver_role: "r".into(),
                    question: "q".into(),
                    expires: None,
                };
                vec![Judgement::require_approval(RULE, vec![ask; size], "ask")]
            }
            "cite-event" => vec![permit().events([self.amount])],
            _ => Vec::new(),
        }
    }
}

palisade_sdk::export_policy!(Hostile);
