//! Tables as they stand in a text, of Markdown, AsciiDoc, Org and reStructuredText: which colours
//! their cells say.

use std::collections::BTreeMap;

use super::grid::{Columns, Kind, Place, names_protocol, said};

/// What the cells of tables say of the protocol, as `TLP:…`, each on the line where it stands:
/// cells beside one that names it, and those below. So does a line that is a colour alone below one
/// that is the protocol's name alone, as a title is.
pub(super) fn tables(text: &str) -> String {
    let mut out = String::new();
    // Columns are counted from the left and from the right, as rows may have a sign more or less
    // before their first cell.
    let (mut left, mut right) = (Columns::default(), Columns::default());
    let mut fixed = Fixed::default();
    let mut titled = false;
    // Between the fences of AsciiDoc an empty line ends no table.
    let mut fenced = false;
    // A border that is written as text is none.
    let text = text.replace("\\|", "  ");
    let mut lines = lines(&text).peekable();
    while let Some(line) = lines.next() {
        for said in fixed.line(line) {
            add(&mut out, &said);
        }
        let cells = cells(line);
        let fence = line.trim() == "|===";
        fenced ^= fence;
        if (cells.is_empty() && !fenced) || fence {
            (left, right) = (Columns::default(), Columns::default());
        }
        let below = lines.peek().map(|line| self::cells(line));
        let is_head = below.is_some_and(|b| !b.is_empty() && b.iter().all(|cell| is_rule(cell)));
        let kind = if is_head { Kind::Head } else { Kind::Data };
        let mut beside = false;
        for (at, cell) in cells.iter().enumerate() {
            if is_rule(cell) {
                beside = false;
                continue;
            }
            let back = cells.len() - at;
            let by_left = left.cell((at, at + 1), cell, kind, beside);
            let by_right = right.cell((back, back + 1), cell, kind, beside);
            // What is below a head counts for more than what is beside a name.
            let longer = by_left.max(by_right);
            if let Some(said) = longer {
                add(&mut out, &said);
            }
            beside = names_protocol(cell);
        }
        let bare = line.trim_matches(|c: char| c.is_whitespace() || "#*_=-~`'\"^+.".contains(c));
        if cells.is_empty() && !bare.is_empty() {
            if titled && let Some(said) = said(bare, Place::Perhaps) {
                add(&mut out, &said);
            }
            titled = names_protocol(bare);
        }
        if line.ends_with('\n') {
            out.push('\n');
        }
    }
    for said in fixed.end() {
        add(&mut out, &said);
    }
    out
}

fn add(out: &mut String, said: &str) {
    out.push(' ');
    out.push_str(said);
}

/// A table whose columns are known by the place of their letters: a grid of `+---+`, or columns under
/// `====` (reStructuredText).
#[derive(Default)]
struct Fixed {
    columns: Columns,
    /// Where the columns of a table without borders begin; empty: none is open.
    starts: Vec<usize>,
    /// The cells of the row that is read, by the place where they begin; where they end.
    row: BTreeMap<usize, (usize, String)>,
    /// Whether a grid is open, and how many rules of the table were there.
    grid: bool,
    rules: usize,
}

impl Fixed {
    /// Reads a line: what the cells of the row that it ends say.
    fn line(&mut self, line: &str) -> Vec<String> {
        let line = line.trim_end();
        let begin = line.len() - line.trim_start().len();
        let inner = &line[begin..];
        let rule = |sign: &str| {
            inner.len() > 2
                && inner.bytes().all(|b| sign.as_bytes().contains(&b))
                && inner.bytes().filter(|b| matches!(b, b'-' | b'=')).count() > 2
        };
        if inner.starts_with('+') && rule("+-=| ") {
            let row = self.row_ends();
            if !self.grid {
                *self = Fixed::default();
                self.grid = true;
            }
            self.rules += 1;
            return row;
        }
        if inner.starts_with('=') && inner.contains(' ') && rule("= ") {
            let row = self.row_ends();
            if self.starts.is_empty() {
                *self = Fixed::default();
                let bytes = line.as_bytes();
                let starts = (0..bytes.len())
                    .filter(|at| bytes[*at] == b'=' && (*at == 0 || bytes[at - 1] == b' '));
                self.starts = starts.collect();
            }
            self.rules += 1;
            if self.rules > 2 {
                *self = Fixed::default();
            }
            return row;
        }
        if self.grid && inner.starts_with('|') {
            let mut from = begin + 1;
            for cell in inner[1..].split('|') {
                let to = from + cell.chars().count();
                self.cell(from, to, cell);
                from = to + 1;
            }
            return Vec::new();
        }
        if self.grid {
            return self.end();
        }
        if self.starts.is_empty() {
            return Vec::new();
        }
        if inner.is_empty() {
            // Behind a second rule that was the end, or a head without a table.
            let ended = self.rules > 1 && self.row.is_empty();
            return if ended { self.end() } else { self.row_ends() };
        }
        // Each line is a row, but where it goes on with the one before: then its first cell is empty.
        let starts = std::mem::take(&mut self.starts);
        let first = starts.first().copied().unwrap_or_default();
        let row = match begin > first {
            true => Vec::new(),
            false => self.row_ends(),
        };
        let mut letters = line.chars();
        let before = letters.by_ref().take(first).count();
        for (number, start) in starts.iter().enumerate() {
            let end = starts.get(number + 1).copied().unwrap_or(usize::MAX);
            let cell: String = letters.by_ref().take(end - start).collect();
            if before == first {
                self.cell(*start, end, &cell);
            }
        }
        self.starts = starts;
        row
    }

    fn cell(&mut self, from: usize, to: usize, text: &str) {
        let (_, cell) = self.row.entry(from).or_insert((to, String::new()));
        if !cell.is_empty() {
            cell.push(' ');
        }
        cell.push_str(text.trim());
    }

    /// Ends a row. The first is taken for a head, and so is what stands above a second rule.
    fn row_ends(&mut self) -> Vec<String> {
        let kind = match self.rules {
            0 | 1 => Kind::Head,
            _ => Kind::Data,
        };
        let mut all = Vec::new();
        let mut beside = false;
        for (from, (to, cell)) in std::mem::take(&mut self.row) {
            all.extend(self.columns.cell((from, to), &cell, kind, beside));
            beside = names_protocol(&cell);
        }
        all
    }

    fn end(&mut self) -> Vec<String> {
        let row = self.row_ends();
        *self = Fixed::default();
        row
    }
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
    cell.bytes().all(|b| matches!(b, b'-' | b':' | b'=' | b'+'))
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
        for text in [
            // Grids of reStructuredText, also with columns that are merged and lines that go on.
            "+---+-----+\n| v | TLP |\n+===+=====+\n| a | RED |\n+---+-----+\n",
            "+---+---------------+\n| v | Traffic Light |\n|   | Protocol      |\n+===+===+===========+\n| a | RED           |\n+---+---------------+\n",
            "+-----+-----+\n| a   | TLP |\n+-----+-----+\n| all | RED |\n",
            "===== =====\nvalue TLP\n===== =====\na     RED\n===== =====\n",
            "  ===  =====\n  a    TLP\n  ===  =====\n  b    RED\n  ===  =====\n",
            // AsciiDoc, and Org.
            "|===\n|value |TLP\n\n|a |RED\n|===",
            "| v | TLP |\n|---+-----|\n| a | RED |\n",
            "TLP\n===\n\nRED\n",
            "## TLP\n\n**RED**\n",
            "| v | Marking |\n|---|---|\n| a | RED |\n",
        ] {
            let said = tables(text);
            assert!(said.contains("TLP:RED"), "{text}\n{said}");
        }
        for text in [
            "| TLP | Traffic Light Protocol |\n| CTI | what is known of threats |",
            "| LED | red |\n|---|---|\n| TLP | who may read it |\n",
            "===== =====\ncolour LED\n===== =====\nred   on\n===== =====\n",
            "| Marking | v |\n|---|---|\n| red line | 3 |\n",
            "TLP\n===\n\nThe red one is the worst.\n",
        ] {
            assert_eq!(tables(text).trim(), "", "{text}");
        }
        let third = tables("| TLP |\r\n|---|\r\n| RED |\r\n");
        assert_eq!(third, "\n\n TLP:RED\n");
        assert_eq!(tables("a | b\n\nTLP and red").trim(), "");
    }
}
