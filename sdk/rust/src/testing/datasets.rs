//! Entries of datasets, in memory.

use std::net::IpAddr;

use serde_json::Value;

use super::schema::Ty;
use super::value;
use crate::bindings::host::palisade::plugin::datasets::Entry;
use crate::{Attribute, AttributeValue};

/// An entry of a dataset.
pub(crate) struct Stored {
    pub(crate) entry: Entry,
}

impl Stored {
    /// Reads a line of a dataset file.
    pub(crate) fn parse(line: &Value) -> Self {
        let text = |name: &str| line.get(name).and_then(Value::as_str).map(str::to_owned);
        let time = |name: &str| {
            text(name).map(|text| match value::time(&text) {
                Ok(time) => time,
                Err(error) => panic!("{name} of {line}: {error}"),
            })
        };
        let (Some(kind), Some(of)) = (text("kind"), text("value")) else {
            panic!("{line}: an entry needs `kind` and `value`")
        };
        let attributes = line.as_object().into_iter().flatten();
        let attributes = attributes
            .filter(|(name, _)| {
                !matches!(
                    name.as_str(),
                    "kind" | "value" | "valid_from" | "valid_until"
                )
            })
            .map(|(name, value)| Attribute {
                name: name.clone(),
                value: match value {
                    Value::Number(number) => AttributeValue::Number(number.as_f64().unwrap_or(0.0)),
                    Value::String(text) => AttributeValue::Text(text.clone()),
                    other => AttributeValue::Text(other.to_string()),
                },
            });
        let entry = Entry {
            kind,
            value: of,
            valid_from: time("valid_from"),
            valid_until: time("valid_until"),
            attributes: attributes.collect(),
        };
        Stored { entry }
    }

    pub(crate) fn valid_at(&self, time: u64) -> bool {
        self.entry.valid_from.is_none_or(|from| from <= time)
            && self.entry.valid_until.is_none_or(|until| time <= until)
    }

    pub(crate) fn matches(&self, found: &Value, ty: &Ty) -> bool {
        let Some(text) = found.as_str() else {
            return false;
        };
        let of = self.entry.value.as_str();
        match (self.entry.kind.as_str(), ty) {
            ("ipv4" | "ipv6" | "cidr", _) => contains(of, text),
            ("domain", _) => {
                let (text, of) = (text.to_ascii_lowercase(), of.to_ascii_lowercase());
                text == of
                    || text
                        .strip_suffix(&of)
                        .is_some_and(|rest| rest.ends_with('.'))
            }
            (_, Ty::Address) => false,
            _ => text == of,
        }
    }
}

fn contains(network: &str, address: &str) -> bool {
    let (base, length) = network
        .split_once('/')
        .map_or((network, None), |(base, length)| (base, Some(length)));
    let (Ok(base), Ok(address)) = (base.parse::<IpAddr>(), address.parse::<IpAddr>()) else {
        return false;
    };
    let (base, address, width) = match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) => (
            u128::from(u32::from(base)) << 96,
            u128::from(u32::from(address)) << 96,
            32,
        ),
        (IpAddr::V6(base), IpAddr::V6(address)) => (u128::from(base), u128::from(address), 128),
        _ => return false,
    };
    let length = length.map_or(width, |length| length.parse().unwrap_or(width));
    length == 0 || (base ^ address).leading_zeros() >= length.min(width)
}
