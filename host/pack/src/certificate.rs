//! Whether a certificate is one that the policy asks for.

use std::collections::BTreeSet;

use palisade_events::Digest;

use crate::dsse::Envelope;
use crate::statement::{CHECKS, Certificate, Peak};
use crate::trust::{CertificateRule, Trust};
use crate::{Pack, Refusal};

/// Judges what a certificate says, not who signed it.
///
/// # Errors
/// The first thing for which it does not count.
pub(crate) fn certified(
    name: &str,
    envelope: &Envelope,
    certificate: &Certificate,
    wanted: &CertificateRule,
    trust: &Trust,
    pack: &Pack,
) -> Result<(), Refusal> {
    let name = || name.to_owned();
    let digest = Digest::of(envelope.payload());
    if let Some(reason) = trust
        .revocations
        .as_ref()
        .ok()
        .and_then(|l| l.certificates.get(&digest))
    {
        return Err(Refusal::CertificateRevoked {
            name: name(),
            reason: reason.clone(),
        });
    }
    if certificate.issued.plus_days(wanted.max_age_days) < trust.now {
        return Err(Refusal::CertificateOld {
            name: name(),
            when: certificate.issued.to_string(),
            limit: wanted.max_age_days.to_string(),
        });
    }
    if let Some(request) = &wanted.host {
        let matches = certificate
            .host
            .parse()
            .is_ok_and(|version| request.matches(&version));
        if !matches {
            return Err(Refusal::CertificateHost {
                name: name(),
                found: certificate.host.clone(),
                wanted: request.to_string(),
            });
        }
    }
    let passed = |check: &str| {
        let mut of_name = certificate.checks.iter().filter(|c| c.name == check);
        of_name.clone().count() > 0 && of_name.all(|c| c.passed && c.cases > 0)
    };
    let failed = CHECKS.into_iter().find(|check| !passed(check));
    let failed = failed.map(str::to_owned).or_else(|| {
        certificate
            .checks
            .iter()
            .find(|c| !c.passed)
            .map(|c| c.name.clone())
    });
    if let Some(check) = failed {
        return Err(Refusal::CertificateFailed {
            name: name(),
            check,
        });
    }
    // Nobody is left out, and nobody is over the ceiling that is stated.
    let holds = |plugin: &String| certificate.peaks.get(plugin).is_some_and(Peak::holds);
    if !pack.manifest().plugins.keys().all(holds) {
        return Err(Refusal::CertificateFailed {
            name: name(),
            check: "ceilings".into(),
        });
    }
    let capabilities = &pack.manifest().capabilities;
    if certificate.capabilities != *capabilities {
        let shown = |set: &BTreeSet<String>| {
            set.iter()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", ")
        };
        return Err(Refusal::CertificateCapabilities {
            name: name(),
            stated: shown(&certificate.capabilities),
            found: shown(capabilities),
        });
    }
    Ok(())
}
