//! How a record begins, by which the next one is found where one does not end.

use memchr::memchr;

/// Longest beginning by which a record is known again.
pub(super) const MAX_OPENING: usize = 256;

/// The bracket and the first key of an object. A text in JSON cannot hold them, for there the
/// quotation mark has a backslash before it.
pub(crate) fn opening(object: &[u8]) -> Option<&[u8]> {
    let object = object.get(..MAX_OPENING.min(object.len()))?;
    let blank = |byte: &u8| byte.is_ascii_whitespace();
    let quote = 1 + object.get(1..)?.iter().position(|byte| !blank(byte))?;
    if object.first() != Some(&b'{') || object.get(quote) != Some(&b'"') {
        return None;
    }
    let len = memchr(b'"', object.get(quote + 1..)?)?;
    object.get(..quote + len + 2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_beginning_of_256_bytes_is_known_again() {
        let object = |length: usize| format!("{{\"{}\":1}}", "k".repeat(length));
        let longest = object(MAX_OPENING - 3);
        assert_eq!(
            opening(longest.as_bytes()),
            longest.as_bytes().get(..MAX_OPENING)
        );
        assert_eq!(opening(object(MAX_OPENING - 2).as_bytes()), None);
    }
}
