//! What tables hold, as it is kept in snapshots and exported: by names, without addresses, numbers
//! of tenants or hashes, which mean something in one process only.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// A value of a table. Times are in nanoseconds of event time, events are event-refs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum CellImage {
    /// A window of single entries.
    Entries {
        /// The latest time that was seen.
        latest: u64,
        /// Time, event and weight of each, by time.
        entries: Vec<(u64, u64, u64)>,
    },
    /// A window in buckets.
    Buckets {
        /// The latest time that was seen.
        latest: u64,
        /// Number and amount of each, by number.
        buckets: Vec<(u64, u64)>,
        /// Time and event of the latest entries, in the order in which they came.
        recent: Vec<(u64, u64)>,
    },
    /// Distinct values.
    Distinct {
        /// The latest time that was seen.
        latest: u64,
        /// What stands for each value, with time and event of its last sighting, oldest first.
        values: Vec<(FingerprintImage, u64, u64)>,
    },
    /// Sketches of distinct values.
    Sketch {
        /// The latest time that was seen.
        latest: u64,
        /// Number and registers of each part, by number.
        parts: Vec<(u64, Bytes)>,
        /// Time and event of the latest values, in the order in which they came.
        recent: Vec<(u64, u64)>,
    },
    /// When a key was seen last, and the event that put it in.
    Seen(Option<(u64, u64)>),
    /// Bytes of the plugin's own, and by when they were put; `None`: since the watermark moved.
    Stored {
        /// The bytes.
        value: Bytes,
        /// The watermark by which they were put; `None`: not dated yet.
        put: Option<u64>,
    },
}

/// What stands for a value among distinct ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FingerprintImage {
    /// A whole number.
    Number(u64),
    /// The beginning of a digest.
    Digest(u64, u64),
}

/// Bytes that are kept as bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bytes(#[serde(with = "serde_bytes")] pub Vec<u8>);

/// A key with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyImage {
    /// Position among the names of tables that come with it.
    pub table: u32,
    /// Position among the names of tenants that come with it.
    pub tenant: u32,
    /// The part that the key belongs to.
    pub part: u8,
    /// Keys of a part with a larger one were touched later.
    pub stamp: u64,
    /// The key, without its tenant.
    pub key: Bytes,
    /// Its value.
    pub cell: CellImage,
}

/// Some of what the tables of a plugin on one shard hold.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TablesImage {
    /// The watermark that the tables have been told.
    pub watermark: u64,
    /// Names of tables.
    pub tables: Vec<String>,
    /// Names of tenants.
    pub tenants: Vec<String>,
    /// How many keys.
    pub count: u64,
    /// The keys, each a [`KeyImage`] in postcard's encoding, one behind the other.
    pub keys: Bytes,
}

impl TablesImage {
    /// The keys one by one.
    ///
    /// # Errors
    /// An item is an error where bytes are no key; it is the last then.
    pub fn keys(&self) -> impl Iterator<Item = Result<KeyImage, ImageError>> {
        let (mut rest, mut left) = (&self.keys.0[..], self.count);
        std::iter::from_fn(move || {
            let more = left.checked_sub(1);
            if more.is_none() && rest.is_empty() {
                return None;
            }
            let Some((more, (key, after))) = more.zip(postcard::take_from_bytes(rest).ok()) else {
                (rest, left) = (&[], 0);
                return Some(Err(ImageError::Malformed));
            };
            (rest, left) = (after, more);
            Some(Ok(key))
        })
    }
}

/// A key as it is exported.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyExport {
    /// The table.
    pub table: String,
    /// The tenant.
    pub tenant: String,
    /// The part that the key belongs to.
    pub part: u32,
    /// The key, without its tenant.
    pub key: Vec<u8>,
    /// How many of the tenant's keys in the same part of the table were touched later.
    pub rank: u32,
    /// Its value.
    pub value: CellImage,
}

/// Why an image is not taken. Nothing that Palisade has written is refused by the same version
/// with the same limits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// Bytes are none.
    #[error("it is malformed")]
    Malformed,
    /// It names a table that the plugin does not have.
    #[error("it has a table that the plugin does not declare")]
    Table,
    /// It names a tenant or part that there is not.
    #[error("it has a key of no tenant or part")]
    Owner,
    /// A value is none that its table can hold.
    #[error("it has a value that no table of its kind can hold")]
    Cell,
    /// A key comes twice, or is longer than any.
    #[error("it has a key twice, or one that is too long")]
    Key,
    /// There is more than a table may hold.
    #[error("it holds more than its tables may")]
    Room,
}

impl CellImage {
    /// The value as JSON: bytes in hexadecimal.
    pub fn to_json(&self) -> Value {
        match self {
            CellImage::Entries { latest, entries } => {
                json!({ "latest": latest, "entries": entries })
            }
            CellImage::Buckets {
                latest,
                buckets,
                recent,
            } => json!({ "latest": latest, "buckets": buckets, "recent": recent }),
            CellImage::Distinct { latest, values } => {
                let value = |(value, time, event): &(FingerprintImage, u64, u64)| match value {
                    FingerprintImage::Number(number) => json!([number, time, event]),
                    FingerprintImage::Digest(low, high) => {
                        json!([format!("{low:016x}{high:016x}"), time, event])
                    }
                };
                let values: Vec<Value> = values.iter().map(value).collect();
                json!({ "latest": latest, "values": values })
            }
            CellImage::Sketch {
                latest,
                parts,
                recent,
            } => {
                let part =
                    |(number, registers): &(u64, Bytes)| json!([number, hex::encode(&registers.0)]);
                let parts: Vec<Value> = parts.iter().map(part).collect();
                json!({ "latest": latest, "sketches": parts, "recent": recent })
            }
            CellImage::Seen(seen) => {
                json!({ "seen": seen.map(|(time, _)| time), "event": seen.map(|(_, event)| event) })
            }
            CellImage::Stored { value, put } => {
                json!({ "bytes": hex::encode(&value.0), "dated": put })
            }
        }
    }
}
