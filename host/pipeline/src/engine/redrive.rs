//! Shows one plugin an event once more that it could not be shown.

use std::sync::Arc;

use palisade_events::{BatchBuilder, BatchError, Event, PushError};
use palisade_runtime::manifest::World;

use super::config::EngineError;
use super::generation::PluginKey;
use super::output::Output;
use super::route::{Placed, Routed};
use super::run::Engine;

/// Why a plugin is not shown an event once more. Nothing was done.
#[derive(Debug, thiserror::Error)]
pub enum RedriveError {
    /// There is no such plugin in the generation.
    #[error("plugin `{0}` is not loaded")]
    Unknown(String),
    /// It is none that is shown events.
    #[error("plugin `{0}` is a parser, which is shown bytes and no events")]
    Parser(String),
    /// A policy's fault was a deny, which stands.
    #[error(
        "plugin `{0}` is a policy: that it could not decide was a deny, and stands; send the \
         request again under another id"
    )]
    Policy(String),
    /// It is in quarantine.
    #[error("plugin `{0}` is in quarantine; release it first")]
    Quarantined(String),
    /// The event is none that can be shown.
    #[error("the event cannot be shown: {0}")]
    Event(#[from] PushError),
    /// The event is none that can be shown.
    #[error("the event cannot be shown: {0}")]
    Batch(#[from] BatchError),
    /// The engine cannot go on.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl Engine {
    /// Shows an event to one plugin alone, as it is: with its source and number, so that what is
    /// found cites the event that it was. What the plugin finds goes to those that build on it.
    /// Whether it was shown: its filter may not let it pass any more. State is that of today, and
    /// the watermark does not move.
    ///
    /// # Errors
    /// When the plugin may not be shown it, or the engine cannot go on.
    pub fn redrive(
        &mut self,
        key: &PluginKey,
        event: &Event,
        out: &mut dyn Output,
    ) -> Result<bool, RedriveError> {
        let title = || format!("{}/{}", key.pack, key.name);
        if self.generation.parsers.iter().any(|m| m.key == *key) {
            return Err(RedriveError::Parser(title()));
        }
        let mut plugins = self.generation.plugins.iter();
        let at = plugins.position(|member| member.key == *key);
        let at = at.ok_or_else(|| RedriveError::Unknown(title()))?;
        if self.generation.plugins[at].plugin.manifest().world == World::Policy {
            return Err(RedriveError::Policy(title()));
        }
        let level = self.levels[at];
        if level == 0 {
            return Err(RedriveError::Quarantined(title()));
        }
        let mut batch = BatchBuilder::new(event.kind(), Arc::clone(&event.envelope.source));
        batch.push_event(event)?;
        let batch = batch.finish()?;
        self.collect(out)?;
        self.findings.note(std::slice::from_ref(&batch));
        // Those above see what it finds, and nobody else of its level sees anything.
        let alone = self.levels.iter().enumerate();
        let alone: Vec<u8> = alone
            .map(|(other, of)| if other == at || *of > level { *of } else { 0 })
            .collect();
        let alone = Arc::from(alone);
        let placed = Placed {
            batch,
            places: None,
        };
        self.epochs += 1;
        let plugins = (&self.generation, &alone);
        let routed = Routed::new(self.epochs, level, plugins, vec![placed], Vec::new());
        let routed = Arc::new(routed);
        let position = self.generation.parsers.len() + at;
        let shown = |engine: &Engine| {
            let cost = &engine.summary.plugins[position].cost;
            cost.events + cost.faults + cost.unevaluated
        };
        let before = shown(self);
        self.workers.evaluate(&routed).map_err(EngineError::from)?;
        let outputs = self.workers.collect().map_err(EngineError::from)?;
        self.say(outputs.unwrap_or_default(), &routed, true, out)?;
        Ok(shown(self) > before)
    }
}
