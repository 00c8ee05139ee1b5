//! The parts into which the keys of a plugin are divided.
//!
//! How many there are does not depend on the number of workers, each of which has the parts
//! whose number leaves its own over. What is limited by part is limited alike for any number
//! of workers.

use palisade_events::{Column, Values};

/// Into how many parts keys are divided; a power of two.
pub const PARTITIONS: u8 = 64;

/// The part of the key that a row has in the columns of `partition-by`, 0 to 63: what the
/// 64-bit FNV-1a of its values leaves over when divided by [`PARTITIONS`]. It is the same in
/// every run.
pub fn part_of<'a>(columns: impl IntoIterator<Item = &'a Column>, row: usize) -> u8 {
    let hash = columns.into_iter().fold(FNV_START, |hash, column| {
        column.range(row).fold(hash, |hash, at| {
            value_hash(hash, &column.values, at, column.is_valid(at))
        })
    });
    (hash % u64::from(PARTITIONS)) as u8
}

const FNV_START: u64 = 0xcbf2_9ce4_8422_2325;

fn mix(hash: u64, bytes: &[u8]) -> u64 {
    bytes.iter().fold(hash, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

fn value_hash(hash: u64, values: &Values, at: usize, valid: bool) -> u64 {
    if !valid {
        return mix(hash, &[0]);
    }
    match values {
        Values::U8(v) => mix(hash, &[v[at]]),
        Values::U16(v) => mix(hash, &v[at].to_le_bytes()),
        Values::U32(v) => mix(hash, &v[at].to_le_bytes()),
        Values::U64(v) => mix(hash, &v[at].to_le_bytes()),
        Values::F64(v) => mix(hash, &v[at].to_le_bytes()),
        Values::Address(v) => mix(hash, &v[at * 16..at * 16 + 16]),
        Values::Text { .. } => mix(hash, values.text(at)),
    }
}
