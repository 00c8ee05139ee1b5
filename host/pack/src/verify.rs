//! Whether a pack may run here, with the whole chain of reasons.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::Digest;
use serde::Serialize;

use crate::certificate::certified;
use crate::dsse::Envelope;
use crate::statement::{
    CERTIFICATE_PREDICATE, Certificate, SIGNATURE_PREDICATE, STATEMENT, Signed, Statement,
    predicate_type,
};
use crate::trust::{PackRule, Revocations, Root, Trust};
use crate::{Ground, KeyId, Pack, Refusal, Restriction, Time, Unread};

/// How far ahead of this site's time a statement may be dated: clocks differ.
const SKEW_SECONDS: i64 = 300;

/// What became of one question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// It is as it should be.
    Good,
    /// Something that does not count; by itself no reason to refuse.
    Ignored,
    /// The pack is refused for it.
    Refused,
}

/// One question and its answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// What became of it.
    pub verdict: Verdict,
    /// The code of the refusal.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub code: Option<&'static str>,
    /// The answer, for a person.
    pub text: String,
}

/// Whether a pack may run, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// `vendor/name@version`.
    pub pack: String,
    /// Its digest.
    pub digest: Digest,
    /// The time at which it was judged.
    pub at: Time,
    /// Whether it may run: no step refuses.
    pub trusted: bool,
    /// What it may import; nothing unless it is trusted.
    pub granted: BTreeSet<String>,
    /// The chain of reasons, in the order in which they were found.
    pub steps: Vec<Step>,
    /// The certificates that count, by file name.
    pub certificates: BTreeMap<String, Certificate>,
}

impl Report {
    fn good(&mut self, text: String) {
        self.steps.push(Step {
            verdict: Verdict::Good,
            code: None,
            text,
        });
    }

    fn ignore(&mut self, refusal: &Refusal) {
        self.push(Verdict::Ignored, refusal);
    }

    fn refuse(&mut self, refusal: &Refusal) {
        self.trusted = false;
        self.push(Verdict::Refused, refusal);
    }

    fn push(&mut self, verdict: Verdict, refusal: &Refusal) {
        let step = Step {
            verdict,
            code: Some(refusal.code()),
            text: refusal.to_string(),
        };
        if !self.steps.contains(&step) {
            self.steps.push(step);
        }
    }

    /// The codes of everything that is refused or does not count.
    pub fn codes(&self) -> Vec<&'static str> {
        self.steps.iter().filter_map(|step| step.code).collect()
    }
}

/// Judges a pack by what is trusted here. Nothing outside is asked.
pub fn verify(pack: &Pack, trust: &Trust) -> Report {
    let manifest = pack.manifest();
    let mut report = Report {
        pack: manifest.full_title(),
        digest: pack.digest(),
        at: trust.now,
        trusted: true,
        granted: BTreeSet::new(),
        steps: Vec::new(),
        certificates: BTreeMap::new(),
    };
    report.good(format!(
        "{} files are what `pack.toml` says, and their digest is {}",
        pack.listing().entries().len(),
        pack.digest()
    ));
    let root = match &trust.root {
        Ok(root) => root,
        Err(refusal) => {
            report.refuse(refusal);
            return report;
        }
    };
    report.good(format!(
        "root document version {}, valid until {}",
        root.version, root.expires
    ));
    match &trust.revocations {
        Err(refusal) => report.refuse(refusal),
        Ok(list) => revoked(pack, list, &mut report),
    }
    match &trust.policy {
        Err(refusal) => report.refuse(refusal),
        Ok(policy) => match policy.rule(&manifest.vendor, &manifest.name) {
            None => report.refuse(&Refusal::NoRule {
                pack: manifest.title(),
            }),
            Some(rule) => {
                report.good(format!(
                    "trust policy version {}, rule for `{}`",
                    policy.version, rule.pattern
                ));
                judge(pack, trust, root, rule, &mut report);
            }
        },
    }
    if report.trusted {
        report.granted.clone_from(&manifest.capabilities);
    }
    report
}

fn revoked(pack: &Pack, list: &Revocations, report: &mut Report) {
    match list.packs.get(&pack.digest()) {
        Some(reason) => report.refuse(&Refusal::PackRevoked {
            digest: pack.digest().to_string(),
            reason: reason.clone(),
        }),
        None => report.good(format!(
            "revocation list version {}, valid until {}, does not name the pack",
            list.version, list.expires
        )),
    }
}

fn judge(pack: &Pack, trust: &Trust, root: &Root, rule: &PackRule, report: &mut Report) {
    let manifest = pack.manifest();
    for capability in manifest.capabilities.difference(&rule.capabilities) {
        report.refuse(&Refusal::CapabilityDenied {
            capability: capability.clone(),
            pack: rule.pattern.clone(),
        });
    }
    if let Some(most) = rule.tlp_max {
        let denied = |label: String| Refusal::LabelDenied {
            label,
            limit: most.to_string(),
        };
        // What is not understood, and what nobody has said, may be more than any colour.
        let beyond = |unread: &&Unread| unread.perhaps.is_none_or(|colour| colour > most);
        if let Some(unread) = pack.unread().iter().find(beyond) {
            report.refuse(&denied(format!(
                "of a label that is not understood ({unread})"
            )));
        }
        if manifest.labels.unmarked {
            let what =
                "with data that names no colour of TLP (its vendor can state one in pack.toml)";
            report.refuse(&denied(what.to_owned()));
        }
        if let Some(tlp) = manifest.labels.tlp.filter(|tlp| *tlp > most) {
            let of_colour = |g: &&Ground| matches!(g.restriction, Restriction::Colour(_));
            let place = pack.grounds().iter().find(of_colour);
            let place = place.map_or_else(String::new, |place| format!(" ({place})"));
            report.refuse(&denied(format!("{tlp}{place}")));
        }
    }
    let attested = read(pack, trust.now, report);
    let threshold = |role: &str, wanted: Option<usize>| {
        wanted.unwrap_or_else(|| root.roles.get(role).map_or(1, |r| r.threshold))
    };
    for wanted in &rule.signed_by {
        let applies = wanted.for_capabilities.is_empty()
            || !wanted.for_capabilities.is_disjoint(&manifest.capabilities);
        if !applies {
            continue;
        }
        let needed = threshold(&wanted.role, wanted.signatures);
        let keys = counted(&attested.signatures, trust, &wanted.role, report);
        if keys.len() >= needed {
            report.good(format!(
                "signed by {} of role `{}` ({needed} needed)",
                names(root, &keys),
                wanted.role
            ));
        } else {
            report.refuse(&Refusal::SignaturesMissing {
                role: wanted.role.clone(),
                found: keys.len().to_string(),
                needed: needed.to_string(),
                hint: hint(root, &wanted.role, "palisade pack sign"),
            });
        }
    }
    if let Some(wanted) = &rule.certificate {
        let mut valid = BTreeMap::new();
        for (name, (envelope, certificate)) in &attested.certificates {
            match certified(name, envelope, certificate, wanted, trust, pack) {
                Ok(()) => {
                    valid.insert(name.clone(), envelope.clone());
                }
                Err(refusal) => report.ignore(&refusal),
            }
        }
        let needed = threshold(&wanted.role, wanted.signatures);
        let keys = counted(&valid, trust, &wanted.role, report);
        for (name, envelope) in &valid {
            if trust.signers(&wanted.role, name, envelope).0.is_empty() {
                continue;
            }
            if let Some((_, certificate)) = attested.certificates.get(name) {
                let certificate = certificate.clone();
                report.certificates.insert(name.clone(), certificate);
            }
        }
        if keys.len() >= needed {
            report.good(format!(
                "certified by {} of role `{}` ({needed} needed)",
                names(root, &keys),
                wanted.role
            ));
        } else {
            report.refuse(&Refusal::CertificateMissing {
                role: wanted.role.clone(),
                found: keys.len().to_string(),
                needed: needed.to_string(),
                hint: hint(root, &wanted.role, "palisade pack certify"),
            });
        }
    }
}

/// What to do for a signature in a role, by this command if anybody has it.
fn hint(root: &Root, role: &str, command: &str) -> String {
    match root.roles.contains_key(role) {
        true => format!("; who has a key of this role gives one with `{command} PACK --key FILE`"),
        false => format!(
            "; the root document gives nobody this role: give it to somebody with \
             `palisade trust root --role {role}=1:NAME`, or leave it out of trust.toml"
        ),
    }
}

/// Attestations about this pack, by their file names. Their signatures are not verified yet.
#[derive(Default)]
struct Attested {
    signatures: BTreeMap<String, Envelope>,
    certificates: BTreeMap<String, (Envelope, Certificate)>,
}

fn read(pack: &Pack, now: Time, report: &mut Report) -> Attested {
    let mut attested = Attested::default();
    let title = pack.manifest().full_title();
    for (name, bytes) in pack.content().attestations() {
        let mut one = || -> Result<(), Refusal> {
            let envelope = Envelope::read(name, bytes)?;
            if envelope.payload_type() != STATEMENT {
                return Err(Refusal::PayloadType {
                    name: name.clone(),
                    found: envelope.payload_type().to_owned(),
                });
            }
            match predicate_type(&envelope).as_deref() {
                Some(CERTIFICATE_PREDICATE) => {
                    let statement: Statement<Certificate> = Statement::read(
                        name,
                        &envelope,
                        CERTIFICATE_PREDICATE,
                        pack.digest(),
                        &title,
                    )?;
                    let certificate = statement.predicate;
                    in_time(name, certificate.issued, certificate.expires, now)?;
                    attested
                        .certificates
                        .insert(name.clone(), (envelope, certificate));
                }
                _ => {
                    let statement: Statement<Signed> = Statement::read(
                        name,
                        &envelope,
                        SIGNATURE_PREDICATE,
                        pack.digest(),
                        &title,
                    )?;
                    in_time(
                        name,
                        statement.predicate.signed,
                        statement.predicate.expires,
                        now,
                    )?;
                    attested.signatures.insert(name.clone(), envelope);
                }
            }
            Ok(())
        };
        if let Err(refusal) = one() {
            report.ignore(&refusal);
        }
    }
    attested
}

fn in_time(name: &str, made: Time, expires: Option<Time>, now: Time) -> Result<(), Refusal> {
    if made.seconds() > now.seconds() + SKEW_SECONDS {
        return Err(Refusal::FutureDate {
            name: name.to_owned(),
            when: made.to_string(),
        });
    }
    match expires {
        Some(when) if when <= now => Err(Refusal::StatementExpired {
            name: name.to_owned(),
            when: when.to_string(),
        }),
        _ => Ok(()),
    }
}

/// The different keys of a role that signed any of the envelopes.
fn counted(
    envelopes: &BTreeMap<String, Envelope>,
    trust: &Trust,
    role: &str,
    report: &mut Report,
) -> BTreeSet<KeyId> {
    let mut keys = BTreeSet::new();
    for (name, envelope) in envelopes {
        let (good, refused) = trust.signers(role, name, envelope);
        keys.extend(good);
        for refusal in refused {
            report.ignore(&refusal);
        }
    }
    keys
}

fn names(root: &Root, keys: &BTreeSet<KeyId>) -> String {
    let name = |id: &KeyId| {
        let name = root.keys.get(id).map_or("?", |key| key.name.as_str());
        format!("{name} ({})", id.short())
    };
    keys.iter().map(name).collect::<Vec<_>>().join(", ")
}
