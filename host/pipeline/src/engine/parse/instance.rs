//! One instance of a parser, with the sessions that it serves.

use std::sync::Arc;

use palisade_runtime::{Fault, Instance, InstantiateError, Peaks, Plugin, nothing};

use crate::engine::piece::SourceFlow;

/// The most sessions of an instance, so that a trap costs few flows their parser.
pub(crate) const SESSIONS: usize = 64;

/// An instance and its places.
pub(crate) struct ParserInstance {
    plugin: Arc<Plugin>,
    instance: Option<Instance>,
    /// Which flow sits where, and under which session number.
    pub(crate) places: [Option<(SourceFlow, u32)>; SESSIONS],
    pub(crate) live: usize,
    next_session: u32,
    /// Fuel of the instance that is booked.
    booked: u64,
}

impl ParserInstance {
    pub(crate) fn new(plugin: Arc<Plugin>) -> ParserInstance {
        ParserInstance {
            plugin,
            instance: None,
            places: [None; SESSIONS],
            live: 0,
            next_session: 0,
            booked: 0,
        }
    }

    /// Seats a flow. `None`: every place is taken.
    pub(crate) fn seat(&mut self, flow: SourceFlow) -> Option<usize> {
        let place = self.places.iter().position(Option::is_none)?;
        self.places[place] = Some((flow, self.next_session));
        self.next_session = self.next_session.wrapping_add(1);
        self.live += 1;
        Some(place)
    }

    /// Frees a place and returns the session number that sat there.
    pub(crate) fn leave(&mut self, place: usize) -> Option<u32> {
        let (_, session) = self.places[place].take()?;
        self.live -= 1;
        Some(session)
    }

    /// The session number at a place; the place of a flow that is being parsed is taken.
    pub(crate) fn session(&self, place: usize) -> u32 {
        self.places[place].map_or(u32::MAX, |(_, session)| session)
    }

    /// The instance, made when there is none.
    pub(crate) fn get(&mut self) -> Result<&mut Instance, InstantiateError> {
        if self.instance.is_none() {
            self.booked = 0;
            self.instance = Some(self.plugin.instantiate(&mut nothing())?);
        }
        match &mut self.instance {
            Some(instance) => Ok(instance),
            // It was put there a line above.
            None => Err(InstantiateError::Room {
                plugin: self.plugin.manifest().name.clone(),
                problem: "no instance".into(),
            }),
        }
    }

    /// Whether there is an instance.
    pub(crate) fn is_there(&self) -> bool {
        self.instance.is_some()
    }

    /// The most that calls of the instance needed; nothing where there is none.
    pub(crate) fn peaks(&self) -> Peaks {
        self.instance
            .as_ref()
            .map(Instance::peaks)
            .unwrap_or_default()
    }

    /// Fuel that was used since this was asked last; that of a whole call where there is no
    /// instance, which did not come about.
    pub(crate) fn fuel(&mut self) -> u64 {
        let Some(instance) = &self.instance else {
            return self.plugin.limits().fuel;
        };
        let before = std::mem::replace(&mut self.booked, instance.fuel());
        self.booked.saturating_sub(before)
    }

    /// Throws the instance away after a fault. Its sessions keep their places and numbers.
    pub(crate) fn discard(&mut self) {
        self.instance = None;
    }

    /// Gives back the memory of an instance that serves no session. What it remembers of those
    /// that are over counts for nothing.
    pub(crate) fn drop_idle(&mut self) {
        if self.live == 0 {
            self.instance = None;
        }
    }

    /// Tells the instance that sessions are over; a parser that faults in this has lost its
    /// memory of all others too.
    pub(crate) fn close(&mut self, sessions: &[u32]) -> Result<(), Fault> {
        match &mut self.instance {
            Some(instance) if !sessions.is_empty() => instance.close(sessions),
            _ => Ok(()),
        }
    }
}
