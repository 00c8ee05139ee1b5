//! `palisade explain`.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use clap::Args;
use palisade_events::json::write_event;
use palisade_events::{Batch, Citation, Event, Finding, Timestamp, event_id};
use palisade_pipeline::engine::Called;
use palisade_pipeline::replay::KeptCall;
use palisade_runtime::Asked;
use palisade_runtime::manifest::{Manifest, Subscription, extract};
use palisade_serve::{Case, CaseCall, Receipt};
use serde_json::{Value, json};

use super::subject::Subject;
use crate::context::Context;
use crate::exit::Exit;
use crate::output::Format;

/// The most host calls that are shown to a person.
const MAX_SHOWN: usize = 12;
/// The most answers of one that are shown.
const MAX_ANSWERS: usize = 8;

/// Say why there is a finding: rule, duty, events, what the rule read, and which version decided
///
/// From the server's data, which may run meanwhile, or from a bundle that `palisade replay` has
/// written.
#[derive(Debug, Args)]
pub(crate) struct Explain {
    #[command(flatten)]
    subject: Subject,
    /// Explain what is in this bundle
    #[arg(long, value_name = "FILE")]
    bundle: Option<PathBuf>,
}

impl Explain {
    pub(crate) fn run(self, context: &Context) -> Result<Exit> {
        let case = self.subject.case(self.bundle.as_deref())?;
        let explained = explained(&case)?;
        let mut out = context.output();
        if context.format == Format::Json {
            out.json(&explained)?;
        } else {
            text(&explained)
                .iter()
                .try_for_each(|line| out.line(line))?;
        }
        out.finish()?;
        Ok(Exit::Done)
    }
}

/// Everything there is to say.
fn explained(case: &Case) -> Result<Value> {
    let (kind, said) = match &case.said {
        palisade_serve::SaidRow::Finding(json) => ("finding", json),
        palisade_serve::SaidRow::Decision(json) => ("decision", json),
    };
    let calls = case.calls.iter().map(|call| self::call(case, call));
    let receipt: Option<Receipt> = match &case.receipt {
        Some(json) => Some(serde_json::from_str(json).context("read the receipt of the swap")?),
        None => None,
    };
    let receipt = receipt.map(|receipt| {
        json!({
            "generation": receipt.generation,
            "time": Timestamp(receipt.time).to_string(),
            "kind": receipt.kind.name(),
            "by": receipt.by,
            "from": receipt.from,
            "to": receipt.to,
            "changes": receipt.changes,
        })
    });
    Ok(json!({
        "id": case.id.to_string(),
        "kind": kind,
        "said": serde_json::from_str::<Value>(said).context("read what was said")?,
        "calls": calls.collect::<Result<Vec<_>>>()?,
        "swap": receipt,
    }))
}

fn call(case: &Case, of: &CaseCall) -> Result<Value> {
    let KeptCall { plugin, .. } = &of.call;
    let component = case.components.get(&plugin.digest);
    let component = component.with_context(|| format!("find the component {}", plugin.digest))?;
    let manifest = Manifest::parse(extract(component)?)?;
    let called = of.call.called()?;
    let mine = of.call.said.iter();
    let mine: Vec<_> = mine.filter(|said| said.number == case.id.number).collect();
    let mut rules = Vec::new();
    for said in &mine {
        let value: Value = serde_json::from_str(&said.json)?;
        let id = value["rule"].as_str().unwrap_or_default().to_owned();
        let declared = manifest.rule(&id);
        rules.push(json!({
            "id": id,
            "title": declared.map(|rule| &rule.title),
            "severity": value["severity"],
            "requirements": declared.map(|rule| &rule.requirements),
            "duty": declared.and_then(|rule| rule.duty.as_ref()),
            "attack": declared.map(|rule| &rule.attack),
            "references": declared.map(|rule| &rule.references),
            "reason": value.get("reason").or_else(|| value.get("summary")),
        }));
    }
    let citations: Vec<Citation> = mine
        .iter()
        .filter_map(|said| serde_json::from_str::<Finding>(&said.json).ok())
        .flat_map(|finding| finding.cited)
        .collect();
    let cited: Vec<u64> = citations
        .iter()
        .map(|citation| citation.event_ref)
        .collect();
    let (subscription, occasion, events) = match &called {
        Called::Rows { subscription, view } => {
            let declared = manifest.subscriptions.get(*subscription as usize);
            let batch = view.batch();
            let mut events = Vec::new();
            let whole = match &of.call.cited {
                Some(cited) => cited.events()?,
                None => Vec::new(),
            };
            for row in 0..view.len() {
                let event_ref = batch.event_ref(row);
                let is_cited = event_ref.is_some_and(|of| cited.contains(&of));
                if is_cited || (cited.is_empty() && view.len() == 1) {
                    events.push(self::event(&whole, batch, row, declared, &citations)?);
                }
            }
            let here: Vec<Option<u64>> = (0..view.len()).map(|row| batch.event_ref(row)).collect();
            let earlier: Vec<u64> = cited
                .iter()
                .copied()
                .filter(|of| !here.contains(&Some(*of)))
                .collect();
            let occasion = json!({
                "kind": batch.kind().name(),
                "rows": view.len(),
                "earlier_events": earlier,
            });
            (declared.map(read), occasion, events)
        }
        Called::Timers { tenant, fired } => {
            let fired = fired.iter().map(|timer| {
                json!({
                    "name": timer.name,
                    "key": timer.key,
                    "due": Timestamp(timer.due).to_string(),
                })
            });
            let fired: Vec<Value> = fired.collect();
            let occasion = json!({ "tenant": tenant, "timers": fired, "earlier_events": cited });
            (None, occasion, Vec::new())
        }
    };
    let asked = of.call.asked.iter().map(|asked| shown(&manifest, asked));
    let datasets = of.call.datasets.iter();
    let datasets = datasets.map(|(name, digest)| json!({ "name": name, "digest": digest }));
    Ok(json!({
        "rules": rules,
        "called": { "export": of.call.export, "with": occasion },
        "reads": subscription,
        "events": events,
        "host_calls": asked.collect::<Vec<_>>(),
        "plugin": {
            "pack": plugin.pack,
            "name": plugin.name,
            "version": plugin.version,
            "component": plugin.digest,
            "packed": plugin.packed,
            "settings": settings(&plugin.settings),
            "pack_settings": settings(&plugin.pack_settings),
            "capabilities": plugin.capabilities,
        },
        "datasets": datasets.collect::<Vec<_>>(),
        "palisade": of.call.host,
        "epoch": of.call.epoch,
        "generation": of.call.generation,
        "composition": of.call.composition,
        "evidence": of.digest,
        "reproduced": of.reproduced,
    }))
}

/// An event that is cited: as it came in, where it is kept whole, and what the rule may read of it.
fn event(
    whole: &[(u32, Event)],
    batch: &Batch,
    row: usize,
    declared: Option<&Subscription>,
    citations: &[Citation],
) -> Result<Value> {
    let whole = whole.iter().find(|(at, _)| *at as usize == row);
    let id = whole.map(|(_, event)| {
        let source = &batch.source().name;
        event_id(source, event.envelope.time, &event.body)
    });
    let is_this = |citation: &&Citation| Some(citation.event_ref) == batch.event_ref(row);
    let id = id.or_else(|| citations.iter().find(is_this)?.id);
    let lent = batch
        .event(row)
        .map_or(Ok(Value::Null), |event| json(&event))?;
    let fields = declared.into_iter().flat_map(|declared| &declared.fields);
    let read: serde_json::Map<String, Value> = fields
        .map(|(name, _)| {
            let path = name.replace('-', "_").replace('.', "/");
            (
                name.clone(),
                lent.pointer(&format!("/{path}"))
                    .cloned()
                    .unwrap_or_default(),
            )
        })
        .collect();
    let whole = whole.map(|(_, event)| json(event));
    Ok(json!({
        "row": row,
        "ref": batch.event_ref(row),
        "id": id,
        "time": batch.times().get(row).map(|time| Timestamp(*time).to_string()),
        "source": batch.source().name,
        "tenant": batch.source().tenant,
        "read": read,
        "event": whole.transpose()?,
    }))
}

/// An event as it is written elsewhere.
fn json(event: &Event) -> Result<Value> {
    let mut json = Vec::new();
    write_event(&mut json, event)?;
    Ok(serde_json::from_slice(&json)?)
}

/// What the rule's subscription may read.
fn read(subscription: &Subscription) -> Value {
    let names = |fields: &[(String, palisade_events::FieldId)]| -> Vec<String> {
        fields.iter().map(|(name, _)| name.clone()).collect()
    };
    json!({
        "kind": subscription.kind.name(),
        "fields": names(&subscription.fields),
        "partition_by": names(&subscription.partition_by),
        "conditions": subscription.predicates.len(),
    })
}

fn settings(json: &str) -> Value {
    serde_json::from_str(json).unwrap_or(Value::Null)
}

/// A host call with its answer, in the words of the manifest.
fn shown(manifest: &Manifest, asked: &Asked) -> Value {
    let table = |at: &u32| {
        let table = manifest.tables.get(*at as usize);
        table.map_or_else(|| at.to_string(), |table| table.name.clone())
    };
    let dataset = |at: &u32| {
        let name = manifest.datasets.get(*at as usize);
        name.cloned().unwrap_or_else(|| at.to_string())
    };
    let field = |id: &u32| {
        let id = palisade_events::FieldId(*id);
        let mut fields = manifest.subscriptions.iter().flat_map(|s| &s.fields);
        let known = fields
            .find(|(_, of)| *of == id)
            .map(|(name, _)| name.clone());
        known.unwrap_or_else(|| format!("{:#010x}", id.0))
    };
    // Text where it is text.
    let value = |bytes: &[u8]| match std::str::from_utf8(bytes) {
        Ok(text) if !text.chars().any(char::is_control) => json!(text),
        _ => json!(
            bytes
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect::<String>()
        ),
    };
    let function = asked.function();
    match asked {
        Asked::Count {
            table: t,
            rows,
            answer,
        } => {
            json!({ "function": function, "table": table(t), "rows": rows, "answer": answer })
        }
        Asked::Sum {
            table: t,
            field: f,
            rows,
            answer,
        }
        | Asked::Distinct {
            table: t,
            field: f,
            rows,
            answer,
        } => json!({
            "function": function, "table": table(t), "field": field(f), "rows": rows,
            "answer": answer,
        }),
        Asked::First {
            table: t,
            rows,
            answer,
        } => json!({
            "function": function, "table": table(t), "rows": rows, "answer": answer,
        }),
        Asked::Citations {
            table: t,
            row,
            answer,
        } => {
            json!({ "function": function, "table": table(t), "rows": [row], "answer": answer })
        }
        Asked::Get {
            table: t,
            key,
            answer,
        } => json!({
            "function": function, "table": table(t), "key": key,
            "answer": answer.as_deref().map(value),
        }),
        Asked::Put {
            table: t,
            key,
            value: put,
        } => json!({
            "function": function, "table": table(t), "key": key, "value": value(put),
        }),
        Asked::Remove { table: t, key } => {
            json!({ "function": function, "table": table(t), "key": key })
        }
        Asked::SetTimer { name, key, due } => json!({
            "function": function, "name": name, "key": key,
            "due": Timestamp(*due).to_string(),
        }),
        Asked::CancelTimer { name, key } => {
            json!({ "function": function, "name": name, "key": key })
        }
        Asked::Matches {
            dataset: d,
            field: f,
            rows,
            answer,
        } => json!({
            "function": function, "dataset": dataset(d), "field": field(f), "rows": rows,
            "answer": answer,
        }),
        Asked::Lookup {
            dataset: d,
            value,
            answer,
        } => json!({
            "function": function, "dataset": dataset(d), "value": value, "answer": answer,
        }),
        Asked::Entries {
            dataset: d,
            entries,
            answer,
        } => {
            let answer: Vec<String> = answer
                .iter()
                .map(palisade_runtime::AskedEntry::shown)
                .collect();
            json!({
                "function": function, "dataset": dataset(d), "entries": entries, "answer": answer,
            })
        }
    }
}

/// The same for a person.
fn text(of: &Value) -> Vec<String> {
    let said = &of["said"];
    let plain = |value: &Value| match value {
        Value::String(text) => text.clone(),
        Value::Null => "none".to_owned(),
        other => other.to_string(),
    };
    let list = |value: &Value| -> String {
        let items = value.as_array().into_iter().flatten().map(plain);
        let items: Vec<String> = items.collect();
        match items.is_empty() {
            true => "none".to_owned(),
            false => items.join(", "),
        }
    };
    let mut lines = Vec::new();
    let mut line = |name: &str, value: String| lines.push(format!("{name:<13} {value}"));
    line(&plain(&of["kind"]), plain(&of["id"]));
    match of["kind"] == "finding" {
        true => {
            line("subject", plain(&said["subject"]));
            line("summary", plain(&said["summary"]));
            line("time", plain(&said["time"]));
            line("tenant", plain(&said["tenant"]));
        }
        false => {
            line("request", plain(&said["request"]));
            line("verdict", plain(&said["decision"]["verdict"]));
        }
    }
    for call in of["calls"].as_array().into_iter().flatten() {
        for rule in call["rules"].as_array().into_iter().flatten() {
            line(
                "rule",
                format!("{}: {}", plain(&rule["id"]), plain(&rule["title"])),
            );
            if !rule["severity"].is_null() {
                line("severity", plain(&rule["severity"]));
            }
            line("requirements", list(&rule["requirements"]));
            if !rule["duty"].is_null() {
                line("duty", plain(&rule["duty"]));
            }
            for (name, key) in [("ATT&CK", "attack"), ("references", "references")] {
                if rule[key].as_array().is_some_and(|list| !list.is_empty()) {
                    line(name, list(&rule[key]));
                }
            }
            if of["kind"] == "decision" {
                line("reason", plain(&rule["reason"]));
            }
        }
        let plugin = &call["plugin"];
        line(
            "plugin",
            format!(
                "{}/{} {}, component {}",
                plain(&plugin["pack"]),
                plain(&plugin["name"]),
                plain(&plugin["version"]),
                plain(&plugin["component"])
            ),
        );
        if !plugin["packed"].is_null() {
            line("pack", plain(&plugin["packed"]));
        }
        if plugin["settings"]
            .as_object()
            .is_some_and(|of| !of.is_empty())
        {
            line("settings", plugin["settings"].to_string());
        }
        for dataset in call["datasets"].as_array().into_iter().flatten() {
            line(
                "dataset",
                format!("{} {}", plain(&dataset["name"]), plain(&dataset["digest"])),
            );
        }
        let with = &call["called"]["with"];
        match with["timers"].as_array() {
            Some(timers) => {
                for timer in timers {
                    line(
                        "timer",
                        format!(
                            "{} of {:?}, due {}",
                            plain(&timer["name"]),
                            plain(&timer["key"]),
                            plain(&timer["due"])
                        ),
                    );
                }
            }
            None => line(
                "shown",
                format!(
                    "{} of {}, of which it may read {}",
                    with["rows"],
                    plain(&with["kind"]),
                    list(&call["reads"]["fields"])
                ),
            ),
        }
        for event in call["events"].as_array().into_iter().flatten() {
            line(
                "event",
                format!(
                    "row {}, {}, id {}",
                    event["row"],
                    plain(&event["time"]),
                    plain(&event["id"])
                ),
            );
            let read = event["read"].as_object().into_iter().flatten();
            let read: Vec<String> = read
                .filter(|(_, value)| !value.is_null())
                .map(|(name, value)| format!("{name} {value}"))
                .collect();
            line("  it read", read.join(", "));
            if !event["event"].is_null() {
                line("  it is", event["event"].to_string());
            }
        }
        if with["earlier_events"]
            .as_array()
            .is_some_and(|list| !list.is_empty())
        {
            line(
                "earlier",
                format!("events {}", list(&with["earlier_events"])),
            );
        }
        let asked = call["host_calls"].as_array().map_or(&[][..], Vec::as_slice);
        for asked in asked.iter().take(MAX_SHOWN) {
            line("asked", sentence(asked, &plain));
        }
        if asked.len() > MAX_SHOWN {
            line(
                "",
                format!(
                    "and {} more; --format json has all",
                    asked.len() - MAX_SHOWN
                ),
            );
        }
        line(
            "decided in",
            format!(
                "epoch {}, generation {} ({}), by Palisade {}",
                call["epoch"],
                call["generation"],
                plain(&call["composition"]),
                plain(&call["palisade"])
            ),
        );
        let reproduced = match call["reproduced"].as_bool() {
            Some(true) => "the server has executed it once more, and the same came of it",
            Some(false) => {
                "not reproducible: something else came of it when the server executed it once more"
            }
            None => "not yet executed once more by the server; `palisade replay` does",
        };
        line("replayed", reproduced.to_owned());
        line("evidence", plain(&call["evidence"]));
    }
    let swap = &of["swap"];
    match swap.is_null() {
        true => line("since", "the first generation of the journal".to_owned()),
        false => line(
            "since",
            format!(
                "{} {} by {}: {}",
                plain(&swap["kind"]),
                plain(&swap["time"]),
                plain(&swap["by"]),
                list(&swap["changes"])
            ),
        ),
    }
    lines
}

/// A host call as a sentence.
fn sentence(asked: &Value, plain: &dyn Fn(&Value) -> String) -> String {
    let mut text = plain(&asked["function"]);
    for key in ["table", "dataset", "name", "field", "key", "value", "due"] {
        if let Some(value) = asked.get(key) {
            text.push_str(&format!(" {key} {}", plain(value)));
        }
    }
    let some = |value: &Value| {
        let items = value.as_array().map_or(&[][..], Vec::as_slice);
        let shown: Vec<String> = items.iter().take(MAX_ANSWERS).map(plain).collect();
        match items.len() > MAX_ANSWERS {
            true => format!("{}, … ({})", shown.join(", "), items.len()),
            false => shown.join(", "),
        }
    };
    for key in ["rows", "entries"] {
        if let Some(value) = asked.get(key) {
            text.push_str(&format!(" {key} {}", some(value)));
        }
    }
    match asked.get("answer") {
        None => text,
        Some(Value::Array(items)) if items.is_empty() => format!("{text}: nothing"),
        Some(value @ Value::Array(_)) => format!("{text}: {}", some(value)),
        Some(value) => format!("{text}: {}", plain(value)),
    }
}
