//! Letters, however they are drawn.

use unicode_normalization::UnicodeNormalization as _;

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
}
