//! What operators ask for of trials.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use palisade_pipeline::engine::Clock;
use serde_json::{Value, json};

use super::children::Running;
use super::{TrialReport, TrialRequest};
use crate::composition::Change;
use crate::receipt::Receipt;
use crate::swap::{Asked, SwapError, Swapper};

/// How long a trial over the past may take.
const MOST: Duration = Duration::from_secs(600);
/// The furthest that a trial goes back, in seconds.
pub(crate) const MAX_PAST: u64 = 31 * 24 * 3600;

/// What is tried beside what runs.
#[derive(Default)]
pub(crate) struct Trials {
    shadow: Mutex<Option<Shadow>>,
    /// One over the past at a time.
    past: Mutex<()>,
}

/// A trial from now on.
struct Shadow {
    change: Change,
    changes: Vec<String>,
    by: String,
    /// When it was asked for, in nanoseconds since 1970.
    since: u64,
    running: Running,
}

impl Trials {
    fn shadow(&self) -> std::sync::MutexGuard<'_, Option<Shadow>> {
        self.shadow.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// That nothing is being tried.
    fn is_free(&self) -> Result<(), SwapError> {
        match &*self.shadow() {
            Some(shadow) if !shadow.running.has_ended() => Err(SwapError::at("busy")(
                "another change is being tried; stop or promote it first".to_owned(),
            )),
            _ => Ok(()),
        }
    }

    /// How what is tried beside what runs stands.
    pub(crate) fn status(&self) -> Value {
        let shadow = self.shadow();
        let Some(shadow) = &*shadow else {
            return json!({ "shadow": null });
        };
        let ended = shadow.running.has_ended();
        json!({ "shadow": {
            "changes": shadow.changes,
            "by": shadow.by,
            "since": shadow.since,
            "ended": ended.then(|| shadow.running.wrong()),
            "report": shadow.running.latest(),
        } })
    }
}

impl Swapper {
    /// Verifies and loads a change, and starts a trial of it.
    fn try_out(
        &self,
        change: &Change,
        past: Option<u64>,
    ) -> Result<(Running, Vec<String>), SwapError> {
        let _busy = self.alone()?;
        let (active, stage) = self.shared.now();
        let at = SwapError::at;
        let composition = self
            .loader
            .changed(&active.composition, change, &self.store)
            .map_err(|error| at("verify")(error.to_string()))?;
        if composition.is_same(&active.composition) && change.discard_state.is_empty() {
            let problem = "nothing would change: this is what runs".to_owned();
            return Err(at("verify")(problem));
        }
        let changes = active.composition.changes(&composition);
        // What cannot be swapped in need not be tried.
        let generation = self.loader.load(&composition, &self.store);
        let generation = generation.map_err(|error| at("load")(error.to_string()))?;
        let staged = stage.prepare(generation, &change.discard_state);
        drop(staged.map_err(|error| at("state")(error.to_string()))?);
        let request = TrialRequest {
            composition,
            discard_state: change.discard_state.clone(),
            past_seconds: past,
        };
        let command = self
            .loader
            .trial()
            .map_err(|error| at("trial")(error.to_string()))?;
        let running = Running::start(command, &request).map_err(at("trial"))?;
        Ok((running, changes))
    }

    /// What a change would have found in so many past seconds.
    ///
    /// # Errors
    /// When the change cannot be loaded, the journal does not reach back, or it takes too long.
    pub(crate) fn what_if(&self, change: &Change, seconds: u64) -> Result<TrialReport, SwapError> {
        let at = SwapError::at("trial");
        if seconds == 0 || seconds > MAX_PAST {
            return Err(at(format!("`seconds` must be 1 to {MAX_PAST}")));
        }
        let Ok(_alone) = self.trials.past.try_lock() else {
            return Err(SwapError::at("busy")("another is under way".to_owned()));
        };
        let (running, _) = self.try_out(change, Some(seconds))?;
        running.wait(MOST, &self.stop).map_err(at)
    }

    /// Tries a change from now on, beside what runs.
    ///
    /// # Errors
    /// When it cannot be loaded, or another is being tried.
    pub(crate) fn shadow(&self, change: &Change, asked: &Asked) -> Result<Value, SwapError> {
        self.trials.is_free()?;
        let (running, changes) = self.try_out(change, None)?;
        let begun = Shadow {
            change: change.clone(),
            changes,
            by: asked.by.clone(),
            since: Clock::System.now().unwrap_or_default(),
            running,
        };
        // Somebody else may have been faster.
        self.trials.is_free()?;
        let before = self.trials.shadow().replace(begun);
        drop(before);
        Ok(self.trials.status())
    }

    /// Ends what is tried; how it stood.
    ///
    /// # Errors
    /// When nothing is.
    pub(crate) fn stop_shadow(&self) -> Result<Value, SwapError> {
        let status = self.trials.status();
        // Its process is waited for without the lock, which others need to look.
        let ended = self.trials.shadow().take();
        ended.map(|_| status).ok_or_else(nothing)
    }

    /// Swaps in what is tried, with the state of what runs, and ends the trial.
    ///
    /// # Errors
    /// When nothing is tried, or as for any swap; then the trial goes on.
    pub(crate) fn promote(&self, asked: &Asked) -> Result<Receipt, SwapError> {
        let change = self.trials.shadow().as_ref().map(|s| s.change.clone());
        let receipt = self.swap(&change.ok_or_else(nothing)?, asked)?;
        self.end_trials();
        Ok(receipt)
    }

    /// Ends everything that is tried.
    pub(crate) fn end_trials(&self) {
        let ended = self.trials.shadow().take();
        drop(ended);
    }
}

fn nothing() -> SwapError {
    SwapError::at("trial")("nothing is being tried".to_owned())
}
