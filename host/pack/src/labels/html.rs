//! A text of HTML, SVG, XML or Markdown as it is shown, with its lines where they were, and what
//! its structure says of the protocol: tables, lists of definitions, attributes.

mod tag;

use std::convert::Infallible;

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, Tokenizer};

use super::grid::{Place, names_protocol, said};
use super::html_table::Table;
use super::read::is_about_marking;
use super::tlp::Tlp;
use tag::{BLOCKS, Tag};

/// How much of a cell, block or attribute is looked at as a label, in bytes.
const MAX_PART: usize = 512;
/// How deep documents may stand in attributes and comments of others.
const MAX_INNER: usize = 3;
/// How deep tables may stand within one another.
const MAX_TABLES: usize = 64;

/// How markup is read, where readers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As browsers do: with scripts and texts that have no tags.
    Html,
    /// With sections of text without tags (CDATA), and without what HTML alone knows.
    Xml,
}

/// A text as it is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// What is seen. `::` stands for the border of a cell, a `.` for that of a block.
    pub(super) shown: String,
    /// What its structure says of the protocol, as `TLP:…`, each on its line.
    pub(super) aside: String,
    /// Whether its tables are too deep or too tangled to be read.
    pub(super) tangled: bool,
}

/// Reads a text once, from its beginning to its end. What is open at the end, such as a tag without
/// its `>`, is not shown.
pub(super) fn read(text: &str, reading: Reading) -> Page {
    read_within(text, reading, 0)
}

/// Reads a text that stands so deep within another.
fn read_within(text: &str, reading: Reading, depth: usize) -> Page {
    let mut page = Writer::of(text);
    page.scripts = reading == Reading::Html;
    page.depth = depth;
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, span: Span<usize>| {
        page.event(event, span.end);
        None::<Infallible>
    });
    emitter.naively_switch_states(reading == Reading::Html);
    match reading {
        Reading::Html => Tokenizer::new_with_emitter(text, emitter).for_each(drop),
        Reading::Xml => Tokenizer::new_with_emitter(text, Sections(emitter)).for_each(drop),
    }
    page.finish()
}

/// Reads sections of text without tags everywhere.
#[derive(Debug)]
struct Sections<F: Callback<Infallible, usize>>(CallbackEmitter<F, Infallible, usize>);

impl<F: Callback<Infallible, usize>> ForwardingEmitter for Sections<F> {
    type Token = Infallible;

    fn inner(&mut self) -> &mut impl Emitter<Token = Infallible> {
        &mut self.0
    }

    fn adjusted_current_node_present_but_not_in_html_namespace(&mut self) -> bool {
        true
    }
}

/// A term of a list of definitions, or what is said of it.
#[derive(Default, PartialEq, Eq)]
enum Definition {
    #[default]
    None,
    Term(String),
    Said(String),
}

struct Writer<'a> {
    text: &'a str,
    page: Page,
    /// Whether scripts and style sheets are known, of which nothing is shown.
    scripts: bool,
    hidden: bool,
    /// How many documents it stands in.
    depth: usize,
    /// How many elements about markings are open, and the text of the innermost element.
    marking: usize,
    marked: String,
    /// How far lines of the text were counted, how many there were, and how many are written.
    counted: usize,
    lines: usize,
    shown_lines: usize,
    aside_lines: usize,
    tag: Tag,
    tables: Vec<Table>,
    definition: Definition,
    /// Whether the last terms are the protocol's name.
    term: bool,
    /// The block that is open, and whether the one before is the protocol's name.
    block: String,
    headed: bool,
}

impl<'a> Writer<'a> {
    fn of(text: &'a str) -> Self {
        Writer {
            text,
            page: Page {
                shown: String::with_capacity(text.len()),
                ..Page::default()
            },
            scripts: false,
            hidden: false,
            depth: 0,
            marking: 0,
            marked: String::new(),
            counted: 0,
            lines: 0,
            shown_lines: 0,
            aside_lines: 0,
            tag: Tag::default(),
            tables: Vec::new(),
            definition: Definition::None,
            term: false,
            block: String::new(),
            headed: false,
        }
    }

    fn event(&mut self, event: CallbackEvent<'_>, end: usize) {
        match event {
            CallbackEvent::String { value } => {
                if !self.hidden {
                    self.string(&String::from_utf8_lossy(value));
                }
                self.count(end);
            }
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Tag {
                    name: name.to_vec(),
                    columns: 1,
                    rows: 1,
                    ..Tag::default()
                };
            }
            CallbackEvent::AttributeName { name } => {
                self.tag.attribute = part(name);
            }
            CallbackEvent::AttributeValue { value } => {
                if value.contains(&b'<') {
                    self.inner(&String::from_utf8_lossy(value));
                }
                self.attribute(&part(value));
            }
            CallbackEvent::CloseStartTag { self_closing } => {
                self.skip(end);
                self.start(self_closing);
            }
            CallbackEvent::EndTag { name } => {
                self.skip(end);
                self.hidden = false;
                let name = name.to_vec();
                self.end(&name);
            }
            CallbackEvent::Comment { value } => {
                if value.contains(&b'<') {
                    self.inner(&String::from_utf8_lossy(value));
                }
                self.skip(end);
            }
            CallbackEvent::Doctype { .. } => self.skip(end),
            CallbackEvent::Error(_) => {}
        }
    }

    /// Reads a document that stands in an attribute, such as `srcdoc`, or in a comment.
    fn inner(&mut self, text: &str) {
        if self.depth == MAX_INNER {
            self.page.tangled = true;
            return;
        }
        let reading = match self.scripts {
            true => Reading::Html,
            false => Reading::Xml,
        };
        let page = read_within(text, reading, self.depth + 1);
        self.page.tangled |= page.tangled;
        self.aside(&page.shown);
        self.aside(&page.aside);
    }

    fn string(&mut self, text: &str) {
        if self.marking > 0 {
            add(&mut self.marked, text);
        }
        self.shown_lines += line_feeds(text);
        self.page.shown.push_str(text);
        add(&mut self.block, text);
        if let Some(table) = self.tables.last_mut()
            && let Some(cell) = table.text()
        {
            add(cell, text);
        }
        if let Definition::Term(inner) | Definition::Said(inner) = &mut self.definition {
            add(inner, text);
        }
    }

    /// Counts the lines up to a place.
    fn count(&mut self, end: usize) {
        let end = end.min(self.text.len()).max(self.counted);
        self.lines += memchr::memchr_iter(b'\n', &self.text.as_bytes()[self.counted..end]).count();
        self.counted = end;
    }

    /// Leaves out what is up to a place, of which lines remain.
    fn skip(&mut self, end: usize) {
        self.count(end);
        fill(&mut self.page.shown, &mut self.shown_lines, self.lines);
    }

    fn attribute(&mut self, value: &str) {
        let tag = &mut self.tag;
        let name = tag.attribute.as_str();
        match name {
            "colspan" => tag.columns = value.trim().parse().unwrap_or(1).clamp(1, 1000),
            "rowspan" => tag.rows = value.trim().parse().unwrap_or(1).min(65_534),
            "dir" => tag.rightward |= value.trim().eq_ignore_ascii_case("rtl"),
            "alt" | "label" | "placeholder" | "value" => {
                if name != "value" || tag.name == b"input" {
                    tag.shown.push(' ');
                    add(&mut tag.shown, value);
                }
                value.clone_into(&mut tag.value);
            }
            "content" => value.clone_into(&mut tag.value),
            "class" => {
                // `tlp-red`, as style sheets for labels have it; a bare `red` is a colour of its own.
                let named = |class: &str| {
                    let class = class.to_ascii_lowercase();
                    let rest = class.strip_prefix("tlp")?.to_owned();
                    Tlp::from_name(&rest)
                };
                let worst = value.split_ascii_whitespace().filter_map(named).max();
                if let Some(colour) = worst {
                    self.aside(&colour.to_string());
                }
            }
            _ if names_protocol(name.strip_prefix("data-").unwrap_or(name)) => {
                if let Some(text) = said(value, Place::Beside) {
                    self.aside(&text);
                }
            }
            _ => {
                tag.names |= names_protocol(value);
            }
        }
        if let Some(text) = said(value, Place::Perhaps) {
            match is_about_marking(&self.tag.attribute) {
                true => self.aside(&text),
                false => self.tag.hue = Some(text),
            }
        }
    }

    /// Ends a piece of text within what is about markings: a colour alone in it is one.
    fn marked_ends(&mut self) {
        let text = std::mem::take(&mut self.marked);
        if let Some(text) = said(&text, Place::Perhaps) {
            self.aside(&text);
        }
    }

    fn start(&mut self, self_closing: bool) {
        let tag = std::mem::take(&mut self.tag);
        self.marked_ends();
        let about = is_about_marking(&String::from_utf8_lossy(&tag.name));
        if (about || self.marking > 0)
            && let Some(text) = &tag.hue
        {
            self.aside(text);
        }
        self.marking += usize::from(about && !self_closing);
        if tag.names
            && let Some(text) = said(&tag.value, Place::Beside)
        {
            self.aside(&text);
        }
        match tag.name.as_slice() {
            b"script" | b"style" => self.hidden = self.scripts,
            b"table" => {
                self.block_ends();
                if self.tables.len() == MAX_TABLES {
                    self.page.tangled = true;
                } else {
                    self.tables.push(Table::default());
                }
            }
            b"tr" => {
                self.cell_ends();
                if let Some(table) = self.tables.last_mut() {
                    table.row();
                }
            }
            b"td" | b"th" => {
                self.cell_ends();
                // Two, as one behind the protocol's name says that a colour must follow.
                self.page.shown.push_str("::");
                let (head, line) = (tag.name == b"th", self.lines);
                if let Some(table) = self.tables.last_mut() {
                    table.open(head, tag.columns, tag.rows, line);
                }
            }
            b"thead" | b"tbody" | b"tfoot" => {
                self.cell_ends();
                if let Some(table) = self.tables.last_mut() {
                    table.section(tag.name == b"thead");
                }
            }
            b"dt" => {
                self.definition_ends();
                self.definition = Definition::Term(String::new());
            }
            b"dd" => {
                self.definition_ends();
                self.definition = Definition::Said(String::new());
            }
            // It writes its text from the right or the left, whatever it is.
            b"bdo" => self.page.shown.push('\u{202e}'),
            _ => {}
        }
        if tag.rightward {
            self.page.shown.push('\u{202b}');
        }
        self.border(&tag.name);
        if !tag.shown.is_empty() && !self.hidden {
            self.string(&tag.shown.replace(['\n', '\r'], " "));
        }
    }

    fn end(&mut self, name: &[u8]) {
        self.marked_ends();
        if is_about_marking(&String::from_utf8_lossy(name)) {
            self.marking = self.marking.saturating_sub(1);
        }
        match name {
            b"td" | b"th" => {
                self.page.shown.push(':');
                self.cell_ends();
            }
            b"tr" | b"thead" | b"tbody" | b"tfoot" => {
                self.cell_ends();
                if let Some(table) = self.tables.last_mut()
                    && name != b"tr"
                {
                    table.section(false);
                }
            }
            b"table" => {
                self.cell_ends();
                self.tables.pop();
            }
            b"dt" | b"dd" | b"dl" => self.definition_ends(),
            b"bdo" => self.page.shown.push('\u{202e}'),
            _ => {}
        }
        self.border(name);
    }

    fn border(&mut self, name: &[u8]) {
        if BLOCKS.contains(&name) {
            // No line of its own, so that lines keep their numbers; what parts words is enough.
            self.page.shown.push_str(" . ");
            self.block_ends();
        }
    }

    /// Ends a block: a colour alone in it belongs to the protocol's name alone in the one before.
    fn block_ends(&mut self) {
        let block = std::mem::take(&mut self.block);
        if block.trim().is_empty() {
            return;
        }
        if self.headed
            && let Some(text) = said(&block, Place::Perhaps)
        {
            self.aside(&text);
        }
        self.headed = names_protocol(&block);
    }

    fn cell_ends(&mut self) {
        let Some(table) = self.tables.last_mut() else {
            return;
        };
        let said = table.close();
        self.page.tangled |= table.tangled;
        if let Some((text, line)) = said {
            self.aside_at(&text, line);
        }
    }

    fn definition_ends(&mut self) {
        match std::mem::take(&mut self.definition) {
            Definition::None => {}
            Definition::Term(text) => self.term = names_protocol(&text),
            Definition::Said(text) => {
                if self.term
                    && let Some(text) = said(&text, Place::Beside)
                {
                    self.aside(&text);
                }
            }
        }
    }

    /// Writes what the structure says at the line where reading is.
    fn aside(&mut self, text: &str) {
        self.aside_at(text, self.lines);
    }

    fn aside_at(&mut self, text: &str, line: usize) {
        fill(&mut self.page.aside, &mut self.aside_lines, line);
        self.page.aside.push_str(&text.replace(['\n', '\r'], " "));
        self.page.aside.push_str(" . ");
    }

    fn finish(mut self) -> Page {
        self.skip(self.text.len());
        self.block_ends();
        while !self.tables.is_empty() {
            self.cell_ends();
            self.tables.pop();
        }
        self.definition_ends();
        self.page
    }
}

/// Goes on to a line.
fn fill(out: &mut String, lines: &mut usize, wanted: usize) {
    while *lines < wanted {
        out.push('\n');
        *lines += 1;
    }
}

fn line_feeds(text: &str) -> usize {
    memchr::memchr_iter(b'\n', text.as_bytes()).count()
}

fn part(bytes: &[u8]) -> String {
    String::from_utf8_lossy(&bytes[..bytes.len().min(MAX_PART)]).into_owned()
}

/// Adds so much of a text that the whole is no longer than what is looked at.
fn add(out: &mut String, text: &str) {
    let room = MAX_PART.saturating_sub(out.len());
    out.push_str(&text[..text.floor_char_boundary(room)]);
}

#[cfg(test)]
mod tests;
