//! One test on one value.

use std::cmp::Ordering;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
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
    /// The bits of numbers that are finite, of which zero has one sign.
    Real(HashSet<u64>),
    Texts(HashSet<Box<[u8]>>),
    /// Masked networks, by the lengths of their prefixes.
    Networks(Vec<(u32, HashSet<u128>)>),
    Prefix(Ends),
    /// The texts backwards.
    Suffix(Ends),
    /// A few texts, each looked for by itself.
    Contains(Vec<memchr::memmem::Finder<'static>>),
    /// Many texts, looked for at once.
    ContainsMany(Box<AhoCorasick>),
    Range(Option<Number>, Option<Number>),
    Dataset(Arc<dyn Membership>),
}

/// Texts with which others may begin, sorted, and none that begins with another: so the one with
/// which a text begins can only be the last that is not greater than it.
pub(super) struct Ends(Vec<Box<[u8]>>);

impl Ends {
    fn new(texts: impl Iterator<Item = Box<[u8]>>) -> Ends {
        let mut all: Vec<Box<[u8]>> = texts.collect();
        all.sort_unstable();
        all.dedup_by(|later, kept| later.starts_with(kept));
        Ends(all)
    }

    /// Whether a text, as it compares with one of these, begins with one of them.
    fn any(&self, compare: impl Fn(&[u8]) -> Ordering, begins: impl Fn(&[u8]) -> bool) -> bool {
        let after = self.0.partition_point(|own| compare(own).is_le());
        after > 0 && begins(&self.0[after - 1])
    }
}

/// The number of texts up to which each is looked for by itself, which is faster.
const FEW: usize = 4;

impl Check {
    /// Prepares a test; `names` are those of an enum's cases.
    pub(super) fn new(test: &Test, names: Option<&[&str]>) -> Result<Check, String> {
        Ok(match test {
            Test::OneOf(values) => one_of(values, names),
            Test::Cidr(networks) => {
                let mut lengths: BTreeMap<u32, HashSet<u128>> = BTreeMap::new();
                for (address, length) in networks {
                    let length = u32::from(*length);
                    let network = masked(u128::from_be_bytes(*address), length);
                    lengths.entry(length).or_default().insert(network);
                }
                Check::Networks(lengths.into_iter().collect())
            }
            Test::Prefix(texts) => {
                Check::Prefix(Ends::new(texts.iter().map(|t| t.as_bytes().into())))
            }
            Test::Suffix(texts) => Check::Suffix(Ends::new(
                texts.iter().map(|text| text.bytes().rev().collect()),
            )),
            Test::ContainsAny(texts) if texts.len() <= FEW => Check::Contains(
                texts
                    .iter()
                    .map(|text| memchr::memmem::Finder::new(text.as_bytes()).into_owned())
                    .collect(),
            ),
            Test::ContainsAny(texts) => Check::ContainsMany(Box::new(
                // The smallest of its forms; the others may take a thousand times their texts.
                AhoCorasick::builder()
                    .kind(Some(AhoCorasickKind::ContiguousNFA))
                    .build(texts)
                    .map_err(|error| error.to_string())?,
            )),
            Test::Exists | Test::InDataset(_) => Check::Exists,
            Test::Range { min, max } => {
                Check::Range(min.as_ref().and_then(number), max.as_ref().and_then(number))
            }
        })
    }

    /// Bytes that it takes beside itself, about.
    pub(super) fn held(&self) -> usize {
        // A set keeps a byte for each place, and twice as many places as it may need.
        let set = |places: usize, each: usize| places * 2 * (each + 1);
        let texts = |texts: &mut dyn Iterator<Item = usize>| -> usize {
            texts
                .map(|len| size_of::<Box<[u8]>>() + allocated(len))
                .sum()
        };
        match self {
            Check::Exists | Check::Range(..) | Check::Dataset(_) => 0,
            Check::Codes(_) => 256,
            Check::Whole(all) => set(all.capacity(), size_of::<i128>()),
            Check::Real(all) => set(all.capacity(), size_of::<u64>()),
            Check::Texts(all) => {
                set(all.capacity(), 0) + texts(&mut all.iter().map(|text| text.len()))
            }
            Check::Networks(all) => {
                let sets = all
                    .iter()
                    .map(|(_, of)| set(of.capacity(), size_of::<u128>()));
                sets.map(|bytes| bytes + 64).sum()
            }
            Check::Prefix(all) | Check::Suffix(all) => {
                texts(&mut all.0.iter().map(|text| text.len()))
            }
            Check::Contains(all) => {
                let each = all.iter().map(|finder| allocated(finder.needle().len()));
                all.capacity() * size_of::<memchr::memmem::Finder<'static>>() + each.sum::<usize>()
            }
            Check::ContainsMany(all) => size_of::<AhoCorasick>() + all.memory_usage(),
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
                Some(Number::Whole(n)) => all.contains(&bits(n as f64)),
                Some(Number::Real(f)) => all.contains(&bits(f)),
                None => false,
            },
            Check::Texts(set) => match values {
                Values::Text { .. } => set.contains(values.text(at)),
                _ => false,
            },
            Check::Networks(networks) => match address(values, at) {
                Some(address) => networks
                    .iter()
                    .any(|(length, of)| of.contains(&masked(address, *length))),
                None => false,
            },
            Check::Prefix(all) => {
                let text = values.text(at);
                all.any(|own| own.cmp(text), |own| text.starts_with(own))
            }
            Check::Suffix(all) => {
                let text = values.text(at);
                let backwards = || text.iter().rev();
                all.any(
                    |own| own.iter().cmp(backwards()),
                    |own| own.len() <= text.len() && own.iter().eq(backwards().take(own.len())),
                )
            }
            Check::Contains(all) => all.iter().any(|f| f.find(values.text(at)).is_some()),
            Check::ContainsMany(all) => all.is_match(values.text(at)),
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
                    Value::Integer(i) => Some(bits(*i as f64)),
                    Value::Number(n) => Some(bits(*n)),
                    _ => None,
                })
                .collect(),
        ),
    }
}

/// The bits of a number, by which equal ones are equal; of a manifest there are none but finite
/// ones.
fn bits(number: f64) -> u64 {
    (number + 0.0).to_bits()
}

/// The network of this length that an address is in.
fn masked(address: u128, length: u32) -> u128 {
    address & !u128::MAX.checked_shr(length).unwrap_or(0)
}

/// What an allocation of so many bytes takes, about.
fn allocated(bytes: usize) -> usize {
    bytes.next_multiple_of(16) + 16
}

/// Bytes that a manifest takes for a test, about.
pub(super) fn declared(test: &Test) -> usize {
    let text = |text: &String| size_of::<String>() + allocated(text.len());
    match test {
        Test::OneOf(values) => {
            let texts = values.iter().map(|value| match value {
                Value::Text(text) => allocated(text.len()),
                _ => 0,
            });
            values.len() * size_of::<Value>() + texts.sum::<usize>()
        }
        Test::Cidr(networks) => networks.len() * size_of::<([u8; 16], u8)>(),
        Test::Prefix(texts) | Test::Suffix(texts) | Test::ContainsAny(texts) => {
            texts.iter().map(text).sum()
        }
        Test::InDataset(_) | Test::Exists | Test::Range { .. } => 0,
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
