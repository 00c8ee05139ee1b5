//! What the cells of a table say of the protocol, from the cells above them and before them.

use std::collections::BTreeMap;

use super::mention::looks_like_colour;
use super::read::is_about_marking;
use super::tlp::{Tlp, compact, strip_protocol};

/// What may stand behind the protocol's name at the head of a column.
const WHAT: [&str; 8] = [
    "",
    "color",
    "colour",
    "designation",
    "label",
    "level",
    "marking",
    "rating",
];

/// The longest text that is looked at as the name of the protocol, in bytes.
const NAME_LENGTH: usize = 128;
/// The longest head of a column that is about markings without the protocol's name, in bytes.
const HEAD_LENGTH: usize = 48;

/// Whether a cell holds the protocol's name, also as a link, and nothing else but what it is.
pub(super) fn names_protocol(cell: &str) -> bool {
    let text = cell.split_once("](").map_or(cell, |(text, _)| text);
    if text.len() > NAME_LENGTH {
        return false;
    }
    let name = compact(text);
    strip_protocol(&name).is_some_and(|rest| WHAT.contains(&rest))
}

/// Whether a cell is the head of a column of markings.
fn names_marking(cell: &str) -> bool {
    cell.len() <= HEAD_LENGTH && is_about_marking(cell) && Tlp::from_name(cell).is_none()
}

/// How sure it is that a cell says a colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// It stands below a head that names the protocol: whatever it says is meant as one.
    Below,
    /// It stands behind the protocol's name: a word is meant as one, a sentence explains the name.
    Beside,
    /// It may: nothing but a colour beyond CLEAR counts.
    Perhaps,
}

/// What a cell says there, as `TLP:…`.
pub(super) fn said(cell: &str, place: Place) -> Option<String> {
    let cell = cell.trim();
    let any = cell.chars().any(char::is_alphanumeric);
    let counts = match place {
        Place::Below => any,
        Place::Beside => any && !is_prose(cell),
        Place::Perhaps => {
            cell.len() <= NAME_LENGTH && Tlp::from_name(cell).is_some_and(|c| c > Tlp::Clear)
        }
    };
    counts.then(|| format!("TLP:{cell}"))
}

/// Whether a cell explains what the protocol is.
fn is_prose(cell: &str) -> bool {
    let mut words = cell
        .split(|c: char| !c.is_alphanumeric())
        .filter(|word| !word.is_empty());
    let Some(first) = words.next().map(compact) else {
        return true;
    };
    let coloured = Tlp::from_compact(&first).is_some() || looks_like_colour(&first);
    !coloured && (first.starts_with("traffic") || words.nth(1).is_some())
}

/// Parts of a line, which do not overlap.
#[derive(Debug, Clone, Default)]
pub(super) struct Spans(BTreeMap<usize, usize>);

impl Spans {
    /// Adds what begins at one place and ends before the other.
    pub(super) fn insert(&mut self, mut from: usize, mut to: usize) {
        while let Some((start, end)) = self.last_before(to).filter(|(_, end)| *end > from) {
            self.0.remove(&start);
            from = from.min(start);
            to = to.max(end);
        }
        self.0.insert(from, to);
    }

    pub(super) fn overlaps(&self, from: usize, to: usize) -> bool {
        self.last_before(to).is_some_and(|(_, end)| end > from)
    }

    fn last_before(&self, to: usize) -> Option<(usize, usize)> {
        let last = self.0.range(..to).next_back();
        last.map(|(start, end)| (*start, *end))
    }
}

/// What a cell is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The head of its column.
    Head,
    /// A head that is not, or not surely, that of its column.
    RowHead,
    Data,
}

/// The columns of a table, by number or by the place of their letters, that say colours.
#[derive(Debug, Clone, Default)]
pub(super) struct Columns {
    below: Spans,
    perhaps: Spans,
}

impl Columns {
    /// Whether a cell may say what those below or behind it are about.
    pub(super) fn is_head(cell: &str) -> bool {
        names_protocol(cell) || names_marking(cell)
    }

    /// What a cell says that takes these columns. `beside`: the cell before it names the protocol.
    pub(super) fn cell(
        &mut self,
        (from, to): (usize, usize),
        cell: &str,
        kind: Kind,
        beside: bool,
    ) -> Option<String> {
        let below = self.below.overlaps(from, to);
        let place = match kind {
            Kind::Data if below => Some(Place::Below),
            Kind::Data if beside => Some(Place::Beside),
            _ => (beside || below || self.perhaps.overlaps(from, to)).then_some(Place::Perhaps),
        };
        if names_protocol(cell) {
            let columns = match kind {
                Kind::Head => &mut self.below,
                Kind::RowHead | Kind::Data => &mut self.perhaps,
            };
            columns.insert(from, to);
        } else if names_marking(cell) {
            self.perhaps.insert(from, to);
        }
        said(cell, place?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_say_colours_where_they_are_meant() {
        let of = |cell: &str, place| said(cell, place).unwrap_or_default();
        assert_eq!(of(" purple ", Place::Below), "TLP:purple");
        assert_eq!(of("-", Place::Below), "");
        assert_eq!(of("purple", Place::Beside), "TLP:purple");
        assert_eq!(
            of("RED, do not pass on", Place::Beside),
            "TLP:RED, do not pass on"
        );
        for prose in [
            "Traffic Light Protocol",
            "who may read it",
            "TLP of FIRST, 2.0",
        ] {
            assert_eq!(of(prose, Place::Beside), "", "{prose}");
        }
        assert_eq!(of("AMBER+STRICT", Place::Perhaps), "TLP:AMBER+STRICT");
        for other in ["purple", "white", "red team", ""] {
            assert_eq!(of(other, Place::Perhaps), "", "{other}");
        }
    }

    #[test]
    fn spans_that_touch_one_another_are_one() {
        let mut spans = Spans::default();
        for (from, to) in [(10, 20), (40, 50), (0, 3), (15, 45)] {
            spans.insert(from, to);
        }
        assert_eq!(spans.0, BTreeMap::from([(0, 3), (10, 50)]));
        assert!(spans.overlaps(2, 4) && spans.overlaps(30, 31) && !spans.overlaps(3, 10));
    }
}
