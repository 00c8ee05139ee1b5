//! Zeek's logs, in JSON or in columns. What each log becomes is in the `README.md` of `sources`.

mod columns;
mod generic;
mod table;
mod typed;

use std::borrow::Cow;
use std::marker::PhantomData;
use std::sync::Arc;

use serde::Deserialize;
use serde::de::DeserializeSeed;

use super::absent::{absent, names};
use super::columns::Shared;
use super::compact::compact;
use super::counts::Types;
use super::fault::{Fault, Stop};
use super::keys::{Keys, path_of_fields};
use super::leaves::Leaves;
use super::recognise::path_of_name;
use super::recover::Candidate;
use super::sink::EventSink;
use crate::enrich::Networks;
pub(super) use columns::Header;
use columns::Row;

pub(super) use table::is_known;

/// The names of the addresses of both ends.
const ENDS: [&str; 2] = ["id.orig_h", "id.resp_h"];
/// Names that are like those.
const OTHERS: [&str; 4] = ["id.orig_h", "id.resp_h", "id.orig_p", "id.resp_p"];

/// Turns lines of Zeek's logs into events.
#[derive(Debug)]
pub(super) struct Zeek {
    shared: Shared,
    leaves: Leaves,
    /// The log that lines belong to that do not say it, by the name of the input.
    named: Option<String>,
    /// The same, by the fields that the input began with, or a name that is none of Zeek's.
    guessed: Option<String>,
    /// The last header of columns.
    header: Option<Header>,
    pub(super) types: Types,
}

/// A line in either form.
#[derive(Clone, Copy, Debug)]
enum Line<'r> {
    Json(&'r str),
    Columns(Row<'r>),
}

impl<'r> Line<'r> {
    /// How many bytes it takes in the input.
    fn len(self) -> usize {
        match self {
            Self::Json(text) => text.len(),
            Self::Columns(row) => row.line.len(),
        }
    }

    fn read<S: DeserializeSeed<'r>>(self, seed: S) -> Result<S::Value, Fault> {
        match self {
            Self::Json(text) => {
                let mut from = serde_json::Deserializer::from_str(text);
                let value = seed.deserialize(&mut from)?;
                from.end()?;
                Ok(value)
            }
            Self::Columns(row) => row.read(seed),
        }
    }

    fn parse<T: Deserialize<'r>>(self) -> Result<T, Fault> {
        self.read(PhantomData)
    }

    /// The line in JSON, whole and on one line.
    fn original(self) -> Cow<'r, str> {
        match self {
            Self::Json(text) => compact(text),
            Self::Columns(row) => Cow::Owned(row.to_json()),
        }
    }
}

impl Zeek {
    /// Consults other networks from here on.
    pub(super) fn set_networks(&mut self, networks: Option<Arc<Networks>>) {
        self.shared.set_networks(networks);
    }

    /// Reads an input called `name`, whose first record seems to be of the log `guessed`.
    pub(super) fn new(
        name: &str,
        guessed: Option<String>,
        networks: Option<Arc<Networks>>,
    ) -> Self {
        Self {
            shared: Shared::new(networks),
            leaves: Leaves::default(),
            named: path_of_name(name).filter(|path| is_known(path)),
            guessed,
            header: None,
            types: Types::default(),
        }
    }

    /// Puts the event of a line in JSON into `to`; one line is one event.
    pub(super) fn read(
        &mut self,
        Candidate { text, path }: Candidate<'_>,
        to: &mut EventSink,
    ) -> Result<(), Stop> {
        let keys: Keys<'_>;
        let path = match first_path(text) {
            Some(path) => path,
            None => {
                keys = Keys::read(text)?;
                // What the line says wins over what wrapper and file are called, and all of
                // them over what its fields seem to be.
                let said = keys.path().or(path).or(self.named.as_deref());
                said.or_else(|| keys.zeek_log())
                    .or(self.guessed.as_deref())
                    .ok_or(Fault::Missing("_path"))?
            }
        };
        let line = Line::Json(text);
        event(&mut self.shared, &mut self.leaves, path, line, to)?;
        self.types.count(path, is_known(path));
        Ok(())
    }

    /// The log that lines belong to that say nothing of it.
    pub(super) fn guessed(&self) -> Option<&str> {
        self.guessed.as_deref()
    }

    /// The last header of columns.
    pub(super) fn columns(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Goes on below a header of columns; whether it is one.
    pub(super) fn go_on(&mut self, header: Option<Header>) -> bool {
        let sound = header.as_ref().is_none_or(Header::is_sound);
        self.header = header;
        sound
    }

    /// Takes in a line of a header of columns.
    pub(super) fn header(&mut self, line: &str) -> Result<(), Fault> {
        self.header.get_or_insert_default().line(line)
    }

    /// Whether a header of columns came, so that rows may follow.
    pub(super) fn has_header(&self) -> bool {
        self.header.is_some()
    }

    /// Puts the event of a row of columns into `to`.
    pub(super) fn row(&mut self, line: &str, to: &mut EventSink) -> Result<(), Stop> {
        let header = self.header.as_ref().filter(|header| header.is_whole());
        let header = header.ok_or(Fault::NoHeader)?;
        let path = header
            .path()
            .or(self.named.as_deref())
            .or_else(|| path_of_fields(|field| header.has(field)))
            .or(self.guessed.as_deref())
            .ok_or(Fault::Missing("#path"))?;
        let row = Line::Columns(Row { header, line });
        event(&mut self.shared, &mut self.leaves, path, row, to)?;
        self.types.count(path, is_known(path));
        Ok(())
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

fn event(
    shared: &mut Shared,
    leaves: &mut Leaves,
    path: &str,
    line: Line<'_>,
    to: &mut EventSink,
) -> Result<(), Stop> {
    // Files have hosts instead of ends.
    let expected = typed::is_typed(path) && path != "files";
    shared.noting(
        |shared| match typed::is_typed(path) {
            true => typed::read(shared, path, line, to),
            false => generic::read(shared, leaves, path, line, to),
        },
        || match line {
            Line::Json(text) => {
                let names = names(text);
                absent(
                    "field",
                    (&ENDS, &OTHERS),
                    expected,
                    names.iter().map(String::as_str),
                )
            }
            Line::Columns(row) => absent("column", (&ENDS, &OTHERS), expected, row.header.names()),
        },
    )
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
