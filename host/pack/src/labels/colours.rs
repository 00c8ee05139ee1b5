//! Which words name the Traffic Light Protocol, its colours, and what is about markings.

use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

use super::tlp::{Tlp, strip_protocol};

/// What a word is to the rule of nearness.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Meaning {
    /// Whether it has the name of the protocol in it.
    pub(super) name: bool,
    /// The colour that it is, or that stands in one word with the name.
    pub(super) colour: Option<Tlp>,
    /// Whether it is about markings without naming the protocol.
    pub(super) marking: bool,
}

/// What a word is; in its compatible form (NFKC) and in lower case.
pub(super) fn meaning(word: &str) -> Meaning {
    if word.is_ascii() {
        return of_ascii(word);
    }
    let bare: String = word.nfkd().filter(|c| !is_combining_mark(*c)).collect();
    if bare.is_ascii() {
        return of_ascii(&bare);
    }
    let name = bare.contains("tlp") || bare.starts_with("светофор") || is_look_alike(word, "tlp");
    let colour = foreign(&bare).or_else(|| {
        let alike = LATIN.iter().find(|(_, known)| looks_like(word, known));
        alike.map(|(colour, _)| *colour)
    });
    Meaning {
        name,
        colour,
        marking: false,
    }
}

fn of_ascii(word: &str) -> Meaning {
    let long = ["trafficlight", "ampelproto"];
    let name = (word.len() >= 3 && word.contains("tlp"))
        || (word.len() >= 10 && long.iter().any(|name| word.contains(name)));
    let colour = if name { glued(word) } else { colour(word) };
    Meaning {
        name,
        colour,
        marking: !name && is_about_marking(word),
    }
}

/// The colours in English, for which other letters may be drawn.
const LATIN: [(Tlp, &str); 5] = [
    (Tlp::Red, "red"),
    (Tlp::Amber, "amber"),
    (Tlp::Green, "green"),
    (Tlp::Clear, "clear"),
    (Tlp::Clear, "white"),
];

/// The colour of a word in Latin letters without marks: English, German, French, Spanish, Italian
/// and Portuguese, as labels are written there.
pub(super) fn colour(word: &str) -> Option<Tlp> {
    Some(match word {
        "red" | "rot" | "rouge" | "rojo" | "roja" | "rosso" | "vermelho" | "vermelha" => Tlp::Red,
        "amberstrict" => Tlp::AmberStrict,
        "amber" | "bernstein" | "gelb" | "ambre" | "orange" | "jaune" | "ambar" | "amarillo"
        | "naranja" | "ambra" | "giallo" | "amarelo" => Tlp::Amber,
        "green" | "gruen" | "grun" | "vert" | "verde" => Tlp::Green,
        "clear" | "white" => Tlp::Clear,
        _ => return foreign(word),
    })
}

/// A colour in Chinese, Japanese or Russian.
fn foreign(word: &str) -> Option<Tlp> {
    let first = word.chars().next().filter(|c| !c.is_ascii())?;
    match first {
        '红' | '紅' | '赤' | '🔴' | '🟥' => return Some(Tlp::Red),
        '琥' | '黄' | '黃' | '橙' | '🟠' | '🟡' | '🟧' | '🟨' => {
            return Some(Tlp::Amber);
        }
        '绿' | '綠' | '緑' | '🟢' | '🟩' => return Some(Tlp::Green),
        _ => {}
    }
    let stems = [
        (Tlp::Red, "красн"),
        (Tlp::Amber, "янтар"),
        (Tlp::Amber, "желт"),
        (Tlp::Green, "зелен"),
    ];
    let found = stems.iter().find(|(_, stem)| word.starts_with(stem));
    found.map(|(colour, _)| *colour)
}

/// A colour in one word with the protocol's name: `tlpred`, `tlplevelred`, `redtlp`.
fn glued(word: &str) -> Option<Tlp> {
    if let Some(colour) = strip_protocol(word).and_then(colour) {
        return Some(colour);
    }
    let known = LATIN.iter().find(|(_, known)| {
        let ends = |part: &str| part.starts_with(known) || part.ends_with(known);
        word.split_once("tlp")
            .is_some_and(|(before, after)| ends(before) || ends(after))
    });
    known.map(|(colour, _)| *colour)
}

/// Whether a word, such as the name of a field without its signs, is about passing something on.
pub(super) fn is_about_marking(word: &str) -> bool {
    const WORDS: [&str; 9] = [
        "classification",
        "confidentiality",
        "dissemination",
        "handling",
        "marking",
        "restriction",
        "sensitivity",
        "sharing",
        "trafficlight",
    ];
    word.len() >= 7 && WORDS.iter().any(|known| word.contains(known))
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

/// Whether a word that is not this one is written to be read as this, and nothing follows.
fn looks_like(word: &str, wanted: &str) -> bool {
    // Marks come on top of letters, so that a shorter word is none.
    word.chars().count() >= wanted.len()
        && head(word, wanted.len()) == word
        && is_look_alike(word, wanted)
}

/// Whether a sign is a colon, or looks like one.
pub(super) fn is_colon(c: char) -> bool {
    c == ':' || (!c.is_ascii() && skeleton(c) == Some(':'))
}

/// The letter that a sign of another kind, such as `⊤`, is drawn like.
pub(super) fn drawn(c: char) -> Option<char> {
    let letter = (!c.is_ascii()).then(|| skeleton(c)).flatten();
    letter.filter(char::is_ascii_alphabetic)
}

/// What a character looks like, if that is one character.
fn skeleton(c: char) -> Option<char> {
    let mut text = [0; 4];
    let mut skeleton = unicode_security::skeleton(c.encode_utf8(&mut text));
    skeleton.next().filter(|_| skeleton.next().is_none())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_are_known_in_several_languages_and_alphabets() {
        for (word, wanted) in [
            ("red", Tlp::Red),
            ("rot", Tlp::Red),
            ("rouge", Tlp::Red),
            ("rojo", Tlp::Red),
            ("红", Tlp::Red),
            ("紅", Tlp::Red),
            ("красный", Tlp::Red),
            ("rеd", Tlp::Red),
            ("r\u{332}ed", Tlp::Red),
            ("réd", Tlp::Red),
            ("жёлтый", Tlp::Amber),
            ("ámbar", Tlp::Amber),
            ("amberstrict", Tlp::AmberStrict),
            ("grün", Tlp::Green),
            ("wһite", Tlp::Clear),
        ] {
            assert_eq!(meaning(word).colour, Some(wanted), "{word}");
        }
        for word in ["reds", "tape", "", "жизнь", "été", "greenbone"] {
            assert_eq!(meaning(word), Meaning::default(), "{word}");
        }
    }

    #[test]
    fn names_are_known_within_words_and_in_other_letters() {
        for word in [
            "tlp",
            "tlpv2",
            "xtlp",
            "tlр",
            "τlρ",
            "tlṕ",
            "tlpmarking",
            "trafficlightprotocol",
        ] {
            assert!(meaning(word).name, "{word}");
        }
        for word in ["tlpred", "redtlp", "tlplevelred", "tlpv2red"] {
            assert_eq!(meaning(word).colour, Some(Tlp::Red), "{word}");
        }
        for word in ["tcp", "help", "трп"] {
            assert!(!meaning(word).name, "{word}");
        }
        assert!(meaning("classification").marking && !meaning("class").marking);
    }
}
