//! Tables of Markdown, as they stand in a text: which colours their cells say.

use std::collections::BTreeSet;

use super::tlp::{compact, strip_protocol};

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

/// What the cells of tables say of the protocol, as `TLP:…`, each on the line where it stands:
/// cells beside one that names it, and those below.
pub(super) fn tables(text: &str) -> String {
    let mut out = String::new();
    // Columns of the head that name the protocol, counted from the left and from the right, as
    // rows may have a sign more or less before their first cell.
    let (mut left, mut right) = (BTreeSet::new(), BTreeSet::new());
    // A border that is written as text is none.
    let text = text.replace("\\|", "  ");
    let mut lines = lines(&text).peekable();
    while let Some(line) = lines.next() {
        let cells = cells(line);
        if cells.is_empty() {
            left.clear();
            right.clear();
        }
        let below = lines.peek().map(|line| self::cells(line));
        let is_head = below.is_some_and(|b| !b.is_empty() && b.iter().all(|cell| is_rule(cell)));
        for (at, cell) in cells.iter().enumerate() {
            let named = at > 0 && names_protocol(cells[at - 1]);
            let said =
                left.contains(&at) || right.contains(&(cells.len() - at)) || (named && !is_head);
            if said && !cell.is_empty() && !is_rule(cell) {
                out.push_str(" TLP:");
                out.push_str(cell);
            }
            if is_head && names_protocol(cell) {
                left.insert(at);
                right.insert(cells.len() - at);
            }
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    out
}

/// The lines of a text with what ends them: `\n`, `\r` or both.
fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n').flat_map(|line| {
        let (line, end) = match line.strip_suffix("\r\n") {
            Some(inner) => (inner, line),
            None => (line, ""),
        };
        let whole = (!end.is_empty()).then_some(end);
        // A line that ends with both is one; any other `\r` ends one by itself.
        let parts = if line.contains('\r') || whole.is_none() {
            line.split_inclusive('\r').collect::<Vec<_>>()
        } else {
            whole.into_iter().collect()
        };
        parts.into_iter()
    })
}

/// The cells of a line; none where it is no part of a table.
fn cells(line: &str) -> Vec<&str> {
    // In a quote, or in a list.
    let line = line.trim_start_matches(|c: char| c == '>' || c.is_whitespace());
    let item = line.trim_start_matches(|c: char| c.is_ascii_digit() || ".)*+-".contains(c));
    let item = item.trim();
    let line = if item.starts_with('|') {
        item
    } else {
        line.trim()
    };
    if !line.contains('|') {
        return Vec::new();
    }
    line.trim_matches('|').split('|').map(str::trim).collect()
}

/// Whether a cell is the line below a head.
fn is_rule(cell: &str) -> bool {
    cell.bytes().all(|b| matches!(b, b'-' | b':'))
}

/// Whether a cell holds the protocol's name, also as a link, and nothing else but what it is.
fn names_protocol(cell: &str) -> bool {
    let text = cell.split_once("](").map_or(cell, |(text, _)| text);
    let name = compact(text);
    let rest = strip_protocol(&name);
    rest.is_some_and(|rest| WHAT.contains(&rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_tables_take_no_longer_than_long_ones() {
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
        for text in [
            "| value | TLP | note |\n|---|:-:|---|\n| a | RED | b |\n\n| c | d |",
            "> | value | TLP |\n> |---|---|\n> | x | RED |\n",
            "- | value | TLP |\n  |---|---|\n  | x | RED |\n",
            "1. value | TLP\n   --- | ---\n   - | RED\n",
            "| v | TLP |\r|---|---|\r| x | RED |\r",
            "| v | TLP |\r\n|---|---|\r\n| x | RED |\r\n",
            "| v | [TLP](https://first.org/tlp) |\n|---|---|\n| x | RED |",
            "| v | **TLP 2.0** colour |\n|---|---|\n| a\\|b | RED |",
        ] {
            assert_eq!(tables(text).trim(), "TLP:RED", "{text}");
        }
        let third = tables("| TLP |\r\n|---|\r\n| RED |\r\n");
        assert_eq!(third, "\n\n TLP:RED\n");
        assert_eq!(tables("a | b\n\nTLP and red").trim(), "");
    }
}
