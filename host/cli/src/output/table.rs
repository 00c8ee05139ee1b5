//! Tables for a person.

use std::io::{self, Write};

use comfy_table::{Cell, CellAlignment, ContentArrangement, presets};

use super::Escaped;

/// Rows under a header, aligned, two spaces between columns.
pub(crate) struct Table {
    inner: comfy_table::Table,
}

impl Table {
    /// A table with these column heads.
    pub(crate) fn new<const N: usize>(head: [&str; N]) -> Self {
        let mut inner = comfy_table::Table::new();
        inner
            .load_style(presets::NOTHING)
            .set_content_arrangement(ContentArrangement::Disabled)
            .set_header(head);
        for column in inner.column_iter_mut() {
            column.set_padding((0, 2));
        }
        Self { inner }
    }

    /// Aligns a column, counted from 0, to the right.
    pub(crate) fn right(mut self, column: usize) -> Self {
        if let Some(column) = self.inner.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
        self
    }

    /// Adds a row; the text of each cell is escaped.
    pub(crate) fn row<const N: usize>(&mut self, cells: [String; N]) {
        self.inner
            .add_row(cells.map(|cell| Cell::new(Escaped(&cell))));
    }

    /// Whether there are no rows.
    pub(crate) fn is_empty(&self) -> bool {
        self.inner.row_count() == 0
    }

    /// Writes it, or nothing if it has no rows.
    pub(crate) fn write(&self, to: &mut impl Write) -> io::Result<()> {
        if self.is_empty() {
            return Ok(());
        }
        for line in self.inner.lines() {
            writeln!(to, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_aligned_and_cannot_break_the_row() {
        let mut table = Table::new(["name", "size", "what"]).right(1);
        table.row(["a".into(), "7".into(), "x\ny".into()]);
        table.row(["通报".into(), "1234".into(), "\u{1b}[31mred".into()]);
        let mut out = Vec::new();
        table.write(&mut out).unwrap();
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "name  size  what\n\
             a        7  x\\ny\n\
             通报  1234  \\u{1b}[31mred\n"
        );
    }

    #[test]
    fn a_table_without_rows_is_not_written() {
        let mut out = Vec::new();
        Table::new(["a"]).write(&mut out).unwrap();
        assert!(out.is_empty());
    }
}
