//! Escapes in names and values.

use std::borrow::Cow;

use memchr::memchr;

/// Undoes `\xHH` and `\\`. Bytes that are no text stay as they are written, as in Zeek's JSON:
/// control characters that have no letter of their own in JSON, and what is no UTF-8.
pub(super) fn unescape(text: &str) -> Cow<'_, str> {
    if memchr(b'\\', text.as_bytes()).is_none() {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    loop {
        let at = memchr(b'\\', rest).unwrap_or(rest.len());
        let (plain, escape) = rest.split_at(at);
        bytes.extend_from_slice(plain);
        let hex = |digit: u8| {
            char::from(digit)
                .to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
        };
        rest = match escape {
            [] => break,
            [b'\\', b'\\', rest @ ..] => {
                bytes.push(b'\\');
                rest
            }
            [b'\\', b'x', high, low, rest @ ..] => {
                match (hex(*high), hex(*low)) {
                    (Some(high), Some(low)) => bytes.push(high << 4 | low),
                    _ => bytes.extend_from_slice(&[b'\\', b'x', *high, *low]),
                }
                rest
            }
            [first, rest @ ..] => {
                bytes.push(*first);
                rest
            }
        };
    }
    let mut plain = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for char in chunk.valid().chars() {
            match char {
                '\u{8}' | '\u{c}' | '\n' | '\r' | '\t' => plain.push(char),
                '\0'..='\u{1f}' | '\u{7f}' => push_hex(&mut plain, u32::from(char)),
                _ => plain.push(char),
            }
        }
        for byte in chunk.invalid() {
            push_hex(&mut plain, u32::from(*byte));
        }
    }
    Cow::Owned(plain)
}

fn push_hex(to: &mut String, byte: u32) {
    use std::fmt::Write as _;
    // Writing to text does not fail.
    let _ = write!(to, "\\x{byte:02x}");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_as_zeeks_json_has_them() {
        for (written, meant) in [
            ("plain", "plain"),
            (r"a\x09b\x2cc\\x09", "a\tb,c\\x09"),
            (r"\xc3\xa9 é \xff\x00\x7f", r"é é \xff\x00\x7f"),
            (r"\x2d", "-"),
            (r"\q \x1 \", r"\q \x1 \"),
            (r"\xzz", r"\xzz"),
        ] {
            assert_eq!(unescape(written), meant, "{written}");
        }
    }
}
