//! `palisade pack pull`.

use std::fs::File;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_events::{Escaped, counted};
use palisade_pack::content::{MAX_ATTESTATION_BYTES, MAX_ATTESTATIONS, MAX_TOTAL_BYTES};
use palisade_pack::{Content, Pack};
use palisade_registry::{Manifest, Progress, Reference, Registry};
use serde::Deserialize;
use serde_json::json;

use super::open::{Taken, write_archive};
use super::remote::{ARCHIVE, ATTESTATION, PACK, Partial, Remote, block_on, shown};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, warn};

/// The largest archive: the largest pack, and what tar adds to its files.
const MAX_ARCHIVE: u64 = MAX_TOTAL_BYTES + (64 << 20);
const MAX_CONFIG: u64 = 1 << 20;

/// Fetch a pack from a registry, with what is attested of it
///
/// Nothing that the registry says is believed: content is compared with the digests that it was
/// asked for by, and whether the pack may run is for `palisade pack verify` to say. A tag is a
/// hint; the digest that it points to is printed, and should be asked for the next time. A
/// transfer that was interrupted goes on where it stopped.
#[derive(Debug, Args)]
pub(crate) struct Pull {
    /// Where from: HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]
    reference: Reference,
    /// The archive, written over if it is there [default: <vendor>-<name>-<version>.tar here,
    /// which must not be there]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
    #[command(flatten)]
    remote: Remote,
}

/// What the configuration of the artifact says the pack is.
#[derive(Deserialize)]
struct Config {
    format: u32,
    digest: palisade_store::Digest,
}

impl Pull {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let registry = self.remote.connect(&self.reference)?;
        let progress = context.progress();
        let note = shown(&progress, "pulling");
        let from = &self.reference;
        let (manifest, pack) = block_on(async {
            let manifest = registry.pull_manifest(from).await?;
            let from = from.at(&manifest.digest);
            let pack = fetch(&registry, &from, &manifest, &note).await?;
            let pack = attested(&registry, &from, &manifest, pack, &note).await?;
            Ok((manifest, pack))
        })?;
        let stated = pack.manifest();
        let name = format!("{}-{}-{}.tar", stated.vendor, stated.name, stated.version);
        // Whoever chose the name must not choose what is written over.
        let (path, taken) = match self.out {
            Some(path) => (path, Taken::Replace),
            None => (PathBuf::from(name), Taken::Refuse),
        };
        write_archive(&path, &pack, taken)?;
        let attestations = pack.content().attestations().len();
        let mut out = context.output();
        if format == Format::Json {
            out.json(&json!({
                "pack": stated.full_title(),
                "digest": pack.digest(),
                "reference": from.at(&manifest.digest).to_string(),
                "attestations": attestations,
                "path": path,
            }))?;
        } else {
            out.line(&format!("{}  {}", pack.digest(), stated.full_title()))?;
            out.line(&format!(
                "{} with {}, in {}; nothing of it is verified yet",
                from.at(&manifest.digest),
                counted(attestations, "attestation"),
                path.display()
            ))?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// The pack of an artifact, without attestations.
async fn fetch(
    registry: &Registry,
    from: &Reference,
    manifest: &Manifest,
    note: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Pack> {
    ensure!(
        manifest.artifact_type == PACK,
        "{from} is no pack but `{}`",
        Escaped(&manifest.artifact_type)
    );
    let [layer] = manifest.layers.as_slice() else {
        anyhow::bail!(
            "{from} has {} layers; a pack has one",
            manifest.layers.len()
        );
    };
    ensure!(
        layer.media_type == ARCHIVE,
        "{from} has content of type `{}`; a newer version of Palisade may know it",
        Escaped(&layer.media_type)
    );
    let config = registry
        .pull_small(from, &manifest.config, MAX_CONFIG)
        .await?;
    let config: Config = serde_json::from_slice(&config)
        .with_context(|| format!("read the configuration of {from}"))?;
    ensure!(
        config.format == 1,
        "{from} has format {}; this version of Palisade reads format 1",
        config.format
    );
    let mut partial = Partial::open(&layer.digest)?;
    registry
        .pull_blob(from, layer, &mut partial.file, MAX_ARCHIVE, note)
        .await
        .with_context(|| format!("what came is kept in {}", partial.path.display()))?;
    let pack = read(partial.again()?).with_context(|| format!("read {from}"));
    // Whole, it is of no use there any more; a pack that is refused is fetched anew.
    partial.remove()?;
    let pack = pack?;
    ensure!(
        pack.digest() == config.digest,
        "{from} says that it is {}, and its content is {}; do not use it",
        config.digest,
        pack.digest()
    );
    Ok(pack)
}

fn read(file: &File) -> Result<Pack> {
    let content = Content::read_archive(std::io::BufReader::with_capacity(1 << 16, file))?;
    Ok(Pack::open(content)?)
}

/// Adds what the registry lists as attested of the pack. What cannot be used is told and left
/// out: somebody else's broken attachment must not keep the pack from being fetched.
async fn attested(
    registry: &Registry,
    from: &Reference,
    manifest: &Manifest,
    mut pack: Pack,
    note: &(dyn Fn(Progress<'_>) + Sync),
) -> Result<Pack> {
    let listed = registry
        .referrers(from, &manifest.digest, Some(ATTESTATION))
        .await?;
    if listed.len() > MAX_ATTESTATIONS {
        warn(&format!(
            "there are {}; {MAX_ATTESTATIONS} are fetched",
            counted(listed.len(), "attestation")
        ));
    }
    for referrer in listed.iter().take(MAX_ATTESTATIONS) {
        let one = async {
            let attached = registry.pull_manifest(&from.at(&referrer.digest)).await?;
            ensure!(
                attached.subject.as_deref() == Some(manifest.digest.as_str()),
                "it is attached to something else"
            );
            let [layer] = attached.layers.as_slice() else {
                anyhow::bail!("it has {} layers instead of one", attached.layers.len());
            };
            let limit = MAX_ATTESTATION_BYTES as u64;
            let bytes = registry.pull_small(from, layer, limit).await?;
            note(Progress {
                digest: &layer.digest,
                done: layer.size,
                total: layer.size,
            });
            // The name that its pusher chose may be one that is taken already.
            let digits = layer.digest.trim_start_matches("sha256:");
            let name = format!("{}.dsse.json", digits.get(..32).unwrap_or(digits));
            pack.attest(&name, bytes)?;
            anyhow::Ok(())
        };
        if let Err(error) = one.await {
            warn(&format!(
                "attestation {} is left out: {error:#}",
                referrer.digest
            ));
        }
    }
    Ok(pack)
}
