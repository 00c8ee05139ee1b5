//! Executing again what was executed before, and whether the same comes of it.
//!
//! A [`KeptCall`] holds everything that one call of a plugin depended on: the rows and columns that
//! it was lent, or its timers, and what the host told it. [`replay`] makes a fresh instance of the
//! same component, gives it just that, and compares what it files with what it filed then, byte for
//! byte. What a guest keeps in its own memory from one call to the next is not there: a rule that
//! relies on it is found out.

mod compare;
mod kept;
#[cfg(test)]
mod tests;

use palisade_runtime::{
    ASKED_ELSE, Answers, Capabilities, Effects, Fault, FaultCause, Fired, InstantiateError, Plugin,
    View,
};

pub use compare::Difference;
pub use kept::{KeptCall, KeptEvents, KeptOccasion, KeptPlugin, KeptSaid, MAX_CALL, MAX_LIST};

use crate::engine::Called;

/// Why a call cannot be executed again.
#[derive(Debug, thiserror::Error)]
pub enum ReplayError {
    /// What was kept is none, or is damaged.
    #[error("the evidence cannot be read: {0}")]
    Evidence(String),
    /// What was kept is not for this plugin.
    #[error("the evidence does not fit the component: {0}")]
    Component(String),
    /// The plugin cannot be instantiated.
    #[error(transparent)]
    Instantiate(Box<InstantiateError>),
    /// It used up what it may of fuel or memory.
    #[error("it was not executed to its end: {0}")]
    Bounds(Box<Fault>),
}

/// Executes a call again; what is different from then, nothing if it is the same.
///
/// The plugin must be one that was loaded with the settings of then, best with
/// [fuel alone](palisade_runtime::Mode::Fueled), since there is no telling how long it takes here.
///
/// # Errors
/// When it cannot be executed to its end.
pub fn replay(plugin: &Plugin, call: &KeptCall) -> Result<Vec<Difference>, ReplayError> {
    let wrong = |problem: String| ReplayError::Component(problem);
    if plugin.digest().to_string() != call.plugin.digest {
        return Err(wrong(format!(
            "it is {}, and was {} then",
            plugin.digest(),
            call.plugin.digest
        )));
    }
    let called = call.called()?;
    let manifest = plugin.manifest();
    if let Called::Rows { subscription, view } = &called {
        let declared = manifest.subscriptions.get(*subscription as usize);
        let declared =
            declared.ok_or_else(|| wrong(format!("it has no subscription {subscription}")))?;
        let kind = view.batch().kind();
        if declared.kind != kind {
            return Err(wrong(format!(
                "subscription {subscription} is one to {}, and the events are of {kind}",
                declared.kind
            )));
        }
    }
    let mut capabilities: Box<dyn Capabilities> = Box::new(Answers::of(call.asked.clone()));
    let instance = plugin.instantiate(&mut capabilities);
    let mut instance = instance.map_err(|error| ReplayError::Instantiate(Box::new(error)))?;
    instance.keep_asked(true);
    let mut lent = instance.with(&mut capabilities);
    let ran = match (&*call.export, &called) {
        ("evaluate", Called::Rows { subscription, view }) => {
            lent.evaluate(*subscription, view.clone())
        }
        ("decide", Called::Rows { subscription, view }) if view.len() == 1 => {
            lent.decide(*subscription, view.clone())
        }
        ("on-timer", Called::Timers { tenant, fired }) => lent.on_timer(tenant, fired),
        (export, _) => {
            return Err(ReplayError::Evidence(format!(
                "there is no call `{export}` like this"
            )));
        }
    };
    drop(lent);
    match ran {
        Ok(effects) => compare::compare(plugin, call, &called, &effects),
        Err(fault) => faulted(fault),
    }
}

/// What a fault says that was none then.
fn faulted(fault: Fault) -> Result<Vec<Difference>, ReplayError> {
    match &fault.cause {
        FaultCause::Capability { problem, .. } if problem.starts_with(ASKED_ELSE) => {
            Ok(vec![Difference::asked(problem)])
        }
        FaultCause::Fuel(_)
        | FaultCause::Time(_)
        | FaultCause::Memory { .. }
        | FaultCause::PluginMemory { .. }
        | FaultCause::GuestMemory { .. } => Err(ReplayError::Bounds(Box::new(fault))),
        _ => Ok(vec![Difference {
            what: "the call".to_owned(),
            then: "returned".to_owned(),
            now: fault.to_string(),
        }]),
    }
}
