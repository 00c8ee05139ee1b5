//! From TOML to a manifest that makes sense.

use std::collections::HashSet;
use std::time::Duration;

use palisade_events::{FieldId, FieldInfo, FieldType, Kind, Severity, Transport};

use super::duration::{duration, size};
use super::predicate::network;
use super::raw::{RawManifest, RawParser, RawPredicate, RawSubscription, RawTable};
use super::*;

/// Bounds on what a manifest may declare, so that nothing that is sized by it can grow.
const MAX_ITEMS: usize = 1024;
const MAX_FIELDS: usize = 256;
const MAX_VALUES: usize = 65_536;
const DEFAULT_TTL: Duration = Duration::from_secs(24 * 3600);
const DEFAULT_MAX_KEYS: u32 = 100_000;
const MAX_KEYS: u32 = 16_000_000;

pub(super) fn manifest(raw: RawManifest) -> Result<Manifest, ManifestError> {
    let plugin = raw.plugin;
    let world = match plugin.kind.as_str() {
        "detector" => World::Detector,
        "policy" => World::Policy,
        "parser" => World::Parser,
        other => {
            return Err(one_of(
                "plugin.kind",
                other,
                ["detector", "policy", "parser"],
            ));
        }
    };
    if plugin.wit != WIT_VERSION {
        return Err(ManifestError::value(
            "plugin.wit",
            format!(
                "is `{}`; this host offers `{WIT_VERSION}`, rebuild the plugin for it",
                plugin.wit
            ),
        ));
    }
    name("plugin.name", &plugin.name)?;
    name("plugin.pack", &plugin.pack)?;
    semver::Version::parse(&plugin.version).map_err(|e| {
        ManifestError::value("plugin.version", format!("`{}`: {e}", plugin.version))
    })?;
    for (place, count) in [
        ("subscription", raw.subscription.len()),
        ("rule", raw.rule.len()),
        ("table", raw.table.len()),
        ("dataset", raw.dataset.len()),
        ("setting", raw.setting.len()),
    ] {
        if count > MAX_ITEMS {
            return Err(ManifestError::value(
                place,
                format!("there are {count}; at most {MAX_ITEMS} are allowed"),
            ));
        }
    }
    let capabilities = named(
        "plugin.capabilities",
        &plugin.capabilities,
        &Capability::ALL.map(|c| (c.name(), c)),
    )?;
    let exports = named(
        "plugin.exports",
        &plugin.exports,
        &[OptionalExport::OnTimer, OptionalExport::Observe].map(|e| (e.name(), e)),
    )?;
    let ordering = match plugin.ordering.as_deref() {
        None | Some("exact") => Ordering::Exact,
        Some("per-kind") => Ordering::PerKind,
        Some(other) => return Err(one_of("plugin.ordering", other, ["exact", "per-kind"])),
    };
    let datasets: Vec<String> = raw.dataset.into_iter().map(|d| d.name).collect();
    let subscriptions = raw
        .subscription
        .into_iter()
        .enumerate()
        .map(|(i, s)| subscription(&format!("subscription[{i}]"), world, &datasets, s))
        .collect::<Result<Vec<_>, _>>()?;
    let rules = raw
        .rule
        .into_iter()
        .enumerate()
        .map(|(i, rule)| {
            let place = format!("rule[{i}].severity");
            Ok(Rule {
                severity: severity(&place, &rule.severity)?,
                id: rule.id,
                title: rule.title,
                requirements: rule.requirements,
                attack: rule.attack,
                references: rule.references,
            })
        })
        .collect::<Result<Vec<_>, ManifestError>>()?;
    let tables = raw
        .table
        .into_iter()
        .enumerate()
        .map(|(i, t)| table(&format!("table[{i}]"), &subscriptions, t))
        .collect::<Result<Vec<_>, _>>()?;
    let settings = raw
        .setting
        .into_iter()
        .enumerate()
        .map(|(i, s)| SettingSpec::from_raw(&format!("setting[{i}]"), s))
        .collect::<Result<Vec<_>, _>>()?;
    unique("rule", rules.iter().map(|r| r.id.as_str()))?;
    unique("table", tables.iter().map(|t| t.name.as_str()))?;
    unique("dataset", datasets.iter().map(String::as_str))?;
    unique("setting", settings.iter().map(|s| s.name.as_str()))?;
    let limits = RequestedLimits {
        memory: raw
            .limits
            .memory
            .map(|text| size(&text).map_err(|p| ManifestError::value("limits.memory", p)))
            .transpose()?,
        call_time: raw
            .limits
            .call_time
            .map(|text| duration(&text).map_err(|p| ManifestError::value("limits.call-time", p)))
            .transpose()?,
        findings: raw.limits.findings,
        host_calls: raw.limits.host_calls,
    };
    let manifest = Manifest {
        name: plugin.name,
        version: plugin.version,
        world,
        pack: plugin.pack,
        description: plugin.description,
        capabilities,
        exports,
        ordering,
        subscriptions,
        rules,
        tables,
        datasets,
        settings,
        limits,
        parser: raw.parser.map(parser).transpose()?,
    };
    coherent(&manifest)?;
    Ok(manifest)
}

/// What no single key can tell.
fn coherent(manifest: &Manifest) -> Result<(), ManifestError> {
    let missing = |place: &str, problem: &str| Err(ManifestError::value(place, problem));
    match manifest.world {
        World::Parser => {
            if manifest.parser.is_none() {
                return missing("parser", "a parser needs a `[parser]` table");
            }
            if !manifest.subscriptions.is_empty() {
                return missing(
                    "subscription",
                    "a parser reads bytes and has no subscription",
                );
            }
        }
        World::Detector | World::Policy => {
            if manifest.parser.is_some() {
                return missing("parser", "only a parser has a `[parser]` table");
            }
            if manifest.subscriptions.is_empty() {
                return missing(
                    "subscription",
                    "without one the plugin would never be called",
                );
            }
            if manifest.rules.is_empty() {
                return missing(
                    "rule",
                    "every finding and judgement names a rule; declare one",
                );
            }
        }
    }
    if manifest.world == World::Policy {
        let decides = manifest
            .subscriptions
            .iter()
            .any(|s| s.role == Role::Decide);
        let observes = manifest
            .subscriptions
            .iter()
            .any(|s| s.role == Role::Observe);
        if !decides {
            return missing(
                "subscription",
                "a policy needs one with `role = \"decide\"`",
            );
        }
        if observes != manifest.exports(OptionalExport::Observe) {
            return missing(
                "plugin.exports",
                "must list `observe` exactly when a subscription has `role = \"observe\"`",
            );
        }
    } else if manifest.exports(OptionalExport::Observe) {
        return missing("plugin.exports", "`observe` is an export of policies only");
    }
    if manifest.exports(OptionalExport::OnTimer) && !manifest.asks_for(Capability::Timers) {
        return missing(
            "plugin.capabilities",
            "must list `timers`, because `plugin.exports` lists `on-timer`",
        );
    }
    if !manifest.tables.is_empty() && !manifest.asks_for(Capability::State) {
        return missing(
            "plugin.capabilities",
            "must list `state`, because there are tables",
        );
    }
    if !manifest.datasets.is_empty() && !manifest.asks_for(Capability::Datasets) {
        return missing(
            "plugin.capabilities",
            "must list `datasets`, because there are some",
        );
    }
    Ok(())
}

fn subscription(
    place: &str,
    world: World,
    datasets: &[String],
    raw: RawSubscription,
) -> Result<Subscription, ManifestError> {
    let kind = kind(&format!("{place}.kind"), &raw.kind)?;
    let role = match (world, raw.role.as_deref()) {
        (World::Policy, None | Some("decide")) => Role::Decide,
        (World::Policy, Some("observe")) => Role::Observe,
        (World::Policy, Some(other)) => {
            return Err(one_of(
                &format!("{place}.role"),
                other,
                ["decide", "observe"],
            ));
        }
        (_, None) => Role::Evaluate,
        (_, Some(_)) => {
            return Err(ManifestError::value(
                format!("{place}.role"),
                "only a policy's subscription has a role",
            ));
        }
    };
    if raw.fields.len() > MAX_FIELDS {
        return Err(ManifestError::value(
            format!("{place}.fields"),
            format!("at most {MAX_FIELDS} are allowed"),
        ));
    }
    let fields = fields(&format!("{place}.fields"), kind, &raw.fields)?;
    let partition_by = self::fields(&format!("{place}.partition-by"), kind, &raw.partition_by)?;
    let predicates = raw
        .predicates
        .into_iter()
        .enumerate()
        .map(|(i, p)| predicate(&format!("{place}.where[{i}]"), kind, datasets, p))
        .collect::<Result<_, _>>()?;
    Ok(Subscription {
        kind,
        role,
        fields,
        partition_by,
        predicates,
    })
}

fn fields(
    place: &str,
    kind: Kind,
    names: &[String],
) -> Result<Vec<(String, FieldId)>, ManifestError> {
    names
        .iter()
        .map(|name| field(place, kind, name).map(|named| (name.clone(), named.id)))
        .collect()
}

/// What is known of a field that a manifest names.
struct Named<'a> {
    name: &'a str,
    id: FieldId,
    /// `None`: an attribute, which holds numbers or text.
    info: Option<&'static FieldInfo>,
}

fn field<'a>(place: &str, kind: Kind, name: &'a str) -> Result<Named<'a>, ManifestError> {
    let id = FieldId::of(name);
    let info = palisade_events::field(kind, id).filter(|info| info.name == name);
    if info.is_some() || kind.attribute_name(name).is_some() {
        return Ok(Named { name, id, info });
    }
    let known = kind.all_fields().map(|info| info.name);
    Err(ManifestError::value(
        place,
        format!(
            "`{}` has no field `{name}`{}",
            kind.name(),
            hint(&name.replace('_', "-"), known)
        ),
    ))
}

fn predicate(
    place: &str,
    kind: Kind,
    datasets: &[String],
    raw: RawPredicate,
) -> Result<Predicate, ManifestError> {
    let named = field(&format!("{place}.field"), kind, &raw.field)?;
    let ty = named.info.map(|info| info.ty);
    let id = named.id;
    let error = |problem: String| ManifestError::value(place, problem);
    let value = |v: &toml::Value| value_for(&named, v).map_err(error);
    let mut tests = Vec::new();
    // An address is text in a manifest and binary in a column: a network of its own.
    let equal = |values: Vec<Value>| -> Result<Test, ManifestError> {
        if ty != Some(FieldType::Address) {
            return Ok(Test::OneOf(values));
        }
        let networks = values.iter().filter_map(|value| match value {
            Value::Text(text) => Some(network(text).map_err(error)),
            _ => None,
        });
        Ok(Test::Cidr(networks.collect::<Result<_, _>>()?))
    };
    if let Some(v) = &raw.equals {
        tests.push(equal(vec![value(v)?])?);
    }
    if let Some(all) = &raw.one_of {
        bounded(place, all.len())?;
        let values = all.iter().map(value).collect::<Result<_, _>>()?;
        tests.push(equal(values)?);
    }
    if let Some(networks) = &raw.cidr {
        bounded(place, networks.len())?;
        if ty != Some(FieldType::Address) {
            return Err(error(format!("`{}` is not an address", raw.field)));
        }
        let parsed = networks.iter().map(|n| network(n).map_err(error));
        tests.push(Test::Cidr(parsed.collect::<Result<_, _>>()?));
    }
    for (texts, make) in [
        (raw.prefix, Test::Prefix as fn(Vec<String>) -> Test),
        (raw.suffix, Test::Suffix),
        (raw.contains_any, Test::ContainsAny),
    ] {
        if let Some(texts) = texts {
            bounded(place, texts.len())?;
            if !matches!(ty, None | Some(FieldType::Text)) {
                return Err(error(format!("`{}` is not text", raw.field)));
            }
            tests.push(make(texts));
        }
    }
    if let Some(dataset) = raw.in_dataset {
        let position = datasets.iter().position(|d| *d == dataset).ok_or_else(|| {
            error(format!(
                "there is no dataset `{dataset}`{}; declare it with `[[dataset]]`",
                hint(&dataset, datasets.iter().map(String::as_str))
            ))
        })?;
        tests.push(Test::InDataset(position));
    }
    let mut not = raw.not;
    if let Some(exists) = raw.exists {
        not ^= !exists;
        tests.push(Test::Exists);
    }
    if raw.min.is_some() || raw.max.is_some() {
        tests.push(Test::Range {
            min: raw.min.as_ref().map(value).transpose()?,
            max: raw.max.as_ref().map(value).transpose()?,
        });
    }
    let mut tests = tests.into_iter();
    match (tests.next(), tests.next()) {
        (Some(test), None) => Ok(Predicate {
            name: raw.field.clone(),
            field: id,
            not,
            test,
        }),
        _ => Err(error(
            "needs exactly one of `equals`, `in`, `cidr`, `prefix`, `suffix`, `contains-any`, \
             `in-dataset`, `exists`, or `min`/`max`"
                .into(),
        )),
    }
}

/// A TOML value as one that can be compared with the field.
fn value_for(named: &Named<'_>, value: &toml::Value) -> Result<Value, String> {
    let name = named.name;
    let wrong = |expected: &str| Err(format!("`{name}` takes {expected}, not `{value}`"));
    let Some(info) = named.info else {
        return match value {
            toml::Value::String(s) => Ok(Value::Text(s.clone())),
            toml::Value::Integer(i) => Ok(Value::Integer(*i)),
            toml::Value::Float(f) if f.is_finite() => Ok(Value::Number(*f)),
            _ => wrong("text or a number"),
        };
    };
    match (info.ty, info.enum_names, value) {
        (FieldType::Enum, Some(names), toml::Value::String(s)) => {
            if names.contains(&s.as_str()) {
                return Ok(Value::Text(s.clone()));
            }
            let hint = hint(s, names.iter().copied());
            Err(format!("`{name}` has no case `{s}`{hint}"))
        }
        (FieldType::Enum, ..) => wrong("the name of a case"),
        (FieldType::Text, _, toml::Value::String(s)) => Ok(Value::Text(s.clone())),
        (FieldType::Text, ..) => wrong("text"),
        (FieldType::Address, _, toml::Value::String(s)) => {
            network(s).map(|_| Value::Text(s.clone()))
        }
        (FieldType::Address, ..) => wrong("an address as text"),
        (FieldType::Bool, _, toml::Value::Boolean(b)) => Ok(Value::Boolean(*b)),
        (FieldType::Bool, ..) => wrong("`true` or `false`"),
        (FieldType::Bytes | FieldType::Record | FieldType::Attributes, ..) => {
            Err(format!("`{name}` cannot be compared with a value"))
        }
        (_, _, toml::Value::Integer(i)) => Ok(Value::Integer(*i)),
        (_, _, toml::Value::Float(f)) if f.is_finite() => Ok(Value::Number(*f)),
        _ => wrong("a number"),
    }
}

fn table(
    place: &str,
    subscriptions: &[Subscription],
    raw: RawTable,
) -> Result<Table, ManifestError> {
    let kind = match raw.kind.as_str() {
        "count" => TableKind::Count,
        "sum" => TableKind::Sum,
        "distinct" => TableKind::Distinct,
        "first" => TableKind::First,
        "value" => TableKind::Value,
        other => {
            return Err(one_of(
                &format!("{place}.kind"),
                other,
                ["count", "sum", "distinct", "first", "value"],
            ));
        }
    };
    let windowed = matches!(
        kind,
        TableKind::Count | TableKind::Sum | TableKind::Distinct
    );
    let window = match (windowed, raw.window) {
        (true, Some(text)) => {
            duration(&text).map_err(|p| ManifestError::value(format!("{place}.window"), p))?
        }
        (true, None) => {
            return Err(ManifestError::value(
                place,
                format!("a `{}` table needs a `window`", kind.name()),
            ));
        }
        (false, None) => Duration::ZERO,
        (false, Some(_)) => {
            return Err(ManifestError::value(
                place,
                format!("a `{}` table has a `ttl`, not a `window`", kind.name()),
            ));
        }
    };
    let ttl = match raw.ttl {
        Some(text) => {
            duration(&text).map_err(|p| ManifestError::value(format!("{place}.ttl"), p))?
        }
        None if windowed => window,
        None => DEFAULT_TTL,
    };
    if (kind == TableKind::Value) != raw.key.is_empty() {
        return Err(ManifestError::value(
            format!("{place}.key"),
            "every table but a `value` table needs key fields, and a `value` table has none",
        ));
    }
    for name in &raw.key {
        if !subscriptions
            .iter()
            .any(|s| s.fields.iter().any(|(field, _)| field == name))
        {
            return Err(ManifestError::value(
                format!("{place}.key"),
                format!("`{name}` is a field of no subscription; list it under `fields`"),
            ));
        }
    }
    let max_keys = raw.max_keys.unwrap_or(DEFAULT_MAX_KEYS);
    if !(1..=MAX_KEYS).contains(&max_keys) {
        return Err(ManifestError::value(
            format!("{place}.max-keys"),
            format!("must be 1 to {MAX_KEYS}"),
        ));
    }
    let key = raw.key.into_iter().map(|name| {
        let id = FieldId::of(&name);
        (name, id)
    });
    Ok(Table {
        name: raw.name,
        kind,
        key: key.collect(),
        window,
        ttl,
        max_keys,
    })
}

fn parser(raw: RawParser) -> Result<ParserSpec, ManifestError> {
    let emits = raw
        .emits
        .iter()
        .map(|name| match kind("parser.emits", name)? {
            kind if kind.name().starts_with("control.") => Err(ManifestError::value(
                "parser.emits",
                format!("`{name}` comes from the host alone"),
            )),
            kind => Ok(kind),
        })
        .collect::<Result<Vec<_>, _>>()?;
    let transports = named(
        "parser.transports",
        &raw.transports,
        &[("tcp", Transport::Tcp), ("udp", Transport::Udp)],
    )?;
    if emits.is_empty() || transports.is_empty() {
        return Err(ManifestError::value(
            "parser",
            "`emits` and `transports` need an entry each",
        ));
    }
    bounded("parser.signatures", raw.signatures.len())?;
    let signatures = raw
        .signatures
        .into_iter()
        .map(|s| match hex::decode(s.hex.replace(' ', "")) {
            Ok(bytes) if (1..=64).contains(&bytes.len()) && s.offset <= 1024 => Ok(Signature {
                offset: s.offset,
                bytes,
            }),
            _ => Err(ManifestError::value(
                "parser.signatures",
                format!(
                    "`{}` at {}: write 1 to 64 bytes as hexadecimal, at an offset of at most 1024",
                    s.hex, s.offset
                ),
            )),
        })
        .collect::<Result<_, _>>()?;
    name("parser.protocol", &raw.protocol)?;
    Ok(ParserSpec {
        protocol: raw.protocol,
        encrypted: raw.encrypted,
        emits,
        transports,
        ports: raw.ports,
        signatures,
    })
}

fn kind(place: &str, name: &str) -> Result<Kind, ManifestError> {
    Kind::from_name(name).ok_or_else(|| {
        let known = Kind::ALL.iter().map(|k| k.name());
        ManifestError::value(
            place,
            format!("there is no kind `{name}`{}", hint(name, known)),
        )
    })
}

fn severity(place: &str, name: &str) -> Result<Severity, ManifestError> {
    Severity::from_name(name)
        .ok_or_else(|| one_of(place, name, ["info", "low", "medium", "high", "critical"]))
}

/// Names in manifests are kebab-case, so that they can be file names and keys anywhere.
fn name(place: &str, name: &str) -> Result<(), ManifestError> {
    let good = (1..=64).contains(&name.len())
        && name.starts_with(|c: char| c.is_ascii_lowercase())
        && name
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if good {
        return Ok(());
    }
    Err(ManifestError::value(
        place,
        format!("`{name}` must be 1 to 64 of a-z, 0-9 and `-`, beginning with a letter"),
    ))
}

fn unique<'a>(place: &str, names: impl Iterator<Item = &'a str>) -> Result<(), ManifestError> {
    let mut seen = HashSet::new();
    for name in names {
        if !seen.insert(name) {
            return Err(ManifestError::value(
                place,
                format!("`{name}` is there twice"),
            ));
        }
    }
    Ok(())
}

fn named<T: Copy + PartialEq>(
    place: &str,
    names: &[String],
    known: &[(&str, T)],
) -> Result<Vec<T>, ManifestError> {
    let mut out = Vec::new();
    for name in names {
        let found = known.iter().find(|(n, _)| n == name).ok_or_else(|| {
            ManifestError::value(
                place,
                format!(
                    "there is no `{name}`{}",
                    hint(name, known.iter().map(|(n, _)| *n))
                ),
            )
        })?;
        if !out.contains(&found.1) {
            out.push(found.1);
        }
    }
    Ok(out)
}

fn one_of<const N: usize>(place: &str, found: &str, known: [&str; N]) -> ManifestError {
    ManifestError::value(
        place,
        format!("`{found}` is none of `{}`", known.join("`, `")),
    )
}

fn bounded(place: &str, count: usize) -> Result<(), ManifestError> {
    if count <= MAX_VALUES {
        return Ok(());
    }
    Err(ManifestError::value(
        place,
        format!("has {count} values; at most {MAX_VALUES} are allowed, use a dataset"),
    ))
}

/// `; did you mean …?`, when something known is near.
pub(super) fn hint<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::damerau_levenshtein(name, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min()
        .map(|(_, candidate)| format!("; did you mean `{candidate}`?"))
        .unwrap_or_default()
}
