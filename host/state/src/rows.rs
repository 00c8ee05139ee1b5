//! Which rows a call is about.

use palisade_events::Batch;

/// Rows of a batch that a call is about.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    /// The batch.
    pub batch: &'a Batch,
    /// The rows of the batch that the plugin sees, in its numbering; `None`: all.
    pub selection: Option<&'a [u32]>,
    /// The rows of the call, in the plugin's numbering.
    pub rows: &'a [u32],
}

impl Rows<'_> {
    /// The row of the batch behind a row of the plugin.
    #[inline]
    pub(super) fn in_batch(&self, row: u32) -> Option<usize> {
        let row = match self.selection {
            None => row,
            Some(rows) => *rows.get(row as usize)?,
        };
        ((row as usize) < self.batch.len()).then_some(row as usize)
    }
}
