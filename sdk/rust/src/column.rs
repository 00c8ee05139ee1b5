//! Views over columns that are not plain numbers.

use std::net::{IpAddr, Ipv6Addr};

/// A column of text, or of bytes that need not be text: one run of bytes with offsets.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    offsets: Vec<u32>,
    bytes: Vec<u8>,
}

impl Text {
    pub(crate) fn new(offsets: Vec<u32>, bytes: Vec<u8>) -> Self {
        Text { offsets, bytes }
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.offsets.len().saturating_sub(1)
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The value as bytes; empty where the event lacks the field and beyond the end.
    pub fn bytes(&self, at: usize) -> &[u8] {
        let (Some(&start), Some(&end)) = (self.offsets.get(at), self.offsets.get(at + 1)) else {
            return &[];
        };
        self.bytes.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The value as text; empty also where the bytes are not UTF-8.
    pub fn get(&self, at: usize) -> &str {
        std::str::from_utf8(self.bytes(at)).unwrap_or("")
    }

    /// The values as text, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> {
        (0..self.len()).map(|at| self.get(at))
    }

    /// The values as bytes, in order.
    pub fn iter_bytes(&self) -> impl ExactSizeIterator<Item = &[u8]> {
        (0..self.len()).map(|at| self.bytes(at))
    }
}

/// A column of addresses, 16 bytes each.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Addresses(Vec<u8>);

impl Addresses {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        Addresses(bytes)
    }

    /// How many values there are.
    pub fn len(&self) -> usize {
        self.0.len() / 16
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The 16 bytes of a value, an IPv4 address as `::ffff:a.b.c.d`: cheap to compare and
    /// to use as a key. All zero where the event lacks the field and beyond the end.
    pub fn octets(&self, at: usize) -> &[u8; 16] {
        const NONE: &[u8; 16] = &[0; 16];
        self.0.as_chunks::<16>().0.get(at).unwrap_or(NONE)
    }

    /// The value; `::` where the event lacks the field and beyond the end.
    pub fn get(&self, at: usize) -> IpAddr {
        Ipv6Addr::from(*self.octets(at)).to_canonical()
    }

    /// The values in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = IpAddr> {
        self.0
            .as_chunks::<16>()
            .0
            .iter()
            .map(|octets| Ipv6Addr::from(*octets).to_canonical())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_cut_by_offsets() {
        let text = Text::new(vec![0, 2, 2, 5], "abxyz".into());
        assert_eq!(text.iter().collect::<Vec<_>>(), ["ab", "", "xyz"]);
        assert_eq!(text.get(3), "");
        assert_eq!(Text::default().len(), 0);
        assert_eq!(Text::new(vec![0, 1], vec![0xff]).get(0), "");
        assert_eq!(Text::new(vec![0, 9], vec![1]).bytes(0), b"");
    }

    #[test]
    fn addresses_tell_the_families_apart() {
        let mut bytes = "10.0.0.1"
            .parse::<std::net::Ipv4Addr>()
            .unwrap()
            .to_ipv6_mapped()
            .octets()
            .to_vec();
        bytes.extend("2001:db8::1".parse::<Ipv6Addr>().unwrap().octets());
        let addresses = Addresses::new(bytes);
        let shown: Vec<String> = addresses
            .iter()
            .map(|address| address.to_string())
            .collect();
        assert_eq!(shown, ["10.0.0.1", "2001:db8::1"]);
        assert_eq!(addresses.get(2).to_string(), "::");
    }
}
