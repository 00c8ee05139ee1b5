//! A table that goes on: rows are written as they come, and few of them wait.

use std::io::{self, Write};

use console::{Style, Term};
use palisade_events::Escaped;
use unicode_width::UnicodeWidthStr;

/// How many rows wait at most for the widths of columns to be found.
const MAX_WAITING: usize = 256;
/// The widest that a column but the last becomes; a longer cell pushes the rest aside.
const MAX_WIDTH: usize = 44;
/// The narrowest that the last column may be before its text goes on lines of its own.
const MIN_LAST: usize = 28;
/// Between columns.
const GAP: usize = 2;
/// Before text that is on lines of its own.
const INDENT: usize = 4;

/// What a row is to say at a glance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    /// Somebody has to act.
    Alarm,
    /// Somebody has to look.
    Warning,
    /// Nothing special.
    Plain,
    /// Not worth much.
    Faint,
}

impl Tone {
    fn style(self) -> Style {
        // Whether there is colour at all is decided by `Look`.
        let style = Style::new().for_stdout().force_styling(true);
        match self {
            Self::Alarm => style.red().bold(),
            Self::Warning => style.yellow(),
            Self::Plain => style,
            Self::Faint => style.dim(),
        }
    }
}

/// What the reader's device can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Look {
    /// Columns of the terminal; none where nothing is to be wrapped.
    pub(crate) width: Option<usize>,
    /// Whether to use colour.
    pub(crate) colour: bool,
}

impl Look {
    /// Of standard output: wrapped and coloured on a terminal only, and not coloured where
    /// `NO_COLOR` is set or the terminal is dumb.
    pub(crate) fn of_stdout() -> Self {
        let terminal = Term::stdout();
        if !terminal.is_term() {
            return Self {
                width: None,
                colour: false,
            };
        }
        let width = terminal.size_checked().map(|(_, columns)| columns.into());
        Self {
            width,
            colour: console::colors_enabled(),
        }
    }
}

struct Row<const N: usize> {
    cells: [String; N],
    tone: Tone,
}

/// Rows of `N` cells under a head. The last column takes what room there is.
pub(crate) struct Rows<const N: usize> {
    look: Look,
    head: Option<[&'static str; N]>,
    widths: [usize; N],
    toned: usize,
    waiting: Vec<Row<N>>,
}

impl<const N: usize> Rows<N> {
    /// With these column heads; the tone of a row shows in the column `toned`, from 0.
    pub(crate) fn new(head: [&'static str; N], toned: usize, look: Look) -> Self {
        Self {
            look,
            head: Some(head),
            widths: head.map(UnicodeWidthStr::width),
            toned,
            waiting: Vec::new(),
        }
    }

    /// Adds a row, whose text is escaped. True when enough rows wait to be written.
    pub(crate) fn add(&mut self, cells: [String; N], tone: Tone) -> bool {
        let cells = cells.map(|cell| Escaped(&cell).to_string());
        self.waiting.push(Row { cells, tone });
        self.waiting.len() >= MAX_WAITING
    }

    /// Writes the rows that wait. Columns only ever become wider, so rows that are written
    /// apart look alike as soon as the longest cell has come.
    pub(super) fn write(&mut self, to: &mut impl Write) -> io::Result<()> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        for row in &self.waiting {
            for (width, cell) in self.widths.iter_mut().zip(&row.cells) {
                *width = (*width).max(cell.width().min(MAX_WIDTH));
            }
        }
        if let Some(head) = self.head.take() {
            let row = Row {
                cells: head.map(str::to_owned),
                tone: Tone::Plain,
            };
            self.row(to, &row)?;
        }
        for row in std::mem::take(&mut self.waiting) {
            self.row(to, &row)?;
        }
        Ok(())
    }

    fn row(&self, to: &mut impl Write, row: &Row<N>) -> io::Result<()> {
        let mut at = 0;
        for (column, cell) in row.cells.iter().enumerate().take(N - 1) {
            let room = self.widths[column].max(cell.width());
            if self.look.colour && column == self.toned {
                write!(to, "{}", row.tone.style().apply_to(cell))?;
            } else {
                to.write_all(cell.as_bytes())?;
            }
            let padding = room - cell.width() + GAP;
            write!(to, "{:padding$}", "")?;
            at += room + GAP;
        }
        let last = &row.cells[N - 1];
        let Some(width) = self.look.width else {
            return writeln!(to, "{last}");
        };
        let below = width < at + MIN_LAST && at + last.width() > width;
        let indent = if below { INDENT } else { at };
        let lines = textwrap::wrap(last, width.saturating_sub(indent).max(MIN_LAST / 2));
        for (number, line) in lines.iter().enumerate() {
            if number > 0 || below {
                write!(to, "\n{:indent$}", "")?;
            }
            to.write_all(line.as_bytes())?;
        }
        writeln!(to)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(look: Look, parts: &[&[[&str; 3]]]) -> String {
        let mut rows = Rows::new(["rule", "subject", "finding"], 0, look);
        let mut out = Vec::new();
        for part in parts {
            for cells in *part {
                rows.add(cells.map(str::to_owned), Tone::Alarm);
            }
            rows.write(&mut out).unwrap();
        }
        String::from_utf8(out).unwrap()
    }

    const PLAIN: Look = Look {
        width: None,
        colour: false,
    };

    #[test]
    fn columns_are_aligned_and_cells_cannot_break_a_row() {
        assert_eq!(
            written(
                PLAIN,
                &[&[["a", "通报", "x\ny"], ["bbbbb", "1", "\u{1b}[31mred"]]]
            ),
            "rule   subject  finding\n\
             a      通报     x\\ny\n\
             bbbbb  1        \\u{1b}[31mred\n"
        );
    }

    #[test]
    fn later_rows_make_columns_wider_and_the_head_comes_once() {
        assert_eq!(
            written(
                PLAIN,
                &[
                    &[["a", "1", "x"]],
                    &[],
                    &[["b", "12345678", "y"]],
                    &[["c", "1", "z"]]
                ]
            ),
            "rule  subject  finding\n\
             a     1        x\n\
             b     12345678  y\n\
             c     1         z\n"
        );
        assert_eq!(written(PLAIN, &[&[]]), "");
    }

    #[test]
    fn the_last_column_is_wrapped_to_the_terminal() {
        let text = "one two three four five six seven eight nine";
        let look = |width| Look {
            width: Some(width),
            colour: false,
        };
        let wide = written(look(46), &[&[["a", "1", text]]]);
        assert_eq!(
            wide,
            "rule  subject  finding\n\
             a     1        one two three four five six\n\
             \u{20}              seven eight nine\n"
        );
        assert!(wide.lines().all(|line| line.width() <= 46));
        assert_eq!(
            written(look(30), &[&[["a", "1", text]]]),
            "rule  subject  finding\n\
             a     1        \n    one two three four five\n    six seven eight nine\n"
        );
    }

    #[test]
    fn only_the_toned_column_has_colour_and_only_if_asked_for() {
        let look = Look {
            width: None,
            colour: true,
        };
        let text = written(look, &[&[["a", "1", "x"]]]);
        assert!(
            text.contains("\u{1b}[31m\u{1b}[1ma\u{1b}[0m   "),
            "{text:?}"
        );
        assert!(text.ends_with("  1        x\n"), "{text:?}");
        assert!(!written(PLAIN, &[&[["a", "1", "x"]]]).contains('\u{1b}'));
    }

    #[test]
    fn few_rows_wait() {
        let mut rows = Rows::new(["a", "b"], 0, PLAIN);
        let full = (0..MAX_WAITING).map(|_| rows.add(Default::default(), Tone::Plain));
        assert_eq!(full.filter(|full| *full).count(), 1);
    }
}
