//! Which files are pictures from their first byte to their last: what only begins like one could
//! hold anything behind.

use memchr::memchr;

/// Whether the bytes are a JPEG, GIF, PNG or WebP whose parts follow one another to the end of the
/// file. What the parts hold is not looked at, save by who reads them as text. Every byte is
/// passed over once.
pub(super) fn is_whole(bytes: &[u8]) -> bool {
    let whole = match bytes {
        [0xff, 0xd8, ..] => jpeg(bytes),
        [b'G', b'I', b'F', b'8', b'7' | b'9', b'a', ..] => gif(bytes),
        [0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1a, b'\n', ..] => png(bytes),
        [b'R', b'I', b'F', b'F', ..] => webp(bytes),
        _ => None,
    };
    whole.is_some()
}

/// ITU-T T.81: segments up to the end of the image, with at least one frame and one scan.
fn jpeg(bytes: &[u8]) -> Option<()> {
    let (mut frame, mut scan) = (false, false);
    let mut at = 2;
    loop {
        if *bytes.get(at)? != 0xff {
            return None;
        }
        // Markers may be filled up with ones.
        while *bytes.get(at)? == 0xff {
            at += 1;
        }
        let marker = *bytes.get(at)?;
        at += 1;
        match marker {
            0xd9 => return (frame && scan && nothing_after(bytes, at)).then_some(()),
            0x01 | 0xd0..=0xd7 => continue,
            0x00 | 0xd8 => return None,
            0xc0..=0xcf => frame |= !matches!(marker, 0xc4 | 0xc8 | 0xcc),
            _ => {}
        }
        let length = usize::from(u16::from_be_bytes(array(bytes, at)?));
        if length < 2 {
            return None;
        }
        at += length;
        if marker == 0xda {
            scan = true;
            at = after_scan(bytes, at)?;
        }
    }
}

/// Where the next marker begins behind the coded data of a scan.
fn after_scan(bytes: &[u8], mut at: usize) -> Option<usize> {
    loop {
        at += memchr(0xff, bytes.get(at..)?)?;
        match *bytes.get(at + 1)? {
            // A stuffed byte, or a restart.
            0x00 | 0xd0..=0xd7 => at += 2,
            _ => return Some(at),
        }
    }
}

/// GIF89a: blocks up to the trailer, with at least one image.
fn gif(bytes: &[u8]) -> Option<()> {
    let table = |packed: u8| match packed & 0x80 {
        0 => 0,
        _ => 3 << ((packed & 7) + 1),
    };
    let mut at = 13 + table(*bytes.get(10)?);
    let mut image = false;
    loop {
        let block = *bytes.get(at)?;
        at += 1;
        match block {
            0x21 => at += 1,
            0x2c => {
                image = true;
                at += 9 + table(*bytes.get(at + 8)?) + 1;
            }
            0x3b => return (image && nothing_after(bytes, at)).then_some(()),
            _ => return None,
        }
        loop {
            let length = usize::from(*bytes.get(at)?);
            at += 1 + length;
            if length == 0 {
                break;
            }
        }
    }
}

/// PNG (ISO/IEC 15948): chunks from `IHDR` to `IEND`.
fn png(bytes: &[u8]) -> Option<()> {
    let mut at = 8;
    loop {
        let length = usize::try_from(u32::from_be_bytes(array(bytes, at)?)).ok()?;
        let kind: [u8; 4] = array(bytes, at + 4)?;
        let first = at == 8;
        if first != (kind == *b"IHDR") || !kind.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        at = at.checked_add(12)?.checked_add(length)?;
        if at > bytes.len() {
            return None;
        }
        if kind == *b"IEND" {
            return (length == 0 && nothing_after(bytes, at)).then_some(());
        }
    }
}

/// WebP: a RIFF file of its stated size, made of chunks.
fn webp(bytes: &[u8]) -> Option<()> {
    let size = usize::try_from(u32::from_le_bytes(array(bytes, 4)?)).ok()?;
    if array(bytes, 8)? != *b"WEBP" || array::<3>(bytes, 12)? != *b"VP8" {
        return None;
    }
    let end = size.checked_add(8)?;
    let mut at = 12;
    while at < end {
        let length = usize::try_from(u32::from_le_bytes(array(bytes, at + 4)?)).ok()?;
        at = at
            .checked_add(8)?
            .checked_add(length)?
            .checked_add(length % 2)?;
    }
    (at == end && end <= bytes.len() && nothing_after(bytes, end)).then_some(())
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..at.checked_add(N)?)?.try_into().ok()
}

/// Whether nothing stands behind a picture but what fills up a block.
fn nothing_after(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..);
    rest.is_some_and(|rest| rest.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pictures() -> Vec<Vec<u8>> {
        let jpeg = b"\xff\xd8\xff\xe0\0\x04ab\xff\xff\xc0\0\x03x\xff\xda\0\x02\x01\xff\0\xff\xd0\x02\xff\xd9";
        let gif =
            b"GIF89a\x01\0\x01\0\x80\0\0aaabbb\x21\xfe\x02hi\0\x2c\0\0\0\0\x01\0\x01\0\0\x02\x01x\0\x3b";
        let png = b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR\0\0\0\x01\0\0\0\x01\x08\0\0\0\0cccc\0\0\0\x02tEXtxxcccc\0\0\0\0IENDcccc";
        let webp = b"RIFF\x0e\0\0\0WEBPVP8 \x01\0\0\0xy";
        vec![jpeg.to_vec(), gif.to_vec(), png.to_vec(), webp.to_vec()]
    }

    #[test]
    fn whole_pictures_are_told_from_what_begins_like_one() {
        for picture in pictures() {
            assert!(is_whole(&picture), "{picture:?}");
            let padded = [&picture[..], &[0; 8]].concat();
            assert!(is_whole(&padded), "{picture:?}");
            for cut in 0..picture.len() {
                assert!(!is_whole(&picture[..cut]), "{cut} of {picture:?}");
            }
            let more = [&picture[..], b"T\0L\0P\0"].concat();
            assert!(!is_whole(&more), "{picture:?}");
        }
        for head in [
            &b"\xff\xd8\xff"[..],
            b"GIF89a",
            b"\x89PNG\r\n\x1a\n",
            b"RIFF",
        ] {
            assert!(!is_whole(&[head, b"\0secret\0"].concat()));
        }
    }

    #[test]
    fn hostile_sizes_end() {
        // Lengths beyond the file, and files of nothing but one sign.
        for head in [&b"\xff\xd8"[..], b"GIF89a", b"\x89PNG\r\n\x1a\n", b"RIFF"] {
            for fill in [0, 1, 0x21, 0x2c, 0x7f, 0xff] {
                assert!(!is_whole(&[head, &vec![fill; 1 << 20]].concat()));
            }
        }
        assert!(!is_whole(b"RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\xff"));
    }
}
