//! Takes packets once more, so that flows that were open are known again.

use std::collections::{BTreeMap, HashSet};

use palisade_journal::{JournalError, Record as Kept};
use palisade_pipeline::engine::{Engine, EngineError, PluginKey};

use super::stream::{CaptureImage, CaptureStream};
use crate::active::Active;
use crate::composition::Composition;
use crate::record::{EpochRecord, Record, SwapRecord};
use crate::redo::{Known, Redone};
use crate::server::{ServeError, Tell, Told};

/// Has the engine, which is at a snapshot, know the flows that were open then: the packets since
/// they began are taken from the journal, and nothing is evaluated. Flows of which it does not have
/// them all go on after a gap, which is counted and told. `read` reads the journal from a record on, or
/// from its first where that was let go.
///
/// # Errors
/// When the journal cannot be read, or the engine cannot go on.
pub(crate) fn rebuild<R>(
    redone: &mut Redone,
    snapshot: u64,
    tell: &Tell,
    read: impl FnOnce(u64) -> Result<R, JournalError>,
) -> Result<(), ServeError>
where
    R: Iterator<Item = Result<Kept, JournalError>>,
{
    let Redone {
        engine,
        active,
        sources,
        ..
    } = redone;
    let images = sources.iter().zip(0_u32..);
    let images = images.filter_map(|(known, number)| Some((number, known.open.clone()?)));
    let images: BTreeMap<u32, CaptureImage> =
        images.filter(|(_, image)| !image.open.is_empty()).collect();
    let Some(since) = images.values().map(|image| image.since).min() else {
        return Ok(());
    };
    let mut before = Before::of(active);
    for record in read(since)? {
        let record = record?;
        if record.number > snapshot {
            break;
        }
        match postcard::from_bytes(&record.bytes)? {
            Record::Epoch(epoch) => {
                again(engine, sources, &images, (record.number, &epoch))?;
            }
            Record::Swap(swap) => engine.displace(&before.changed(engine, &swap))?,
            Record::Share(share) => {
                let streams = sources
                    .iter_mut()
                    .filter_map(|known| known.capture.as_mut());
                streams.for_each(|stream| stream.share(share));
            }
            _ => {}
        }
    }
    for (number, image) in images {
        let Some(known) = sources.get_mut(number as usize) else {
            continue;
        };
        if let Some(stream) = &mut known.capture {
            stream.share(image.share);
            let lost = keep(engine, stream, &image)?;
            if lost > 0 {
                stream.lost += lost;
                let problem = format!(
                    "{lost} of the {} flows that were open began so long ago that their packets \
                     are not taken again; they go on after a gap (snapshot.capture_bytes says how \
                     far back that goes)",
                    image.open.len()
                );
                let source = known.name.clone();
                tell(Told::Source { source, problem });
            }
        }
    }
    Ok(())
}

/// Takes the packets of a record, if they are of a source of which flows were open.
fn again(
    engine: &mut Engine,
    sources: &mut [Known],
    images: &BTreeMap<u32, CaptureImage>,
    (number, record): (u64, &EpochRecord),
) -> Result<(), ServeError> {
    let Some(rows) = &record.rows else {
        return Ok(());
    };
    let wanted = images.get(&rows.source);
    if wanted.is_none_or(|image| number < image.since) {
        return Ok(());
    }
    let known = sources.get_mut(rows.source as usize);
    if let Some((name, stream)) =
        known.and_then(|known| Some((&known.name, known.capture.as_mut()?)))
    {
        let mut epoch = stream.epoch(record.now).kept_as(number);
        let filled = stream.fill(&mut epoch, &rows.bytes);
        filled.map_err(|error| ServeError::Stream {
            name: name.clone(),
            problem: error.to_string(),
        })?;
        engine.rebuild(epoch)?;
    }
    Ok(())
}

/// Forgets all flows but those that were open; how many of those are not known.
fn keep(
    engine: &mut Engine,
    stream: &mut CaptureStream,
    image: &CaptureImage,
) -> Result<u64, EngineError> {
    let open: HashSet<u64> = image.open.iter().copied().collect();
    let mut epoch = stream.epoch(0);
    stream.retain(&mut epoch, &open);
    engine.rebuild(epoch)?;
    let slot = stream.source.slot;
    let known = engine.open_flows().into_iter();
    let known = known.filter(|flows| flows.source.slot == slot);
    let known: HashSet<u64> = known.flat_map(|flows| flows.ids).collect();
    Ok(open.difference(&known).count() as u64)
}

/// The compositions that ran before the present one.
struct Before(Vec<Composition>);

impl Before {
    fn of(active: &Active) -> Before {
        let mut all = active.before.clone();
        all.push(active.composition.clone());
        Before(all)
    }

    /// The parsers that were another version before a swap; all where nobody knows what they were.
    fn changed(&mut self, engine: &Engine, swap: &SwapRecord) -> Vec<PluginKey> {
        let after = &swap.composition;
        let before = self.0.iter().find(|one| one.digest() == swap.receipt.from);
        let changed = |key: &PluginKey| {
            let of = |all: &Composition| {
                let mut all = all.plugins.iter();
                let found = all.find(|p| *p.pack == *key.pack && *p.name == *key.name);
                found.cloned()
            };
            before.is_none_or(|before| match (of(before), of(after)) {
                (Some(a), Some(b)) => !a.is_same(&b),
                (a, b) => a.is_some() != b.is_some(),
            })
        };
        let changed = engine.parsers().into_iter().filter(changed).collect();
        self.0.push(after.clone());
        changed
    }
}
