//! `palisade ctl dead-letters`.

use anyhow::{Result, ensure};
use clap::{Args, Subcommand};
use palisade_events::Timestamp;
use serde_json::{Value, json};

use super::client::Client;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Table};

/// Events that a plugin could not be shown, and records that could not be read
#[derive(Debug, Subcommand)]
pub(super) enum DeadLetters {
    List(List),
    Show(Show),
    Redrive(Redrive),
}

/// List them, the oldest first
#[derive(Debug, Args)]
pub(super) struct List {
    /// Those after this one
    #[arg(long, value_name = "ID", default_value = "0-0")]
    after: String,
    /// At most so many, up to 100
    #[arg(long, value_name = "N", default_value_t = 100)]
    limit: u32,
    /// Those of the plugin with this name
    #[arg(long, value_name = "NAME")]
    plugin: Option<String>,
    /// Those that were not shown once more yet
    #[arg(long)]
    open: bool,
}

/// Show one, with its event and where the guest was
#[derive(Debug, Args)]
pub(super) struct Show {
    /// Its id, as `list` has it
    id: String,
}

/// Show events to their plugins once more, with the ids that they had
///
/// Each goes to its plugin alone, as that runs now and with the state of today; what it finds is kept
/// as any other finding. Records that could not be read have no event, and a policy's deny stands:
/// those are refused.
#[derive(Debug, Args)]
pub(super) struct Redrive {
    /// Ids, as `list` has them
    #[arg(required_unless_present = "plugin")]
    ids: Vec<String>,
    /// All of the plugin with this name that were not shown once more yet
    #[arg(long, value_name = "NAME", conflicts_with = "ids")]
    plugin: Option<String>,
    /// A key by which the request is known when it is made again; of one id only
    #[arg(long, value_name = "KEY", conflicts_with = "plugin")]
    key: Option<String>,
}

impl DeadLetters {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        match self {
            DeadLetters::List(list) => list.run(client, context),
            DeadLetters::Show(show) => show.run(client, context),
            DeadLetters::Redrive(redrive) => redrive.run(client, context),
        }
    }
}

/// A name as part of a query.
fn quoted(name: &str) -> String {
    let quote = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => {
            char::from(byte).to_string()
        }
        byte => format!("%{byte:02X}"),
    };
    name.bytes().map(quote).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn of_plugin(letter: &Value) -> String {
    let plugin = &letter["plugin"];
    match plugin.is_null() {
        true => "-".to_owned(),
        false => format!("{}/{}", text(&plugin["pack"]), text(&plugin["name"])),
    }
}

fn time(value: &Value) -> String {
    Timestamp(value.as_u64().unwrap_or_default()).to_string()
}

impl List {
    fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let plugin = self.plugin.as_deref();
        let plugin = plugin.map(|name| format!("&plugin={}", quoted(name)));
        let path = format!(
            "/v1/dead-letters?after={}&limit={}&open={}{}",
            quoted(&self.after),
            self.limit,
            self.open,
            plugin.unwrap_or_default()
        );
        let page = client.get(&path)?;
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&page)?;
        } else {
            let head = ["ID", "TIME", "SOURCE", "PLUGIN", "EVENT", "REDRIVEN", "WHY"];
            let mut table = Table::new(head);
            for letter in page["letters"].as_array().into_iter().flatten() {
                let redriven = &letter["redriven"];
                let event = &letter["event_ref"];
                table.row([
                    text(&letter["id"]),
                    time(&letter["time"]),
                    text(&letter["source"]),
                    of_plugin(letter),
                    event.as_u64().map_or("-".to_owned(), |at| at.to_string()),
                    redriven
                        .as_u64()
                        .map_or(String::new(), |record| format!("in record {record}")),
                    text(&letter["reason"]),
                ]);
            }
            out.table(&table)?;
            if let Some(next) = page["next"].as_str() {
                out.line(&format!("there may be more: --after {next}"))?;
            }
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

impl Show {
    fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let letter = client.get(&format!("/v1/dead-letters/{}", quoted(&self.id)))?;
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&letter)?;
            out.finish()?;
            return Ok(Exit::Done);
        }
        out.line(&format!(
            "{} of source {}, tenant {}, {}",
            text(&letter["id"]),
            text(&letter["source"]),
            text(&letter["tenant"]),
            time(&letter["time"])
        ))?;
        let plugin = &letter["plugin"];
        if !plugin.is_null() {
            out.line(&format!(
                "plugin {}, export {}, component {}",
                of_plugin(&letter),
                text(&plugin["export"]),
                text(&plugin["digest"])
            ))?;
        }
        out.line(&text(&letter["reason"]))?;
        for frame in letter["backtrace"].as_array().into_iter().flatten() {
            out.line(&format!("    at {}", text(frame)))?;
        }
        if let Some(record) = letter["redriven"].as_u64() {
            out.line(&format!("shown once more in record {record}"))?;
        }
        match letter["event"].as_str() {
            Some(beginning) => out.line(beginning)?,
            None => out.line(&letter["event"].to_string())?,
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

impl Redrive {
    fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        ensure!(
            self.key.is_none() || self.ids.len() == 1,
            "a key is of one request: name one id with --key"
        );
        let mut receipts = Vec::new();
        let mut out = context.output();
        let mut redrive = |id: &str, key: Option<&str>| -> Result<()> {
            let path = format!("/v1/dead-letters/{}/redrive", quoted(id));
            let receipt = client.post(&path, &json!({}), key)?;
            if context.format != Format::Json {
                let shown = receipt["shown"].as_bool() == Some(true);
                let faults = receipt["faults"].as_u64().unwrap_or_default();
                out.line(&format!(
                    "{id}: plugin {} {}; {} findings{}",
                    text(&receipt["plugin"]),
                    match shown {
                        true => "was shown it",
                        false => "does not want it any more",
                    },
                    receipt["findings"],
                    match faults {
                        0 => String::new(),
                        _ => "; it faulted again, for which there is a new letter".to_owned(),
                    }
                ))?;
            }
            receipts.push(receipt);
            Ok(())
        };
        if let Some(plugin) = &self.plugin {
            // Those that fault again become new letters, behind the last that there is now.
            let path = format!("/v1/dead-letters?open=true&plugin={}", quoted(plugin));
            let (mut after, mut open) = ("0-0".to_owned(), Vec::new());
            loop {
                let page = client.get(&format!("{path}&after={after}"))?;
                let letters = page["letters"].as_array().into_iter().flatten();
                open.extend(letters.map(|letter| text(&letter["id"])));
                match page["next"].as_str() {
                    Some(next) => after = next.to_owned(),
                    None => break,
                }
            }
            open.iter().try_for_each(|id| redrive(id, None))?;
        }
        for id in &self.ids {
            redrive(id, self.key.as_deref())?;
        }
        if context.format == Format::Json {
            out.json(&json!({ "redriven": receipts }))?;
        } else if receipts.is_empty() {
            out.line("there is none to be shown once more")?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}
