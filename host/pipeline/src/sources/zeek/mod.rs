//! Zeek's logs in JSON. What each log becomes is in the `README.md` of `sources`.

mod generic;
mod table;
mod typed;

use std::sync::Arc;

use super::columns::Shared;
use super::counts::Types;
use super::fault::{Fault, Stop};
use super::leaves::Leaves;
use super::sink::EventSink;
use super::text::{Text, record};
use crate::enrich::Networks;

pub(super) use table::is_known;

/// Turns lines of Zeek's logs into events.
#[derive(Debug)]
pub(super) struct Zeek {
    shared: Shared,
    leaves: Leaves,
    /// The log that lines belong to that do not say it.
    path: Option<String>,
    pub(super) types: Types,
}

record! {
    /// Only the log that a line belongs to.
    struct PathOnly<'a> {
        "_path" => path: Text<'a>,
    }
}

impl Zeek {
    pub(super) fn new(path: Option<String>, networks: Option<Arc<Networks>>) -> Self {
        Self {
            shared: Shared::new(networks),
            leaves: Leaves::default(),
            path,
            types: Types::default(),
        }
    }

    /// Puts the event of a line into `to`; one line is one event.
    pub(super) fn read(&mut self, record: &str, to: &mut EventSink) -> Result<(), Stop> {
        let only: PathOnly<'_>;
        let path = match first_path(record) {
            Some(path) => path,
            None => {
                only = serde_json::from_str(record)?;
                // What the line says wins over what the file is called.
                only.path
                    .get()
                    .or(self.path.as_deref())
                    .ok_or(Fault::Missing("_path"))?
            }
        };
        if typed::is_typed(path) {
            typed::read(&mut self.shared, path, record, to)?;
        } else {
            generic::read(&mut self.shared, &mut self.leaves, path, record, to)?;
        }
        self.types.count(path, is_known(path));
        Ok(())
    }

    /// How many values of records found no place among attributes.
    pub(super) fn left_out(&self) -> u64 {
        self.leaves.total_left_out()
    }
}

/// The log's path when the line begins with it, as those of Zeek do.
fn first_path(record: &str) -> Option<&str> {
    let rest = record
        .trim_ascii_start()
        .strip_prefix('{')?
        .trim_ascii_start();
    let rest = rest.strip_prefix("\"_path\"")?.trim_ascii_start();
    let rest = rest
        .strip_prefix(':')?
        .trim_ascii_start()
        .strip_prefix('"')?;
    let (path, _) = rest.split_once('"')?;
    (!path.is_empty() && !path.contains('\\')).then_some(path)
}
