//! `palisade plugin inspect`.

use std::path::PathBuf;

use anyhow::{Context as _, Result, bail, ensure};
use clap::Args;
use palisade_events::counted;
use palisade_runtime::manifest::{self, Manifest, SettingSpec};
use palisade_runtime::{Inspected, Limits};
use palisade_store::{Digest, Name};
use serde::Serialize;

use crate::commands::store::Which;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::{Format, Output, Table, size};

/// The largest component that is read.
const MAX_COMPONENT_BYTES: u64 = 64 << 20;

/// Show what a component is, asks for and reports
///
/// Nothing of the component runs, and it is not compiled. It is validated in a process with limits
/// on time and memory. Imports and exports are read from
/// the component itself; everything else is what its manifest says.
#[derive(Debug, Args)]
pub(crate) struct Inspect {
    /// A component: a file, or the digest or name of one in the store
    #[arg(value_name = "FILE|DIGEST|NAME")]
    component: PathBuf,
    #[command(flatten)]
    which: Which,
}

/// Everything there is to say.
#[derive(Debug, Serialize)]
struct Inspection {
    digest: Digest,
    size: usize,
    kind: &'static str,
    imports: Vec<String>,
    exports: Vec<String>,
    /// Whether all events pass through one shard.
    one_shard_only: bool,
    limits: EffectiveLimits,
    /// `plugin.toml` as it stands in the component.
    manifest: toml::Table,
}

/// The limits of this host, lowered as the manifest asks.
#[derive(Debug, Serialize)]
struct EffectiveLimits {
    memory_bytes: u64,
    call_time_ms: u128,
    findings: u32,
    host_calls: u64,
    /// In deterministic mode.
    fuel: u64,
}

impl Inspect {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let format = context.format;
        let component = self.read(context)?;
        let shown = || format!("{} is no plugin", self.component.display());
        let (inspection, manifest) = inspect(&component).with_context(shown)?;
        let mut out = context.output();
        if format == Format::Json {
            out.json(&inspection)?;
        } else {
            show(&mut out, &inspection, &manifest)?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }

    fn read(&self, context: &Context) -> Result<Vec<u8>> {
        let path = &self.component;
        if path.exists() {
            ensure!(
                path.is_file(),
                "{} is not a file; build the plugin with `palisade plugin build`, and inspect what that writes",
                path.display()
            );
            return crate::named::read(path, MAX_COMPONENT_BYTES);
        }
        let text = path.to_string_lossy();
        let store = self.which.open(context)?;
        let digest = match (text.parse::<Digest>(), text.parse::<Name>()) {
            (Ok(digest), _) => Some(digest),
            (_, Ok(name)) => store.name(&name)?,
            _ => None,
        };
        let Some(digest) = digest else {
            bail!(
                "there is no file {}, and the store has no such name; see `palisade store list`",
                path.display()
            );
        };
        Ok(store.get(&digest, MAX_COMPONENT_BYTES)?)
    }
}

fn inspect(component: &[u8]) -> Result<(Inspection, Manifest)> {
    let compiler = crate::host::compiler()?;
    let Inspected {
        manifest,
        imports,
        exports,
        ..
    } = palisade_runtime::inspect(&compiler, &Limits::default(), component)?;
    let text = manifest::extract(component)?;
    let limits = Limits::default().lowered(&manifest.limits);
    let inspection = Inspection {
        digest: Digest::of(component),
        size: component.len(),
        kind: manifest.world.name(),
        imports,
        exports,
        one_shard_only: manifest.one_shard_only(),
        limits: EffectiveLimits {
            memory_bytes: limits.memory,
            call_time_ms: limits.call_time.as_millis(),
            findings: limits.findings,
            host_calls: limits.host_calls,
            fuel: limits.fuel,
        },
        manifest: toml::from_str(text)?,
    };
    Ok((inspection, manifest))
}

fn show(out: &mut Output, inspection: &Inspection, manifest: &Manifest) -> Result<()> {
    let Inspection { limits, .. } = inspection;
    let mut facts = Table::new(["plugin", ""]);
    let mut fact = |name: &str, value: String| facts.row([name.to_owned(), value]);
    fact(
        "name",
        format!("{}/{} {}", manifest.pack, manifest.name, manifest.version),
    );
    if !manifest.description.is_empty() {
        fact("description", manifest.description.clone());
    }
    fact("digest", inspection.digest.to_string());
    fact(
        "size",
        format!(
            "{} ({})",
            size(inspection.size as u64),
            counted(inspection.size, "byte")
        ),
    );
    fact("world", inspection.kind.to_owned());
    fact("imports", or_none(&inspection.imports));
    fact("exports", or_none(&inspection.exports));
    let capabilities: Vec<_> = manifest.capabilities.iter().map(|c| c.name()).collect();
    fact("capabilities", or_none(&capabilities));
    fact("shards", shards(inspection, manifest));
    fact(
        "limits",
        format!(
            "{} memory; a call {} ms, {}, {}, {} fuel where it is counted",
            size(limits.memory_bytes),
            limits.call_time_ms,
            counted(limits.findings, "finding"),
            counted(limits.host_calls, "host call"),
            limits.fuel
        ),
    );
    if !manifest.datasets.is_empty() {
        fact("datasets", manifest.datasets.join(", "));
    }
    if let Some(parser) = &manifest.parser {
        let emits: Vec<_> = parser.emits.iter().map(|kind| kind.name()).collect();
        let ports: Vec<_> = parser.ports.iter().map(ToString::to_string).collect();
        fact("parses", parser.protocol.clone());
        fact("emits", emits.join(", "));
        fact("ports (hints)", or_none(&ports));
        fact("signatures", parser.signatures.len().to_string());
    }
    out.table(&facts)?;
    let text = |table: &toml::Table, key: &str| {
        table
            .get(key)
            .and_then(toml::Value::as_array)
            .map_or_else(String::new, |items| {
                items
                    .iter()
                    .map(ToString::to_string)
                    .collect::<Vec<_>>()
                    .join("; ")
            })
    };
    let mut subscriptions = Table::new(["subscription", "fields", "partition by", "where"]);
    let raw = inspection
        .manifest
        .get("subscription")
        .and_then(toml::Value::as_array);
    for (subscription, raw) in manifest.subscriptions.iter().zip(raw.into_iter().flatten()) {
        let predicates = raw
            .as_table()
            .map(|raw| text(raw, "where"))
            .unwrap_or_default();
        subscriptions.row([
            subscription.kind.name().to_owned(),
            or_none(&names(&subscription.fields)),
            or_none(&names(&subscription.partition_by)),
            predicates,
        ]);
    }
    let mut rules = Table::new(["rule", "severity", "requirements", "title"]);
    for rule in &manifest.rules {
        rules.row([
            rule.id.clone(),
            rule.severity.name().to_owned(),
            rule.requirements.join(", "),
            rule.title.clone(),
        ]);
    }
    let mut tables = Table::new(["table", "kind", "key", "window", "ttl", "keys"]);
    for table in &manifest.tables {
        let window = if table.window.is_zero() {
            String::from("-")
        } else {
            format!("{:?}", table.window)
        };
        tables.row([
            table.name.clone(),
            table.kind.name().to_owned(),
            or_none(&names(&table.key)),
            window,
            format!("{:?}", table.ttl),
            table.max_keys.to_string(),
        ]);
    }
    let mut settings = Table::new(["setting", "type", "default", "description"]);
    for setting in &manifest.settings {
        settings.row([
            setting.name.clone(),
            setting.ty.name().to_owned(),
            default(inspection, setting),
            setting.description.clone(),
        ]);
    }
    for table in [subscriptions, rules, tables, settings] {
        if !table.is_empty() {
            out.line("")?;
            out.table(&table)?;
        }
    }
    Ok(())
}

fn shards(inspection: &Inspection, manifest: &Manifest) -> String {
    if inspection.one_shard_only
        && let Some(reason) = manifest.indivisible()
    {
        return format!("one only: {reason}");
    }
    String::from("all")
}

/// The default as it is written.
fn default(inspection: &Inspection, setting: &SettingSpec) -> String {
    inspection
        .manifest
        .get("setting")
        .and_then(toml::Value::as_array)
        .into_iter()
        .flatten()
        .find(|raw| raw.get("name").and_then(toml::Value::as_str) == Some(&setting.name))
        .and_then(|raw| raw.get("default"))
        .map_or_else(|| String::from("must be set"), ToString::to_string)
}

fn names<T>(fields: &[(String, T)]) -> Vec<&str> {
    fields.iter().map(|(name, _)| name.as_str()).collect()
}

fn or_none<T: AsRef<str>>(items: &[T]) -> String {
    if items.is_empty() {
        return String::from("none");
    }
    items
        .iter()
        .map(AsRef::as_ref)
        .collect::<Vec<_>>()
        .join(", ")
}
