//! Predicates of a subscription: what the host evaluates over columns before a guest is called.

use palisade_events::FieldId;

/// A value that a predicate compares with.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// Text, and the name of an enum's case.
    Text(String),
    /// A number of any width.
    Number(f64),
    /// A whole number, kept apart so that u64 columns compare exactly.
    Integer(i64),
    /// True or false.
    Boolean(bool),
}

/// What a predicate asks of a field's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Test {
    /// It is one of these; a single one for `equals`.
    OneOf(Vec<Value>),
    /// It is an address in one of these networks (16-byte form, prefix length of 0 to 128).
    Cidr(Vec<([u8; 16], u8)>),
    /// Its text begins with one of these.
    Prefix(Vec<String>),
    /// Its text ends with one of these.
    Suffix(Vec<String>),
    /// Its text contains one of these.
    ContainsAny(Vec<String>),
    /// It matches an entry of the dataset with this position in the manifest.
    InDataset(usize),
    /// The event has the field.
    Exists,
    /// It is a number within these bounds, both inclusive.
    Range {
        /// The least, if any.
        min: Option<Value>,
        /// The largest, if any.
        max: Option<Value>,
    },
}

/// One condition. A field that the event lacks fails every test, and so passes when negated;
/// of a field that repeats one value must pass.
#[derive(Clone, Debug, PartialEq)]
pub struct Predicate {
    /// The field's dotted name.
    pub name: String,
    /// Its id.
    pub field: FieldId,
    /// Whether the outcome is turned around.
    pub not: bool,
    /// What is asked.
    pub test: Test,
}

/// `10.0.0.0/8` or `2001:db8::/32`, as 16 bytes and a prefix length counted from their start.
pub(super) fn network(text: &str) -> Result<([u8; 16], u8), String> {
    let wrong = || format!("`{text}` is not a network; write `10.0.0.0/8` or `2001:db8::/32`");
    let (address, length) = match text.split_once('/') {
        Some((address, length)) => (address, Some(length.parse::<u8>().map_err(|_| wrong())?)),
        None => (text, None),
    };
    let (bytes, offset) = match address.parse::<std::net::IpAddr>().map_err(|_| wrong())? {
        std::net::IpAddr::V4(v4) => (v4.to_ipv6_mapped().octets(), 96),
        std::net::IpAddr::V6(v6) => (v6.octets(), 0),
    };
    let length = match length {
        None => 128,
        Some(length) if length <= 128 - offset => length + offset,
        Some(_) => return Err(wrong()),
    };
    Ok((bytes, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_are_counted_from_the_mapped_form() {
        let (bytes, length) = network("10.0.0.0/8").unwrap();
        assert_eq!(length, 104);
        assert_eq!(&bytes[10..13], &[0xff, 0xff, 10]);
        assert_eq!(network("2001:db8::/32").unwrap().1, 32);
        assert_eq!(network("192.0.2.1").unwrap().1, 128);
        for bad in ["10.0.0.0/33", "::/129", "ten", "10.0.0.0/x"] {
            assert!(network(bad).is_err(), "{bad}");
        }
    }
}
