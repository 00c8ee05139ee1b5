//! Suricata's EVE JSON. What each event type becomes is in the `README.md` of `sources`.

mod generic;
mod table;
mod typed;

use std::sync::Arc;

use memchr::memmem::Finder;

use super::absent::{absent, names};
use super::columns::Shared;
use super::counts::Types;
use super::fault::{Fault, Stop};
use super::leaves::Leaves;
use super::sink::EventSink;
use super::text::{Text, record};
use crate::enrich::Networks;

/// The names of the addresses of both ends.
const ENDS: [&str; 2] = ["src_ip", "dest_ip"];
/// Names that are like those.
const OTHERS: [&str; 4] = ["src_ip", "dest_ip", "src_port", "dest_port"];

/// Turns records of EVE into events.
#[derive(Debug)]
pub(super) struct Eve {
    shared: Shared,
    leaves: Leaves,
    find_type: Finder<'static>,
    pub(super) types: Types,
}

record! {
    /// Only the type of a record.
    struct TypeOnly<'a> {
        "event_type" => event_type: Text<'a>,
    }
}

impl Eve {
    /// Consults other networks from here on.
    pub(super) fn set_networks(&mut self, networks: Option<Arc<Networks>>) {
        self.shared.set_networks(networks);
    }

    pub(super) fn new(networks: Option<Arc<Networks>>) -> Self {
        Self {
            shared: Shared::new(networks),
            leaves: Leaves::default(),
            find_type: Finder::new(b"\"event_type\""),
            types: Types::default(),
        }
    }

    /// Puts the event of a record into `to`; one record is one event.
    pub(super) fn read(&mut self, record: &str, to: &mut EventSink) -> Result<(), Stop> {
        // The type decides how the record is read. Where the key first occurs it is all
        // but always the record's own; whoever reads the record makes sure.
        let guess = self.guess(record);
        if let Some(guess) = guess
            && self.read_as(guess, record, to)?
        {
            self.types.count(guess, table::is_known(guess));
            return Ok(());
        }
        let only: TypeOnly<'_> = serde_json::from_str(record)?;
        let event_type = only.event_type.get().ok_or(Fault::Missing("event_type"))?;
        if self.read_as(event_type, record, to)? {
            self.types.count(event_type, table::is_known(event_type));
            return Ok(());
        }
        Err(Fault::Missing("event_type").into())
    }

    /// The value that follows the first `"event_type"`, when it is plain text.
    fn guess<'r>(&self, record: &'r str) -> Option<&'r str> {
        let at = self.find_type.find(record.as_bytes())?;
        let rest = record.get(at + self.find_type.needle().len()..)?;
        let rest = rest
            .trim_ascii_start()
            .strip_prefix(':')?
            .trim_ascii_start();
        let (value, _) = rest.strip_prefix('"')?.split_once('"')?;
        (!value.contains('\\')).then_some(value)
    }

    /// Reads a record of that type; false when it is of another.
    fn read_as(
        &mut self,
        event_type: &str,
        record: &str,
        to: &mut EventSink,
    ) -> Result<bool, Stop> {
        let leaves = &mut self.leaves;
        let typed = table::is_typed(event_type);
        self.shared.noting(
            |shared| match typed {
                true => typed::read(shared, event_type, record, to),
                false => generic::read(shared, leaves, event_type, record, to),
            },
            || {
                let names = names(record);
                absent(
                    "field",
                    (&ENDS, &OTHERS),
                    typed,
                    names.iter().map(String::as_str),
                )
            },
        )
    }

    /// How many values of records found no place among attributes.
    pub(super) fn left_out(&self) -> u64 {
        self.leaves.total_left_out()
    }

    /// How many events there were of which an end has no address, and what the first lacked.
    pub(super) fn endless(&self) -> (u64, Option<String>) {
        (self.shared.endless(), self.shared.absent())
    }
}
