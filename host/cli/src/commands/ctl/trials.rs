//! `palisade ctl what-if`, `shadow` and `promote`.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, anyhow};
use clap::{Args, Subcommand};
use palisade_events::Timestamp;
use serde_json::{Value, json};

use super::client::Client;
use super::swap::{self, What};
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Output, Table};

/// Say what a change would have found in the past, without making it
///
/// A process of its own reads the nearest snapshot and the journal, and compares what the changed
/// plugins say with what was said. Exit code 1 says that something differs.
#[derive(Debug, Args)]
pub(super) struct WhatIf {
    #[command(flatten)]
    what: What,
    /// How far back, such as 30m, 6h or 2d
    #[arg(long, value_name = "TIME", default_value = "1h")]
    past: String,
    /// State that may be lost: all of a plugin's, or one table's
    #[arg(long, value_name = "PLUGIN[/TABLE]")]
    discard_state: Vec<String>,
}

/// Try a change from now on, beside what runs
#[derive(Debug, Subcommand)]
pub(super) enum Shadow {
    Start(Box<Start>),
    /// How it stands: what differs so far, and what it costs
    Status,
    /// End it
    Stop,
}

/// Begin to try a change
///
/// A process of its own begins where what runs is, and follows the journal; what it finds is compared and
/// not kept. It ends with the server.
#[derive(Debug, Args)]
pub(super) struct Start {
    #[command(flatten)]
    what: What,
    /// State that may be lost: all of a plugin's, or one table's
    #[arg(long, value_name = "PLUGIN[/TABLE]")]
    discard_state: Vec<String>,
}

/// Swap in what is tried, with the state of what runs
#[derive(Debug, Args)]
pub(super) struct Promote {
    /// A key by which the request is known when it is made again
    #[arg(long, value_name = "KEY")]
    key: Option<String>,
}

/// Seconds of a time such as `6h`.
fn seconds(text: &str) -> Result<u64> {
    let wrong = || anyhow!("--past {text}: write a number and s, m, h or d, such as 6h");
    let unit = text.chars().next_back().ok_or_else(wrong)?;
    let number = text.get(..text.len() - unit.len_utf8()).unwrap_or_default();
    let number: u64 = number.parse().map_err(|_| wrong())?;
    let each = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3600,
        'd' => 24 * 3600,
        _ => return Err(wrong()),
    };
    Ok(number.saturating_mul(each))
}

fn discarding(
    what: What,
    client: &Client,
    discard_state: Vec<String>,
) -> Result<palisade_serve::Change> {
    let mut change = what.change(client)?;
    change.discard_state = discard_state.into_iter().collect::<BTreeSet<_>>();
    Ok(change)
}

impl WhatIf {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let seconds = seconds(&self.past)?;
        let change = discarding(self.what, client, self.discard_state)?;
        let asked = json!({ "change": change, "seconds": seconds });
        let report = client.post("/v1/what-if", &asked, None)?;
        let mut out = context.output();
        match context.format {
            Format::Json => out.json(&report)?,
            _ => show(&mut out, &report)?,
        }
        out.finish()?;
        Ok(Exit::found(differs(&report)))
    }
}

impl Shadow {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let status = match self {
            Shadow::Start(start) => {
                let change = discarding(start.what, client, start.discard_state)?;
                client.post("/v1/shadow", &change, None)?
            }
            Shadow::Status => client.get("/v1/shadow")?,
            Shadow::Stop => client.post("/v1/shadow/stop", &json!({}), None)?,
        };
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&status)?;
            out.finish()?;
            return Ok(Exit::Done);
        }
        let shadow = &status["shadow"];
        if shadow.is_null() {
            out.line("nothing is being tried")?;
            out.finish()?;
            return Ok(Exit::Done);
        }
        let changes = shadow["changes"].as_array().into_iter().flatten();
        let changes: Vec<&str> = changes.filter_map(Value::as_str).collect();
        out.line(&format!(
            "tried since {} for {}: {}",
            Timestamp(shadow["since"].as_u64().unwrap_or_default()),
            shadow["by"].as_str().unwrap_or_default(),
            changes.join(", ")
        ))?;
        if let Some(why) = shadow["ended"].as_str() {
            out.line(&format!("it has ended: {why}"))?;
        }
        match shadow["report"].is_null() {
            true => out.line("it has not reported yet")?,
            false => show(&mut out, &shadow["report"])?,
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

impl Promote {
    pub(super) fn run(self, client: &Client, context: &Context) -> Result<Exit> {
        let receipt = client.post("/v1/shadow/promote", &json!({}), self.key.as_deref())?;
        swap::tell(&receipt, context)
    }
}

fn count(value: &Value, key: &str) -> u64 {
    value[key].as_u64().unwrap_or_default()
}

fn differs(report: &Value) -> bool {
    let all = &report["difference"]["all"];
    count(all, "gained") + count(all, "lost") + count(all, "changed") > 0
}

/// Shows a report for a person.
fn show(out: &mut Output, report: &Value) -> Result<()> {
    let difference = &report["difference"];
    let all = &difference["all"];
    let begun = match count(report, "snapshot") {
        0 => "from the beginning of the journal".to_owned(),
        record => format!("from the snapshot after record {record}"),
    };
    out.line(&format!(
        "{}, {begun}: {} events in records {} to {}, {} to {}",
        report["state"].as_str().unwrap_or_default(),
        report["events"],
        report["first"],
        report["record"],
        Timestamp(count(report, "first_time")),
        Timestamp(count(report, "time")),
    ))?;
    out.line(&format!(
        "{} alike, {} gained, {} lost, {} changed{}",
        count(all, "same"),
        count(all, "gained"),
        count(all, "lost"),
        count(all, "changed"),
        match count(difference, "warming_up") {
            0 => String::new(),
            warm => format!(
                "; of those that differ, {warm} while a plugin had seen less than it remembers"
            ),
        }
    ))?;
    let mut rules = Table::new(["RULE", "ALIKE", "GAINED", "LOST", "CHANGED"]);
    for (rule, counts) in difference["rules"].as_object().into_iter().flatten() {
        let of = |key: &str| count(counts, key).to_string();
        rules.row([
            rule.clone(),
            of("same"),
            of("gained"),
            of("lost"),
            of("changed"),
        ]);
    }
    out.table(&rules)?;
    let mut plugins = Table::new(["PLUGIN", "EVENTS", "NS EACH", "FAULTS", "BEGAN"]);
    for plugin in report["plugins"].as_array().into_iter().flatten() {
        let text = |key: &str| plugin[key].as_str().unwrap_or_default();
        let events = count(plugin, "events");
        let each = count(plugin, "time_ns").checked_div(events);
        plugins.row([
            format!("{}/{}", text("pack"), text("name")),
            events.to_string(),
            each.map_or("-".to_owned(), |each| each.to_string()),
            count(plugin, "faults").to_string(),
            match plugin["warm_up_seconds"].as_u64() {
                None => "with its state".to_owned(),
                Some(0) => "new".to_owned(),
                Some(seconds) => format!("with nothing remembered, of {seconds} s"),
            },
        ]);
    }
    out.table(&plugins)?;
    for sample in difference["samples"]
        .as_array()
        .into_iter()
        .flatten()
        .take(10)
    {
        let said = match sample["after"].is_null() {
            true => &sample["before"],
            false => &sample["after"],
        };
        let text = |key: &str| said[key].as_str().unwrap_or_default();
        let what = sample["what"]
            .as_str()
            .context("a sample says what it is")?;
        out.line(&match said.get("request") {
            Some(request) => format!("{what}: the decision on {request}"),
            None => format!(
                "{what}: {} {} {}",
                text("rule"),
                text("subject"),
                text("summary")
            ),
        })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        assert_eq!(seconds("6h").unwrap(), 6 * 3600);
        assert_eq!(seconds("2d").unwrap(), 2 * 24 * 3600);
        for wrong in ["", "6", "h", "6 h", "-1h", "6ч"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
