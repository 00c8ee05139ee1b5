//! Puts back what an engine has but its workers.

use std::collections::BTreeMap;
use std::sync::Arc;

use palisade_events::{Kind, MAX_SEQ, Source};

use super::RestoreError;
use super::piece::{COUNTERS, EngineImage, Marking, Piece};
use crate::engine::config::MAX_INPUT_SLOT;
use crate::engine::run::Engine;

/// About how many bytes of tables workers are given to be put back at a time.
pub(super) const AT_ONCE: usize = 8 << 20;

/// What was read.
#[derive(Default)]
pub(super) struct Read {
    engine: Option<Box<EngineImage>>,
    markings: Vec<Marking>,
}

impl Read {
    /// Takes a piece, or gives it back if it is for the workers.
    pub(super) fn take(&mut self, bytes: Vec<u8>) -> Result<Option<Vec<u8>>, RestoreError> {
        // The first byte tells: those of workers are read by them alone.
        if matches!(bytes.first(), Some(2 | 3)) {
            return Ok(Some(bytes));
        }
        match postcard::from_bytes(&bytes)? {
            Piece::Engine(_) if self.engine.is_some() => {
                return Err(RestoreError::Engines("the engine twice"));
            }
            Piece::Engine(engine) => self.engine = Some(engine),
            Piece::Markings(markings) => self.markings.extend(markings),
            Piece::Tables(..) | Piece::Timers(..) => {}
        }
        Ok(None)
    }

    /// Looks whether it is what an engine can have saved.
    pub(super) fn check(&self, engine: &Engine) -> Result<(), RestoreError> {
        let cannot = |what| Err(RestoreError::Engines(what));
        let Some(image) = &self.engine else {
            return cannot("no engine");
        };
        if image.findings.len() != engine.findings.counts().len()
            || image.findings.iter().any(|count| *count > MAX_SEQ)
            || !engine.findings.can_hold(&self.markings)
        {
            return cannot("findings");
        }
        if !image.watermark.is_sound() {
            return cannot("the watermark");
        }
        let (mut slots, mut names) = (1u16.., BTreeMap::new());
        for source in &image.sources {
            let name = (&source.tenant, &source.name);
            if slots.next() != Some(source.slot)
                || source.slot > MAX_INPUT_SLOT
                || source.next.is_some_and(|next| next > MAX_SEQ + 1)
                || names.insert(name, ()).is_some()
            {
                return cannot("sources");
            }
        }
        for plugin in &image.plugins {
            let of = |member: &super::super::generation::Member| {
                (&*member.key.pack, &*member.key.name) == (&plugin.pack, &plugin.name)
            };
            if !engine.generation.members().any(of) {
                let title = format!("{}/{}", plugin.pack, plugin.name);
                return Err(RestoreError::Plugin(title));
            }
        }
        Ok(())
    }

    /// Puts back what was checked.
    pub(super) fn install(self, engine: &mut Engine) {
        let Some(image) = self.engine else { return };
        engine.epochs = image.epochs;
        engine.told_datagrams = image.told_datagrams as usize;
        engine.watermark.restore(&image.watermark);
        engine.findings.restore(&image.findings, self.markings);
        for source in image.sources {
            let made = Arc::new(Source {
                slot: source.slot,
                name: source.name,
                tenant: source.tenant,
            });
            if let Some(next) = source.next {
                engine.merge(&made).go_on_at(next);
            }
            engine.know(made);
        }
        for plugin in image.plugins {
            let of = |member: &super::super::generation::Member| {
                (&*member.key.pack, &*member.key.name) == (&plugin.pack, &plugin.name)
            };
            let Some(position) = engine.generation.members().position(of) else {
                continue;
            };
            engine.faults.restore(position, plugin.faults);
            engine.summary.plugins[position].yielded = plugin.yielded;
            if plugin.quarantined {
                engine.set_quarantine(position, true);
            }
        }
        for (name, count) in image.events {
            let kind = Kind::ALL.iter().find(|kind| kind.name() == name);
            if let Some(kind) = kind {
                engine.summary.events.insert(*kind, count);
            }
        }
        for (counter, count) in COUNTERS.iter().zip(image.counters) {
            *counter(&mut engine.summary) = count;
        }
    }
}
