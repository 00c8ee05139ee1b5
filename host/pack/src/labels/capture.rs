//! Which files are captures from their first byte to their last: what only begins like one could
//! hold anything behind.

/// Whether the bytes are a pcap 2.4 or a pcapng whose records follow one another to the end of the
/// file. What the records hold is not looked at. Every record is passed over once.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let whole = match bytes {
        [0xd4, 0xc3, 0xb2, 0xa1, 2, 0, 4, 0, ..] | [0x4d, 0x3c, 0xb2, 0xa1, 2, 0, 4, 0, ..] => {
            pcap(bytes, u32::from_le_bytes)
        }
        [0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, ..] | [0xa1, 0xb2, 0x3c, 0x4d, 0, 2, 0, 4, ..] => {
            pcap(bytes, u32::from_be_bytes)
        }
        [0x0a, 0x0d, 0x0d, 0x0a, ..] => pcapng(bytes),
        _ => None,
    };
    whole.is_some()
}

/// A header of 24 bytes, and packets with one of 16 bytes each.
fn pcap(bytes: &[u8], number: fn([u8; 4]) -> u32) -> Option<()> {
    let mut at = 24;
    while at < bytes.len() {
        let length = usize::try_from(number(array(bytes, at.checked_add(8)?)?)).ok()?;
        at = at.checked_add(16)?.checked_add(length)?;
    }
    (at == bytes.len()).then_some(())
}

/// Blocks that say their length at both ends; a section says in which order of bytes.
fn pcapng(bytes: &[u8]) -> Option<()> {
    let mut number: fn([u8; 4]) -> u32 = u32::from_le_bytes;
    let mut at = 0_usize;
    while at < bytes.len() {
        if array(bytes, at)? == [0x0a, 0x0d, 0x0d, 0x0a] {
            number = match array(bytes, at.checked_add(8)?)? {
                [0x4d, 0x3c, 0x2b, 0x1a] => u32::from_le_bytes,
                [0x1a, 0x2b, 0x3c, 0x4d] => u32::from_be_bytes,
                _ => return None,
            };
        }
        let stated = number(array(bytes, at.checked_add(4)?)?);
        let length = usize::try_from(stated).ok()?;
        let end = at.checked_add(length)?;
        if length < 12 || length % 4 != 0 || number(array(bytes, end - 4)?) != stated {
            return None;
        }
        at = end;
    }
    Some(())
}

fn array(bytes: &[u8], at: usize) -> Option<[u8; 4]> {
    bytes.get(at..at.checked_add(4)?)?.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_captures_are_told_from_what_begins_like_one() {
        let head = [&b"\xd4\xc3\xb2\xa1\x02\0\x04\0"[..], &[0; 16]].concat();
        let packet = b"\0\0\0\0\0\0\0\0\x02\0\0\0\x02\0\0\0ab";
        let little = [&head[..], packet].concat();
        let head = [&b"\xa1\xb2\x3c\x4d\0\x02\0\x04"[..], &[0; 16]].concat();
        let big = [&head[..], b"\0\0\0\0\0\0\0\0\0\0\0\x02\0\0\0\x02ab"].concat();
        let next =
            b"\x0a\x0d\x0d\x0a\x10\0\0\0\x4d\x3c\x2b\x1a\x10\0\0\0\x05\0\0\0\x0c\0\0\0\x0c\0\0\0";
        for (capture, whole) in [
            (&little[..], &[24, 42][..]),
            (&big, &[24, 42]),
            (next, &[16, 28]),
        ] {
            for cut in 1..=capture.len() {
                assert_eq!(is_whole(&capture[..cut]), whole.contains(&cut), "{cut}");
            }
            assert!(!is_whole(&[capture, b"T\0L\0P\0:\0R\0"].concat()));
            // Lengths of hostile size, and of nothing.
            for fill in [0, 0xff] {
                assert!(!is_whole(&[&capture[..12], &[fill; 61]].concat()));
            }
        }
    }
}
