//! `palisade pack inspect`.

use anyhow::Result;
use clap::Args;
use palisade_pack::dsse::Envelope;
use palisade_store::Digest;
use serde_json::json;

use super::guard::once_each;
use super::open::open;
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, size};

/// Show what is in a pack and who signed it, without judging it
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// An archive, a folder, or vendor/name[@version] of the store
    pack: String,
    #[command(flatten)]
    which: Which,
}

impl Inspect {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let pack = open(context, &self.which, &self.pack)?;
        let manifest = pack.manifest();
        let attestations: Vec<_> = pack
            .content()
            .attestations()
            .iter()
            .map(|(name, bytes)| match Envelope::read(name, bytes) {
                Ok(envelope) => json!({
                    "name": name,
                    "statement": Digest::of(envelope.payload()),
                    "keys": envelope.signatures().iter().map(|s| s.key.clone()).collect::<Vec<_>>(),
                }),
                Err(refusal) => json!({ "name": name, "refused": refusal.to_string() }),
            })
            .collect();
        let mut out = context.output();
        if format == Format::Json {
            let files: Vec<_> = pack
                .listing()
                .entries()
                .iter()
                .map(|e| json!({ "path": e.path.as_str(), "size": e.size, "digest": e.digest }))
                .collect();
            out.json(&json!({
                "digest": pack.digest(),
                "manifest": manifest,
                "files": files,
                "attestations": attestations,
                "unread_labels": pack.unread(),
                "restricted_by": pack.grounds(),
            }))?;
        } else {
            let list = |set: &std::collections::BTreeSet<String>| {
                if set.is_empty() {
                    "none".to_owned()
                } else {
                    set.iter()
                        .map(String::as_str)
                        .collect::<Vec<_>>()
                        .join(", ")
                }
            };
            let total: u64 = pack.listing().entries().iter().map(|e| e.size).sum();
            out.line(&format!(
                "{}  {}",
                manifest.full_title(),
                manifest.description
            ))?;
            out.line(&format!("digest        {}", pack.digest()))?;
            out.line(&format!(
                "files         {}, {}",
                pack.listing().entries().len(),
                size(total)
            ))?;
            out.line(&format!("licence       {}", manifest.licence))?;
            out.line(&format!("line          {}", manifest.lineage))?;
            out.line(&format!(
                "abi           {} to {}",
                manifest.abi.from, manifest.abi.to
            ))?;
            out.line(&format!("capabilities  {}", list(&manifest.capabilities)))?;
            out.line(&format!("requirements  {}", list(&manifest.requirements)))?;
            let labels = &manifest.labels;
            let tlp = match (labels.tlp, labels.unmarked) {
                (Some(tlp), false) => tlp.to_string(),
                (Some(tlp), true) => format!("{tlp}, and none stated for some of its data"),
                (None, true) => "none stated for its data".into(),
                (None, false) => "none stated".into(),
            };
            out.line(&format!("TLP           {tlp}"))?;
            for unread in pack.unread() {
                out.line(&format!("not read      {unread}"))?;
            }
            let grounds = pack.grounds().iter();
            for line in once_each(grounds.map(|ground| format!("restricted by {ground}"))) {
                out.line(&line)?;
            }
            if let Some(until) = labels.embargo {
                out.line(&format!("embargo       until {until}"))?;
            }
            if !labels.marks.is_empty() {
                out.line(&format!("labels        {}", list(&labels.marks)))?;
            }
            if !labels.derived_from.is_empty() {
                out.line(&format!("derived from  {}", list(&labels.derived_from)))?;
            }
            for (name, plugin) in &manifest.plugins {
                out.line(&format!(
                    "{:<13} {name} {}  {}",
                    plugin.kind, plugin.version, plugin.digest
                ))?;
            }
            for (name, dataset) in &manifest.datasets {
                out.line(&format!("dataset       {name}  {}", dataset.digest))?;
            }
            for attestation in &attestations {
                out.line(&format!("attestation   {attestation}"))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}
