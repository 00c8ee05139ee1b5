//! A source of packets that is followed.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use palisade_journal::Journal;

use super::directory::Directory;
use super::interface::{Interface, Options};
use super::state::CaptureState;
use crate::active::Shared;
use crate::config::{Config, SourceConfig, SourceKind};
use crate::queue::Queue;
use crate::record::Record;
use crate::redo::Known;
use crate::server::{ServeError, Tell};
use crate::snapshot::SourceImage;

/// Where packets come from.
pub(crate) enum CaptureSource {
    Directory(Box<Directory>),
    Interface(Box<Interface>),
}

/// Whether a source is one of packets.
pub(crate) fn is_capture(source: &SourceConfig) -> bool {
    matches!(source.kind, SourceKind::Captures | SourceKind::Interface)
}

/// How many sources of packets share the memory for flows; where these are others than before, that
/// is a record of the journal, since it may show in what comes out.
///
/// # Errors
/// When the journal cannot be written.
pub(crate) fn share_anew(
    config: &Config,
    sources: &mut [Known],
    before: u64,
    journal: &mut Journal,
) -> Result<u64, ServeError> {
    let share = config.sources.iter().filter(|s| is_capture(s)).count() as u64;
    if share == 0 || share == before {
        return Ok(before);
    }
    journal.append(&postcard::to_stdvec(&Record::Share(share))?)?;
    let streams = sources
        .iter_mut()
        .filter_map(|known| known.capture.as_mut());
    streams.for_each(|stream| stream.share(share));
    Ok(share)
}

impl CaptureSource {
    /// Follows a source from where the journal ends.
    pub(crate) fn new(
        source: &SourceConfig,
        (number, known): (u32, Known),
        shared: &Arc<Shared>,
        (stop, tell): (&Arc<AtomicBool>, &Tell),
    ) -> Option<CaptureSource> {
        let stream = known.capture?;
        let state = Arc::new(CaptureState::new(&source.name, &source.tenant));
        state.drops("lost-flow", stream.lost);
        shared.captures.add(number, Arc::clone(&state));
        let name = source.name.clone();
        let (shared, stop, tell) = (Arc::clone(shared), Arc::clone(stop), Arc::clone(tell));
        Some(match source.kind {
            SourceKind::Interface => CaptureSource::Interface(Box::new(Interface {
                name,
                number,
                options: Options::of(source),
                stream,
                state,
                shared,
                stop,
                tell,
            })),
            _ => CaptureSource::Directory(Box::new(Directory {
                name,
                number,
                path: source.path.clone().unwrap_or_default(),
                separate: source.separate.unwrap_or(false),
                when_done: source.when_done.unwrap_or_default(),
                stream,
                resume: known.resume,
                read: known.read,
                state,
                shared,
                stop,
                tell,
            })),
        })
    }

    /// Position among the sources of the journal.
    pub(crate) fn number(&self) -> u32 {
        match self {
            CaptureSource::Directory(directory) => directory.number,
            CaptureSource::Interface(interface) => interface.number,
        }
    }

    /// As a snapshot has it before anything was read.
    pub(crate) fn image(&self) -> SourceImage {
        let (name, stream) = match self {
            CaptureSource::Directory(directory) => (&directory.name, &directory.stream),
            CaptureSource::Interface(interface) => (&interface.name, &interface.stream),
        };
        SourceImage {
            seen: Default::default(),
            name: name.clone(),
            tenant: stream.source.tenant.clone(),
            resume: None,
            read: Vec::new(),
            stream: crate::stream::StreamImage::default(),
            capture: Some(stream.image()),
        }
    }

    /// Reads until it is to stop, or nobody wants any more; a panic ends this source and no other.
    pub(crate) fn run_contained(self, work: &Queue) {
        match self {
            CaptureSource::Directory(directory) => directory.run_contained(work),
            CaptureSource::Interface(interface) => interface.run_contained(work),
        }
    }
}
