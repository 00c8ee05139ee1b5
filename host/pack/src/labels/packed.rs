//! Texts that are packed in another, as mail does.

use base64::Engine as _;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

const CONFIG: GeneralPurposeConfig = GeneralPurposeConfig::new()
    .with_decode_padding_mode(DecodePaddingMode::Indifferent)
    .with_decode_allow_trailing_bits(true);
const ENGINE: GeneralPurpose = GeneralPurpose::new(&STANDARD, CONFIG);
const ADDRESSES: GeneralPurpose = GeneralPurpose::new(&URL_SAFE, CONFIG);
/// The fewest signs that are looked at: `TLP:RED` takes ten.
const FEWEST: usize = 8;

/// How far behind the name of a field it is looked for what it says, in bytes.
const NEAR: usize = 512;

/// What stands in base64 in a text, each on the line where it begins: in words, and in lines one
/// after another. `None`: nothing that is text itself.
pub(super) fn base64(text: &str) -> Option<String> {
    let is_sign = |c: char| c.is_ascii_alphanumeric() || "+/-_=".contains(c);
    let mut out = String::new();
    let mut any = false;
    // Lines that are nothing else, and how many ends of lines wait to be written behind them.
    let (mut block, mut waiting) = (String::new(), 0);
    let (mut first, mut last) = (0, 0);
    let mut put = |out: &mut String, signs: &str| {
        if let Some(decoded) = decoded(signs) {
            any = true;
            out.push(' ');
            out.push_str(&decoded.replace(['\n', '\r'], " "));
        }
    };
    for line in text.split_inclusive('\n') {
        let inner = line.trim();
        if !inner.is_empty() && inner.chars().all(is_sign) {
            // Lines of a packing are as long as the first, but for the last.
            if inner.len() > first || last < first || block.ends_with('=') {
                put(&mut out, &std::mem::take(&mut block));
                out.extend(std::iter::repeat_n('\n', std::mem::take(&mut waiting)));
                first = inner.len();
            }
            last = inner.len();
            block.push_str(inner);
            waiting += 1;
            continue;
        }
        put(&mut out, &std::mem::take(&mut block));
        out.extend(std::iter::repeat_n('\n', std::mem::take(&mut waiting)));
        (first, last) = (0, 0);
        for word in inner.split(|c| !is_sign(c)) {
            put(&mut out, word);
        }
        out.push('\n');
    }
    put(&mut out, &block);
    any.then_some(out)
}

fn decoded(signs: &str) -> Option<String> {
    if signs.len() < FEWEST {
        return None;
    }
    let signs = signs.trim_end_matches('=');
    // What is left of a sign by itself is no byte.
    let whole = signs.len() - usize::from(signs.len() % 4 == 1);
    let engine = match signs.contains(['-', '_']) {
        true => &ADDRESSES,
        false => &ENGINE,
    };
    let text = String::from_utf8(engine.decode(&signs[..whole]).ok()?).ok()?;
    let shown = |c: char| !c.is_control() || c.is_whitespace();
    text.chars().all(shown).then_some(text)
}

/// Whether it is mail, or a part of it, whose text is packed otherwise: what it says of its encoding
/// (RFC 2045, 6.1) is none that leaves letters as they are, with or without spaces, comments and
/// ends of lines; or it has encoded words (RFC 2047) or a file of uuencode.
pub(super) fn is_mail(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    says_encoding(&lower) || has_encoded_words(&lower) || has_uuencode(text)
}

fn says_encoding(lower: &str) -> bool {
    const FIELD: &str = "content-transfer-encoding";
    lower.match_indices(FIELD).any(|(at, _)| {
        let rest = &lower[at + FIELD.len()..];
        let rest = rest[..rest.floor_char_boundary(NEAR)].trim_start();
        let Some(mut value) = rest.strip_prefix(':').map(str::trim_start) else {
            return false;
        };
        while let Some((_, after)) = value.strip_prefix('(').and_then(|v| v.split_once(')')) {
            value = after.trim_start();
        }
        let value = value.trim_start_matches(['"', '\'']);
        let end = value.find(|c: char| !(c.is_ascii_alphanumeric() || c == '-'));
        let token = &value[..end.unwrap_or(value.len())];
        token == "base64" || token.contains("uu") || token.starts_with("x-")
    })
}

fn has_encoded_words(lower: &str) -> bool {
    lower.match_indices("=?").any(|(at, _)| {
        let word = &lower[at + 2..lower.floor_char_boundary(at + 80)];
        let mut parts = word.split('?');
        let charset = parts.next().unwrap_or_default();
        let named = |c: char| c.is_ascii_alphanumeric() || "-_.:*".contains(c);
        !charset.is_empty()
            && charset.chars().all(named)
            && matches!(parts.next(), Some("b" | "q"))
            && parts.next().is_some_and(|text| !text.contains(' '))
    })
}

fn has_uuencode(text: &str) -> bool {
    let mut begun = false;
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("begin ") {
            let mode = rest.split(' ').next().unwrap_or_default();
            begun |= matches!(mode.len(), 3 | 4) && mode.bytes().all(|b| b.is_ascii_digit());
        }
        if begun && line.trim_end() == "end" {
            return true;
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_stands_in_base64_is_read_on_its_line() {
        for text in [
            "a VExQOlJFRA== b",
            "a: \"VExQOlJFRA\"",
            "VExQ\nOlJF\r\nRA==\n",
            "<img src='data:text/plain;base64,VExQOlJFRA'>",
        ] {
            let read = base64(text).unwrap_or_default();
            assert!(read.contains("TLP:RED"), "{text}: {read}");
        }
        let read = base64("Hello\nVExQOlJF\nRA==\nBye\nx y\n");
        assert_eq!(read, Some("\n TLP:RED\n\n\n\n".to_owned()));
        assert_eq!(
            base64("information and 0123456789abcdef0123456789abcdef"),
            None
        );
    }

    #[test]
    fn mail_that_is_packed_is_known_however_it_is_written() {
        for text in [
            "Content-Transfer-Encoding: BASE64\n",
            "content-transfer-encoding:base64",
            "Content-Transfer-Encoding :\t(a comment) base64",
            "Content-Transfer-Encoding:\r\n base64",
            "Content-Transfer-Encoding: x-uuencode",
            "Subject: =?utf-8?B?VExQOlJFRA==?=",
            "Subject: =?ISO-8859-1?q?T=4CP?=",
            "begin 644 a\n#5$Q0\n`\nend\n",
        ] {
            assert!(is_mail(text), "{text}");
        }
        for text in [
            "Content-Transfer-Encoding: 7bit",
            "The content-transfer-encoding of base64 is known.",
            "a =?b c? d",
            "if x =? y",
            "begin 2 things\nend\n",
        ] {
            assert!(!is_mail(text), "{text}");
        }
    }
}
