//! What a plugin has on one shard, as snapshots keep it.

use palisade_state::image::{ImageError, KeyExport, TablesImage};
use palisade_state::timers::{TimerError, TimersImage};

use super::Shard;

impl Shard {
    /// Begins to save what is there now; the timers, of which there are few.
    pub(crate) fn begin_walk(&mut self) -> TimersImage {
        self.tables.begin_walk();
        self.timers.image()
    }

    /// Goes on with so many slots of tables at most, and takes off of those. What was written since the last time, and
    /// whether that is all; `None`: what was to be saved is gone.
    pub(crate) fn walk(&mut self, left: &mut usize) -> Option<(Vec<TablesImage>, bool)> {
        self.tables.walk(left)
    }

    /// Gives up what was begun.
    pub(crate) fn end_walk(&mut self) {
        self.tables.end_walk();
    }

    /// Puts keys of those parts back that are `mine`; [`restored`](Self::restored) follows.
    ///
    /// # Errors
    /// When tables cannot hold them.
    pub(crate) fn restore(
        &mut self,
        image: &TablesImage,
        mine: impl Fn(u8) -> bool,
    ) -> Result<(), ImageError> {
        self.tables.restore(image, mine)
    }

    /// Sets timers that were saved.
    ///
    /// # Errors
    /// When they are more than may be pending.
    pub(crate) fn restore_timers(&mut self, image: &TimersImage) -> Result<(), TimerError> {
        self.timers.restore(image)
    }

    /// All that was saved is there.
    pub(crate) fn restored(&mut self) {
        self.tables.restored();
    }

    /// Every key, and the timers.
    pub(crate) fn export(&self) -> (Vec<KeyExport>, TimersImage) {
        (self.tables.export(), self.timers.image())
    }
}
