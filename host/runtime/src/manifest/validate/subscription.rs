//! Subscriptions: what a plugin is shown, and under which conditions.

use palisade_events::{FieldId, FieldInfo, FieldType, Kind};

use super::check::{bounded, case, hint, kind};
use crate::manifest::predicate::network;
use crate::manifest::raw::{RawPredicate, RawSubscription};
use crate::manifest::{ManifestError, Predicate, Role, Subscription, TESTS, Test, Value, World};

pub(in crate::manifest) const MAX_FIELDS: usize = 256;

pub(super) fn subscription(
    place: &str,
    world: World,
    datasets: &[String],
    raw: RawSubscription,
) -> Result<Subscription, ManifestError> {
    let kind = kind(&format!("{place}.kind"), &raw.kind)?;
    let role = match (world, raw.role.as_deref()) {
        (World::Policy, None) => Role::Decide,
        (World::Policy, Some(name)) => {
            let roles = Role::NAMED.map(|role| (role.name(), role));
            case(&format!("{place}.role"), name, &roles)?
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
    if let Some(attribute) = kind.attribute_name(name).filter(|_| info.is_none()) {
        // No event has one of another name.
        palisade_events::check_attribute_name(attribute)
            .map_err(|error| ManifestError::value(place, error.to_string()))?;
        return Ok(Named { name, id, info });
    }
    if info.is_some() {
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
        _ => Err(error(format!(
            "needs exactly one of `{}`, or `min`/`max`",
            TESTS.join("`, `")
        ))),
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
