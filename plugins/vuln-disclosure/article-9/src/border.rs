//! Article 9(7): what is not public does not leave the country, save to the product's provider.

use palisade_sdk::Judgement;
use palisade_sdk::kinds::{Audience, DisclosureAction, Party, ReportDisclosure, SubjectKind};

use crate::known::Known;

const RULE: &str = "RMSV-9.7";
const PROVIDER: &str = "provider-of:";

/// RMSV-9.7: deny when a recipient is outside (境外), or of unknown place, and is not the
/// verified provider of that very product; permit once everything named is public.
pub fn crossing(
    request: &ReportDisclosure,
    known: &[Option<Known>],
    inside: &[String],
) -> Option<Judgement> {
    let concerned = matches!(
        request.subject_kind,
        SubjectKind::Vulnerability
            | SubjectKind::Exploit
            | SubjectKind::RulePack
            | SubjectKind::ThreatIntel
    );
    let stays = request.action == DisclosureAction::InternalUse
        || (request.audience == Audience::Internal && request.recipients.is_empty());
    // An open publication has no recipients; RMSV-9.1 decides about it.
    let open = request.action == DisclosureAction::Publish && request.audience == Audience::Open;
    if !concerned || stays || open {
        return None;
    }
    let public = |known: &Option<Known>| known.as_ref().is_some_and(|k| k.public);
    if !known.is_empty() && known.iter().all(public) {
        return Some(Judgement::permit(
            RULE,
            "everything that is named is public",
        ));
    }
    if request.recipients.is_empty() {
        return Some(Judgement::deny(
            RULE,
            "nobody is named who would receive it",
        ));
    }
    let refused = request
        .recipients
        .iter()
        .find(|party| !is_inside(party, inside) && !provides_all(party, known));
    Some(match refused {
        Some(party) => Judgement::deny(
            RULE,
            format!(
                "{} is outside the border or of unknown place, and not the verified provider of \
                 the product",
                party.id.chars().take(100).collect::<String>()
            ),
        ),
        None => Judgement::permit(
            RULE,
            "every recipient is inside the border or the verified provider of the product",
        ),
    })
}

/// A seat counts only when it is verified; a claim proves nothing.
fn is_inside(party: &Party, inside: &[String]) -> bool {
    let country = party.country.as_deref().unwrap_or("");
    party.verified && inside.iter().any(|c| c.eq_ignore_ascii_case(country))
}

/// Whether the party is the verified provider of a product of every subject.
fn provides_all(party: &Party, known: &[Option<Known>]) -> bool {
    let provides = |product: &String| {
        party
            .roles
            .iter()
            .any(|role| role.strip_prefix(PROVIDER) == Some(product.as_str()))
    };
    party.verified
        && !known.is_empty()
        && known.iter().all(|known| {
            known
                .as_ref()
                .is_some_and(|k| k.products.iter().any(provides))
        })
}
