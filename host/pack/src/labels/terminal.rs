//! A text as a terminal or a printer shows it: without sequences of escape, and with letters that
//! are written over others.

use std::borrow::Cow;

use encoding_rs::ISO_2022_JP;
use vte::{Params, Parser, Perform};

/// What a terminal shows of a text.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// The same: it has nothing in it that a terminal would carry out.
    Same,
    /// This.
    Text(String),
    /// What cannot be told, as the text moves its letters about or changes what they stand for.
    Unknown(&'static str),
}

/// Reads a text once, from its beginning to its end.
pub(super) fn shown(text: &str) -> Shown {
    if !acts(text) {
        return Shown::Same;
    }
    // One character begins a sequence as well.
    let text = match text.contains('\u{9b}') {
        true => Cow::Owned(text.replace('\u{9b}', "\u{1b}[")),
        false => Cow::Borrowed(text),
    };
    let mut screen = Screen::default();
    Parser::new().advance(&mut screen, text.as_bytes());
    screen.end_line();
    if let Some(problem) = screen.unknown {
        return Shown::Unknown(problem);
    }
    if !screen.japanese {
        return Shown::Text(screen.text);
    }
    let (decoded, wrong) = ISO_2022_JP.decode_without_bom_handling(text.as_bytes());
    match wrong {
        false => Shown::Text(decoded.into_owned()),
        true => Shown::Unknown(
            "it changes between sets of characters (ISO-2022) in a way that is not known; write it in \
             UTF-8",
        ),
    }
}

/// Whether anything in a text does something. A `\r` goes back to the beginning of its line, but
/// where it ends one together with `\n`.
fn acts(text: &str) -> bool {
    let returns = || {
        let bytes = text.as_bytes();
        memchr::memchr_iter(b'\r', bytes).any(|at| !matches!(bytes.get(at + 1), None | Some(b'\n')))
    };
    text.contains(['\u{1b}', '\u{8}', '\u{e}', '\u{f}', '\u{9b}']) || returns()
}

const MOVES: &str = "it has sequences of a terminal that move letters about or take them away, so what is \
                     seen is not what is written; take them out";
const SHIFTS: &str = "it changes to a set of characters that is not known (ISO-2022, or drawings of a \
                      terminal); write it in UTF-8";

#[derive(Default)]
struct Screen {
    text: String,
    /// The line that is written, and where in it the next letter goes.
    line: Vec<char>,
    at: usize,
    japanese: bool,
    unknown: Option<&'static str>,
}

impl Screen {
    fn end_line(&mut self) {
        self.text.extend(self.line.drain(..));
        self.at = 0;
    }

    fn put(&mut self, c: char) {
        match self.line.get_mut(self.at) {
            // An underline, in whichever order.
            Some(old) if c == '_' && *old != ' ' => {}
            Some(old) => *old = c,
            None => self.line.push(c),
        }
        self.at += 1;
    }

    fn back(&mut self, count: usize) {
        self.at = self.at.saturating_sub(count);
    }
}

impl Perform for Screen {
    fn print(&mut self, c: char) {
        self.put(c);
    }

    fn execute(&mut self, byte: u8) {
        match byte {
            0x08 => self.back(1),
            b'\n' => {
                self.end_line();
                self.text.push('\n');
            }
            b'\r' => self.at = 0,
            b'\t' | 0x0b | 0x0c => self.put(' '),
            0x0e | 0x0f => self.unknown = Some(SHIFTS),
            _ => {}
        }
    }

    fn csi_dispatch(&mut self, params: &Params, _: &[u8], _: bool, action: char) {
        let count = params
            .iter()
            .next()
            .and_then(|first| first.first().copied());
        match action {
            // Colours, modes, questions, what is cleared: that was there before.
            'm' | 'h' | 'l' | 'n' | 'c' | 'q' | 't' | 'p' | 'K' | 'J' => {}
            // A gap, however wide.
            'C' => {
                self.at = self.line.len();
                self.put(' ');
            }
            'D' => self.back(usize::from(count.unwrap_or(1).max(1))),
            'G' if count.unwrap_or(1) <= 1 => self.at = 0,
            _ => self.unknown = Some(MOVES),
        }
    }

    fn esc_dispatch(&mut self, intermediates: &[u8], _: bool, byte: u8) {
        match (intermediates, byte) {
            (b"(", b'B') | (b"", b'\\' | b'=' | b'>') => {}
            (b"(", b'J' | b'I') | (b"$", b'@' | b'B') => self.japanese = true,
            (b"", _) => self.unknown = Some(MOVES),
            _ => self.unknown = Some(SHIFTS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sequences_and_what_is_written_over_are_read_as_they_are_seen() {
        for (text, seen) in [
            ("T\u{1b}[1mLP:\u{1b}[31mRED\u{1b}[0m", "TLP:RED"),
            ("T\u{9b}1mLP:RED", "TLP:RED"),
            ("TX\u{8}LP:RED", "TLP:RED"),
            ("_\u{8}TL\u{8}LP\u{8}_:RED", "TLP:RED"),
            ("xxx:xxx\rTLP:RED\na", "TLP:RED\na"),
            ("TXX\u{1b}[2DLP:RED", "TLP:RED"),
            ("\u{1b}]0;title\u{7}TLP\u{1b}[3C:RED", "TLP :RED"),
            ("\u{1b}$B#T#L#P\u{1b}(B:RED", "ＴＬＰ:RED"),
        ] {
            assert_eq!(shown(text), Shown::Text(seen.to_owned()), "{text:?}");
        }
        for text in ["plain\r\ntext\r", "", "a\tb\u{c}"] {
            assert_eq!(shown(text), Shown::Same, "{text:?}");
        }
        for text in [
            "\u{1b}[2;3HTLP",
            "\u{1b}[1A",
            "\u{1b}(0abc",
            "\u{e}abc\u{f}",
            "\u{1b}$)C\u{e}abc",
            "\u{1b}M",
            "é\u{1b}$B#T",
        ] {
            assert!(matches!(shown(text), Shown::Unknown(_)), "{text:?}");
        }
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        for part in [
            "\u{8}",
            "a\u{8}",
            "\r",
            "a\r",
            "\u{1b}[65535C",
            "\u{1b}[65535D",
            "\u{1b}]",
            "\u{1b}P",
        ] {
            let text = part.repeat((4 << 20) / part.len());
            match shown(&text) {
                Shown::Text(seen) => assert!(seen.len() <= text.len(), "{part:?}"),
                other => panic!("{part:?}: {other:?}"),
            }
        }
    }
}
