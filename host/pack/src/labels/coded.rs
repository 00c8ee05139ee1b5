//! Texts whose letters are written as something else: entities, escapes of languages and addresses,
//! UTF-7.

use base64::Engine as _;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use crate::invisible::{is_leftward, is_override};

/// A text with its entities replaced, by number and by name, as browsers do: old names, such as
/// `&shy`, do without the `;`. Its lines are where they were. `None`: it has none.
pub(super) fn entities(text: &str) -> Option<String> {
    if !text.contains('&') {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let decoded = htmlize::unescape(line);
        // `&NewLine;` begins no line of the file.
        out.extend(decoded.chars().map(|c| if c == '\n' { ' ' } else { c }));
        out.push_str(end);
    }
    (out != text).then_some(out)
}

/// A text with the escapes of languages replaced: `\x54`, `\u0054`, `\u{54}`, `\U00000054`, `\124`,
/// `%54` of addresses, and `=54` and lines that go on of mail. `None`: it has none.
pub(super) fn escapes(text: &str) -> Option<String> {
    replaced(text, &['\\', '%', '='], |rest| match rest.as_bytes() {
        [b'\\', b'x', ..] => hex(rest, 2, 2, 2),
        [b'\\', b'u', b'{', ..] => {
            let (c, length) = hex(rest, 3, 1, 6)?;
            (rest.as_bytes().get(length) == Some(&b'}')).then_some((c, length + 1))
        }
        [b'\\', b'u', ..] => hex(rest, 2, 4, 4),
        [b'\\', b'U', ..] => hex(rest, 2, 8, 8),
        [b'\\', a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', ..] => {
            let c = char::from((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'));
            (!c.is_control()).then_some((Some(c), 4))
        }
        [b'%' | b'=', ..] if hex(rest, 1, 2, 2).is_some() => {
            let (c, length) = hex(rest, 1, 2, 2)?;
            // Bytes of longer characters stay as they are.
            c.filter(char::is_ascii).map(|c| (Some(c), length))
        }
        [b'=', b'\n', ..] => Some((None, 2)),
        [b'=', b'\r', b'\n', ..] => Some((None, 3)),
        _ => None,
    })
}

/// A text with the escapes of style sheets replaced: `\54 LP`. `None`: it has none.
pub(super) fn style_escapes(text: &str) -> Option<String> {
    replaced(text, &['\\'], |rest| {
        let (c, length) = hex(rest, 1, 1, 6)?;
        let space = matches!(rest.as_bytes().get(length), Some(b' ' | b'\t'));
        Some((c, length + usize::from(space)))
    })
}

/// A text of UTF-7 (RFC 2152): `+AFQATABQ-` is `TLP`. What would be read as no Latin letters is left,
/// as a `+` stands in much that is no UTF-7. `None`: it has none.
pub(super) fn utf7(text: &str) -> Option<String> {
    const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::RequireNone)
        .with_decode_allow_trailing_bits(true);
    const ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
    let mut out = String::new();
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text[at..].find('+') {
        let from = at + found;
        let is_sign = |b: &u8| b.is_ascii_alphanumeric() || matches!(b, b'+' | b'/');
        let length = text.as_bytes()[from + 1..]
            .iter()
            .take_while(|b| is_sign(b))
            .count();
        let to = from + 1 + length;
        at = to;
        // Three signs are one letter and two bits.
        let whole = length - usize::from(length % 4 == 1);
        let bytes = ENGINE
            .decode(&text[from + 1..from + 1 + whole])
            .unwrap_or_default();
        let units = bytes
            .chunks_exact(2)
            .map(|pair| u16::from_be_bytes([pair[0], pair[1]]));
        let decoded = String::from_utf16(&units.collect::<Vec<u16>>()).unwrap_or_default();
        let plain = decoded.chars().filter(|c| matches!(c, ' '..='~')).count();
        if plain == 0 || plain * 2 < decoded.chars().count() {
            continue;
        }
        out.push_str(&text[done..from]);
        out.push_str(&decoded.replace('\n', " "));
        done = to + usize::from(text.as_bytes().get(to) == Some(&b'-'));
        at = done;
    }
    if done == 0 {
        return None;
    }
    out.push_str(&text[done..]);
    Some(out)
}

/// A text in which some of what begins with one of these signs stands for a character, or for none,
/// and how long that is.
fn replaced(
    text: &str,
    signs: &[char],
    read: impl Fn(&str) -> Option<(Option<char>, usize)>,
) -> Option<String> {
    let mut out = String::new();
    // Ends of lines that were left out and follow with the next, so that lines keep their numbers.
    let mut owed = 0;
    let add = |out: &mut String, text: &str, owed: &mut usize| {
        let end = text.find('\n').filter(|_| *owed > 0).unwrap_or(text.len());
        out.push_str(&text[..end]);
        if end < text.len() {
            out.extend(std::iter::repeat_n('\n', std::mem::take(owed)));
        }
        out.push_str(&text[end..]);
    };
    let (mut done, mut at) = (0, 0);
    while let Some(found) = text.get(at..).and_then(|rest| rest.find(signs)) {
        let from = at + found;
        at = from + 1;
        let Some((c, length)) = read(&text[from..]) else {
            continue;
        };
        add(&mut out, &text[done..from], &mut owed);
        owed += usize::from(c.is_none());
        out.extend(c);
        at = from + length;
        done = at;
    }
    if done == 0 {
        return None;
    }
    add(&mut out, &text[done..], &mut owed);
    Some(out)
}

/// The character whose number stands behind so many bytes, in so many digits, and where it ends.
fn hex(text: &str, from: usize, least: usize, most: usize) -> Option<(Option<char>, usize)> {
    let digits = text.as_bytes().get(from..)?;
    let digits = digits
        .iter()
        .take(most)
        .take_while(|b| b.is_ascii_hexdigit());
    let length = digits.count();
    if length < least {
        return None;
    }
    let code = u32::from_str_radix(text.get(from..from + length)?, 16).ok()?;
    // Who writes about signs of direction and of control writes them so, and does nothing with them.
    let acts = |c: char| is_override(c) || is_leftward(c) || c.is_control();
    let c = char::from_u32(code).filter(|c| !acts(*c))?;
    Some((Some(c), from + length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_for_letters_is_read() {
        for text in [
            r"\x54LP:R\u0045D",
            r"\u{54}\U0000004cP\072RED",
            "TLP%3A%52ED",
            "=54LP:R=\nED",
            "TLP=3AR=\r\nED",
        ] {
            assert_eq!(escapes(text).unwrap(), "TLP:RED", "{text}");
        }
        for text in [r"\54 LP:RED", r"\000054LP:RED", "\\54\tLP:RED"] {
            assert_eq!(style_escapes(text).unwrap(), "TLP:RED", "{text}");
        }
        for text in [
            "+AFQATABQ-:RED",
            "+AFQ-LP:RED",
            "+AFQATABQADoAUgBFAEQ-",
            "TLP:RE+AEQ",
        ] {
            assert_eq!(utf7(text).unwrap(), "TLP:RED", "{text}");
        }
        assert_eq!(entities("T&#76;P&colon;RED").unwrap(), "TLP:RED");
    }

    #[test]
    fn lines_keep_their_numbers() {
        assert_eq!(escapes("a=\nb=54\nc").unwrap(), "abT\n\nc");
        assert_eq!(entities("a&#10;b\nc").unwrap(), "a b\nc");
    }

    #[test]
    fn what_stands_for_itself_is_left() {
        for text in [
            "100% of a = b",
            r"C:\new\user",
            r"\u202e \033[1m \x1b",
            "a+b-c, C++, +49 30 1234",
            "x & y",
            "a\\",
        ] {
            assert_eq!(escapes(text), None, "{text}");
            assert_eq!(utf7(text), None, "{text}");
            assert_eq!(entities(text), None, "{text}");
        }
        assert_eq!(style_escapes(r"\n \\ \e \f \"), None);
        // Signs that form others by chance are no text.
        assert_eq!(utf7("+VGhpcyBpcyBhIHRleHQ+IC4gIC4"), None);
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        for part in [
            "\\", "\\x", "%", "=", "+", "+AFQ", "+A", "\\5", "&", "&#", "&amp;",
        ] {
            let text = part.repeat((4 << 20) / part.len());
            let all = [
                entities(&text),
                escapes(&text),
                style_escapes(&text),
                utf7(&text),
            ];
            assert!(
                all.iter().flatten().all(|out| out.len() <= text.len()),
                "{part}"
            );
        }
    }
}
