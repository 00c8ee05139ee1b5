//! What plugins are given: datasets, settings, and who owns which network.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use clap::Args;
use palisade_pipeline::memory::Memory;
use palisade_runtime::manifest::Settings;
use palisade_sources::enrich::Networks;
use palisade_state::datasets::{Dataset, DatasetLimits};
use palisade_store::{Digest, Store};

use super::load::{MAX_TEXT, text};

/// The largest dataset that is kept, as a file.
pub(crate) const MAX_DATASET: u64 = 1 << 30;

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
    /// Keeps everything that is read, where it must be there again later.
    pub(crate) kept: Option<Kept>,
}

/// Keeps what is read, by its digest.
#[derive(Clone)]
pub(crate) struct Kept {
    store: Arc<Store>,
    /// Of each dataset, by its name.
    pub(crate) datasets: BTreeMap<String, Digest>,
    /// By name of a dataset, the pack that it came with.
    pub(crate) packs: BTreeMap<String, String>,
    /// Of the networks.
    pub(crate) networks: Option<Digest>,
}

impl Kept {
    /// Keeps in a store.
    pub(crate) fn new(store: &Arc<Store>) -> Kept {
        Kept {
            store: Arc::clone(store),
            datasets: BTreeMap::new(),
            packs: BTreeMap::new(),
            networks: None,
        }
    }

    /// Keeps something.
    ///
    /// # Errors
    /// When it is larger than `limit`, or cannot be written.
    pub(crate) fn keep(&self, content: &[u8], limit: u64) -> Result<Digest> {
        let digest = Digest::of(content);
        // Where it is there already no room is needed.
        if !self.store.has(&digest)? {
            self.store.put(content, limit)?;
        }
        Ok(digest)
    }
}

impl Given {
    /// Nothing yet; datasets get their part of the memory.
    pub(crate) fn within(memory: &Memory) -> Given {
        Given {
            datasets: Vec::new(),
            room: memory.most_datasets(),
            settings: BTreeMap::new(),
            networks: None,
            kept: None,
        }
    }

    /// The same, and what is read is kept.
    pub(crate) fn keeping(mut self, kept: Kept) -> Given {
        self.kept = Some(kept);
        self
    }

    /// Reads a dataset.
    ///
    /// # Errors
    /// When it cannot be read, makes no sense, or is larger than the datasets before it leave room
    /// for.
    pub(crate) fn add_dataset(
        &mut self,
        name: &str,
        mut file: impl std::io::Read,
    ) -> Result<Arc<Dataset>> {
        let limits = DatasetLimits {
            held: self.room,
            ..DatasetLimits::default()
        };
        let dataset = match &mut self.kept {
            None => Dataset::read(name, file, &limits)?,
            Some(kept) => {
                let mut bytes = Vec::new();
                let most = file.by_ref().take(MAX_DATASET + 1);
                std::io::BufReader::new(most).read_to_end(&mut bytes)?;
                ensure!(
                    bytes.len() as u64 <= MAX_DATASET,
                    "dataset `{name}` has more than {MAX_DATASET} bytes"
                );
                let digest = kept.keep(&bytes, MAX_DATASET)?;
                kept.datasets.insert(name.to_owned(), digest);
                Dataset::read(name, &bytes[..], &limits)?
            }
        };
        let dataset = Arc::new(dataset);
        self.add_known(&dataset)?;
        Ok(dataset)
    }

    /// Adds a dataset that was read before.
    ///
    /// # Errors
    /// When it is larger than the datasets before it leave room for.
    pub(crate) fn add_known(&mut self, dataset: &Arc<Dataset>) -> Result<()> {
        ensure!(
            dataset.held() <= self.room,
            "the datasets before `{}` leave it no room; give more with --memory",
            dataset.name()
        );
        self.room -= dataset.held();
        self.datasets.push(Arc::clone(dataset));
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
        self.read_into(Given::within(memory))
    }

    /// The same, into what is given already.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub(crate) fn read_into(&self, mut given: Given) -> Result<Given> {
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
            let text = text(path)?;
            let networks =
                Networks::parse(&text).with_context(|| format!("read {}", path.display()))?;
            if let Some(kept) = &mut given.kept {
                kept.networks = Some(kept.keep(text.as_bytes(), MAX_TEXT)?);
            }
            given.networks = Some(Arc::new(networks));
        }
        Ok(given)
    }
}
