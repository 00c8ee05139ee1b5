//! From a value of an event to the entries that it matches.

use std::hash::BuildHasher;
use std::io::Write as _;
use std::net::IpAddr;

use hashbrown::{DefaultHashBuilder, HashTable};
use palisade_events::{IpAddress, Values};

use super::entries::Entries;
use super::entry::{EntryKind, MAX_SAME_VALUE, is_domain_byte};
use super::networks::{Network, Networks};

/// The longest text that can be a domain, a digest or an e-mail address.
const MAX_FOLDED: usize = 320;
/// The longest text that can be an address.
const MAX_ADDRESS: usize = 45;

/// Texts of some kinds of entry; each as the last of the entries that
/// have it as their value.
#[derive(Debug, Default)]
struct Texts {
    heads: HashTable<u32>,
}

/// As many entries have one value as may.
#[derive(Debug)]
pub(super) struct TooManyAlike;

/// Space to work in, kept from value to value.
#[derive(Debug, Default)]
pub struct Scratch(Vec<u8>);

/// Finds the entries of a dataset.
#[derive(Debug, Default)]
pub(super) struct Index {
    networks: Networks,
    domains: Texts,
    /// Compared in lower case: digests and e-mail addresses.
    folded: Texts,
    /// Compared as they are.
    exact: Texts,
    /// For every entry the next one with the same value; for the last of them the first.
    next: Vec<u32>,
    hasher: DefaultHashBuilder,
}

/// The network of an entry that is known to stand for one.
fn network(entries: &Entries) -> impl Fn(u32) -> Network {
    |at| entries.network(at).unwrap_or(Network::NONE)
}

impl Index {
    /// Adds the entry with this number, the least that is not there.
    ///
    /// # Errors
    /// When too many have its value already.
    pub(super) fn insert(&mut self, entries: &Entries, at: u32) -> Result<(), TooManyAlike> {
        let before = match entries.network(at) {
            Some(_) => self.networks.insert(at, network(entries)),
            None => self.insert_text(entries, at),
        };
        // What stands for a value is the last entry that has it, and leads to the first.
        let first = before.map_or(at, |last| self.next[last as usize]);
        if let Some(last) = before {
            if self.chain(last).take(MAX_SAME_VALUE).count() == MAX_SAME_VALUE {
                return Err(TooManyAlike);
            }
            self.next[last as usize] = at;
        }
        self.next.push(first);
        Ok(())
    }

    fn insert_text(&mut self, entries: &Entries, at: u32) -> Option<u32> {
        let texts = match entries.kind(at) {
            Some(EntryKind::Domain) => &mut self.domains,
            Some(EntryKind::Sha256 | EntryKind::Email) => &mut self.folded,
            _ => &mut self.exact,
        };
        let hash = |at: &u32| self.hasher.hash_one(entries.value(*at));
        let same = |other: &u32| entries.value(*other) == entries.value(at);
        match texts.heads.find_mut(hash(&at), same) {
            Some(head) => Some(std::mem::replace(head, at)),
            None => {
                texts.heads.insert_unique(hash(&at), at, hash);
                None
            }
        }
    }

    /// Gives back what was kept for more entries.
    pub(super) fn close(&mut self) {
        self.next.shrink_to_fit();
    }

    /// Bytes that it takes in memory.
    pub(super) fn held(&self) -> usize {
        let texts = [&self.domains, &self.folded, &self.exact];
        let texts: usize = texts.iter().map(|t| t.heads.allocation_size()).sum();
        texts + self.networks.held() + self.next.capacity() * size_of::<u32>()
    }

    /// The entries that have the value of this one, the last of them, in ascending order.
    fn chain(&self, last: u32) -> impl Iterator<Item = u32> {
        let next = |at: u32| self.next.get(at as usize).copied();
        let mut at = next(last);
        std::iter::from_fn(move || {
            let entry = at?;
            at = next(entry).filter(|_| entry != last);
            Some(entry)
        })
    }

    fn text(&self, texts: &Texts, entries: &Entries, value: &[u8]) -> impl Iterator<Item = u32> {
        let last = match texts.heads.is_empty() {
            true => None,
            false => texts
                .heads
                .find(self.hasher.hash_one(value), |at| {
                    entries.value(*at) == value
                })
                .copied(),
        };
        last.into_iter().flat_map(|last| self.chain(last))
    }

    /// Calls `found` with the entries that a value matches, whatever the time, until it says
    /// no. No entry comes twice.
    pub(super) fn matches(
        &self,
        entries: &Entries,
        values: &Values,
        at: usize,
        scratch: &mut Scratch,
        mut found: impl FnMut(u32) -> bool,
    ) {
        let mut all =
            |mut hits: &mut dyn Iterator<Item = u32>| Iterator::all(&mut hits, &mut found);
        match values {
            Values::Address(bytes) => {
                let address = bytes.get(at * 16..).and_then(|b| b.first_chunk::<16>());
                all(&mut address.into_iter().flat_map(|a| self.address(entries, *a)));
            }
            Values::Text { .. } => {
                self.match_text(entries, values.text(at), scratch, all);
            }
            values => {
                if !self.exact.heads.is_empty() && write_number(values, at, &mut scratch.0) {
                    all(&mut self.text(&self.exact, entries, &scratch.0));
                }
            }
        }
    }

    fn match_text(
        &self,
        entries: &Entries,
        text: &[u8],
        scratch: &mut Scratch,
        mut all: impl FnMut(&mut dyn Iterator<Item = u32>) -> bool,
    ) {
        if !all(&mut self.text(&self.exact, entries, text)) {
            return;
        }
        if !self.networks.is_empty()
            && let Some(address) = address(text)
            && !all(&mut self.address(entries, address.0))
        {
            return;
        }
        if text.len() > MAX_FOLDED || (self.folded.is_empty() && self.domains.is_empty()) {
            return;
        }
        let folded = &mut scratch.0;
        folded.clear();
        folded.extend(text.iter().map(u8::to_ascii_lowercase));
        if !all(&mut self.text(&self.folded, entries, folded)) {
            return;
        }
        let mut domain = folded.strip_suffix(b".").unwrap_or(folded);
        let is_domain = domain.iter().all(|b| is_domain_byte(*b) || *b == b'.');
        if self.domains.is_empty() || !is_domain {
            return;
        }
        // The whole name, then what is left after each dot.
        while all(&mut self.text(&self.domains, entries, domain)) {
            let Some(dot) = memchr::memchr(b'.', domain) else {
                return;
            };
            domain = &domain[dot + 1..];
        }
    }

    fn address(&self, entries: &Entries, address: [u8; 16]) -> impl Iterator<Item = u32> {
        self.networks
            .holding(address, network(entries))
            .flat_map(|head| self.chain(head))
    }

    /// The entries with this canonical value, in ascending order.
    pub(super) fn lookup(&self, entries: &Entries, value: &str) -> Vec<u32> {
        let texts = [&self.exact, &self.folded, &self.domains];
        let mut found: Vec<u32> = texts
            .into_iter()
            .flat_map(|texts| self.text(texts, entries, value.as_bytes()))
            .collect();
        let kinds = [EntryKind::Ipv4, EntryKind::Ipv6, EntryKind::Cidr];
        let networks = kinds
            .into_iter()
            .filter_map(|kind| super::entry::canonical(kind, value).ok()?.1);
        if let Some(head) = networks
            .filter_map(|n| self.networks.get(n, network(entries)))
            .next()
        {
            // `192.0.2.1` and `192.0.2.1/32` stand for one network.
            found.extend(
                self.chain(head)
                    .filter(|at| entries.value(*at) == value.as_bytes()),
            );
        }
        found.sort_unstable();
        found
    }
}

impl Texts {
    fn is_empty(&self) -> bool {
        self.heads.is_empty()
    }
}

/// The address that a text is.
fn address(text: &[u8]) -> Option<IpAddress> {
    // Most texts are none, and can be told by their first byte or their length.
    let first = text.first()?;
    if text.len() > MAX_ADDRESS || !(first.is_ascii_hexdigit() || *first == b':') {
        return None;
    }
    let address: IpAddr = std::str::from_utf8(text).ok()?.parse().ok()?;
    Some(address.into())
}

/// Writes a whole number in decimal, as texts of datasets have it.
fn write_number(values: &Values, at: usize, to: &mut Vec<u8>) -> bool {
    let number = match values {
        Values::F64(values) => values
            .get(at)
            .filter(|v| v.trunc() == **v && v.abs() < 9_007_199_254_740_992.0)
            .map(|v| *v as i64),
        Values::U64(values) => {
            let Some(value) = values.get(at) else {
                return false;
            };
            to.clear();
            return write!(to, "{value}").is_ok();
        }
        Values::U8(values) => values.get(at).map(|v| i64::from(*v)),
        Values::U16(values) => values.get(at).map(|v| i64::from(*v)),
        Values::U32(values) => values.get(at).map(|v| i64::from(*v)),
        Values::Address(_) | Values::Text { .. } => None,
    };
    to.clear();
    number.is_some_and(|number| write!(to, "{number}").is_ok())
}
