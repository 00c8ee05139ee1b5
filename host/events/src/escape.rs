//! Untrusted text made harmless for terminals and logs.
//!
//! Names, summaries and messages come from plugins, captures and other people's files. Text
//! that is shown to a person goes through here, so that it can neither move the cursor nor
//! reorder the line that it stands in. What a program reads stays as it is.

use std::fmt::{self, Write as _};

/// Whether a character acts on the terminal or the reader instead of showing something:
/// control characters (C0, C1, DEL), those that change the direction of text, line and
/// paragraph separators, and those that are invisible; but not the joiners and the selectors of
/// emoji and scripts, without which honest text falls apart.
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
            | '\u{3164}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// Text on one line: hidden characters are written as `\n`, `\t`, `\u{1b}` and so on.
#[derive(Debug, Clone, Copy)]
pub struct Escaped<'a>(pub &'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            if is_hidden(c) {
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
