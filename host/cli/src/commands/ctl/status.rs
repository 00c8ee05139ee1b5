//! `palisade ctl status` and `metrics`.

use anyhow::{Result, ensure};
use hyper::Method;
use hyper::body::Bytes;
use serde_json::Value;

use super::client::Client;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Table};

/// The first digits of a digest.
pub(super) fn short(value: &Value) -> String {
    let digest = value.as_str().unwrap_or_default();
    digest.get(..12).unwrap_or(digest).to_owned()
}

/// Shows what runs.
pub(super) fn show(client: &Client, context: &Context) -> Result<Exit> {
    let status = client.get("/v1/status")?;
    let mut out = context.output();
    if context.format == Format::Json {
        out.json(&status)?;
        out.finish()?;
        return Ok(Exit::Done);
    }
    let ready = match (status["ready"].as_bool(), status["full"].as_bool()) {
        (Some(true), Some(false)) => "ready",
        (Some(true), _) => "no room, nothing more is taken in",
        _ => "not ready",
    };
    out.line(&format!(
        "generation {} ({}), {ready}; {} events, {} findings, {} faults; record {} is evaluated, {} is kept",
        status["generation"],
        short(&status["composition"]),
        status["events"],
        status["findings"],
        status["faults"],
        status["evaluated"],
        status["committed"]
    ))?;
    let mut table = Table::new([
        "PLUGIN", "DIGEST", "EVENTS", "YIELDED", "FAULTS", "", "FROM",
    ]);
    for plugin in status["plugins"].as_array().into_iter().flatten() {
        let text = |key: &str| plugin[key].as_str().unwrap_or_default().to_owned();
        let quarantined = plugin["quarantined"].as_bool() == Some(true);
        table.row([
            format!("{}/{}", text("pack"), text("name")),
            short(&plugin["digest"]),
            plugin["events"].to_string(),
            plugin["yielded"].to_string(),
            plugin["faults"].to_string(),
            if quarantined { "quarantined" } else { "" }.to_owned(),
            text("origin"),
        ]);
    }
    out.table(&table)?;
    for source in status["sources"].as_array().into_iter().flatten() {
        out.line(&format!(
            "source {} of {}: {} events",
            source["name"].as_str().unwrap_or_default(),
            source["tenant"].as_str().unwrap_or_default(),
            source["events"]
        ))?;
    }
    for link in status["links"].as_array().into_iter().flatten() {
        let text = |key: &str| link[key].as_str().unwrap_or_default();
        let counts = link["counts"].as_object().into_iter().flatten();
        let counts: Vec<String> = counts
            .map(|(cause, count)| format!("{count} {cause}"))
            .collect();
        out.line(&format!(
            "source {} ({}): {}; {} wait, {} bad records; {}",
            text("name"),
            text("at"),
            text("state"),
            link["waiting"],
            link["bad_records"],
            counts.join(", ")
        ))?;
        if let Some(problem) = link["last_problem"].as_str() {
            out.line(&format!("  last problem: {problem}"))?;
        }
    }
    let before = status["rollback"].as_array().and_then(|all| all.first());
    if let Some(before) = before {
        let changes = before["changes"].as_array().into_iter().flatten();
        let changes: Vec<&str> = changes.filter_map(Value::as_str).collect();
        out.line(&format!(
            "rollback goes to {}: {}",
            short(&before["composition"]),
            changes.join(", ")
        ))?;
    }
    out.finish()?;
    Ok(Exit::Done)
}

/// Shows the figures.
pub(super) fn metrics(client: &Client, context: &Context) -> Result<Exit> {
    let (status, text) = client.text(Method::GET, "/metrics", Bytes::new(), None)?;
    ensure!(status.is_success(), "the server answers {status}");
    let mut out = context.output();
    for line in String::from_utf8_lossy(&text).lines() {
        out.line(line)?;
    }
    out.finish()?;
    Ok(Exit::Done)
}
