//! What conditions of a subscription keep all events of a vector from a plugin, so that a difference is
//! not sought in its code.

use std::sync::Arc;

use anyhow::Result;
use palisade_events::{Batch, BatchBuilder, Event, Source, counted};
use palisade_pipeline::engine::Summary;
use palisade_pipeline::predicates::{Effort, Filter, Filters};
use palisade_runtime::manifest::{Subscription, extract, line_of};

use super::trial::Component;
use crate::vector::{Input, Vector};

/// Says that the plugin was never called, and for which conditions, where `where` is why.
///
/// # Errors
/// When the manifest cannot be read.
pub(super) fn held_back(
    plugin: &Component,
    vector: &Vector,
    done: &Summary,
) -> Result<Option<String>> {
    let manifest = plugin.manifest()?;
    let (Input::Events(events) | Input::Requests(events)) = &vector.input else {
        return Ok(None);
    };
    let own = done.plugins.iter().filter(|it| it.name == manifest.name);
    let calls: u64 = own.map(|it| it.cost.calls + it.cost.faulted_calls).sum();
    if calls > 0 {
        return Ok(None);
    }
    let text = extract(&plugin.bytes).unwrap_or_default();
    let mut told = Vec::new();
    for (at, subscription) in manifest.subscriptions.iter().enumerate() {
        let Some(batch) = batch(events, subscription) else {
            continue;
        };
        let number = |condition: usize| format!("subscription[{at}].where[{condition}]");
        let conditions: Vec<String> = subscription
            .predicates
            .iter()
            .enumerate()
            .filter(|(condition, _)| !passes(&batch, subscription, *condition))
            .map(|(condition, predicate)| {
                let line = line_of(text, &number(condition));
                let line = line.map_or_else(String::new, |line| format!("line {line}, "));
                let not = if predicate.not { "not " } else { "" };
                format!(
                    "condition {} ({line}{not}`{}`)",
                    condition + 1,
                    predicate.name
                )
            })
            .collect();
        let why = match conditions.as_slice() {
            // Those that come before the plugin say it together, or something else does.
            [] if subscription.predicates.is_empty() => continue,
            [] => "its conditions together".to_owned(),
            conditions => conditions.join(" and "),
        };
        told.push(format!(
            "`where` of the subscription to {} in plugin.toml holds back {} of it: {why}",
            subscription.kind.name(),
            match batch.len() {
                1 => "the one event".to_owned(),
                count => format!("all {}", counted(count, "event")),
            },
        ));
    }
    Ok((!told.is_empty()).then(|| {
        format!(
            "`{}` was never shown an event: {}",
            manifest.name,
            told.join("; ")
        )
    }))
}

/// The first events of a subscription's kind; nothing where there is none.
fn batch(events: &[Event], subscription: &Subscription) -> Option<Batch> {
    let source = Source {
        slot: 0,
        name: String::new(),
        tenant: String::new(),
    };
    let mut builder = BatchBuilder::new(subscription.kind, Arc::new(source));
    for event in events {
        if event.kind() == subscription.kind && !builder.is_full() {
            builder.push_event(event).ok()?;
        }
    }
    match builder.is_empty() {
        true => None,
        false => builder.finish().ok(),
    }
}

/// Whether a condition alone lets any event pass; of one that asks a dataset it is not known.
fn passes(batch: &Batch, subscription: &Subscription, condition: usize) -> bool {
    let mut alone = subscription.clone();
    alone.predicates = vec![subscription.predicates[condition].clone()];
    let Ok(filter) = Filter::new(&alone, &|_| None) else {
        return true;
    };
    let filters = Filters::new(vec![vec![filter]]);
    let selected = filters[0][0].select(batch, &filters.answers(), &mut Effort::unlimited());
    selected.is_none_or(|rows| !rows.is_empty())
}
