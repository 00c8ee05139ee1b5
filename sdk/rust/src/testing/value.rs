//! From JSON, as vectors write events, to values and typed rows.

use std::net::{IpAddr, Ipv6Addr};

use serde_json::{Map, Value};

use super::schema::Ty;

/// The values at a dotted name: one at most, or all of a field that repeats.
pub(crate) fn at<'a>(event: &'a Value, dotted: &str) -> Vec<&'a Value> {
    if let Some(attribute) = dotted.strip_prefix("attributes.") {
        return event
            .get("attributes")
            .and_then(|all| all.get(attribute))
            .into_iter()
            .collect();
    }
    let mut found = vec![event];
    for part in dotted.split('.') {
        let name = part.replace('-', "_");
        found = found
            .into_iter()
            .filter_map(|value| value.get(&name))
            .flat_map(|value| match value {
                Value::Array(values) => values.iter().collect(),
                Value::Null => Vec::new(),
                value => vec![value],
            })
            .collect();
    }
    found
}

/// A whole number: of a number, a truth value, a time, or an enum's position.
pub(crate) fn integer(value: &Value, ty: &Ty) -> Result<u64, String> {
    match (ty, value) {
        (Ty::Bool, Value::Bool(value)) => Ok(u64::from(*value)),
        (Ty::Timestamp, Value::String(text)) => time(text),
        (Ty::Enum(names), Value::String(text)) => {
            let at = names.iter().position(|name| name == text);
            at.map(|at| at as u64)
                .ok_or_else(|| format!("`{text}` is none of {}", names.join(", ")))
        }
        (Ty::Bool | Ty::Enum(_), _) => Err(format!("{value} is not {}", ty.name())),
        _ => value
            .as_u64()
            .ok_or_else(|| format!("{value} is not {}", ty.name())),
    }
}

/// Nanoseconds since 1970 of RFC 3339 text.
pub(crate) fn time(text: &str) -> Result<u64, String> {
    let timestamp: jiff::Timestamp = text.parse().map_err(|error| format!("`{text}`: {error}"))?;
    u64::try_from(timestamp.as_nanosecond())
        .map_err(|_| format!("`{text}` is before 1970 or after 2554"))
}

/// The bytes of text, or of hex for a field of bytes.
pub(crate) fn bytes(value: &Value, ty: &Ty) -> Result<Vec<u8>, String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("{value} is not {}", ty.name()))?;
    if *ty != Ty::Bytes {
        return Ok(text.as_bytes().to_vec());
    }
    let digits: Vec<u32> = text
        .chars()
        .filter(|letter| *letter != ' ')
        .map(|letter| {
            letter
                .to_digit(16)
                .ok_or_else(|| format!("`{letter}` is not a hex digit"))
        })
        .collect::<Result<_, _>>()?;
    if !digits.len().is_multiple_of(2) {
        return Err(format!("`{text}` has an odd number of hex digits"));
    }
    Ok(digits
        .chunks(2)
        .map(|pair| (pair[0] << 4 | pair[1]) as u8)
        .collect())
}

/// The 16 bytes of an address.
pub(crate) fn address(value: &Value) -> Result<[u8; 16], String> {
    let text = value
        .as_str()
        .ok_or_else(|| format!("{value} is not an address"))?;
    let address: IpAddr = text
        .parse()
        .map_err(|_| format!("`{text}` is not an address"))?;
    Ok(match address {
        IpAddr::V4(address) => address.to_ipv6_mapped().octets(),
        IpAddr::V6(address) => Ipv6Addr::octets(&address),
    })
}

/// JSON as the generated types' `Deserialize` wants it: whatever is missing or not
/// `listed` (by dotted name) becomes zero, empty or absent.
pub(crate) fn typed(
    value: Option<&Value>,
    ty: &Ty,
    dotted: &str,
    listed: &dyn Fn(&str) -> bool,
) -> Result<Value, String> {
    let value = value.filter(|value| !value.is_null());
    let shown = value.filter(|_| listed(dotted));
    let fail = |message| format!("{dotted}: {message}");
    Ok(match ty {
        Ty::Option(inner) => match value {
            // An absent record and one of which nothing is listed look the same.
            Some(_) if within(inner, dotted, listed) => typed(value, inner, dotted, listed)?,
            _ => Value::Null,
        },
        Ty::List(inner) => match value {
            Some(Value::Array(values)) if within(inner, dotted, listed) => Value::Array(
                values
                    .iter()
                    .map(|value| typed(Some(value), inner, dotted, listed))
                    .collect::<Result<_, _>>()?,
            ),
            _ => Value::Array(Vec::new()),
        },
        Ty::Record(fields) => {
            let mut out = Map::new();
            for (name, ty) in *fields {
                let dotted = if dotted.is_empty() {
                    (*name).to_owned()
                } else {
                    format!("{dotted}.{name}")
                };
                let snake = name.replace('-', "_");
                let inner = value.and_then(|value| value.get(&snake));
                out.insert(rust_name(snake), typed(inner, ty, &dotted, listed)?);
            }
            Value::Object(out)
        }
        Ty::Attributes => {
            let mut out = Vec::new();
            for (name, value) in value.and_then(Value::as_object).into_iter().flatten() {
                if listed("attributes") || listed(&format!("attributes.{name}")) {
                    let case = if value.is_number() { "Number" } else { "Text" };
                    out.push(serde_json::json!({ "name": name, "value": { case: value } }));
                }
            }
            Value::Array(out)
        }
        Ty::Enum(names) => {
            let at = shown
                .map(|value| integer(value, ty))
                .transpose()
                .map_err(fail)?;
            let at = at.unwrap_or_else(|| {
                names
                    .iter()
                    .position(|name| *name == "unknown")
                    .unwrap_or(0) as u64
            });
            Value::String(pascal(names[at as usize]))
        }
        Ty::Bool => Value::Bool(
            shown
                .map_or(Ok(0), |value| integer(value, ty))
                .map_err(fail)?
                != 0,
        ),
        Ty::U8 | Ty::U16 | Ty::U32 | Ty::U64 | Ty::Timestamp => shown
            .map_or(Ok(0), |value| integer(value, ty))
            .map_err(fail)?
            .into(),
        Ty::Float => shown.and_then(Value::as_f64).unwrap_or(0.0).into(),
        Ty::Text | Ty::Address => shown.and_then(Value::as_str).unwrap_or("").into(),
        Ty::Bytes => shown
            .map_or(Ok(Vec::new()), |value| bytes(value, ty))
            .map_err(fail)?
            .into(),
    })
}

/// Whether a field or anything below it is listed.
fn within(ty: &Ty, dotted: &str, listed: &dyn Fn(&str) -> bool) -> bool {
    match ty {
        Ty::Record(fields) => fields
            .iter()
            .any(|(name, ty)| within(ty, &format!("{dotted}.{name}"), listed)),
        Ty::Option(inner) | Ty::List(inner) => within(inner, dotted, listed),
        _ => listed(dotted),
    }
}

/// How the bindings name a field that Rust reserves.
fn rust_name(snake: String) -> String {
    match snake.as_str() {
        "ref" | "type" | "match" | "use" | "in" | "for" | "where" | "static" | "enum" | "final" => {
            snake + "_"
        }
        _ => snake,
    }
}

fn pascal(kebab: &str) -> String {
    kebab
        .split('-')
        .map(|word| {
            let (first, rest) = word.split_at(word.len().min(1));
            first.to_ascii_uppercase() + rest
        })
        .collect()
}
