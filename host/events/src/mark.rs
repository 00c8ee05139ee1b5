//! The byte-order mark that programs of Windows put before a text in UTF-8.

/// The mark.
pub const MARK: &[u8] = b"\xef\xbb\xbf";

/// The bytes behind a byte-order mark; all of them where there is none. One mark is taken away,
/// and only at the beginning: anywhere else it is a character.
pub fn without_mark(bytes: &[u8]) -> &[u8] {
    bytes.strip_prefix(MARK).unwrap_or(bytes)
}
