//! The canonical listing of a pack, whose digest is the pack's.
//!
//! ```text
//! "palisade-pack-listing-1\0"      domain, so that no other content has a pack's digest by accident
//! count            u64, little-endian, as all numbers
//! per file, sorted by the bytes of its path:
//!   length of path u64, path       UTF-8 in NFC
//!   size           u64
//!   BLAKE3         32 bytes
//! ```
//!
//! Every length is explicit, so that no two sets of files have one listing; nothing of
//! archive, order or time is in it. In the store the listing is a blob, and its digest is
//! the pack's: what the pack holds is reachable from it.

use palisade_events::Digest;

use crate::content::{MAX_FILE_BYTES, MAX_FILES};
use crate::{PackPath, Refusal};

const DOMAIN: &[u8; 24] = b"palisade-pack-listing-1\0";

/// A file of a pack.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is.
    pub path: PackPath,
    /// Its bytes.
    pub size: u64,
    /// BLAKE3 of its content.
    pub digest: Digest,
}

/// The files of a pack, sorted by path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing(Vec<Entry>);

impl Listing {
    /// Sorts files into a listing. Paths must be unique.
    pub(crate) fn new(mut entries: Vec<Entry>) -> Self {
        entries.sort_by(|a, b| a.path.cmp(&b.path));
        Self(entries)
    }

    /// The files in order.
    pub fn entries(&self) -> &[Entry] {
        &self.0
    }

    /// The canonical bytes.
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = DOMAIN.to_vec();
        let number = |bytes: &mut Vec<u8>, n: u64| bytes.extend_from_slice(&n.to_le_bytes());
        number(&mut bytes, self.0.len() as u64);
        for entry in &self.0 {
            let path = entry.path.as_str().as_bytes();
            number(&mut bytes, path.len() as u64);
            bytes.extend_from_slice(path);
            number(&mut bytes, entry.size);
            bytes.extend_from_slice(&entry.digest.0);
        }
        bytes
    }

    /// The pack's digest.
    pub fn digest(&self) -> Digest {
        Digest::of(&self.encode())
    }

    /// Whether bytes are meant to be a listing.
    pub fn is_listing(bytes: &[u8]) -> bool {
        bytes.starts_with(DOMAIN)
    }

    /// Reads a listing.
    ///
    /// # Errors
    /// When the bytes are not exactly what [`encode`](Self::encode) gives for some files.
    pub fn decode(bytes: &[u8]) -> Result<Self, Refusal> {
        let refuse = |problem: &str| Refusal::Listing {
            problem: problem.to_owned(),
        };
        let mut rest = bytes
            .strip_prefix(DOMAIN)
            .ok_or_else(|| refuse("it is none"))?;
        let mut take = |n: usize| {
            let (head, tail) = rest
                .split_at_checked(n)
                .ok_or_else(|| refuse("it is cut off"))?;
            rest = tail;
            Ok(head)
        };
        fn number(bytes: &[u8]) -> u64 {
            bytes.try_into().map(u64::from_le_bytes).unwrap_or(u64::MAX)
        }
        let count = number(take(8)?);
        if count > MAX_FILES as u64 {
            return Err(refuse("it has too many files"));
        }
        let mut entries: Vec<Entry> = Vec::new();
        for _ in 0..count {
            let length = number(take(8)?);
            if length > crate::path::MAX_PATH as u64 {
                return Err(refuse("a path is too long"));
            }
            let path = std::str::from_utf8(take(length as usize)?)
                .map_err(|_| refuse("a path is not UTF-8"))?;
            let path = PackPath::new(path)?;
            let size = number(take(8)?);
            if size > MAX_FILE_BYTES {
                return Err(refuse("a file is too large"));
            }
            let mut digest = Digest::default();
            digest.0.copy_from_slice(take(32)?);
            if entries.last().is_some_and(|last| last.path >= path) {
                return Err(refuse("its paths are not in order"));
            }
            entries.push(Entry { path, size, digest });
        }
        if !rest.is_empty() {
            return Err(refuse("it goes on after its end"));
        }
        Ok(Self(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(path: &str, content: &[u8]) -> Entry {
        Entry {
            path: PackPath::new(path).unwrap(),
            size: content.len() as u64,
            digest: Digest::of(content),
        }
    }

    #[test]
    fn the_form_is_fixed() {
        let listing = Listing::new(vec![entry("b", b"2"), entry("a", b"1")]);
        // Computed by hand from the description above; a change of it is a new format.
        let mut expected = b"palisade-pack-listing-1\0".to_vec();
        expected.extend([2, 0, 0, 0, 0, 0, 0, 0]);
        for (path, content) in [(b'a', b"1"), (b'b', b"2")] {
            expected.extend([1, 0, 0, 0, 0, 0, 0, 0, path, 1, 0, 0, 0, 0, 0, 0, 0]);
            expected.extend(blake3::hash(content).as_bytes());
        }
        assert_eq!(listing.encode(), expected);
        assert_eq!(Listing::decode(&expected).unwrap(), listing);
    }

    #[test]
    fn nothing_but_the_canonical_bytes_is_read() {
        let good = Listing::new(vec![entry("a", b"1"), entry("b/c", b"2")]).encode();
        for length in 0..good.len() {
            assert_eq!(
                Listing::decode(&good[..length]).unwrap_err().code(),
                "listing"
            );
        }
        let mut longer = good.clone();
        longer.push(0);
        assert!(Listing::decode(&longer).is_err());
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            // What is still a listing is another pack.
            if let Ok(listing) = Listing::decode(&changed) {
                assert_eq!(listing.encode(), changed);
                assert_ne!(listing.digest(), Digest::of(&good));
            }
        }
        let backwards = Listing(vec![entry("b", b"2"), entry("a", b"1")]).encode();
        assert!(Listing::decode(&backwards).is_err());
        let twice = Listing(vec![entry("a", b"2"), entry("a", b"1")]).encode();
        assert!(Listing::decode(&twice).is_err());
    }
}
