//! All entries of a dataset, written one behind the other.
//!
//! A dataset may have a million entries, most of them a few bytes long. As structures of their
//! own, each would take several times what its line does; written into blocks it takes about as
//! much, its part of the index with it, and what all of them take is known to the byte.

use palisade_events::{AttributeValue, Attributes, IpAddress};

use super::entry::{Entry, EntryKind};
use super::networks::Network;

/// Bytes of a block. No entry lies in two, and none is as long as a quarter of one: a line of 64
/// KiB becomes twice as much at most, where all of it are numbers.
const BLOCK: usize = 1 << 20;

/// Marks of what an entry has, in its second byte.
const FROM: u8 = 1;
const UNTIL: u8 = 2;
const NETWORK: u8 = 4;

/// Entries in the order in which they came, numbered from 0.
///
/// Of each lie one behind the other: its kind, its marks, how many attributes it has, and the
/// length of its value in two bytes; then what the marks name, the value, and every attribute as
/// the length of its name, the name, and a zero and a number, or the length of a text plus one in
/// four bytes and the text. Numbers have their least byte first.
#[derive(Debug, Default)]
pub(super) struct Entries {
    blocks: Vec<Vec<u8>>,
    /// Where each begins.
    starts: Vec<u32>,
}

impl Entries {
    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.starts.len()
    }

    /// Bytes that they take in memory. Of the block that is being filled, what is written: the rest of it
    /// has not been touched.
    pub(super) fn held(&self) -> usize {
        let blocks = self.blocks.capacity() * size_of::<Vec<u8>>();
        let full = self.blocks.len().saturating_sub(1) * BLOCK;
        let last = self.blocks.last().map_or(0, Vec::len);
        blocks + full + last + self.starts.capacity() * size_of::<u32>()
    }

    /// Adds an entry. `None`: there is no number left for it, or for where it begins.
    pub(super) fn push(&mut self, entry: &Entry, network: Option<Network>) -> Option<u32> {
        let number = u32::try_from(self.len()).ok().filter(|n| *n < u32::MAX)?;
        let mut bytes = Vec::with_capacity(64 + entry.value.len());
        let marks = [
            (FROM, entry.valid_from.is_some()),
            (UNTIL, entry.valid_until.is_some()),
            (NETWORK, network.is_some()),
        ];
        let marks = marks.iter().filter(|(_, has)| *has).map(|(mark, _)| mark);
        let kind = EntryKind::ALL.iter().position(|k| *k == entry.kind)?;
        bytes.push(u8::try_from(kind).ok()?);
        bytes.push(marks.sum());
        bytes.push(u8::try_from(entry.attributes.len()).ok()?);
        bytes.extend(u16::try_from(entry.value.len()).ok()?.to_le_bytes());
        for time in entry.valid_from.iter().chain(&entry.valid_until) {
            bytes.extend(time.to_le_bytes());
        }
        if let Some(network) = network {
            bytes.extend(network.address.0);
            bytes.push(network.length);
        }
        bytes.extend(entry.value.as_bytes());
        for (name, value) in entry.attributes.iter() {
            bytes.push(u8::try_from(name.len()).ok()?);
            bytes.extend(name.as_bytes());
            match value {
                AttributeValue::Number(number) => {
                    bytes.extend(0_u32.to_le_bytes());
                    bytes.extend(number.to_le_bytes());
                }
                AttributeValue::Text(text) => {
                    bytes.extend(u32::try_from(text.len() + 1).ok()?.to_le_bytes());
                    bytes.extend(text.as_bytes());
                }
            }
        }
        if bytes.len() > BLOCK {
            return None;
        }
        if self
            .blocks
            .last()
            .is_none_or(|block| block.len() + bytes.len() > BLOCK)
        {
            self.blocks.push(Vec::with_capacity(BLOCK));
        }
        let before = (self.blocks.len() - 1).checked_mul(BLOCK)?;
        let block = self.blocks.last_mut()?;
        self.starts.push(u32::try_from(before + block.len()).ok()?);
        block.extend(bytes);
        Some(number)
    }

    /// Gives back what was kept for more entries.
    pub(super) fn close(&mut self) {
        if let Some(block) = self.blocks.last_mut() {
            block.shrink_to_fit();
        }
        self.blocks.shrink_to_fit();
        self.starts.shrink_to_fit();
    }

    /// An entry from its beginning; empty where there is none.
    fn at(&self, number: u32) -> Bytes<'_> {
        let start = self.starts.get(number as usize).copied();
        let start = start.map_or(usize::MAX, |start| start as usize);
        let block = self.blocks.get(start / BLOCK);
        Bytes(
            block
                .and_then(|block| block.get(start % BLOCK..))
                .unwrap_or_default(),
        )
    }

    /// What stands before the value: kind, how many attributes, the value's length, both ends of its
    /// window, its network; then the rest.
    fn head(&self, number: u32) -> Option<(Head, Bytes<'_>)> {
        let mut bytes = self.at(number);
        let [kind, marks, attributes] = bytes.array()?;
        let length = u16::from_le_bytes(bytes.array()?);
        let mut marked = |mark| (marks & mark != 0).then(|| bytes.array().map(u64::from_le_bytes));
        let (from, until) = (marked(FROM).flatten(), marked(UNTIL).flatten());
        let network = match marks & NETWORK {
            0 => None,
            _ => Some(Network {
                address: IpAddress(bytes.array()?),
                length: bytes.array::<1>()?[0],
            }),
        };
        let head = Head {
            kind: EntryKind::ALL.get(usize::from(kind)).copied()?,
            attributes,
            length: length.into(),
            window: (from, until),
            network,
        };
        Some((head, bytes))
    }

    /// The value of an entry.
    pub(super) fn value(&self, number: u32) -> &[u8] {
        let found = self.head(number);
        let value = found.and_then(|(head, mut bytes)| bytes.take(head.length));
        value.unwrap_or_default()
    }

    /// What kind an entry is of.
    pub(super) fn kind(&self, number: u32) -> Option<EntryKind> {
        Some(self.head(number)?.0.kind)
    }

    /// The network that an entry stands for.
    pub(super) fn network(&self, number: u32) -> Option<Network> {
        self.head(number)?.0.network
    }

    /// Whether an entry is there and matches at a time.
    pub(super) fn is_valid_at(&self, number: u32, time: u64) -> bool {
        self.head(number).is_some_and(|(head, _)| {
            let (from, until) = head.window;
            from.is_none_or(|from| from <= time) && until.is_none_or(|until| time <= until)
        })
    }

    /// An entry as it came.
    pub(super) fn get(&self, number: u32) -> Option<Entry> {
        let (head, mut bytes) = self.head(number)?;
        let value = bytes.text(head.length)?.into();
        let mut attributes = Attributes::default();
        for _ in 0..head.attributes {
            let [length] = bytes.array()?;
            let name = bytes.text(length.into())?;
            let value = match u32::from_le_bytes(bytes.array()?) {
                0 => AttributeValue::Number(f64::from_le_bytes(bytes.array()?)),
                text => AttributeValue::Text(bytes.text(text as usize - 1)?.to_owned()),
            };
            attributes.insert(name, value).ok()?;
        }
        Some(Entry {
            kind: head.kind,
            value,
            valid_from: head.window.0,
            valid_until: head.window.1,
            attributes,
        })
    }
}

struct Head {
    kind: EntryKind,
    attributes: u8,
    length: usize,
    window: (Option<u64>, Option<u64>),
    network: Option<Network>,
}

/// What is left to read of a block.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, length: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(length)?;
        self.0 = rest;
        Some(taken)
    }

    fn array<const N: usize>(&mut self) -> Option<[u8; N]> {
        self.take(N)?.try_into().ok()
    }

    fn text(&mut self, length: usize) -> Option<&'a str> {
        std::str::from_utf8(self.take(length)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(value: &str, attributes: &[(&str, AttributeValue)]) -> Entry {
        let mut all = Attributes::default();
        for (name, value) in attributes {
            all.insert(*name, value.clone()).unwrap();
        }
        Entry {
            kind: EntryKind::Text,
            value: value.into(),
            valid_from: None,
            valid_until: None,
            attributes: all,
        }
    }

    #[test]
    fn what_was_put_in_comes_out() {
        let network = Network {
            address: IpAddress([7; 16]),
            length: 128,
        };
        let text = |text: &str| AttributeValue::Text(text.into());
        let mut all = Entries::default();
        let mut put = Vec::new();
        for (kind, at) in EntryKind::ALL.into_iter().zip(0_u64..) {
            let value = format!("value {at}");
            let attributes = [
                ("a", text("")),
                ("b", AttributeValue::Number(-0.5)),
                ("c", text("ü")),
            ];
            let entry = Entry {
                kind,
                valid_from: (at & 1 == 0).then_some(at),
                valid_until: (at & 2 == 0).then_some(u64::MAX - at),
                ..entry(&value, &attributes[..at as usize % 4])
            };
            assert_eq!(
                all.push(&entry, (at & 4 == 0).then_some(network)),
                Some(at as u32)
            );
            put.push(entry);
        }
        all.close();
        for (number, entry) in (0u32..).zip(&put) {
            assert_eq!(all.get(number).as_ref(), Some(entry));
            assert_eq!(all.value(number), entry.value.as_bytes());
            assert_eq!(all.network(number), (number & 4 == 0).then_some(network));
            for time in [0, 3, 1 << 40, u64::MAX - 3, u64::MAX] {
                assert_eq!(all.is_valid_at(number, time), entry.is_valid_at(time));
            }
        }
        assert_eq!(all.get(8), None);
        assert!(!all.is_valid_at(8, 0) && all.value(8).is_empty());
    }

    #[test]
    fn entries_of_every_length_fill_many_blocks() {
        let mut all = Entries::default();
        let lengths = (0..400).map(|at| 1 + at * 97 % 8192);
        let put: Vec<Entry> = lengths
            .map(|length| entry(&"x".repeat(length), &[]))
            .collect();
        for entry in &put {
            all.push(entry, None).unwrap();
        }
        assert!(all.blocks.len() > 1);
        all.close();
        assert!(all.blocks.iter().all(|block| block.capacity() <= BLOCK));
        for (number, entry) in (0u32..).zip(&put) {
            assert_eq!(all.get(number).as_ref(), Some(entry));
        }
        let bytes: usize = put.iter().map(|entry| 5 + entry.value.len()).sum();
        assert!(
            (bytes..bytes + bytes / 50).contains(&all.held()),
            "{bytes} and {}",
            all.held()
        );
    }
}
