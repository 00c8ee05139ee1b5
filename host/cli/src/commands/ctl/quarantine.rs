//! `palisade ctl quarantine`.

use anyhow::{Context as _, Result};
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::client::Client;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// Plugins that are shown nothing, since they faulted too often
#[derive(Debug, Subcommand)]
pub(super) enum Quarantine {
    /// Which they are
    List,
    Release(Release),
}

/// Show a plugin events again, and forget its faults so far
///
/// What it was not shown meanwhile stays so; what it faulted on is among the dead letters.
#[derive(Debug, Args)]
pub(super) struct Release {
    /// The plugin, as `PACK/NAME`
    plugin: String,
    /// A key by which the request is known when it is made again
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

impl Quarantine {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        match self {
            Quarantine::List => list(client, context),
            Quarantine::Release(release) => release.run(client, context),
        }
    }
}

fn list(client: &Client, context: &Context) -> Result<Exit> {
    let status = client.get("/v1/status")?;
    let plugins = status["plugins"].as_array().into_iter().flatten();
    let plugins: Vec<&Value> = plugins
        .filter(|plugin| plugin["quarantined"].as_bool() == Some(true))
        .collect();
    let mut out = context.output();
    if context.format == Format::Json {
        out.json(&json!({ "quarantined": plugins }))?;
    } else if plugins.is_empty() {
        out.line("no plugin is in quarantine")?;
    }
    for plugin in plugins.iter().filter(|_| context.format != Format::Json) {
        let text = |key: &str| plugin[key].as_str().unwrap_or_default();
        let (pack, name) = (text("pack"), text("name"));
        out.line(&format!("{pack}/{name}: {} faults", plugin["faults"]))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

impl Release {
    fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let (pack, name) = self.plugin.split_once('/').with_context(|| {
            format!(
                "`{}` names no pack: write PACK/NAME, as `palisade ctl quarantine list` does",
                self.plugin
            )
        })?;
        let body = json!({ "pack": pack, "name": name });
        let receipt = client.post("/v1/quarantine/release", &body, self.key.as_deref())?;
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&receipt)?;
        } else {
            out.line(&format!(
                "{} is shown events again, from record {} on",
                self.plugin, receipt["record"]
            ))?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}
