//! Running packs of the store: each is verified again before anything of it is loaded.

use std::collections::BTreeSet;
use std::path::PathBuf;

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use palisade_pack::stored::{self, StoredError};
use palisade_pack::trust::{Loose, Trust};
use palisade_pack::{Pack, Verdict};
use palisade_pipeline::memory::Memory;
use palisade_runtime::Runtime;
use palisade_runtime::manifest::{Capability, Settings};

use crate::commands::store::Which;
use crate::commands::trust::WhichTrust;
use crate::host::Loaded;

/// Options of every command that runs packs.
#[derive(Debug, Clone, Args)]
pub(crate) struct PackOptions {
    /// An installed pack, as vendor/name[@version]; it is verified again before it runs
    #[arg(long = "pack", value_name = "PACK")]
    packs: Vec<String>,
    #[command(flatten)]
    which: Which,
    #[command(flatten)]
    trust: WhichTrust,
}

impl PackOptions {
    /// The options that say which store, for another process.
    pub(crate) fn arguments(&self) -> Vec<std::ffi::OsString> {
        self.which.arguments()
    }

    /// Whether no pack is named.
    pub(crate) fn is_empty(&self) -> bool {
        self.packs.is_empty()
    }

    /// Refuses components that are in no pack where a site's policy does.
    ///
    /// # Errors
    /// When trust is set up here and its policy does not allow them.
    pub(crate) fn check_loose(&self, files: &[PathBuf]) -> Result<()> {
        let Some(file) = files.first() else {
            return Ok(());
        };
        let Some(trust) = self.trust.if_set_up()? else {
            return Ok(());
        };
        let allowed = trust
            .policy
            .as_ref()
            .is_ok_and(|p| p.loose_components == Loose::Allow);
        ensure!(
            allowed,
            "{} is in no pack, and this site trusts only packs; install its pack, or set \
             loose-components = \"allow\" in the trust policy",
            file.display()
        );
        Ok(())
    }

    /// Verifies and loads the packs.
    ///
    /// # Errors
    /// When one is refused, with every reason, takes more memory than there is for it, or cannot be
    /// loaded.
    pub(crate) fn load(
        &self,
        runtime: &Runtime,
        memory: &Memory,
        loaded: &mut Loaded,
    ) -> Result<()> {
        self.load_named(&self.packs, runtime, memory, loaded)
    }

    /// Verifies and loads these packs of the same store, under the same trust.
    ///
    /// # Errors
    /// As [`load`](Self::load).
    pub(crate) fn load_named(
        &self,
        packs: &[String],
        runtime: &Runtime,
        memory: &Memory,
        loaded: &mut Loaded,
    ) -> Result<()> {
        if packs.is_empty() {
            return Ok(());
        }
        let store = self.which.open_here()?;
        let dir = self.trust.open_here()?;
        let trust = crate::commands::trust::load(&dir)?;
        let state = dir.state()?;
        for title in packs {
            // One after the other: only what is loaded of it stays.
            let pack = stored::get_within(&store, title, memory.most_pack());
            let pack = pack.map_err(|error| match error {
                StoredError::Room { .. } => {
                    anyhow!("{error}; give more with --memory, of which a pack may take half")
                }
                error => error.into(),
            })?;
            state
                .runs(&pack, title.contains('@'))
                .with_context(|| format!("run the pack {title}"))?;
            load(runtime, &pack, &trust, loaded)
                .with_context(|| format!("run the pack {title}"))?;
        }
        Ok(())
    }
}

impl PackOptions {
    /// Verifies packs as they are before they run, and loads nothing of them; what each is granted.
    ///
    /// # Errors
    /// When one is not there, or is refused, with every reason.
    pub(crate) fn verified(
        &self,
        packs: &BTreeSet<String>,
        memory: &Memory,
    ) -> Result<Vec<(String, BTreeSet<String>)>> {
        if packs.is_empty() {
            return Ok(Vec::new());
        }
        let store = self.which.open_here()?;
        let dir = self.trust.open_here()?;
        let trust = crate::commands::trust::load(&dir)?;
        let state = dir.state()?;
        let verified = |title: &String| {
            let pack = stored::get_within(&store, title, memory.most_pack())?;
            state.runs(&pack, true)?;
            let granted = trusted(&pack, &trust)?;
            Ok((title.clone(), granted))
        };
        let each = packs.iter().map(|title| {
            let done: Result<_> = verified(title);
            done.with_context(|| format!("run the pack {title}"))
        });
        each.collect()
    }
}

/// The capabilities with these names.
pub(crate) fn named(names: &BTreeSet<String>) -> Vec<Capability> {
    Capability::ALL
        .into_iter()
        .filter(|capability| names.contains(capability.name()))
        .collect()
}

/// What a pack is granted that is trusted.
fn trusted(pack: &Pack, trust: &Trust) -> Result<BTreeSet<String>> {
    let report = palisade_pack::verify(pack, trust);
    if !report.trusted {
        let refused: Vec<&str> = report
            .steps
            .iter()
            .filter(|step| step.verdict != Verdict::Good)
            .map(|step| step.text.as_str())
            .collect();
        bail!("it is refused: {}", refused.join("; "));
    }
    Ok(report.granted)
}

fn load(runtime: &Runtime, pack: &Pack, trust: &Trust, loaded: &mut Loaded) -> Result<()> {
    let granted = named(&trusted(pack, trust)?);
    add(runtime, pack, &granted, loaded)
}

/// Loads the plugins of a pack with these capabilities, its datasets and its settings; what
/// the operator gives comes first.
///
/// # Errors
/// When one cannot be loaded.
pub(crate) fn add(
    runtime: &Runtime,
    pack: &Pack,
    granted: &[Capability],
    loaded: &mut Loaded,
) -> Result<()> {
    for name in pack.manifest().datasets.keys() {
        // The operator's own dataset of that name comes first.
        if loaded.given.datasets.iter().all(|d| d.name() != name) {
            let bytes = pack.content().file(&format!("datasets/{name}.ndjson"))?;
            loaded.given.add_dataset(name, bytes)?;
            if let Some(kept) = &mut loaded.given.kept {
                let title = pack.manifest().full_title();
                kept.packs.insert(name.clone(), title);
            }
        }
    }
    for plugin in pack.plugins() {
        let name = &plugin.manifest.name;
        let of_pack: Settings = pack
            .manifest()
            .settings
            .get(name)
            .cloned()
            .unwrap_or_default();
        let mut settings = of_pack.clone();
        settings.extend(loaded.given.settings.get(name).cloned().unwrap_or_default());
        let bytes = pack.content().file(&plugin.path)?;
        let place = format!("{}:{}", pack.manifest().full_title(), plugin.path);
        loaded.add_granted(runtime, bytes, &place, Some(settings), granted)?;
        if let Some((_, origin)) = loaded.places.last_mut().filter(|(_, o)| o.place == place) {
            origin.pack_settings = of_pack;
            origin.packed = Some(pack.manifest().full_title());
        }
    }
    Ok(())
}
