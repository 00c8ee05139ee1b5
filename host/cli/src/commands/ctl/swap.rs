//! `palisade ctl swap`, `rollback` and `swaps`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, anyhow, ensure};
use clap::Args;
use palisade_events::Timestamp;
use palisade_serve::{Change, NewPlugin};
use serde_json::Value;

use super::client::Client;
use super::status::short;
use crate::context::Context;
use crate::exit::Exit;
use crate::host::{MAX_COMPONENT, MAX_TEXT};
use crate::output::{Format, Table};

/// The largest dataset that is sent.
const MAX_SENT: u64 = 64 << 20;

/// Change what a server runs, between two epochs
///
/// What is new is verified, loaded, tried with the vectors of its pack and made ready while
/// the server goes on; any failure leaves what runs as it is. State goes on by the names of plugin and table.
#[derive(Debug, Args)]
pub(super) struct Swap {
    #[command(flatten)]
    what: What,
    #[command(flatten)]
    how: How,
}

/// What is to change.
#[derive(Debug, Args)]
pub(super) struct What {
    /// A component that takes the place of the one with its pack and name, or is new
    #[arg(long, short = 'p', value_name = "FILE")]
    plugin: Vec<PathBuf>,
    /// A pack of the server's store, as vendor/name@version: it takes the place of all that runs of it
    #[arg(long, value_name = "PACK")]
    pack: Vec<String>,
    /// Take a plugin out, named as NAME or PACK/NAME
    #[arg(long, value_name = "PLUGIN")]
    remove: Vec<String>,
    /// A dataset
    #[arg(long, value_name = "NAME=FILE")]
    dataset: Vec<String>,
    /// Settings: a TOML file with a table for each plugin whose settings become these
    #[arg(long, value_name = "FILE")]
    settings: Option<PathBuf>,
    /// Who owns which network
    #[arg(long, value_name = "FILE")]
    networks: Option<PathBuf>,
}

/// How something is swapped.
#[derive(Debug, Args)]
struct How {
    /// State that may be lost: all of a plugin's, or one table's
    #[arg(long, value_name = "PLUGIN[/TABLE]")]
    discard_state: Vec<String>,
    /// Do everything but switch
    #[arg(long)]
    dry_run: bool,
    /// A key of your own: a request that comes again with the same is not done again
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Go back to what ran before the latest swap
///
/// State stays as it is today. What is gone back from is not gone back to.
#[derive(Debug, Args)]
pub(super) struct Rollback {
    #[command(flatten)]
    how: How,
}

/// List the receipts of swaps
#[derive(Debug, Args)]
pub(super) struct Swaps {
    /// Only those of generations after this
    #[arg(long, value_name = "GENERATION", default_value_t = 0)]
    after: u64,
    /// At most so many, up to 100
    #[arg(long, value_name = "N", default_value_t = 100,
        value_parser = clap::value_parser!(u32).range(1..=100))]
    limit: u32,
}

fn sent(client: &Client, path: &Path, limit: u64) -> Result<String> {
    let bytes = palisade_private::read(path, limit)?;
    client
        .put(bytes)
        .with_context(|| format!("send {}", path.display()))
}

impl What {
    /// As the control interface is told; files are sent to it.
    ///
    /// # Errors
    /// When a file cannot be read or sent, or nothing is to change.
    pub(super) fn change(self, client: &Client) -> Result<Change> {
        let mut change = Change {
            packs: self.pack,
            remove: self.remove,
            ..Change::default()
        };
        for path in &self.plugin {
            ensure!(
                !path.is_dir(),
                "{} is a folder; name the component, such as target/plugins/PACK/NAME.wasm",
                path.display()
            );
            change.plugins.push(NewPlugin {
                digest: sent(client, path, MAX_COMPONENT)?,
                origin: path.display().to_string(),
            });
        }
        for option in &self.dataset {
            let (name, path) = option
                .split_once('=')
                .filter(|(name, path)| !name.is_empty() && !path.is_empty())
                .with_context(|| format!("`--dataset {option}`: write NAME=FILE"))?;
            let digest = sent(client, Path::new(path), MAX_SENT)?;
            ensure!(
                change.datasets.insert(name.to_owned(), digest).is_none(),
                "the dataset `{name}` is named twice"
            );
        }
        if let Some(path) = &self.settings {
            let bytes = palisade_private::read(path, MAX_TEXT)?;
            let text = String::from_utf8(bytes)
                .map_err(|_| anyhow!("{} is no text in UTF-8", path.display()))?;
            let tables: BTreeMap<String, serde_json::Map<String, Value>> =
                crate::named::toml(&text).with_context(|| {
                    format!("{}: write a table for each plugin", path.display())
                })?;
            change.settings = tables;
        }
        if let Some(path) = &self.networks {
            change.networks = Some(sent(client, path, MAX_TEXT)?);
        }
        ensure!(
            change != Change::default(),
            "say what is to change: --plugin, --pack, --remove, --dataset, --settings or --networks"
        );
        Ok(change)
    }
}

impl Swap {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let mut change = self.what.change(client)?;
        change.discard_state = self.how.discard_state.iter().cloned().collect();
        change.dry_run = self.how.dry_run;
        let receipt = client.post("/v1/swaps", &change, self.how.key.as_deref())?;
        tell(&receipt, context)
    }
}

impl Rollback {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let discard_state: BTreeSet<String> = self.how.discard_state.into_iter().collect();
        let change = Change {
            discard_state,
            dry_run: self.how.dry_run,
            ..Change::default()
        };
        let receipt = client.post("/v1/rollback", &change, self.how.key.as_deref())?;
        tell(&receipt, context)
    }
}

/// The lines of a receipt that say what changed.
fn changes(receipt: &Value) -> Vec<&str> {
    let changes = receipt["changes"].as_array().into_iter().flatten();
    changes.filter_map(Value::as_str).collect()
}

fn milliseconds(value: &Value) -> String {
    format!("{:.3} ms", value.as_f64().unwrap_or_default() / 1e6)
}

pub(super) fn tell(receipt: &Value, context: &Context) -> Result<Exit> {
    let mut out = context.output();
    if context.format == Format::Json {
        out.json(receipt)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    let generation = receipt["generation"].as_u64().unwrap_or_default();
    match generation {
        0 => out.line("everything is ready, and nothing was switched:")?,
        number => out.line(&format!("generation {number} runs:"))?,
    }
    for change in changes(receipt) {
        out.line(&format!("  {change}"))?;
    }
    out.line(&format!(
        "{} vectors passed; made ready in {}{}",
        receipt["vectors"],
        milliseconds(&receipt["staged_ns"]),
        match generation {
            0 => String::new(),
            _ => format!(
                ", paused {} after {} events",
                milliseconds(&receipt["pause_ns"]),
                receipt["events"]
            ),
        }
    ))?;
    out.finish()?;
    Ok(Exit::Done)
}

impl Swaps {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let path = format!("/v1/swaps?after={}&limit={}", self.after, self.limit);
        let page = client.get(&path)?;
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&page)?;
        } else {
            let mut table = Table::new([
                "GENERATION",
                "TIME",
                "KIND",
                "BY",
                "FROM",
                "TO",
                "PAUSE",
                "CHANGES",
            ]);
            for receipt in page["swaps"].as_array().into_iter().flatten() {
                let text = |key: &str| receipt[key].as_str().unwrap_or_default().to_owned();
                table.row([
                    receipt["generation"].to_string(),
                    Timestamp(receipt["time"].as_u64().unwrap_or_default()).to_string(),
                    text("kind"),
                    text("by"),
                    short(&receipt["from"]),
                    short(&receipt["to"]),
                    milliseconds(&receipt["pause_ns"]),
                    changes(receipt).join(", "),
                ]);
            }
            out.table(&table)?;
            if let Some(next) = page["next"].as_u64() {
                out.line(&format!("there may be more: --after {next}"))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}
