//! Text that is no text.

/// The record with U+FFFD for halves of surrogate pairs that stand alone; none if all pairs
/// are whole.
pub(super) fn surrogates(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut repaired: Option<String> = None;
    let mut done = 0;
    let mut at = 0;
    while let Some(found) = bytes.get(at..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        at += found;
        let Some(unit) = unit(bytes, at) else {
            // Another escape is two bytes long.
            at += 2;
            continue;
        };
        match unit {
            0xd800..=0xdbff if matches!(self::unit(bytes, at + 6), Some(0xdc00..=0xdfff)) => {
                at += 12;
            }
            0xd800..=0xdfff => {
                let to = repaired.get_or_insert_default();
                to.push_str(text.get(done..at).unwrap_or_default());
                to.push_str("\\ufffd");
                at += 6;
                done = at;
            }
            _ => at += 6,
        }
    }
    let mut repaired = repaired?;
    repaired.push_str(text.get(done..).unwrap_or_default());
    Some(repaired)
}

/// The number of the escape `\uXXXX` at `at`.
fn unit(bytes: &[u8], at: usize) -> Option<u32> {
    let digits = bytes.get(at..at + 6)?.strip_prefix(b"\\u")?;
    digits.iter().try_fold(0, |value, digit| {
        Some(value << 4 | char::from(*digit).to_digit(16)?)
    })
}
