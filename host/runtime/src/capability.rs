//! What the host does for a plugin during a call, seen from the runtime.
//!
//! The runtime checks what a guest hands over (rows, fields, tables) and keeps the books of a
//! call; the pipeline, which owns state, timers and datasets, implements [`Capabilities`].

use std::any::Any;
use std::sync::Arc;

use palisade_events::{AttributeValue, Column};

use crate::{FaultCause, View};

/// A row that matches an entry of a dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    /// Row of the view.
    pub row: u32,
    /// Position of the entry in the dataset.
    pub entry: u32,
}

/// An entry of a dataset as a guest sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct DatasetEntry {
    /// Its kind, such as `ipv4`.
    pub kind: String,
    /// Its canonical value.
    pub value: String,
    /// First instant at which it matches, in nanoseconds since the epoch.
    pub valid_from: Option<u64>,
    /// Last instant at which it matches.
    pub valid_until: Option<u64>,
    /// Everything else, by name.
    pub attributes: Vec<(String, AttributeValue)>,
}

/// How much a log message matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum LogLevel {
    /// For the plugin's author.
    Debug,
    /// For the record.
    Info,
    /// Something to look at.
    Warn,
    /// The plugin could not do its work.
    Error,
}

/// Why a capability refuses a call; it becomes a fault.
pub type Refusal = String;

/// State, timers, datasets and log of one plugin on one shard.
///
/// Everything between [`begin`](Capabilities::begin) and [`commit`](Capabilities::commit) is
/// one call of the guest; [`rollback`](Capabilities::rollback) undoes it instead. Rows are
/// valid rows of the view, tables and datasets are positions in the manifest that exist there
/// (both checked by the runtime). Semantics and limits are those of the WIT documentation.
///
/// A panic in any of these is that plugin's fault: the call is rolled back and its instance
/// thrown away.
///
/// Whoever made them may have them back as what they are by way of [`Any`].
pub trait Capabilities: Any + Send {
    /// A call begins, on behalf of this tenant.
    fn begin(&mut self, tenant: &str);
    /// `configure` begins, for nobody; it is called again whenever an instance is made anew.
    fn begin_configure(&mut self) {
        self.begin("");
    }
    /// It returned; what it wrote takes effect.
    fn commit(&mut self);
    /// It faulted; what it wrote is undone. `false`: a panic came in the middle of a write or of
    /// this, so that it is not known what remains; these capabilities must be replaced.
    fn rollback(&mut self) -> bool;

    /// `state.count`.
    fn count(&mut self, view: &View, table: usize, rows: &[u32]) -> Result<Vec<u64>, Refusal>;
    /// `state.sum`.
    fn sum(
        &mut self,
        view: &View,
        table: usize,
        values: &Column,
        rows: &[u32],
    ) -> Result<Vec<u64>, Refusal>;
    /// `state.distinct`.
    fn distinct(
        &mut self,
        view: &View,
        table: usize,
        values: &Column,
        rows: &[u32],
    ) -> Result<Vec<u64>, Refusal>;
    /// `state.first`.
    fn first(&mut self, view: &View, table: usize, rows: &[u32]) -> Result<Vec<u8>, Refusal>;
    /// `state.citations`; event-refs.
    fn citations(&mut self, view: &View, table: usize, row: u32) -> Result<Vec<u64>, Refusal>;
    /// `state.get`.
    fn get(&mut self, table: usize, key: &str) -> Result<Option<Arc<[u8]>>, Refusal>;
    /// `state.put`.
    fn put(&mut self, table: usize, key: &str, value: Vec<u8>) -> Result<(), Refusal>;
    /// `state.remove`.
    fn remove(&mut self, table: usize, key: &str) -> Result<(), Refusal>;

    /// `timers.set`; due in nanoseconds since the epoch.
    fn set_timer(&mut self, name: &str, key: &str, due: u64) -> Result<(), Refusal>;
    /// `timers.cancel`.
    fn cancel_timer(&mut self, name: &str, key: &str) -> Result<(), Refusal>;

    /// Takes the timers that are due at this watermark, by tenant; each list in order of due
    /// time. Not part of a call.
    fn fire(&mut self, watermark: u64) -> Vec<(String, Vec<crate::Fired>)>;

    /// `datasets.matches`; by row, then by entry.
    fn matches(
        &mut self,
        view: &View,
        dataset: usize,
        values: &Column,
        rows: &[u32],
    ) -> Result<Vec<Hit>, Refusal>;
    /// `datasets.lookup`; positions of entries.
    fn lookup(&mut self, dataset: usize, value: &str) -> Result<Vec<u32>, Refusal>;
    /// `datasets.entries`.
    fn entries(&mut self, dataset: usize, entries: &[u32]) -> Result<Vec<DatasetEntry>, Refusal>;

    /// `log.write`, already within its limits.
    fn log(&mut self, level: LogLevel, message: &str);
    /// The call that was undone last is not tried again: what it logged stands.
    fn keep_log(&mut self) {}
}

/// Refuses everything: for plugins that ask for nothing, and for tests.
#[derive(Debug, Default)]
pub struct NoCapabilities;

/// What is lent to an instance that may use nothing.
pub fn nothing() -> Box<dyn Capabilities> {
    Box::new(NoCapabilities)
}

fn none<T>() -> Result<T, Refusal> {
    Err("no such capability is granted".into())
}

impl Capabilities for NoCapabilities {
    fn begin(&mut self, _: &str) {}
    fn commit(&mut self) {}
    fn rollback(&mut self) -> bool {
        true
    }
    fn count(&mut self, _: &View, _: usize, _: &[u32]) -> Result<Vec<u64>, Refusal> {
        none()
    }
    fn sum(&mut self, _: &View, _: usize, _: &Column, _: &[u32]) -> Result<Vec<u64>, Refusal> {
        none()
    }
    fn distinct(&mut self, _: &View, _: usize, _: &Column, _: &[u32]) -> Result<Vec<u64>, Refusal> {
        none()
    }
    fn first(&mut self, _: &View, _: usize, _: &[u32]) -> Result<Vec<u8>, Refusal> {
        none()
    }
    fn citations(&mut self, _: &View, _: usize, _: u32) -> Result<Vec<u64>, Refusal> {
        none()
    }
    fn get(&mut self, _: usize, _: &str) -> Result<Option<Arc<[u8]>>, Refusal> {
        none()
    }
    fn put(&mut self, _: usize, _: &str, _: Vec<u8>) -> Result<(), Refusal> {
        none()
    }
    fn remove(&mut self, _: usize, _: &str) -> Result<(), Refusal> {
        none()
    }
    fn set_timer(&mut self, _: &str, _: &str, _: u64) -> Result<(), Refusal> {
        none()
    }
    fn cancel_timer(&mut self, _: &str, _: &str) -> Result<(), Refusal> {
        none()
    }
    fn fire(&mut self, _: u64) -> Vec<(String, Vec<crate::Fired>)> {
        Vec::new()
    }
    fn matches(&mut self, _: &View, _: usize, _: &Column, _: &[u32]) -> Result<Vec<Hit>, Refusal> {
        none()
    }
    fn lookup(&mut self, _: usize, _: &str) -> Result<Vec<u32>, Refusal> {
        none()
    }
    fn entries(&mut self, _: usize, _: &[u32]) -> Result<Vec<DatasetEntry>, Refusal> {
        none()
    }
    fn log(&mut self, _: LogLevel, _: &str) {}
}

/// What a capability's refusal is to the caller.
pub(crate) fn refused(function: &'static str) -> impl Fn(Refusal) -> FaultCause {
    move |problem| FaultCause::Capability { function, problem }
}
