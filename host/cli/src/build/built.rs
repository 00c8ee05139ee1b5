//! What a build came to.

use std::path::PathBuf;

use palisade_store::Digest;

use super::Orphan;

/// A component that is up to date.
#[derive(Debug)]
pub(crate) struct Built {
    /// Where it is.
    pub(crate) path: PathBuf,
    /// Its BLAKE3.
    pub(crate) digest: Digest,
    /// Its bytes.
    pub(crate) size: usize,
    /// Whether it had to be built.
    pub(crate) new: bool,
    /// What the compiler said all the same, such as warnings; nothing where it was not called.
    pub(crate) said: String,
    /// Components beside it that had no project any more, which are gone now.
    pub(crate) removed: Vec<Orphan>,
}

/// The most lines of what a compiler said that are told.
const TOLD_LINES: usize = 200;

impl Built {
    /// Tells what was removed, and what the compiler said of the plugin, if it did.
    pub(crate) fn tell(&self, title: &str) {
        for orphan in &self.removed {
            crate::output::warn(&format!("removed {orphan}"));
        }
        let mut lines = self.said.lines();
        let Some(first) = lines.next() else {
            return;
        };
        crate::output::warn(&format!("{title} is built; its compiler says:"));
        let told = [first].into_iter().chain(lines.by_ref());
        told.take(TOLD_LINES)
            .for_each(|line| crate::output::warn(&format!("    {line}")));
        let more = self.said.lines().count().saturating_sub(TOLD_LINES);
        if more > 0 {
            crate::output::warn(&format!("    … and {more} lines more"));
        }
    }
}
