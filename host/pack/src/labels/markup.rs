//! What a text that is written for people shows of itself: HTML without its tags and entities,
//! tables of Markdown, comments of TOML. It is read beside the text as it stands.

use std::collections::BTreeSet;

/// Elements that begin a new line; whatever else stands in `<…>` parts no letters.
const BLOCKS: [&str; 27] = [
    "article",
    "blockquote",
    "body",
    "br",
    "dd",
    "div",
    "dl",
    "dt",
    "figure",
    "footer",
    "form",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "header",
    "hr",
    "li",
    "ol",
    "p",
    "pre",
    "section",
    "table",
    "tr",
    "ul",
];

/// The longest name of a tag that is looked at.
const NAME_LENGTH: usize = 16;

/// What follows the first `#` of each line of TOML. In a string that is no comment, but nobody
/// who means no colour writes one there.
pub(super) fn comments(text: &str) -> String {
    let comments = text.lines().map(|line| line.split_once('#'));
    let comments: Vec<&str> = comments.map(|c| c.map_or("", |(_, c)| c)).collect();
    comments.join("\n")
}

/// A text with its entities replaced, by number and by name, as browsers do: old names, such as
/// `&shy`, do without the `;`. Its lines are where they were. `None`: it has none.
pub(super) fn decoded(text: &str) -> Option<String> {
    text.contains('&').then(|| {
        let mut out = String::with_capacity(text.len());
        decode(text, &mut out);
        out
    })
}

fn decode(text: &str, out: &mut String) {
    for line in text.split_inclusive('\n') {
        let (line, end) = match line.strip_suffix('\n') {
            Some(line) => (line, "\n"),
            None => (line, ""),
        };
        let decoded = htmlize::unescape(line);
        // `&NewLine;` begins no line of the file.
        out.extend(decoded.chars().map(|c| if c == '\n' { ' ' } else { c }));
        out.push_str(end);
    }
}

/// A text of HTML, SVG, XML or Markdown as it is shown, with its lines where they were. `None`: it
/// has neither tags nor entities.
pub(super) fn shown(text: &str) -> Option<String> {
    if !text.contains(['<', '&']) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let ends = Ends::of(text);
    // What is shown goes in runs between tags, as no entity goes beyond one.
    let (mut run, mut at) = (0, 0);
    let mut instead = String::new();
    while let Some(found) = text.get(at..).and_then(|rest| rest.find('<')) {
        let from = at + found;
        instead.clear();
        match piece(text, from, &ends, &mut instead) {
            // No tag: the run goes on.
            0 => at = from + 1,
            read => {
                decode(&text[run..from], &mut out);
                out.push_str(&instead);
                at = from + read;
                run = at;
            }
        }
    }
    decode(&text[run..], &mut out);
    Some(out)
}

/// Behind these places nothing ends any more, and looking for an end from each `<` would take for
/// ever.
struct Ends {
    tag: usize,
    comment: usize,
    data: usize,
}

impl Ends {
    fn of(text: &str) -> Ends {
        let last = |end: &str| text.rfind(end).unwrap_or(0);
        Ends {
            tag: last(">"),
            comment: last("-->"),
            data: last("]]>"),
        }
    }
}

/// Reads what begins with `<`, and what is shown instead: how long it is; 0: it is text.
fn piece(text: &str, from: usize, ends: &Ends, out: &mut String) -> usize {
    let rest = &text[from..];
    let before = |last: usize| last > from;
    if rest.starts_with("<!--")
        && before(ends.comment)
        && let Some(end) = rest.find("-->")
    {
        return skipped(rest, end + 3, out);
    }
    if rest.starts_with(CDATA)
        && before(ends.data)
        && let Some(end) = rest.find("]]>")
    {
        out.push_str(&rest[CDATA.len()..end]);
        return end + 3;
    }
    if !before(ends.tag) {
        return 0;
    }
    match rest.as_bytes().get(1) {
        // Declarations, and what browsers take for comments.
        Some(b'!' | b'?') => comment(rest, out),
        Some(b'/') if !rest.as_bytes().get(2).is_some_and(u8::is_ascii_alphabetic) => {
            comment(rest, out)
        }
        _ => tag(rest, out),
    }
}

/// Leaves out what is up to the next `>`.
fn comment(text: &str, out: &mut String) -> usize {
    text.find('>').map_or(0, |end| skipped(text, end + 1, out))
}

/// Where text of XML stands that has no tags.
const CDATA: &str = "<![CDATA[";

/// Leaves out so much, of which lines remain.
fn skipped(text: &str, length: usize, out: &mut String) -> usize {
    let lines = text[..length].bytes().filter(|b| *b == b'\n');
    out.extend(lines.map(|_| '\n'));
    length
}

/// Reads a tag, of which lines remain, and the borders of cells as a `:`. How long it is.
fn tag(text: &str, out: &mut String) -> usize {
    let inner = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let name: String = inner
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(NAME_LENGTH)
        .collect::<String>()
        .to_ascii_lowercase();
    if name.is_empty() {
        return 0;
    }
    let Some(end) = text.find('>') else { return 0 };
    skipped(text, end, out);
    if matches!(name.as_str(), "td" | "th") {
        out.push(':');
    } else if BLOCKS.contains(&name.as_str()) {
        // No line of its own, so that lines keep their numbers; what parts words is enough.
        out.push_str(" . ");
    }
    end + 1
}

/// What the cells of tables say of the protocol, as `TLP:…`, each on the line where it stands:
/// cells beside one that names it, and those below.
pub(super) fn tables(text: &str) -> String {
    let mut out = String::new();
    let mut columns = BTreeSet::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let cells = cells(line);
        if cells.is_empty() {
            columns.clear();
        }
        let below = lines.peek().map(|line| self::cells(line));
        let is_head = below.is_some_and(|b| !b.is_empty() && b.iter().all(|cell| is_rule(cell)));
        for (at, cell) in cells.iter().enumerate() {
            let named = at > 0 && names_protocol(cells[at - 1]);
            let said = columns.contains(&at) || (named && !is_head);
            if said && !cell.is_empty() && !is_rule(cell) {
                out.push_str(" TLP:");
                out.push_str(cell);
            }
            if is_head && names_protocol(cell) {
                columns.insert(at);
            }
        }
        out.push('\n');
    }
    out
}

/// The cells of a line; none where it is no part of a table.
fn cells(line: &str) -> Vec<&str> {
    let line = line.trim();
    if !line.contains('|') {
        return Vec::new();
    }
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// Whether a cell is the line below a head.
fn is_rule(cell: &str) -> bool {
    cell.bytes().all(|b| matches!(b, b'-' | b':'))
}

/// Whether a cell holds the protocol's name and nothing else.
fn names_protocol(cell: &str) -> bool {
    let name = super::tlp::compact(cell);
    super::tlp::strip_protocol(&name).is_some_and(str::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_and_entities_are_read_as_they_are_shown() {
        for (text, expected) in [
            ("&#84;LP&colon;R&#x45;D", "TLP:RED"),
            ("TLP<b>:RE</b>D", "TLP:RED"),
            ("<td>TLP</td><td>RED</td>", ":TLP::RED:"),
            ("<p>a</p>b", " . a . b"),
            ("a<b\nc='d'>e", "a\ne"),
            (
                "1 < 2 && x &unknown; &#xffffffff;",
                "1 < 2 && x &unknown; \u{fffd}",
            ),
            ("<b", "<b"),
            ("&", "&"),
            ("ü&#252;<ü>", "üü<ü>"),
            // As browsers do: old names without `;`, no entity beyond a tag, other comments.
            ("&Tab;T&shyL&lowbar;P&NewLine;", "\tT\u{ad}L_P "),
            ("R&#x45<b></b>D", "RED"),
            ("T<!-- > -->L<?x?>P<!x></>:<![CDATA[R<E]]>D", "TLP:R<ED"),
            ("<!-- a\nb", "<!-- a\nb"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(shown("plain"), None);
        assert_eq!(
            decoded("a<b title='TLP&colon;RED'>").unwrap(),
            "a<b title='TLP:RED'>"
        );
        assert_eq!(decoded("<plain>"), None);
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        // Each of these takes hours if it is gone through again from every place.
        let open = shown(&"<a".repeat(8 << 20)).unwrap();
        assert_eq!(open.len(), 16 << 20);
        for sign in [
            "<!--",
            "<![CDATA[",
            "<",
            "< &",
            "&",
            "&#",
            "&colo",
            "</",
            "<!",
        ] {
            let text = sign.repeat((8 << 20) / sign.len());
            assert_eq!(shown(&text).unwrap().len(), text.len(), "{sign}");
        }
        let row = "|TLP".repeat(1 << 20);
        let wide = tables(&format!(
            "{row}\n{}\n{}\n",
            "|-".repeat(1 << 20),
            "|RED".repeat(1 << 20)
        ));
        assert_eq!(wide.matches("TLP:RED").count(), 1 << 20);
    }

    #[test]
    fn cells_beside_the_protocol_and_below_it_are_its_colours() {
        let beside = tables("| TLP | RED |\n");
        assert_eq!(beside.trim(), "TLP:RED");
        let below = tables("| value | TLP | note |\n|---|:-:|---|\n| a | RED | b |\n\n| c | d |");
        assert_eq!(below.trim(), "TLP:RED");
        assert_eq!(tables("a | b\n\nTLP and red").trim(), "");
    }
}
