//! The manifest as JSON Schema, made of the structures that read it.
//!
//! What a name may be comes from the lists by which the manifest is checked. The schema knows less
//! than [`Manifest::parse`](super::Manifest::parse): which field a kind has, which type a field
//! holds, and what must agree across tables. So what it refuses is refused, and not all that it
//! accepts is accepted.

use std::collections::BTreeSet;

use palisade_events::{Kind, Severity};
use schemars::generate::SchemaSettings;
use schemars::{Schema, SchemaGenerator, json_schema};

use super::raw::RawManifest;
use super::{
    Capability, OptionalExport, Ordering, Role, SettingType, TableKind, WIT_VERSION, World,
};
use super::{TRANSPORTS, host_only};

/// A name in kebab case.
pub(super) const NAME: &str = "^[a-z][a-z0-9-]{0,63}$";
/// What every semantic version looks like; the rest is told by who reads it.
pub(super) const VERSION: &str = r"^[0-9]+\.[0-9]+\.[0-9]+([-+][0-9A-Za-z.+-]+)?$";

/// The JSON Schema (draft 7, which editors know) of `plugin.toml`.
pub fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft07();
    settings
        .into_generator()
        .into_root_schema_for::<RawManifest>()
        .into()
}

fn one_of(names: impl IntoIterator<Item = &'static str>) -> Schema {
    let names: Vec<&str> = names.into_iter().collect();
    json_schema!({ "type": "string", "enum": names })
}

fn list(items: Schema) -> Schema {
    json_schema!({ "type": "array", "items": items })
}

pub(super) fn worlds(_: &mut SchemaGenerator) -> Schema {
    one_of(World::ALL.map(World::name))
}

pub(super) fn wit(_: &mut SchemaGenerator) -> Schema {
    one_of([WIT_VERSION])
}

pub(super) fn capabilities(_: &mut SchemaGenerator) -> Schema {
    list(one_of(Capability::ALL.map(Capability::name)))
}

pub(super) fn exports(_: &mut SchemaGenerator) -> Schema {
    list(one_of(OptionalExport::ALL.map(OptionalExport::name)))
}

pub(super) fn orderings(_: &mut SchemaGenerator) -> Schema {
    one_of(Ordering::ALL.map(Ordering::name))
}

pub(super) fn roles(_: &mut SchemaGenerator) -> Schema {
    one_of(Role::NAMED.map(Role::name))
}

pub(super) fn kinds(_: &mut SchemaGenerator) -> Schema {
    one_of(Kind::NAMES.iter().copied())
}

pub(super) fn emitted(_: &mut SchemaGenerator) -> Schema {
    let kinds = Kind::ALL.iter().filter(|kind| !host_only(**kind));
    let mut schema = list(one_of(kinds.map(|kind| kind.name())));
    schema.insert("minItems".to_owned(), 1.into());
    schema
}

pub(super) fn transports(_: &mut SchemaGenerator) -> Schema {
    let mut schema = list(one_of(TRANSPORTS.map(|(name, _)| name)));
    schema.insert("minItems".to_owned(), 1.into());
    schema
}

pub(super) fn severities(_: &mut SchemaGenerator) -> Schema {
    one_of(Severity::NAMES.iter().copied())
}

pub(super) fn tables(_: &mut SchemaGenerator) -> Schema {
    one_of(TableKind::ALL.map(TableKind::name))
}

pub(super) fn settings(_: &mut SchemaGenerator) -> Schema {
    one_of(SettingType::ALL.map(SettingType::name))
}

/// A field of any kind; which kind has which, the parser of the manifest says.
pub(super) fn field(generator: &mut SchemaGenerator) -> Schema {
    let name = "FieldName";
    if !generator.definitions().contains_key(name) {
        let all = Kind::ALL.iter().flat_map(|kind| kind.all_fields());
        let names: BTreeSet<&str> = all.map(|info| info.name).collect();
        let schema = json_schema!({
            "description": "Dotted name of a field of an event",
            "type": "string",
            "anyOf": [{ "enum": names }, { "pattern": r"^attributes\.." }],
        });
        generator
            .definitions_mut()
            .insert(name.to_owned(), schema.into());
    }
    Schema::new_ref(format!("#/definitions/{name}"))
}

pub(super) fn fields(generator: &mut SchemaGenerator) -> Schema {
    list(field(generator))
}

pub(super) fn scalar(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": ["string", "number", "boolean"] })
}

pub(super) fn scalars(generator: &mut SchemaGenerator) -> Schema {
    list(scalar(generator))
}

pub(super) fn number(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number" })
}

pub(super) fn setting(_: &mut SchemaGenerator) -> Schema {
    json_schema!({
        "type": ["string", "number", "boolean", "array"],
        "items": { "type": "string" },
    })
}

/// What a parser needs and others must not have, and the other way around.
pub(super) fn by_world(schema: &mut Schema) {
    let parser = World::Parser.name();
    let is = serde_json::json!({ "properties": { "plugin": { "properties": { "kind": { "const": parser } } } } });
    schema.insert("if".to_owned(), is);
    schema.insert(
        "then".to_owned(),
        serde_json::json!({ "required": ["parser"], "properties": { "subscription": { "maxItems": 0 } } }),
    );
    schema.insert(
        "else".to_owned(),
        serde_json::json!({
            "required": ["subscription", "rule"],
            "properties": { "parser": false, "subscription": { "minItems": 1 }, "rule": { "minItems": 1 } },
        }),
    );
}

/// A predicate makes one test.
pub(super) fn one_test(schema: &mut Schema) {
    let tests = super::TESTS.map(|name| serde_json::json!({ "required": [name] }));
    let range = serde_json::json!({ "anyOf": [{ "required": ["min"] }, { "required": ["max"] }] });
    let all: Vec<_> = tests.into_iter().chain([range]).collect();
    schema.insert("oneOf".to_owned(), all.into());
}

/// Which tables have a window, and which a key.
pub(super) fn by_table(schema: &mut Schema) {
    let kinds = |which: fn(TableKind) -> bool| -> Vec<&str> {
        let those = TableKind::ALL.into_iter().filter(|kind| which(*kind));
        those.map(TableKind::name).collect()
    };
    let is = |names: Vec<&str>| serde_json::json!({ "properties": { "kind": { "enum": names } } });
    schema.insert(
        "allOf".to_owned(),
        serde_json::json!([
            {
                "if": is(kinds(TableKind::windowed)),
                "then": { "required": ["window"] },
                "else": { "properties": { "window": false } },
            },
            {
                "if": is(kinds(|kind| kind == TableKind::Value)),
                "then": { "properties": { "key": { "maxItems": 0 } } },
                "else": { "required": ["key"], "properties": { "key": { "minItems": 1 } } },
            },
        ]),
    );
}
