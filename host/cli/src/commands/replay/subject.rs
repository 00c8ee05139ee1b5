//! Which finding, and the plugin that is to file it again.

use std::io::BufReader;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use palisade_pipeline::replay::KeptCall;
use palisade_runtime::manifest::{Capability, Settings};
use palisade_runtime::{Plugin, Runtime};
use palisade_serve::{Case, Id};

use crate::commands::config;
use crate::host::replay_runtime;

/// Which finding or decision.
#[derive(Debug, Args)]
pub(super) struct Subject {
    /// The finding or decision, as EPOCH/NUMBER: the columns `epoch` and `number` of the database
    #[arg(value_name = "FINDING", required_unless_present = "bundle")]
    pub(super) id: Option<Id>,
    /// The configuration of the server
    #[arg(long, default_value = "palisade.toml", value_name = "FILE")]
    config: PathBuf,
    /// The data directory of the server, instead of its configuration
    #[arg(long, value_name = "DIR", conflicts_with = "config")]
    data: Option<PathBuf>,
}

impl Subject {
    /// Where the server keeps everything.
    ///
    /// # Errors
    /// When there is no such directory, or the configuration cannot be read.
    fn folder(&self) -> Result<PathBuf> {
        let folder = match &self.data {
            Some(data) => data.clone(),
            None => {
                let read = config::read(&self.config);
                let (config, _) = read.with_context(|| {
                    format!(
                        "find the data directory in {}; --data names it, and --config another \
                         configuration",
                        self.config.display()
                    )
                })?;
                config.data
            }
        };
        ensure!(
            folder.is_dir(),
            "{} is no directory; name the data directory of a server with --data",
            folder.display()
        );
        Ok(folder)
    }

    /// The finding with its evidence, of the server's data or out of a bundle.
    ///
    /// # Errors
    /// When there is none, or its evidence is gone.
    pub(super) fn case(&self, bundle: Option<&Path>) -> Result<Case> {
        let Some(id) = self.id else {
            let path = bundle.context("name a finding as EPOCH/NUMBER, or a bundle")?;
            let file = crate::named::open(path)?;
            let case = Case::read_bundle(BufReader::new(file));
            return case.with_context(|| format!("read {}", path.display()));
        };
        Ok(Case::find(&self.folder()?, id)?)
    }
}

/// Loads plugins to execute calls again.
pub(super) struct Again(Runtime);

impl Again {
    /// Sets up what executes them.
    ///
    /// # Errors
    /// When wasmtime does not run here.
    pub(super) fn new(no_code_cache: bool) -> Result<Again> {
        Ok(Again(replay_runtime(no_code_cache)?))
    }

    /// The plugin of a call, with its settings of then.
    ///
    /// # Errors
    /// When the component cannot be loaded with them.
    pub(super) fn load(&self, component: &[u8], call: &KeptCall) -> Result<Plugin> {
        let read = |json: &str| -> Result<Settings> {
            if json.is_empty() {
                return Ok(Settings::new());
            }
            serde_json::from_str(json)
                .map_err(|error| anyhow!("the settings in the evidence: {error}"))
        };
        let mut settings = read(&call.plugin.pack_settings)?;
        settings.extend(read(&call.plugin.settings)?);
        let granted = call.plugin.capabilities.iter().cloned().collect();
        let granted: Vec<Capability> = crate::packs::named(&granted);
        Ok(self.0.load(component, &granted, &settings)?.0)
    }
}
