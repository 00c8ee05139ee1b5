//! RMSV Article 9(4): programs and tools made to exploit vulnerabilities for harm may be neither
//! published nor provided. A rule that recognises an attack performs none, and passes.
//!
//! An artefact that was once found to be an attack program, by a scanner, by a setting or in an
//! earlier request, stays one whatever a later request says of it.

use palisade_sdk::kinds::{
    Audience, ContentFlag, DisclosureAction, NetworkFile, Party, ReportDisclosure, SubjectKind,
};
use palisade_sdk::{
    ApprovalAsk, Batch, Judgement, Observe, Policy, Settings, SettingsError, Table, export_policy,
    field,
};

const RULE: &str = "RMSV-9.4";
/// 2021-09-01 00:00 UTC+08:00: the regulation is in force (Article 16).
const IN_FORCE: u64 = 1_630_425_600_000_000_000;

const CLASSIFIED: Table = Table(0);
/// The longest text that is looked at for a digest.
const MAX_DIGEST: usize = 256;
/// What scanners say of a file in which they found nothing. Any other word says that it is not clean.
const CLEAN: [&str; 7] = [
    "clean",
    "benign",
    "harmless",
    "undetected",
    "not-malicious",
    "ok",
    "safe",
];

/// The plugin.
pub struct AttackTools {
    known: Vec<String>,
}

/// What a request would hand out.
#[derive(PartialEq, Eq)]
enum Held {
    /// A program that attacks.
    Tool,
    /// Code that shows a flaw, or files that nobody has classified.
    Unclear(&'static str),
    /// A file whose digest is none, so that nothing that is known of it can be found.
    Unknown,
    /// Nothing that attacks.
    Harmless,
}

impl AttackTools {
    fn held(&self, request: &ReportDisclosure) -> Held {
        let contains = |flag| request.contains.contains(&flag);
        let mut known = false;
        for file in &request.attachments {
            match digest(&file.sha256) {
                Some(digest) => {
                    known |= self.known.iter().any(|k| k.eq_ignore_ascii_case(&digest));
                    known |= CLASSIFIED.get(&digest).is_some();
                }
                None => return Held::Unknown,
            }
        }
        let exploit = request.subject_kind == SubjectKind::Exploit;
        if known || contains(ContentFlag::ExploitCode) {
            Held::Tool
        } else if contains(ContentFlag::ProofOfConcept) {
            Held::Unclear("Is the proof of concept free of anything that does harm?")
        } else if exploit && !contains(ContentFlag::DetectionSignature) {
            // An exploit of which nothing more is said is the program itself.
            Held::Tool
        } else if !request.attachments.is_empty() && request.contains.is_empty() {
            Held::Unclear("What do the attachments do? Nobody has classified them.")
        } else {
            Held::Harmless
        }
    }
}

/// The digest that a text is, however it is written: without spaces around it and a prefix, in
/// small letters. `None`: it has something else in it, be it unseen, or is empty.
fn digest(written: &str) -> Option<String> {
    if written.len() > MAX_DIGEST {
        return None;
    }
    let text = written.trim().to_ascii_lowercase();
    let prefixes = ["sha256:", "sha-256:", "sha256-", "sha256=", "0x"];
    let text = prefixes
        .iter()
        .find_map(|prefix| text.strip_prefix(prefix))
        .unwrap_or(&text)
        .trim();
    let is_digest = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| text.to_owned())
}

/// Remembers that an artefact is an attack program, and who says so.
fn remember(sha256: &str, by: &str) {
    if let Some(digest) = digest(sha256) {
        let by: String = by.chars().take(128).collect();
        CLASSIFIED.put(&digest, by.as_bytes());
    }
}

/// The provider that has to mend it, or a national platform that takes reports (Article 10);
/// both verified, since a claimed role proves nothing.
fn may_have_tools(party: &Party) -> bool {
    party.verified
        && party
            .roles
            .iter()
            .any(|role| role.starts_with("provider-of:") || role == "registered-platform")
}

impl Policy for AttackTools {
    fn configure(settings: &Settings) -> Result<Self, SettingsError> {
        let known = settings.texts("known-tools")?.to_vec();
        let wrong = known
            .iter()
            .find(|text| text.len() != 64 || !text.bytes().all(|b| b.is_ascii_hexdigit()));
        match wrong {
            Some(text) => Err(SettingsError::new(
                "known-tools",
                format!("{text:?} is no SHA-256 digest: 64 hexadecimal digits are expected"),
            )),
            None => Ok(AttackTools { known }),
        }
    }

    fn decide(&mut self, batch: &Batch) -> Vec<Judgement> {
        let time = batch.u64s(field!("time")).first().copied().unwrap_or(0);
        if time < IN_FORCE {
            return Vec::new();
        }
        let Some(request) = batch.rows::<ReportDisclosure>(&[0]).pop() else {
            return Vec::new();
        };
        // Whatever becomes of the request: that is what its files are.
        if request.contains.contains(&ContentFlag::ExploitCode) {
            for file in &request.attachments {
                remember(&file.sha256, "a request");
            }
        }
        let concerned = matches!(
            request.subject_kind,
            SubjectKind::Vulnerability | SubjectKind::Exploit | SubjectKind::RulePack
        );
        let stays = request.action == DisclosureAction::InternalUse
            || (request.audience == Audience::Internal && request.recipients.is_empty());
        if !concerned || stays {
            return Vec::new();
        }
        let named = request.audience == Audience::Named && !request.recipients.is_empty();
        vec![match self.held(&request) {
            Held::Tool if named && request.recipients.iter().all(may_have_tools) => {
                Judgement::permit(
                    RULE,
                    "only the provider or a registered platform receives it",
                )
            }
            Held::Tool => Judgement::deny(
                RULE,
                "an attack program goes to nobody but the verified provider of the product and \
                 the national platforms",
            ),
            Held::Unclear(question) => Judgement::require_approval(
                RULE,
                [ApprovalAsk {
                    approver_role: "legal".to_owned(),
                    question: question.to_owned(),
                    expires: None,
                }],
                question,
            ),
            Held::Unknown => Judgement::deny(
                RULE,
                "an attachment has no SHA-256 digest that could be looked up: write 64 hexadecimal \
                 digits",
            ),
            Held::Harmless => Judgement::permit(RULE, "it holds nothing that attacks"),
        }]
    }
}

impl Observe for AttackTools {
    fn observe(&mut self, batch: &Batch) {
        for file in batch.rows::<NetworkFile>(&batch.all()) {
            let verdict = file.scan_verdict.as_deref().unwrap_or_default();
            let verdict = verdict.trim().to_ascii_lowercase();
            if verdict.is_empty() || CLEAN.contains(&verdict.as_str()) {
                continue;
            }
            remember(
                &file.sha256,
                file.scan_family.as_deref().unwrap_or("a scanner"),
            );
        }
    }
}

export_policy!(AttackTools, observe);
