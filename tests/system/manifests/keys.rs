//! The keys of a manifest, as its schema has them.

use std::collections::BTreeSet;

use serde_json::Value;

use super::File;

/// A key of a table.
pub(in crate::manifests) struct Key {
    pub(in crate::manifests) name: String,
    pub(in crate::manifests) mandatory: bool,
    /// As a person reads it: `text`, `list of texts`.
    pub(in crate::manifests) ty: String,
    /// What it may be, where it is one of a few names.
    pub(in crate::manifests) cases: Vec<String>,
    /// The most items of a list.
    pub(in crate::manifests) most_items: Option<u64>,
    /// The largest number.
    pub(in crate::manifests) most: Option<u64>,
    /// The default that the schema states, if it says something.
    pub(in crate::manifests) default: Option<String>,
    pub(in crate::manifests) meaning: String,
}

/// A table of a manifest.
pub(in crate::manifests) struct Section {
    /// As TOML writes its header: `[plugin]`, `[[subscription]]`; empty: the top level.
    pub(in crate::manifests) header: String,
    /// The keys that lead to it, and whether there are several.
    pub(in crate::manifests) path: Vec<(String, bool)>,
    pub(in crate::manifests) keys: Vec<Key>,
}

/// All tables of a manifest, outer ones first.
pub(in crate::manifests) fn sections(file: File) -> Vec<Section> {
    let root = file.schema();
    let mut found = Vec::new();
    section(&root, &root, Vec::new(), &mut found);
    found
}

/// What a `$ref` leads to.
fn resolve<'a>(root: &'a Value, schema: &'a Value) -> &'a Value {
    let inner = schema.get("allOf").and_then(|all| all.get(0));
    let schema = inner
        .filter(|one| one.get("$ref").is_some())
        .unwrap_or(schema);
    // An optional table is that or null.
    let any = schema.get("anyOf").and_then(Value::as_array);
    let schema = any
        .and_then(|any| any.iter().find(|one| one.get("$ref").is_some()))
        .unwrap_or(schema);
    match schema.get("$ref").and_then(Value::as_str) {
        Some(to) => root
            .pointer(to.trim_start_matches('#'))
            .expect("what is referred to is there"),
        None => schema,
    }
}

fn section(root: &Value, schema: &Value, path: Vec<(String, bool)>, found: &mut Vec<Section>) {
    let required: BTreeSet<&str> = schema["required"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    assert_eq!(
        schema["additionalProperties"],
        Value::Bool(false),
        "{path:?} takes unknown keys"
    );
    let mut keys = Vec::new();
    let mut below = Vec::new();
    for (name, property) in schema["properties"].as_object().expect("keys") {
        let target = resolve(root, property);
        let items = target.get("items").map(|items| resolve(root, items));
        let named = target.get("additionalProperties").filter(|v| v.is_object());
        let named = named.map(|value| resolve(root, value));
        let inner = [(Some(target), false), (items, true), (named, false)];
        let table = inner.into_iter().find_map(|(s, many)| {
            s.filter(|s| s.get("properties").is_some())
                .map(|s| (s, many))
        });
        if let Some((table, many)) = table {
            let mut path = path.clone();
            path.push((name.clone(), many));
            if named.is_some() {
                path.push(("NAME".to_owned(), false));
            }
            below.push((table, path));
        }
        let meaning = property["description"].as_str().unwrap_or_default();
        assert!(!meaning.is_empty(), "{path:?}.{name} is not explained");
        let number = |name: &str| {
            let bound = property.get(name).or(target.get(name));
            bound.and_then(Value::as_u64)
        };
        let mut key = Key {
            name: name.clone(),
            mandatory: required.contains(name.as_str()),
            ty: ty(target, items, named),
            cases: cases(target).or(items.and_then(cases)).unwrap_or_default(),
            most_items: number("maxItems"),
            most: number("maximum"),
            default: default(property),
            meaning: meaning.split_whitespace().collect::<Vec<_>>().join(" "),
        };
        let bounds = bounds(&key, number("minimum").unwrap_or(0));
        key.ty.push_str(&bounds);
        keys.push(key);
    }
    found.push(Section {
        header: header(&path),
        path,
        keys,
    });
    for (schema, path) in below {
        section(root, schema, path, found);
    }
}

fn header(path: &[(String, bool)]) -> String {
    let names: Vec<&str> = path.iter().map(|(name, _)| name.as_str()).collect();
    match path.last() {
        None => String::new(),
        Some((_, true)) => format!("[[{}]]", names.join(".")),
        Some((_, false)) => format!("[{}]", names.join(".")),
    }
}

/// Few enough to be told one by one; of fields and kinds the page of events tells.
fn cases(schema: &Value) -> Option<Vec<String>> {
    let names = schema.get("enum")?.as_array()?;
    let names = names.iter().filter_map(|name| name.as_str());
    Some(names.map(str::to_owned).collect())
}

/// How much, and how many. What merely follows from a number's width says nothing.
fn bounds(key: &Key, least: u64) -> String {
    match (key.most_items, key.most) {
        (Some(most), _) => format!(", at most {most}"),
        (None, Some(most)) => format!(", {least} to {most}"),
        (None, None) => String::new(),
    }
}

fn default(property: &Value) -> Option<String> {
    match property.get("default")? {
        Value::Null => None,
        Value::Array(items) if items.is_empty() => Some("none".to_owned()),
        Value::Object(_) => Some("none".to_owned()),
        Value::String(text) if text.is_empty() => Some("empty".to_owned()),
        other => Some(format!("`{}`", other.to_string().trim_matches('"'))),
    }
}

fn ty(schema: &Value, items: Option<&Value>, named: Option<&Value>) -> String {
    if let Some(named) = named {
        return format!("table of {} by name", plural(&ty(named, None, None)));
    }
    if schema.get("properties").is_some() {
        return "table".to_owned();
    }
    let names: Vec<&str> = match &schema["type"] {
        Value::String(name) => vec![name],
        Value::Array(names) => names.iter().filter_map(Value::as_str).collect(),
        // Anything.
        _ => return "value".to_owned(),
    };
    let names = names.into_iter().filter(|name| *name != "null");
    let names: Vec<String> = names
        .map(|name| match (name, items) {
            ("string", _) => "text".to_owned(),
            ("integer", _) => "whole number".to_owned(),
            ("array", Some(items)) => format!("list of {}", plural(&ty(items, None, None))),
            ("array", None) => "list".to_owned(),
            ("object", _) => "table".to_owned(),
            (other, _) => other.to_owned(),
        })
        .collect();
    names.join(", ")
}

fn plural(name: &str) -> String {
    let several = |name: &str| match name {
        "boolean" => "booleans".to_owned(),
        name if name.starts_with("table of ") => name.replacen("table", "tables", 1),
        name => format!("{name}s"),
    };
    name.split(", ").map(several).collect::<Vec<_>>().join(", ")
}
