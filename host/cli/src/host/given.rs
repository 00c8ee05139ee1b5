//! What plugins are given: datasets, settings, and who owns which network.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_pipeline::memory::Memory;
use palisade_runtime::manifest::Settings;
use palisade_sources::enrich::Networks;
use palisade_state::datasets::{Dataset, DatasetLimits};

use super::load::text;

/// Options that say what plugins are given.
#[derive(Debug, Clone, Args)]
pub(crate) struct GivenOptions {
    /// A dataset for the plugins that name it: NDJSON, one entry a line
    #[arg(long, value_name = "NAME=FILE")]
    dataset: Vec<String>,

    /// Settings: a TOML file with a table for each plugin
    #[arg(long, value_name = "FILE")]
    pub(super) settings: Option<PathBuf>,

    /// Who owns which network: fills in owner and direction
    #[arg(long, value_name = "FILE")]
    networks: Option<PathBuf>,
}

/// What plugins are given.
#[derive(Clone)]
pub(crate) struct Given {
    /// By name.
    pub(crate) datasets: Vec<Arc<Dataset>>,
    /// Bytes that further datasets may take.
    room: u64,
    /// By plugin, then by name.
    pub(crate) settings: BTreeMap<String, Settings>,
    /// Who owns which network.
    pub(crate) networks: Option<Arc<Networks>>,
}

impl Given {
    /// Nothing yet; datasets get their part of the memory.
    pub(crate) fn within(memory: &Memory) -> Given {
        Given {
            datasets: Vec::new(),
            room: memory.most_datasets(),
            settings: BTreeMap::new(),
            networks: None,
        }
    }

    /// Reads a dataset.
    ///
    /// # Errors
    /// When it cannot be read, makes no sense, or is larger than the datasets before it leave room
    /// for.
    pub(crate) fn add_dataset(&mut self, name: &str, file: impl std::io::Read) -> Result<()> {
        let limits = DatasetLimits {
            held: self.room,
            ..DatasetLimits::default()
        };
        let dataset = Dataset::read(name, file, &limits)?;
        self.room = self.room.saturating_sub(dataset.held());
        self.datasets.push(Arc::new(dataset));
        Ok(())
    }

    /// What datasets leave of this memory.
    pub(crate) fn leaves(&self, memory: &Memory) -> Memory {
        memory.beside(self.datasets.iter().map(|dataset| dataset.held()).sum())
    }
}

impl GivenOptions {
    /// Whether nothing is given.
    pub(crate) fn is_empty(&self) -> bool {
        self.dataset.is_empty() && self.settings.is_none() && self.networks.is_none()
    }

    /// What the options say that plugins are given; datasets have their part of the memory.
    ///
    /// # Errors
    /// When a file cannot be read or makes no sense, with line and field.
    pub(crate) fn read(&self, memory: &Memory) -> Result<Given> {
        let mut given = Given::within(memory);
        for option in &self.dataset {
            let (name, path) = option
                .split_once('=')
                .filter(|(name, path)| !name.is_empty() && !path.is_empty())
                .with_context(|| format!("`--dataset {option}`: write NAME=FILE"))?;
            let file = crate::named::open(Path::new(path))?;
            given
                .add_dataset(name, file)
                .with_context(|| format!("read {path}"))?;
        }
        if let Some(path) = &self.settings {
            let text = text(path)?;
            given.settings = crate::named::toml(&text).with_context(|| {
                format!(
                    "{}: a table for each plugin is expected, such as `[name-of-the-plugin]` with \
                     its settings below (those of a vector are for its plugin alone, and stand \
                     without a table)",
                    path.display()
                )
            })?;
        }
        if let Some(path) = &self.networks {
            let networks = Networks::parse(&text(path)?)
                .with_context(|| format!("read {}", path.display()))?;
            given.networks = Some(Arc::new(networks));
        }
        Ok(given)
    }
}
