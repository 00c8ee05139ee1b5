//! A table of HTML, whose cells may take several columns and rows.

use std::collections::BTreeMap;

use super::grid::{Columns, Kind, names_protocol};

/// How often, in one table, cells are moved aside by those above that take several rows. Each cell
/// could be moved past every one of them.
const MAX_MOVES: usize = 1 << 22;

/// A cell that is open.
#[derive(Debug)]
struct Cell {
    text: String,
    head: bool,
    columns: usize,
    rows: usize,
    line: usize,
}

/// A cell of a row above: where it ends, the row that it ends before, and whether it is the
/// protocol's name.
#[derive(Debug, Clone, Copy)]
struct Held {
    to: usize,
    until: usize,
    names: bool,
}

/// What is known of a table while it is read.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// The row, from 1; 0: none has begun.
    row: usize,
    column: usize,
    in_head: bool,
    cell: Option<Cell>,
    /// Whether the cell before is the protocol's name.
    beside: bool,
    heads: Columns,
    held: BTreeMap<usize, Held>,
    moves: usize,
    /// Whether too many cells were moved.
    pub(super) tangled: bool,
}

impl Table {
    /// Begins a row.
    pub(super) fn row(&mut self) {
        self.row = self.row.saturating_add(1);
        self.column = 0;
        self.beside = false;
    }

    /// Begins the head of the table, or another section.
    pub(super) fn section(&mut self, head: bool) {
        self.in_head = head;
    }

    /// Opens a cell that takes so many columns and rows (0: all that follow), on a line of the text.
    pub(super) fn open(&mut self, head: bool, columns: usize, rows: usize, line: usize) {
        self.row = self.row.max(1);
        self.cell = Some(Cell {
            text: String::new(),
            head,
            columns,
            rows,
            line,
        });
    }

    /// The text of the cell that is open.
    pub(super) fn text(&mut self) -> Option<&mut String> {
        self.cell.as_mut().map(|cell| &mut cell.text)
    }

    /// Closes the cell that is open, if any: what it says of the protocol, and on which line.
    pub(super) fn close(&mut self) -> Option<(String, usize)> {
        let cell = self.cell.take()?;
        self.pass_held();
        let (from, to) = (self.column, self.column.saturating_add(cell.columns));
        let kind = match cell.head {
            true if self.row == 1 || self.in_head => Kind::Head,
            true => Kind::RowHead,
            false => Kind::Data,
        };
        let columns = (from, to);
        let said = self.heads.cell(columns, &cell.text, kind, self.beside);
        self.beside = names_protocol(&cell.text);
        self.column = to;
        if cell.rows != 1 {
            let until = match cell.rows {
                0 => usize::MAX,
                rows => self.row.saturating_add(rows),
            };
            let names = self.beside;
            self.held.insert(from, Held { to, until, names });
        }
        Some((said?, cell.line))
    }

    /// Goes past the cells of rows above that reach into this one.
    fn pass_held(&mut self) {
        while let Some((from, held)) = self.held.range(..=self.column).next_back() {
            let (from, held) = (*from, *held);
            if held.until <= self.row {
                self.held.remove(&from);
            } else if held.to > self.column {
                self.column = held.to;
                self.beside = held.names;
            } else {
                return;
            }
            self.moves += 1;
            if self.moves > MAX_MOVES {
                self.tangled = true;
                return;
            }
        }
    }
}
