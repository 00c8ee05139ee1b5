//! A worker's part in saving and putting back.

use palisade_runtime::Capabilities;

use super::piece::{self, Named, Piece};
use super::{RestoreError, Saving};
use crate::capabilities::Shard;
use crate::engine::evaluate::EvaluateWorker;
use crate::engine::route::Placement;
use crate::engine::seat::Seat;

/// What is put back of each plugin, until it is known that all of it is sound.
#[derive(Default)]
pub(in crate::engine) struct Pending(Vec<Option<Box<dyn Capabilities>>>);

fn named(seat: &Seat) -> Named {
    let key = &seat.member.key;
    Named {
        pack: key.pack.to_string(),
        name: key.name.to_string(),
    }
}

/// The shard within capabilities, if they are this pipeline's.
pub(in crate::engine) fn shard(capabilities: &mut dyn Capabilities) -> Option<&mut Shard> {
    let any: &mut dyn std::any::Any = capabilities;
    any.downcast_mut()
}

impl EvaluateWorker {
    /// Begins to save; the timers.
    pub(super) fn begin_image(&mut self) -> Vec<Vec<u8>> {
        let mut pieces = Vec::new();
        for seat in &mut self.seats {
            let plugin = named(seat);
            seat.saving = true;
            if let Some(shard) = seat.shard() {
                pieces.extend(piece::timers(&plugin, shard.begin_walk()));
            }
        }
        pieces
    }

    /// Goes on over so many slots at most.
    pub(super) fn walk(&mut self, most: usize) -> (Vec<Vec<u8>>, Saving) {
        let (mut pieces, mut left) = (Vec::new(), most);
        for seat in self.seats.iter_mut().filter(|seat| seat.saving) {
            let plugin = named(seat);
            let Some((images, done)) = seat.shard().and_then(|shard| shard.walk(&mut left)) else {
                return (Vec::new(), Saving::Lost);
            };
            seat.saving = !done;
            let piece = |image| piece::encode(&Piece::Tables(plugin.clone(), image));
            pieces.extend(images.into_iter().map(piece));
        }
        let goes = self.seats.iter().any(|seat| seat.saving);
        (pieces, if goes { Saving::Goes } else { Saving::Done })
    }

    /// Gives up saving.
    pub(super) fn end_image(&mut self) {
        for seat in &mut self.seats {
            seat.saving = false;
            if let Some(shard) = seat.shard() {
                shard.end_walk();
            }
        }
    }

    /// Reads what is this worker's of these pieces.
    pub(super) fn restore(&mut self, pieces: &[Vec<u8>]) -> Result<(), RestoreError> {
        self.pending.0.resize_with(self.seats.len(), || None);
        for bytes in pieces {
            let (plugin, tables, timers) = match postcard::from_bytes(bytes)? {
                Piece::Tables(plugin, tables) => (plugin, Some(tables), None),
                Piece::Timers(plugin, timers) => (plugin, None, Some(timers)),
                Piece::Engine(_) | Piece::Markings(_) => continue,
            };
            let of = |seat: &Seat| {
                let key = &seat.member.key;
                (&*key.pack, &*key.name) == (&plugin.pack, &plugin.name)
            };
            let title = || format!("{}/{}", plugin.pack, plugin.name);
            let Some(at) = self.seats.iter().position(of) else {
                return Err(RestoreError::Plugin(title()));
            };
            let (worker, workers) = self.share;
            let seat = &self.seats[at];
            let placement = seat.placement;
            if matches!(placement, Placement::One(home) if home % workers as u64 != worker as u64) {
                continue;
            }
            let pending = self.pending.0[at].get_or_insert_with(|| seat.anew());
            let Some(shard) = shard(&mut **pending) else {
                continue;
            };
            let mine = |part: u8| {
                placement != Placement::Partitioned || usize::from(part) % workers == worker
            };
            if let Some(tables) = tables {
                let taken = shard.restore(&tables, mine);
                taken.map_err(|problem| RestoreError::Tables {
                    plugin: title(),
                    problem,
                })?;
            }
            if let Some(timers) = timers {
                let taken = shard.restore_timers(&timers);
                taken.map_err(|problem| RestoreError::Timers {
                    plugin: title(),
                    problem,
                })?;
            }
        }
        Ok(())
    }

    /// All that was read takes effect.
    pub(super) fn install(&mut self) {
        let pending = std::mem::take(&mut self.pending).0;
        for (seat, pending) in self.seats.iter_mut().zip(pending) {
            if let Some(mut pending) = pending {
                if let Some(shard) = shard(&mut *pending) {
                    shard.restored();
                }
                seat.replace(pending);
            }
        }
    }

    /// What was read is forgotten.
    pub(super) fn forget(&mut self) {
        self.pending = Pending::default();
    }
}
