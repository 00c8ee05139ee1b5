//! The parts into which the keys of a plugin are divided, and the secret that divides them.
//!
//! How many there are does not depend on the number of workers, each of which has the parts
//! whose number leaves its own over. What is limited by part is limited alike for any number
//! of workers. Which part a key falls into depends on a secret: whoever knew it could send
//! keys that all fall into one part and push another out of it.

use std::fmt;

use palisade_events::{Column, Values};
use siphasher::sip::SipHasher13;

/// Into how many parts keys are divided; a power of two.
pub const PARTITIONS: u8 = 64;

/// The secret by which what a peer chooses is spread: over parts, workers and the registers of
/// a sketch, by SipHash-1-3. The same key gives the same output in every run.
///
/// The default is known to everybody: for tests, vectors and benchmarks, which must repeat.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub struct PartitionKey([u64; 2]);

impl PartitionKey {
    /// The key with these bytes.
    pub fn new(bytes: [u8; 16]) -> PartitionKey {
        let whole = u128::from_le_bytes(bytes);
        PartitionKey([whole as u64, (whole >> 64) as u64])
    }

    /// What tells this key from others without giving it away: 16 hexadecimal digits.
    pub fn identity(self) -> String {
        let mut hasher = blake3::Hasher::new_derive_key("palisade partition key identity v1");
        for half in self.0 {
            hasher.update(&half.to_le_bytes());
        }
        hex::encode(&hasher.finalize().as_bytes()[..8])
    }

    /// The hash of a number.
    pub(crate) fn number(self, number: u64) -> u64 {
        self.bytes(&number.to_le_bytes())
    }

    /// The hash of bytes.
    pub(crate) fn bytes(self, bytes: &[u8]) -> u64 {
        SipHasher13::new_with_keys(self.0[0], self.0[1]).hash(bytes)
    }

    /// Which of `workers` has the flow with this id.
    pub fn worker(self, flow: u64, workers: usize) -> usize {
        (self.number(flow) % workers.max(1) as u64) as usize
    }
}

impl fmt::Debug for PartitionKey {
    /// Without the key, which is secret.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PartitionKey")
    }
}

/// The part of the key that a row has in the columns of `partition-by`, 0 to 63: what the
/// hash of its values leaves over when divided by [`PARTITIONS`]. Whole numbers count by value,
/// whatever their width, as they do in keys.
pub fn part_of<'a>(
    key: PartitionKey,
    columns: impl IntoIterator<Item = &'a Column>,
    row: usize,
) -> u8 {
    let mut value = Concatenated::default();
    for column in columns {
        for at in column.range(row) {
            write(&mut value, &column.values, at, column.is_valid(at));
        }
    }
    (key.bytes(value.bytes()) % u64::from(PARTITIONS)) as u8
}

/// The values of a row one behind another. Hashing them at once takes half the time of feeding
/// them to a hasher one by one.
struct Concatenated {
    few: [u8; 64],
    length: usize,
    /// All of them, once they are more.
    many: Vec<u8>,
}

impl Default for Concatenated {
    fn default() -> Self {
        Concatenated {
            few: [0; 64],
            length: 0,
            many: Vec::new(),
        }
    }
}

impl Concatenated {
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        match self.few.get_mut(self.length..end) {
            Some(room) if self.many.is_empty() => {
                room.copy_from_slice(bytes);
                self.length = end;
            }
            _ => {
                if self.many.is_empty() {
                    self.many.extend_from_slice(&self.few[..self.length]);
                }
                self.many.extend_from_slice(bytes);
            }
        }
    }

    fn bytes(&self) -> &[u8] {
        match self.many.is_empty() {
            true => &self.few[..self.length],
            false => &self.many,
        }
    }
}

fn write(value: &mut Concatenated, values: &Values, at: usize, valid: bool) {
    if !valid {
        return value.push(&[0]);
    }
    match values {
        Values::U8(v) => value.push(&u64::from(v[at]).to_le_bytes()),
        Values::U16(v) => value.push(&u64::from(v[at]).to_le_bytes()),
        Values::U32(v) => value.push(&u64::from(v[at]).to_le_bytes()),
        Values::U64(v) => value.push(&v[at].to_le_bytes()),
        Values::F64(v) => value.push(&v[at].to_bits().to_le_bytes()),
        Values::Address(v) => value.push(&v[at * 16..at * 16 + 16]),
        Values::Text { .. } => {
            let text = values.text(at);
            value.push(text);
            value.push(&(text.len() as u64).to_le_bytes());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;

    fn addresses(of: impl Iterator<Item = u128>) -> Column {
        let bytes: Vec<u8> = of.flat_map(u128::to_be_bytes).collect();
        Column {
            values: Values::Address(bytes.into()),
            valid: None,
            offsets: None,
        }
    }

    #[test]
    fn keys_that_fall_into_one_part_under_one_secret_are_spread_under_another() {
        let column = addresses(0..100_000);
        let known = PartitionKey::default();
        let chosen: Vec<u128> = (0..100_000)
            .filter(|row| part_of(known, [&column], *row as usize) == 7)
            .take(1024)
            .collect();
        assert_eq!(chosen.len(), 1024);
        let attack = addresses(chosen.into_iter());
        let secret = PartitionKey::new(*b"nobody knows it!");
        let mut parts = [0; PARTITIONS as usize];
        for row in 0..1024 {
            parts[usize::from(part_of(secret, [&attack], row))] += 1;
        }
        let fullest = parts.iter().max().unwrap();
        // 16 are expected in each; twice as many hardly ever are.
        assert!(*fullest < 48, "{parts:?}");
        let workers: Vec<usize> = (0..64).map(|flow| secret.worker(flow * 4, 4)).collect();
        assert!(
            (0..4).all(|worker| workers.contains(&worker)),
            "{workers:?}"
        );
    }

    #[test]
    fn whole_numbers_count_by_value() {
        let column = |values| Column {
            values,
            valid: None,
            offsets: None,
        };
        let narrow = column(Values::U16(Arc::from([443])));
        let wide = column(Values::U64(Arc::from([443])));
        let key = PartitionKey::new([5; 16]);
        assert_eq!(part_of(key, [&narrow], 0), part_of(key, [&wide], 0));
    }

    #[test]
    fn the_key_is_not_shown() {
        let key = PartitionKey::new([0x5a; 16]);
        assert_eq!(format!("{key:?}"), "PartitionKey");
        assert_eq!(key.identity().len(), 16);
        assert_ne!(key.identity(), PartitionKey::default().identity());
    }
}
