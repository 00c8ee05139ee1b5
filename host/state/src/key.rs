//! Keys of tables, made from the columns of a batch without an allocation a row.

use palisade_events::{Batch, Column, ColumnType, FieldId, Values};

use super::distinct::Fingerprint;
use crate::partition::PartitionKey;

/// What stands for a key in comparisons: its SipHash-1-3-128 under a secret. Nobody who does
/// not know the secret can find two keys with equal ids, and by chance none have.
pub(super) type Id = [u64; 2];

/// Keys of more bytes than this are replaced by their BLAKE3 digest, so that no event can
/// make a table of long texts.
pub(super) const MAX_KEY: usize = 256;

// What a value is led by. Values of different types never make equal keys; numbers of
// different widths do.
const NUMBER: u8 = 0;
const FLOAT: u8 = 1;
const ADDRESS: u8 = 2;
const TEXT: u8 = 3;
const LIST: u8 = 4;
const DIGEST: u8 = 5;

/// One field of a key.
enum Part {
    /// No event of the batch has it.
    Absent,
    Column(Column),
    /// An attribute may hold text in some events and numbers in others.
    Attribute {
        text: Column,
        number: Column,
    },
}

/// The columns that make the keys of a table.
pub(super) struct KeyColumns(Vec<Part>);

impl KeyColumns {
    /// Fetches the columns. A field that the batch's kind lacks is absent from every row.
    pub(super) fn of(batch: &Batch, fields: &[FieldId]) -> KeyColumns {
        let part = |id: &FieldId| {
            let Ok(column) = batch.column(*id) else {
                return Part::Absent;
            };
            if palisade_events::field(batch.kind(), *id).is_some() {
                return Part::Column(column);
            }
            let as_type = |ty| batch.column_as(*id, ty);
            match (as_type(ColumnType::Text), as_type(ColumnType::F64)) {
                (Ok(text), Ok(number)) => Part::Attribute { text, number },
                _ => Part::Column(column),
            }
        };
        KeyColumns(fields.iter().map(part).collect())
    }

    /// Appends the key of a row of the batch; whether the row has one.
    #[inline]
    pub(super) fn write(&self, tenant: u32, row: usize, key: &mut Vec<u8>) -> bool {
        let from = key.len();
        key.extend_from_slice(&tenant.to_le_bytes());
        let complete = self.0.iter().all(|part| match part {
            Part::Absent => false,
            Part::Column(column) => write_row(column, row, key),
            Part::Attribute { text, number } => {
                write_row(text, row, key) || write_row(number, row, key)
            }
        });
        if key.len() - from > MAX_KEY {
            shorten(key, from);
        }
        complete
    }
}

impl KeyColumns {
    /// The key of a row that has one.
    #[cold]
    pub(super) fn boxed(&self, tenant: u32, row: usize) -> Box<[u8]> {
        let mut key = Vec::with_capacity(64);
        self.write(tenant, row, &mut key);
        key.into()
    }
}

/// Writes the key that a plugin made itself.
pub(super) fn write_own(tenant: u32, own: &str, key: &mut Vec<u8>) {
    key.clear();
    key.extend_from_slice(&tenant.to_le_bytes());
    key.extend_from_slice(own.as_bytes());
}

#[cold]
fn shorten(key: &mut Vec<u8>, from: usize) {
    let digest = blake3::hash(&key[from..]);
    key.truncate(from + 4);
    key.push(DIGEST);
    key.extend_from_slice(digest.as_bytes());
}

#[inline]
fn write_row(column: &Column, row: usize, key: &mut Vec<u8>) -> bool {
    if column.offsets.is_none() {
        return column.is_valid(row) && write_value(&column.values, row, key);
    }
    // A field that repeats is one value of the key: the list as a whole.
    let range = column.range(row);
    let there = range.clone().filter(|at| column.is_valid(*at));
    key.push(LIST);
    key.extend_from_slice(&(there.clone().count() as u64).to_le_bytes());
    let mut any = false;
    for at in there {
        any |= write_value(&column.values, at, key);
    }
    any
}

#[inline]
fn write_value(values: &Values, at: usize, to: &mut Vec<u8>) -> bool {
    match values {
        Values::Address(bytes) => {
            let Some(address) = bytes.get(at * 16..at * 16 + 16) else {
                return false;
            };
            to.push(ADDRESS);
            to.extend_from_slice(address);
        }
        Values::Text { .. } => {
            let text = values.text(at);
            to.push(TEXT);
            to.extend_from_slice(&(text.len() as u64).to_le_bytes());
            to.extend_from_slice(text);
        }
        Values::F64(numbers) => {
            let Some(number) = numbers.get(at) else {
                return false;
            };
            to.push(FLOAT);
            // 0.0 and -0.0 are one number.
            to.extend_from_slice(&(number + 0.0).to_bits().to_le_bytes());
        }
        _ => {
            let Some(number) = unsigned(values, at) else {
                return false;
            };
            to.push(NUMBER);
            to.extend_from_slice(&number.to_le_bytes());
        }
    }
    true
}

/// A value of a column of u8 to u64.
#[inline]
pub(super) fn unsigned(values: &Values, at: usize) -> Option<u64> {
    match values {
        Values::U8(values) => values.get(at).map(|v| u64::from(*v)),
        Values::U16(values) => values.get(at).map(|v| u64::from(*v)),
        Values::U32(values) => values.get(at).map(|v| u64::from(*v)),
        Values::U64(values) => values.get(at).copied(),
        _ => None,
    }
}

/// What stands for a value in a count of distinct ones.
#[inline]
pub(super) fn fingerprint(values: &Values, at: usize, buffer: &mut Vec<u8>) -> Fingerprint {
    if let Some(number) = unsigned(values, at) {
        return Fingerprint::Number(number);
    }
    buffer.clear();
    write_value(values, at, buffer);
    let [low, high] = digest(buffer);
    Fingerprint::Digest(low, high)
}

/// The hash of what a fingerprint stands for, for a sketch. Keyed, or whoever chooses the values
/// could choose those that a sketch does not tell apart.
pub(super) fn sketched(secret: PartitionKey, fingerprint: Fingerprint) -> u64 {
    match fingerprint {
        Fingerprint::Number(number) => secret.number(number),
        Fingerprint::Digest(low, high) => {
            let mut bytes = [0; 16];
            bytes[..8].copy_from_slice(&low.to_le_bytes());
            bytes[8..].copy_from_slice(&high.to_le_bytes());
            secret.bytes(&bytes)
        }
    }
}

fn digest(bytes: &[u8]) -> [u64; 2] {
    let digest = blake3::hash(bytes);
    let word = |n: usize| {
        let bytes = digest.as_bytes()[n * 8..].first_chunk::<8>();
        bytes.map_or(0, |bytes| u64::from_le_bytes(*bytes))
    };
    [word(0), word(1)]
}
