//! What a reader has counted.

use std::collections::BTreeMap;

/// Most types of record that are counted by name; the names come from the input.
const MAX_TYPES: usize = 256;
/// The longest part of a type's name that is kept.
const MAX_NAME: usize = 64;

/// How many records there were of a type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TypeCount {
    /// How many became events.
    pub events: u64,
    /// Whether the type has a stated mapping. Others become `network.app`.
    pub known: bool,
}

/// Records by type: EVE's event type, Zeek's log, or the kind of event.
#[derive(Clone, Debug, Default)]
pub(super) struct Types {
    by_name: BTreeMap<Box<str>, TypeCount>,
    other: u64,
}

impl Types {
    pub(super) fn count(&mut self, name: &str, known: bool) {
        if let Some(count) = self.by_name.get_mut(name) {
            count.events += 1;
        } else if name.len() <= MAX_NAME && self.by_name.len() < MAX_TYPES {
            self.by_name
                .insert(name.into(), TypeCount { events: 1, known });
        } else {
            self.other += 1;
        }
    }

    /// Counts by type, and how many were of types beyond the first 256.
    pub(super) fn get(&self) -> (BTreeMap<Box<str>, TypeCount>, u64) {
        (self.by_name.clone(), self.other)
    }
}

/// What a reader has seen so far. `records` is always `events` plus `bad`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Bytes that are done with, after decompression.
    pub bytes: u64,
    /// Lines that have begun.
    pub lines: u64,
    /// Records: lines that are not blank, or objects.
    pub records: u64,
    /// Records that became events.
    pub events: u64,
    /// Records that did not, and were reported.
    pub bad: u64,
    /// Values of records that found no place among an event's attributes: more than 64,
    /// deeper than 8 levels, or text beyond 1,024 bytes.
    pub left_out: u64,
    /// Records of which something was replaced or left out, so that they could be read; they
    /// are kept among the dead letters as well. Zeros between records count once a run.
    pub mended: u64,
    /// Events of which an end has no address, since the record does not say it.
    pub endless: u64,
    /// Which fields or columns the first of those lacks that hold addresses, and which it has;
    /// nothing where it has them, and they say nothing.
    pub absent: Option<String>,
    /// Events by the type that the record names.
    pub types: BTreeMap<Box<str>, TypeCount>,
    /// Events of types beyond the first 256.
    pub other_types: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_bounded_and_sums_are_right() {
        let mut types = Types::default();
        for n in 0..400 {
            types.count(&format!("t{}", n % 300), n < 5);
            types.count("often", true);
            types.count("often", true);
        }
        let (by_name, other) = types.get();
        assert_eq!(by_name.len(), MAX_TYPES);
        assert_eq!(
            by_name["often"],
            TypeCount {
                events: 800,
                known: true
            }
        );
        assert_eq!(
            by_name.values().map(|count| count.events).sum::<u64>() + other,
            1200
        );
    }
}
