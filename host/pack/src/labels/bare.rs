//! Texts without the signs that typeset them: roff, LaTeX, wikis and boards.

/// A text without the signs of each of the languages that it may be written in, for those of which
/// it has some; each is made as it is asked for.
pub(super) fn without_signs(text: &str) -> impl Iterator<Item = String> {
    /// How long a sign is, and with what signs begin.
    type Language = (fn(&str) -> usize, &'static [char]);
    const LANGUAGES: [Language; 3] = [
        (roff, &['\\']),
        (latex, &['\\', '{', '}']),
        (wiki, &['\'', '[']),
    ];
    let has = [
        text.contains('\\'),
        text.contains('\\'),
        text.contains("''") || text.contains('['),
    ];
    let languages = LANGUAGES.into_iter().zip(has).filter(|(_, has)| *has);
    let bare = languages.map(|((length, begins), _)| stripped(text, length, begins));
    bare.filter(|bare| bare.len() < text.len())
}

/// The text without what begins with one of these signs and has the length that `length` says, in
/// bytes; 0: it stays.
fn stripped(text: &str, length: fn(&str) -> usize, begins: &[char]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(begins) {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let (kept, left) = match length(from) {
            // Signs are of one byte.
            0 => from.split_at(1),
            length => ("", from.get(length..).unwrap_or_default()),
        };
        out.push_str(kept);
        rest = left;
    }
    out.push_str(rest);
    out
}

/// `\fB`, `\f[B]`, `\f(CW`, `\s+2`, `\&`, `\%`, `\|`.
fn roff(text: &str) -> usize {
    let Some(rest) = text.strip_prefix('\\') else {
        return 0;
    };
    let bytes = rest.as_bytes();
    match bytes {
        [b'f', b'[', ..] => {
            let end = bytes.iter().take(16).position(|byte| *byte == b']');
            end.map_or(0, |at| at + 2)
        }
        [b'f', b'(', a, b, ..] if a.is_ascii() && b.is_ascii() => 5,
        [b'f', font, ..] if font.is_ascii_alphanumeric() => 3,
        [b's', b'+' | b'-', size, ..] if size.is_ascii_digit() => 4,
        [b'&' | b'%' | b'|' | b'^' | b'/' | b',', ..] => 2,
        _ => 0,
    }
}

/// `\textbf`, `\kern0pt `, `{`, `}`, `\,`.
fn latex(text: &str) -> usize {
    if text.starts_with(['{', '}']) {
        return 1;
    }
    let Some(rest) = text.strip_prefix('\\') else {
        return 0;
    };
    let count = |text: &str, fits: fn(&u8) -> bool| text.bytes().take_while(fits).count();
    let letters = count(rest, u8::is_ascii_alphabetic);
    if letters == 0 {
        return match rest.starts_with([',', ';', '!', '/', '-']) {
            true => 2,
            false => 0,
        };
    }
    let after = &rest[letters..];
    let digits = count(after, |byte| {
        byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
    });
    let unit = ["pt", "em", "ex", "mu", "sp", "cm", "mm"]
        .iter()
        .find(|unit| digits > 0 && after[digits..].starts_with(**unit));
    let length = letters + unit.map_or(0, |unit| digits + unit.len());
    1 + length + usize::from(rest[length..].starts_with(' '))
}

/// `'''`, `[b]`, `[/color]`, `[color=red]`.
fn wiki(text: &str) -> usize {
    if text.starts_with("''") {
        return text.bytes().take_while(|byte| *byte == b'\'').count();
    }
    let Some(rest) = text.strip_prefix('[') else {
        return 0;
    };
    let Some(end) = rest.bytes().take(40).position(|byte| byte == b']') else {
        return 0;
    };
    let inner = &rest.as_bytes()[..end];
    let name = inner.strip_prefix(b"/").unwrap_or(inner);
    let letters = name.iter().take_while(|b| b.is_ascii_alphabetic()).count();
    let is_tag = (1..=8).contains(&letters) && name.get(letters).is_none_or(|byte| *byte == b'=');
    // What stands in brackets may be a label: `[TLP]`, `[RED]`.
    let spoken = ["tlp", "red", "amber", "green", "clear", "white"];
    let is_spoken = spoken
        .iter()
        .any(|word| name[..letters].eq_ignore_ascii_case(word.as_bytes()));
    match is_tag && !is_spoken {
        true => end + 2,
        false => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_of_typesetting_are_left_out() {
        for (text, bare) in [
            (r"\fBTLP\fP:RED", "TLP:RED"),
            (r"\f[B]T\f(CWLP\s+2:RED", "TLP:RED"),
            (r"T\&LP", "TLP"),
            (r"T\kern0pt LP:RED", "TLP:RED"),
            (r"T{}LP:\textbf{RED}", "TLP:RED"),
            ("'''T'''LP:RED", "TLP:RED"),
            ("[b]T[/b]LP:[color=red]RED[/color]", "TLP:RED"),
        ] {
            let all: Vec<String> = without_signs(text).collect();
            assert!(all.iter().any(|it| it == bare), "{text}: {all:?}");
        }
        for text in ["plain", "é\\", "\\f", "\\f(é", "[é", "[aé", "\\s+é", "{é"] {
            let all: Vec<String> = without_signs(text).collect();
            assert!(all.iter().all(|bare| bare.len() < text.len()), "{text}");
        }
        assert_eq!(without_signs("a [TLP] b").next(), None);
    }
}
