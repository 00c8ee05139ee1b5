//! Texts that speak of the Traffic Light Protocol.

use std::cell::OnceCell;
use std::collections::BTreeSet;

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::letters::{Word, may_spell, normal, words};
use super::tlp::{Tlp, shown, strip_protocol};
use crate::invisible::{is_invisible, is_leftward, is_override};

/// What a text says where it speaks of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mention {
    /// A colour.
    Colour(Tlp),
    /// Something that is no colour, or is written to look like it; as it stands there.
    Unknown(String),
    /// Signs that turn the direction of writing around, so that what is seen is not what is there.
    Turned,
}

/// A place of a text that names the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) mention: Mention,
    /// What stands there.
    pub(super) text: String,
    /// The line of the text, from 1.
    pub(super) line: usize,
}

/// How much of a text is taken for a label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Manner {
    /// Prose, which may speak about the protocol: only a colour or a word behind `TLP:`.
    Prose,
    /// A value of data: whatever names the protocol together with a colour or a `:`.
    Value,
    /// Data of a form that is not taken apart: whatever names the protocol.
    Data,
}

/// The places of a text that name the protocol: the first of each colour, and at most so many others.
pub(super) fn mentions(text: &str, manner: Manner, limit: usize) -> Vec<Found> {
    let mut found: Vec<Found> = Tlp::defined_in(text)
        .map(|(colour, id, at)| Found {
            mention: Mention::Colour(colour),
            text: id.to_owned(),
            line: 1 + line_feeds(text.get(..at)),
        })
        .collect();
    // Most texts have none, and are many.
    let bytes = text.as_bytes();
    let named = |name: &[u8]| {
        bytes
            .windows(name.len())
            .any(|part| part.eq_ignore_ascii_case(name))
    };
    let plain = text.is_ascii() && !text.chars().any(is_invisible);
    if plain && !named(b"tlp") && !named(b"traffic") && !may_spell(bytes) {
        return found;
    }
    let normal: String = normal(text).collect();
    let text = Text::of(&normal, manner);
    found.extend(text.turned());
    let (mut colours, mut others) = (BTreeSet::new(), 0);
    // Lines are counted once, as places come in order.
    let (mut line, mut counted) = (1, 0);
    for (at, word) in text.words.iter().enumerate() {
        let Some((mention, to)) = text.mention(at, word) else {
            continue;
        };
        // However often others stand before it, the strictest colour is found.
        let known = match &mention {
            Mention::Colour(colour) => !colours.insert(*colour),
            Mention::Unknown(_) | Mention::Turned => {
                others += 1;
                others > limit
            }
        };
        if known {
            continue;
        }
        line += line_feeds(normal.get(counted..word.from));
        counted = word.from;
        found.push(Found {
            mention,
            text: shown(normal.get(word.from..to).unwrap_or_default()),
            line,
        });
    }
    found
}

fn line_feeds(text: Option<&str>) -> usize {
    memchr::memchr_iter(b'\n', text.unwrap_or_default().as_bytes()).count()
}

/// A text in its compatible form, and its words.
struct Text<'a> {
    text: &'a str,
    manner: Manner,
    words: Vec<Word>,
    /// Whether any word is a colour. It is asked for at every mention, and takes all words.
    coloured: OnceCell<bool>,
}

impl<'a> Text<'a> {
    fn of(text: &'a str, manner: Manner) -> Self {
        Text {
            text,
            manner,
            words: words(text),
            coloured: OnceCell::new(),
        }
    }

    /// Where the direction of writing is turned around: by an override, or by anything in a text
    /// that names the protocol.
    fn turned(&self) -> Option<Found> {
        let (at, sign) = self
            .text
            .char_indices()
            .find(|(_, c)| is_override(*c))
            .or_else(|| {
                let named = |w: &Word| w.text.contains("tlp") || w.text.contains("traffic");
                let turned = self.text.char_indices().find(|(_, c)| is_leftward(*c));
                turned.filter(|_| self.words.iter().any(named))
            })?;
        Some(Found {
            mention: Mention::Turned,
            text: sign.escape_unicode().to_string(),
            line: 1 + line_feeds(self.text.get(..at)),
        })
    }

    fn is_coloured(&self) -> bool {
        let any = || self.words.iter().any(|word| is_colour_word(&word.text));
        *self.coloured.get_or_init(any)
    }

    /// Whether a colour behind the protocol's name is a label without a `:`: `TLP RED`, `TLP-AMBER`,
    /// both in capitals, as labels are written and prose is not.
    fn is_plain_label(&self, name: &Word, colour: &Word, sign: &str) -> bool {
        let capitals = |word: &Word| {
            let text = self.text.get(word.from..word.to).unwrap_or_default();
            !text.chars().any(char::is_lowercase)
        };
        matches!(sign, " " | "-" | "_" | "/" | " - " | "_-_") && capitals(name) && capitals(colour)
    }

    /// What a word and those behind it say of the protocol, and where that ends.
    fn mention(&self, at: usize, word: &Word) -> Option<(Mention, usize)> {
        let (text, words, manner) = (self.text, &self.words[..], self.manner);
        let as_written = |to: usize| {
            let text = shown(text.get(word.from..to).unwrap_or_default());
            (Mention::Unknown(text), to)
        };
        let end = |word: &Word| word.to;
        if is_look_alike(&word.text, "tlp") {
            return Some(as_written(words.get(at + 1).map_or(word.to, end)));
        }
        let is =
            |offset: usize, wanted: &str| words.get(at + offset).is_some_and(|w| w.text == wanted);
        let (name, mut next) = if is(0, "traffic") && is(1, "light") && is(2, "protocol") {
            (words.get(at + 2)?, at + 3)
        } else if word.text.starts_with("tlp") || word.text.starts_with("trafficlight") {
            (word, at + 1)
        } else {
            return None;
        };
        let between = |from: usize, next: usize| {
            let to = words.get(next).map_or(text.len(), |w| w.from);
            text.get(from..to).unwrap_or_default()
        };
        // `TLPRED`, `TLPv2` in one word.
        let glued = strip_protocol(&name.text).unwrap_or_default();
        let mut last = name;
        if glued.is_empty() {
            // A version between name and colour: `TLP 2.0: RED`.
            while next < at + MAX_VERSION
                && let Some(word) = words.get(next).filter(|w| is_version(&w.text))
            {
                last = word;
                next += 1;
            }
        }
        let sign = between(last.to, next);
        let all = between(name.to, next);
        let assigned = all.chars().any(is_colon) || (manner != Manner::Prose && all.contains('='));
        let colour = match words.get(next) {
            _ if !glued.is_empty() => Tlp::from_compact(glued),
            Some(word) => Tlp::from_compact(&word.text),
            None => None,
        };
        let said = match words.get(next) {
            Some(word) if glued.is_empty() => &word.text,
            _ => glued,
        };
        let alike = looks_like_colour(said);
        if glued.is_empty() && words.get(next).is_some() {
            last = words.get(next)?;
            next += 1;
        }
        match colour {
            Some(colour) => {
                if manner == Manner::Prose
                    && !assigned
                    && glued.is_empty()
                    && !self.is_plain_label(name, last, sign)
                {
                    return None;
                }
                // Of `AMBER+STRICT` the rest; further letters that belong to it make it unknown.
                let strict = words.get(next).filter(|w| w.text == "strict");
                if colour == Tlp::Amber
                    && let Some(strict) = strict
                {
                    return Some((Mention::Colour(Tlp::AmberStrict), strict.to));
                }
                let sign = between(last.to, next);
                if words.get(next).is_some() && matches!(sign, "+" | ":") {
                    return Some(as_written(words.get(next).map_or(last.to, end)));
                }
                Some((Mention::Colour(colour), last.to))
            }
            None => {
                let unknown = match manner {
                    Manner::Prose => {
                        (sign == ":" && last.from != name.from)
                            || (alike && (assigned || !glued.is_empty()))
                    }
                    Manner::Value => {
                        assigned
                            || !glued.is_empty()
                                && Tlp::from_compact(glued).is_none()
                                && words.len() == 1
                            || alike
                            || self.is_coloured()
                    }
                    Manner::Data => true,
                };
                // `t.l.p` may be anything, such as columns or a name.
                (unknown && (alike || !name.spelled)).then(|| as_written(last.to))
            }
        }
    }
}

/// Words of `TLP version 2.0`, `Traffic Light Protocol v1`.
const MAX_VERSION: usize = 6;

fn is_version(word: &str) -> bool {
    matches!(word, "version" | "v" | "v1" | "v2" | "0" | "1" | "2")
}

fn is_colour_word(word: &str) -> bool {
    Tlp::from_compact(word).is_some() || word == "strict"
}

/// Whether a sign is a colon, or looks like one.
fn is_colon(c: char) -> bool {
    let mut text = [0; 4];
    c == ':' || (!c.is_ascii() && unicode_security::skeleton(c.encode_utf8(&mut text)).eq([':']))
}

/// Whether a word that is not this one is written to be read as it, with letters of other
/// alphabets (Unicode Technical Standard 39) or with marks. Both in lower case; what follows does
/// not count.
pub(super) fn is_look_alike(word: &str, wanted: &str) -> bool {
    if word.is_ascii() {
        return false;
    }
    let head = head(word, wanted.chars().count());
    if head.is_ascii() {
        return false;
    }
    let bare: String = head.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    let alike = |a: &str, b: &str| unicode_security::skeleton(a).eq(unicode_security::skeleton(b));
    alike(&bare, wanted) || alike(&bare.to_uppercase(), &wanted.to_uppercase())
}

/// The first so many letters of a word, with their marks.
fn head(word: &str, count: usize) -> &str {
    let mut letters = word.char_indices().filter(|(_, c)| !is_combining_mark(*c));
    let end = letters.nth(count).map_or(word.len(), |(at, _)| at);
    &word[..end]
}

/// Whether a word that is no colour is written to be read as one.
pub(super) fn looks_like_colour(word: &str) -> bool {
    ["clear", "white", "green", "amber", "red"]
        .iter()
        .any(|colour| head(word, colour.len()) == word && is_look_alike(word, colour))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alone(found: Vec<Found>) -> Vec<Mention> {
        found.into_iter().map(|found| found.mention).collect()
    }

    #[test]
    fn what_a_value_says_of_the_protocol_is_a_colour_or_unknown() {
        let of = |text: &str| alone(mentions(text, Manner::Value, 8));
        for (text, colour) in [
            ("tlp:red", Tlp::Red),
            ("see [TLP:AMBER+STRICT], not for others", Tlp::AmberStrict),
            ("Traffic Light Protocol: Red", Tlp::Red),
            ("TLP 2.0: GREEN", Tlp::Green),
            ("TLPRED", Tlp::Red),
            ("tlp:white foo", Tlp::Clear),
        ] {
            assert_eq!(of(text), [Mention::Colour(colour)], "{text}");
        }
        for text in [
            "tlp:ex:chr",
            "tlp:unclear",
            "TLP: ",
            "tlp = 3",
            "ΤLΡ:RED",
            "tlр:red",
            "TLP is RED",
            "TLP:AMBER+LOOSE",
            "tlpurple",
            "T\u{332}L\u{332}P\u{332}:R\u{332}E\u{332}D\u{332}",
            "TLṔ:RED",
            "tlp rеd",
        ] {
            assert!(
                matches!(of(text).first(), Some(Mention::Unknown(_))),
                "{text}"
            );
        }
        for text in [
            "help.example",
            "tlp.example",
            "https://www.first.org/tlp/",
            "red",
            "",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }

    #[test]
    fn the_strictest_colour_is_found_behind_any_number_of_others() {
        for part in ["TLP:GREEN ", "TLP:PURPLE "] {
            let text = format!("{}TLP:RED", part.repeat(100));
            let found = alone(mentions(&text, Manner::Value, 8));
            assert_eq!(found.last(), Some(&Mention::Colour(Tlp::Red)), "{part}");
            assert!(found.len() < 10);
        }
    }

    #[test]
    fn prose_may_speak_about_the_protocol() {
        let of = |text: &str| alone(mentions(text, Manner::Prose, 8));
        let third = mentions("a\nTLP\n(TLP:AMBER+STRICT)", Manner::Prose, 8);
        assert_eq!((third[0].line, &*third[0].text), (3, "TLP:AMBER+STRICT"));
        assert_eq!(of("# TLP:RED\n"), [Mention::Colour(Tlp::Red)]);
        assert!(matches!(of("It is TLP:PURPLE.")[..], [Mention::Unknown(_)]));
        for text in ["TLP: R\u{332}ED", "TLP: RЕD", "TLPRЕD"] {
            assert!(matches!(of(text)[..], [Mention::Unknown(_)]), "{text}");
        }
        assert_eq!(of("TLP\u{2236} RED"), [Mention::Colour(Tlp::Red)]);
        for text in [
            "TLP RED",
            "TLP-RED",
            "T.L.P: RED",
            "T L P : R E D",
            "ᴛʟᴘ:ʀᴇᴅ",
            "🇹🇱🇵 🇷🇪🇩",
            "T-LP:RED",
        ] {
            assert_eq!(of(text), [Mention::Colour(Tlp::Red)], "{text}");
        }
        for text in [
            "t.l.p is a file",
            "tlp red, tlp-red.css",
            "The TLP is a protocol.",
            "by TLP, red is worst",
            "TLP: a protocol",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }

    #[test]
    fn what_is_not_seen_hides_nothing_and_what_turns_around_is_told() {
        for (manner, sign) in [Manner::Prose, Manner::Value, Manner::Data]
            .into_iter()
            .flat_map(|manner| {
                "\u{34f}\u{3164}\u{180b}\u{e0020}\u{e0101}\u{202a}\u{2066}\u{206a}\u{1b}"
                    .chars()
                    .map(move |sign| (manner, sign))
            })
        {
            let text = format!("T{sign}LP:R{sign}ED");
            let found = alone(mentions(&text, manner, 8));
            assert_eq!(found, [Mention::Colour(Tlp::Red)], "{text:?}");
        }
        let of = |text: &str| mentions(text, Manner::Prose, 8);
        let found = of("a\n\u{202e}DER:PLT\u{202c}");
        assert_eq!((found[0].line, &found[0].mention), (2, &Mention::Turned));
        let found = alone(of("RED\u{200f}:\u{200f}TLP"));
        assert_eq!(found, [Mention::Turned]);
        assert_eq!(of("\u{200f}שלום\u{200f} (red)"), []);
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        // Each of these takes hours if all words are gone through for each.
        for part in [
            "tlp x ",
            "tlp:\n",
            "tlp v ",
            "ΤLΡ ",
            "t\u{332}lp ",
            "tlр: rеd ",
        ] {
            let text = part.repeat((2 << 20) / part.len());
            for manner in [Manner::Prose, Manner::Value, Manner::Data] {
                assert!(mentions(&text, manner, 8).len() <= 8);
            }
        }
        let long = format!("tlp: {}", "e\u{332}".repeat(1 << 20));
        assert!(mentions(&long, Manner::Value, 8).len() == 1);
        let marks = format!("tlp: r{}", "\u{332}".repeat(1 << 20));
        assert!(mentions(&marks, Manner::Value, 8).len() == 1);
    }
}
