//! Texts that speak of the Traffic Light Protocol.

use unicode_normalization::UnicodeNormalization as _;

use super::tlp::{Tlp, is_invisible, shown, strip_protocol};

/// What a text says where it speaks of the protocol.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mention {
    /// A colour.
    Colour(Tlp),
    /// Something that is no colour, or is written to look like it; as it stands there.
    Unknown(String),
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

/// Every place of a text that names the protocol, at most so many.
pub(super) fn mentions(text: &str, manner: Manner, limit: usize) -> Vec<Found> {
    let mut found: Vec<Found> = Tlp::defined_in(text)
        .take(limit)
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
    if text.is_ascii() && !named(b"tlp") && !named(b"traffic") {
        return found;
    }
    let normal: String = text.nfkc().collect();
    let words = words(&normal);
    // Lines are counted once, as places come in order.
    let (mut line, mut counted) = (1, 0);
    for (at, word) in words.iter().enumerate() {
        if found.len() == limit {
            break;
        }
        let Some((mention, to)) = mention(&normal, &words, at, word, manner) else {
            continue;
        };
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

/// A run of letters and digits: where it begins and ends, and in lower case.
struct Word {
    from: usize,
    to: usize,
    text: String,
}

/// The words of a text. What is invisible does not part one word from another.
fn words(text: &str) -> Vec<Word> {
    let mut words: Vec<Word> = Vec::new();
    let mut open = false;
    for (at, c) in text.char_indices() {
        if is_invisible(c) {
            continue;
        }
        if !c.is_alphanumeric() {
            open = false;
            continue;
        }
        if !open {
            words.push(Word {
                from: at,
                to: at,
                text: String::new(),
            });
            open = true;
        }
        if let Some(word) = words.last_mut() {
            word.text.extend(c.to_lowercase());
            word.to = at + c.len_utf8();
        }
    }
    words
}

/// What a word and those behind it say of the protocol, and where that ends.
fn mention(
    text: &str,
    words: &[Word],
    at: usize,
    word: &Word,
    manner: Manner,
) -> Option<(Mention, usize)> {
    let as_written = |to: usize| {
        let text = shown(text.get(word.from..to).unwrap_or_default());
        (Mention::Unknown(text), to)
    };
    let end = |word: &Word| word.to;
    if is_look_alike(&word.text, "tlp") {
        return Some(as_written(words.get(at + 1).map_or(word.to, end)));
    }
    let is = |offset: usize, wanted: &str| words.get(at + offset).is_some_and(|w| w.text == wanted);
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
    let assigned = all.contains(':') || (manner != Manner::Prose && all.contains('='));
    let colour = match words.get(next) {
        _ if !glued.is_empty() => Tlp::from_compact(glued),
        Some(word) => Tlp::from_compact(&word.text),
        None => None,
    };
    if glued.is_empty() && words.get(next).is_some() {
        last = words.get(next)?;
        next += 1;
    }
    match colour {
        Some(colour) => {
            if manner == Manner::Prose && !assigned && glued.is_empty() {
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
                Manner::Prose => sign == ":" && last.from != name.from,
                Manner::Value => {
                    assigned
                        || !glued.is_empty()
                            && Tlp::from_compact(glued).is_none()
                            && words.len() == 1
                        || words.iter().any(|w| is_colour_word(&w.text))
                }
                Manner::Data => true,
            };
            unknown.then(|| as_written(last.to))
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

/// Whether a word that is not this one is written to be read as it, with letters of other
/// alphabets (Unicode Technical Standard 39). Both in lower case; what follows does not count.
pub(super) fn is_look_alike(word: &str, wanted: &str) -> bool {
    if word.is_ascii() {
        return false;
    }
    let count = wanted.chars().count();
    let head: String = word.chars().take(count).collect();
    let alike = |a: &str, b: &str| {
        let (a, b) = (a.to_owned(), b.to_owned());
        unicode_security::skeleton(&a).eq(unicode_security::skeleton(&b))
    };
    !head.is_ascii()
        && (alike(&head, wanted) || alike(&head.to_uppercase(), &wanted.to_uppercase()))
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
    fn prose_may_speak_about_the_protocol() {
        let of = |text: &str| alone(mentions(text, Manner::Prose, 8));
        let third = mentions("a\nTLP\n(TLP:AMBER+STRICT)", Manner::Prose, 8);
        assert_eq!((third[0].line, &*third[0].text), (3, "TLP:AMBER+STRICT"));
        assert_eq!(of("# TLP:RED\n"), [Mention::Colour(Tlp::Red)]);
        assert!(matches!(of("It is TLP:PURPLE.")[..], [Mention::Unknown(_)]));
        for text in [
            "The TLP is a protocol.",
            "by TLP, red is worst",
            "TLP: a protocol",
        ] {
            assert_eq!(of(text), [], "{text}");
        }
    }
}
