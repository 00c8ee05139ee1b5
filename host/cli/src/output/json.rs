//! JSON lines and documents, safe to show.

use std::io::{self, Write};

use palisade_events::json::{write_visible, write_visible_pretty};
use serde::Serialize;

/// Writes `value` on one line, without a line feed.
pub(super) fn bare(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    write_visible(to, value)
}

/// Writes `value` on one line, with the line feed.
pub(super) fn compact(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    write_visible(to, value)?;
    to.write_all(b"\n")
}

/// Writes `value` indented, with the line feed.
pub(super) fn pretty(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    write_visible_pretty(to, value)?;
    to.write_all(b"\n")
}
