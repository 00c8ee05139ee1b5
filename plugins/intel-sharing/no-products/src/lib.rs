//! TI-7.2: intelligence that was received under an agreement may not go into products, be sold
//! or resold (不得…用于产品研发、商业销…). A rule pack that is derived from it stays with its
//! recipient.

use palisade_sdk::kinds::{
    Audience, ContentFlag, DisclosureAction, ReportDisclosure, ReportIntel, SubjectKind,
};
use palisade_sdk::{
    Batch, Judgement, Observe, Policy, Settings, SettingsError, Table, export_policy,
};

const RULE: &str = "TI-7.2";
const NOTICES: Table = Table(0);
/// Longer ids do not fit a key of the table.
const MAX_ID: usize = 256;

/// The plugin.
pub struct NoProducts;

impl Policy for NoProducts {
    fn configure(_: &Settings) -> Result<Self, SettingsError> {
        Ok(NoProducts)
    }

    fn decide(&mut self, batch: &Batch) -> Vec<Judgement> {
        let Some(request) = batch.rows::<ReportDisclosure>(&[0]).pop() else {
            return Vec::new();
        };
        let concerned = match request.subject_kind {
            SubjectKind::RulePack => request.action != DisclosureAction::InternalUse,
            SubjectKind::ThreatIntel => matches!(
                request.action,
                DisclosureAction::BuildPack | DisclosureAction::Sell
            ),
            _ => false,
        };
        if !concerned {
            return Vec::new();
        }
        let stays = request.audience == Audience::Internal && request.recipients.is_empty();
        vec![match origin(&request) {
            Some(_) if stays => {
                Judgement::permit(RULE, "it stays with the recipient of the notice")
            }
            Some(origin) => Judgement::deny(
                RULE,
                format!("it is derived from {origin} and would go beyond the recipient of that"),
            ),
            None => Judgement::permit(RULE, "nothing in it traces back to a shared notice"),
        }]
    }
}

/// The shared intelligence that the request traces back to, in words.
fn origin(request: &ReportDisclosure) -> Option<String> {
    let subject = request.subjects.iter().find_map(|id| {
        let agreement = (!id.is_empty() && id.len() <= MAX_ID)
            .then(|| NOTICES.get(id))
            .flatten()?;
        let agreement = String::from_utf8_lossy(&agreement).into_owned();
        let short: String = id.chars().take(64).collect();
        Some(format!("notice {short} under agreement {agreement}"))
    });
    let marked = request.contains.contains(&ContentFlag::IntelDerivedData);
    let received = request.subject_kind == SubjectKind::ThreatIntel;
    subject.or_else(|| (marked || received).then(|| "shared intelligence".to_owned()))
}

impl Observe for NoProducts {
    fn observe(&mut self, batch: &Batch) {
        for notice in batch.rows::<ReportIntel>(&batch.all()) {
            let id = &notice.notice;
            // A longer id cannot be asked for either; the mark of the content remains.
            if !id.is_empty() && id.len() <= MAX_ID {
                let agreement: String = notice.agreement.chars().take(64).collect();
                NOTICES.put(id, agreement.as_bytes());
            }
        }
    }
}

export_policy!(NoProducts, observe);
