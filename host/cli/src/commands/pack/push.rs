//! `palisade pack push`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_pack::{Content as PackContent, Pack};
use palisade_registry::{Artifact, Content, Layer, Reference};
use serde_json::json;

use super::guard::Guard;
use super::open::open;
use super::remote::{ARCHIVE, ATTESTATION, CONFIG, EMPTY, ENVELOPE, PACK, Remote, block_on, shown};
use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Bring a pack to a registry, with what is attested of it
///
/// The pack becomes an OCI artifact, and each signature and certificate another one that is
/// attached to it. What is labelled or under embargo leaves only if the disclosure policies permit
/// it. Exit code 1: they do not.
#[derive(Debug, Args)]
pub(crate) struct Push {
    /// An archive, a folder, or vendor/name[@version] of the store
    pack: String,
    /// Where to: HOST[:PORT]/NAME[:TAG]
    reference: Reference,
    #[command(flatten)]
    guard: Guard,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    remote: Remote,
}

impl Push {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        ensure!(
            self.reference.digest().is_none(),
            "{} has a digest; it follows from the pack and cannot be chosen",
            self.reference
        );
        let pack = open(context, &self.which, &self.pack)?;
        let mut out = context.output();
        if !self.guard.permits(&pack, &mut out)? {
            out.line(&format!("{} is not pushed", pack.manifest().full_title()))?;
            out.finish()?;
            return Ok(Exit::Found);
        }
        let registry = self.remote.connect(&self.reference)?;
        let progress = context.progress();
        let note = shown(&progress, "pushing");
        let to = &self.reference;
        let (digest, attached) = block_on(async {
            let pushed = registry.push(to, artifact(&pack)?, &note).await?;
            let mut attached = 0;
            for (name, envelope) in pack.content().attestations() {
                let attestation = attestation(name, envelope);
                registry.attach((to, &pushed), attestation, &note).await?;
                attached += 1;
            }
            Ok((pushed.digest, attached))
        })?;
        if format == Format::Json {
            out.json(&json!({
                "pack": pack.manifest().full_title(),
                "digest": pack.digest(),
                "reference": to.at(&digest).to_string(),
                "attestations": attached,
            }))?;
        } else {
            out.line(&format!(
                "{}  {}",
                pack.digest(),
                pack.manifest().full_title()
            ))?;
            out.line(&format!(
                "{} with {}",
                to.at(&digest),
                counted(attached, "attestation")
            ))?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// The pack without what is attested of it: the same pack is the same artifact, whoever has
/// signed it by then.
fn artifact(pack: &Pack) -> Result<Artifact> {
    let manifest = pack.manifest();
    let mut alone = PackContent::default();
    for (path, bytes) in pack.content().files() {
        alone.add(path.as_str(), bytes.to_vec())?;
    }
    let mut archive = tempfile::tempfile().context("make a temporary file")?;
    alone
        .write_archive(std::io::BufWriter::new(&mut archive))
        .context("write the archive")?;
    let config = json!({
        "format": 1,
        "pack": manifest.full_title(),
        "digest": pack.digest(),
        "labels": manifest.labels,
    });
    let annotations = [
        ("org.opencontainers.image.title", manifest.title()),
        ("org.opencontainers.image.version", manifest.version.clone()),
        ("org.opencontainers.image.vendor", manifest.vendor.clone()),
        (
            "org.opencontainers.image.licenses",
            manifest.licence.clone(),
        ),
        (
            "org.opencontainers.image.description",
            manifest.description.clone(),
        ),
    ];
    Ok(Artifact {
        artifact_type: PACK.to_owned(),
        config: Layer {
            media_type: CONFIG.to_owned(),
            title: None,
            content: Content::Bytes(serde_json::to_vec(&config)?.into()),
        },
        layers: vec![Layer {
            media_type: ARCHIVE.to_owned(),
            title: Some(format!(
                "{}-{}-{}.tar",
                manifest.vendor, manifest.name, manifest.version
            )),
            content: Content::File(archive),
        }],
        annotations: annotations
            .map(|(name, text)| (name.to_owned(), text))
            .into(),
    })
}

fn attestation(name: &str, envelope: &[u8]) -> Artifact {
    Artifact {
        artifact_type: ATTESTATION.to_owned(),
        config: Layer {
            media_type: EMPTY.to_owned(),
            title: None,
            content: Content::Bytes("{}".into()),
        },
        layers: vec![Layer {
            media_type: ENVELOPE.to_owned(),
            title: Some(name.to_owned()),
            content: Content::Bytes(envelope.to_vec().into()),
        }],
        annotations: BTreeMap::new(),
    }
}
