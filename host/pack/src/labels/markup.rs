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

/// Entities that stand for signs that matter here, besides those that are numbers.
const ENTITIES: [(&str, char); 10] = [
    ("colon", ':'),
    ("equals", '='),
    ("lowbar", '_'),
    ("nbsp", ' '),
    ("plus", '+'),
    ("shy", '\u{ad}'),
    ("Tab", '\t'),
    ("zwj", '\u{200d}'),
    ("zwnj", '\u{200c}'),
    ("ZeroWidthSpace", '\u{200b}'),
];

/// The longest name of an entity.
const ENTITY_LENGTH: usize = 16;

/// What follows the first `#` of each line of TOML. In a string that is no comment, but nobody
/// who means no colour writes one there.
pub(super) fn comments(text: &str) -> String {
    let comments = text.lines().map(|line| line.split_once('#'));
    let comments: Vec<&str> = comments.map(|c| c.map_or("", |(_, c)| c)).collect();
    comments.join("\n")
}

/// A text of HTML, SVG or Markdown as it is shown, with its lines where they were. `None`: it
/// has neither tags nor entities.
pub(super) fn shown(text: &str) -> Option<String> {
    if !text.contains(['<', '&']) {
        return None;
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    // Behind it no tag ends, and looking for an end from each `<` would take for ever.
    let last = text.rfind('>').unwrap_or(0);
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        let read = match rest.as_bytes()[at] {
            b'<' if text.len() - rest.len() + at > last => 0,
            b'<' => tag(&rest[at..], &mut out),
            _ => entity(&rest[at..], &mut out),
        };
        if read == 0 {
            out.push_str(&rest[at..=at]);
        }
        rest = &rest[at + read.max(1)..];
    }
    out.push_str(rest);
    Some(out)
}

/// Reads a tag, of which lines remain, and the borders of cells as a `:`. How long it is.
fn tag(text: &str, out: &mut String) -> usize {
    let inner = text[1..].strip_prefix('/').unwrap_or(&text[1..]);
    let name: String = inner
        .chars()
        .take_while(char::is_ascii_alphanumeric)
        .take(ENTITY_LENGTH)
        .collect::<String>()
        .to_ascii_lowercase();
    if name.is_empty() {
        return 0;
    }
    let Some(end) = text.find('>') else { return 0 };
    let lines = text[..end].bytes().filter(|b| *b == b'\n');
    out.extend(lines.map(|_| '\n'));
    if matches!(name.as_str(), "td" | "th") {
        out.push(':');
    } else if BLOCKS.contains(&name.as_str()) {
        // No line of its own, so that lines keep their numbers; what parts words is enough.
        out.push_str(" . ");
    }
    end + 1
}

/// Reads an entity. How long it is; 0: it is none that is known.
fn entity(text: &str, out: &mut String) -> usize {
    let body = &text[1..];
    let length = body
        .bytes()
        .take(ENTITY_LENGTH)
        .take_while(|b| b.is_ascii_alphanumeric() || *b == b'#')
        .count();
    let name = &body[..length];
    let number = name.strip_prefix('#').and_then(|number| {
        let hex = number.strip_prefix(['x', 'X']);
        hex.map_or_else(
            || number.parse().ok(),
            |hex| u32::from_str_radix(hex, 16).ok(),
        )
    });
    let known = ENTITIES.iter().find(|(known, _)| *known == name);
    let Some(c) = number.and_then(char::from_u32).or(known.map(|(_, c)| *c)) else {
        return 0;
    };
    out.push(c);
    // Browsers do without the `;`.
    1 + length + usize::from(body[length..].starts_with(';'))
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
                "1 < 2 && x &unknown; &#xffffffff;",
            ),
            ("<b", "<b"),
            ("&", "&"),
            ("ü&#252;<ü>", "üü<ü>"),
        ] {
            assert_eq!(shown(text).as_deref(), Some(expected), "{text}");
        }
        assert_eq!(shown("plain"), None);
    }

    #[test]
    fn hostile_texts_take_no_longer_than_long_ones() {
        // Each of these takes hours if it is gone through again from every place.
        let open = shown(&"<a".repeat(8 << 20)).unwrap();
        assert_eq!(open.len(), 16 << 20);
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
