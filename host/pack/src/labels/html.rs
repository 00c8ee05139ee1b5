//! A text of HTML, SVG, XML or Markdown as it is shown, with its lines where they were.

use std::convert::Infallible;

use html5gum::emitters::callback::{Callback, CallbackEmitter, CallbackEvent};
use html5gum::{Emitter, ForwardingEmitter, Span, Tokenizer};

/// How markup is read, where readers differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reading {
    /// As browsers do: with scripts and texts that have no tags.
    Html,
    /// With sections of text without tags (CDATA), and without what HTML alone knows.
    Xml,
}

/// Elements that stand in cells or begin new lines; whatever else stands in `<…>` parts no letters.
const BLOCKS: [&[u8]; 37] = [
    b"address",
    b"article",
    b"aside",
    b"blockquote",
    b"body",
    b"br",
    b"caption",
    b"dd",
    b"div",
    b"dl",
    b"dt",
    b"figure",
    b"footer",
    b"form",
    b"h1",
    b"h2",
    b"h3",
    b"h4",
    b"h5",
    b"h6",
    b"header",
    b"hr",
    b"legend",
    b"li",
    b"main",
    b"nav",
    b"ol",
    b"option",
    b"p",
    b"pre",
    b"section",
    b"summary",
    b"table",
    b"td",
    b"th",
    b"tr",
    b"ul",
];

/// A text as it is shown.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Page {
    /// What is seen. A `|` stands for the border of a cell or a block.
    pub(super) shown: String,
    /// Documents that stand in its attributes, such as `srcdoc`, and in its comments.
    pub(super) inner: String,
}

/// Reads a text once, from its beginning to its end. What is open at the end, such as a tag without
/// its `>`, is not shown.
pub(super) fn read(text: &str, reading: Reading) -> Page {
    let mut page = Writer {
        text,
        page: Page::default(),
        counted: 0,
        lines: 0,
        shown_lines: 0,
        inner_lines: 0,
        tag: Tag::default(),
    };
    let mut emitter = CallbackEmitter::new(|event: CallbackEvent<'_>, span: Span<usize>| {
        page.event(event, span.end);
        None::<Infallible>
    });
    emitter.naively_switch_states(reading == Reading::Html);
    match reading {
        Reading::Html => Tokenizer::new_with_emitter(text, emitter).for_each(drop),
        Reading::Xml => Tokenizer::new_with_emitter(text, Sections(emitter)).for_each(drop),
    }
    page.skip(text.len());
    page.page
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

/// A start tag, as far as it is looked at.
#[derive(Debug, Default)]
struct Tag {
    block: bool,
    /// Whether its text is written from the right or the left, whatever it is.
    turned: bool,
    direction: bool,
    rightward: bool,
}

struct Writer<'a> {
    text: &'a str,
    page: Page,
    /// How far lines of the text were counted, how many there were, and how many are written.
    counted: usize,
    lines: usize,
    shown_lines: usize,
    inner_lines: usize,
    tag: Tag,
}

impl Writer<'_> {
    fn event(&mut self, event: CallbackEvent<'_>, end: usize) {
        match event {
            CallbackEvent::String { value } => {
                let text = String::from_utf8_lossy(value);
                self.shown_lines += line_feeds(text.as_bytes());
                self.page.shown.push_str(&text);
                self.count(end);
            }
            CallbackEvent::OpenStartTag { name } => {
                self.tag = Tag {
                    block: BLOCKS.contains(&name),
                    turned: name == b"bdo",
                    ..Tag::default()
                };
            }
            CallbackEvent::AttributeName { name } => self.tag.direction = name == b"dir",
            CallbackEvent::AttributeValue { value } => {
                self.tag.rightward |=
                    self.tag.direction && value.trim_ascii().eq_ignore_ascii_case(b"rtl");
                self.inner(value);
            }
            CallbackEvent::CloseStartTag { .. } => {
                self.skip(end);
                let tag = std::mem::take(&mut self.tag);
                self.page.shown.extend(tag.turned.then_some('\u{202e}'));
                self.page.shown.extend(tag.rightward.then_some('\u{202b}'));
                self.border(tag.block);
            }
            CallbackEvent::EndTag { name } => {
                self.skip(end);
                self.border(BLOCKS.contains(&name));
            }
            CallbackEvent::Comment { value } => {
                self.inner(value);
                self.skip(end);
            }
            CallbackEvent::Doctype { .. } => self.skip(end),
            CallbackEvent::Error(_) => {}
        }
    }

    /// Takes a document that stands in an attribute or a comment.
    fn inner(&mut self, value: &[u8]) {
        if value.contains(&b'<') {
            fill(&mut self.page.inner, &mut self.inner_lines, self.lines);
            self.inner_lines += line_feeds(value);
            self.page.inner.push_str(&String::from_utf8_lossy(value));
            self.page.inner.push('|');
        }
    }

    /// Counts the lines up to a place.
    fn count(&mut self, end: usize) {
        let end = end.min(self.text.len()).max(self.counted);
        self.lines += line_feeds(&self.text.as_bytes()[self.counted..end]);
        self.counted = end;
    }

    /// Leaves out what is up to a place, of which lines remain.
    fn skip(&mut self, end: usize) {
        self.count(end);
        fill(&mut self.page.shown, &mut self.shown_lines, self.lines);
    }

    /// No line of its own, so that lines keep their numbers; what parts words is enough.
    fn border(&mut self, any: bool) {
        if any {
            self.page.shown.push('|');
        }
    }
}

/// Goes on to a line.
fn fill(out: &mut String, lines: &mut usize, wanted: usize) {
    while *lines < wanted {
        out.push('\n');
        *lines += 1;
    }
}

fn line_feeds(text: &[u8]) -> usize {
    memchr::memchr_iter(b'\n', text).count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_part_no_letters_and_blocks_do() {
        for (text, shown) in [
            ("T<b title=\">\"></b>LP:RED", "TLP:RED"),
            ("T<!-- x -->LP", "TLP"),
            ("<td>TLP</td>\n<td>RED", "|TLP|\n|RED"),
            ("a<br>b<p>c", "a|b|c"),
            ("T&#76;P<i\nx>:RED", "TLP\n:RED"),
            ("<script>a<b</script>c", "a<bc"),
            ("<bdo dir=rtl>DER", "\u{202e}\u{202b}DER"),
            ("a <b", "a "),
        ] {
            assert_eq!(read(text, Reading::Html).shown, shown, "{text}");
        }
        assert_eq!(read("T<![CDATA[<b>L]]>P", Reading::Xml).shown, "T<b>LP");
    }

    #[test]
    fn documents_in_attributes_and_comments_are_taken_out() {
        let text = "\n<i srcdoc='<b>x'>\n<!-- <u>y -->";
        assert_eq!(read(text, Reading::Html).inner, "\n<b>x|\n <u>y |");
        assert_eq!(read("<i a='b'><!-- c -->", Reading::Html).inner, "");
    }
}
