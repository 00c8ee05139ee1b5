//! The words of a text, however their letters are drawn and set apart.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use crate::invisible::is_invisible;

/// Small capitals that Unicode has, in the order of the alphabet (`q` and `x` are rare or absent).
const SMALL_CAPITALS: [(char, char); 25] = [
    ('ᴀ', 'A'),
    ('ʙ', 'B'),
    ('ᴄ', 'C'),
    ('ᴅ', 'D'),
    ('ᴇ', 'E'),
    ('ꜰ', 'F'),
    ('ɢ', 'G'),
    ('ʜ', 'H'),
    ('ɪ', 'I'),
    ('ᴊ', 'J'),
    ('ᴋ', 'K'),
    ('ʟ', 'L'),
    ('ᴍ', 'M'),
    ('ɴ', 'N'),
    ('ᴏ', 'O'),
    ('ᴘ', 'P'),
    ('ꞯ', 'Q'),
    ('ʀ', 'R'),
    ('ꜱ', 'S'),
    ('ᴛ', 'T'),
    ('ᴜ', 'U'),
    ('ᴠ', 'V'),
    ('ᴡ', 'W'),
    ('ʏ', 'Y'),
    ('ᴢ', 'Z'),
];

/// What is looked for if its letters stand apart: `T.L.P`, `R E D`.
const SPELLED: [&str; 7] = ["tlp", "red", "amber", "strict", "green", "white", "clear"];

/// A text in its compatible form (NFKC), with letters that are drawn as signs as letters: small
/// capitals, flags (`🇹`), and those in dark squares and circles.
pub(super) fn normal(text: &str) -> impl Iterator<Item = char> {
    text.chars().map(letter).nfkc()
}

fn letter(c: char) -> char {
    // From the first of 26.
    let capital = |first: u32| {
        let place = u32::from(c).checked_sub(first).filter(|at| *at < 26)?;
        char::from_u32(u32::from('A') + place)
    };
    match c {
        '\0'..='\u{24f}' => c,
        '\u{1f150}'..='\u{1f169}' => capital(0x1f150).unwrap_or(c),
        '\u{1f170}'..='\u{1f189}' => capital(0x1f170).unwrap_or(c),
        '\u{1f1e6}'..='\u{1f1ff}' => capital(0x1f1e6).unwrap_or(c),
        _ => {
            let known = SMALL_CAPITALS.iter().find(|(small, _)| *small == c);
            known.map_or(c, |(_, capital)| *capital)
        }
    }
}

/// A run of letters and digits: where it begins and ends, and in lower case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Word {
    pub(super) from: usize,
    pub(super) to: usize,
    pub(super) text: String,
    /// Whether its letters stand apart.
    pub(super) spelled: bool,
}

/// The words of a text. What is invisible does not part one word from another, nor do marks that
/// are written above and below letters, nor do dots and spaces the letters of the words that labels
/// are made of.
pub(super) fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        if is_invisible(c) {
            continue;
        }
        let mark = is_combining_mark(c);
        if !c.is_alphanumeric() && !mark {
            open = false;
            continue;
        }
        if !open && mark {
            continue;
        }
        if !open {
            words.push(Word {
                from: at,
                to: at,
                text: String::new(),
                spelled: false,
            });
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.text.extend(c.to_lowercase());
            word.to = at + c.len_utf8();
        }
    }
    joined(text, words)
}

/// Words of which those that are spelled are put together.
fn joined(text: &str, words: Vec<Word>) -> Vec<Word> {
    let mut out: Vec<Word> = Vec::with_capacity(words.len());
    let mut at = 0;
    while let Some(word) = words.get(at) {
        let spelled = SPELLED
            .iter()
            .find_map(|name| Some((name, spelled(text, &words[at..], name)?)));
        match spelled {
            Some((name, count)) => {
                out.push(Word {
                    from: word.from,
                    to: words[at + count - 1].to,
                    text: (*name).to_owned(),
                    spelled: true,
                });
                at += count;
            }
            None => {
                out.push(word.clone());
                at += 1;
            }
        }
    }
    out
}

/// Whether the letters of the protocol's name may stand apart somewhere, with few signs between.
pub(super) fn may_spell(text: &[u8]) -> bool {
    let near = |from: usize, wanted: u8| {
        let rest = text.get(from..).unwrap_or_default();
        let at = rest
            .iter()
            .take(3)
            .position(|b| b.eq_ignore_ascii_case(&wanted))?;
        Some(from + at + 1)
    };
    memchr::memchr2_iter(b'l', b'L', text).any(|at| {
        let before = text[at.saturating_sub(3)..at].iter();
        before.clone().any(|b| b.eq_ignore_ascii_case(&b't')) && near(at + 1, b'p').is_some()
    })
}

/// How many words make up this one; at least two. Spaces part single letters only, or `tl p` and
/// other pieces of prose would count; what parts cells and fields never does.
fn spelled(text: &str, words: &[Word], name: &str) -> Option<usize> {
    let mut rest = name;
    let mut before: Option<&Word> = None;
    for (count, word) in words.iter().enumerate() {
        rest = rest.strip_prefix(word.text.as_str())?;
        if let Some(before) = before {
            let gap = text.get(before.to..word.from)?;
            let single = word.text.len() == 1 && before.text.len() == 1;
            let fits = |c: char| match c {
                ' ' => single,
                _ => !c.is_whitespace() && !":=,;|\"'".contains(c),
            };
            if gap.chars().filter(|c| !is_invisible(*c)).count() > 2 || !gap.chars().all(fits) {
                return None;
            }
        }
        if rest.is_empty() {
            return (count > 0).then_some(count + 1);
        }
        before = Some(word);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn letters_that_are_drawn_as_signs_are_letters() {
        for text in ["ᴛʟᴘ", "🇹🇱🇵", "🅃🄻🄿", "🆃🅻🅿", "🅣🅛🅟", "ⓉⓁⓅ", "ＴＬＰ", "𝐓𝐋𝐏"]
        {
            assert_eq!(normal(text).collect::<String>(), "TLP", "{text}");
        }
        assert_eq!(normal("é 🎉 Ж").collect::<String>(), "é 🎉 Ж");
    }

    #[test]
    fn letters_of_labels_that_stand_apart_are_one_word() {
        let of = |text: &str| {
            let words = words(text).into_iter().map(|word| word.text);
            words.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(of("e.g. T.L.P.: R.E.D"), "e g tlp red");
        assert_eq!(of("T L P - A M B E R"), "tlp amber");
        assert_eq!(of("T-LP R*ED"), "tlp red");
        for text in ["t,l,p", "t\tl\tp", "tl p", "a b c", "t.l.x", "re d"] {
            let apart = text.replace([',', '\t', '.'], " ");
            assert_eq!(of(text), apart, "{text}");
        }
    }
}
