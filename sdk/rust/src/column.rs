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

    /// The value as bytes; empty where the event lacks the field.
    ///
    /// # Panics
    /// When there is no such value: a rule that looks at it would pass unseen.
    #[track_caller]
    pub fn bytes(&self, at: usize) -> &[u8] {
        let end = at.checked_add(1).and_then(|next| self.offsets.get(next));
        let (Some(&start), Some(&end)) = (self.offsets.get(at), end) else {
            beyond("text", at, self.len());
        };
        self.bytes.get(start as usize..end as usize).unwrap_or(&[])
    }

    /// The value as text; empty also where the bytes are not UTF-8.
    ///
    /// # Panics
    /// As [`bytes`](Self::bytes).
    #[track_caller]
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

/// Ends the call as a fault: there is no such value in a column.
#[cold]
#[track_caller]
pub(crate) fn beyond(what: &str, at: usize, length: usize) -> ! {
    panic!("there is no value {at} in this column of {what}; it has {length}, counted from 0")
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
    /// to use as a key. All zero where the event lacks the field.
    ///
    /// # Panics
    /// When there is no such value: a rule that looks at it would pass unseen.
    #[track_caller]
    pub fn octets(&self, at: usize) -> &[u8; 16] {
        match self.0.as_chunks::<16>().0.get(at) {
            Some(octets) => octets,
            None => beyond("addresses", at, self.len()),
        }
    }

    /// The value; `::` where the event lacks the field.
    ///
    /// # Panics
    /// As [`octets`](Self::octets).
    #[track_caller]
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
    }

    #[test]
    #[should_panic(expected = "there is no value 3 in this column of text; it has 3")]
    fn a_text_that_is_not_there_is_a_fault() {
        Text::new(vec![0, 2, 2, 5], "abxyz".into()).get(3);
    }

    #[test]
    #[should_panic(expected = "there is no value 1 in this column of addresses; it has 1")]
    fn an_address_that_is_not_there_is_a_fault() {
        Addresses::new(vec![0; 16]).get(1);
    }
}
