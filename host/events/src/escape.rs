//! Untrusted text made harmless for terminals and logs.
//!
//! Names, summaries and messages come from plugins, captures and other people's files. Text
//! that is shown to a person goes through here, so that it can neither move the cursor nor
//! reorder the line that it stands in. What a program reads stays as it is.

use std::fmt::{self, Write as _};

use unicode_width::UnicodeWidthChar as _;

/// The most marks that may be set on one character; scripts need three or four, and many more are
/// drawn over the lines above and below.
const MAX_MARKS: u8 = 4;

/// Whether a character acts on the terminal or the reader instead of showing something:
/// control characters (C0, C1, DEL), those that change the direction of text, line and
/// paragraph separators, those that are invisible (variation selectors and the blank pattern of
/// Braille among them), and those for private use, which every font shows as it likes; but not
/// the joiners of emoji and scripts, without which honest text falls apart.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{2800}'
            | '\u{3164}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
            | '\u{f0000}'..='\u{10ffff}')
}

/// Tells, of the characters of a text one after another, which are not shown as they are: those
/// that [are hidden](is_hidden), and of marks that are set on one character those beyond the
/// fourth.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hiding {
    marks: u8,
}

impl Hiding {
    /// Whether the next character is to be hidden.
    pub fn hides(&mut self, c: char) -> bool {
        if is_hidden(c) {
            return true;
        }
        let is_mark = !c.is_ascii() && c.width() == Some(0);
        self.marks = if is_mark {
            self.marks.saturating_add(1)
        } else {
            0
        };
        self.marks > MAX_MARKS
    }
}

/// Whether a text has a character that is not shown as it is.
pub fn has_hidden(text: &str) -> bool {
    let mut hiding = Hiding::default();
    text.chars().any(|c| hiding.hides(c))
}

/// Text on one line: hidden characters are written as `\n`, `\t`, `\u{1b}` and so on.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut hiding = Hiding::default();
        for c in self.0.chars() {
            if hiding.hides(c) {
                write!(f, "{}", c.escape_default())?;
            } else {
                f.write_char(c)?;
            }
        }
        Ok(())
    }
}

/// Text on several lines: as [`Escaped`], but lines stay lines.
#[derive(Debug, Clone, Copy)]
pub struct EscapedLines<'a>(pub &'a str);

impl fmt::Display for EscapedLines<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, line) in self.0.lines().enumerate() {
            if i > 0 {
                f.write_char('\n')?;
            }
            fmt::Display::fmt(&Escaped(line), f)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_is_escaped_and_what_shows_is_not() {
        for (raw, shown) in [
            (
                "plain, with \"quotes\" and \\",
                "plain, with \"quotes\" and \\",
            ),
            (
                "通报 é e\u{301} 👩\u{200d}🔬",
                "通报 é e\u{301} 👩\u{200d}🔬",
            ),
            ("a\x1b[2Jb", "a\\u{1b}[2Jb"),
            ("a\u{9b}31mb", "a\\u{9b}31mb"),
            ("a\r\nb\tc\0", "a\\r\\nb\\tc\\u{0}"),
            ("exe\u{202e}gpj", "exe\\u{202e}gpj"),
            (
                "a\u{2800}b\u{fe0f}c\u{e000}d\u{f0000}",
                "a\\u{2800}b\\u{fe0f}c\\u{e000}d\\u{f0000}",
            ),
            (
                "a\u{301}\u{302}\u{303}\u{304}\u{305}\u{20dd}b\u{301}",
                "a\u{301}\u{302}\u{303}\u{304}\\u{305}\\u{20dd}b\u{301}",
            ),
            ("ที่นี่ שָׁלוֹם हिन्दी 각", "ที่นี่ שָׁלוֹם हिन्दी 각"),
            (
                "\u{2066}a\u{2069}\u{feff}\u{e0041}",
                "\\u{2066}a\\u{2069}\\u{feff}\\u{e0041}",
            ),
        ] {
            assert_eq!(Escaped(raw).to_string(), shown);
        }
    }

    #[test]
    fn lines_stay_lines() {
        assert_eq!(
            EscapedLines("a\n  \x07b\r\nc\rd").to_string(),
            "a\n  \\u{7}b\nc\\rd"
        );
    }
}
