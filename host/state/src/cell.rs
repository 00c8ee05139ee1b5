//! What a table holds for one key.

use std::fmt::{self, Debug};
use std::sync::Arc;

use serde::Serialize;

use super::citation::Citation;
use super::distinct::{self, Distinct};
use super::image::{Bytes, CellImage};
use super::series::{self, Series, Weight};
use super::spec::Span;

/// The value of one key. Whatever changes it notes how to undo that.
pub(super) trait Cell: Default + Debug + PartialEq + Send {
    /// One step back.
    type Undo: Debug + Send;

    /// Whether [`settle`](Cell::settle) does anything.
    const SETTLES: bool = false;

    /// The latest time at which the key was seen.
    fn latest(&self) -> u64;

    /// Bytes beyond its own size; the same for equal values, whatever led to them.
    fn heap(&self) -> usize;

    /// Events that the value rests on, oldest first.
    fn citations(&self, span: Span) -> Vec<u64>;

    /// Takes one step back, the last one first.
    fn undo(&mut self, step: Self::Undo);

    /// Reads where the next change will write. Many such reads in a row wait for memory
    /// together, where the changes that follow would wait one by one.
    fn peek(&self) -> u64 {
        0
    }

    /// Gives back space. There is nothing to undo.
    fn settle(&mut self) {}

    /// The value as it is kept.
    fn image(&self) -> CellImage;

    /// What is encoded as [`image`](Cell::image): calls wait for it, so that it had better not be
    /// copied first.
    fn saved(&self) -> impl Serialize + '_ {
        self.image()
    }

    /// The value that was kept; `None`: it is none of this kind.
    fn of_image(image: CellImage, span: Span) -> Option<Self>
    where
        Self: Sized;
}

impl<W: Weight> Cell for Series<W> {
    type Undo = series::Undo<W>;

    fn latest(&self) -> u64 {
        Series::latest(self)
    }

    fn heap(&self) -> usize {
        Series::heap(self)
    }

    fn peek(&self) -> u64 {
        Series::peek(self)
    }

    fn citations(&self, span: Span) -> Vec<u64> {
        Series::citations(self, span)
    }

    fn undo(&mut self, step: Self::Undo) {
        Series::undo(self, step);
    }

    fn image(&self) -> CellImage {
        Series::image(self)
    }

    fn saved(&self) -> impl Serialize + '_ {
        Series::saved(self)
    }

    fn of_image(image: CellImage, span: Span) -> Option<Self> {
        Series::of_image(image, span)
    }
}

impl Cell for Distinct {
    type Undo = distinct::Undo;

    const SETTLES: bool = true;

    fn latest(&self) -> u64 {
        Distinct::latest(self)
    }

    fn heap(&self) -> usize {
        Distinct::heap(self)
    }

    fn citations(&self, span: Span) -> Vec<u64> {
        Distinct::citations(self, span)
    }

    fn undo(&mut self, step: Self::Undo) {
        Distinct::undo(self, step);
    }

    fn settle(&mut self) {
        Distinct::settle(self);
    }

    fn image(&self) -> CellImage {
        Distinct::image(self)
    }

    fn of_image(image: CellImage, span: Span) -> Option<Self> {
        Distinct::of_image(image, span)
    }
}

/// That a key was seen: when last, and the event that put it in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Sighting {
    seen: Option<(u64, u64)>,
}

impl Sighting {
    /// Notes that the key was seen; whether it was not in the table.
    pub(super) fn see(&mut self, span: Span, at: Citation, undo: &mut Vec<Sighting>) -> bool {
        let was = *self;
        let alive = self.seen.filter(|(latest, _)| {
            // A row from before the last sighting finds the key there.
            at.time.saturating_sub(*latest) < span.ttl
        });
        self.seen = match alive {
            Some((latest, event)) => Some((latest.max(at.time), event)),
            None => Some((at.time, at.event)),
        };
        if *self != was {
            undo.push(was);
        }
        alive.is_none()
    }
}

impl Cell for Sighting {
    type Undo = Sighting;

    fn latest(&self) -> u64 {
        self.seen.map_or(0, |(latest, _)| latest)
    }

    fn heap(&self) -> usize {
        0
    }

    fn citations(&self, _: Span) -> Vec<u64> {
        self.seen.map(|(_, event)| event).into_iter().collect()
    }

    fn undo(&mut self, step: Sighting) {
        *self = step;
    }

    fn image(&self) -> CellImage {
        CellImage::Seen(self.seen)
    }

    fn of_image(image: CellImage, _: Span) -> Option<Self> {
        match image {
            CellImage::Seen(seen) => Some(Sighting { seen }),
            _ => None,
        }
    }
}

/// When a value was put.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Put {
    #[default]
    Never,
    /// Since the watermark advanced last.
    Undated,
    /// Before the watermark came to this.
    By(u64),
}

/// Bytes of the plugin's own.
#[derive(Clone, Default, PartialEq, Eq)]
pub(super) struct Stored {
    value: Arc<[u8]>,
    put: Put,
}

impl Debug for Stored {
    /// Without the bytes, which may be many and private.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes, put {:?}", self.value.len(), self.put)
    }
}

impl Stored {
    /// Replaces the value; whether it must be dated later.
    pub(super) fn put(&mut self, value: Vec<u8>, undo: &mut Vec<Stored>) -> bool {
        let new = Stored {
            value: value.into(),
            put: Put::Undated,
        };
        let old = std::mem::replace(self, new);
        let due = old.put != Put::Undated;
        undo.push(old);
        due
    }

    /// The value, unless it is `ttl` old at this watermark.
    pub(super) fn get(&self, span: Span, watermark: u64) -> Option<&Arc<[u8]>> {
        let age = match self.put {
            Put::By(put) => watermark.saturating_sub(put),
            Put::Never | Put::Undated => 0,
        };
        (age < span.ttl).then_some(&self.value)
    }

    /// Whether it waits to be dated.
    pub(super) fn is_undated(&self) -> bool {
        self.put == Put::Undated
    }

    /// Says how far time has come, if it was put since that was said last.
    pub(super) fn date(&mut self, watermark: u64) {
        if self.put == Put::Undated {
            self.put = Put::By(watermark);
        }
    }
}

impl Cell for Stored {
    type Undo = Stored;

    fn latest(&self) -> u64 {
        match self.put {
            Put::By(put) => put,
            Put::Never | Put::Undated => u64::MAX,
        }
    }

    fn heap(&self) -> usize {
        self.value.len()
    }

    fn citations(&self, _: Span) -> Vec<u64> {
        Vec::new()
    }

    fn undo(&mut self, step: Stored) {
        *self = step;
    }

    fn image(&self) -> CellImage {
        CellImage::Stored {
            value: Bytes(self.value.to_vec()),
            put: match self.put {
                Put::By(put) => Some(put),
                Put::Never | Put::Undated => None,
            },
        }
    }

    fn of_image(image: CellImage, _: Span) -> Option<Self> {
        let CellImage::Stored { value, put } = image else {
            return None;
        };
        let put = put.map_or(Put::Undated, Put::By);
        let value = value.0.into();
        Some(Stored { value, put })
    }
}
