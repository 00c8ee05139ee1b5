//! TI-7.2: intelligence that was received under an agreement may not go into products, be sold
//! or resold (不得…用于产品研发、商业销…). A rule pack that is derived from it stays with its
//! recipient.
//!
//! Where something comes from is told by earlier events: notices (`report.intel`), and what
//! the host made of what (`control.ops`: a data segment of a notice or a feed, a pack of data
//! segments). The same content that came from elsewhere before the notice did is free.

mod provenance;

use palisade_sdk::kinds::{
    Audience, ContentFlag, ControlOps, DisclosureAction, ReportDisclosure, ReportIntel, SubjectKind,
};
use palisade_sdk::{
    Batch, Judgement, Observe, Policy, Settings, SettingsError, export_policy, field,
};

use provenance::Origin;

const RULE: &str = "TI-7.2";

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
        let marked = request.contains.contains(&ContentFlag::IntelDerivedData);
        let received = request.subject_kind == SubjectKind::ThreatIntel;
        let origin = match provenance::of_all(&request.subjects) {
            // The mark and the kind say that it was received, whatever else is known.
            Origin::Unknown | Origin::Independent(_) if marked || received => {
                Some("shared intelligence".to_owned())
            }
            Origin::Notice(words) | Origin::TooFar(words) => Some(words),
            Origin::Independent(source) => {
                let reason = format!("it comes from {source}, and not through a notice");
                return vec![Judgement::permit(RULE, reason)];
            }
            Origin::Unknown => None,
        };
        vec![match origin {
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

impl Observe for NoProducts {
    fn observe(&mut self, batch: &Batch) {
        let times = batch.u64s(field!("time"));
        if batch.subscription() == 1 {
            for (notice, time) in batch.rows::<ReportIntel>(&batch.all()).iter().zip(times) {
                provenance::note_notice(&notice.notice, &notice.agreement, time);
            }
            return;
        }
        for (made, time) in batch.rows::<ControlOps>(&batch.all()).iter().zip(times) {
            let digest = made.object_digest.as_deref();
            provenance::note_made(&made.object, digest, &made.grounds, time);
        }
    }
}

export_policy!(NoProducts, observe);
