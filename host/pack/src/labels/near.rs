//! The one rule by which a text is read for labels: what stands near the name of the Traffic Light
//! Protocol, whatever is between.
//!
//! A colour right behind the name, as FIRST writes labels, is one. Whatever else is near may be one:
//! a colour at most [`NEAR`] words from the name, in either direction, across signs, markup, cells
//! and lines; a colour that is all of its line, cell or text, if a name stands somewhere that has
//! none of its own; and behind a `:` or `=` any word that is no known colour.

use super::colours::{self, Meaning, is_colon};
use super::letters::normal;
use super::tlp::{Tlp, shown, strip_protocol};
use crate::invisible::{is_invisible, is_leftward, is_override};
use unicode_normalization::char::is_combining_mark;

/// How many words may stand between the name and a colour.
const NEAR: usize = 12;
/// How many words may stand between a word about markings, which is not the protocol's name, and a
/// colour alone.
const NEAR_MARKING: usize = 4;
/// How many words of a version stand between the name and its colour: `TLP version 2.0: RED`.
const MAX_VERSION: usize = 4;
/// How much of a word, and of what is shown of a label, is kept, in bytes.
const MAX_PART: usize = 64;
/// Of how many words one may be put together whose letters stand apart.
const TORN: usize = 6;

/// A place of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    /// What stands there.
    pub(super) text: String,
    /// The line of the text, from 1.
    pub(super) line: usize,
}

/// What a text says where it speaks of the protocol.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Said {
    /// The strictest colour that is written as a label.
    pub(super) label: Option<(Tlp, Place)>,
    /// The strictest colour beyond CLEAR that may be one.
    pub(super) near: Option<(Tlp, Place)>,
    /// The first thing that is meant as a colour and is none that is known.
    pub(super) unknown: Option<Place>,
    /// The first sign that turns the direction of writing around, so that what is seen is not what
    /// is there.
    pub(super) turned: Option<Place>,
}

/// Reads a text once, from its beginning to its end. `data`: it is of a form that is not taken
/// apart, in which the name without a colour behind it is not understood.
pub(super) fn read(text: &str, data: bool) -> Said {
    let mut scan = Scan {
        data,
        line: 1,
        ..Scan::default()
    };
    // Most texts need not be brought into the compatible form.
    if text.is_ascii() {
        text.chars().for_each(|c| scan.letter(c));
    } else {
        normal(text).for_each(|c| scan.letter(c));
    }
    let mut said = scan.end();
    for (colour, id, at) in Tlp::defined_in(text) {
        let line = 1 + memchr::memchr_iter(b'\n', &text.as_bytes()[..at]).count();
        let text = id.to_owned();
        strictest(&mut said.label, colour, Place { text, line });
    }
    said
}

/// Whether a text may name the protocol in one piece; most do not, and need not be read for that.
pub(super) fn may_name(text: &str) -> bool {
    let has = |name: &[u8]| {
        let mut parts = text.as_bytes().windows(name.len());
        parts.any(|part| part.eq_ignore_ascii_case(name))
    };
    !text.is_ascii() || has(b"tlp") || has(b"traffic") || (text.len() >= 36 && text.contains('-'))
}

fn strictest(of: &mut Option<(Tlp, Place)>, colour: Tlp, place: Place) {
    if of.as_ref().is_none_or(|(known, _)| *known < colour) {
        *of = Some((colour, place));
    }
}

/// Where a word is: its number in the text, its line, and how it is written.
#[derive(Debug, Clone, Default)]
struct At {
    word: usize,
    line: usize,
    text: String,
}

/// A name of which what follows is not known yet.
#[derive(Debug)]
struct Open {
    at: At,
    /// What was written since the name began.
    trail: String,
    /// What stands between the name and what follows.
    between: String,
    /// Whether a `:` is among that, and whether that or a `=` is.
    colon: bool,
    assigned: bool,
    versions: usize,
    /// The colour that follows.
    colour: Option<Tlp>,
    /// What stands behind that colour.
    behind: String,
    /// Whether its letters stand apart, which may be anything.
    torn: bool,
    /// Whether they stand within a word, as they do by chance in ids.
    within: bool,
    capitals: bool,
}

/// A run of words with nothing but single spaces and signs that join words between.
#[derive(Debug, Default)]
struct Cell {
    words: usize,
    compact: String,
    /// Whether it is longer than any label.
    long: bool,
    name: bool,
    marking: bool,
    small: bool,
    text: String,
}

#[derive(Debug, Default)]
struct Scan {
    data: bool,
    said: Said,
    line: usize,
    /// The word that is read: as it is written, in lower case, and whether it has small letters.
    raw: String,
    lower: String,
    small: bool,
    /// How many words there were, and the last of them in lower case, in a ring.
    count: usize,
    last: [String; TORN],
    /// The last name, the last word about markings, and the last of each colour.
    name: Option<At>,
    marking: Option<At>,
    colours: [Option<At>; 5],
    open: Option<Open>,
    cell: Cell,
    space: bool,
    /// Whether there is a name, one without a colour of its own, and a cell about markings.
    named: bool,
    bare: bool,
    marked: bool,
    /// The strictest colour alone in its cell, and that in capitals.
    alone: Option<(Tlp, Place)>,
    capital: Option<(Tlp, Place)>,
    leftward: Option<Place>,
}

/// Whether each letter is a word of its own, as those that are written without spaces.
fn is_word(c: char) -> bool {
    matches!(c, '\u{1f534}' | '\u{1f7e0}'..='\u{1f7e9}' | '\u{2e80}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

impl Scan {
    fn letter(&mut self, c: char) {
        if is_override(c) || is_leftward(c) {
            let text = c.escape_unicode().to_string();
            let line = self.line;
            let of = match is_override(c) {
                true => &mut self.said.turned,
                false => &mut self.leftward,
            };
            of.get_or_insert(Place { text, line });
        }
        if is_invisible(c) {
            return;
        }
        let mark = !c.is_ascii() && is_combining_mark(c);
        if mark && self.lower.is_empty() {
            return;
        }
        let c = match mark || c.is_alphanumeric() || is_word(c) {
            true => c,
            false => match colours::drawn(c) {
                Some(letter) => letter,
                None => {
                    self.word();
                    return self.sign(c);
                }
            },
        };
        if is_word(c) {
            self.word();
        }
        if self.raw.len() < MAX_PART {
            self.raw.push(c);
        }
        if self.lower.len() < MAX_PART {
            self.lower.extend(c.to_lowercase());
        }
        self.small |= c.is_lowercase();
        self.space = false;
        if is_word(c) {
            self.word();
        }
    }

    /// Takes what parts words.
    fn sign(&mut self, c: char) {
        let joins = match c {
            ' ' => !std::mem::replace(&mut self.space, true),
            _ => "-_+/.'’".contains(c),
        };
        if let Some(open) = &mut self.open {
            if open.colour.is_none() {
                open.colon |= is_colon(c);
                open.assigned |= open.colon || c == '=';
            }
            let between = match open.colour {
                None => &mut open.between,
                Some(_) => &mut open.behind,
            };
            for text in [between, &mut open.trail] {
                if text.len() < MAX_PART {
                    text.push(c);
                }
            }
        }
        if !joins {
            self.cell();
        }
        if c == '\n' {
            self.line += 1;
        }
    }

    /// Ends the word that is read, if any.
    fn word(&mut self) {
        if self.lower.is_empty() {
            return;
        }
        let mut lower = std::mem::take(&mut self.lower);
        let slot = self.count % TORN;
        std::mem::swap(&mut self.last[slot], &mut lower);
        let mut meaning = colours::meaning(&self.last[slot]);
        self.cell_word(slot, meaning);
        self.goes_on(slot, meaning);
        let strict = self.is_strict(slot);
        let torn = meaning == Meaning::default() && !strict;
        if torn {
            meaning = self.put_together();
        }
        let ends_name = meaning.name || self.is_protocol(slot);
        let at = At {
            word: self.count,
            line: self.line,
            text: self.raw.clone(),
        };
        if strict && let Some(amber) = self.colours[Tlp::Amber as usize].clone() {
            self.colour(Tlp::AmberStrict, amber);
        }
        if let Some(colour) = meaning.colour {
            self.colour(colour, at.clone());
        }
        if ends_name {
            self.name(at, meaning, torn && meaning.name);
        }
        lower.clear();
        self.lower = lower;
        self.raw.clear();
        self.small = false;
        self.count += 1;
    }

    /// The word so many before the last.
    fn before(&self, back: usize) -> &str {
        match self.count.checked_sub(back) {
            Some(at) if back < TORN => &self.last[at % TORN],
            _ => "",
        }
    }

    /// Whether the last word ends `amber strict`.
    fn is_strict(&self, slot: usize) -> bool {
        let amber = self.colours[Tlp::Amber as usize].as_ref();
        self.last[slot] == "strict" && amber.is_some_and(|amber| amber.word + 1 == self.count)
    }

    /// Whether the last word ends the protocol's name of three words.
    fn is_protocol(&self, slot: usize) -> bool {
        let last = [self.before(2), self.before(1), &self.last[slot]];
        last == ["交", "通", "灯"]
            || (last[..2] == ["traffic", "light"] && last[2].starts_with("proto"))
    }

    /// What the last words are if they are one whose letters stand apart.
    fn put_together(&self) -> Meaning {
        let is = |wanted: &str| {
            let mut rest = wanted;
            for back in 0..TORN {
                let word = self.before(back);
                if word.is_empty() {
                    return false;
                }
                match rest.strip_suffix(word) {
                    Some("") => return back > 0,
                    Some(left) => rest = left,
                    None => return false,
                }
            }
            false
        };
        let colour = match self.before(0).as_bytes().last() {
            Some(b'd') if is("red") => Some(Tlp::Red),
            Some(b'r') if is("amber") => Some(Tlp::Amber),
            Some(b'n') if is("green") => Some(Tlp::Green),
            _ => None,
        };
        let whole = is("tlp");
        // `T LPRED`, of which the colour is written on.
        let rest = match self.before(1) {
            "t" => self.before(0).strip_prefix("lp"),
            "tl" => self.before(0).strip_prefix('p'),
            _ => None,
        };
        let glued = rest.and_then(colours::colour);
        Meaning {
            name: whole || glued.is_some(),
            colour: colour.or(glued),
            marking: false,
        }
    }

    /// Takes a word that is a colour.
    fn colour(&mut self, colour: Tlp, at: At) {
        if let Some(name) = &self.name
            && at.word <= name.word + NEAR + 1
        {
            let (text, line) = (name.text.clone(), at.line);
            self.near(colour, &text, &at.text, line);
        }
        self.colours[colour as usize] = Some(at);
    }

    fn near(&mut self, colour: Tlp, one: &str, other: &str, line: usize) {
        if colour > Tlp::Clear && self.said.near.as_ref().is_none_or(|(c, _)| *c < colour) {
            let text = match one == other {
                true => shown(one),
                false => format!("{} … {}", shown(one), shown(other)),
            };
            self.said.near = Some((colour, Place { text, line }));
        }
    }

    /// Takes a name of the protocol, and the colours before it.
    fn name(&mut self, at: At, meaning: Meaning, torn: bool) {
        self.named = true;
        for colour in [Tlp::Green, Tlp::Amber, Tlp::AmberStrict, Tlp::Red] {
            if let Some(before) = &self.colours[colour as usize]
                && at.word <= before.word + NEAR + 1
            {
                let (text, line) = (before.text.clone(), before.line);
                self.near(colour, &text, &at.text, line);
            }
        }
        self.close(false);
        let lower = &self.last[self.count % TORN];
        let known = strip_protocol(lower).unwrap_or_default();
        let label = known.is_empty() || meaning.colour.is_some();
        let trail = match self.is_protocol(self.count % TORN) {
            true if lower.is_ascii() => format!("Traffic Light {}", at.text),
            _ if torn => format!("T L {}", at.text),
            _ => at.text.clone(),
        };
        self.open = Some(Open {
            trail,
            between: String::new(),
            colon: false,
            assigned: false,
            versions: 0,
            // As it is in one word with the name.
            colour: Tlp::from_compact(known).filter(|_| label),
            behind: String::new(),
            torn,
            within: lower.is_ascii()
                && !(torn || lower.starts_with("tlp") || lower.ends_with("tlp"))
                && lower.contains("tlp"),
            capitals: !self.small,
            at: at.clone(),
        });
        self.name = Some(at);
    }

    /// Looks whether a word belongs to the name that is open.
    fn goes_on(&mut self, slot: usize, meaning: Meaning) {
        let Some(open) = &mut self.open else {
            return;
        };
        let word = self.last[slot].as_str();
        let room = MAX_PART.saturating_sub(open.trail.len());
        let end = self.raw.floor_char_boundary(room);
        if let Some(colour) = &mut open.colour {
            if *colour == Tlp::Amber && word == "strict" {
                *colour = Tlp::AmberStrict;
                open.trail.push_str(&self.raw[..end]);
            } else if matches!(open.behind.as_str(), "+" | ":") {
                // Letters that belong to the label make it another.
                open.trail.push_str(&self.raw[..end]);
                open.colour = None;
                open.assigned = true;
            } else {
                let kept = open.trail.len() - open.behind.len().min(open.trail.len());
                open.trail.truncate(open.trail.floor_char_boundary(kept));
            }
            return self.close(true);
        }
        open.trail.push_str(&self.raw[..end]);
        let version = matches!(
            word,
            "version" | "v" | "v1" | "v2" | "0" | "1" | "2" | "10" | "20"
        );
        if version && open.versions < MAX_VERSION {
            open.versions += 1;
            return;
        }
        match meaning.colour {
            Some(colour) if !meaning.name => {
                let plain = [" ", "-", "_", "/", " - ", "_-_"].contains(&open.between.as_str());
                if open.colon || (plain && open.capitals && !self.small) {
                    open.colour = Some(colour);
                    return;
                }
                // It stands near, and is the name's own.
                self.open = None;
            }
            _ => self.close(true),
        }
    }

    /// Ends what is known of the name that is open; whether a word follows.
    fn close(&mut self, follows: bool) {
        let Some(open) = self.open.take() else {
            return;
        };
        let place = || Place {
            text: shown(open.trail.trim_end()),
            line: open.at.line,
        };
        match open.colour {
            Some(colour) => strictest(&mut self.said.label, colour, place()),
            None if open.within => {}
            None => {
                self.bare = true;
                if (open.assigned && follows && !open.torn) || self.data {
                    self.said.unknown.get_or_insert_with(place);
                }
            }
        }
    }

    fn cell_word(&mut self, slot: usize, meaning: Meaning) {
        let cell = &mut self.cell;
        cell.words += 1;
        cell.name |= meaning.name;
        cell.marking |= meaning.marking;
        cell.small |= self.small;
        let word = &self.last[slot];
        cell.long |= cell.compact.len() + word.len() > MAX_PART;
        if !cell.long {
            cell.compact.push_str(word);
            cell.text.push_str(&self.raw);
        }
    }

    /// Ends the cell that is read, if any.
    fn cell(&mut self) {
        if self.cell.words == 0 {
            return;
        }
        let last = self.count - 1;
        let cell = &mut self.cell;
        cell.marking |= cell.compact.contains("trafficlight");
        if cell.marking && !cell.name && cell.words <= 3 {
            self.marked = true;
            self.marking = Some(At {
                word: last,
                line: self.line,
                text: cell.text.clone(),
            });
        } else if !cell.long && !cell.name {
            let colour = colours::meaning(&cell.compact).colour;
            // A sentence may begin with a sign that is a colour.
            let fits = cell.compact.is_ascii() || cell.compact.chars().count() <= 12;
            if let Some(colour) = colour.filter(|c| *c > Tlp::Clear && fits) {
                let place = Place {
                    text: shown(&cell.text),
                    line: self.line,
                };
                let capitals = !cell.small;
                let near = self
                    .marking
                    .as_ref()
                    .filter(|marking| last < marking.word + NEAR_MARKING + cell.words + 1);
                if let Some(text) = near.map(|marking| marking.text.clone()) {
                    let (other, line) = (place.text.clone(), place.line);
                    self.near(colour, &text, &other, line);
                }
                if capitals {
                    strictest(&mut self.capital, colour, place.clone());
                }
                strictest(&mut self.alone, colour, place);
            }
        }
        let cell = &mut self.cell;
        (cell.words, cell.long, cell.name) = (0, false, false);
        (cell.marking, cell.small) = (false, false);
        cell.compact.clear();
        cell.text.clear();
    }

    fn end(mut self) -> Said {
        self.word();
        self.cell();
        self.close(false);
        let far = match (self.bare, self.marked) {
            (true, _) => self.alone,
            (false, true) => self.capital,
            (false, false) => None,
        };
        if let Some((colour, place)) = far {
            strictest(&mut self.said.near, colour, place);
        }
        if self.said.turned.is_none() && self.named {
            self.said.turned = self.leftward;
        }
        self.said
    }
}

#[cfg(test)]
mod tests;
