//! What an engine must remember to go on after an epoch: saved while it goes on, put back into
//! another, and exported to be compared.
//!
//! Plugins, tables, tenants and sources have their names in it, so that it means the same whatever
//! position, number or worker they have. Between two epochs everything but tables is saved at once,
//! and a walk over the tables begins (see `palisade_state`), which goes on between later epochs and
//! still saves what there was at first. Flows of captures and sessions of parsers are no part of it:
//! those of recorded flows end with their epoch, and those of captures come to where they were when
//! the packets since they began are taken again; see [`Engine::open_flows`] and
//! [`Engine::rebuild`].

mod export;
mod piece;
mod restore;
mod shard;

use std::sync::Arc;

use palisade_state::image::ImageError;
use palisade_state::timers::TimerError;

use super::config::EngineError;
use super::run::Engine;
use super::workers::WorkerError;
pub(super) use piece::Marking;
use piece::{EngineImage, PluginImage, SourceImage};
pub(super) use shard::{Pending, shard};

/// How many slots of tables a worker walks over between two epochs.
pub const WALKED_AT_ONCE: usize = 4096;

/// How far saving has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Saving {
    /// There is more.
    Goes,
    /// That was all.
    Done,
    /// What was to be saved is gone, because a plugin lost its state to a fault of the host:
    /// what was saved so far is of no use.
    Lost,
}

/// Why what was saved cannot be put back. The engine is as it was before.
#[derive(Debug, thiserror::Error)]
pub enum RestoreError {
    /// The engine cannot go on.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// Bytes are no piece of what an engine saves.
    #[error("a piece of it cannot be read: {0}")]
    Malformed(#[from] postcard::Error),
    /// It cannot be read.
    #[error("{0}")]
    Read(String),
    /// It speaks of a plugin that there is not.
    #[error("it has state of plugin `{0}`, which is not loaded")]
    Plugin(String),
    /// Tables of a plugin cannot hold what it has for them.
    #[error("state of plugin `{plugin}`: {problem}")]
    Tables {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        problem: ImageError,
    },
    /// Timers of a plugin are too many.
    #[error("timers of plugin `{plugin}`: {problem}")]
    Timers {
        /// The plugin.
        plugin: String,
        /// What is wrong.
        problem: TimerError,
    },
    /// What it says of sources, findings or the watermark cannot be.
    #[error("it says of {0} what cannot be")]
    Engines(&'static str),
}

impl Engine {
    /// Begins to save everything as it is after the last epoch, of which everything was
    /// [collected](Self::collect), and returns the first pieces of it. `None`: it was not.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn begin_image(&mut self) -> Result<Option<Vec<Vec<u8>>>, EngineError> {
        if self.epoch.is_some() {
            return Ok(None);
        }
        let mut pieces = vec![piece::encode(&piece::Piece::Engine(Box::new(self.image())))];
        pieces.extend(piece::markings(self.findings.image()));
        let begun = self
            .workers
            .visit(|_, _, evaluate| evaluate.begin_image())?;
        pieces.extend(begun.into_iter().flatten());
        Ok(Some(pieces))
    }

    /// Goes on saving, between two epochs.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn go_on_with_image(&mut self) -> Result<(Vec<Vec<u8>>, Saving), EngineError> {
        let walked = self
            .workers
            .visit(|_, _, evaluate| evaluate.walk(WALKED_AT_ONCE))?;
        let mut saving = Saving::Done;
        let mut pieces = Vec::new();
        for (more, state) in walked {
            pieces.extend(more);
            saving = match (saving, state) {
                (Saving::Lost, _) | (_, Saving::Lost) => Saving::Lost,
                (Saving::Goes, _) | (_, Saving::Goes) => Saving::Goes,
                (Saving::Done, Saving::Done) => Saving::Done,
            };
        }
        if saving == Saving::Lost {
            self.end_image()?;
        }
        Ok((pieces, saving))
    }

    /// Gives up saving.
    ///
    /// # Errors
    /// When the engine cannot go on.
    pub fn end_image(&mut self) -> Result<(), EngineError> {
        self.workers.visit(|_, _, evaluate| evaluate.end_image())?;
        Ok(())
    }

    /// Puts back what was saved, into an engine that has done nothing yet.
    ///
    /// # Errors
    /// When it is no whole image of an engine with these plugins; the engine is as it was then.
    pub fn restore(
        &mut self,
        pieces: impl IntoIterator<Item = Result<Vec<u8>, String>>,
    ) -> Result<(), RestoreError> {
        let read = self.take_pieces(pieces);
        let sound = read.and_then(|read| {
            read.check(self)?;
            Ok(read)
        });
        match sound {
            Ok(read) => {
                self.workers.visit(|_, _, evaluate| evaluate.install())?;
                read.install(self);
                Ok(())
            }
            Err(error) => {
                self.workers.visit(|_, _, evaluate| evaluate.forget())?;
                Err(error)
            }
        }
    }

    fn take_pieces(
        &mut self,
        pieces: impl IntoIterator<Item = Result<Vec<u8>, String>>,
    ) -> Result<restore::Read, RestoreError> {
        let (mut read, mut waiting, mut bytes) = (restore::Read::default(), Vec::new(), 0);
        let mut pieces = pieces.into_iter();
        loop {
            let piece = pieces.next().transpose().map_err(RestoreError::Read)?;
            let ended = piece.is_none();
            if let Some(piece) = piece.map(|piece| read.take(piece)).transpose()?.flatten() {
                bytes += piece.len();
                waiting.push(piece);
            }
            if ended || bytes >= restore::AT_ONCE {
                let taken = Arc::new(std::mem::take(&mut waiting));
                bytes = 0;
                let taken = self
                    .workers
                    .visit(move |_, _, evaluate| evaluate.restore(&taken))?;
                taken.into_iter().collect::<Result<(), RestoreError>>()?;
            }
            if ended {
                return Ok(read);
            }
        }
    }

    /// Everything but markings, tables and timers.
    fn image(&self) -> EngineImage {
        let mut sources: Vec<SourceImage> = self
            .sources()
            .map(|source| SourceImage {
                slot: source.slot,
                name: source.name.clone(),
                tenant: source.tenant.clone(),
                next: self.merges.get(&source.slot).map(|merge| merge.next_seq()),
            })
            .collect();
        sources.sort_by_key(|source| source.slot);
        let members = self
            .generation
            .members()
            .zip(&self.summary.plugins)
            .zip(0..);
        let plugin = |((member, summary), position): (
            (&super::generation::Member, &super::PluginSummary),
            usize,
        )| {
            PluginImage {
                pack: member.key.pack.to_string(),
                name: member.key.name.to_string(),
                faults: self.faults.recent(position),
                quarantined: summary.quarantined,
                yielded: summary.yielded,
            }
        };
        let summary = &self.summary;
        let events = summary.events.iter();
        EngineImage {
            epochs: self.epochs,
            told_datagrams: self.told_datagrams as u64,
            watermark: self.watermark.image(),
            findings: self.findings.counts().to_vec(),
            sources,
            plugins: members.map(plugin).collect(),
            events: events
                .map(|(kind, count)| (kind.name().to_owned(), *count))
                .collect(),
            counters: piece::COUNTERS
                .iter()
                .map(|counter| *counter(&mut summary.clone()))
                .collect(),
        }
    }
}
