//! A source of packets, read alike from the journal and from where it comes.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use palisade_events::Source;
use palisade_pipeline::engine::{Epoch, PacketFeed, Terms};
use serde::{Deserialize, Serialize};

use super::rows::{self, Rows};
use crate::record::FilePlace;

/// How many files that were read are known of a directory, those that are gone not among them.
pub(super) const MAX_FILES: usize = 65_536;

/// The flows of a source.
pub(crate) struct CaptureStream {
    pub(crate) source: Arc<Source>,
    feed: PacketFeed,
    terms: Terms,
    /// The number of the generation in whose terms it is read.
    pub(crate) generation: u64,
    /// How many sources share the memory for flows.
    pub(crate) share: u64,
    /// Flows that went on after a gap since they were not known any more.
    pub(crate) lost: u64,
}

/// A source of packets as it stands after a record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CaptureImage {
    /// How many sources share the memory for flows.
    pub(crate) share: u64,
    /// The ids of flows that are open.
    pub(crate) open: Vec<u64>,
    /// The record of the journal from which on packets are taken again, so that they are known.
    pub(crate) since: u64,
}

/// Bytes are no rows.
#[derive(Debug, thiserror::Error)]
#[error("its packets are damaged")]
pub(crate) struct NoRows;

impl CaptureStream {
    /// No flows yet.
    pub(crate) fn new(
        source: Arc<Source>,
        (generation, terms): (u64, Terms),
        share: u64,
    ) -> CaptureStream {
        CaptureStream {
            feed: terms.packets(Arc::clone(&source), share),
            source,
            terms,
            generation,
            share,
            lost: 0,
        }
    }

    /// Reads on in the terms of another generation.
    pub(crate) fn follow(&mut self, (generation, terms): (u64, Terms)) {
        self.feed.follow(&terms, self.share);
        (self.generation, self.terms) = (generation, terms);
    }

    /// Reads on with another share of memory.
    pub(crate) fn share(&mut self, share: u64) {
        self.share = share;
        self.feed.follow(&self.terms, share);
    }

    /// As it stands, but for its flows.
    pub(crate) fn image(&self) -> CaptureImage {
        CaptureImage {
            share: self.share,
            ..CaptureImage::default()
        }
    }

    /// An empty epoch that is read at this time.
    pub(crate) fn epoch(&self, now: u64) -> Epoch {
        self.terms.epoch(&self.source, Some(now)).whole()
    }

    /// Takes rows into an epoch.
    ///
    /// # Errors
    /// When they are none; nothing is taken then.
    pub(crate) fn fill(&mut self, epoch: &mut Epoch, bytes: &[u8]) -> Result<(), NoRows> {
        if !rows::is_whole(bytes) {
            return Err(NoRows);
        }
        self.feed.fill(epoch, Rows(bytes));
        Ok(())
    }

    /// Ends all flows but these.
    pub(super) fn retain(&mut self, epoch: &mut Epoch, open: &HashSet<u64>) {
        self.feed.retain(epoch, open);
    }

    pub(super) fn feed(&self) -> &PacketFeed {
        &self.feed
    }

    pub(super) fn terms(&self) -> &Terms {
        &self.terms
    }
}

/// Remembers a capture that was read to its end.
pub(crate) fn remember_capture(read: &mut Vec<FilePlace>, place: FilePlace) {
    // What is gone is forgotten when the directory is looked at.
    if read.len() == 2 * MAX_FILES {
        read.remove(0);
    }
    read.push(place);
}

/// Where in the journal the latest packets of a source are.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Bytes of all rows so far.
    total: u64,
    /// Records, with the bytes before them, at distances.
    points: VecDeque<(u64, u64)>,
    /// There was more than is taken again.
    over: bool,
}

/// How many points there are over the bytes that are taken again.
const POINTS: u64 = 64;

impl Marks {
    /// A record has so many bytes of rows, of which at most `most` are taken again.
    pub(crate) fn follow(&mut self, record: u64, bytes: u64, most: u64) {
        let last = self.points.back().map(|(_, at)| *at);
        if last.is_none_or(|last| self.total - last >= most / POINTS) {
            self.points.push_back((record, self.total));
        }
        self.total += bytes;
        // The first point is at that distance or nearer.
        while self
            .points
            .front()
            .is_some_and(|(_, at)| self.total - at > most)
        {
            self.points.pop_front();
            self.over = true;
        }
    }

    /// The first record that may be taken again; `None`: all may.
    pub(crate) fn bound(&self) -> Option<u64> {
        if !self.over {
            return None;
        }
        Some(self.points.front().map_or(u64::MAX, |(record, _)| *record))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_again_has_a_bound_in_bytes() {
        let mut marks = Marks::default();
        (1..=10).for_each(|record| marks.follow(record, 100, 1000));
        assert_eq!(marks.bound(), None);
        marks.follow(11, 100, 1000);
        assert_eq!(marks.bound(), Some(2));
        marks.follow(12, 5000, 1000);
        assert_eq!(marks.bound(), Some(u64::MAX));
        (13..1_000_000).for_each(|record| marks.follow(record, 1, 1000));
        assert!(marks.points.len() <= POINTS as usize + 3);
        assert!(marks.bound().is_some_and(|first| first >= 998_900));
    }

    #[test]
    fn of_captures_that_were_read_131072_are_remembered_until_the_directory_is_looked_at() {
        let place = |inode| FilePlace {
            device: 1,
            inode,
            offset: 0,
            head: (0, 0),
        };
        let mut read: Vec<FilePlace> = (0..2 * MAX_FILES as u64).map(place).collect();
        remember_capture(&mut read, place(1_000_000));
        assert_eq!(read.len(), 2 * MAX_FILES);
        assert_eq!((read[0].inode, read[read.len() - 1].inode), (1, 1_000_000));
    }
}
