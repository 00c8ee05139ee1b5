//! What data says of its own passing on.

use std::cell::Cell;
use std::collections::BTreeSet;

use super::field::About;
use super::ground::{Grounds, Restriction, locate};
use super::near::{self, Place, Said};
use super::node::Node;
use super::tlp::{Tlp, compact, shown, strip_protocol};
use super::{Carried, Labels, MAX_UNREAD, Unread};
use super::{colours, views};

/// What a record is, which says what its fields are about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// An entry of a dataset, or any other document: all fields are about itself.
    Data,
    /// An event, request or finding of a vector: `notice`, `agreement`, `recipients` and
    /// `audience` are what it tells of, not where it comes from; free labels are the event's.
    Event,
}

/// Reads the records of one file.
pub(super) struct Reader<'a> {
    pub(super) form: Form,
    pub(super) file: &'a str,
    /// Of the record that is read, from 1.
    pub(super) line: Option<usize>,
    pub(super) labels: Labels,
    pub(super) unread: Vec<Unread>,
    pub(super) grounds: Grounds,
    /// What the record that is read says of its colour, and whether it names a marking for that.
    colour: Option<Tlp>,
    marking: bool,
    /// How many of the fields around what is read are about markings.
    pub(super) markings: usize,
    /// Fields of the record that are named a colour and hold one of TLP: name, text and line.
    pub(super) hues: Vec<(String, String, Option<usize>)>,
    /// The strictest colour that stands near the protocol's name: what stands there, and its line.
    near: Option<(Tlp, String, Option<usize>)>,
    /// How many bytes more are read of this file and of those behind it in the pack, and whether
    /// there are more than that.
    room: &'a Cell<usize>,
    full: bool,
    /// Marking definitions that are named, and those that were read, by id.
    named: BTreeSet<String>,
    defined: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(form: Form, file: &'a str, room: &'a Cell<usize>) -> Self {
        Reader {
            form,
            file,
            line: None,
            labels: Labels::default(),
            unread: Vec::new(),
            grounds: Grounds::default(),
            colour: None,
            marking: false,
            markings: 0,
            hues: Vec::new(),
            near: None,
            room,
            full: false,
            named: BTreeSet::new(),
            defined: BTreeSet::new(),
        }
    }

    /// Reads a document: its records field by field, and all its texts together. Whether there is
    /// room for more.
    pub(super) fn document(&mut self, node: &Node) -> bool {
        self.record(node);
        let mut all = String::new();
        texts(node, &mut all);
        self.colour = None;
        if let Some(problem) = self.all_ways(&all, false, false) {
            self.not_read("", problem);
        }
        self.labels.tlp = self.labels.tlp.max(self.colour);
        !self.full
    }

    /// Reads a record: an entry, or a document. Of a list and of a bundle (STIX) each part is
    /// one. A record that names no colour is remembered.
    pub(super) fn record(&mut self, node: &Node) {
        match node {
            Node::List(records) => return records.iter().for_each(|record| self.record(record)),
            Node::Map(fields) if node.text("type") == Some("bundle") => {
                for (name, value) in fields {
                    match value {
                        Node::List(records) if name == "objects" => {
                            records.iter().for_each(|record| self.record(record));
                        }
                        other => self.field(name, other),
                    }
                }
                return;
            }
            _ => {}
        }
        (self.colour, self.marking) = (None, false);
        self.value("", node);
        // Those do not say what anybody knows, but how it is written or who says it.
        let about_others = matches!(
            node.text("type"),
            Some("marking-definition" | "extension-definition" | "identity" | "language-content")
        );
        self.labels.tlp = self.labels.tlp.max(self.colour);
        let marked = self.colour.is_some() || self.marking;
        self.hues_end(marked);
        if !marked && self.form == Form::Data && !about_others {
            self.unmarked();
        }
    }

    /// Remembers that what is read names no colour.
    pub(super) fn unmarked(&mut self) {
        self.labels.unmarked = true;
        self.ground(Restriction::NoColour, "", "");
    }

    /// Remembers where something stands that restricts.
    pub(super) fn ground(&mut self, restriction: Restriction, name: &str, text: &str) {
        self.grounds
            .add(restriction, (self.file, self.line), name, text);
    }

    /// Whether there is room to read so many bytes more, which are taken from it.
    pub(super) fn takes(&mut self, bytes: usize) -> bool {
        let left = self.room.get().checked_sub(bytes);
        self.room.set(left.unwrap_or_default());
        self.full |= left.is_none();
        !self.full
    }

    /// Ends a file: what was named must have been read, and what has no line gets one of
    /// `source`, the text of a document of several lines.
    pub(super) fn finish(mut self, source: Option<&str>) -> Carried {
        let unknown: Vec<String> = self.named.difference(&self.defined).cloned().collect();
        self.line = None;
        for id in unknown {
            let what = format!("the marking `{}` is not one of TLP", shown(&id));
            self.not_read("", &what);
        }
        if self.full {
            let what = "it is too large to be read for markings, or what is before it in the pack is; \
                        leave some out, or say with a request who may have it";
            self.perhaps(Tlp::Red, "", what);
        }
        if let Some((colour, text, line)) = self.near.take() {
            let last = text.rsplit(' ').next().unwrap_or_default();
            self.line = line.or_else(|| locate(source?, "", last));
            let what = format!(
                "`{text}` may be a marking, {colour}; write `{colour}` if it is, and if it is not, \
                 write it otherwise or answer for it with a request"
            );
            self.perhaps(colour, "", &what);
        }
        for unread in &mut self.unread {
            let find = || locate(source?, &unread.field, "");
            unread.line = unread.line.or_else(find);
        }
        Carried {
            labels: self.labels,
            unread: self.unread,
            grounds: self.grounds.located(source),
        }
    }

    /// Reads text in all ways that it may be read. `data`: it is of a form that is not taken apart.
    pub(super) fn text(&mut self, text: &str, data: bool) {
        if let Some(problem) = self.passing(text, data) {
            self.not_read("", problem);
        }
    }

    /// The same for texts in what is none, where bytes form sequences of terminals by chance: what of
    /// it cannot be read is given back.
    pub(super) fn passing(&mut self, text: &str, data: bool) -> Option<&'static str> {
        self.colour = None;
        let problem = self.all_ways(text, data, true);
        self.labels.tlp = self.labels.tlp.max(self.colour);
        problem
    }

    /// Reads a text in all ways; what of it cannot be read. `lines`: its lines are those of the file.
    fn all_ways(&mut self, text: &str, data: bool, lines: bool) -> Option<&'static str> {
        let mut way = |text: &str, data| {
            let room = self.takes(text.len());
            if room {
                self.take("", near::read(text, data), false, lines);
            }
            room
        };
        if !way(text, data) {
            return None;
        }
        views::each(text, &mut |view| way(view, false))
    }

    /// Takes what a text says of the protocol; whether it says anything. Who speaks about CLEAR in
    /// passing states nothing, so that counts only where a label is `meant`.
    fn take(&mut self, name: &str, said: Said, meant: bool, lines: bool) -> bool {
        let any = said.label.is_some() || said.unknown.is_some();
        let record = self.line;
        let line = |place: &Place| match lines {
            true => Some(place.line),
            false => record,
        };
        if let Some((colour, place)) = said.near
            && self.near.as_ref().is_none_or(|(known, ..)| *known < colour)
        {
            let line = line(&place);
            self.near = Some((colour, place.text, line));
        }
        if let Some((colour, place)) = said.label
            && (meant || colour > Tlp::Clear)
        {
            self.line = line(&place);
            self.see(colour, name, &place.text);
        }
        if let Some(place) = said.unknown {
            self.line = line(&place);
            let perhaps = (!meant).then_some(Tlp::Red);
            self.tell(perhaps, name, &no_colour(&place.text));
        }
        if let Some(place) = said.turned {
            self.line = line(&place);
            let what = format!(
                "`{}` turns the direction of writing around, so what is seen is not what is \
                 written; take such signs out",
                place.text
            );
            self.not_read(name, &what);
        }
        self.line = record;
        any
    }

    /// Tells what is not understood.
    pub(super) fn not_read(&mut self, field: &str, problem: &str) {
        self.tell(None, field, problem);
    }

    /// Tells what may be a marking, with this colour.
    fn perhaps(&mut self, colour: Tlp, field: &str, problem: &str) {
        self.tell(Some(colour), field, problem);
    }

    fn tell(&mut self, perhaps: Option<Tlp>, field: &str, problem: &str) {
        let unread = Unread {
            file: self.file.to_owned(),
            line: self.line,
            field: shown(field),
            problem: problem.to_owned(),
            perhaps,
        };
        if self.unread.len() < MAX_UNREAD && !self.unread.contains(&unread) {
            self.unread.push(unread);
        }
    }

    pub(super) fn value(&mut self, name: &str, node: &Node) {
        match node {
            Node::Map(fields) => {
                self.pair(fields);
                let before = self.unread.len();
                // Whether a marking says its colour where markings do, and not in passing.
                let mut stated = false;
                for (name, value) in fields {
                    let so_far = self.colour.take();
                    self.field(name, value);
                    stated |= self.colour.is_some()
                        && matches!(name.as_str(), "definition" | "extensions" | "name");
                    self.colour = self.colour.max(so_far);
                }
                if node.text("type") == Some("marking-definition") {
                    let understood = stated || self.unread.len() > before;
                    self.definition(node, understood);
                }
                if node.text("relationship_type") == Some("derived-from") {
                    let target = node.text("target_ref").unwrap_or_default();
                    self.origins("target_ref", target);
                }
            }
            Node::List(values) => {
                for pair in values.windows(2) {
                    if let [Node::Text(label), Node::Text(text)] = pair
                        && names_protocol(label)
                        && let Some(colour) = Tlp::from_name(text).filter(|c| *c > Tlp::Clear)
                    {
                        self.see(colour, name, text);
                    }
                }
                values.iter().for_each(|value| self.value(name, value));
            }
            Node::Text(text) => {
                let named = text.trim();
                if named.starts_with("marking-definition--") || named.starts_with("marking-tlp--") {
                    self.named(named);
                } else {
                    let alone = Tlp::from_name(text).is_some();
                    self.mentioned(name, text, alone);
                }
            }
            Node::Null | Node::Bool(_) | Node::Number(_) => {}
        }
    }

    /// A field that is written as two: `{"name": "TLP", "value": "RED"}`. Which other text is meant
    /// is a guess, so CLEAR does not count.
    fn pair(&mut self, fields: &[(String, Node)]) {
        let label =
            |(_, value): &(String, Node)| matches!(value, Node::Text(t) if names_protocol(t));
        if !fields.iter().any(label) {
            return;
        }
        for (name, value) in fields {
            if let Node::Text(text) = value
                && let Some(colour) = Tlp::from_name(text).filter(|c| *c > Tlp::Clear)
            {
                self.see(colour, name, text);
            }
        }
    }

    pub(super) fn field(&mut self, name: &str, node: &Node) {
        let about = About::of(name);
        // A name may be the label: `{"tlp:red": true}` is one about a colour, others are read as
        // values are.
        if !matches!(about, About::Colour | About::LookAlike) {
            self.mentioned(name, name, false);
        }
        let told = self.form == Form::Event;
        let marking = colours::is_about_marking(&compact(name)) || about == About::Colour;
        self.markings += usize::from(marking);
        match about {
            About::Hue => self.hue(name, node),
            About::Colour => self.colour_of(name, node),
            About::Marks => self.marks(name, node),
            About::Embargo => self.embargo(name, node),
            About::Received if !told => self.received(name, node),
            About::Derived => self.derived(name, node),
            About::Distribution => self.distribution(name, node),
            About::SharingGroup => self.sharing_group(name, node),
            About::Circle if !told => self.circle(name, node),
            About::LookAlike => {
                let what = "its name has letters of another alphabet; write it in Latin letters";
                self.not_read(name, what);
            }
            About::Circle => self.told_circle(name, node),
            About::Received | About::Other => self.value(name, node),
        }
        self.markings -= usize::from(marking);
    }

    /// Takes a colour that `text` says in the field `name`.
    pub(super) fn see(&mut self, colour: Tlp, name: &str, text: &str) {
        self.colour = self.colour.max(Some(colour));
        if colour > Tlp::Clear {
            self.ground(Restriction::Colour(colour), name, text);
        }
    }

    /// What a text says of the protocol as it stands; whether it says anything.
    pub(super) fn mentioned(&mut self, name: &str, text: &str, meant: bool) -> bool {
        // Most texts have no name in them, and are many; the others are read once more.
        near::may_name(text)
            && self.takes(text.len())
            && self.take(name, near::read(text, false), meant, false)
    }

    fn no_colour(&mut self, name: &str, text: &str) {
        self.not_read(name, &no_colour(text));
    }

    pub(super) fn named(&mut self, id: &str) {
        // What it says is read where it is defined, or told at the end of the file.
        self.marking = true;
        match Tlp::from_definition(id) {
            Some(colour) => self.see(colour, "", id),
            None if self.named.len() < MAX_UNREAD => drop(self.named.insert(id.to_owned())),
            None => {}
        }
    }

    /// A marking definition of STIX: one of TLP was read field by field, or it was told why not;
    /// any other says something that is not understood.
    fn definition(&mut self, node: &Node, told: bool) {
        let id = node.text("id").unwrap_or_default();
        let known = Tlp::from_definition(id);
        if let Some(colour) = known {
            self.see(colour, "id", id);
        }
        if known.is_none() && !told {
            let kind = node.text("definition_type").unwrap_or("without a type");
            let what = format!("a marking of the kind `{}` is not understood", shown(kind));
            self.not_read("definition", &what);
        }
        self.defined.insert(id.to_owned());
    }

    fn colour_of(&mut self, name: &str, node: &Node) {
        match node {
            // Says nothing.
            Node::Null => {}
            Node::Text(text) if compact(text).is_empty() => {}
            Node::Text(text) => match Tlp::from_name(text) {
                Some(colour) => self.see(colour, name, text),
                None => self.no_colour(name, &shown(text)),
            },
            Node::List(colours) => {
                for colour in colours {
                    self.colour_of(name, colour);
                }
            }
            // CSAF: `{"label": "RED", "url": "https://www.first.org/tlp/"}`.
            Node::Map(fields) => {
                for (inner, value) in fields {
                    self.mentioned(inner, inner, false);
                    match compact(inner).as_str() {
                        "url" | "version" | "lang" => self.value(inner, value),
                        // Cut, as a long name would be written out again for each.
                        _ => self.colour_of(&format!("{}.{}", shown(name), shown(inner)), value),
                    }
                }
            }
            Node::Bool(_) | Node::Number(_) => self.no_colour(name, &node.shown()),
        }
    }
}

/// Whether a text is the name of the protocol and nothing else.
fn names_protocol(text: &str) -> bool {
    text.len() < 64 && strip_protocol(&compact(text)).is_some_and(str::is_empty)
}

fn no_colour(text: &str) -> String {
    format!(
        "`{text}` is no colour of TLP; write TLP:CLEAR, TLP:GREEN, TLP:AMBER, TLP:AMBER+STRICT or TLP:RED"
    )
}

/// The texts of a record, each on a line of its own: names of fields, and what they hold. A field
/// about a colour that is understood is left out: it has been read.
fn texts(node: &Node, out: &mut String) {
    match node {
        Node::Map(fields) => {
            for (name, value) in fields {
                let understood = || match value {
                    Node::Null => true,
                    Node::Text(text) => compact(text).is_empty() || Tlp::from_name(text).is_some(),
                    _ => false,
                };
                if near::may_name(name) && About::of(name) == About::Colour && understood() {
                    continue;
                }
                out.push_str(name);
                out.push('\n');
                texts(value, out);
            }
        }
        Node::List(values) => values.iter().for_each(|value| texts(value, out)),
        Node::Text(text) => {
            out.push_str(text);
            out.push('\n');
        }
        Node::Null | Node::Bool(_) | Node::Number(_) => {}
    }
}
