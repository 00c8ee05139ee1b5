//! One test on one value.

use std::collections::HashSet;
use std::sync::Arc;

use palisade_events::{Column, ColumnType, Values};
use palisade_runtime::manifest::{Test, Value};

use super::Membership;

/// A bound or a value to compare numbers with; whole numbers stay exact.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Number {
    Whole(i128),
    Real(f64),
}

/// A test that is ready to be evaluated.
pub(super) enum Check {
    Exists,
    /// u8 columns: enums by code, booleans, small numbers.
    Codes(Box<[bool; 256]>),
    Whole(HashSet<i128>),
    Real(Vec<f64>),
    Texts(HashSet<Box<[u8]>>),
    Networks(Vec<(u128, u32)>),
    Prefix(Vec<Box<[u8]>>),
    Suffix(Vec<Box<[u8]>>),
    Contains(Vec<memchr::memmem::Finder<'static>>),
    Range(Option<Number>, Option<Number>),
    Dataset(Arc<dyn Membership>),
}

impl Check {
    /// Prepares a test; `names` are those of an enum's cases.
    pub(super) fn new(test: &Test, names: Option<&[&str]>) -> Check {
        let bytes = |texts: &[String]| texts.iter().map(|t| t.as_bytes().into()).collect();
        match test {
            Test::OneOf(values) => one_of(values, names),
            Test::Cidr(networks) => Check::Networks(
                networks
                    .iter()
                    .map(|(address, length)| (u128::from_be_bytes(*address), u32::from(*length)))
                    .collect(),
            ),
            Test::Prefix(texts) => Check::Prefix(bytes(texts)),
            Test::Suffix(texts) => Check::Suffix(bytes(texts)),
            Test::ContainsAny(texts) => Check::Contains(
                texts
                    .iter()
                    .map(|text| memchr::memmem::Finder::new(text.as_bytes()).into_owned())
                    .collect(),
            ),
            Test::Exists | Test::InDataset(_) => Check::Exists,
            Test::Range { min, max } => {
                Check::Range(min.as_ref().and_then(number), max.as_ref().and_then(number))
            }
        }
    }

    /// The type as which an attribute is read for this test.
    pub(super) fn attribute_type(&self) -> ColumnType {
        match self {
            Check::Codes(_) | Check::Whole(_) | Check::Real(_) | Check::Range(..) => {
                ColumnType::F64
            }
            _ => ColumnType::Text,
        }
    }

    /// Whether value `at` passes.
    pub(super) fn passes(&self, column: &Column, at: usize, time: u64) -> bool {
        let values = &column.values;
        match self {
            Check::Exists => true,
            Check::Codes(codes) => match values {
                Values::U8(v) => codes[usize::from(v[at])],
                _ => false,
            },
            Check::Whole(set) => match value(values, at) {
                Some(Number::Whole(n)) => set.contains(&n),
                Some(Number::Real(f)) if f.fract() == 0.0 => set.contains(&(f as i128)),
                _ => false,
            },
            Check::Real(all) => match value(values, at) {
                Some(Number::Whole(n)) => all.contains(&(n as f64)),
                Some(Number::Real(f)) => all.contains(&f),
                None => false,
            },
            Check::Texts(set) => match values {
                Values::Text { .. } => set.contains(values.text(at)),
                _ => false,
            },
            Check::Networks(networks) => match address(values, at) {
                Some(address) => networks.iter().any(|(network, length)| {
                    *length == 0 || (address ^ network) >> (128 - length) == 0
                }),
                None => false,
            },
            Check::Prefix(all) => all.iter().any(|p| values.text(at).starts_with(p)),
            Check::Suffix(all) => all.iter().any(|s| values.text(at).ends_with(s)),
            Check::Contains(all) => all.iter().any(|f| f.find(values.text(at)).is_some()),
            Check::Range(min, max) => match value(values, at) {
                Some(n) => {
                    min.is_none_or(|min| compare(n, min).is_some_and(|o| o.is_ge()))
                        && max.is_none_or(|max| compare(n, max).is_some_and(|o| o.is_le()))
                }
                None => false,
            },
            Check::Dataset(dataset) => dataset.contains(column, at, time),
        }
    }
}

fn one_of(values: &[Value], names: Option<&[&str]>) -> Check {
    if let Some(names) = names {
        let mut codes = Box::new([false; 256]);
        for value in values {
            if let Value::Text(text) = value
                && let Some(code) = names.iter().position(|name| name == text)
                && let Some(code) = codes.get_mut(code)
            {
                *code = true;
            }
        }
        return Check::Codes(codes);
    }
    match values.first() {
        Some(Value::Boolean(_)) => {
            let mut codes = Box::new([false; 256]);
            for value in values {
                if let Value::Boolean(b) = value {
                    codes[usize::from(*b)] = true;
                }
            }
            Check::Codes(codes)
        }
        Some(Value::Text(_)) => {
            let texts = values.iter().filter_map(|value| match value {
                Value::Text(text) => Some(text.as_bytes().into()),
                _ => None,
            });
            Check::Texts(texts.collect())
        }
        _ if values.iter().all(|v| matches!(v, Value::Integer(_))) => Check::Whole(
            values
                .iter()
                .filter_map(|value| match value {
                    Value::Integer(i) => Some(i128::from(*i)),
                    _ => None,
                })
                .collect(),
        ),
        _ => Check::Real(
            values
                .iter()
                .filter_map(|value| match value {
                    Value::Integer(i) => Some(*i as f64),
                    Value::Number(n) => Some(*n),
                    _ => None,
                })
                .collect(),
        ),
    }
}

fn number(value: &Value) -> Option<Number> {
    match value {
        Value::Integer(i) => Some(Number::Whole(i128::from(*i))),
        Value::Number(n) => Some(Number::Real(*n)),
        _ => None,
    }
}

fn value(values: &Values, at: usize) -> Option<Number> {
    Some(match values {
        Values::U8(v) => Number::Whole(v[at].into()),
        Values::U16(v) => Number::Whole(v[at].into()),
        Values::U32(v) => Number::Whole(v[at].into()),
        Values::U64(v) => Number::Whole(v[at].into()),
        Values::F64(v) => Number::Real(v[at]),
        Values::Address(_) | Values::Text { .. } => return None,
    })
}

fn address(values: &Values, at: usize) -> Option<u128> {
    match values {
        Values::Address(v) => {
            let bytes: [u8; 16] = v.get(at * 16..at * 16 + 16)?.try_into().ok()?;
            Some(u128::from_be_bytes(bytes))
        }
        _ => None,
    }
}

fn compare(a: Number, b: Number) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Number::Whole(a), Number::Whole(b)) => Some(a.cmp(&b)),
        (Number::Whole(a), Number::Real(b)) => (a as f64).partial_cmp(&b),
        (Number::Real(a), Number::Whole(b)) => a.partial_cmp(&(b as f64)),
        (Number::Real(a), Number::Real(b)) => a.partial_cmp(&b),
    }
}
