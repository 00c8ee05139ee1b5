//! What a call filed now, held against what it filed then.

use std::sync::Arc;

use palisade_events::{Batch, BatchBuilder, Finding, Source, Tlp, event_id};
use serde_json::Value;

use super::{Effects, KeptCall, KeptSaid, Plugin, ReplayError};
use crate::engine::Called;

/// The most characters of a value that a difference shows.
const SHOWN: usize = 400;

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What it is.
    pub what: String,
    /// What it was when it was kept.
    pub then: String,
    /// What it is now.
    pub now: String,
}

impl Difference {
    fn new(what: impl Into<String>, then: impl ToString, now: impl ToString) -> Difference {
        let short = |text: String| match text.char_indices().nth(SHOWN) {
            Some((at, _)) => format!("{}…", &text[..at]),
            None => text,
        };
        Difference {
            what: what.into(),
            then: short(then.to_string()),
            now: short(now.to_string()),
        }
    }

    /// The guest asks for something that it did not ask for then.
    pub(super) fn asked(problem: &str) -> Difference {
        Difference::new("what it asks of the host", "as recorded", problem)
    }
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: then {}, now {}", self.what, self.then, self.now)
    }
}

/// What is different.
pub(super) fn compare(
    plugin: &Plugin,
    call: &KeptCall,
    called: &Called,
    effects: &Effects,
) -> Result<Vec<Difference>, ReplayError> {
    let mut all = Vec::new();
    match &effects.asked {
        Some(asked) => {
            let differs = asked
                .iter()
                .zip(&call.asked)
                .position(|(now, then)| now != then);
            if let Some(at) = differs {
                let (then, now) = (&call.asked[at], &asked[at]);
                let what = format!("its host call {}, one of {}", at + 1, then.function());
                all.push(Difference::new(
                    what,
                    format!("{then:?}"),
                    format!("{now:?}"),
                ));
            } else if asked.len() != call.asked.len() {
                let what = "the number of its host calls that are recorded";
                all.push(Difference::new(what, call.asked.len(), asked.len()));
            }
        }
        None => all.push(Difference::asked("more than is kept of a call")),
    }
    let filed = effects.filed.len() + effects.judgements.len();
    if filed != call.filed as usize {
        all.push(Difference::new("how much it files", call.filed, filed));
    }
    for said in &call.said {
        let what = format!("what it files as number {}", u64::from(said.nth) + 1);
        if let Some(filed) = effects.filed.get(said.nth as usize) {
            let now = called.finding(plugin, filed.clone());
            all.extend(finding(said, now)?);
        } else if let Some(judgement) = effects.judgements.get(said.nth as usize) {
            let now = serde_json::to_string(judgement);
            let now = now.map_err(|error| ReplayError::Evidence(error.to_string()))?;
            all.extend(fields(&said.json, &now));
        } else {
            all.push(Difference::new(what, &said.json, "nothing"));
        }
    }
    if let Called::Rows { subscription, view } = called {
        all.extend(events(plugin, call, *subscription, view.batch())?);
    }
    Ok(all)
}

/// What is different in a finding. What the host added when it had all of the epoch is taken from
/// then: its reference, the ids of what it cites, and what it inherits from earlier events.
fn finding(
    said: &KeptSaid,
    (mut now, tlp, labels): (Finding, Option<Tlp>, Vec<String>),
) -> Result<Vec<Difference>, ReplayError> {
    let error = |error: serde_json::Error| ReplayError::Evidence(error.to_string());
    let then: Finding = serde_json::from_str(&said.json).map_err(error)?;
    let mut all = Vec::new();
    let strictness = |tlp: Option<Tlp>| tlp.map(|tlp| tlp as u8 + 1).unwrap_or(0);
    if strictness(then.tlp) < strictness(tlp) {
        let shown = |tlp: Option<Tlp>| tlp.map_or("none", Tlp::name);
        all.push(Difference::new(
            "its marking",
            shown(then.tlp),
            format!("{} at least", shown(tlp)),
        ));
    }
    if let Some(missing) = labels.iter().find(|label| !then.labels.contains(label)) {
        all.push(Difference::new(
            "its labels",
            then.labels.join(", "),
            format!("{missing} too"),
        ));
    }
    now.event_ref = then.event_ref;
    now.tlp = then.tlp;
    now.labels.clone_from(&then.labels);
    for (now, then) in now.cited.iter_mut().zip(&then.cited) {
        if now.event_ref == then.event_ref {
            now.id = then.id;
        }
    }
    let now = serde_json::to_string(&now).map_err(error)?;
    all.extend(fields(&said.json, &now));
    Ok(all)
}

/// The fields in which two objects differ, or that they are written differently.
fn fields(then: &str, now: &str) -> Vec<Difference> {
    if then == now {
        return Vec::new();
    }
    let object = |text: &str| match serde_json::from_str::<Value>(text) {
        Ok(Value::Object(map)) => Some(map),
        _ => None,
    };
    let (Some(before), Some(after)) = (object(then), object(now)) else {
        return vec![Difference::new("what it files", then, now)];
    };
    let names: std::collections::BTreeSet<&String> = before.keys().chain(after.keys()).collect();
    let shown = |value: Option<&Value>| value.map_or("absent".to_owned(), Value::to_string);
    let differ = names
        .into_iter()
        .filter(|name| before.get(*name) != after.get(*name));
    let all: Vec<Difference> = differ
        .map(|name| {
            Difference::new(
                format!("`{name}`"),
                shown(before.get(name)),
                shown(after.get(name)),
            )
        })
        .collect();
    match all.is_empty() {
        true => vec![Difference::new("how it is written", then, now)],
        false => all,
    }
}

/// Whether the events that are kept whole are those that the call saw and that the findings cite.
fn events(
    plugin: &Plugin,
    call: &KeptCall,
    subscription: u32,
    batch: &Batch,
) -> Result<Vec<Difference>, ReplayError> {
    let mut all = Vec::new();
    let mut ids = std::collections::BTreeMap::new();
    for said in &call.said {
        if let Ok(finding) = serde_json::from_str::<Finding>(&said.json) {
            let cited = finding.cited.into_iter();
            ids.extend(cited.filter_map(|citation| Some((citation.event_ref, citation.id?))));
        }
    }
    let Some(declared) = plugin.manifest().subscriptions.get(subscription as usize) else {
        return Ok(all);
    };
    let mask = declared.mask();
    let Some(cited) = &call.cited else {
        return Ok(all);
    };
    for (row, event) in cited.events()? {
        let (row, what) = (row as usize, format!("the event in row {row}"));
        let source: &Arc<Source> = batch.source();
        if let Some(then) = batch.event_ref(row).and_then(|of| ids.get(&of)) {
            let now = event_id(&source.name, event.envelope.time, &event.body);
            if *then != now {
                all.push(Difference::new(format!("the id of {what}"), then, now));
            }
        }
        let mut alone = BatchBuilder::new(event.kind(), Arc::clone(source));
        let pushed = alone.push_event(&event).is_ok();
        let lent = pushed.then(|| alone.finish().ok()).flatten();
        let lent = lent.and_then(|alone| alone.body_masked(0, &mask));
        if lent.is_none() || lent != batch.body_masked(row, &mask) {
            all.push(Difference::new(
                what,
                "what the plugin was lent",
                "something else",
            ));
        }
    }
    Ok(all)
}
