//! Tables whose cells are parted by signs or stand in lists, as files of data and directives of
//! reStructuredText have them, and what a text says of the protocol in places that are far apart.

use super::grid::{Columns, Kind, names_protocol};
use super::tlp::Tlp;

/// Signs that part cells.
const SIGNS: [char; 3] = [',', ';', '\t'];
/// How far behind its text it is looked for the target of a link, in bytes.
const TARGET: usize = 512;
/// Signs around a word that stands alone: of headings, lists, quotes, emphasis and tables.
const AROUND: &str = "#*_=-~`'\"^+.:>|!()[]{}<>/";

/// What the cells of such tables say of the protocol, as `TLP:…`, each on the line where it stands:
/// a colour beyond CLEAR, alone in its cell, below or behind one that is about markings. In `prose`,
/// where commas part no cells, it stands in capitals.
pub(super) fn tables(text: &str, prose: bool) -> String {
    let mut out = String::new();
    let capitals = prose && !text.contains("csv-table");
    let mut rows = SIGNS.map(|_| Rows::default());
    let mut listed = Listed::default();
    let lists = text.contains("list-table");
    for line in text.split_inclusive('\n') {
        for (sign, rows) in SIGNS.into_iter().zip(&mut rows) {
            rows.line(line, sign, capitals, &mut out);
        }
        if lists {
            listed.line(line, &mut out);
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// Rows of cells with a sign between them.
#[derive(Default)]
struct Rows {
    left: Columns,
    right: Columns,
}

impl Rows {
    fn line(&mut self, line: &str, sign: char, capitals: bool, out: &mut String) {
        if line.trim().is_empty() {
            return;
        }
        if !line.contains(sign) {
            *self = Rows::default();
            return;
        }
        // The head of a directive: `:header: "v", "TLP"`.
        let line = line.trim_start().trim_start_matches(":header:");
        let cells = cells(line, sign);
        let mut beside = false;
        for (at, cell) in cells.iter().enumerate() {
            let back = cells.len() - at;
            let by_left = self.left.cell((at, at + 1), cell, Kind::RowHead, beside);
            let by_right = self
                .right
                .cell((back, back + 1), cell, Kind::RowHead, beside);
            let small = || cell.chars().any(char::is_lowercase);
            if let Some(said) = by_left.or(by_right)
                && !(capitals && small())
            {
                out.push(' ');
                out.push_str(&said);
            }
            beside = Columns::is_head(cell);
        }
    }
}

/// The cells of a row; a sign between quotes parts none.
fn cells(line: &str, sign: char) -> Vec<&str> {
    let mut quoted = false;
    let parts = line.split(|c: char| {
        quoted ^= c == '"';
        c == sign && !quoted
    });
    parts
        .map(|cell| cell.trim().trim_matches(['"', '\'']).trim())
        .collect()
}

/// Tables that are lists of lists: `* - cell`, and `- cell` for the next of the row.
#[derive(Default)]
struct Listed {
    columns: Columns,
    at: usize,
    beside: bool,
}

impl Listed {
    fn line(&mut self, line: &str, out: &mut String) {
        let inner = line.trim();
        let cell = if let Some(first) = inner.strip_prefix("* -") {
            (self.at, self.beside) = (0, false);
            first
        } else if let Some(next) = inner.strip_prefix('-') {
            self.at += 1;
            next
        } else {
            if !inner.is_empty() && !line.starts_with([' ', '\t']) {
                *self = Listed::default();
            }
            return;
        };
        let cell = cell.trim_matches(|c: char| c.is_whitespace() || "*`_".contains(c));
        let place = (self.at, self.at + 1);
        if let Some(said) = self.columns.cell(place, cell, Kind::RowHead, self.beside) {
            out.push(' ');
            out.push_str(&said);
        }
        self.beside = Columns::is_head(cell);
    }
}

/// A colour beyond GREEN that stands alone and in capitals, as a label does, in a text where the
/// protocol's name stands alone elsewhere: the colour, what stands there, and its line from 1.
pub(super) fn apart(text: &str) -> Option<(Tlp, String, usize)> {
    let mut named = false;
    let mut worst = None::<(Tlp, String, usize)>;
    for (number, line) in (1..).zip(text.lines()) {
        // Borders of cells, and those of blocks of HTML.
        for part in line.split('|').flat_map(|part| part.split(" . ")) {
            let part = part.trim_matches(|c: char| c.is_whitespace() || AROUND.contains(c));
            if part.is_empty() || part.len() > 32 {
                continue;
            }
            named |= names_protocol(part);
            if part.chars().any(char::is_lowercase) {
                continue;
            }
            let Some(colour) = Tlp::from_name(part).filter(|c| *c > Tlp::Green) else {
                continue;
            };
            if worst.as_ref().is_none_or(|(other, ..)| *other < colour) {
                worst = Some((colour, part.to_owned(), number));
            }
        }
    }
    worst.filter(|_| named)
}

/// A text with links as they are shown, and without what parts letters and is not shown
/// (reStructuredText). `None`: it has none.
pub(super) fn unlinked(text: &str) -> Option<String> {
    if !text.contains("](") && !text.contains("][") && !text.contains("\\ ") && !named_link(text) {
        return None;
    }
    let text = text.replace("\\ ", "");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['[', ']', '`']) {
        let (before, sign) = rest.split_at(at);
        // A target before its text, of AsciiDoc: `link:x[TLP]`, `https://x[TLP]`.
        let word = before.trim_end_matches(|c: char| !c.is_whitespace()).len();
        let target = ["link:", "http:", "https:", "xref:", "mailto:"]
            .iter()
            .any(|scheme| before[word..].starts_with(scheme));
        let is_target = target && sign.starts_with('[');
        out.push_str(if is_target { &before[..word] } else { before });
        rest = &sign[1..];
        let near = &rest[..rest.floor_char_boundary(TARGET)];
        let near = near.split('\n').next().unwrap_or_default();
        if sign.starts_with(']') {
            // Where it leads, in the same line.
            for (open, close) in [('(', ')'), ('[', ']')] {
                if near.starts_with(open)
                    && let Some(end) = near.find(close)
                {
                    rest = &rest[end + 1..];
                    break;
                }
            }
        } else if sign.starts_with('`') {
            // `TLP <https://…>`_
            let end = near.find('`').unwrap_or(near.len());
            if let Some(inner) = near[..end].strip_suffix('>')
                && let Some((name, _)) = inner.rsplit_once('<')
            {
                out.push_str(name.trim_end());
                rest = rest[end..].trim_start_matches('`').trim_start_matches('_');
            }
        }
    }
    out.push_str(rest);
    Some(out)
}

/// Whether there may be a link with its text before or behind its target.
fn named_link(text: &str) -> bool {
    text.contains(">`_") || (text.contains('[') && text.contains(':'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_between_signs_and_in_lists_say_their_colours() {
        for text in [
            "value,marking\n192.0.2.1,RED\n",
            "\"a, b\";\"Data Marking\"\n\"x; y\";\"RED\"\n",
            "value\tclassification\nx\tAMBER\n",
            ".. csv-table::\n   :header: \"v\", \"TLP\"\n\n   \"a\", \"RED\"\n",
            "marking,RED\n",
            ".. list-table::\n\n   * - v\n     - TLP\n   * - a\n     - RED\n",
        ] {
            let said = tables(text, true);
            assert!(
                said.contains("TLP:RED") || said.contains("TLP:AMBER"),
                "{text}\n{said}"
            );
            assert_eq!(said.lines().count(), text.lines().count());
        }
        for text in [
            "Red, amber and green are lights.\nLED,colour\n1,red\n",
            "The TLP, CSAF and STIX, all three.\n",
            "marking,x\nnot a table\na,RED\n",
            "value,marking\nred line,3\n",
            "of TLP, red, amber and green\n",
        ] {
            assert_eq!(tables(text, true).trim(), "", "{text}");
        }
        assert!(tables("value,marking\na,red\n", false).contains("TLP:red"));
        let wide = "TLP,".repeat(1 << 16) + "\n" + &"RED,".repeat(1 << 16);
        assert_eq!(tables(&wide, false).matches("TLP:RED").count(), 1 << 16);
    }

    #[test]
    fn a_colour_far_from_the_name_is_found_where_both_stand_alone() {
        for text in [
            "# TLP\n\nSee below.\n\nRED\n",
            "AMBER\n\nx\n\n**TLP**\n",
            "| TLP |\nx\n| RED |\n",
        ] {
            assert!(apart(text).is_some(), "{text}");
        }
        for text in [
            "TLP\n\nRED is the worst.\n",
            "TLP\n\nred\n",
            "LED\n\nRED\n",
            "TLP\n\nGREEN\n",
        ] {
            assert_eq!(apart(text), None, "{text}");
        }
    }

    #[test]
    fn links_are_shown_by_their_texts() {
        for text in [
            "[TLP](https://first.org): RED",
            "[T](x)[LP][y]:RED",
            "link:x[TLP]: RED",
            "see https://first.org/[TLP]: RED",
            "`TLP <https://first.org>`_: RED",
            "T\\ LP\\ :RED",
            "\u{2002}[TLP](x): RED",
        ] {
            let shown = unlinked(text).unwrap_or_default();
            assert!(
                shown.replace(": ", ":").contains("TLP:RED"),
                "{text}\n{shown}"
            );
        }
        assert_eq!(unlinked("plain, a > b"), None);
        for part in ["[", "`", "](", "`a <", "link:["] {
            let long = part.repeat((2 << 20) / part.len());
            assert!(unlinked(&long).is_none_or(|shown| shown.len() <= long.len()));
        }
    }
}
