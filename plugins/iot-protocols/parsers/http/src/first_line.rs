//! First lines: what tells HTTP from other protocols, and a head from a body.

use iot_wire::{Run, Verdict};

/// How a client of HTTP/2 in clear begins (RFC 9113, section 3.4).
pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes of the first word of a head, at most.
const MAX_WORD: usize = 64;

/// Judges the first bytes of a direction.
#[must_use]
pub fn probe(run: &Run<'_>) -> Verdict {
    let bytes = run.bytes;
    match status_line(bytes) {
        Verdict::No => {}
        verdict => return verdict,
    }
    if bytes.starts_with(PREFACE) {
        return Verdict::Yes;
    }
    if PREFACE.starts_with(bytes) {
        return Verdict::More;
    }
    request_line(bytes)
}

fn status_line(bytes: &[u8]) -> Verdict {
    let shape = b"HTTP/1.d ddd";
    for (index, &wanted) in shape.iter().enumerate() {
        match bytes.get(index) {
            None => return Verdict::More,
            Some(byte) if wanted == b'd' && byte.is_ascii_digit() => {}
            Some(&byte) if byte == wanted => {}
            Some(_) => return Verdict::No,
        }
    }
    match bytes.get(shape.len()) {
        None => Verdict::More,
        Some(b' ' | b'\r' | b'\n') => Verdict::Yes,
        Some(_) => Verdict::No,
    }
}

/// Whether bytes can be the beginning of a head of any kind, well-formed or not: a token
/// first and, once the line is there, `HTTP/` in it.
pub(crate) fn could_be_head(bytes: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~/".contains(byte);
    let word = bytes.iter().take_while(|byte| token(byte)).count();
    let spaced = bytes.get(word).is_none_or(|byte| b" \t".contains(byte));
    let line = memchr::memchr(b'\n', bytes).and_then(|end| bytes.get(..end));
    (1..=MAX_WORD).contains(&word)
        && spaced
        && line.is_none_or(|line| memchr::memmem::find(line, b"HTTP/").is_some())
}

/// A method of capital letters, a target without spaces, and `HTTP/1.`.
pub(crate) fn request_line(bytes: &[u8]) -> Verdict {
    let method = bytes
        .iter()
        .take(21)
        .take_while(|&&b| b.is_ascii_uppercase() || b == b'-')
        .count();
    match bytes.get(method) {
        None if method <= 20 => return Verdict::More,
        Some(b' ') if (2..=20).contains(&method) => {}
        _ => return Verdict::No,
    }
    let rest = bytes.get(method + 1..).unwrap_or_default();
    match rest.first() {
        None => return Verdict::More,
        Some(first) if first.is_ascii_alphanumeric() || b"/*[%".contains(first) => {}
        Some(_) => return Verdict::No,
    }
    let target = rest
        .iter()
        .take_while(|&&byte| byte > b' ' && byte != 0x7f)
        .count();
    let version = rest.get(target..).unwrap_or_default();
    let shape = b" HTTP/1.";
    if version.starts_with(shape) {
        Verdict::Yes
    } else if shape.starts_with(version) {
        // A target can fill all that a host shows: then the method must do.
        if bytes.len() >= 4_096 && rest.starts_with(b"/") {
            Verdict::Yes
        } else {
            Verdict::More
        }
    } else {
        Verdict::No
    }
}
