//! Characters that are not seen, or that change where others are seen.

use icu_properties::CodePointSetData;
use icu_properties::props::{BidiControl, DefaultIgnorableCodePoint};

/// Whether a character is not seen where it stands: what Unicode says is ignored when nothing else
/// is known (`Default_Ignorable_Code_Point`: joiners, fillers of Hangul, variation selectors, tags),
/// what steers the direction of writing (`Bidi_Control`), signs of annotations, and control
/// characters that are no space.
pub(crate) fn is_invisible(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_control() && !c.is_ascii_whitespace() && c != '\u{b}';
    }
    CodePointSetData::new::<DefaultIgnorableCodePoint>().contains(c)
        || CodePointSetData::new::<BidiControl>().contains(c)
        || matches!(c, '\u{fff9}'..='\u{fffb}')
        || (c.is_control() && c != '\u{85}')
}

/// Whether a character writes all that follows in one direction, so that `DER` is seen as `RED`.
pub(crate) fn is_override(c: char) -> bool {
    matches!(c, '\u{202d}' | '\u{202e}')
}

/// Whether a sign that is not seen is or begins text from right to left, within which words in Latin letters
/// may be seen in another order than they are written in.
pub(crate) fn is_leftward(c: char) -> bool {
    matches!(
        c,
        '\u{61c}' | '\u{200f}' | '\u{202b}' | '\u{2067}' | '\u{2068}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_is_told_from_what_is() {
        for range in [
            0xad..=0xad,
            0x34f..=0x34f,
            0x61c..=0x61c,
            0x115f..=0x1160,
            0x180b..=0x180f,
            0x200b..=0x200f,
            0x202a..=0x202e,
            0x2060..=0x206f,
            0x3164..=0x3164,
            0xfe00..=0xfe0f,
            0xfeff..=0xfeff,
            0xffa0..=0xffa0,
            0xfff0..=0xfffb,
            0xe0000..=0xe0fff,
            0x08..=0x08,
            0x1b..=0x1b,
        ] {
            for c in range.filter_map(char::from_u32) {
                assert!(is_invisible(c), "{c:?}");
            }
        }
        for c in "aZ0 \t\n\r\u{b}\u{c}\u{85}\u{a0}\u{2028}é说٣א-".chars() {
            assert!(!is_invisible(c), "{c:?}");
        }
        assert!(is_override('\u{202e}') && is_leftward('\u{2067}'));
    }
}
