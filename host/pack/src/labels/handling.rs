//! Fields about passing something on that are not its colour: labels, embargo, origins, and who may
//! have it in the words of other tools.

use super::field::{is_open, is_restricting, restricts};
use super::ground::Restriction;
use super::node::{Node, Number};
use super::read::{Form, Reader};
use super::tlp::{Tlp, compact, shown, strip_protocol};
use super::{INTEL, MAX_ID};
use crate::Time;

/// Most fields of one record that are remembered as they may be colours of TLP.
const MAX_HUES: usize = 8;

impl Reader<'_> {
    /// A field that is named a colour: one of TLP within what is about markings, and else what the
    /// record says of itself decides, once it is read.
    pub(super) fn hue(&mut self, name: &str, node: &Node) {
        match node {
            // `tlp:red` says by itself what it is.
            Node::Text(text) if strip_protocol(&compact(text)).is_some() => self.value(name, node),
            Node::Text(text) => match Tlp::from_name(text).filter(|c| *c > Tlp::Green) {
                Some(colour) if self.markings > 0 => self.see(colour, name, text),
                Some(_) if self.hues.len() < MAX_HUES => {
                    let place = (name.to_owned(), text.clone(), self.line);
                    self.hues.push(place);
                }
                Some(_) => {}
                None => self.value(name, node),
            },
            other => self.value(name, other),
        }
    }

    /// Ends a record that names a colour of TLP, or none (`marked`). Data with a bare colour and
    /// without one of TLP may mean either; the things of an event have colours of their own.
    pub(super) fn hues_end(&mut self, marked: bool) {
        for (name, text, line) in std::mem::take(&mut self.hues) {
            if marked || self.form == Form::Event {
                continue;
            }
            let before = std::mem::replace(&mut self.line, line);
            self.bare_colour(&name, &text);
            self.line = before;
        }
    }

    /// Tells a colour that may be one of TLP.
    pub(super) fn bare_colour(&mut self, name: &str, text: &str) {
        let what = format!(
            "`{}` may be a colour of TLP or that of a thing; say which with a field `tlp` in the same \
             record: TLP:CLEAR if it is that of a thing",
            shown(text)
        );
        self.not_read(name, &what);
    }

    /// Who may have what an event tells of: nothing but a colour counts.
    pub(super) fn told_circle(&mut self, name: &str, node: &Node) {
        if let Node::Text(text) = node
            && let Some(colour) = Tlp::from_name(text).filter(|c| *c > Tlp::Green)
        {
            return self.see(colour, name, text);
        }
        self.value(name, node);
    }

    pub(super) fn marks(&mut self, name: &str, node: &Node) {
        match node {
            Node::Null => {}
            Node::Text(text) => self.tags(name, text),
            Node::List(marks) => marks.iter().for_each(|mark| self.marks(name, mark)),
            // MISP: `{"name": "tlp:red", "colour": "#cc0033"}`.
            Node::Map(fields) => {
                for (inner, value) in fields {
                    match (compact(inner).as_str(), value) {
                        ("name" | "value" | "tag" | "label" | "tagname", Node::Text(text)) => {
                            self.tags(inner, text);
                        }
                        _ => self.field(inner, value),
                    }
                }
            }
            Node::Bool(_) | Node::Number(_) => {
                self.not_read(name, &format!("`{}` is no text", node.shown()));
            }
        }
    }

    /// Labels in one text, separated by spaces or commas.
    fn tags(&mut self, name: &str, text: &str) {
        let named = text.trim();
        if named.starts_with("marking-definition--") {
            return self.named(named);
        }
        let coloured = self.mentioned(name, text, true);
        if is_restricting(text) {
            return self.not_understood(name, text);
        }
        // The rest of `TLP: RED`, or a quoted value of a taxonomy with spaces in it.
        let words = text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';'));
        for word in words.filter(|word| !word.is_empty()) {
            self.tag(name, word, coloured);
        }
    }

    fn tag(&mut self, name: &str, word: &str, coloured: bool) {
        let of_colour = || {
            let word = compact(word);
            word.starts_with("tlp")
                || Tlp::from_name(&word).is_some()
                || ["traffic", "light", "protocol", "strict"].contains(&word.as_str())
        };
        if coloured && of_colour() {
            return;
        }
        // A bare `red` among the labels; a bare `white` may be anything.
        if let Some(colour) = Tlp::from_name(word).filter(|colour| *colour > Tlp::Clear) {
            return self.see(colour, name, word);
        }
        let (space, rest) = word.split_once([':', '=']).unwrap_or((word, ""));
        match compact(space).as_str() {
            "embargo" => self.embargo(name, &Node::Text(rest.to_owned())),
            "agreement" | "notice" if self.form == Form::Data => {
                self.received(name, &Node::Text(rest.to_owned()));
            }
            "derivedfrom" => self.origins(name, rest),
            _ if restricts(space) && !is_open(rest) || is_restricting(word) => {
                self.not_understood(name, word);
            }
            _ if self.form == Form::Event => {}
            _ if word.len() > MAX_ID || word.chars().any(char::is_control) => {
                self.not_read(
                    name,
                    "a label has more than 256 bytes or control characters",
                );
            }
            _ => {
                self.labels.marks.insert(word.to_owned());
                self.ground(Restriction::Mark, name, word);
            }
        }
    }

    fn not_understood(&mut self, name: &str, text: &str) {
        let what = format!(
            "`{}` says who may have it in words that are not understood; write a colour of TLP",
            shown(text)
        );
        self.not_read(name, &what);
    }

    pub(super) fn embargo(&mut self, name: &str, node: &Node) {
        let until = match node {
            Node::Null | Node::Bool(false) => return,
            Node::Text(text) if text.trim().is_empty() => return,
            Node::Text(text) => text.trim().parse::<jiff::Timestamp>().ok(),
            _ => None,
        };
        match until {
            Some(until) => {
                // Begun seconds count.
                let part = i64::from(until.subsec_nanosecond() > 0);
                let until = Time::from_seconds(until.as_second() + part);
                self.labels.embargo = self.labels.embargo.max(Some(until));
                self.ground(Restriction::Embargo, name, &node.shown());
            }
            None => {
                let what = format!(
                    "`{}` does not say when the embargo ends; write a time as \
                     2027-01-01T00:00:00Z",
                    node.shown()
                );
                self.not_read(name, &what);
            }
        }
    }

    /// What came with a notice or under an agreement is intelligence that was shared (TI-7.2).
    pub(super) fn received(&mut self, name: &str, node: &Node) {
        let before = (self.labels.derived_from.len(), self.unread.len());
        self.derived(name, node);
        if before != (self.labels.derived_from.len(), self.unread.len()) || says(node) {
            self.labels.marks.insert(INTEL.to_owned());
        }
    }

    pub(super) fn derived(&mut self, name: &str, node: &Node) {
        match node {
            Node::Null => {}
            Node::Text(text) => self.origins(name, text),
            Node::Number(number) => self.origins(name, &number.to_string()),
            Node::List(origins) => origins.iter().for_each(|origin| self.derived(name, origin)),
            Node::Bool(_) | Node::Map(_) => {
                let what = format!(
                    "{} does not say where it comes from; write an id, or a list of ids",
                    node.shown()
                );
                self.not_read(name, &what);
                if let Node::Map(_) = node {
                    self.value(name, node);
                }
            }
        }
    }

    /// Ids in one text, separated by spaces or commas.
    pub(super) fn origins(&mut self, name: &str, text: &str) {
        for id in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | ';')) {
            if id.is_empty() {
                continue;
            }
            self.mentioned(name, id, false);
            if id.len() > MAX_ID || id.chars().any(char::is_control) {
                let what = "an id has more than 256 bytes or control characters";
                self.not_read(name, what);
            } else {
                self.labels.derived_from.insert(id.to_owned());
                self.ground(Restriction::Origin, name, id);
            }
        }
    }

    pub(super) fn distribution(&mut self, name: &str, node: &Node) {
        let level = match node {
            Node::Null => return,
            // CSAF.
            Node::Map(fields) => {
                for (inner, value) in fields {
                    match (compact(inner).as_str(), value) {
                        ("text", Node::Text(text)) if !is_open(text) => {
                            if !self.mentioned(inner, text, true) {
                                self.not_understood(&format!("{name}.{inner}"), text);
                            }
                        }
                        _ => self.field(inner, value),
                    }
                }
                return;
            }
            Node::Text(text) => text.trim().to_owned(),
            other => other.shown(),
        };
        match level.as_str() {
            // Your organisation only.
            "0" => self.see(Tlp::AmberStrict, name, "0"),
            // This community, and connected ones.
            "1" | "2" => self.see(Tlp::Green, name, &level),
            // All communities, and as the event that it is in: no colour.
            "3" | "5" => {}
            // 4, a sharing group, is one of these.
            other if is_open(other) => {}
            other => {
                if !self.mentioned(name, other, true) {
                    self.not_understood(name, other);
                }
            }
        }
    }

    pub(super) fn sharing_group(&mut self, name: &str, node: &Node) {
        let id = match node {
            Node::Null => return,
            Node::Map(_) => node.text("id").or(node.text("uuid")).unwrap_or_default(),
            Node::Text(text) => text.trim(),
            Node::Number(Number::Unsigned(0)) => "0",
            Node::List(groups) if groups.is_empty() => return,
            Node::Bool(_) | Node::List(_) | Node::Number(_) => "",
        };
        match id {
            // MISP: none. CSAF 2.1: everybody.
            "0" | "ffffffff-ffff-ffff-ffff-ffffffffffff" => {}
            // CSAF 2.1: nobody.
            "00000000-0000-0000-0000-000000000000" => self.see(Tlp::Red, name, id),
            _ => {
                let what = "it is for a sharing group, whose members are not known here";
                self.not_read(name, what);
            }
        }
    }

    pub(super) fn circle(&mut self, name: &str, node: &Node) {
        match node {
            Node::Null | Node::Bool(true) => {}
            Node::Text(text) if is_open(text) => {}
            Node::Text(text) => {
                if !self.mentioned(name, text, true) {
                    match Tlp::from_name(text).filter(|colour| *colour > Tlp::Clear) {
                        Some(colour) => self.see(colour, name, text),
                        None => self.not_understood(name, text),
                    }
                }
            }
            Node::List(values) => values.iter().for_each(|value| self.circle(name, value)),
            Node::Bool(false) | Node::Number(_) | Node::Map(_) => {
                self.not_understood(name, &node.shown());
                self.value(name, node);
            }
        }
    }
}

/// Whether a value says anything.
fn says(node: &Node) -> bool {
    match node {
        Node::Null => false,
        Node::Text(text) => !text.trim().is_empty(),
        Node::List(values) => values.iter().any(says),
        Node::Bool(_) | Node::Number(_) | Node::Map(_) => true,
    }
}
