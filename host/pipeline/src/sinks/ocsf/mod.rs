//! Findings as OCSF Detection Findings (class 2004), schema version 1.8.0.
//!
//! The Open Cybersecurity Schema Framework says what the attributes mean
//! (<https://schema.ocsf.io/1.8.0/classes/detection_finding>). No profile is used. How a
//! [`Finding`] maps:
//!
//! | OCSF | from |
//! | --- | --- |
//! | `finding_info.uid` | a digest of tenant, pack, plugin, rule and subject: what a retraction withdraws |
//! | `activity_id` | Create; Update while findings with that uid are open; Close for a retraction |
//! | `status_id` | New; Resolved for a retraction |
//! | `is_alert` | true unless it is a retraction |
//! | `severity_id` | info 1, low 2, medium 3, high 4, critical 5 |
//! | `time` | the finding's time in milliseconds; exact in `metadata.original_time` |
//! | `metadata.uid` | a digest of everything the finding says: the same finding twice has it twice |
//! | `finding_info.title`, `.analytic` | title and id of the rule, version of the plugin |
//! | `message`, `finding_info.desc` | the summary; of a retraction that it is one |
//! | `finding_info.types` | the requirements that the rule serves |
//! | `finding_info.attacks` | the rule's ATT&CK ids; `T1071.001` as technique and sub-technique |
//! | `finding_info.related_events` | the cited events, by id where it is known, else by reference |
//! | `observables`, `resources` | the subject: `address:192.0.2.1` is an IP address, and so on |
//! | `evidences[0].data` | the details |
//! | `metadata.tenant_uid`, `.labels` | tenant and labels |
//! | `unmapped.palisade` | plugin, pack, digest, rule, references, actions, marking (TLP) |

mod lifecycle;
mod model;
mod subject;

use std::collections::HashMap;
use std::sync::Arc;

use lifecycle::Lifecycle;
pub use model::{Activity, DetectionFinding, VERSION};
use model::{
    Analytic, Attack, Evidence, FindingInfo, Metadata, Own, Product, RelatedEvent, Technique,
    Unmapped,
};
use palisade_events::{Digest, Finding, Severity};
use palisade_runtime::Plugin;
use palisade_runtime::manifest::{Manifest, Rule};

/// Turns findings into Detection Findings, and remembers which are open.
///
/// It remembers at least the [`MAX_OPEN`] subjects that were reported last. When one beyond
/// that is reported again, that is a Create with the uid of the first.
#[derive(Debug)]
pub struct Mapper {
    manifests: HashMap<Digest, Arc<Manifest>>,
    lifecycle: Lifecycle,
}

/// How many findings are remembered as open: about 5 MB.
pub const MAX_OPEN: usize = 32_768;

impl Mapper {
    /// For the findings of these plugins.
    pub fn new(plugins: &[Arc<Plugin>]) -> Mapper {
        Mapper::with(
            plugins
                .iter()
                .map(|plugin| (plugin.digest(), Arc::clone(plugin.manifest()))),
        )
    }

    /// For the findings of components with these digests and manifests. The title and the
    /// ATT&CK ids of other components' rules are not known, and left out.
    pub fn with(manifests: impl IntoIterator<Item = (Digest, Arc<Manifest>)>) -> Mapper {
        Mapper {
            manifests: manifests.into_iter().collect(),
            lifecycle: Lifecycle::default(),
        }
    }

    /// The finding as OCSF says it. Findings have to come in the order in which they arose.
    pub fn map<'a>(&'a mut self, finding: &'a Finding) -> DetectionFinding<'a> {
        let manifest = self.manifests.get(&finding.by.digest).map(Arc::as_ref);
        let rule = manifest.and_then(|m| m.rule(&finding.by.rule));
        let pack = manifest.map_or("", |m| m.pack.as_str());
        let uid = key(finding, pack);
        let time = finding.time.0 / 1_000_000;
        let (activity, first_seen) = self.lifecycle.next(uid, time, finding.retracted);
        let (severity_id, severity) = severity(finding.severity);
        let desc = if finding.retracted {
            "what the rule reported about the subject is withdrawn"
        } else {
            finding.summary.as_str()
        };
        let info = FindingInfo {
            uid,
            title: rule.map_or(finding.by.rule.as_str(), |r| r.title.as_str()),
            desc,
            types: &finding.by.requirements,
            analytic: Analytic {
                uid: &finding.by.rule,
                name: rule.map_or(finding.by.rule.as_str(), |r| r.title.as_str()),
                version: manifest.map(|m| m.version.as_str()),
                type_id: 1,
                r#type: "Rule",
            },
            attacks: attacks(rule),
            first_seen_time: first_seen,
            last_seen_time: time,
            related_events_count: finding.cited.len(),
            related_events: finding.cited.iter().map(RelatedEvent::new).collect(),
        };
        let (observables, resources) = subject::named(&finding.subject);
        DetectionFinding {
            category_uid: 2,
            category_name: "Findings",
            class_uid: 2004,
            class_name: "Detection Finding",
            activity_id: activity,
            activity_name: activity.name(),
            type_uid: 2004 * 100 + activity as u32,
            type_name: activity.type_name(),
            time,
            severity_id,
            severity,
            status_id: activity.status().0,
            status: activity.status().1,
            is_alert: !finding.retracted,
            message: desc,
            metadata: Metadata {
                version: VERSION,
                product: Product {
                    name: "Palisade",
                    vendor_name: "Palisade",
                    version: env!("CARGO_PKG_VERSION"),
                },
                uid: identity(finding),
                tenant_uid: &finding.tenant,
                labels: &finding.labels,
                original_time: finding.time.to_string(),
                event_code: &finding.by.rule,
            },
            finding_info: info,
            evidences: Evidence::of(&finding.details),
            observables,
            resources,
            unmapped: Unmapped {
                palisade: Own {
                    plugin: &finding.by.plugin,
                    pack,
                    digest: finding.by.digest,
                    rule: &finding.by.rule,
                    subject: &finding.subject,
                    references: rule.map_or(&[][..], |r| r.references.as_slice()),
                    actions: &finding.actions,
                    tlp: finding.tlp,
                },
            },
        }
    }
}

/// What a retraction withdraws: the rule of the plugin, whichever its version, about the
/// subject, of the tenant.
fn key(finding: &Finding, pack: &str) -> Digest {
    let mut hasher = blake3::Hasher::new_derive_key("palisade ocsf finding uid v1");
    let by = &finding.by;
    for part in [
        &finding.tenant,
        pack,
        &by.plugin,
        &by.rule,
        &finding.subject,
    ] {
        hasher.update(&(part.len() as u64).to_le_bytes());
        hasher.update(part.as_bytes());
    }
    hasher.finalize().into()
}

/// Of everything that the finding says, but for references, which are those of a run where
/// the event has an id.
fn identity(finding: &Finding) -> Digest {
    let mut named = finding.clone();
    for cited in &mut named.cited {
        if cited.id.is_some() {
            cited.event_ref = 0;
        }
    }
    let mut hasher = blake3::Hasher::new_derive_key("palisade ocsf metadata uid v1");
    // A finding has text keys and finite numbers only, so this does not fail; writing to a
    // hasher does not either.
    let _ = serde_json::to_writer(&mut hasher, &named);
    hasher.finalize().into()
}

fn severity(severity: Severity) -> (u8, &'static str) {
    match severity {
        Severity::Info => (1, "Informational"),
        Severity::Low => (2, "Low"),
        Severity::Medium => (3, "Medium"),
        Severity::High => (4, "High"),
        Severity::Critical => (5, "Critical"),
    }
}

/// The technique of each ATT&CK id, and the sub-technique where it names one.
fn attacks(rule: Option<&Rule>) -> Vec<Attack<'_>> {
    let ids = rule.map_or(&[][..], |rule| &rule.attack);
    ids.iter()
        .map(|id| {
            let technique = id.split_once('.').map_or(id.as_str(), |(above, _)| above);
            Attack {
                technique: Technique { uid: technique },
                sub_technique: id.contains('.').then_some(Technique { uid: id }),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests;
