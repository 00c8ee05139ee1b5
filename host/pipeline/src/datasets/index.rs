//! From a value of an event to the entries that it matches.

use std::hash::BuildHasher;
use std::io::Write as _;
use std::net::IpAddr;

use hashbrown::{DefaultHashBuilder, HashTable};
use palisade_events::{IpAddress, Values};

use super::entry::{Entry, EntryKind, MAX_SAME_VALUE, is_domain_byte};
use super::networks::{Network, Networks};

/// No further entry.
const NIL: u32 = u32::MAX;
/// The longest text that can be a domain, a digest or an e-mail address.
const MAX_FOLDED: usize = 320;
/// The longest text that can be an address.
const MAX_ADDRESS: usize = 45;

/// Texts of some kinds of entry; each stands for the entries that have it as their value.
#[derive(Debug, Default)]
struct Texts {
    heads: HashTable<u32>,
}

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
    /// For every entry the next one with the same value.
    next: Vec<u32>,
    hasher: DefaultHashBuilder,
}

impl Index {
    /// Indexes entries; the networks are those of the entries that have one.
    ///
    /// # Errors
    /// The position of an entry whose value too many have.
    pub(super) fn of(entries: &[Entry], networks: &[Option<Network>]) -> Result<Index, usize> {
        let mut index = Index {
            next: vec![NIL; entries.len()],
            ..Index::default()
        };
        // Backwards, so that each chain runs forwards.
        for (at, (entry, network)) in entries.iter().zip(networks).enumerate().rev() {
            let before = match network {
                Some(network) => index.networks.insert(*network, at as u32),
                None => index.insert(entries, at as u32, entry),
            };
            index.next[at] = before.unwrap_or(NIL);
            let chain = before.into_iter().flat_map(|head| index.chain(head));
            if chain.take(MAX_SAME_VALUE).count() == MAX_SAME_VALUE {
                return Err(at);
            }
        }
        Ok(index)
    }

    fn insert(&mut self, entries: &[Entry], at: u32, entry: &Entry) -> Option<u32> {
        let texts = match entry.kind {
            EntryKind::Domain => &mut self.domains,
            EntryKind::Sha256 | EntryKind::Email => &mut self.folded,
            _ => &mut self.exact,
        };
        let hash = |at: &u32| self.hasher.hash_one(entries[*at as usize].value.as_bytes());
        let same = |other: &u32| entries[*other as usize].value == entry.value;
        match texts.heads.find_mut(hash(&at), same) {
            Some(head) => Some(std::mem::replace(head, at)),
            None => {
                texts.heads.insert_unique(hash(&at), at, hash);
                None
            }
        }
    }

    /// An entry and those after it that have its value.
    fn chain(&self, head: u32) -> impl Iterator<Item = u32> {
        let mut at = head;
        std::iter::from_fn(move || {
            let entry = at;
            at = self.next.get(entry as usize).copied().unwrap_or(NIL);
            (entry != NIL).then_some(entry)
        })
    }

    fn text(&self, texts: &Texts, entries: &[Entry], value: &[u8]) -> impl Iterator<Item = u32> {
        let head = match texts.heads.is_empty() {
            true => None,
            false => texts
                .heads
                .find(self.hasher.hash_one(value), |at| {
                    entries[*at as usize].value.as_bytes() == value
                })
                .copied(),
        };
        head.into_iter().flat_map(|head| self.chain(head))
    }

    /// Calls `found` with the entries that a value matches, whatever the time, until it says
    /// no. No entry comes twice.
    pub(super) fn matches(
        &self,
        entries: &[Entry],
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
                all(&mut address.into_iter().flat_map(|a| self.address(*a)));
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
        entries: &[Entry],
        text: &[u8],
        scratch: &mut Scratch,
        mut all: impl FnMut(&mut dyn Iterator<Item = u32>) -> bool,
    ) {
        if !all(&mut self.text(&self.exact, entries, text)) {
            return;
        }
        if !self.networks.is_empty()
            && let Some(address) = address(text)
            && !all(&mut self.address(address.0))
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

    fn address(&self, address: [u8; 16]) -> impl Iterator<Item = u32> {
        self.networks
            .holding(address)
            .flat_map(|head| self.chain(head))
    }

    /// The entries with this canonical value, in ascending order.
    pub(super) fn lookup(&self, entries: &[Entry], value: &str) -> Vec<u32> {
        let texts = [&self.exact, &self.folded, &self.domains];
        let mut found: Vec<u32> = texts
            .into_iter()
            .flat_map(|texts| self.text(texts, entries, value.as_bytes()))
            .collect();
        let kinds = [EntryKind::Ipv4, EntryKind::Ipv6, EntryKind::Cidr];
        let networks = kinds
            .into_iter()
            .filter_map(|kind| super::entry::canonical(kind, value).ok()?.1);
        if let Some(head) = networks.filter_map(|n| self.networks.get(n)).next() {
            // `192.0.2.1` and `192.0.2.1/32` stand for one network.
            found.extend(
                self.chain(head)
                    .filter(|at| *entries[*at as usize].value == *value),
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
