//! What plugin.toml declares, as the module that the SDK's checks look it up in.

use std::collections::{BTreeMap, BTreeSet};

use palisade_events::table::is_stamped;
use palisade_events::{FieldId, Kind};
use palisade_runtime::Limits;
use palisade_runtime::manifest::{Manifest, World};
use serde_json::{Value, json};

use super::boundary::read_by;

/// Fields that every plugin may read.
const ALWAYS: [&str; 2] = ["time", "event-ref"];
/// In place of a type: the host fills the field.
const HOST: &str = "host";

/// The text of the module.
pub(super) fn module(manifest: &Manifest) -> String {
    let tables = manifest.tables.iter();
    let tables = tables.map(|table| json!({ "name": table.name, "kind": table.kind.name() }));
    let rules = manifest.rules.iter().map(|rule| rule.id.as_str());
    [
        ("columns", format!("new Map({})", columns(manifest))),
        ("enums", enums(manifest).to_string()),
        ("subscriptions", subscriptions(manifest).to_string()),
        ("rules", Value::from(rules.collect::<Vec<_>>()).to_string()),
        (
            "tables",
            Value::from(tables.collect::<Vec<_>>()).to_string(),
        ),
        (
            "datasets",
            Value::from(manifest.datasets.clone()).to_string(),
        ),
        ("limits", limits(manifest).to_string()),
        ("names", names(manifest).to_string()),
    ]
    .map(|(name, value)| format!("export const {name} = {value};\n"))
    .concat()
}

/// A kind as the interfaces name it.
fn named(kind: Kind) -> String {
    kind.name().replace('.', "-")
}

/// The fields of the subscriptions: the kind, the dotted name and the id of each.
fn listed(manifest: &Manifest) -> impl Iterator<Item = (Kind, &str, FieldId)> {
    manifest.subscriptions.iter().flat_map(|subscription| {
        let names = subscription.fields.iter().map(|(name, _)| name.as_str());
        let all = names.chain(ALWAYS);
        all.map(move |name| (subscription.kind, name, FieldId::of(name)))
    })
}

/// Which columns the manifest lists, and by which function each is read.
fn columns(manifest: &Manifest) -> Value {
    let mut listed_columns = BTreeMap::new();
    for (kind, name, id) in listed(manifest) {
        let info = palisade_events::field(kind, id);
        let read_by = match info.map(|info| info.ty.column()) {
            Some(Some(column)) => read_by(column),
            _ => "attribute",
        };
        let repeats = info.is_some_and(|info| info.repeated);
        let (_, _, by_kind) = listed_columns
            .entry(id.0.cast_signed())
            .or_insert_with(|| (name.to_owned(), repeats, BTreeMap::new()));
        by_kind.insert(named(kind), read_by);
    }
    let entries = listed_columns
        .into_iter()
        .map(|(id, (name, repeats, by_kind))| {
            let mut all = by_kind.values();
            let first = all.next();
            let only = first.filter(|first| all.all(|other| other == *first));
            json!([id, { "name": name, "repeats": repeats, "only": only, "as": by_kind }])
        });
    entries.collect()
}

/// Those of the columns that are enums.
fn enums(manifest: &Manifest) -> Value {
    let is_enum =
        |kind, id| palisade_events::field(kind, id).is_some_and(|info| info.enum_names.is_some());
    let enums = listed(manifest).filter(|(kind, _, id)| is_enum(*kind, *id));
    let ids: BTreeSet<i32> = enums.map(|(_, _, id)| id.0.cast_signed()).collect();
    Value::from(ids.into_iter().collect::<Vec<_>>())
}

fn subscriptions(manifest: &Manifest) -> Value {
    let all = manifest.subscriptions.iter().map(|subscription| {
        let always = ALWAYS.map(FieldId::of);
        let fields = subscription.fields.iter().map(|(_, id)| *id).chain(always);
        let fields: Vec<i32> = fields.map(|id| id.0.cast_signed()).collect();
        json!({ "kind": named(subscription.kind), "fields": fields })
    });
    all.collect()
}

/// What the host counts in a call, as far as it is the same wherever the plugin runs, and how more
/// is had.
fn limits(manifest: &Manifest) -> Value {
    let host = Limits::default();
    let here = host.lowered(&manifest.limits);
    let limit = |key: &str, here: u64, host: u64| {
        let raise = match here < host {
            true => format!("`limits.{key}` of plugin.toml says so, and may say {host}; or "),
            false => "the host allows no more; ".to_owned(),
        };
        json!({ "most": here, "raise": raise })
    };
    json!({
        "findings": limit("findings", here.findings.into(), host.findings.into()),
        "hostCalls": limit("host-calls", here.host_calls, host.host_calls),
    })
}

/// What the SDK learns of names; see `learn` in `known.js`.
fn names(manifest: &Manifest) -> Value {
    let bodies = Kind::ALL.iter().flat_map(|kind| kind.fields());
    let all = bodies.chain(Kind::envelope_fields()).map(|info| info.name);
    let all: BTreeSet<&str> = all.chain(ALWAYS).collect();
    let emits = manifest.parser.as_ref().map(|parser| &parser.emits);
    let emits = emits.filter(|_| manifest.world == World::Parser);
    let kinds = emits.map(|emits| emits.iter().map(|kind| named(*kind)).collect::<Vec<_>>());
    let settable = emits.map(|emits| {
        let of = |kind: &Kind| (named(*kind), settable(*kind));
        emits.iter().map(of).collect::<BTreeMap<_, _>>()
    });
    json!({ "fields": all, "kinds": kinds, "settable": settable })
}

/// The fields of a kind, each with the type of its column, or who fills it.
fn settable(kind: Kind) -> BTreeMap<String, &'static str> {
    let of = |name: &str| FieldId::of(name).0.cast_signed().to_string();
    let body = kind.fields().iter().map(|info| {
        let top = info.name.split('.').next().unwrap_or(info.name);
        let by = match info.ty.column() {
            _ if is_stamped(kind, top) => HOST,
            Some(column) => read_by(column),
            // A record, of which the host says that it has no column.
            None => "record",
        };
        (of(info.name), by)
    });
    let envelope = Kind::envelope_fields().iter();
    body.chain(envelope.map(|info| (of(info.name), HOST)))
        .collect()
}
