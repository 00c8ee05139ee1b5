//! The pieces that an engine is saved in.

use palisade_events::Tlp;
use palisade_state::image::TablesImage;
use palisade_state::timers::TimersImage;
use serde::{Deserialize, Serialize};

use crate::engine::summary::Summary;
use crate::engine::watermark::WatermarkImage;

/// About how many bytes a piece has at most.
const PIECE: usize = 1 << 20;

/// A piece of what is saved.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Piece {
    /// What there is one of.
    Engine(Box<EngineImage>),
    /// Some of the earlier events that findings may cite, in the order in which they came.
    Markings(Vec<Marking>),
    /// Keys of the tables of a plugin on a worker.
    Tables(Named, TablesImage),
    /// Timers of a plugin on a worker.
    Timers(Named, TimersImage),
}

/// A plugin by pack and name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Named {
    pub(super) pack: String,
    pub(super) name: String,
}

/// What findings inherit from an event.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(in crate::engine) struct Marking {
    pub(in crate::engine) event: u64,
    pub(in crate::engine) tlp: Option<Tlp>,
    pub(in crate::engine) labels: Vec<String>,
    pub(in crate::engine) depth: u8,
}

/// A source, and the number of its next event if it has been asked for one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct SourceImage {
    pub(super) slot: u16,
    pub(super) name: String,
    pub(super) tenant: String,
    pub(super) next: Option<u64>,
}

/// What is known of a plugin on no worker in particular.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct PluginImage {
    pub(super) pack: String,
    pub(super) name: String,
    /// Event times of its latest faults.
    pub(super) faults: Vec<u64>,
    pub(super) quarantined: bool,
    pub(super) yielded: u64,
}

/// What there is one of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct EngineImage {
    pub(super) epochs: u64,
    pub(super) told_datagrams: u64,
    pub(super) watermark: WatermarkImage,
    /// How many findings there were, by level from 1.
    pub(super) findings: Vec<u64>,
    pub(super) sources: Vec<SourceImage>,
    pub(super) plugins: Vec<PluginImage>,
    /// Of the summary: events by kind, and [`COUNTERS`].
    pub(super) events: Vec<(String, u64)>,
    pub(super) counters: Vec<u64>,
}

/// Counters of a summary that go on.
pub(super) const COUNTERS: [fn(&mut Summary) -> &mut u64; 7] = [
    |summary| &mut summary.findings,
    |summary| &mut summary.decisions,
    |summary| &mut summary.denied,
    |summary| &mut summary.poison,
    |summary| &mut summary.faults,
    |summary| &mut summary.unevaluated,
    |summary| &mut summary.too_deep,
];

/// A piece as bytes.
pub(super) fn encode(piece: &Piece) -> Vec<u8> {
    // Writing into memory does not fail, and no type here has a length that is not known.
    postcard::to_stdvec(piece).unwrap_or_default()
}

/// Markings, a piece at a time.
pub(super) fn markings(all: impl Iterator<Item = Marking>) -> Vec<Vec<u8>> {
    let size = |marking: &Marking| {
        let labels = marking.labels.iter().map(|label| label.len() + 8);
        32 + labels.sum::<usize>()
    };
    let pieces = cut(all, size);
    let encode = |piece| encode(&Piece::Markings(piece));
    pieces.into_iter().map(encode).collect()
}

/// Timers, a piece at a time; the watermark is in each.
pub(super) fn timers(plugin: &Named, image: TimersImage) -> Vec<Vec<u8>> {
    let all = image.tenants.into_iter().flat_map(|(tenant, timers)| {
        let timers = timers.into_iter();
        timers.map(move |timer| (tenant.clone(), timer))
    });
    let size = |(tenant, (name, key, _)): &(String, (Box<str>, Box<str>, u64))| {
        32 + tenant.len() + name.len() + key.len()
    };
    let mut pieces = Vec::new();
    for piece in cut(all, size) {
        let mut tenants: Vec<(String, Vec<_>)> = Vec::new();
        for (tenant, timer) in piece {
            match tenants.last_mut() {
                Some((last, timers)) if *last == tenant => timers.push(timer),
                _ => tenants.push((tenant, vec![timer])),
            }
        }
        let image = TimersImage {
            watermark: image.watermark,
            tenants,
        };
        pieces.push(encode(&Piece::Timers(plugin.clone(), image)));
    }
    if pieces.is_empty() && image.watermark.is_some() {
        let image = TimersImage {
            watermark: image.watermark,
            tenants: Vec::new(),
        };
        pieces.push(encode(&Piece::Timers(plugin.clone(), image)));
    }
    pieces
}

fn cut<T>(all: impl Iterator<Item = T>, size: impl Fn(&T) -> usize) -> Vec<Vec<T>> {
    let (mut pieces, mut piece, mut bytes) = (Vec::new(), Vec::new(), 0);
    for item in all {
        bytes += size(&item);
        piece.push(item);
        if bytes >= PIECE {
            pieces.push(std::mem::take(&mut piece));
            bytes = 0;
        }
    }
    if !piece.is_empty() {
        pieces.push(piece);
    }
    pieces
}
